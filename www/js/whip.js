// The publishing page: a source, a WHIP session, figures.
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
import { openSource } from './source.js';

const MAX_VIDEO_BPS = 2500000;
const TEXTS = {
	idle: 'Not publishing',
	starting: 'Opening the source',
	connecting: 'Connecting',
	live: 'Live',
	retrying: 'Trying again',
	failed: 'Failed',
};
const params = pageParams();
let source = null;

// H264 is what every player and RTMP can take; the rest stays as second choice.
function preferH264(transceiver) {
	const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs || [];
	const rank = (codec) => (/h264/i.test(codec.mimeType) ? 0 : 1);

	transceiver.setCodecPreferences?.(codecs.sort((a, b) => rank(a) - rank(b)));
}

function makePc() {
	const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
	const stream = source.stream;

	for (const track of [...stream.getAudioTracks(), ...stream.getVideoTracks()]) {
		const options = { direction: 'sendonly', streams: [stream] };

		if (track.kind === 'video') options.sendEncodings = [{ maxBitrate: MAX_VIDEO_BPS }];
		const transceiver = pc.addTransceiver(track, options);

		if (track.kind === 'video') preferH264(transceiver);
	}
	return pc;
}

function enter(state, error = null) {
	const busy = state !== 'idle' && state !== 'failed';

	showState(state, TEXTS[state]);
	showMessage(error);
	byId('go').textContent = busy ? 'Stop' : 'Publish';
	byId('go').dataset.action = busy ? 'stop' : 'start';
	document.querySelectorAll('#app, #stream, #source').forEach((f) => {
		f.disabled = busy;
	});
	if (state !== 'live') showStats(null);
}

const keeper = new Keeper({
	kind: 'whip',
	params,
	makePc,
	onState: (state, error) => {
		if (state === 'failed') closeSource();
		enter(state === 'connected' ? 'live' : state, error);
	},
	onStats: showStats,
});

function closeSource() {
	source?.stop();
	source = null;
	rtckit.card = null;
	byId('video').srcObject = null;
}

async function start() {
	keeper.stop();
	closeSource();
	try {
		enter('starting');
		needWebRTC();
		source = await openSource(params.source);
		rtckit.card = source.card;
		byId('video').srcObject = source.stream;
		// The browser's own "stop sharing" button ends the track.
		source.stream.getTracks().forEach((t) => t.addEventListener('ended', stop));
		keeper.start();
	} catch (error) {
		closeSource();
		enter('failed', error);
	}
}

function stop() {
	keeper.stop();
	closeSource();
	enter('idle');
}

rtckit.keeper = keeper;
rtckit.start = start;
rtckit.stop = stop;
bindFields(params, ['app', 'stream', 'source'], () => {
	link('watch', pageFor('whep.html', params, { autostart: 'true' }));
	byId('endpoint').textContent = endpoint('whip', params);
});
byId('go').addEventListener('click', () =>
	byId('go').dataset.action === 'stop' ? stop() : start(),
);
addEventListener('pagehide', () => keeper.stop());
enter('idle');
if (params.autostart) start();
