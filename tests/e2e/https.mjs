// The whole server by https, from conf/https.rtc.conf: a certificate of its own making, our clients
// that verify it, and a browser's camera on a page from an address that is not localhost.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { Browser, stateOf, stats } from './lib/browser.mjs';
import { inbound } from './lib/figures.mjs';
import { Process, root, scratch, start } from './lib/processes.mjs';
import { address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const STATE_MAX_MS = 15000;
const OFFER = readFileSync(join(root, 'tests/vectors/sdp/chromium-whip-offer.sdp'), 'utf8');

const ports = { api: await freePort(), web: await freePort(), plain: await freePort() };
const media = 20000 + Math.floor(Math.random() * 10000);
const options = [
	...['-c', 'conf/https.rtc.conf', '-s', 'rtc_signal.listen=0'],
	...['-s', `rtc_server.listen=${media}`, '-s', `rtc_server.candidate=${address}`],
	...['-s', `http_api.listen=${ports.plain}`, '-s', `http_api.https.listen=${ports.api}`],
	...['-s', `rtc_signal.listen=${await freePort()}`],
	// One port for both.
	...['-s', `http_server.listen=${ports.web}`, '-s', `http_server.https.listen=${ports.web}`],
];
let server = await start('rtc-server', options);
const ca = join(scratch, 'run', 'tls', 'self-signed.crt');
const base = `https://localhost:${ports.api}`;
const secure = `https://localhost:${ports.web}`;

/** A request by https that believes our certificate alone. */
const ask = (method, url, body, headers = {}) =>
	new Promise((answered, failed) => {
		const req = request(url, { method, headers, ca: readFileSync(ca) }, (answer) => {
			let text = '';

			answer.on('data', (data) => {
				text += data;
			});
			answer.on('end', () => answered({ answer, text }));
		});

		req.on('error', failed);
		req.end(body);
	});

await test('WHIP by https: the Location is one, and can be deleted', async () => {
	const { answer, text } = await ask('POST', `${base}/rtc/v1/whip/?stream=a`, OFFER, {
		'Content-Type': 'application/sdp',
	});
	const { location } = answer.headers;

	must(answer.statusCode === 201, `${answer.statusCode} ${text}`);
	must(location.startsWith(`${base}/rtc/v1/whip/session/`), `Location: ${location}`);
	must(text.includes(` ${address} ${media} typ host`), 'the candidate');
	must((await ask('DELETE', location)).answer.statusCode === 200, 'DELETE');
});

await test('our clients verify the certificate', async () => {
	const url = (kind) => `${base}/rtc/v1/${kind}/?app=live&stream=card`;
	const distrustful = new Process('rtc-publish', ['--test', url('whip')], { ready: false });

	must((await distrustful.exited) !== 0, 'without the authority it goes no further');
	must(/certificate/.test(distrustful.log()), distrustful.log());
	const publisher = new Process('rtc-publish', ['--test', '--ca-file', ca, url('whip')], {
		ready: false,
		name: 'publisher',
	});
	const player = new Process(
		'rtc-play',
		['--duration', '1.5', '--min-fps', '15', '--ca-file', ca, url('whep')],
		{ ready: false },
	);

	must((await player.exited) === 0, `rtc-play: ${player.log()}`);
	publisher.kill('SIGTERM');
	must((await publisher.exited) === 0, `rtc-publish: ${publisher.log()}`);
});

await test('a server for one port: http, https and media by TCP', async () => {
	await server.stop();
	server = await start('rtc-server', [
		...options,
		...['-s', 'rtc_server.tcp.enabled=on', '-s', `rtc_server.tcp.listen=${ports.web}`],
		...['-s', 'rtc_server.protocol=tcp'],
	]);
	const { answer, text } = await ask('POST', `${secure}/rtc/v1/whip/?stream=a`, OFFER, {
		'Content-Type': 'application/sdp',
	});

	must(answer.statusCode === 201, `${answer.statusCode} ${text}`);
	must(
		/ 1 tcp \d+ (\S+) (\d+) typ host tcptype passive/i.test(text) && !/ udp /i.test(text),
		`TCP alone: ${text}`,
	);
	must(text.includes(` ${address} ${ports.web} typ host`), 'at the port that was asked');
});

const browser = await Browser.launch({ insecure: true });

await test('a browser gives its camera to a page from an address, by that port alone', async () => {
	const page = (name) => `https://${address}:${ports.web}/players/${name}.html?autostart=true`;
	const whip = await browser.open(page('whip'));

	must(await whip.evaluate(() => window.isSecureContext), 'a secure context');
	await until('live', STATE_MAX_MS, async () => (await stateOf(whip)) === 'live');
	const whep = await browser.open(page('whep'));

	await until('playing', STATE_MAX_MS, async () => (await stateOf(whep)) === 'playing');
	const frames = async () => inbound(await stats(whep), 'video')?.framesDecoded || 0;

	process.kill(Number(readFileSync(join(scratch, 'run/pid/rtc-gate'), 'utf8')), 'SIGHUP');
	const before = await frames();

	await until('frames go on', STATE_MAX_MS, async () => (await frames()) > before + 25);
	must(/tls: certificates were read again/.test(server.log()), 'the gate read its files');
	must(browser.errors.length === 0, browser.errors.join('; '));
	const report = await stats(whep);
	const pair = report.find((s) => s.type === 'candidate-pair' && s.nominated);
	const remote = report.find((s) => s.id === pair?.remoteCandidateId);
	const way = `${remote?.protocol} ${remote?.address}:${remote?.port}`;

	must(way === `tcp ${address}:${ports.web}`, way);
	note(`${await frames()} frames decoded, from ${way}`);
});

await test('a page joins a room by wss', async () => {
	const page = await browser.open(`https://${address}:${ports.web}/`);
	const answer = await page.evaluate(
		() =>
			new Promise((answered, failed) => {
				const socket = new WebSocket(`wss://${location.host}/sig/v1/rtc`);

				socket.onmessage = (event) => answered(event.data);
				socket.onerror = () => failed(new Error('no WebSocket'));
				socket.onopen = () =>
					socket.send(
						JSON.stringify({
							tid: 't1',
							msg: { action: 'join', room: 'r', display: 'd' },
						}),
					);
			}),
	);

	must(JSON.parse(answer).tid === 't1', answer);
});

await test('the same port speaks http', async () => {
	const answer = await fetch(`http://localhost:${ports.web}/players/whep.html`);

	must(answer.status === 200, `${answer.status}`);
});

await done();
