// Every client that publishes times every client that plays: with a codec in common more than 95 %
// of the encoded pictures are decoded; without one the player is told both sides' codecs.
// RTC_MATRIX=long: pictures of full size, one publisher at a time (tests/long/matrix.t).
import { Ordered, Ours, chromium, firefoxEsr } from './lib/clients.mjs';
import { Stack, address } from './lib/stack.mjs';
import { done, note, ok } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const LONG = process.env.RTC_MATRIX === 'long';
const WINDOW_MS = LONG ? 10000 : 4000;
const WINDOWS_MAX = 3;
const RATIO_MIN = 0.95;
const START_MAX_MS = 20000;
const WAVE = LONG ? 1 : 7; // publishers at a time: two cores encode them all
const PICTURE = LONG
	? { width: 1280, height: 720, fps: 25, bps: 1500000 }
	: { width: 320, height: 240, fps: 15, bps: 300000 };

const stack = await Stack.start();
const lib = 'tests/e2e/lib';
const home = stack.url('/index.html');
const clients = {
	chromium: await chromium(home),
	firefox: await firefoxEsr(home),
	gstreamer: new Ordered(`${lib}/client_gst.py`),
	aiortc: new Ordered(`${lib}/client_aiortc.py`),
	werift: new Ordered('node', `${lib}/client_werift.mjs`, `stun:${address}:${stack.media_port}`),
	rtckit: new Ours(),
};
const publishes = {
	chromium: ['H264', 'VP8', 'VP9', 'AV1'],
	firefox: ['VP8', 'VP9', 'AV1'],
	gstreamer: ['H264', 'VP8', 'VP9', 'H265'],
	aiortc: ['H264', 'VP8'],
	werift: ['H264', 'VP8'],
	rtckit: ['H264', 'VP8', 'VP9', 'AV1', 'H265'],
};
const plays = {
	chromium: ['H264', 'VP8', 'VP9', 'AV1'],
	firefox: ['VP8', 'VP9', 'AV1'],
	gstreamer: ['H264', 'VP8', 'VP9', 'H265'],
	aiortc: ['H264', 'VP8'],
	werift: ['H264', 'VP8'],
	rtckit: ['H264', 'VP8', 'VP9', 'AV1', 'H265'],
};

const only = new RegExp(process.env.RTC_MATRIX_ONLY || '');
const sources = Object.entries(publishes)
	.flatMap(([client, codecs]) =>
		codecs.map((codec) => ({ client, codec, id: `${client}-${codec}` })),
	)
	.filter(({ id }) => only.test(id));

/** Of all clients: {id: {frames, error}}. */
async function counts() {
	const all = await Promise.all(Object.values(clients).map((client) => client.counts()));

	return Object.assign({}, ...all);
}

// Waits until all of ids have counted so many pictures, or failed.
async function moving(ids, frames) {
	await until(`${ids.length} that move`, START_MAX_MS, async () => {
		const now = await counts();

		return ids.every((id) => now[id]?.error || now[id]?.frames >= frames);
	}).catch((error) => note(error.message));
	return counts();
}

// The ratios of the pairs over a window; those of rtc-play come with its report.
async function measure(pairs) {
	const ours = pairs.filter((pair) => pair.player === 'rtckit');
	const before = await counts();
	const reports = ours.map((pair) =>
		clients.rtckit.playFor(pair.id, stack.endpoint('whep', pair.source.id), WINDOW_MS / 1000),
	);

	await pause(WINDOW_MS);
	const after = await counts();
	// By each client's own clock: they do not answer at the same moment.
	const fps = (id) => {
		const [a, b] = [before[id], after[id]];

		return a && b && b.at > a.at ? ((b.frames - a.frames) * 1000) / (b.at - a.at) : 0;
	};

	for (const pair of pairs) {
		pair.fps = fps(pair.source.id);
		if (pair.player !== 'rtckit') pair.ratio = pair.fps > 0 ? fps(pair.id) / pair.fps : 0;
	}
	for (const [i, report] of (await Promise.all(reports)).entries())
		ours[i].ratio = (report.video?.fps ?? 0) / ours[i].fps;
}

function pairsOf(source) {
	return Object.entries(plays).map(([player, codecs]) => ({
		source,
		player,
		id: `${player}-of-${source.id}`,
		common: codecs.includes(source.codec),
	}));
}

const table = new Map();

function judge(pair, error) {
	const name = `${pair.source.id} to ${pair.player}`;
	let cell;

	if (pair.common) {
		cell = `${(100 * Math.min(1, pair.ratio ?? 0)).toFixed(1)} %`;
		ok(pair.ratio >= RATIO_MIN, `${name}: ${cell} at ${(pair.fps ?? 0).toFixed(1)} fps`, error);
	} else {
		const told = new RegExp(`publisher sends [^;]*${pair.source.codec}.*player takes \\w`).test(
			error,
		);

		cell = told ? 'told' : 'NOT TOLD';
		ok(told, `${name}: no codec in common, and told so`, error || 'no error');
	}
	table.set(pair.id, cell);
}

async function wave(list) {
	for (const { client, id, codec } of list)
		await clients[client].publish(id, stack.endpoint('whip', id), codec, PICTURE);
	const published = await moving(list.map((s) => s.id), 5);
	const pairs = list.flatMap(pairsOf);

	for (const { id } of list) if (published[id]?.error) note(`${id}: ${published[id].error}`);
	for (const { player, id, source } of pairs)
		if (player !== 'rtckit') await clients[player].play(id, stack.endpoint('whep', source.id));
	const errors = await moving(
		pairs.filter((p) => p.player !== 'rtckit').map((p) => p.id),
		1,
	);
	let due = pairs.filter((pair) => pair.common);

	for (let i = 0; i < WINDOWS_MAX && due.length > 0; i++) {
		await measure(due);
		due = due.filter((pair) => !(pair.ratio >= RATIO_MIN));
	}
	for (const pair of pairs) {
		let error = errors[pair.id]?.error ?? '';

		if (pair.player === 'rtckit' && !pair.common) {
			const report = await clients.rtckit.playFor(
				pair.id,
				stack.endpoint('whep', pair.source.id),
				1,
			);

			error = JSON.stringify(report);
		}
		judge(pair, error);
	}
	for (const { player, id } of pairs) if (player !== 'rtckit') await clients[player].stop(id);
	for (const { client, id } of list) await clients[client].stop(id);
}

function printTable() {
	const width = Math.max(...sources.map((s) => s.id.length));

	note(`${''.padEnd(width)} ${Object.keys(plays).map((p) => p.padStart(10)).join(' ')}`);
	for (const { id } of sources) {
		const cells = Object.keys(plays).map((p) => (table.get(`${p}-of-${id}`) ?? '').padStart(10));

		note(`${id.padEnd(width)} ${cells.join(' ')}`);
	}
}

for (let i = 0; i < sources.length; i += WAVE) {
	const began = performance.now();

	await wave(sources.slice(i, i + WAVE));
	note(`${((performance.now() - began) / 1000).toFixed(1)} s`);
}
printTable();
await done();
