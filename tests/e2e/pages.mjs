// The pages themselves: camera to picture, and what they say when something is wrong.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, stateOf } from './lib/browser.mjs';
import { Process, sanitized, scratch, start } from './lib/processes.mjs';
import { Stack, freePort } from './lib/stack.mjs';
import { serveWww } from './lib/static.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const STATE_MAX_MS = 15000;
const RELOADS = 3;
const BACK_MAX_MS = sanitized ? 15000 : 5000;
const LEFT_MAX_MS = sanitized ? 6000 : 2000;
const NO_PATH_MAX_MS = 20000;
const RECOVER_MAX_MS = 30000;
const NOWHERE = '198.51.100.77';

const stack = await Stack.start();
const browser = await Browser.launch({ instrument: false });

const inState = (page, state, max_ms = STATE_MAX_MS) =>
	until(`state ${state}`, max_ms, async () => (await stateOf(page)) === state);
const words = (page) => page.textContent('#message');

async function sessions(stream) {
	const list = new Process('rtc-ctl', ['-j', 'sessions', stream], { ready: false });

	must((await list.exited) === 0, `rtc-ctl: ${list.log()}`);
	return list.output
		.trim()
		.split('\n')
		.filter(Boolean)
		.map((line) => JSON.parse(line));
}

// A hash of the picture now showing.
const picture = (page) =>
	page.evaluate(() => {
		const video = document.getElementById('video');
		const canvas = new OffscreenCanvas(160, 90);
		const context = canvas.getContext('2d');

		context.drawImage(video, 0, 0, 160, 90);
		const { data } = context.getImageData(0, 0, 160, 90);

		return data.reduce((hash, v) => (hash * 31 + v) | 0, 0);
	});

async function moves(page) {
	const before = await picture(page);

	await until(
		'the picture moves',
		STATE_MAX_MS,
		async () => (await picture(page)) !== before,
	);
}

const DESKTOP = { width: 1100, height: 720 };
const PHONE = { width: 390, height: 780 };
const FINGER_PX = 40;

async function screenshot(page, name) {
	if (process.env.RTC_E2E_SHOTS)
		await page.screenshot({
			path: join(process.env.RTC_E2E_SHOTS, `${name}.png`),
			fullPage: true,
		});
}

// On a phone nothing is wider than the screen, and what is pressed is large enough.
async function fitsPhone(page, name) {
	await page.setViewportSize(PHONE);
	const { wide, small } = await page.evaluate((min) => {
		const seen = (e) => e.checkVisibility() && e.getBoundingClientRect();
		const all = [...document.querySelectorAll('body *')];

		return {
			wide: all
				.filter((e) => seen(e) && seen(e).right > innerWidth + 1)
				.map((e) => e.outerHTML.slice(0, 80)),
			small: [...document.querySelectorAll('button, select, input')]
				.filter((e) => seen(e) && seen(e).height < min)
				.map((e) => e.outerHTML.slice(0, 80)),
		};
	}, FINGER_PX);

	await screenshot(page, `${name}-phone`);
	await page.setViewportSize(DESKTOP);
	must(wide.length === 0, `wider than a phone: ${wide.slice(0, 3).join('\n')}`);
	must(small.length === 0, `too small for a finger: ${small.slice(0, 3).join('\n')}`);
}

const live = (page) => page.$$eval('#live li b', (all) => all.map((e) => e.textContent));

await test('the start page gives the addresses of a stream', async () => {
	const page = await browser.open(stack.url('/?stream=cam'));
	const whip = await page.textContent('#url-whip');

	must(whip === stack.endpoint('whip', 'cam'), `WHIP address: ${whip}`);
	must(
		(await page.getAttribute('#watch', 'href')).includes(
			'whep.html?app=live&stream=cam',
		),
		'link to the watching page',
	);
	await page.fill('#stream', 'other');
	await page.press('#stream', 'Tab');
	must(
		(await page.textContent('#url-whep')) === stack.endpoint('whep', 'other'),
		'fields count',
	);
	const said = await page.textContent('#cmd-probe');

	must(said === `rtc-doctor --whep ${stack.endpoint('whep', 'other')}`, said);
	await screenshot(page, 'index');
	await fitsPhone(page, 'index');
	await page.close();
});

await test('a camera is published, a page shows its moving picture and figures', async () => {
	const publisher = await browser.open(
		stack.url('/players/whip.html?autostart=true&stream=cam'),
	);

	await inState(publisher, 'live');
	const viewer = await browser.open(stack.whep('cam'));

	await inState(viewer, 'playing');
	await moves(viewer);
	const figures = await until('figures', STATE_MAX_MS, () =>
		viewer.evaluate(() => {
			const { video, audio, pair } = window.rtckit.stats || {};

			return (
				video?.fps > 5 &&
				audio?.bitrate_bps > 0 &&
				pair?.rtt_ms !== null && { video, audio, pair }
			);
		}),
	);

	note(JSON.stringify(figures));
	must(figures.video.width > 0 && figures.video.codec === 'H264', 'size and codec');
	must(figures.pair.remote_port === stack.media_port, 'the path is shown');
	await until('charts', STATE_MAX_MS, async () => {
		const texts = await viewer.$$eval('.chart b', (all) => all.map((e) => e.textContent));

		return texts.length === 5 && texts.every((text) => /\d/.test(text));
	});
	for (const page of [publisher, viewer])
		await until('a level', STATE_MAX_MS, () =>
			page.$eval('#level', (e) => !e.hidden && e.value > e.min),
		);
	await publisher.click('#mute');
	await until('silence', STATE_MAX_MS, () =>
		viewer.$eval('#level', (e) => e.value < -50),
	);
	await publisher.selectOption('#bitrate', '300');
	must(
		(await publisher.evaluate(
			() =>
				window.rtckit.keeper.session.pc
					.getSenders()
					.find((s) => s.track?.kind === 'video')
					.getParameters().encodings[0].maxBitrate,
		)) === 300000,
		'the bit rate is limited while live',
	);
	await fitsPhone(publisher, 'whip-live');
	await fitsPhone(viewer, 'whep-playing');
	await screenshot(publisher, 'whip-live');
	await screenshot(viewer, 'whep-playing');
	const rival = await browser.open(stack.url('/players/whip.html?autostart=true&stream=cam'));

	await inState(rival, 'failed');
	must(/409/.test(await words(rival)), `words: ${await words(rival)}`);
	await screenshot(rival, 'whip-409');
	await rival.close();
	await viewer.close();
	await publisher.close();
});

await test('webrtc:// addresses by the older interface; a codec and a size of choice', async () => {
	const query = 'source=test&stream=old&vcodec=VP8&size=320x180&fps=15';
	const publisher = await browser.open(
		stack.url(`/players/rtc_publisher.html?autostart=true&${query}`),
	);

	await inState(publisher, 'live');
	const address = await publisher.inputValue('#url');

	must(address === `webrtc://localhost:${stack.port}/live/old`, address);
	const viewer = await browser.open(await publisher.getAttribute('#watch', 'href'));

	await inState(viewer, 'playing');
	await moves(viewer);
	const video = await until('its codec', STATE_MAX_MS, () =>
		viewer.evaluate(() => window.rtckit.stats?.video?.width && window.rtckit.stats.video),
	);

	must(video.codec === 'VP8' && video.width === 320, JSON.stringify(video));
	await screenshot(publisher, 'rtc_publisher');
	await screenshot(viewer, 'rtc_player');
	await fitsPhone(publisher, 'rtc_publisher');
	await fitsPhone(viewer, 'rtc_player');
	const rival = await browser.open(
		stack.url('/players/rtc_publisher.html?autostart=true&source=test&stream=old'),
	);

	await inState(rival, 'failed');
	must(/409/.test(await words(rival)), `words: ${await words(rival)}`);
	await rival.fill('#url', 'http://localhost/live/old');
	await rival.press('#url', 'Tab');
	await rival.click('#go');
	await until('the fault', STATE_MAX_MS, async () =>
		/no address of a stream/.test(await words(rival)),
	);
	await rival.close();
	await viewer.close();
	await publisher.close();
	await until('its end', LEFT_MAX_MS, async () => (await sessions('live/old')).length === 0);
});

await test('a codec that the browser has not, and a camera that goes, are said', async () => {
	const page = await browser.open(`${stack.whip('codec')}&vcodec=theora`);

	await inState(page, 'live');
	must(/cannot send theora/.test(await words(page)), await words(page));
	await page.goto(stack.url('/players/whip.html?autostart=true&stream=codec&vcodec=vp9'));
	await inState(page, 'live');
	must((await page.inputValue('#vcodec')) === 'VP9', 'a name in small letters');
	must(await page.isHidden('#message'), 'nothing to say');
	await page.evaluate(() =>
		document
			.getElementById('video')
			.srcObject.getVideoTracks()[0]
			.dispatchEvent(new Event('ended')),
	);
	await inState(page, 'failed');
	must(/unplugged/.test(await words(page)), await words(page));
	await page.close();
});

await test('the console lists what is there and disconnects; the start page links it', async () => {
	const publisher = await browser.open(stack.whip('shown'));
	const index = await browser.open(stack.url('/'));
	const it = await browser.open(stack.url('/console/'));

	await inState(publisher, 'live');
	const [{ session }] = await sessions('live/shown');
	const row = (name, id) => `#${name} tr[data-key="${id}"]`;

	await until('its picture', STATE_MAX_MS, async () =>
		/H264 640×360.*Opus.*[1-9]\d* kbit/.test(
			await it.textContent(row('streams', 'live/shown')),
		),
	);
	await until('it is live', STATE_MAX_MS, async () => (await live(index)).includes('live/shown'));
	must(
		/whep.html\?app=live&stream=shown/.test(await index.getAttribute('#live a', 'href')),
		'a link to it',
	);
	await screenshot(index, 'index-live');
	await screenshot(it, 'console');
	await fitsPhone(it, 'console');
	await it.fill('#filter', 'nothing');
	await until('none', STATE_MAX_MS, async () => (await it.$$('#clients tr')).length === 0);
	await it.fill('#filter', 'shown');
	await it.click(`${row('clients', session)} button`);
	await until('another session', STATE_MAX_MS, async () => {
		const now = await sessions('live/shown');

		return now.length === 1 && now[0].session !== session;
	});
	await publisher.evaluate(() => window.rtckit.stop());
	await until('it is gone', STATE_MAX_MS, async () => !(await live(index)).includes('live/shown'));
	stack.running['rtc-web'].kill('SIGKILL');
	await stack.running['rtc-web'].exited;
	await until('words', STATE_MAX_MS, async () => /502|503/.test(await words(it)));
	await stack.launch('rtc-web');
	await until('it is back', STATE_MAX_MS, async () => it.$eval('#message', (e) => e.hidden));
	await Promise.all([publisher, index, it].map((page) => page.close()));
});

await test('the console shows who watches by HTTP-FLV, and disconnects', async () => {
	stack.programs.rtc2rtmp = ['--wait', '10'];
	const rtc2rtmp = await stack.launch('rtc2rtmp');
	const publisher = await browser.open(stack.whip('watched'));
	const it = await browser.open(stack.url('/console/'));

	await inState(publisher, 'live');
	const viewer = (await fetch(stack.url('/live/watched.flv'))).body.getReader();
	const clients = '#streams tr[data-key="live/watched"] td[data-title="Clients"]';

	await viewer.read();
	await until('its row', STATE_MAX_MS, async () =>
		(await it.textContent('#clients')).includes('flv-play'),
	);
	await until('its stream has two', STATE_MAX_MS, async () =>
		/^2$/.test(await it.textContent(clients)),
	);
	await it.fill('#filter', 'flv-play');
	await until('alone', STATE_MAX_MS, async () => (await it.$$('#clients tr')).length === 1);
	await it.click('#clients tr button');
	while (!(await viewer.read()).done);
	await until('it is gone', STATE_MAX_MS, async () => (await it.$$('#clients tr')).length === 0);
	await Promise.all([publisher, it].map((page) => page.close()));
	await rtc2rtmp.stop();
});

await test('a page that is left ends its session at once', async () => {
	const publisher = await browser.open(stack.whip('left'));

	await inState(publisher, 'live');
	must((await sessions('live/left')).length === 1, 'the session is listed');
	await publisher.goto('about:blank');
	await until(
		'no session',
		LEFT_MAX_MS,
		async () => (await sessions('live/left')).length === 0,
	);
	await publisher.close();
});

await test('a publishing page that is reloaded, or crashes and comes back', async () => {
	const publisher = await browser.open(stack.whip('reload'));

	for (let i = 0; i < RELOADS; i++) {
		await inState(publisher, 'live');
		await publisher.reload();
	}
	await inState(publisher, 'live');
	const other = await Browser.launch({ instrument: false });
	const crashing = await other.open(stack.whip('crash'));

	await inState(crashing, 'live');
	await other.kill();
	const again = await browser.open(stack.whip('crash'));

	await inState(again, 'live', BACK_MAX_MS);
	await again.close();
	await publisher.close();
});

await test('a publisher of sound alone: the viewer is told', async () => {
	const publisher = await browser.open(stack.url('/players/whip.html?stream=voice'));

	await publisher.evaluate(() => {
		const all = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);

		navigator.mediaDevices.getUserMedia = ({ audio }) => all({ audio });
		return window.rtckit.start();
	});
	await inState(publisher, 'live');
	const viewer = await browser.open(stack.whep('voice'));

	await inState(viewer, 'playing');
	await until('the note', STATE_MAX_MS, async () =>
		/Sound only.*sends no picture\.$/s.test((await words(viewer)).trim()),
	);
	await publisher.close();
	await viewer.close();
});

await test('a server without the programs: 404 in words', async () => {
	const port = await serveWww();
	const page = await browser.open(
		`http://localhost:${port}/players/whep.html?autostart=true`,
	);

	await inState(page, 'failed');
	must(
		/404/.test(await words(page)) && /rtc-whep/.test(await words(page)),
		await words(page),
	);
	await page.close();
});

await test('no server at all: the page says so and tries again', async () => {
	const page = await browser.open(`${stack.whep('x')}&port=${await freePort()}`);

	await inState(page, 'retrying');
	must(/No answer from/.test(await words(page)), await words(page));
	await screenshot(page, 'whep-down');
	await page.close();
});

await test('a token is wanted: 401 in words; with it the page connects', async () => {
	const port = await freePort();
	const file = join(scratch, 'tokens');

	writeFileSync(file, 'right-token\n');
	const whep = await start(
		'rtc-whep',
		['-l', String(port), '-t', file, '-c', process.env.RTC_E2E_ADDRESS || '*'],
		{ name: 'rtc-whep-token' },
	);
	const page = await browser.open(`${stack.whep('x')}&port=${port}`);

	await inState(page, 'failed');
	must(/401/.test(await words(page)) && /token/.test(await words(page)), await words(page));
	must(await page.isVisible('#token'), 'the field for it is shown');
	must(await page.$eval('#token', (e) => e === document.activeElement), 'and has the focus');
	await page.keyboard.type('right-token');
	await page.click('#go');
	await inState(page, 'waiting');
	must(!page.url().includes('right-token'), 'the address stays without it');
	await page.goto(`${stack.whep('x')}&port=${port}&token=right-token`);
	await inState(page, 'waiting');
	await page.close();
	await whep.stop();
});

await test('media has no path: the page names the port to open', async () => {
	const port = await freePort();
	const whep = await start(
		'rtc-whep',
		['-l', String(port), '-c', NOWHERE, '--no-detect', '--no-api-candidate'],
		{ name: 'rtc-whep-nowhere' },
	);
	const page = await browser.open(`${stack.whep('x')}&port=${port}`);

	await inState(page, 'retrying', NO_PATH_MAX_MS);
	const said = await words(page);

	must(said.includes(`${NOWHERE}:${stack.media_port}`) && /blocked/.test(said), said);
	await screenshot(page, 'whep-nopath');
	await page.close();
	await whep.stop();
});

await test('the relay is killed and replaced: both pages come back by themselves', async () => {
	const publisher = await browser.open(stack.whip('again'));
	const viewer = await browser.open(stack.whep('again'));

	await inState(viewer, 'playing');
	await screenshot(publisher, 'whip-test');
	const old = stack.running['rtc-relay'];

	old.kill('SIGKILL');
	await old.exited;
	await stack.launch('rtc-relay');
	await inState(viewer, 'retrying', RECOVER_MAX_MS);
	await screenshot(viewer, 'whep-retrying');
	await inState(publisher, 'live', RECOVER_MAX_MS);
	await inState(viewer, 'playing', RECOVER_MAX_MS);
	await moves(viewer);
});

await test('no page had a script error', () => must(browser.errors.length === 0, 'errors'));
await done();
