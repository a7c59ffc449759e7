// Chromium through a TURN server (coturn) that our endpoints name: a page publishes and another
// plays, both told to use nothing else; and the Link fields that the pages read.
import { writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { arrival, inbound } from './lib/figures.mjs';
import { Process, scratch } from './lib/processes.mjs';
import { Stack, address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const MEASURE_MS = 4000;
const RATIO_MIN = 0.95;
const PLAY_MAX_MS = 15000;
const USER = ['user', 'secret'];

const port = await freePort();
const coturn = new Process(
	'/usr/bin/turnserver',
	[
		...['-n', '-v', '-L', address, '-p', String(port), '-E', address, '-a', '-r', 'example.org'],
		...['-u', USER.join(':'), '--no-tls', '--no-dtls', '--no-cli', '--no-rfc5780'],
		...['--userdb', join(scratch, 'turn.db'), '--pidfile', join(scratch, 'turn.pid')],
		...['--simple-log', '-l', 'stdout', '--min-port', '31000', '--max-port', '31999'],
	],
	{ name: 'coturn', ready: false },
);
const answers = () =>
	new Promise((answer) => {
		const socket = createSocket('udp4');
		const end = (is) => {
			clearTimeout(timer);
			socket.close();
			answer(is);
		};
		const timer = setTimeout(() => end(false), 500);

		socket.on('message', () => end(true));
		socket.on('error', () => end(false));
		socket.send(
			Buffer.from('000100002112a442000102030405060708090a0b', 'hex'),
			port,
			address,
		);
	});

await until('coturn answers', PLAY_MAX_MS, answers);

const stack = await Stack.start();
const browser = await Browser.launch();

async function name_servers(...lines) {
	const file = join(scratch, 'servers');

	writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
	for (const name of ['rtc-whip', 'rtc-whep']) {
		await stack.running[name].stop();
		stack.programs[name] = ['--candidate', address, '--ice-server-file', file];
		await stack.launch(name);
	}
}

/** Both ends of the pair that carries the media. */
async function selected(page) {
	const report = await stats(page);
	const transport = report.find((s) => s.type === 'transport');
	const pair = report.find((s) => s.id === transport?.selectedCandidatePairId);
	const local = report.find((s) => s.id === pair?.localCandidateId);

	return `${local?.candidateType} ${local?.relayProtocol ?? ''}`.trim();
}

async function through(transport) {
	const stream = `by-${transport}`;

	await name_servers(`turn:${address}:${port}?transport=${transport} ${USER.join(' ')}`);
	const publisher = await browser.open(`${stack.whip(stream)}&ice=relay`);

	await until('live', PLAY_MAX_MS, async () => (await stateOf(publisher)) === 'live');
	const viewer = await browser.open(`${stack.whep(stream)}&ice=relay`);

	await until('plays', PLAY_MAX_MS, async () => (await stateOf(viewer)) === 'playing');
	for (const page of [publisher, viewer])
		must((await selected(page)) === `relay ${transport}`, await selected(page));
	await pause(MEASURE_MS);
	const got = arrival(await dump(publisher), await dump(viewer));
	const video = inbound(await stats(viewer), 'video');

	note(JSON.stringify({ ...got, missing: got.missing.slice(0, 20) }));
	must(got.encoded > (MEASURE_MS / 1000) * 17, `frames encoded: ${got.encoded}`);
	must(got.ratio > RATIO_MIN, `arrived in order: ${got.ratio}`);
	must(video.packetsLost === 0, 'packetsLost is 0');
	await viewer.close();
	await publisher.close();
}

await test('pages publish and play by TURN over UDP', () => through('udp'));
await test('and over TCP', () => through('tcp'));

await test('where both ways work the server is not between', async () => {
	const publisher = await browser.open(stack.whip('straight'));

	await until('live', PLAY_MAX_MS, async () => (await stateOf(publisher)) === 'live');
	await until('host', PLAY_MAX_MS, async () => /host|prflx/.test(await selected(publisher)));
	await publisher.close();
});

await test('Link fields as they come are read', async () => {
	const page = await browser.open(stack.url('/'));
	const got = await page.evaluate(async () => {
		const { iceServersOf } = await import('/js/ice_servers.js');

		return [
			null,
			'',
			'nonsense',
			'<stun:a>; rel="ice-server"',
			'<turn:a:1?transport=udp>; rel="ice-server"; username="q\\"u"; credential="c, <d>"; ' +
				'credential-type="password", </next>; rel=next, <stun:b>;rel=ice-server',
			'<turn:a>; rel="ice-server"',
			'<http://a>; rel="ice-server"',
			'<stun:a>; rel="ice-servers"',
		].map((field) => iceServersOf(field));
	});
	const want = [
		[],
		[],
		[],
		[{ urls: 'stun:a' }],
		[
			{ urls: 'turn:a:1?transport=udp', username: 'q"u', credential: 'c, <d>' },
			{ urls: 'stun:b' },
		],
		[],
		[],
		[],
	];

	must(JSON.stringify(got) === JSON.stringify(want), JSON.stringify(got));
	await page.close();
	must(browser.errors.length === 0, `script errors: ${browser.errors}`);
});

coturn.kill(); // it ends by the signal itself, whichever
await coturn.exited;
await done();
