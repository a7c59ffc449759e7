// What a page publishes: camera, screen, or the test card.
import { TestCard } from './testcard.js';

const CAMERA = {
	video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
	audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
};

function devices() {
	if (!navigator.mediaDevices)
		throw Object.assign(new Error('mediaDevices'), { name: 'InsecureContext' });
	return navigator.mediaDevices;
}

async function camera() {
	const media = devices();

	try {
		return await media.getUserMedia(CAMERA);
	} catch (error) {
		if (error.name !== 'NotFoundError') throw error;
	}
	// Either alone will do: a machine may have a microphone and no camera, or the reverse.
	try {
		return await media.getUserMedia({ video: CAMERA.video });
	} catch (error) {
		if (error.name !== 'NotFoundError') throw error;
		return media.getUserMedia({ audio: CAMERA.audio });
	}
}

async function screen() {
	return devices().getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: true });
}

function plain(stream) {
	return { stream, card: null, stop: () => stream.getTracks().forEach((t) => t.stop()) };
}

async function testCard() {
	const card = new TestCard();

	await card.start();
	return { stream: card.stream, card, stop: () => card.stop() };
}

const SOURCES = {
	camera: async () => plain(await camera()),
	screen: async () => plain(await screen()),
	test: testCard,
};

/** {stream, card, stop()} of camera, screen or test. Throws the browser's DOMException. */
export function openSource(name) {
	return (SOURCES[name] || SOURCES.camera)();
}
