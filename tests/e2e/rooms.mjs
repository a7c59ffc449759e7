// The pages of rooms in Chromium: two in one2one, four in a room, everybody sees everybody; leaving,
// returning, and programs of the server that are killed.
import { writeFileSync } from 'node:fs';
import { Browser, stateOf } from './lib/browser.mjs';
import { Process, scratch, start } from './lib/processes.mjs';
import { Stack, freePort } from './lib/stack.mjs';
import { done, must, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const SEES_MAX_MS = 20000;
const BACK_MAX_MS = 60000;
const MORE_FRAMES = 10;
const PHONES = [
	{ width: 375, height: 700 },
	{ width: 320, height: 568 },
	{ width: 700, height: 340 }, // on its side
];

const stack = await Stack.start();

const signalPort = await freePort();
const securePort = await freePort();

stack.programs['rtc-signal'] = ['--listen', `127.0.0.1:${signalPort}`];
await stack.launch('rtc-signal');
const browser = await Browser.launch({ instrument: false, insecure: true });
const asked = []; // addresses of WebSockets and requests of all pages

browser.context.on('request', (request) => asked.push(request.url()));
browser.context.on('page', (page) => page.on('websocket', (socket) => asked.push(socket.url())));

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
	const isScreen = async () => {
		const { width, height } = (await others(ann)).bob;

		return height > 0 && width / height < 1.5;
	};

	await bob.evaluate(() => {
		// The browser's own screen (its flags choose one without asking), in a shape that no camera has.
		const { mediaDevices } = navigator;
		const capture = mediaDevices.getDisplayMedia.bind(mediaDevices);

		mediaDevices.getDisplayMedia = () =>
			capture({
				video: { width: 480, height: 480 }, // 4:3 comes of it
			});
	});
	await click(bob, 'share');
	await until('the screen is seen', SEES_MAX_MS, isScreen);
	must((await others(ann)).bob.mark.includes('screen'), 'and marked');
	const surface = await bob.evaluate(() => {
		const [track] = window.rtckit.local().screen.stream.getVideoTracks();

		return track.getSettings().displaySurface;
	});

	must(surface === 'monitor', `it is a screen: ${surface}`);
	await click(bob, 'share');
	await until('the camera is seen again', SEES_MAX_MS, async () => !(await isScreen()));
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
		['-q', '-j', '--duration', '6', stack.endpoint('whep', 'r')],
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

/** Of the buttons and fields that are shown: those that a finger cannot reach. */
const unreachable = (page) =>
	page.evaluate(() =>
		[...document.querySelectorAll('button, input, select, a')]
			.filter((e) => e.checkVisibility() && !e.disabled)
			.filter((e) => {
				e.scrollIntoView({ block: 'center' });
				const { left, right, top, bottom } = e.getBoundingClientRect();
				const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);

				return left < 0 || right > innerWidth || !e.contains(at);
			})
			.map((e) => e.id || e.textContent),
	);

async function fits(page, name) {
	for (const phone of PHONES) {
		await page.setViewportSize(phone);
		await shot(page, `${name}-${phone.width}`);
		const wide = await page.evaluate(() => document.documentElement.scrollWidth);
		const lost = await unreachable(page);

		must(wide <= phone.width, `${name}: ${wide} px wide on ${phone.width}`);
		must(lost.length === 0, `${name} on ${phone.width}: not to be reached: ${lost}`);
	}
}

await test('it fits a phone, in a room and before', async () => {
	await fits(room.get('a'), 'room');
	for (const name of ['room', 'one2one']) {
		const page = await browser.open(stack.url(`/demos/${name}.html`));

		await fits(page, `${name}-before`);
		await page.close();
	}
	for (const page of room.values()) await page.close();
});

/** A page of a room with one who is there already; both see each other. Its own addresses. */
async function joinBy(query) {
	const there = await open('room', 'by', 'there');

	await until('in the room', SEES_MAX_MS, async () => (await stateOf(there)) === 'live');
	asked.length = 0;
	const page = await browser.open(
		stack.url(
			`/demos/room.html?autostart=true&source=test&room=by&display=comes${query}`,
		),
	);

	await allSee(new Map([['there', there], ['comes', page]]));
	must((await stateOf(page)) === 'live', 'it is in the room');
	await page.close();
	await there.close();
	const socket = asked.find((url) => /^wss?:/.test(url)).replace(/\?.*/, '');
	// Not the session of a page before, whose end comes late.
	const endpoint = asked.find((url) => /\/rtc\/v1\/whip\/\?/.test(url));

	return `${socket} ${new URL(endpoint).origin}`;
}

await test('wss, wsh, wsp and host say where rooms and media are', async () => {
	await start('rtc-gate', [
		...['--both-listen', `127.0.0.1:${securePort}`],
		...['--self-signed', `${scratch}/tls`],
	], { name: 'secure-gate' });
	const own = `http://localhost:${stack.port}`;
	const rows = [
		['', `ws://localhost:${stack.port}`, own],
		[`&wsp=${signalPort}`, `ws://localhost:${signalPort}`, own],
		[`&wsh=127.0.0.1&wsp=${signalPort}`, `ws://127.0.0.1:${signalPort}`, own],
		[`&wsh=127.0.0.1:${signalPort}`, `ws://127.0.0.1:${signalPort}`, own],
		['&wsh=127.0.0.1', `ws://127.0.0.1:${stack.port}`, own],
		[`&wss=wss&wsp=${securePort}`, `wss://localhost:${securePort}`, own],
		[`&host=127.0.0.1:${securePort}`, `ws://localhost:${stack.port}`, `http://127.0.0.1:${securePort}`],
		[`&host=127.0.0.1&port=${securePort}`, `ws://localhost:${stack.port}`,
			`http://127.0.0.1:${securePort}`],
	];

	for (const [query, socket, media] of rows) {
		const got = await joinBy(query);

		must(got === `${socket}/sig/v1/rtc ${media}`, `${query}: ${got}`);
	}
});

await test('without them: nobody joins unasked, a name is made, the port of the API is 1985', async () => {
	const page = await browser.open(stack.url('/demos/room.html?room=quiet&source=test'));

	must((await stateOf(page)) === 'idle', 'it waits');
	must((await page.inputValue('#room')) === 'quiet', 'the field has the room');
	must(/^guest-\w+$/.test(await page.inputValue('#display')), 'and a name');
	await page.fill('#display', 'zoe');
	await page.click('#join button');
	await until('in the room', SEES_MAX_MS, async () => (await stateOf(page)) === 'live');
	const names = await page.evaluate(() => [...window.rtckit.tiles.keys()]);

	must(names.join() === 'zoe', `tiles: ${names}`);
	const ports = await page.evaluate(async () => {
		const { pageParams } = await import('/js/endpoint.js');

		return ['?host=h', '?host=h&schema=https', '?host=h:1', '?host=[::1]:2', '?host=::1', '?host=h&port=3']
			.map((q) => pageParams(q))
			.map(({ host, port }) => `${host} ${port}`);
	});

	must(ports.join() === 'h 1985,h ,h 1,[::1] 2,::1 1985,h 3', ports.join());
	await page.close();
});

await test('no page had a fault', async () => {
	must(browser.errors.length === 0, browser.errors.join('\n'));
});

await done();
