// A browser publishes, two more pages play, through separate programs: every frame that the
// publisher encoded is the denominator. Then our own clients at either end.
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import {
	arrival,
	audioGaps,
	continuity,
	inbound,
	selectedRemote,
	toneSteps,
} from './lib/figures.mjs';
import { Process, logs, sanitized } from './lib/processes.mjs';
import { Stack, address } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const MEASURE_MS = 10000;
const RATIO_MIN = 0.95;
const LATENCY_MEDIAN_MAX_MS = sanitized ? 600 : 200;
const TONE_FOLLOWS_MIN = 6;
const PLAY_MAX_MS = 15000;
const CLIENT_SECONDS = 6;

// Two workers: publisher and players meet across them.
const stack = await Stack.start({ workers: 2 });

async function checkPlayer(name, published, page) {
	const played = await dump(page);
	const report = await stats(page);
	const got = arrival(published, played);
	const tone = toneSteps(played);
	const audio = audioGaps(played);
	const remote = selectedRemote(report);
	const video = inbound(report, 'video');
	const sound = inbound(report, 'audio');

	note(
		`${name}: ${JSON.stringify({
			...got,
			missing: got.missing.slice(0, 20),
			shifted: got.shifted.slice(0, 20),
			tone,
			audio,
			lost: [video.packetsLost, sound.packetsLost],
			decoded: video.framesDecoded,
			size: `${video.frameWidth}x${video.frameHeight}`,
			nacks: video.nackCount,
			remote: `${remote?.address}:${remote?.port}`,
		})}`,
	);
	must(got.encoded > (MEASURE_MS / 1000) * 20, `frames encoded: ${got.encoded}`);
	must(got.unknown === 0, 'every encoded frame has a number');
	must(got.ratio > RATIO_MIN, `arrived in order: ${got.ratio}`);
	must(got.median_ms < LATENCY_MEDIAN_MAX_MS, `latency, median: ${got.median_ms} ms`);
	must(got.timestamps > 0.99, `RTP timestamps are the publisher's: ${JSON.stringify(got.shifted)}`);
	must(tone.follows >= TONE_FOLLOWS_MIN, `tone steps: ${tone.steps}`);
	must(video.packetsLost === 0 && sound.packetsLost === 0, 'packetsLost is 0');
	must(audio.packets > 100 && audio.gaps === 0, `audio gaps: ${audio.gaps}`);
	must(
		remote?.address === address && remote?.port === stack.media_port,
		`selected candidate: ${remote?.address}:${remote?.port}`,
	);
}

await test('Chromium publishes H264 and Opus, two pages play', async () => {
	const sender = await Browser.launch();
	const viewers = await Browser.launch();
	const publisher = await sender.open(stack.whip('one'));

	await until(
		'publisher live',
		PLAY_MAX_MS,
		async () => (await stateOf(publisher)) === 'live',
	);
	const pages = [
		await viewers.open(stack.whep('one')),
		await viewers.open(stack.whep('one')),
	];

	for (const page of pages)
		await until(
			'page plays',
			PLAY_MAX_MS,
			async () => (await stateOf(page)) === 'playing',
		);
	await pause(MEASURE_MS);
	const outbound = await stats(publisher);
	const codecs = outbound.filter((s) => s.type === 'codec').map((s) => s.mimeType);

	must(codecs.includes('video/H264') && codecs.includes('audio/opus'), `codecs: ${codecs}`);
	const published = await dump(publisher);

	for (const [i, page] of pages.entries())
		await checkPlayer(`player ${i + 1}`, published, page);
	must(sender.errors.length + viewers.errors.length === 0, 'no page has script errors');
	await sender.close();
	await viewers.close();
});

await test('rtc-publish to Chromium', async () => {
	const publish = new Process(
		'rtc-publish',
		['--test', '--duration', String(CLIENT_SECONDS * 3), stack.endpoint('whip', 'two')],
		{ ready: false },
	);
	const viewer = await Browser.launch();
	const page = await viewer.open(stack.whep('two'));

	await until('page plays', PLAY_MAX_MS, async () => (await stateOf(page)) === 'playing');
	await pause(CLIENT_SECONDS * 1000);
	const played = await dump(page);
	const got = continuity(played);
	const tone = toneSteps(played);
	const report = await stats(page);

	note(JSON.stringify({ ...got, tone }));
	must(got.span > CLIENT_SECONDS * 15, `frames: ${got.span}`);
	must(got.ratio > RATIO_MIN, `arrived in order: ${got.ratio}`);
	must(tone.follows >= CLIENT_SECONDS - 3, `tone steps: ${tone.steps}`);
	must(inbound(report, 'video').packetsLost === 0, 'packetsLost is 0');
	await viewer.close();
	await publish.stop();
});

await test('Chromium to rtc-play', async () => {
	const sender = await Browser.launch();
	const publisher = await sender.open(stack.whip('three'));

	await until(
		'publisher live',
		PLAY_MAX_MS,
		async () => (await stateOf(publisher)) === 'live',
	);
	const play = new Process(
		'rtc-play',
		[
			'--duration',
			String(CLIENT_SECONDS),
			'--min-fps',
			'20',
			'--max-loss',
			'0',
			'--expect-audio',
			'--expect-card',
			'--json',
			stack.endpoint('whep', 'three'),
		],
		{ ready: false },
	);
	const status = await play.exited;

	note(play.output);
	must(status === 0, `rtc-play says ${status}: ${play.output} ${play.log()}`);
	await sender.close();
});

if (process.env.RTC_E2E_LOGS) note(logs());
await done();
