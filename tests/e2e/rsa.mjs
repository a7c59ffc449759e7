// `rtc-relay --rsa` (rtc_server.ecdsa off): Chromium and the two clients take the certificate, and it is the
// one that answers name.
import { createHash } from 'node:crypto';
import { Browser, dump, stateOf, stats } from './lib/browser.mjs';
import { continuity } from './lib/figures.mjs';
import { Process } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { pause, until } from './lib/wait.mjs';

const CONNECT_MAX_MS = 20000;
const MEASURE_MS = 4000;
const CLIENT_SECONDS = 3;

const stack = await Stack.start({ relay: ['--rsa'] });

/** What the page's connection says of DTLS, and the certificate that it got. */
async function handshake(page) {
	const report = await stats(page);
	const transport = report.find((s) => s.type === 'transport');
	const certificate = report.find((s) => s.id === transport.remoteCertificateId);
	const der = Buffer.from(certificate.base64Certificate, 'base64');
	const hash = createHash('sha256').update(der).digest('hex').toUpperCase();

	must(hash.match(/../g).join(':') === certificate.fingerprint, 'the digest is of that certificate');
	return { ...transport, fingerprint: certificate.fingerprint, octets: der.length };
}

/** The fingerprint of an answer. */
const answered = (page) =>
	page.evaluate(() => /^a=fingerprint:sha-256 (\S+)/m.exec(window.e2e.pcs.at(-1).remoteDescription.sdp)[1]);

await test('Chromium publishes and plays', async () => {
	const browser = await Browser.launch();
	const publisher = await browser.open(stack.whip('rsa'));

	await until('live', CONNECT_MAX_MS, async () => (await stateOf(publisher)) === 'live');
	const player = await browser.open(stack.whep('rsa'));

	await until('plays', CONNECT_MAX_MS, async () => (await stateOf(player)) === 'playing');
	await pause(MEASURE_MS);
	for (const page of [publisher, player]) {
		const got = await handshake(page);

		note(JSON.stringify(got));
		must(got.dtlsState === 'connected', got.dtlsState);
		must(/^TLS_ECDHE_RSA_WITH_/.test(got.dtlsCipher), got.dtlsCipher);
		must(got.octets > 600, `an RSA certificate: ${got.octets} octets`);
		must(got.fingerprint === (await answered(page)), 'its fingerprint is the one of the answer');
	}
	const frames = continuity(await dump(player));

	must(frames.span > 40 && frames.ratio > 0.9, JSON.stringify(frames));
	await browser.close();
});

await test('rtc-publish to rtc-play', async () => {
	const publish = new Process(
		'rtc-publish',
		['--test', '--duration', '30', stack.endpoint('whip', 'clients')],
		{ ready: false },
	);
	const play = new Process(
		'rtc-play',
		['--duration', String(CLIENT_SECONDS), '--min-fps', '15', stack.endpoint('whep', 'clients')],
		{ ready: false },
	);
	const status = await play.exited;

	must(status === 0, `rtc-play says ${status}: ${play.log()}`);
	await publish.stop();
});

await done();
