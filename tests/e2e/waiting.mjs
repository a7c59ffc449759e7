// Who comes first, who comes second, who comes back: one viewer's page sees them all, over one and
// the same connection.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { ask, postOffer } from './lib/http.mjs';
import { root, sanitized } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const STREAM = 'queue';
const PLAY_MAX_MS = 15000;
const REPLACED_MAX_MS = sanitized ? 6000 : 3000;
const OFFER = readFileSync(join(root, 'tests/vectors/sdp/chromium-whip-offer.sdp'), 'utf8');
const FRAMES = 25;

const stack = await Stack.start();
const viewers = await Browser.launch();
const first = await Browser.launch();
const second = await Browser.launch();
const viewer = await viewers.open(stack.whep(STREAM));
let publisher = null;
let heir = null;

const inState = (page, what, state, max_ms) =>
	until(what, max_ms, async () => (await stateOf(page)) === state);

async function framesGoOn(page) {
	const before = await page.evaluate(() => window.e2e.seen.length);

	await until(
		'frames go on',
		PLAY_MAX_MS,
		async () => (await page.evaluate(() => window.e2e.seen.length)) > before + FRAMES,
	);
}

await test('a viewer before its publisher waits, then sees the picture', async () => {
	await inState(viewer, 'viewer waits', 'waiting', PLAY_MAX_MS);
	must(
		/Nobody is publishing/.test(await viewer.textContent('#message')),
		'the page says why',
	);
	publisher = await first.open(stack.whip(STREAM));
	await inState(viewer, 'viewer plays', 'playing', PLAY_MAX_MS);
	await framesGoOn(viewer);
});

await test('a second publisher gets 409 and its page says so', async () => {
	const refused = await postOffer(stack.endpoint('whip', STREAM), OFFER);

	must(refused.status === 409, `status ${refused.status}`);
	must(
		/problem\+json/.test(refused.headers['content-type']),
		refused.headers['content-type'],
	);
	heir = await second.open(stack.whip(STREAM));
	await inState(heir, 'second publisher refused', 'failed', PLAY_MAX_MS);
	const said = await heir.textContent('#message');

	must(said.includes('409') && said.includes('publishing'), `words: ${said}`);
	must((await stateOf(publisher)) === 'live', 'the first one stays');
	await framesGoOn(viewer);
});

await test('killed with SIGKILL it is replaced within 3 s', async () => {
	const killed = performance.now();

	await first.kill();
	const answer = await until('successor accepted', REPLACED_MAX_MS * 2, async () => {
		const tried = await postOffer(stack.endpoint('whip', STREAM), OFFER);

		return tried.status === 201 && tried;
	});
	const took_ms = performance.now() - killed;

	note(`accepted after ${took_ms.toFixed(0)} ms`);
	must(took_ms < REPLACED_MAX_MS, `replaced after ${took_ms.toFixed(0)} ms`);
	await ask(answer.headers.location, { method: 'DELETE' });
	await heir.evaluate(() => window.rtckit.start());
	await inState(heir, 'successor live', 'live', PLAY_MAX_MS);
	await framesGoOn(viewer);
});

await test('a publisher that leaves and returns keeps its viewer', async () => {
	await heir.evaluate(() => window.rtckit.stop());
	await inState(viewer, 'viewer waits again', 'waiting', PLAY_MAX_MS);
	await heir.evaluate(() => window.rtckit.start());
	await inState(viewer, 'viewer plays again', 'playing', PLAY_MAX_MS);
	await framesGoOn(viewer);
	const { connections, states } = await dump(viewer);

	must(connections === 1, `the viewer used ${connections} connections`);
	must(
		states.every(([, s]) => s === 'connecting' || s === 'connected'),
		`states: ${states.map(([, s]) => s)}`,
	);
});

await test('a successor with another codec keeps the viewer too', async () => {
	await heir.goto(`${stack.whip(STREAM)}&codec=vp8`);
	await inState(heir, 'successor live', 'live', PLAY_MAX_MS);
	await framesGoOn(viewer);
	const codecs = (await stats(viewer))
		.filter((s) => s.type === 'codec')
		.map((s) => s.mimeType);

	must(codecs.includes('video/VP8'), `codecs: ${codecs}`);
	must((await dump(viewer)).connections === 1, 'over the same connection');
});

await test('no page had a script error', () =>
	must(viewers.errors.length + first.errors.length + second.errors.length === 0, 'errors'));
await done();
