// ffmpeg publishes by RTMP (H264 with a GOP of 2 s, AAC of 44.1 kHz), Chromium watches by WHEP: all
// frames, the tone, sound and picture together; who joins in the middle of a GOP sees a picture
// soon and sees what the others see. Then AV1, VP9 and H265. RTMP_SECONDS is after how long sound
// and picture are compared.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from './lib/browser.mjs';
import { median, quantile } from './lib/figures.mjs';
import { Process, root, scratch, start } from './lib/processes.mjs';
import { Stack, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const SECONDS = Number(process.env.RTMP_SECONDS || 20);
const WINDOW_S = 6; // and for so long: the median of its flashes counts
const WATCH_S = SECONDS + WINDOW_S;
const JOINS = 20;
const WATCHED_MS = 2600; // by each who joins
const BETWEEN_MAX_MS = (2 * (WATCH_S * 1000 - 6000)) / JOINS;
const FPS = 25;
const FIRST_FRAME_MAX_MS = 300;
const APART_MAX_MS = 100; // ahead or behind
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
let first = null;
let joined = [];

await page.evaluate(readFileSync(join(root, 'tests/e2e/lib/watcher.js'), 'utf8'));

await test('one watches, others join at random moments', async () => {
	await page.evaluate(async (at) => {
		window.main = await window.watch(at);
	}, url);
	await until('a picture', PLAY_MAX_MS, () => page.evaluate(() => window.main.first));
	const began = performance.now();
	const one = (at) =>
		page.evaluate(
			async ([to, ms]) => {
				const it = await window.watch(to);

				await new Promise((go) => {
					setTimeout(go, ms);
				});
				const report = await it.report();

				await it.close();
				return report;
			},
			[at, WATCHED_MS],
		);
	const running = [];

	for (let i = 0; i < JOINS; i++) {
		running.push(one(url));
		await pause(Math.random() * BETWEEN_MAX_MS);
	}
	joined = await Promise.all(running);
	await pause(Math.max(0, WATCH_S * 1000 - (performance.now() - began)));
	first = await page.evaluate(() => window.main.report());
});

await test('the first sees every frame and loses nothing', async () => {
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

await test('who joins sees a picture soon, and what the first viewer sees', async () => {
	const shown = new Map(first.seen);
	const waits = joined.map((v) => (v.first === null ? Infinity : v.first - v.posted));
	const apart = joined.map(({ seen }) => {
		const tail = seen.filter(([n, at]) => shown.has(n) && at > seen[0][1] + 2000);

		return median(tail.map(([n, at]) => at - shown.get(n)));
	});
	const ms = (list) => [...list].sort((a, b) => a - b).map(Math.round).join(' ');

	note(`first frame after POST, ms: ${ms(waits)}`);
	note(`behind the first viewer after 2 s, ms: ${ms(apart)}`);
	must(joined.length === JOINS && apart.every((b) => !Number.isNaN(b)), 'all played');
	must(
		joined.every(({ seen }) => seen[0][0] !== null),
		'the first picture of each is whole',
	);
	must(quantile(waits, 0.94) <= FIRST_FRAME_MAX_MS, `p95: ${quantile(waits, 0.94)}`);
	const furthest = quantile(
		apart.map((b) => Math.abs(b)),
		0.94,
	);

	must(furthest <= APART_MAX_MS, `apart: ${furthest}`);
});

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
