// Real browsers on a rough network: packets get lost both ways and are sent again; a NAT changes
// the address of a viewer, then of the publisher; the media goes on over the same connection.
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { diagnose } from './lib/diagnosis.mjs';
import { arrival, inbound, selectedRemote, toneSteps } from './lib/figures.mjs';
import { behindProxy } from './lib/proxy.mjs';
import { Stack, address } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const LOSSY_MS = 5000;
const WORST_MS = 2000;
const BACK_MAX_MS = 2000;
const RATIO_MIN = 0.98;
const PLAY_MAX_MS = 15000;
const SIZE_MAX_MS = 45000;
const WIDTH = 640;
const RESUME_MAX_MS = 8000; // what is not back by then is not on its way
const GAP_MAX_MS = 1000; // between two pictures when a port changes,
const REACT_MAX_MS = 500; // or so long after the browser's first packet from there: a viewer that
// has answered all that it was sent is silent until its next report, 0.5 to 1.5 s after the last
const FRAMES = 25;
const MOVES = 4; // by chance one comes to the session's worker, or to the other one
const DEAF_MS = 2500; // over the second after which a publisher is taken for one that gives no keyframe
const RESIZE_MS = 1000;
const SMALL = 100; // octets of a packet: the parameter sets before a keyframe have fewer
const FRAME_MS = 40;

const stack = await Stack.start({ workers: 2 });

const up = await behindProxy(stack, 'whip');
const down = await behindProxy(stack, 'whep');
const sender = await Browser.launch();
const viewers = await Browser.launch();
const publisher = await sender.open(`${stack.whip('rough')}&port=${up.port}`);

await until('publisher live', PLAY_MAX_MS, async () => (await stateOf(publisher)) === 'live');
const viewer = await viewers.open(`${stack.whep('rough')}&port=${down.port}`);

await until('page plays', PLAY_MAX_MS, async () => (await stateOf(viewer)) === 'playing');

// Until the publisher's estimate of its bandwidth has grown, the picture changes its size, each time
// by a keyframe, for which Chromium leaves out what is still missing before it.
const hasItsSize = () =>
	until(
		'the picture has its size',
		SIZE_MAX_MS,
		async () => inbound(await stats(viewer), 'video')?.frameWidth === WIDTH,
	);

await hasItsSize();

async function resumes(what) {
	const began = performance.now();
	const before = await viewer.evaluate(() => window.e2e.seen.length);

	try {
		await until(
			what,
			RESUME_MAX_MS,
			async () => (await viewer.evaluate(() => window.e2e.seen.length)) > before + FRAMES,
		);
	} catch (error) {
		await diagnose({ publisher, viewer }, { up: up.proxy, down: down.proxy });
		throw error;
	}
	note(`${what}: ${FRAMES} frames after ${(performance.now() - began).toFixed(0)} ms`);
}

// A NAT gives everybody behind a proxy another port: how long no picture came.
async function gapWhen(what, proxy) {
	const first = await seenBy(viewer);

	await proxy.rebind();
	const moved_at = performance.now();

	await resumes(what);
	const at = (await dump(viewer)).seen.slice(first - 1).map(([, ms]) => ms);
	const gap_ms = Math.max(...at.slice(1).map((ms, i) => ms - at[i]));

	const silent_ms = proxy.spoke_at - moved_at;

	note(`${what}: no picture for ${gap_ms.toFixed(0)} ms, silent for ${silent_ms.toFixed(0)} ms`);
	must(gap_ms < Math.max(GAP_MAX_MS, silent_ms + REACT_MAX_MS), `the picture goes on, after ${gap_ms} ms`);
}

const seenBy = async (page) => (await page.evaluate(() => window.e2e.seen)).length;

// What of the frames that were encoded since the viewer's frame of that index arrived in order.
async function since(index) {
	const [published, played] = [await dump(publisher), await dump(viewer)];

	return arrival(published, { ...played, seen: played.seen.slice(index) });
}

async function lossFor(ms, loss, burst = 1) {
	for (const { proxy } of [up, down]) Object.assign(proxy, { loss, burst, lossy: true });
	await pause(ms);
	for (const { proxy } of [up, down]) proxy.lossy = false;
}

for (const [what, loss, burst] of [
	['5 %', 0.05, 1],
	['10 %', 0.1, 1],
	['5 % in bursts of five', 0.05, 5],
])
	await test(`${what} of the packets are lost on each side and sent again`, async () => {
		const first = await seenBy(viewer);
		const lost = [up.proxy.lost, down.proxy.lost];

		await lossFor(LOSSY_MS, loss, burst);
		await resumes('after the losses');
		const got = await since(first);

		note(
			JSON.stringify({
				...got,
				missing: got.missing.slice(0, 20),
				lost: [up.proxy.lost - lost[0], down.proxy.lost - lost[1]],
			}),
		);
		must(up.proxy.lost - lost[0] > 10 && down.proxy.lost - lost[1] > 10, 'packets were lost');
		must(got.ratio >= RATIO_MIN, `arrived in order: ${got.ratio}`);
	});

await test('who lost was sent again, and the sound went on', async () => {
	const out = (await stats(publisher)).find(
		(s) => s.type === 'outbound-rtp' && s.kind === 'video',
	);
	const video = inbound(await stats(viewer), 'video');
	const tone = toneSteps(await dump(viewer));

	note(
		JSON.stringify({
			tone,
			sent_again: [
				out.retransmittedPacketsSent,
				video.retransmittedPacketsReceived,
			],
			nacks: [out.nackCount, video.nackCount],
			plis: [out.pliCount, video.pliCount],
		}),
	);
	must(out.retransmittedPacketsSent > 0, 'the publisher was asked and sent again');
	must(video.retransmittedPacketsReceived > 0, 'the viewer asked and was sent again');
	must(tone.follows >= 6, `tone steps: ${tone.steps}`);
});

await test('30 % are lost for two seconds: the picture is back within two more', async () => {
	const before = [up, down].map(({ proxy }) => proxy.lost);

	await lossFor(WORST_MS, 0.3);
	const ended = performance.now();
	const lost = [up, down].map(({ proxy }, i) => proxy.lost - before[i]);

	await resumes('after the worst');
	const back_ms = performance.now() - ended - FRAMES * FRAME_MS;

	note(`back ${back_ms.toFixed(0)} ms after the loss ended, ${lost} lost`);
	must(Math.min(...lost) > 0, 'packets were lost on both sides');
	for (const [page, { proxy }] of [
		[publisher, up],
		[viewer, down],
	]) {
		const remote = selectedRemote(await stats(page));

		must(
			remote?.address === address && remote.port === proxy.port,
			`selected is the proxy: ${remote?.address}:${remote?.port}`,
		);
	}
	must(back_ms < BACK_MAX_MS, 'the picture is back');
});

await test('a NAT gives the viewer another port: the picture goes on', async () => {
	for (let i = 0; i < MOVES; i++) await gapWhen('viewer moved', down.proxy);
});

await test('a NAT gives the publisher another port: the picture goes on', async () => {
	for (let i = 0; i < MOVES; i++) await gapWhen('publisher moved', up.proxy);
	const [published, played] = [await dump(publisher), await dump(viewer)];

	for (const [name, it] of Object.entries({ published, played }))
		must(it.connections === 1, `over the same connection: ${name}: ${JSON.stringify(it.states)}`);
});

// A publisher that gives no keyframe is one whose keyframes come by its own clock: its players on
// other workers have their copies made anew.
await test('the publisher hears nothing for a while: the picture comes back', async () => {
	up.proxy.chosen = (way) => way === 'out';
	await lossFor(DEAF_MS, 0.1);
	up.proxy.chosen = null;
	await resumes('after the silence');
	must(stack.running['rtc-relay'].status === undefined, 'the relay runs');
});

// Chromium shows a keyframe of H264 without the parameter sets before it, if they are lost, by those
// it has, and asks for none: rubbish, for good, if they are of another size.
await test('a picture of another size begins with a lost packet: it is seen all the same', async () => {
	await hasItsSize();
	const report = await stats(viewer);
	const video = inbound(report, 'video');
	const { payloadType } = report.find((s) => s.id === video.codecId);
	let last = null;
	let lost = 0;

	down.proxy.chosen = (way, packet) => {
		if (way !== 'out' || packet[0] >> 6 !== 2 || (packet[1] & 127) !== payloadType)
			return false;
		const ts = packet.readUInt32BE(4);
		const first = ts !== last;

		last = ts;
		if (!first || packet.length > SMALL) return false;
		lost++;
		return true;
	};
	await publisher.evaluate(async () => {
		const senders = window.e2e.pcs.at(-1).getSenders();
		const sender = senders.find(({ track }) => track?.kind === 'video');
		const parameters = sender.getParameters();

		parameters.encodings[0].scaleResolutionDownBy = 2;
		await sender.setParameters(parameters);
	});
	await pause(RESIZE_MS);
	down.proxy.chosen = null;
	await resumes('another size');
	const now = inbound(await stats(viewer), 'video');

	note(`${lost} lost; ${video.frameWidth} points wide, then ${now.frameWidth}`);
	must(lost > 0, 'a packet was lost');
	must(now.keyFramesDecoded > video.keyFramesDecoded, 'a keyframe was shown');
});

await done();
