// Real browsers on a rough network: packets get lost both ways and are sent again; a NAT changes
// the address of a viewer, then of the publisher; the media goes on over the same connection.
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { arrival, inbound, toneSteps } from './lib/figures.mjs';
import { start } from './lib/processes.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Stack, address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const LOSS = 0.03;
const LOSSY_MS = 10000;
const RATIO_MIN = 0.95;
const PLAY_MAX_MS = 15000;
const RESUME_MAX_MS = 8000; // a browser checks its path every 2.5 s, and a check may be late
const FRAMES = 25;

const stack = await Stack.start({ workers: 2 });

// A WHIP or WHEP endpoint whose clients reach the relay only through a proxy of their own.
async function behindProxy(kind) {
	const proxy = await Proxy.start(address, stack.media_port, LOSS);
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

await test('3 % of the packets are lost on each side and sent again', async () => {
	note(`seed ${up.proxy.seed}`);
	up.proxy.lossy = true;
	down.proxy.lossy = true;
	await pause(LOSSY_MS);
	up.proxy.lossy = false;
	down.proxy.lossy = false;
	await resumes('after the losses');
	const [published, played] = [await dump(publisher), await dump(viewer)];
	const got = arrival(published, played);
	const out = (await stats(publisher)).find(
		(s) => s.type === 'outbound-rtp' && s.kind === 'video',
	);
	const video = inbound(await stats(viewer), 'video');
	const tone = toneSteps(played);

	note(
		JSON.stringify({
			...got,
			missing: got.missing.slice(0, 20),
			tone,
			proxies: [up.proxy, down.proxy].map((p) => [p.forwarded, p.lost]),
			sent_again: [
				out.retransmittedPacketsSent,
				video.retransmittedPacketsReceived,
			],
			nacks: [out.nackCount, video.nackCount],
			plis: [out.pliCount, video.pliCount],
		}),
	);
	must(up.proxy.lost > 10 && down.proxy.lost > 10, 'packets were lost');
	must(out.retransmittedPacketsSent > 0, 'the publisher was asked and sent again');
	must(video.retransmittedPacketsReceived > 0, 'the viewer asked and was sent again');
	must(got.ratio > RATIO_MIN, `arrived in order: ${got.ratio}`);
	must(tone.follows >= 6, `tone steps: ${tone.steps}`);
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
