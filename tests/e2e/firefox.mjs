// The pages in Firefox: it publishes and plays on the pages of publishers and players, on those of
// the older interface, and in a room; what it cannot play is told by both sides' codecs.
import { join } from 'node:path';
import { stateOf } from './lib/browser.mjs';
import { launchFirefox } from './lib/clients.mjs';
import { Process } from './lib/processes.mjs';
import { Stack, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const STATE_MAX_MS = 30000;
const FRAMES = 50;
const FRAMES_MAX_MS = 15000;
const OWN_STYLE = /blocked an inline style/; // Playwright's, for a screenshot

const stack = await Stack.start();

stack.programs['rtc-signal'] = ['--listen', `127.0.0.1:${await freePort()}`];
await stack.launch('rtc-signal');
const firefox = await launchFirefox();
const faults = [];

async function open(path) {
	const page = await firefox.newPage();

	page.on('pageerror', (error) => faults.push(`${path}: ${error.message}`));
	page.on('console', (message) => {
		const text = message.text();

		if (/blocked/.test(text) && !OWN_STYLE.test(text)) faults.push(`${path}: ${text}`);
	});
	await page.goto(stack.url(path));
	return page;
}

async function inState(page, state) {
	try {
		await until(`state ${state}`, STATE_MAX_MS, async () => (await stateOf(page)) === state);
	} catch (error) {
		note(`${await stateOf(page)}: ${await page.textContent('#message').catch(() => '')}`);
		throw error;
	}
}

// Firefox counts no frames of a stream in getVideoPlaybackQuality().
async function moves(page, selector = 'video') {
	await page.evaluate((s) => {
		const video = document.querySelector(s);
		const count = () => {
			window.shown = (window.shown ?? 0) + 1;
			video.requestVideoFrameCallback(count);
		};

		video.requestVideoFrameCallback(count);
	}, selector);
	await until(
		`${FRAMES} frames`,
		FRAMES_MAX_MS,
		async () => (await page.evaluate(() => window.shown ?? 0)) >= FRAMES,
	);
}

async function shot(page, name) {
	if (!process.env.RTC_E2E_SHOTS) return;
	await page.bringToFront();
	await page.screenshot({ path: join(process.env.RTC_E2E_SHOTS, `firefox-${name}.png`) });
}

async function publish(stream, source) {
	const page = await open(`/players/whip.html?autostart=true&source=${source}&stream=${stream}`);

	await inState(page, 'live');
	return page;
}

async function play(stream) {
	const page = await open(`/players/whep.html?autostart=true&stream=${stream}`);

	await inState(page, 'playing');
	await moves(page);
	return page;
}

await test('the test picture is published and watched; rtc-play reads its numbers', async () => {
	const publisher = await publish('card', 'test');
	const player = await play('card');
	const check = new Process(
		'rtc-play',
		['-q', '-j', '--duration', '3', '--expect-card', stack.endpoint('whep', 'card')],
		{ ready: false },
	);

	await check.exited;
	must(check.status === 0, `rtc-play: ${check.status} ${check.output} ${check.log()}`);
	await shot(publisher, 'publisher');
	await shot(player, 'player');
});

await test('the camera is published and watched', async () => {
	await publish('camera', 'camera');
	await play('camera');
});

await test('what rtc-publish sends is watched; what Firefox has no decoder for is told', async () => {
	for (const codec of ['vp9', 'h264'])
		new Process(
			'rtc-publish',
			['-q', '--test=320x180@15', '--codec', codec, stack.endpoint('whip', codec)],
			{ ready: false, name: codec },
		);
	await play('vp9');
	for (const player of ['whep', 'rtc_player']) {
		const page = await open(`/players/${player}.html?autostart=true&stream=h264`);

		await until('it is told', STATE_MAX_MS, async () =>
			/sends H264.* takes VP8/s.test(await page.textContent('#message')),
		);
		note((await page.textContent('#message')).replace(/\s+/g, ' '));
		await shot(page, player);
	}
});

await test('the older interface: a page publishes, another one plays', async () => {
	const publisher = await open('/players/rtc_publisher.html?autostart=true&source=test&stream=old');

	await inState(publisher, 'live');
	const player = await open('/players/rtc_player.html?autostart=true&stream=old');

	await inState(player, 'playing');
	await moves(player);
});

await test('the start page shows what is live', async () => {
	const page = await open('/');

	await until('all streams', STATE_MAX_MS, async () => {
		const text = await page.textContent('main');

		return ['card', 'camera', 'vp9', 'h264', 'old'].every((name) => text.includes(name));
	});
	await shot(page, 'start');
});

await test('two in a room see each other', async () => {
	const names = ['ada', 'bob'];
	const room = '/demos/room.html?autostart=true&source=test&size=320x180&room=r&display=';
	const pages = [await open(room + names[0]), await open(room + names[1])];

	for (const [i, page] of pages.entries()) {
		await until(`${names[i]} sees the other`, STATE_MAX_MS, () =>
			page.evaluate((n) => window.rtckit.others()[n]?.width === 320, names[1 - i]),
		);
	}
	await shot(pages[0], 'room');
});

must(faults.length === 0, `no page has script errors: ${faults}`);
await done();
