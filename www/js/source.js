// What a page publishes: camera, screen, or the test card.
import { TestCard } from './testcard.js';

const PLAIN_AUDIO = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

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
			...(id ? { deviceId: { ideal: id } } : {}),
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

async function screen({ fps }) {
	const media = devices();

	// Phones have the object and not the method.
	if (!media.getDisplayMedia)
		throw Object.assign(new Error('getDisplayMedia'), { name: 'NoScreen' });
	return media.getDisplayMedia({
		video: { frameRate: { ideal: Number(fps) || 30 } },
		audio: true,
	});
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
 * {stream, card, stop()} of camera, screen or test. wish: size ("1280x720"), fps, and the ids of a
 * camera and a microphone; talk: the browser may clean the sound of echoes. All may be left
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
