// FLV (Adobe's 10.1, and enhanced RTMP's codecs) as it arrives, to samples for MP4.
import { join } from './mp4.js';

const TAG_MAX = 16 << 20;
const AUDIO = 8;
const VIDEO = 9;
const SCRIPT = 18;
const RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000];
const ENHANCED = {
	hvc1: { entry: 'hvc1', box: 'hvcC', timed: true },
	av01: { entry: 'av01', box: 'av1C', timed: false },
	vp09: { entry: 'vp09', box: 'vpcC', timed: false },
	avc1: { entry: 'avc1', box: 'avcC', timed: true },
};

const be24 = (b, at) => (b[at] << 16) | (b[at + 1] << 8) | b[at + 2];
const signed24 = (n) => (n & 0x800000 ? n - 0x1000000 : n);

/** The number of a property of onMetaData; 0 if it is not there. */
function property(script, name) {
	const key = [0, name.length, ...[...name].map((c) => c.charCodeAt(0)), 0];
	const at = script.findIndex((_, i) => key.every((v, k) => script[i + k] === v));

	if (at < 0 || at + key.length + 8 > script.length) return 0;
	return new DataView(script.buffer, script.byteOffset + at + key.length).getFloat64(0);
}

/**
 * push(octets) for what arrives. Calls config(kind, track) for each configuration, sample(kind, {time,
 * lead, key, data}) for each unit; throws if it is no FLV.
 */
export class FlvReader {
	constructor({ config, sample }) {
		Object.assign(this, { config, sample });
		this.rest = new Uint8Array(0);
		this.begun = false;
		this.size = { width: 0, height: 0 };
		this.codec = ENHANCED.avc1;
		this.has = { video: true, audio: true };
	}

	push(octets) {
		this.rest = this.rest.length > 0 ? join([this.rest, octets]) : octets;
		if (!this.begun) this.readHeader();
		while (this.begun && this.rest.length >= 11) {
			const size = be24(this.rest, 1);

			if (size > TAG_MAX) throw new Error('this is not FLV');
			if (this.rest.length < size + 15) return;
			this.readTag(this.rest.subarray(0, 11), this.rest.subarray(11, 11 + size));
			this.rest = this.rest.subarray(size + 15);
		}
	}

	readHeader() {
		if (this.rest.length < 13) return;
		if (this.rest[0] !== 0x46 || this.rest[1] !== 0x4c || this.rest[2] !== 0x56)
			throw new Error('this is not FLV');
		this.has = { video: (this.rest[4] & 1) > 0, audio: (this.rest[4] & 4) > 0 };
		this.rest = this.rest.subarray(13);
		this.begun = true;
	}

	readTag(head, body) {
		const time = be24(head, 4) + head[7] * 2 ** 24;

		if (head[0] === VIDEO && body.length > 4) this.readVideo(time, body);
		else if (head[0] === AUDIO && body.length > 1) this.readAudio(time, body);
		else if (head[0] === SCRIPT)
			this.size = {
				width: property(body, 'width'),
				height: property(body, 'height'),
			};
	}

	readVideo(time, body) {
		const key = ((body[0] >> 4) & 7) === 1;
		let type = body[1];
		let at = 5;
		let lead = signed24(be24(body, 2));

		if (body[0] & 0x80) {
			type = body[0] & 15;
			this.codec = ENHANCED[String.fromCharCode(...body.subarray(1, 5))];
			lead = type === 1 && this.codec?.timed ? signed24(be24(body, 5)) : 0;
			if (type === 1 && this.codec?.timed) at = 8;
		} else if ((body[0] & 15) === 7) {
			this.codec = ENHANCED.avc1;
		} else {
			this.codec = null;
		}
		if (!this.codec) throw new Error('a codec of pictures that this page does not know');
		const data = body.slice(at);
		// In MP4 a version and flags come before this record.
		const before = this.codec.box === 'vpcC' && type === 0 ? [1, 0, 0, 0] : [];

		if (type === 0)
			this.config('video', {
				kind: 'video',
				entry: this.codec.entry,
				box: this.codec.box,
				config: join([before, data]),
				width: this.size.width || 1280,
				height: this.size.height || 720,
			});
		else if ((type === 1 || type === 3) && data.length > 0)
			this.sample('video', { time, lead: Math.max(0, lead), key, data });
	}

	readAudio(time, body) {
		if (body[0] >> 4 !== 10) return; // sound of another sort than AAC is left out
		const data = body.slice(2);

		if (body[1] === 0)
			this.config('audio', {
				kind: 'audio',
				config: data,
				rate: RATES[((data[0] & 7) << 1) | (data[1] >> 7)] || 44100,
				channels: (data[1] >> 3) & 15 || 2,
			});
		else if (data.length > 0)
			this.sample('audio', { time, lead: 0, key: true, data });
	}
}
