// ffmpeg publishes by RTMP (H264 with a GOP of 2 s, AAC of 44.1 kHz), Chromium watches by WHEP: all
// frames, the tone, sound and picture together; who joins in the middle of a GOP sees a picture
// soon and sees what the others see. Then AV1, VP9 and H265. RTMP_SECONDS is after how long sound
// and picture are compared.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Browser } from './lib/browser.mjs';
import { median } from './lib/figures.mjs';
import { mustKeepUp, prepare, watchJoins } from './lib/joins.mjs';
import { Process, root, scratch, start } from './lib/processes.mjs';
import { Stack, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';

const SECONDS = Number(process.env.RTMP_SECONDS || 20);
const WINDOW_S = 6; // and for so long: the median of its flashes counts
const WATCH_S = SECONDS + WINDOW_S;
const JOINS = 20;
const FPS = 25;
const SKEW_MAX_MS = 40;
const PLAY_MAX_MS = 20000;
const ENHANCED_FRAMES = 75;

const card = join(scratch, 'card.flv');
const stack = await Stack.start();
const port = await freePort();

await start('rtmp2rtc', ['-l', `127.0.0.1:${port}`, '--h265-to-h264']);
must(
	spawnSync(join(root, 'tests/e2e/cardgen.py'), [card, String(WATCH_S + 60)]).status === 0,
	'the card is made',
);
const ffmpeg = new Process(
	'/usr/bin/ffmpeg',
	`-v error -re -i ${card} -c copy -f flv rtmp://127.0.0.1:${port}/live/card`.split(' '),
	{ ready: false, name: 'ffmpeg' },
);
const browser = await Browser.launch({ instrument: false });
const page = await browser.open(stack.url('/'));
const url = stack.endpoint('whep', 'card');
let viewers = null;

await prepare(page);
await test('one watches, others join at random moments', async () => {
	viewers = await watchJoins(page, url, WATCH_S, JOINS);
	must(viewers.joined.length === JOINS, 'all have joined');
});

await test('the first sees every frame and loses nothing', async () => {
	const { first } = viewers;
	const numbers = first.seen.map(([n]) => n).filter((n) => n !== null);
	const span = numbers.at(-1) - numbers[0] + 1;
	const unique = new Set(numbers);
	const lost = first.stats.map((s) => s.packetsLost);

	note(`${unique.size} of ${span} frames, lost packets ${lost}`);
	must(span >= WATCH_S * FPS - FPS, `frames: ${span}`);
	must(unique.size / span > 0.95, `seen: ${unique.size / span}`);
	must(
		lost.every((n) => n === 0),
		`lost: ${lost}`,
	);
});

// Sound behind picture at each beep: the frame of its second is the one with its tone.
function skews({ seen, beeps }) {
	return beeps
		.map(([at, step]) => {
			const near = seen
				.filter(([n]) => n !== null && n % FPS === 0 && (n / FPS) % 8 === step)
				.map(([, shown]) => at - shown);

			return [at, near.sort((a, b) => Math.abs(a) - Math.abs(b))[0]];
		})
		.filter(([, skew]) => skew !== undefined);
}

await test('the tone steps each second, and the beep comes with the flash', async () => {
	const { first } = viewers;
	const steps = first.beeps.map(([, step]) => step);
	const follows = steps.slice(1).filter((s, i) => s === (steps[i] + 1) % 8).length;
	const all = skews(first);
	const begin = first.first + SECONDS * 1000;
	const measured = all
		.filter(([at]) => at >= begin && at < begin + WINDOW_S * 1000)
		.map(([, skew]) => skew);
	const skew = median(measured);

	note(`tone ${steps.join('')}`);
	note(`beep behind flash, ms: ${all.map(([, s]) => Math.round(s)).join(' ')}`);
	note(`${Math.round(skew)} ms from ${SECONDS} s on`);
	must(follows >= WATCH_S - 3, `steps that follow: ${follows} of ${steps.length}`);
	must(all.length >= WATCH_S - 2, `beeps: ${all.length}`);
	must(measured.length >= WINDOW_S - 2, `flashes from ${SECONDS} s on: ${measured}`);
	must(Math.abs(skew) <= SKEW_MAX_MS, `beep behind flash: ${measured}`);
});

await test('who joins sees a picture soon, and what the first viewer sees', () =>
	mustKeepUp(viewers));

ffmpeg.kill('SIGKILL');
await ffmpeg.exited;

await test('AV1, VP9, and H265 made H264, by enhanced RTMP: every frame, the sound', async () => {
	const enhanced = new Process(
		join(root, 'tests/e2e/enhanced.py'),
		[String(port), '7', 'av1=av1', 'vp9=vp9', 'h265=h265'],
		{ ready: false, name: 'enhanced' },
	);
	const names = ['av1', 'vp9', 'h265'];
	const reports = await page.evaluate(
		async ([urls, ms, frames]) => {
			const all = await Promise.all(urls.map((u) => window.watch(u)));
			const end = performance.now() + ms;

			while (performance.now() < end && all.some((it) => it.seen.length < frames))
				await new Promise((go) => {
					setTimeout(go, 50);
				});
			return Promise.all(all.map((it) => it.report()));
		},
		[names.map((n) => stack.endpoint('whep', n)), PLAY_MAX_MS, ENHANCED_FRAMES],
	);

	for (const [i, { seen, beeps, stats }] of reports.entries()) {
		const numbers = seen.map(([n]) => n);
		const span = numbers.at(-1) - numbers[0] + 1;

		note(`${names[i]}: ${numbers.length} of ${span} frames, ${beeps.length} beeps`);
		must(!numbers.includes(null), `${names[i]}: every frame is readable`);
		must(
			numbers.length >= ENHANCED_FRAMES && numbers.length >= 0.95 * span,
			`${names[i]}: ${numbers}`,
		);
		must(beeps.length >= 2, `${names[i]}: sound`);
		must(
			stats.every((s) => s.packetsLost === 0),
			`${names[i]}: no packet lost`,
		);
	}
	enhanced.kill();
	await enhanced.exited;
});

must(browser.errors.length === 0, 'no page has script errors');
await browser.close();
await done();
