// What both watching pages do: a session, its picture, figures.
import { Charts } from './chart.js';
import { codecOf, takenCodecs } from './codecs.js';
import { FIGURES } from './figures.js';
import { Keeper } from './keeper.js';
import { Level } from './level.js';
import { streamNamed } from './manage.js';
import {
	bindFields,
	bindGo,
	byId,
	needWebRTC,
	rtckit,
	showGo,
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
const soundOnly = (detail) => ({ title: 'Sound only.', detail });
const NO_PICTURE = 'The publisher sends no picture';

export class Watcher {
	/** As Publisher; target.address(): where the stream is, if the page's parameters do not say. */
	constructor(params, target) {
		this.params = params;
		this.target = target;
		this.video = byId('video');
		this.charts = new Charts(byId('charts'), FIGURES);
		this.level = new Level(byId('level'));
		this.octets = this.quiet = this.blind = 0;
		this.keeper = new Keeper({
			kind: 'whep',
			params,
			makePc: () => this.makePc(),
			makeSession: target.makeSession,
			onState: (state, error) =>
				this.enter(state === 'connected' ? 'waiting' : state, error),
			onStats: (stats) => this.onStats(stats),
		});
		Object.assign(rtckit, {
			keeper: this.keeper,
			start: () => this.start(),
			stop: () => this.stop(),
		});
		this.video.muted = params.muted;
		this.bind(params);
		this.enter('idle');
		if (params.autostart) this.start();
	}

	makePc() {
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
		const stream = new MediaStream();

		pc.addTransceiver('audio', { direction: 'recvonly' });
		pc.addTransceiver('video', { direction: 'recvonly' });
		pc.addEventListener('track', (event) => {
			stream.addTrack(event.track);
			if (this.video.srcObject !== stream) this.video.srcObject = stream;
			this.play();
		});
		this.octets = this.quiet = this.blind = 0;
		return pc;
	}

	// Browsers play sound only after a gesture: then the picture starts silent, and a button
	// says so.
	async play() {
		try {
			await this.video.play();
		} catch (error) {
			if (error.name !== 'NotAllowedError') return;
			this.video.muted = true;
			byId('unmute').hidden = false;
			this.video.play().catch(() => {});
		}
	}

	enter(state, error = null) {
		const before = rtckit.state;

		showState(state, TEXTS[state]);
		showMessage(error || NOTES[state] || null);
		showGo(state !== 'idle' && state !== 'failed', 'Watch');
		byId('screen').dataset.state = state;
		byId('charts').hidden = state !== 'playing';
		if (state === 'playing' && before !== 'playing') {
			this.charts.clear();
			this.level.start(this.keeper.session.pc, 'receiver');
		} else if (state !== 'playing') {
			this.level.stop();
		}
		if (state !== 'playing' && state !== 'waiting') showStats(null);
	}

	// Playing is what shows: octets that arrive and, if there is a video track, frames of it.
	onStats(stats) {
		const now = (stats.video?.octets ?? 0) + (stats.audio?.octets ?? 0);
		const flows =
			now > this.octets &&
			(!stats.video || stats.video.frames > 0 || !stats.video.octets);
		const picture = (stats.video?.bitrate_bps ?? 0) > 0;

		this.blind = flows && !picture ? this.blind + 1 : 0;
		this.quiet = flows ? 0 : this.quiet + 1;
		this.octets = now;
		showStats(stats);
		if (flows && rtckit.state === 'waiting') this.enter('playing');
		else if (this.quiet >= QUIET_MAX_SAMPLES && rtckit.state === 'playing')
			this.enter('waiting');
		else if (this.blind === BLIND_MAX_SAMPLES) this.explainSound();
		else if (picture && rtckit.state === 'playing') showMessage(null);
		if (rtckit.state === 'playing') this.charts.push(stats);
	}

	// The server may know which picture there is; not every server tells pages.
	async explainSound() {
		const params = this.target.address?.() ?? this.params;
		const vhost = params.query.get('vhost') || undefined;

		showMessage(soundOnly(`${NO_PICTURE}, or one that this browser cannot decode.`));
		const stream = await streamNamed(params, { ...params, vhost }).catch(() => undefined);
		const taken = takenCodecs();
		const sent = stream?.video?.codec;

		if (!stream || this.blind < BLIND_MAX_SAMPLES || rtckit.state !== 'playing') return;
		if (!sent) showMessage(soundOnly(`${NO_PICTURE}.`));
		else if (!codecOf(sent, taken))
			showMessage(
				soundOnly(
					`The publisher sends ${sent}, which this browser cannot decode; ` +
						`it takes ${taken.join(', ')}.`,
				),
			);
	}

	start() {
		try {
			needWebRTC();
			this.target.check?.();
			this.keeper.start();
		} catch (error) {
			this.keeper.stop();
			this.enter('failed', error);
		}
	}

	stop() {
		this.keeper.stop();
		this.video.srcObject = null;
		this.enter('idle');
	}

	bind(params) {
		this.video.addEventListener('playing', () => {
			if (rtckit.state === 'waiting') this.enter('playing');
		});
		bindFields(params, this.target.fields, () => {
			this.target.changed();
			if (this.keeper.running) this.start();
		});
		byId('unmute').addEventListener('click', () => {
			this.video.muted = false;
			byId('unmute').hidden = true;
		});
		bindGo(this);
	}
}
