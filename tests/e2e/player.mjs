// srs_player.html: one stream by WebRTC, HLS and HTTP-FLV side by side, and how far they are apart.
import { join } from 'node:path';
import { Browser } from './lib/browser.mjs';
import { Process } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const PLAYS_MAX_MS = 30000;
const BEHIND_MAX_MS = 15000;

const stack = await Stack.start();

stack.programs.rtc2rtmp = ['--hls-fragment', '1'];
await stack.launch('rtc2rtmp');
const browser = await Browser.launch({ instrument: false });
const publisher = new Process('rtc-publish', ['-q', '--test', stack.endpoint('whip', 'card')], {
	ready: false,
});

const panesOf = (page) => page.evaluate(() => window.rtckit.panes);
const playing = (page, kinds) =>
	until(`${kinds} play`, PLAYS_MAX_MS, async () => {
		const panes = await panesOf(page);

		return (
			panes.length === kinds.length &&
			panes.every((p, i) => p.kind === kinds[i] && p.state === 'playing') &&
			panes.every((p) => p.width === 640 && p.time_s > 1 && p.behind_ms !== null) &&
			panes
		);
	});
const player = (query) => stack.url(`/players/srs_player.html?autostart=true&${query}`);

// Chromium drops what it loads when the namespace's network has only just come up.
async function open(query) {
	const page = await browser.open(player(query));

	if (!(await page.evaluate(() => Boolean(window.rtckit)))) {
		note('loaded once more');
		await page.reload();
	}
	return page;
}

async function shot(page, name) {
	if (process.env.RTC_E2E_SHOTS)
		await page.screenshot({
			path: join(process.env.RTC_E2E_SHOTS, `${name}.png`),
			fullPage: true,
		});
}

await test('three ways of one stream play, and the page says how far apart they are', async () => {
	const url = encodeURIComponent(stack.url('/live/card.m3u8'));
	const page = await open(`url=${url}&show=whep,hls,flv`);
	const panes = await playing(page, ['whep', 'hls', 'flv']);
	const apart = await until('numbers', PLAYS_MAX_MS, async () => {
		const all = await page.evaluate(() => window.rtckit.apart);

		return all.length === 2 && all;
	});

	note(JSON.stringify({ panes, apart }));
	must(panes[0].behind_ms < 2000, `WebRTC: ${panes[0].behind_ms} ms`);
	must(
		panes[1].behind_ms > 500 && panes[1].behind_ms < BEHIND_MAX_MS,
		`HLS: ${panes[1].behind_ms} ms`,
	);
	const hls = apart.find((a) => a.kind === 'hls');

	must(hls.ms > 300 && hls.ms < BEHIND_MAX_MS, `HLS after WebRTC: ${hls.ms} ms`);
	// What the dates say and what the pictures say agree.
	const said_ms = panes[1].behind_ms - panes[0].behind_ms;

	must(Math.abs(said_ms - hls.ms) < 1000, `dates: ${said_ms} ms, pictures: ${hls.ms} ms`);
	await shot(page, 'srs-player');
	await page.setViewportSize({ width: 360, height: 700 });
	const wide = await page.evaluate(() => document.documentElement.scrollWidth);

	must(wide <= 360, `${wide} pixels on a phone`);
	await shot(page, 'srs-player-phone');
	await page.close();
});

await test('an address of SRS: app, stream with its ending, server and port', async () => {
	const page = await open(
		`app=live&stream=card.flv&server=localhost&port=${stack.port}`,
	);

	await playing(page, ['whep', 'flv']);
	await page.close();
});

await test('a stream that nobody publishes is waited for', async () => {
	const page = await open('stream=late&show=hls');

	await until(
		'waiting',
		PLAYS_MAX_MS,
		async () => (await panesOf(page))[0]?.state === 'waiting',
	);
	must(/nobody|Waiting/i.test(await page.textContent('#panes')), 'it is said');
	await page.close();
});

await test('pictures of VP9 by HLS and by enhanced FLV', async () => {
	const vp9 = new Process(
		'rtc-publish',
		['-q', '--test', '--codec', 'vp9', stack.endpoint('whip', 'vp9')],
		{ ready: false, name: 'vp9' },
	);
	const page = await open('stream=vp9&show=hls,flv');

	await playing(page, ['hls', 'flv']);
	await page.close();
	await vp9.stop();
});

await test('what is no address is said', async () => {
	const page = await open('url=ftp%3A%2F%2Fx%2Fy');

	must(
		/address/i.test(await page.textContent('#message')),
		await page.textContent('#message'),
	);
	await page.close();
});

await test('no page had a script error', () => must(browser.errors.length === 0, 'errors'));
await publisher.stop();
await done();
