// A browser as people have it: no sound before a gesture; on a phone, by taps; a screen that is shared.
import { join } from 'node:path';
import { Browser, stateOf } from './lib/browser.mjs';
import { Process } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const STATE_MAX_MS = 30000;
const PHONE = { width: 390, height: 844 };

const stack = await Stack.start();
const publisher = new Process(
	'rtc-publish',
	['-q', '--test=320x180@15', stack.endpoint('whip', 'card')],
	{ ready: false },
);
const browser = await Browser.launch({ instrument: false, silent: true });
const phone = await Browser.launch({
	instrument: false,
	silent: true,
	device: { viewport: PHONE, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
});

const inState = (page, state) =>
	until(`state ${state}`, STATE_MAX_MS, async () => (await stateOf(page)) === state);
const words = (page) => page.textContent('#message');

/** Evaluates without the gesture that Playwright's own evaluate() stands for. */
async function onlooker(page) {
	const session = await page.context().newCDPSession(page);

	return async (expression) => {
		const { result } = await session.send('Runtime.evaluate', {
			expression,
			returnByValue: true,
		});

		return result.value;
	};
}

const SOUND = `(() => {
	const video = document.getElementById('video');
	const { videoWidth: width, muted, paused } = video;
	const button = document.getElementById('unmute');
	const frames = video.getVideoPlaybackQuality().totalVideoFrames;

	return { frames, width, muted, paused, button: button.checkVisibility(),
		gesture: navigator.userActivation.hasBeenActive };
})()`;

// Not of the full page: for that Playwright makes the phone a desktop, and leaves it one.
async function shot(page, name) {
	if (process.env.RTC_E2E_SHOTS)
		await page.screenshot({ path: join(process.env.RTC_E2E_SHOTS, `${name}.png`) });
}

/** The watching page begins without sound, with a picture and a button, which press(page) is for. */
async function muteThenLoud(from, press) {
	const page = await from.open(stack.whep('card'));
	const look = await onlooker(page);
	const silent = await until('a picture', STATE_MAX_MS, async () => {
		const now = await look(SOUND);

		return now.frames > 10 && now;
	});

	must(!silent.gesture, 'nobody has touched it');
	must(silent.muted && silent.button && !silent.paused, JSON.stringify(silent));
	await press(page);
	const loud = await look(SOUND);

	must(!loud.muted && !loud.button && !loud.paused, JSON.stringify(loud));
	await until('more pictures', STATE_MAX_MS, async () => (await look(SOUND)).frames > loud.frames);
	return page;
}

/** Nothing to scroll sideways, and the browser has not made the page smaller to show it all. */
async function mustFit(page, name) {
	const seen = await page.evaluate(() => ({
		width: document.scrollingElement.scrollWidth,
		scale: visualViewport.scale,
		inner: innerWidth,
	}));

	await shot(page, name);
	must(
		seen.width <= PHONE.width && seen.inner === PHONE.width && seen.scale === 1,
		`${name}: ${JSON.stringify(seen)}`,
	);
}

await test('a phone publishes by a tap, from the camera of its choice', async () => {
	const page = await phone.open(stack.url('/players/whip.html?stream=phone'));

	await until('the two sides', STATE_MAX_MS, async () =>
		/In frontAt the back/.test(await page.textContent('label:has(#camera)')),
	);
	await mustFit(page, 'phone-whip');
	await page.evaluate(() => {
		const all = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);

		navigator.mediaDevices.getUserMedia = (wish) => {
			window.wish = wish;
			return all(wish);
		};
	});
	await page.selectOption('#camera', 'environment');
	await page.tap('#go');
	await inState(page, 'live');
	const { video } = await page.evaluate(() => window.wish);

	must(video.facingMode?.ideal === 'environment' && !video.deviceId, JSON.stringify(video));
	must((await page.inputValue('#camera')) === 'environment', 'the choice stays');
	await mustFit(page, 'phone-whip-live');
	await page.close();
});

await test('watching begins silent, and a click brings the sound', async () => {
	const page = await muteThenLoud(browser, (p) => p.click('#unmute'));

	await page.close();
});

await test('watching on a phone begins silent, and a tap brings the sound', async () => {
	const page = await muteThenLoud(phone, (p) => p.tap('#unmute'));

	await inState(page, 'playing');
	await mustFit(page, 'phone-whep');
	await page.tap('#go');
	await inState(page, 'idle');
	await page.tap('#go');
	await inState(page, 'playing');
	must(await page.isHidden('#unmute'), 'once touched, there is nothing to ask for');
	await page.close();
});

await test('a screen is shared; refused, the page says so', async () => {
	const page = await browser.open(stack.url('/players/whip.html?source=screen&stream=screen&fps=15'));
	const faults = {
		InvalidStateError: /press Publish/,
		NotAllowedError: /not allowed to use the camera, microphone or screen/,
		NotReadableError: /the system did not let the browser record/i,
	};

	await page.click('#go');
	await inState(page, 'live');
	const surface = await page.$eval(
		'#video',
		(e) => e.srcObject.getVideoTracks()[0].getSettings().displaySurface,
	);

	must(surface === 'monitor', `it is a screen: ${surface}`);
	await until('pictures of it are sent', STATE_MAX_MS, () =>
		page.evaluate(() => window.rtckit.stats?.video?.frames > 5),
	);
	await page.click('#go');
	await inState(page, 'idle');
	for (const [fault, said] of Object.entries(faults)) {
		await page.evaluate((name) => {
			navigator.mediaDevices.getDisplayMedia = () =>
				Promise.reject(new DOMException('said by a test', name));
		}, fault);
		await page.click('#go');
		await until(`words of ${fault}`, STATE_MAX_MS, async () => said.test(await words(page)));
		must((await stateOf(page)) === 'failed', 'it has failed');
	}
	await page.close();
});

await test('no page had a script error', () =>
	must([...browser.errors, ...phone.errors].length === 0, 'errors'));
publisher.kill();
await publisher.exited;
await done();
