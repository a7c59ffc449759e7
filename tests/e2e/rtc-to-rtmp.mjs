// Chromium publishes; ffmpeg reads the stream by RTMP, HTTP-FLV and HLS, over a clean network and
// over one that loses packets: it decodes without a word, sound and picture belong together.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, stateOf } from './lib/browser.mjs';
import { Process, root, scratch, start } from './lib/processes.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Stack, address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const LOSS = 0.05;
const LIVE_MAX_MS = 20000;
const RECORD_S = 5;
const SKEW_MAX_MS = 40;
const FPS = 25;
const FIRST_MAX = 10; // frames after the first that was encoded
const KINDS = ['rtmp', 'flv', 'hls'];
const PLAY_EXTRA_S = 1;

const stack = await Stack.start();
const rtmp = await freePort();

stack.programs.rtc2rtmp = ['--hls-fragment', '1', '--wait', '10'];
await stack.launch('rtc2rtmp');
await start('rtmp2rtc', ['-l', `127.0.0.1:${rtmp}`]);
const proxy = await Proxy.start(address, stack.media_port, LOSS);
const lossyPort = await freePort();

await start(
	'rtc-whip',
	[
		...['-l', String(lossyPort), '-c', `${address}:${proxy.port}`],
		...['--no-detect', '--no-api-candidate'],
	],
	{ name: 'rtc-whip-lossy' },
);
const browser = await Browser.launch({ instrument: false });
const fileOf = (stream, kind) => join(scratch, `${stream}-${kind}.mkv`);

// Comes before the publisher, so it has to knock until there is one.
function record(stream, kind) {
	const url = {
		rtmp: `rtmp://127.0.0.1:${rtmp}/live/${stream}`,
		flv: stack.url(`/live/${stream}.flv`),
		hls: stack.url(`/live/${stream}.m3u8`),
	}[kind];
	const command =
		`until ffmpeg -v error -i '${url}' -t ${RECORD_S} -c copy -y '${fileOf(stream, kind)}'` +
		'; do sleep 0.1; done';

	return new Process('/bin/sh', ['-c', command], {
		ready: false,
		name: `ffmpeg-${stream}-${kind}`,
	});
}

// The number of the first frame that was encoded: what was drawn less what was encoded since.
const firstOf = (page) =>
	page.evaluate(async () => {
		const { card, keeper } = window.rtckit;
		const report = await keeper.session.pc.getStats();
		const out = [...report.values()].find(
			(s) => s.type === 'outbound-rtp' && s.kind === 'video',
		);

		return card.number + 1 - out.framesEncoded;
	});

const pageOf = (stream, query = '') =>
	browser.open(stack.url(`/players/whip.html?source=test&stream=${stream}${query}`));

async function publish(page) {
	await page.evaluate(() => void window.rtckit.start());
	await until('live', LIVE_MAX_MS, async () => (await stateOf(page)) === 'live');
	return { page, first: await firstOf(page) };
}

async function readings(stream) {
	const reader = new Process(
		'/usr/bin/env',
		[
			...['python3', join(root, 'tests/e2e/lib/card.py')],
			...['webrtc', ...KINDS].map((k) => fileOf(stream, k)),
		],
		{ ready: false, name: `card-${stream}` },
	);

	must((await reader.exited) === 0, reader.log());
	return reader.output.trim().split('\n').map(JSON.parse);
}

// As the clocks of the picture and the tone of a busy browser are not quite the same, what a player of
// WebRTC makes of the same seconds is the measure.
function check(kind, got, reference, first) {
	const { numbers } = got;
	const skews = Object.keys(got.skews)
		.filter((n) => n in reference.skews)
		.map((n) => got.skews[n] - reference.skews[n]);
	// Asked for a keyframe, a browser may encode the picture that it has once more.
	const rising = numbers.every((n, i) => n !== null && (i === 0 || n >= numbers[i - 1]));
	const missing = numbers.at(-1) - numbers[0] + 1 - new Set(numbers).size;

	note(`${kind}: ${numbers.length} frames from ${numbers[0]} (first sent ${first}), ${missing} missing, ` +
		`skews ${Object.values(got.skews)} ms, to WebRTC's ${skews} ms`);
	must(got.decodes, `${kind}: decodes without a word`);
	must(numbers.length > ((RECORD_S - 2) * FPS) / 2, `${kind}: enough frames`);
	must(rising, `${kind}: readable and in order`);
	must(skews.length >= RECORD_S - 4, `${kind}: tones`);
	must(
		skews.every((ms) => Math.abs(ms) <= SKEW_MAX_MS),
		`${kind}: sound within ${SKEW_MAX_MS} ms`,
	);
	if (kind !== 'hls') must(numbers[0] <= first + FIRST_MAX, `${kind}: from the beginning`);
	return missing;
}

// Connections that clients have to a port: all of them must wait before somebody publishes.
function connected(port) {
	const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;

	return ['tcp', 'tcp6']
		.flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').split('\n'))
		.map((line) => line.trim().split(/\s+/))
		.filter(([, , remote, state]) => state === '01' && remote.endsWith(end)).length;
}

const recorders = ['clean', 'lossy'].map(
	(stream) =>
		new Process(
			'rtc-play',
			[
				...['-q', '--duration', String(RECORD_S + PLAY_EXTRA_S)],
				...[stack.endpoint('whep', stream), fileOf(stream, 'webrtc')],
			],
			{ ready: false, name: `rtc-play-${stream}` },
		),
);

recorders.push(...['clean', 'lossy'].flatMap((s) => KINDS.map((k) => record(s, k))));

await until(
	'six players wait',
	LIVE_MAX_MS,
	() => connected(stack.port) >= 4 && connected(rtmp) >= 2,
);
const pages = [await pageOf('clean'), await pageOf('lossy', `&port=${lossyPort}`)];

proxy.lossy = true;
const [clean, lossy] = await Promise.all(pages.map(publish));

for (const r of recorders) must((await r.exited) === 0, `${r.name}: ${r.log()}`);

const [ofClean, ofLossy] = await Promise.all([readings('clean'), readings('lossy')]);

await test('over a clean network', () => {
	const [webrtc, ...all] = ofClean;

	KINDS.forEach((kind, i) => check(kind, all[i], webrtc, clean.first));
});

await test(`with ${LOSS * 100} % loss between browser and relay`, () => {
	const [webrtc, ...all] = ofLossy;

	note(`lost ${proxy.lost} of ${proxy.forwarded + proxy.lost} packets`);
	must(proxy.lost > 10, 'packets were lost');
	KINDS.forEach((kind, i) => check(kind, all[i], webrtc, lossy.first));
});

await test('no page had a script error', () => must(browser.errors.length === 0, 'errors'));
await done();
