// The measuring instruments of the browser tests, proved on two connections inside one page: what
// is sent is found, and what is taken away is missed.
import { Browser, dump } from './lib/browser.mjs';
import { arrival, audioGaps, toneSteps } from './lib/figures.mjs';
import { serveWww } from './lib/static.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const FRAMES_MIN = 120;
const DROP_EVERY = 10;

const port = await serveWww();
const browser = await Browser.launch();

// A publisher and a player in one page.
async function loopback() {
	const page = await browser.open(`http://localhost:${port}/index.html`);

	await page.evaluate(async () => {
		const { TestCard } = await import('/js/testcard.js');
		const card = new TestCard();
		const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];

		window.rtckit.card = card;
		const gathered = (pc) =>
			new Promise((all) => {
				pc.onicegatheringstatechange = () =>
					pc.iceGatheringState === 'complete' && all();
			});

		to.addEventListener('track', ({ track }) => {
			const element = document.createElement('audio');

			element.muted = true;
			element.srcObject = new MediaStream([track]);
			element.play();
		});
		await card.start();
		for (const track of card.stream.getTracks())
			from.addTransceiver(track, { direction: 'sendonly' });
		await Promise.all([gathered(from), from.setLocalDescription()]);
		await to.setRemoteDescription(from.localDescription);
		await Promise.all([gathered(to), to.setLocalDescription()]);
		await from.setRemoteDescription(to.localDescription);
	});
	await until(
		'frames seen',
		20000,
		async () => (await page.evaluate(() => window.e2e.seen.length)) > FRAMES_MIN,
	);
	const figures = await dump(page);

	await page.close();
	return figures;
}

// On a busy machine a browser may lose frames of its own: that says nothing of the instruments.
async function cleanLoopback() {
	for (let left = 2; ; left--) {
		const it = await loopback();
		const { unknown, ratio } = arrival(it, it);

		if (left === 0 || (unknown === 0 && ratio > 0.98)) return it;
		note(`another loopback: ${unknown} frames without a number, ${ratio} arrived`);
	}
}

const it = await cleanLoopback();

await test('a clean loopback: all encoded frames arrive in order, the tone steps', async () => {
	const got = arrival(it, it);
	const tone = toneSteps(it);

	note(JSON.stringify({ ...got, tone, audio: audioGaps(it) }));
	must(got.unknown === 0, 'every encoded frame has a number');
	must(got.ratio > 0.98, `arrived: ${got.ratio}`);
	must(got.median_ms < 200, `latency: ${got.median_ms}`);
	must(got.timestamps === 1, `timestamps kept: ${got.timestamps}`);
	must(tone.follows >= 3, `tone steps: ${tone.steps}`);
	must(audioGaps(it).gaps === 0, 'audio sequence numbers are continuous');
});

await test('frames that are taken away, or come late, are missed', async () => {
	const whole = arrival(it, it);
	const lossy = { ...it, seen: it.seen.filter((_, i) => i % DROP_EVERY !== 5) };
	const late = {
		...it,
		seen: it.seen.map((f, i) =>
			i % DROP_EVERY === 5
				? (it.seen[i + 1] ?? f)
				: i % DROP_EVERY === 6
					? it.seen[i - 1]
					: f,
		),
	};

	must(arrival(it, lossy).ratio < whole.ratio - 0.8 / DROP_EVERY, 'lost ones are missing');
	must(arrival(it, late).ratio < whole.ratio - 0.8 / DROP_EVERY, 'late ones do not count');
	must(arrival(it, late).repeated > 0, 'late ones are told');
});

must(browser.errors.length === 0, browser.errors.join('\n'));
await done();
