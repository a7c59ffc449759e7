// Boxes of ISO BMFF (ISO/IEC 14496-12): what codecs an initialisation section has, and the writing
// of one and of fragments for Media Source Extensions.

const hex = (n) => n.toString(16).padStart(2, '0');
const text = (bytes, at, n) => String.fromCharCode(...bytes.subarray(at, at + n));

// Offset of a box's contents, wherever it is; -1 if it is not there.
function find(bytes, type) {
	for (let i = 4; i + 4 <= bytes.length; i++)
		if (text(bytes, i, 4) === type) return i + 4;
	return -1;
}

function hevcCodec(b, name) {
	const compatible = [1, 2, 3, 4].reduce((n, i) => (n << 8) | b[i + 1], 0) >>> 0;
	let reversed = 0;

	for (let i = 0; i < 32; i++) reversed = (reversed << 1) | ((compatible >>> i) & 1);
	const constraints = [...b.subarray(6, 12)].map((v) => v.toString(16).toUpperCase());

	while (constraints.at(-1) === '0') constraints.pop();
	return [
		`${name}.${['', 'A', 'B', 'C'][b[1] >> 6]}${b[1] & 31}`,
		(reversed >>> 0).toString(16).toUpperCase(),
		`${b[1] & 32 ? 'H' : 'L'}${b[12]}`,
		...constraints,
	].join('.');
}

const two = (n) => String(n).padStart(2, '0');

/** The codec's name for a MIME type, from its configuration record. */
export const CODEC_OF = {
	avcC: (b) => `avc1.${hex(b[1])}${hex(b[2])}${hex(b[3])}`,
	hvcC: (b) => hevcCodec(b, 'hvc1'),
	av1C: (b) =>
		`av01.${b[1] >> 5}.${two(b[1] & 31)}${b[2] & 128 ? 'H' : 'M'}.${b[2] & 64 ? '10' : '08'}`,
	vpcC: (b) => `vp09.${two(b[4])}.${two(b[5])}.${two(b[6] >> 4)}`,
};

/** `video/mp4; codecs="..."` of an initialisation section. */
export function mimeOf(init) {
	const codecs = [];

	for (const [type, name] of Object.entries(CODEC_OF)) {
		const at = find(init, type);

		if (at >= 0) codecs.push(name(init.subarray(at)));
	}
	if (find(init, 'mp4a') >= 0) codecs.push('mp4a.40.2');
	if (find(init, 'Opus') >= 0) codecs.push('opus');
	return `video/mp4; codecs="${codecs.join(', ')}"`;
}

// ---- writing ----

const u16 = (n) => [(n >> 8) & 255, n & 255];
const u32 = (n) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const zeros = (n) => new Array(n).fill(0);
const ascii = (s) => [...s].map((c) => c.charCodeAt(0));
const MATRIX = [65536, 0, 0, 0, 65536, 0, 0, 0, 0x40000000].flatMap(u32);

/** A box of parts: octets in arrays of whatever sort. */
export function box(type, ...parts) {
	const size = parts.reduce((n, part) => n + part.length, 8);
	const out = new Uint8Array(size);
	let at = 8;

	out.set(u32(size));
	out.set(ascii(type), 4);
	for (const part of parts) {
		out.set(part, at);
		at += part.length;
	}
	return out;
}

const full = (type, version, flags, ...parts) =>
	box(type, u32(((version << 24) | flags) >>> 0), ...parts);

function videoEntry(track) {
	return box(
		track.entry,
		[...zeros(6), ...u16(1), ...zeros(16), ...u16(track.width), ...u16(track.height)],
		[...u32(0x480000), ...u32(0x480000), ...zeros(4), ...u16(1), ...zeros(32)],
		[...u16(24), 255, 255],
		box(track.box, track.config),
	);
}

// ISO/IEC 14496-1 s.7.2.6: the descriptors around an AudioSpecificConfig.
function audioEntry(track) {
	const config = [5, track.config.length, ...track.config];
	const decoder = [4, 13 + config.length, 0x40, 0x15, ...zeros(11), ...config];
	const es = [3, 3 + decoder.length + 3, 0, 1, 0, ...decoder, 6, 1, 2];

	return box(
		'mp4a',
		[...zeros(6), ...u16(1), ...zeros(8), ...u16(track.channels), ...u16(16), ...zeros(4)],
		[...u16(Math.min(track.rate, 65535)), 0, 0],
		full('esds', 0, 0, es),
	);
}

function trak(track) {
	const video = track.kind === 'video';
	const entry = video ? videoEntry(track) : audioEntry(track);
	const empty = (type) => full(type, 0, 0, u32(0));
	const size = video ? [...u32(track.width << 16), ...u32(track.height << 16)] : zeros(8);

	return box(
		'trak',
		full(
			'tkhd',
			0,
			3,
			[...zeros(8), ...u32(track.id), ...zeros(20)],
			[...u16(video ? 0 : 256), 0, 0, ...MATRIX, ...size],
		),
		box(
			'mdia',
			full('mdhd', 0, 0, [...zeros(8), ...u32(1000), ...zeros(4), 0x55, 0xc4, 0, 0]),
			full('hdlr', 0, 0, zeros(4), ascii(video ? 'vide' : 'soun'), zeros(13)),
			box(
				'minf',
				video ? full('vmhd', 0, 1, zeros(8)) : full('smhd', 0, 0, zeros(4)),
				box('dinf', full('dref', 0, 0, u32(1), full('url ', 0, 1))),
				box(
					'stbl',
					full('stsd', 0, 0, u32(1), entry),
					empty('stts'),
					empty('stsc'),
					full('stsz', 0, 0, zeros(8)),
					empty('stco'),
				),
			),
		),
	);
}

/**
 * The initialisation section of tracks: {id, kind, config} and {entry, box, width, height} of video,
 * {rate, channels} of audio. All times are milliseconds.
 */
export function writeInit(tracks) {
	const mvhd = [...zeros(8), ...u32(1000), ...zeros(4), ...u32(65536), 1, 0, ...zeros(10)];
	const trex = (t) => full('trex', 0, 0, [...u32(t.id), ...u32(1), ...zeros(12)]);

	return join([
		box('ftyp', ascii('iso5'), u32(512), ascii('iso5iso6mp41')),
		box(
			'moov',
			full('mvhd', 0, 0, mvhd, MATRIX, zeros(24), u32(255)),
			...tracks.map(trak),
			box('mvex', ...tracks.map(trex)),
		),
	]);
}

function traf(track, samples, offset) {
	const rows = samples.flatMap((s) => [
		...u32(s.duration),
		...u32(s.data.length),
		...u32(s.key ? 0x2000000 : 0x1010000),
		...u32(s.lead),
	]);
	const time = samples[0].time;

	return box(
		'traf',
		full('tfhd', 0, 0x20000, u32(track.id)),
		full('tfdt', 1, 0, [...u32(Math.floor(time / 2 ** 32)), ...u32(time % 2 ** 32)]),
		full('trun', 0, 0xf01, [...u32(samples.length), ...u32(offset)], rows),
	);
}

/** One fragment: [[track, samples]], a sample being {time, lead, duration, key, data}. */
export function writeFragment(number, parts) {
	const moof = (offsets) =>
		box(
			'moof',
			full('mfhd', 0, 0, u32(number)),
			...parts.map(([track, samples], i) => traf(track, samples, offsets[i])),
		);
	const head = moof(parts.map(() => 0)).length + 8;
	const offsets = [];
	let at = head;

	for (const [, samples] of parts) {
		offsets.push(at);
		at += samples.reduce((n, s) => n + s.data.length, 0);
	}
	return join([
		moof(offsets),
		box('mdat', ...parts.flatMap(([, samples]) => samples.map((s) => s.data))),
	]);
}

export function join(parts) {
	const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
	let at = 0;

	for (const part of parts) {
		out.set(part, at);
		at += part.length;
	}
	return out;
}
