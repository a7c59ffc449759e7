// One participant of a room: a picture with a name, played by WHEP once there is something to play.
import { el } from './dom.js';
import { Keeper } from './keeper.js';

export class Tile {
	/** params: as of pageParams(), with app and stream. onSilenced(): sound needs a gesture. */
	constructor(name, params, onSilenced) {
		this.name = name;
		this.params = params;
		this.onSilenced = onSilenced;
		this.video = el('video', { autoplay: '', playsinline: '' });
		this.mark = el('span', { class: 'mark' });
		this.element = el(
			'figure',
			{ class: 'seat', 'data-state': 'idle', 'data-name': name },
			this.video,
			el('figcaption', {}, name, this.mark),
		);
		this.keeper = null;
		this.stats = null;
	}

	get state() {
		return this.element.dataset.state;
	}

	/** Our own picture: nothing is played, and never our own sound. */
	showLocal(stream) {
		this.video.muted = true;
		this.video.srcObject = stream;
		this.element.dataset.state = stream ? 'playing' : 'idle';
	}

	play() {
		if (this.keeper) return;
		this.keeper = new Keeper({
			kind: 'whep',
			params: this.params,
			makePc: () => this.makePc(),
			onState: (state) => {
				this.element.dataset.state = state === 'connected' ? 'playing' : state;
			},
			onStats: (stats) => {
				this.stats = stats;
			},
		});
		this.keeper.start();
	}

	makePc() {
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
		const stream = new MediaStream();

		pc.addTransceiver('audio', { direction: 'recvonly' });
		pc.addTransceiver('video', { direction: 'recvonly' });
		pc.addEventListener('track', (event) => {
			stream.addTrack(event.track);
			if (this.video.srcObject !== stream) this.video.srcObject = stream;
			this.begin();
		});
		return pc;
	}

	async begin() {
		try {
			await this.video.play();
		} catch (error) {
			if (error.name !== 'NotAllowedError') return;
			this.video.muted = true;
			this.onSilenced();
			this.video.play().catch(() => {});
		}
	}

	unmute() {
		this.video.muted = false;
		this.video.play().catch(() => {});
	}

	/** What a participant says of itself: {muted, blind, screen}. */
	tell({ muted, blind, screen }) {
		this.mark.textContent = [
			muted ? 'muted' : '',
			blind ? 'camera off' : '',
			screen ? 'screen' : '',
		]
			.filter(Boolean)
			.map((word) => ` · ${word}`)
			.join('');
	}

	close() {
		this.keeper?.stop();
		this.keeper = null;
		this.video.srcObject = null;
		this.element.remove();
	}
}
