// A client of the matrix on werift, a stack in TypeScript. It has no coders: what it publishes comes
// from ffmpeg, which makes keyframes by its own clock; what it plays it counts by timestamps.
// Orders as in client_base.py. Its argument is a STUN server: the relay's own port is one.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import werift from 'werift';

const { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } = werift;

const FEEDBACK = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }];
const PARAMETERS = { H264: 'packetization-mode=1;profile-level-id=42e01f' };
const SOUND = [
	new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48000, channels: 2 }),
	new RTCRtpCodecParameters({ mimeType: 'audio/PCMU', clockRate: 8000, payloadType: 0 }),
];
const codecOf = (name) =>
	new RTCRtpCodecParameters({
		mimeType: `video/${name}`,
		clockRate: 90000,
		rtcpFeedback: FEEDBACK,
		parameters: PARAMETERS[name],
	});
const ENCODERS = {
	H264: '-c:v libx264 -profile:v baseline -tune zerolatency -preset ultrafast -g 15',
	VP8: '-c:v libvpx -deadline realtime -cpu-used 8 -g 15',
};

const KNOWN_MAX = 256; // timestamps, of the latest pictures
const STUN = process.argv[2];
const peers = new Map();

async function exchange(it, url) {
	await it.pc.setLocalDescription(await it.pc.createOffer());
	const answer = await fetch(url, {
		method: 'POST',
		headers: { 'Content-Type': 'application/sdp' },
		body: it.pc.localDescription.sdp,
	});
	const sdp = await answer.text();

	if (answer.status !== 201) throw new Error(`${answer.status} ${sdp}`);
	it.location = new URL(answer.headers.get('location'), url).href;
	await it.pc.setRemoteDescription({ type: 'answer', sdp });
}

// Pictures, by their timestamps, in whatever order they come.
function counter(it) {
	const known = new Set();

	return (ts) => {
		if (known.has(ts)) return;
		known.add(ts);
		if (known.size > KNOWN_MAX) known.delete(known.values().next().value);
		it.frames++;
	};
}

// ffmpeg's RTP, once media can flow; it renumbers nothing, werift sets the rest.
async function feed(it, { codec, picture: { width, height, fps, bps } }, track) {
	const socket = createSocket('udp4');
	const count = counter(it);

	it.socket = socket;
	await new Promise((bound) => {
		socket.bind(0, '127.0.0.1', bound);
	});
	socket.on('message', (packet) => {
		const type = packet[1] & 0x7f;

		if (type >= 72 && type <= 76) return; // RTCP
		count(packet.readUInt32BE(4));
		track.writeRtp(packet);
	});
	const { port } = socket.address();

	it.ffmpeg = spawn(
		'ffmpeg',
		[
			...`-v error -re -f lavfi -i testsrc2=size=${width}x${height}:rate=${fps}`.split(' '),
			...`-pix_fmt yuv420p ${ENCODERS[codec]} -b:v ${bps}`.split(' '),
			...`-payload_type 96 -f rtp rtp://127.0.0.1:${port}?pkt_size=1200`.split(' '),
		],
		{ stdio: ['ignore', 'ignore', 'inherit'] },
	);
}

function connected(pc) {
	return new Promise((yes) => {
		const look = () => pc.connectionState === 'connected' && yes();

		pc.connectionStateChange.subscribe(look);
		look();
	});
}

function make(order, codecs) {
	const pc = new RTCPeerConnection({
		codecs: { audio: SOUND, video: codecs.map(codecOf) },
		iceServers: [{ urls: STUN }], // without one it would ask a public server
	});
	const it = { pc, frames: 0, error: null };

	peers.set(order.id, it);
	return it;
}

async function publish(it, order) {
	const track = new MediaStreamTrack({ kind: 'video' });

	it.pc.addTransceiver(track, { direction: 'sendonly' });
	await exchange(it, order.url);
	await connected(it.pc);
	await feed(it, order, track);
}

async function play(it, order) {
	const transceiver = it.pc.addTransceiver(order.kind, { direction: 'recvonly' });
	const count = counter(it);

	transceiver.onTrack.subscribe((track) =>
		track.onReceiveRtp.subscribe((rtp) => count(rtp.header.timestamp)),
	);
	await exchange(it, order.url);
}

async function stop(it) {
	it.ffmpeg?.kill();
	it.socket?.close();
	await it.pc.close();
	if (it.location) await fetch(it.location, { method: 'DELETE' }).catch(() => {});
}

const ORDERS = {
	publish: (order) => [make(order, [order.codec]), publish],
	play: (order) => [make(order, ['VP8', 'H264']), play],
};

for await (const line of createInterface({ input: process.stdin })) {
	const order = JSON.parse(line);

	if (order.op === 'counts') {
		const at = performance.now();
		const all = [...peers].map(([id, { frames, error }]) => [id, { frames, at, error }]);

		process.stdout.write(`${JSON.stringify(Object.fromEntries(all))}\n`);
	} else if (order.op === 'stop') {
		const it = peers.get(order.id);

		peers.delete(order.id);
		stop(it).catch(() => {});
	} else {
		const [it, fn] = ORDERS[order.op](order);

		fn(it, order).catch((error) => {
			it.error = `${error.message} ${error.cause ?? ''}`;
		});
	}
}
for (const it of peers.values()) it.ffmpeg?.kill();
process.exit(0);
