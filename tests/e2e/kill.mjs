// Under rtc-server every program but the relay is killed with SIGKILL while a page plays, idle and
// in the middle of a POST and of a DELETE: it is back within 2 s, and the page has lost nothing.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { arrival, audioGaps, inbound } from './lib/figures.mjs';
import { ask, postOffer } from './lib/http.mjs';
import { logs, root, sanitized, scratch, start } from './lib/processes.mjs';
import { address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const PROGRAMS = ['rtc-whip', 'rtc-whep', 'rtc-gate', 'rtc-web'];
const BACK_MAX_MS = sanitized ? 5000 : 2000;
const PLAY_MAX_MS = 15000;
const RATIO_MIN = 0.95;
const FRAMES_BEFORE = 50; // a browser that begins leaves pictures out, and shifts its clocks
const FRAMES_AFTER = 75;
const ESTABLISHED = '01';
const OFFERS = Object.fromEntries(
	['whip', 'whep'].map((kind) => [
		kind,
		readFileSync(join(root, `tests/vectors/sdp/chromium-${kind}-offer.sdp`), 'utf8'),
	]),
);

const run = join(scratch, 'run');
const [port, media_port] = [await freePort(), 20000 + Math.floor(Math.random() * 10000)];
const url = (path) => `http://localhost:${port}${path}`;

mkdirSync(run, { recursive: true, mode: 0o700 });
const server = await start('rtc-server', [
	'-r',
	run,
	'-c',
	join(root, 'conf/rtc.conf'),
	'-s',
	`http_api.listen=${port}`,
	'-s',
	'http_server.enabled=off',
	'-s',
	'rtc_signal.listen=0',
	'-s',
	`rtc_server.listen=${media_port}`,
	'-s',
	`rtc_server.candidate=${address}`,
]);
const browser = await Browser.launch();
const viewers = await Browser.launch();
const publisher = await browser.open(url('/players/whip.html?autostart=true&source=test&stream=k'));
const viewer = await viewers.open(url('/players/whep.html?autostart=true&stream=k'));

await until('page plays', PLAY_MAX_MS, async () => (await stateOf(viewer)) === 'playing');
const seenSoFar = async () => (await dump(viewer)).seen.length;

await until('it has begun', PLAY_MAX_MS, async () => (await seenSoFar()) >= FRAMES_BEFORE);
const begun = await seenSoFar();

const pidOf = (name) => Number(readFileSync(join(run, 'pid', name), 'utf8'));

// A request that only this program (and the gate) can answer.
const CALLS = {
	'rtc-whip': () => ask(url('/rtc/v1/whip/'), { method: 'OPTIONS' }),
	'rtc-whep': () => ask(url('/rtc/v1/whep/'), { method: 'OPTIONS' }),
	'rtc-gate': () => ask(url('/players/whep.html')),
	'rtc-web': () => ask(url('/players/whep.html')),
};

async function back(name, old, killed) {
	await until(
		`${name} back`,
		BACK_MAX_MS * 2,
		async () => pidOf(name) !== old && (await CALLS[name]()).status < 300,
	);
	const took_ms = performance.now() - killed;

	note(`${name}: back after ${took_ms.toFixed(0)} ms`);
	must(pidOf(name) !== old, `pid of ${name} changed`);
	must(took_ms < BACK_MAX_MS, `${name} back after ${took_ms.toFixed(0)} ms`);
}

async function killIdle(name) {
	const old = pidOf(name);
	const killed = performance.now();

	process.kill(old, 'SIGKILL');
	await back(name, old, killed);
}

// Stopped first, so that the request surely is with the program when it dies.
async function killInside(name, send) {
	const old = pidOf(name);

	process.kill(old, 'SIGSTOP');
	const before = connectionsTo(name);
	const answer = send().catch((error) => ({ status: 0, error }));

	await until('request on its way', PLAY_MAX_MS, () => connectionsTo(name) > before);
	const killed = performance.now();

	process.kill(old, 'SIGKILL');
	const { status, headers, body } = await answer;

	note(`${name}: the client was told ${status}`);
	// The gate speaks for the others; nobody speaks for the gate.
	if (name !== 'rtc-gate') {
		must(status === 502 || status === 503, `status ${status}`);
		must(
			/problem\+json/.test(headers['content-type'] || ''),
			`a problem body: ${body}`,
		);
	}
	await back(name, old, killed);
}

// Sockets at a program's own address, by the kernel's count: those it has accepted, and those that
// wait for it to.
function connectionsTo(name) {
	if (name === 'rtc-gate') return tcpAt('/proc/net/tcp') + tcpAt('/proc/net/tcp6');
	return readFileSync('/proc/net/unix', 'utf8')
		.split('\n')
		.filter((line) => line.includes(join(run, `${name.slice(4)}.sock`))).length;
}

function tcpAt(table) {
	const ours = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;

	return readFileSync(table, 'utf8')
		.split('\n')
		.slice(1)
		.filter((line) => {
			const [, local, , state] = line.trim().split(/\s+/);

			return local?.endsWith(ours) && state === ESTABLISHED;
		}).length;
}

for (const name of PROGRAMS)
	await test(`${name} is killed and back within 2 s`, () => killIdle(name));

for (const name of ['rtc-whip', 'rtc-whep', 'rtc-gate']) {
	const kind = name === 'rtc-whep' ? 'whep' : 'whip';
	const offer = OFFERS[kind];
	const endpoint = (stream) => url(`/rtc/v1/${kind}/?app=live&stream=${stream}`);

	await test(`${name} is killed in the middle of a POST`, async () => {
		await killInside(name, () => postOffer(endpoint('post'), offer));
		const again = await postOffer(endpoint('post'), offer);

		must(again.status === 201, `the same offer again: ${again.status} ${again.body}`);
		await ask(again.headers.location, { method: 'DELETE' });
	});
	await test(`${name} is killed in the middle of a DELETE`, async () => {
		const made = await postOffer(endpoint('delete'), offer);

		must(made.status === 201, `session made: ${made.status} ${made.body}`);
		const remove = () => ask(made.headers.location, { method: 'DELETE' });

		await killInside(name, remove);
		must((await remove()).status === 200, 'another instance deletes the session');
		must((await remove()).status === 404, 'and it is gone');
	});
}

await test('the page that played all the while has lost nothing', async () => {
	const count = await seenSoFar();

	await until(
		'frames after the last kill',
		PLAY_MAX_MS,
		async () => (await seenSoFar()) > count + FRAMES_AFTER,
	);
	const [published, played] = [await dump(publisher), await dump(viewer)];
	const report = await stats(viewer);
	const [video, sound] = [inbound(report, 'video'), inbound(report, 'audio')];
	const got = arrival(published, { ...played, seen: played.seen.slice(begun) });
	const audio = audioGaps(played);

	note(
		JSON.stringify({
			...got,
			missing: got.missing.slice(0, 20),
			audio,
			lost: [video.packetsLost, sound.packetsLost],
			frames: [video.framesReceived, video.framesDecoded, video.framesDropped],
			nacks: video.nackCount,
		}),
	);
	must(video.packetsLost === 0 && sound.packetsLost === 0, 'packetsLost is 0');
	must((video.nackCount ?? 0) === 0, `nothing had to be sent twice: ${video.nackCount}`);
	must(audio.packets > 200 && audio.gaps === 0, `audio sequence gaps: ${audio.gaps}`);
	must(got.timestamps > 0.99, `RTP timestamps are the publisher's: ${got.timestamps}`);
	must(got.ratio > RATIO_MIN, `arrived in order: ${got.ratio}`);
	must(played.connections === 1 && published.connections === 1, 'over one connection');
	must((await stateOf(viewer)) === 'playing', 'the page still plays');
});

await test('rtc-server stops on SIGTERM within 2 s', async () => {
	const began = performance.now();

	await server.stop();
	must(performance.now() - began < BACK_MAX_MS, `${performance.now() - began} ms`);
});

if (process.env.RTC_E2E_LOGS) note(logs(40));
await done();
