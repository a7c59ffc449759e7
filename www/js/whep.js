// The watching page: a WHEP session, its picture, figures.
import { endpoint, pageFor, pageParams } from './endpoint.js';
import { Keeper } from './keeper.js';
import {
	bindFields,
	byId,
	link,
	needWebRTC,
	rtckit,
	showMessage,
	showState,
	showStats,
} from './page.js';

const QUIET_MAX_SAMPLES = 3; // seconds without an octet until we say so
const BLIND_MAX_SAMPLES = 4; // seconds of sound without a picture, likewise
const TEXTS = {
	idle: 'Stopped',
	connecting: 'Connecting',
	waiting: 'Waiting for the publisher',
	playing: 'Playing',
	retrying: 'Trying again',
	failed: 'Failed',
};
const NOTES = {
	waiting: {
		title: 'Connected. Nobody is publishing this stream yet.',
		detail: 'The picture appears by itself as soon as somebody does.',
	},
};
const SOUND_ONLY = {
	title: 'Sound only.',
	detail: 'The publisher sends no picture, or one that this browser cannot decode.',
};
const params = pageParams();
const video = byId('video');
let octets = 0;
let quiet = 0;
let blind = 0;

function makePc() {
	const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
	const stream = new MediaStream();

	pc.addTransceiver('audio', { direction: 'recvonly' });
	pc.addTransceiver('video', { direction: 'recvonly' });
	pc.addEventListener('track', (event) => {
		stream.addTrack(event.track);
		if (video.srcObject !== stream) video.srcObject = stream;
		play();
	});
	octets = 0;
	quiet = 0;
	blind = 0;
	return pc;
}

// Browsers play sound only after a gesture: then the picture starts silent, and a button says so.
async function play() {
	try {
		await video.play();
	} catch (error) {
		if (error.name !== 'NotAllowedError') return;
		video.muted = true;
		byId('unmute').hidden = false;
		video.play().catch(() => {});
	}
}

function enter(state, error = null) {
	const busy = state !== 'idle' && state !== 'failed';

	showState(state, TEXTS[state]);
	showMessage(error || NOTES[state] || null);
	byId('go').textContent = busy ? 'Stop' : 'Watch';
	byId('go').dataset.action = busy ? 'stop' : 'start';
	byId('screen').dataset.state = state;
	if (state !== 'playing' && state !== 'waiting') showStats(null);
}

// Playing is what shows: octets that arrive and, if there is a video track, frames of it.
function onStats(stats) {
	const now = (stats.video?.octets ?? 0) + (stats.audio?.octets ?? 0);
	const flows =
		now > octets && (!stats.video || stats.video.frames > 0 || !stats.video.octets);

	const picture = (stats.video?.bitrate_bps ?? 0) > 0;

	blind = flows && !picture ? blind + 1 : 0;
	quiet = flows ? 0 : quiet + 1;
	octets = now;
	showStats(stats);
	if (flows && rtckit.state === 'waiting') enter('playing');
	else if (quiet >= QUIET_MAX_SAMPLES && rtckit.state === 'playing') enter('waiting');
	else if (blind === BLIND_MAX_SAMPLES) showMessage(SOUND_ONLY);
	else if (picture && rtckit.state === 'playing') showMessage(null);
}

const keeper = new Keeper({
	kind: 'whep',
	params,
	makePc,
	onState: (state, error) => enter(state === 'connected' ? 'waiting' : state, error),
	onStats,
});

function start() {
	try {
		needWebRTC();
		keeper.start();
	} catch (error) {
		enter('failed', error);
	}
}

function stop() {
	keeper.stop();
	video.srcObject = null;
	enter('idle');
}

rtckit.keeper = keeper;
rtckit.start = start;
rtckit.stop = stop;
video.muted = params.muted;
video.addEventListener('playing', () => {
	if (rtckit.state === 'waiting') enter('playing');
});
bindFields(params, ['app', 'stream'], () => {
	link('publish', pageFor('whip.html', params));
	byId('endpoint').textContent = endpoint('whep', params);
	if (keeper.running) start();
});
byId('unmute').addEventListener('click', () => {
	video.muted = false;
	byId('unmute').hidden = true;
});
byId('go').addEventListener('click', () =>
	byId('go').dataset.action === 'stop' ? stop() : start(),
);
addEventListener('pagehide', () => keeper.stop());
enter('idle');
if (params.autostart) start();
