// Every client that publishes times every client that plays: with a codec in common more than 95 %
// of the encoded pictures are decoded; without one the player is told both sides' codecs.
// Then the same of sound: Opus, G.711 and G.722 as they are; RED, of which players without it get Opus.
// RTC_MATRIX=long: pictures of full size, one publisher at a time, and Pion (tests/long/matrix.t).
import { allClients, pion } from './lib/clients.mjs';
import { Matrix } from './lib/matrix.mjs';
import { Stack } from './lib/stack.mjs';
import { done } from './lib/tap.mjs';

const LONG = process.env.RTC_MATRIX === 'long';
const SMALL = { width: 320, height: 240, fps: 15, bps: 300000 };
const LARGE = { width: 1280, height: 720, fps: 25, bps: 1500000 };

const stack = await Stack.start();
const codecs = {
	chromium: ['H264', 'VP8', 'VP9', 'AV1'],
	firefox: ['VP8', 'VP9', 'AV1'],
	gstreamer: ['H264', 'VP8', 'VP9', 'H265'],
	aiortc: ['H264', 'VP8'],
	werift: ['H264', 'VP8'],
	rtckit: ['H264', 'VP8', 'VP9', 'AV1', 'H265'],
};

const clients = { ...(await allClients(stack)), ...(LONG ? { pion: pion() } : {}) };
const ofPion = (...names) => (LONG ? { pion: names } : {});

await new Matrix({
	stack,
	clients,
	kind: 'video',
	publishes: { ...codecs, ...ofPion('H264', 'VP8') },
	plays: { ...codecs, ...ofPion('H264', 'VP8', 'VP9') },
	picture: LONG ? LARGE : SMALL,
	waves: LONG ? 1 : 7,
	window_ms: LONG ? 10000 : 4000,
}).run();

const { rtckit, ...others } = clients; // its programs take Opus alone

await new Matrix({
	stack,
	clients: others,
	kind: 'audio',
	publishes: {
		chromium: ['opus', 'PCMU', 'PCMA', 'G722', 'red'],
		firefox: ['opus', 'G722'],
		gstreamer: ['opus', 'PCMU', 'PCMA', 'G722'],
		aiortc: ['opus', 'PCMU', 'PCMA'],
		...ofPion('opus', 'PCMU', 'PCMA', 'G722'),
	},
	plays: {
		chromium: ['opus', 'PCMU', 'PCMA', 'G722', 'red'],
		firefox: ['opus', 'PCMU', 'PCMA', 'G722', 'red'],
		gstreamer: ['opus', 'PCMU', 'PCMA', 'G722', 'red'],
		aiortc: ['opus', 'PCMU', 'PCMA', 'red'],
		werift: ['opus', 'PCMU', 'red'],
		...ofPion('opus', 'PCMU', 'PCMA', 'G722', 'red'),
	},
	waves: 14,
	window_ms: 4000,
}).run();
await done();
