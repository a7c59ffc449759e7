// The pages of rooms in Chromium: two in one2one, four in a room, everybody sees everybody; leaving,
// returning, and programs of the server that are killed.
import { writeFileSync } from 'node:fs';
import { Browser, stateOf } from './lib/browser.mjs';
import { Process, start } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const SEES_MAX_MS = 20000;
const BACK_MAX_MS = 60000;
const MORE_FRAMES = 10;
const PHONE = { width: 375, height: 700 };

const stack = await Stack.start();

stack.programs['rtc-signal'] = ['--listen', '127.0.0.1:0'];
await stack.launch('rtc-signal');
const browser = await Browser.launch({ instrument: false });

const open = (page, room, name, source = 'test') =>
	browser.open(
		stack.url(
			`/demos/${page}.html?autostart=true&source=${source}&size=320x180&room=${room}` +
				`&display=${name}`,
		),
	);
const others = (page) => page.evaluate(() => window.rtckit.others());
const click = (page, id) => page.evaluate((i) => document.getElementById(i).click(), id);

/** Each page decodes new frames of all the others, and of nobody else. */
async function allSee(pages, max_ms = SEES_MAX_MS) {
	const before = new Map();

	for (const [name, page] of pages) before.set(name, await others(page));
	await until('everybody sees everybody', max_ms, async () => {
		for (const [name, page] of pages) {
			const now = await others(page);
			const want = [...pages.keys()].filter((n) => n !== name).sort();

			if (Object.keys(now).sort().join() !== want.join()) return false;
			for (const n of want)
				if (now[n].frames < (before.get(name)[n]?.frames ?? 0) + MORE_FRAMES)
					return false;
		}
		return true;
	});
}

async function killed(name) {
	stack.running[name].kill('SIGKILL');
	await stack.running[name].exited;
}

async function shot(page, name) {
	if (!process.env.RTC_E2E_SHOTS) return;
	await page.bringToFront();
	await page.evaluate(() => new Promise((go) => setTimeout(go, 300)));
	writeFileSync(`${process.env.RTC_E2E_SHOTS}/${name}.png`, await page.screenshot());
}

const pair = new Map();
const room = new Map();

await test('one2one: two see each other', async () => {
	pair.set('ann', await open('one2one', 'talk', 'ann'));
	pair.set('bob', await open('one2one', 'talk', 'bob', 'camera'));
	await allSee(pair);
	await shot(pair.get('ann'), 'one2one');
});

await test('a screen in place of the camera, and back', async () => {
	const [ann, bob] = [pair.get('ann'), pair.get('bob')];
	// Its shape: an encoder without time makes pictures smaller.
	const isSquare = async () => {
		const { width, height } = (await others(ann)).bob;

		return width > 0 && Math.abs(width - height) <= 2;
	};

	await bob.evaluate(() => {
		// A screen that a headless browser has not: a canvas of another shape.
		navigator.mediaDevices.getDisplayMedia = async () => {
			const canvas = document.createElement('canvas');

			canvas.width = 480;
			canvas.height = 480;
			const context = canvas.getContext('2d');

			setInterval(() => {
				context.fillStyle = `hsl(${(performance.now() / 10) % 360} 80% 50%)`;
				context.fillRect(0, 0, 480, 480);
			}, 50);
			return canvas.captureStream(15);
		};
	});
	await click(bob, 'share');
	await until('the screen is seen', SEES_MAX_MS, isSquare);
	must((await others(ann)).bob.mark.includes('screen'), 'and marked');
	await click(bob, 'share');
	await until('the camera is seen again', SEES_MAX_MS, async () => !(await isSquare()));
	await allSee(pair);
});

await test('one2one: a third is told that the room is full', async () => {
	const page = await open('one2one', 'talk', 'carl');

	await until('refused', SEES_MAX_MS, async () => (await stateOf(page)) === 'failed');
	must(/full/.test(await page.textContent('#message')), 'it says so');
	must(Object.keys(await others(page)).length === 0, 'it sees nobody');
	await page.close();
	await until('the two are alone', SEES_MAX_MS, async () =>
		(await Promise.all([...pair.values()].map(others))).every(
			(o) => Object.keys(o).length === 1,
		),
	);
	for (const p of pair.values()) await p.close();
});

await test('room: four see each other', async () => {
	for (const name of ['a', 'b', 'c', 'd']) room.set(name, await open('room', 'r', name));
	await allSee(room);
	await shot(room.get('a'), 'room');
});

await test('chat and the state of microphones reach the others', async () => {
	await room.get('a').evaluate(() => {
		document.getElementById('text').value = 'hello <b>there</b>';
		document.getElementById('say').click();
	});
	await click(room.get('a'), 'mute');
	for (const name of ['b', 'c', 'd']) {
		const page = room.get(name);

		await until('the line', SEES_MAX_MS, async () =>
			(await page.textContent('#lines')).includes('a hello <b>there</b>'),
		);
		await until('the mark', SEES_MAX_MS, async () =>
			(await others(page)).a.mark.includes('muted'),
		);
	}
	must((await room.get('b').$$('#lines b b')).length === 0, 'no markup of others');
});

await test('the line that the page shows makes one stream of the room', async () => {
	const [program, ...args] = (await room.get('a').textContent('#mix')).split(' ');
	const mix = await start(program, args);
	const play = new Process(
		'rtc-play',
		['-q', '-j', '--duration', '2', stack.endpoint('whep', 'r')],
		{ ready: false },
	);

	must((await play.exited) === 0, play.log());
	const { video, audio } = JSON.parse(play.output);

	must(video.width === 1280 && video.frames > 20 && video.undecodable === 0, play.output);
	must(audio.sound_seconds > 0.5, play.output);
	await mix.stop();
});

await test('a name that is taken is refused in words', async () => {
	const page = await open('room', 'r', 'a');

	await until('refused', SEES_MAX_MS, async () => (await stateOf(page)) === 'failed');
	must(/has this name/.test(await page.textContent('#message')), 'it says so');
	await page.close();
	must(Object.keys(await others(room.get('b'))).length === 3, 'the first one stays');
});

await test('one leaves and comes back', async () => {
	await click(room.get('d'), 'leave');
	await until('it is gone', SEES_MAX_MS, async () =>
		(
			await Promise.all(['a', 'b', 'c'].map((n) => others(room.get(n))))
		).every((o) => !('d' in o)),
	);
	await room.get('d').evaluate(() => window.rtckit.join());
	await allSee(room);
});

await test('rtc-signal killed and started again: pictures go on, the pages join again', async () => {
	const before = await others(room.get('b'));

	await killed('rtc-signal');
	await until('noticed', SEES_MAX_MS, async () => (await stateOf(room.get('b'))) === 'retrying');
	await until('pictures go on', SEES_MAX_MS, async () =>
		Object.entries(await others(room.get('b'))).every(
			([n, o]) => o.frames > before[n].frames + MORE_FRAMES,
		),
	);
	await stack.launch('rtc-signal');
	for (const page of room.values())
		await until('joined again', BACK_MAX_MS, async () => (await stateOf(page)) === 'live');
	await allSee(room);
	for (const [n, o] of Object.entries(await others(room.get('b'))))
		must(o.frames > before[n].frames, `the session of ${n} is the one that it was`);
});

// Browsers take some 15 s to see that media is gone: each program in turn is for tests/long.
for (const name of process.env.RTC_ROOMS_KILL?.split(' ') ?? [])
	await test(`${name} killed and started again: everybody sees everybody again`, async () => {
		await killed(name);
		await stack.launch(name);
		await allSee(room, BACK_MAX_MS);
		for (const page of room.values())
			await until('in the room', BACK_MAX_MS, async () => (await stateOf(page)) === 'live');
	});

await test('it fits a phone', async () => {
	const page = room.get('a');

	await page.setViewportSize(PHONE);
	const wide = await page.evaluate(() => document.documentElement.scrollWidth);

	await shot(page, 'room-phone');
	must(wide <= PHONE.width, `${wide} px wide`);
});

await test('no page had a fault', async () => {
	must(browser.errors.length === 0, browser.errors.join('\n'));
});

await done();
