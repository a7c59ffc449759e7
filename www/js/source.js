// What a page publishes: camera, screen, or the test card.
import { TestCard } from './testcard.js';

// As it comes, with both channels: what takes echoes out leaves one.
const PLAIN_AUDIO = {
	echoCancellation: false,
	noiseSuppression: false,
	autoGainControl: false,
	channelCount: { ideal: 2 },
};

/** The cameras of a phone, which have no other names before one of them was allowed. */
export const SIDES = ['user', 'environment'];

/** "1280x720" as numbers; the fallback if it is something else. */
export function sizeOf(text, fallback = { width: 1280, height: 720 }) {
	const match = /^(\d{2,4})x(\d{2,4})$/.exec(text || '');

	return match ? { width: Number(match[1]), height: Number(match[2]) } : fallback;
}

function constraints({ size, fps, camera: id, microphone, talk }) {
	const { width, height } = sizeOf(size);

	return {
		video: {
			width: { ideal: width },
			height: { ideal: height },
			frameRate: { ideal: Number(fps) || 30 },
			...(id ? { [SIDES.includes(id) ? 'facingMode' : 'deviceId']: { ideal: id } } : {}),
		},
		audio: {
			...(talk ? {} : PLAIN_AUDIO),
			...(microphone ? { deviceId: { ideal: microphone } } : {}),
		},
	};
}

function devices() {
	if (!navigator.mediaDevices)
		throw Object.assign(new Error('mediaDevices'), { name: 'InsecureContext' });
	return navigator.mediaDevices;
}

async function camera(wish) {
	const media = devices();
	const all = constraints(wish);

	try {
		return await media.getUserMedia(all);
	} catch (error) {
		if (error.name !== 'NotFoundError') throw error;
	}
	// Either alone will do: a machine may have a microphone and no camera, or the reverse.
	try {
		return await media.getUserMedia({ video: all.video });
	} catch (error) {
		if (error.name !== 'NotFoundError') throw error;
		return media.getUserMedia({ audio: all.audio });
	}
}

// What they mean here and nowhere else.
const SCREEN_FAULTS = { NotReadableError: 'ScreenUnreadable', InvalidStateError: 'ScreenUnasked' };

async function screen({ fps }) {
	const media = devices();

	// Phones have the object and not the method.
	if (!media.getDisplayMedia)
		throw Object.assign(new Error('getDisplayMedia'), { name: 'NoScreen' });
	try {
		return await media.getDisplayMedia({
			video: { frameRate: { ideal: Number(fps) || 30 } },
			audio: PLAIN_AUDIO,
		});
	} catch (error) {
		const name = SCREEN_FAULTS[error.name];

		throw name ? Object.assign(new Error(error.message), { name }) : error;
	}
}

function plain(stream) {
	return { stream, card: null, stop: () => stream.getTracks().forEach((t) => t.stop()) };
}

async function testCard({ size, fps }) {
	const { width, height } = sizeOf(size, { width: 640, height: 360 });
	const card = new TestCard({ width, height, fps: Number(fps) || 25 });

	await card.start();
	return { stream: card.stream, card, stop: () => card.stop() };
}

const SOURCES = {
	camera: async (wish) => plain(await camera(wish)),
	screen: async (wish) => plain(await screen(wish)),
	test: testCard,
};

/**
 * {stream, card, stop()} of camera, screen or test. wish: size ("1280x720"), fps, the id of a
 * camera, or its side, and that of a microphone; talk: the browser may clean the sound of echoes. All may be left
 * out. Throws the browser's DOMException.
 */
export function openSource(name, wish = {}) {
	return (SOURCES[name] || SOURCES.camera)(wish);
}

/** {camera: [[id, name], ...], microphone: [...]}: empty names before the user has allowed any. */
export async function listDevices() {
	const all = (await navigator.mediaDevices?.enumerateDevices?.()) || [];
	const of = (kind) =>
		all.filter((d) => d.kind === kind && d.deviceId).map((d) => [d.deviceId, d.label]);

	return { camera: of('videoinput'), microphone: of('audioinput') };
}
