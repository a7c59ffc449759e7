// Chromium publishes a tone as RED (RFC 2198). Who takes RED gets it, under its own payload types;
// who does not gets Opus: another Chromium, rtc-play, rtc2rtmp. All of them hear the tone.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import werift from 'werift';
import { Browser } from './lib/browser.mjs';
import { Process, scratch, start } from './lib/processes.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Stack, address, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const { RTCPeerConnection, RTCRtpCodecParameters } = werift;
const HZ = 440;
const RATE = 48000;
const SECONDS = 3;
const START_MAX_MS = 20000;
const SHARE_MIN = 0.5; // of the sound's energy in the tone; a coder leaves more than nine tenths
const LOSS = 0.1;
const LOSSY_PACKETS = 500;
const OPUS_PT = 100; // werift's: others than the publisher's
const RED_PT = 101;
const FOLLOWS = 0x80; // RFC 2198 s.3: another header comes

const stack = await Stack.start({ workers: 2 });

stack.programs.rtc2rtmp = ['--wait', '10'];
await stack.launch('rtc2rtmp');
const browser = await Browser.launch({ instrument: false });
const page = await browser.open(stack.url('/index.html'));

/** In the page: a session in window.sessions[name] that prefers these codecs, in this order. */
async function connect(role, name, codecs, url) {
	await page.evaluate(
		async ([kind, id, order, endpoint, hz]) => {
			const pc = new RTCPeerConnection();
			const { codecs: all } = RTCRtpSender.getCapabilities('audio');
			const wanted = order.flatMap((c) => all.filter((a) => a.mimeType === `audio/${c}`));
			const audio = new AudioContext();
			let transceiver;

			audio.resume();
			window.sessions ??= {};
			window.sessions[id] = { pc };
			if (kind === 'whip') {
				const oscillator = new OscillatorNode(audio, { frequency: hz });
				const out = new MediaStreamAudioDestinationNode(audio);

				oscillator.connect(out);
				oscillator.start();
				const [track] = out.stream.getAudioTracks();

				transceiver = pc.addTransceiver(track, { direction: 'sendonly' });
			} else {
				transceiver = pc.addTransceiver('audio', { direction: 'recvonly' });
				pc.ontrack = ({ track }) => {
					const stream = new MediaStream([track]);
					const element = new Audio();
					const analyser = new AnalyserNode(audio, { fftSize: 4096 });

					element.srcObject = stream; // Chromium decodes for an element only
					element.play();
					audio.createMediaStreamSource(stream).connect(analyser);
					Object.assign(window.sessions[id], { analyser, element });
				};
			}
			transceiver.setCodecPreferences(wanted);
			await pc.setLocalDescription();
			const answer = await fetch(endpoint, {
				method: 'POST',
				headers: { 'Content-Type': 'application/sdp' },
				body: pc.localDescription.sdp,
			});
			const sdp = await answer.text();

			if (answer.status !== 201) throw new Error(`${id}: ${answer.status} ${sdp}`);
			window.sessions[id].answer = sdp;
			await pc.setRemoteDescription({ type: 'answer', sdp });
		},
		[role, name, codecs, url, HZ],
	);
}

/** Counters of a session, and the loudest frequency that it hears. */
const figures = (name) =>
	page.evaluate(async (id) => {
		const { pc, analyser } = window.sessions[id];
		const report = [...(await pc.getStats()).values()];
		const rtp = report.find((s) => /^(in|out)bound-rtp$/.test(s.type));
		const bins = new Float32Array(analyser?.frequencyBinCount ?? 1);

		analyser?.getFloatFrequencyData(bins);
		const top = bins.indexOf(Math.max(...bins));

		return {
			...rtp,
			hz: analyser ? (top * analyser.context.sampleRate) / analyser.fftSize : 0,
			db: bins[top],
		};
	}, name);

const packetsOf = (f) => f.packetsReceived ?? f.packetsSent;
const octetsOf = (f) => f.bytesReceived ?? f.bytesSent;

/** Octets of a packet over the next so many of each of the names. */
async function sizes(names, packets = 100) {
	const before = await Promise.all(names.map(figures));
	const all = await until('packets', START_MAX_MS, async () => {
		const now = await Promise.all(names.map(figures));

		return now.every((f, i) => packetsOf(f) >= packetsOf(before[i]) + packets) && now;
	});

	return all.map((f, i) => {
		const earlier = before[i];

		return (octetsOf(f) - octetsOf(earlier)) / (packetsOf(f) - packetsOf(earlier));
	});
}

/** The tone's share of the energy of a file's sound (Goertzel), from its first second on. */
function shareOf(file) {
	const { stdout, stderr, status } = spawnSync(
		'ffmpeg',
		[
			...['-v', 'error', '-nostdin', '-i', file, '-vn', '-ac', '1', '-ar', String(RATE)],
			...['-f', 'f32le', '-'],
		],
		{ maxBuffer: 1 << 26 },
	);

	must(status === 0, `ffmpeg: ${stderr}`);
	const at = new Float32Array(stdout.buffer, stdout.byteOffset, stdout.length >> 2).slice(RATE);
	const turn = 2 * Math.cos((2 * Math.PI * HZ) / RATE);
	let [a, b, energy] = [0, 0, 0];

	must(at.length > RATE, `only ${at.length} samples`);
	for (const x of at.slice(0, RATE)) {
		[a, b] = [x + turn * a - b, a];
		energy += x * x;
	}
	return (2 * (a * a + b * b - turn * a * b)) / (RATE * energy);
}

await test('Chromium publishes RED when its offer has it first', async () => {
	await connect('whip', 'from', ['red', 'opus'], stack.endpoint('whip', 'red'));
	await connect('whip', 'plain', ['opus', 'red'], stack.endpoint('whip', 'plain'));
	for (const name of ['from', 'plain'])
		await until(`${name} sends`, START_MAX_MS, async () => {
			const { packetsSent } = await figures(name);

			return packetsSent > 50;
		});
	const [red, plain] = await sizes(['from', 'plain']);

	note(`RED ${red.toFixed(1)} octets a packet, Opus ${plain.toFixed(1)}`);
	must(red > 1.5 * plain, 'RED carries the packet before, too');
});

await test('players that take RED get it, others Opus; both hear the tone', async () => {
	const players = {
		both: [['opus', 'red'], 'red'],
		opus: [['opus'], 'red'],
		first: [['red', 'opus'], 'plain'],
	};

	for (const [name, [codecs, stream]] of Object.entries(players))
		await connect('whep', name, codecs, stack.endpoint('whep', stream));
	for (const name of Object.keys(players))
		await until(`${name} hears the tone`, START_MAX_MS, async () => {
			const f = await figures(name);

			return f.packetsReceived > 100 && Math.abs(f.hz - HZ) < 15 && f.db > -60;
		});
	const [sent, both, opus, first] = await sizes(['from', ...Object.keys(players)]);

	note(
		`sent as RED ${sent.toFixed(1)} octets a packet, received ${both.toFixed(1)}, as Opus ` +
			`${opus.toFixed(1)}; sent as Opus, received by who prefers RED ${first.toFixed(1)}`,
	);
	must(Math.abs(both / sent - 1) < 0.1, 'RED goes through as it came');
	must(opus < 0.6 * sent, 'Opus alone is smaller');
	must(first < 0.6 * sent, 'Opus is not made RED');
	for (const name of Object.keys(players))
		must((await figures(name)).packetsLost === 0, `${name}: nothing is lost`);
});

await test('on a link that loses a tenth, RED conceals less than half of what Opus does', async () => {
	const proxy = await Proxy.start(address, stack.media_port, LOSS);
	const port = await freePort();
	const names = ['lossy-red', 'lossy-opus'];
	const concealed = (f) => f.concealedSamples / f.totalSamplesReceived;

	await start(
		'rtc-whep',
		[
			...['-l', String(port), '-c', `${address}:${proxy.port}`],
			...['--no-detect', '--no-api-candidate'],
		],
		{ name: 'rtc-whep-lossy' },
	);
	for (const name of names) {
		const url = `http://localhost:${port}/rtc/v1/whep/?app=live&stream=red`;

		await connect('whep', name, name === names[0] ? ['opus', 'red'] : ['opus'], url);
	}
	for (const name of names)
		await until(`${name} receives`, START_MAX_MS, async () => {
			const f = await figures(name);

			return f.packetsReceived > 50;
		});
	proxy.lossy = true;
	await sizes(names, LOSSY_PACKETS);
	proxy.lossy = false;
	const [red, opus] = await Promise.all(names.map(figures));

	note(
		`${red.packetsLost} and ${opus.packetsLost} of ${opus.packetsReceived} packets lost; ` +
			`concealed ${(100 * concealed(red)).toFixed(2)} % with RED, ` +
			`${(100 * concealed(opus)).toFixed(2)} % without`,
	);
	must(Math.min(red.packetsLost, opus.packetsLost) > LOSSY_PACKETS / 40, 'packets are lost');
	must(concealed(red) < concealed(opus) / 2, 'RED fills the holes');
});

await test('rtc-play and rtc2rtmp hear it', async () => {
	const file = join(scratch, 'red.mkv');
	const play = new Process(
		'rtc-play',
		['-j', '--duration', String(SECONDS), stack.endpoint('whep', 'red'), file],
		{ ready: false },
	);
	const flv = stack.url('/live/red.flv');
	const pulled = join(scratch, 'red.flv');
	const pull = new Process(
		'/usr/bin/ffmpeg',
		['-v', 'error', '-nostdin', '-i', flv, '-t', String(SECONDS), '-c', 'copy', pulled],
		{ ready: false, name: 'pull' },
	);

	must((await play.exited) === 0, `rtc-play: ${play.status} ${play.output} ${play.log()}`);
	must((await pull.exited) === 0, `ffmpeg: ${pull.log()}`);
	for (const [name, path] of [
		['rtc-play', file],
		['rtc2rtmp', pulled],
	]) {
		const share = shareOf(path);

		note(`${name}: ${(100 * share).toFixed(1)} % of the energy is the tone`);
		must(share > SHARE_MIN, `${name} hears the tone`);
	}
});

await test('the blocks have the payload type that the player gave Opus', async () => {
	const pc = new RTCPeerConnection({
		codecs: {
			audio: [
				new RTCRtpCodecParameters({
					mimeType: 'audio/opus',
					clockRate: RATE,
					channels: 2,
					payloadType: OPUS_PT,
				}),
				new RTCRtpCodecParameters({
					mimeType: 'audio/red',
					clockRate: RATE,
					channels: 2,
					payloadType: RED_PT,
					parameters: `${OPUS_PT}/${OPUS_PT}`,
				}),
			],
			video: [],
		},
		iceServers: [{ urls: `stun:${address}:${stack.media_port}` }],
	});
	const packets = [];
	const transceiver = pc.addTransceiver('audio', { direction: 'recvonly' });

	transceiver.receiver.handleRTP = (rtp) => packets.push(rtp); // before werift unpacks it
	await pc.setLocalDescription(await pc.createOffer());
	const answer = await fetch(stack.endpoint('whep', 'red'), {
		method: 'POST',
		headers: { 'Content-Type': 'application/sdp' },
		body: pc.localDescription.sdp,
	});
	const sdp = await answer.text();

	must(answer.status === 201, sdp);
	must(sdp.includes(`a=fmtp:${RED_PT} ${OPUS_PT}/${OPUS_PT}`), `answered with RED: ${sdp}`);
	await pc.setRemoteDescription({ type: 'answer', sdp });
	await until('packets', START_MAX_MS, () => packets.length > 50);
	for (const { header, payload } of packets) {
		must(header.payloadType === RED_PT, `payload type ${header.payloadType}`);
		for (let at = 0; ; at += 4) {
			must((payload[at] & 0x7f) === OPUS_PT, `block of payload type ${payload[at] & 0x7f}`);
			if ((payload[at] & FOLLOWS) === 0) break;
		}
	}
	note(`${packets.length} packets of RED`);
	await pc.close();
});

await browser.close();
await done();
