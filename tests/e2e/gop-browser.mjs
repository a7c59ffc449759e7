// rtc-publish as OBS publishes: a keyframe every 2 s whatever it is asked. Chromium watches by WHEP;
// who joins in the middle of a group of pictures sees a picture soon, from the relay's cache, and two
// seconds later what the first viewer sees.
import { Browser } from './lib/browser.mjs';
import { mustKeepUp, prepare, watchJoins } from './lib/joins.mjs';
import { start } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';

const WATCH_S = 16;
const JOINS = 12;
const CODECS = ['h264', 'vp8'];
const CARD = '-q --test --gop 2 --no-pli'.split(' ');

const stack = await Stack.start();
const browser = await Browser.launch({ instrument: false });

const publish = (codec) =>
	start(
		'rtc-publish',
		[...CARD, '--codec', codec, stack.endpoint('whip', codec)],
		{ ready: false, name: codec },
	);
const publishers = await Promise.all(CODECS.map(publish));
const pages = await Promise.all(CODECS.map(() => browser.open(stack.url('/'))));
let viewers = [];

await Promise.all(pages.map(prepare));
await test('one watches, others join at random moments', async () => {
	viewers = await Promise.all(
		pages.map((page, i) =>
			watchJoins(page, stack.endpoint('whep', CODECS[i]), WATCH_S, JOINS),
		),
	);
	must(
		viewers.every(({ joined }) => joined.length === JOINS),
		'all have joined',
	);
});
for (const [i, codec] of CODECS.entries())
	await test(`${codec}: who joins sees a picture soon, and what the first viewer sees`, async () => {
		try {
			mustKeepUp(viewers[i]);
		} catch (error) {
			// The first one's buffer grows where the machine stalls, and stays: once more.
			note(error.message);
			mustKeepUp(
				await watchJoins(pages[i], stack.endpoint('whep', codec), WATCH_S, JOINS),
			);
		}
	});
for (const publisher of publishers) {
	publisher.kill();
	await publisher.exited;
}
must(browser.errors.length === 0, 'no page has script errors');
await browser.close();
await done();
