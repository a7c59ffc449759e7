// The conversations that the reference's load tool and regression tests hold, with Chromium as the
// client: publish and play by JSON with just the members that they send, each DTLS role, each flight
// of the handshake lost once, and a very bad network; what they look for in the answers.
import { Browser } from './lib/browser.mjs';
import { start } from './lib/processes.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Stack, address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const PACKETS = 10; // of RTP: so many and a conversation has succeeded
const TALK_MAX_MS = 20000;
const [CLIENT_HELLO, SERVER_HELLO, CERTIFICATE] = [1, 2, 11]; // RFC 5246 s.7.4
const [CHANGE_CIPHER_SPEC, HANDSHAKE] = [20, 22]; // types of records
const RECORD_HEADER = 13;
const ROLES = { actpass: 'passive', active: 'passive', passive: 'active' };

const stack = await Stack.start();
const proxy = await Proxy.start(address, stack.media_port);
const port = { publish: await freePort(), play: await freePort() };

for (const [kind, program] of [
	['publish', 'rtc-whip'],
	['play', 'rtc-whep'],
])
	await start(
		program,
		[
			...['-l', String(port[kind]), '-c', `${address}:${proxy.port}`],
			...['--no-detect', '--no-api-candidate'],
		],
		{ name: `${program}-proxied` },
	);
const browser = await Browser.launch({ instrument: false });
const page = await browser.open(stack.url('/index.html'));

/** What the first record of a datagram is. */
function flightOf(packet) {
	if (packet[0] === CHANGE_CIPHER_SPEC) return 'ChangeCipherSpec';
	if (packet[0] !== HANDSHAKE || packet.readUInt16BE(3) !== 0) return '';
	return (
		{ [CLIENT_HELLO]: 'ClientHello', [SERVER_HELLO]: 'ServerHello', [CERTIFICATE]: 'Certificate' }[
			packet[RECORD_HEADER]
		] ?? ''
	);
}

/**
 * In the page: a session in window.talks[name]; setup: what the offer says of DTLS. The load tool
 * names the stream by webrtc, the regression tests by the scheme that they post to.
 */
const talk = (kind, name, stream, setup, scheme = 'http') =>
	page.evaluate(
		async ([what, id, url, role, at]) => {
			const pc = new RTCPeerConnection();
			const audio = new AudioContext();

			window.talks ??= {};
			window.talks[id] = pc;
			if (what === 'publish') {
				const oscillator = new OscillatorNode(audio);
				const out = new MediaStreamAudioDestinationNode(audio);

				oscillator.connect(out);
				oscillator.start();
				audio.resume();
				pc.addTransceiver(out.stream.getAudioTracks()[0], { direction: 'sendonly' });
			} else {
				pc.addTransceiver('audio', { direction: 'recvonly' });
			}
			await pc.setLocalDescription();
			const sdp = pc.localDescription.sdp.replace(/setup:actpass/g, `setup:${role}`);
			const api = `http://localhost:${at}/rtc/v1/${what}/`;
			// No type, no tid, an empty clientip: what Go's http.Post of their tool sends.
			const response = await fetch(api, {
				method: 'POST',
				body: new Blob([JSON.stringify({ api, clientip: '', sdp, streamurl: url })]),
			});
			const answer = await response.json();

			if (answer.code === 0)
				await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
			return answer;
		},
		[kind, name, `${scheme}://localhost/rtc/${stream}`, setup, port[kind]],
	);

const packets = (name) =>
	page.evaluate(async (id) => {
		const all = [...(await window.talks[id].getStats()).values()];
		const rtp = all.find((s) => /^(in|out)bound-rtp$/.test(s.type));

		return rtp?.packetsReceived ?? rtp?.packetsSent ?? 0;
	}, name);

const moves = (name) =>
	until(`${name} moves`, TALK_MAX_MS, async () => (await packets(name)) >= PACKETS);

const hangUp = (name) => page.evaluate((id) => window.talks[id].close(), name);

/** Drops so many datagrams of each flight; returns what is still to be dropped. */
function choose(drops) {
	const left = { ...drops };

	proxy.chosen = (_way, packet) => {
		const flight = flightOf(packet);

		if (!left[flight]) return false;
		left[flight]--;
		return true;
	};
	return left;
}

await test('publish and play; the answers and the list of streams have what they read', async () => {
	const [sent, got] = [
		await talk('publish', 'pub', 'regression-1', 'actpass', 'webrtc'),
		await talk('play', 'play', 'regression-1', 'actpass', 'webrtc'),
	];

	for (const answer of [sent, got]) {
		must(answer.code === 0 && typeof answer.sdp === 'string', JSON.stringify(answer));
		must(/^\S+:\S+$/.test(answer.sessionid), `session: ${answer.sessionid}`);
		const [section] = answer.sdp.split(/^(?=m=)/m).slice(1);
		const fields = section.match(/^a=candidate:(.*)\r$/m)[1].split(' ');

		must(fields.length > 6 && fields[2] === 'udp', `the first candidate: ${fields}`);
		must(fields[4] === address && Number(fields[5]) === proxy.port, `its address: ${fields}`);
	}
	await moves('pub');
	await moves('play');
	const list = await (await fetch(stack.url('/api/v1/streams/'))).json();
	const stream = list.streams.find((s) => s.name.endsWith('regression-1'));

	must(list.code === 0 && list.server, JSON.stringify(list));
	must(stream.app === 'rtc' && stream.clients === 2 && stream.vhost, JSON.stringify(stream));
	must(stream.publish.active && stream.publish.cid, JSON.stringify(stream.publish));
	await hangUp('play');
	await hangUp('pub');
	await until('the stream is over', TALK_MAX_MS, async () => {
		const { streams } = await (await fetch(stack.url('/api/v1/streams/'))).json();

		return !streams.some((s) => s.publish.active);
	});
});

const BAD = {
	'nothing is lost': {},
	'ClientHello is lost': { ClientHello: 1 },
	'ServerHello is lost': { ServerHello: 1 },
	'Certificate is lost': { Certificate: 1 },
	'ChangeCipherSpec is lost': { ChangeCipherSpec: 1 },
	'a very bad network': { ClientHello: 4, Certificate: 3 },
};

for (const [setup, answered] of Object.entries(ROLES))
	await test(`setup:${setup}, whatever is lost of the handshake`, async () => {
		for (const [name, drops] of Object.entries(BAD)) {
			const id = `${setup}-${Object.entries(drops).join('-').replaceAll(',', '')}`;
			const left = choose(drops);
			const began = performance.now();
			const answer = await talk('publish', id, id, setup);

			must(answer.code === 0, `${name}: ${JSON.stringify(answer)}`);
			must(answer.sdp.includes(`a=setup:${answered}\r\n`), `${name}: ${answer.sdp}`);
			await moves(id);
			note(`${name}: ${Math.round(performance.now() - began)} ms`);
			must(Object.values(left).every((n) => n === 0), `${name}: ${JSON.stringify(left)}`);
			await hangUp(id);
		}
		proxy.chosen = null;
	});

await browser.close();
await done();
