// Keeps one WHIP or WHEP session up: opens it, watches it, opens it anew after a loss with growing
// delays, and gives up only on errors that trying again cannot cure.
import { endpoint } from './endpoint.js';
import { Session, backoff_ms, whenLost } from './session.js';
import { Meter } from './stats.js';
import { ConnectionLost, isFinal } from './words.js';

const SAMPLE_PERIOD_MS = 1000;
const BUSY_GRACE_MS = 3000;
const BUSY_PAUSE_MS = 250;

export class Keeper {
	/**
	 * kind: `whip` or `whep`. makePc() gives a fresh RTCPeerConnection with its transceivers.
	 * onState(state, error): idle, connecting, connected, retrying, failed.
	 * onStats(stats): once a second while connected. makeSession(pc): another interface than
	 * WHIP and WHEP at the address of params.
	 */
	constructor({ kind, params, makePc, onState, onStats, makeSession }) {
		Object.assign(this, { kind, params, makePc, onState, onStats });
		this.makeSession =
			makeSession ||
			((pc) => new Session(kind, endpoint(kind, params), params.token, pc, params));
		this.session = null;
		this.running = false;
		this.attempt = 0;
		this.reconnects = 0;
		this.generation = 0;
	}

	start() {
		this.stop();
		this.running = true;
		this.attempt = 0;
		this.began = performance.now();
		this.generation++;
		this.loop(this.generation);
	}

	stop() {
		this.running = false;
		clearInterval(this.sampler);
		clearTimeout(this.pause);
		this.session?.close();
		this.session = null;
	}

	alive(generation) {
		return this.running && generation === this.generation;
	}

	async loop(generation) {
		while (this.alive(generation)) {
			const error = await this.once(generation);

			if (!this.alive(generation)) return;
			this.session?.close();
			this.session = null;
			if (error && isFinal(error) && !this.isOwnGhost(error)) {
				this.running = false;
				this.onState('failed', error);
				return;
			}
			this.onState('retrying', error ?? new ConnectionLost());
			const pause_ms =
				error?.status === 409 ? BUSY_PAUSE_MS : backoff_ms(this.attempt++);

			await new Promise((go) => {
				this.pause = setTimeout(go, pause_ms);
			});
		}
	}

	// "Busy" while coming back, or just after the page was loaded anew, means our own old
	// session, which the server gives up after two seconds of silence.
	isOwnGhost(error) {
		return (
			error.status === 409 &&
			(this.reconnects > 0 || performance.now() - this.began < BUSY_GRACE_MS)
		);
	}

	/** One session from its offer to its loss. Returns the error that ended it, or null. */
	async once(generation) {
		try {
			this.onState('connecting', null);
			const pc = this.makePc();

			this.session = this.makeSession(pc);
			await this.session.open();
			await this.session.connected();
			if (!this.alive(generation)) return null;
			this.attempt = 0;
			this.onState('connected', null);
			this.watch(pc);
			await new Promise((lost) => whenLost(pc, lost));
			this.reconnects++;
			return null;
		} catch (error) {
			return error;
		} finally {
			if (generation === this.generation) clearInterval(this.sampler);
		}
	}

	watch(pc) {
		const meter = new Meter(pc);
		const look = async () => {
			if (pc.signalingState !== 'closed') this.onStats(await meter.sample());
		};

		look();
		this.sampler = setInterval(look, SAMPLE_PERIOD_MS);
	}
}
