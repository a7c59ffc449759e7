// Chromium over TCP: with UDP cut, with answers that name TCP alone, and with both, where UDP wins.
import { createSocket } from 'node:dgram';
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { arrival, inbound } from './lib/figures.mjs';
import { Process } from './lib/processes.mjs';
import { Stack, address } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const MEASURE_MS = 4000;
const RATIO_MIN = 0.95;
const PLAY_MAX_MS = 15000;

const stack = await Stack.start({ workers: 2, tcp: true });
const browser = await Browser.launch();

// The UDP port of the same number takes everything and answers nothing, as a firewall would.
const hole = createSocket('udp4');

await new Promise((bound) => {
	hole.bind(stack.tcp_port, address, bound);
});

/** Has rtc-whip or rtc-whep write other candidates. */
async function restart(name, ...args) {
	await stack.running[name].stop();
	stack.programs[name] = args;
	await stack.launch(name);
}

const cut = ['--candidate', `${address}:${stack.tcp_port}`];

await restart('rtc-whip', ...cut);
await restart('rtc-whep', ...cut);

async function play(stream) {
	const page = await browser.open(stack.whep(stream));

	await until('page plays', PLAY_MAX_MS, async () => (await stateOf(page)) === 'playing');
	return page;
}

/** Both ends of the pair that carries the media. */
async function selected(page) {
	const report = await stats(page);
	const transport = report.find((s) => s.type === 'transport');
	const pair = report.find((s) => s.id === transport?.selectedCandidatePairId);
	const local = report.find((s) => s.id === pair?.localCandidateId);
	const remote = report.find((s) => s.id === pair?.remoteCandidateId);

	return `${local?.protocol} ${remote?.protocol} ${remote?.address}:${remote?.port}`;
}

async function sessions() {
	const list = new Process('rtc-ctl', ['-j', 'sessions'], { ready: false });

	must((await list.exited) === 0, `rtc-ctl: ${list.log()}`);
	return list.output
		.trim()
		.split('\n')
		.filter(Boolean)
		.map((line) => JSON.parse(line));
}

const tcp = `tcp tcp ${address}:${stack.tcp_port}`;
let publisher = null;
let viewer = null;

await test('a page publishes and another plays while UDP is cut', async () => {
	publisher = await browser.open(stack.whip('cut'));
	await until(
		'publisher live',
		PLAY_MAX_MS,
		async () => (await stateOf(publisher)) === 'live',
	);
	viewer = await play('cut');
	for (const page of [publisher, viewer])
		must((await selected(page)) === tcp, await selected(page));
	await pause(MEASURE_MS);
	const got = arrival(await dump(publisher), await dump(viewer));
	const report = await stats(viewer);
	const [video, sound] = [inbound(report, 'video'), inbound(report, 'audio')];

	note(JSON.stringify({ ...got, missing: got.missing.slice(0, 20) }));
	must(got.encoded > (MEASURE_MS / 1000) * 17, `frames encoded: ${got.encoded}`);
	must(got.ratio > RATIO_MIN, `arrived in order: ${got.ratio}`);
	must(video.packetsLost === 0 && sound.packetsLost === 0, 'packetsLost is 0');
	must(sound.packetsReceived > 100, `sound: ${sound.packetsReceived} packets`);
});

await test('rtc-ctl tells what they use', async () => {
	const rows = await sessions();

	must(rows.length === 2, `${rows.length} sessions`);
	for (const row of rows) {
		must(row.protocol === 'tcp', `${row.kind} by ${row.protocol}`);
		must(row.frames_dropped === 0, `left out: ${row.frames_dropped}`);
	}
	must(
		rows.every((row) => row.rtt_us > 0),
		'round trips are measured',
	);
});

await test('an answer that names TCP alone', async () => {
	await restart('rtc-whep', '--candidate', address, '--protocol', 'tcp');
	const page = await play('cut');

	must((await selected(page)) === tcp, await selected(page));
	await page.close();
});

await test('where both work, UDP carries the media', async () => {
	await restart('rtc-whep', '--candidate', address, '--protocol', 'all');
	const page = await play('cut');
	const udp = `udp udp ${address}:${stack.media_port}`;

	await until('UDP is selected', PLAY_MAX_MS, async () => (await selected(page)) === udp);
	await until('and the relay follows', PLAY_MAX_MS, async () => {
		const rows = await sessions();

		return rows.some((row) => row.kind === 'play' && row.protocol === 'udp');
	});
	await page.close();
	must(browser.errors.length === 0, 'no page has script errors');
});

hole.close();
await done();
