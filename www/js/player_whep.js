// WebRTC by WHEP.
import { Keeper } from './keeper.js';
import { needWebRTC } from './page.js';
import { play } from './player.js';

export class WhepPlayer {
	/** As HlsPlayer; params: of the endpoint. */
	constructor({ params, video, onState }) {
		this.video = video;
		this.onState = onState;
		this.stats = null;
		this.octets = 0;
		this.keeper = new Keeper({
			kind: 'whep',
			params,
			makePc: () => this.makePc(),
			onState: (state, error) =>
				onState(state === 'connected' ? 'waiting' : state, error),
			onStats: (stats) => this.onStats(stats),
		});
	}

	start() {
		try {
			needWebRTC();
			this.keeper.start();
		} catch (error) {
			this.onState('failed', error);
		}
	}

	stop() {
		this.keeper.stop();
		this.video.srcObject = null;
		this.stats = null;
	}

	makePc() {
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
		const stream = new MediaStream();

		pc.addTransceiver('audio', { direction: 'recvonly' });
		pc.addTransceiver('video', { direction: 'recvonly' });
		pc.addEventListener('track', (event) => {
			stream.addTrack(event.track);
			if (this.video.srcObject !== stream) this.video.srcObject = stream;
			play(this.video);
		});
		return pc;
	}

	onStats(stats) {
		const now = (stats.video?.octets ?? 0) + (stats.audio?.octets ?? 0);

		this.onState(now > this.octets ? 'playing' : 'waiting', null);
		this.octets = now;
		this.stats = stats;
	}

	behind() {
		const { video, pair } = this.stats || {};

		if (typeof video?.buffer_ms !== 'number') return null;
		return {
			ms: video.buffer_ms + (pair?.rtt_ms ?? 0) / 2,
			how: 'jitter buffer and half a round trip',
		};
	}
}
