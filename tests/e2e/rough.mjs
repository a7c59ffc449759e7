// Real browsers on a rough network: packets get lost both ways and are sent again; a NAT changes
// the address of a viewer, then of the publisher; the media goes on over the same connection.
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { arrival, inbound, toneSteps } from './lib/figures.mjs';
import { start } from './lib/processes.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Stack, address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const LOSSY_MS = 5000;
const WORST_MS = 2000;
const BACK_MAX_MS = 2000;
const RATIO_MIN = 0.98;
const PLAY_MAX_MS = 15000;
const RESUME_MAX_MS = 8000; // a browser checks its path every 2.5 s, and a check may be late
const FRAMES = 25;
const FRAME_MS = 40;

const stack = await Stack.start({ workers: 2 });

// A WHIP or WHEP endpoint whose clients reach the relay only through a proxy of their own.
async function behindProxy(kind) {
	const proxy = await Proxy.start(address, stack.media_port);
	const port = await freePort();

	await start(
		`rtc-${kind}`,
		[
			'-l',
			String(port),
			'-c',
			`${address}:${proxy.port}`,
			'--no-detect',
			'--no-api-candidate',
		],
		{ name: `rtc-${kind}-rough` },
	);
	return { proxy, port };
}

const up = await behindProxy('whip');
const down = await behindProxy('whep');
const sender = await Browser.launch();
const viewers = await Browser.launch();
const publisher = await sender.open(`${stack.whip('rough')}&port=${up.port}`);

await until('publisher live', PLAY_MAX_MS, async () => (await stateOf(publisher)) === 'live');
const viewer = await viewers.open(`${stack.whep('rough')}&port=${down.port}`);

await until('page plays', PLAY_MAX_MS, async () => (await stateOf(viewer)) === 'playing');

async function resumes(what) {
	const began = performance.now();
	const before = await viewer.evaluate(() => window.e2e.seen.length);

	await until(
		what,
		RESUME_MAX_MS,
		async () => (await viewer.evaluate(() => window.e2e.seen.length)) > before + FRAMES,
	);
	note(`${what}: ${FRAMES} frames after ${(performance.now() - began).toFixed(0)} ms`);
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
	await lossFor(WORST_MS, 0.3);
	const ended = performance.now();

	await resumes('after the worst');
	const back_ms = performance.now() - ended - FRAMES * FRAME_MS;

	note(`back ${back_ms.toFixed(0)} ms after the loss ended`);
	must(back_ms < BACK_MAX_MS, 'the picture is back');
});

await test('a NAT gives the viewer another port: the picture goes on', async () => {
	await down.proxy.rebind();
	await resumes('viewer moved');
});

await test('a NAT gives the publisher another port: the picture goes on', async () => {
	await up.proxy.rebind();
	await resumes('publisher moved');
	const [published, played] = [await dump(publisher), await dump(viewer)];

	must(published.connections === 1 && played.connections === 1, 'over the same connections');
});

await done();
