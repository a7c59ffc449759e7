// One viewer from the beginning, others that join at random moments: what each saw, and how far
// behind the first one they are (lib/watcher.js).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median, quantile } from './figures.mjs';
import { root } from './processes.mjs';
import { must, note } from './tap.mjs';
import { pause, until } from './wait.mjs';

const PLAY_MAX_MS = 20000;
const WATCHED_MS = 2600; // by each who joins
const SETTLED_MS = 2000; // from then on they are compared
const AT_END_MS = 6000; // nobody joins any more
const FIRST_FRAME_MAX_MS = 300;
const APART_MAX_MS = 100; // ahead or behind

/** `window.watch` for a page. */
export async function prepare(page) {
	await page.evaluate(readFileSync(join(root, 'tests/e2e/lib/watcher.js'), 'utf8'));
}

/** Reports of the first viewer, after so many seconds, and of those who joined meanwhile. */
export async function watchJoins(page, url, seconds, joins) {
	await page.evaluate(async (at) => {
		window.main = await window.watch(at);
	}, url);
	await until('a picture', PLAY_MAX_MS, () => page.evaluate(() => window.main.first));
	const began = performance.now();
	const one = () =>
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
			[url, WATCHED_MS],
		);
	const running = [];

	for (let i = 0; i < joins; i++) {
		running.push(one());
		await pause(Math.random() * ((2 * (seconds * 1000 - AT_END_MS)) / joins));
	}
	const joined = await Promise.all(running);

	await pause(Math.max(0, seconds * 1000 - (performance.now() - began)));
	const first = await page.evaluate(() => window.main.report());

	return { first, joined };
}

/** Each saw a picture soon, and whole; two seconds later it sees what the first viewer sees. */
export function mustKeepUp({ first, joined }) {
	const shown = new Map(first.seen);
	const waits = joined.map((v) => (v.first === null ? Infinity : v.first - v.posted));
	const apart = joined.map(({ seen }) => {
		const tail = seen.filter(([n, at]) => shown.has(n) && at > seen[0][1] + SETTLED_MS);

		return median(tail.map(([n, at]) => at - shown.get(n)));
	});
	const ms = (list) => [...list].sort((a, b) => a - b).map(Math.round).join(' ');
	const furthest = quantile(
		apart.map((b) => Math.abs(b)),
		0.94,
	);

	note(`first frame after POST, ms: ${ms(waits)}`);
	note(`behind the first viewer after 2 s, ms: ${ms(apart)}`);
	must(joined.length > 0 && apart.every((b) => !Number.isNaN(b)), 'all played');
	must(
		joined.every(({ seen }) => seen[0][0] !== null),
		'the first picture of each is whole',
	);
	must(quantile(waits, 0.94) <= FIRST_FRAME_MAX_MS, `p95: ${quantile(waits, 0.94)}`);
	must(furthest <= APART_MAX_MS, `apart: ${furthest}`);
}
