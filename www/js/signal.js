// Rooms over WebSocket (rtc-signal): joins, stays joined through restarts and losses, passes on what
// the others do. The messages are those of SRS's signalling.
import { backoff_ms } from './session.js';

const ANSWER_MAX_MS = 5000;
const GHOST_MAX_MS = 12000; // so long the server may take our old connection for alive

/** A refusal of the server, or a connection that cannot be had. */
export class SignalError extends Error {
	constructor(code, detail) {
		super(detail);
		this.name = 'SignalError';
		this.code = code;
	}
}

export class Signal {
	/**
	 * url of the WebSocket; room and display.
	 * onState(state, error): connecting, joined, retrying, failed.
	 * onParticipants(list): all of the room, ourselves included, whenever it may have changed.
	 * onNotice(msg): what another one did.
	 */
	constructor({ url, room, display, onState, onParticipants, onNotice }) {
		Object.assign(this, { url, room, display, onState, onParticipants, onNotice });
		this.waiting = new Map();
		this.next = 0;
		this.attempt = 0;
		this.running = false;
		this.socket = null;
	}

	start() {
		this.running = true;
		this.rejoins = -1; // after the first time
		this.open();
	}

	stop() {
		this.running = false;
		clearTimeout(this.pause);
		this.drop();
	}

	get joined() {
		return this.socket?.joined === true;
	}

	drop() {
		const socket = this.socket;

		this.socket = null;
		for (const { reject } of this.waiting.values())
			reject(new SignalError('lost', 'the connection is gone'));
		this.waiting.clear();
		socket?.close();
	}

	open() {
		this.onState('connecting', null);
		let socket = null;

		try {
			socket = new WebSocket(this.url);
		} catch (error) {
			this.fail(new SignalError('bad-address', error.message));
			return;
		}
		this.socket = socket;
		socket.addEventListener('open', () => this.join(socket));
		socket.addEventListener('message', (event) => this.take(socket, event.data));
		socket.addEventListener('close', () => this.lost(socket));
	}

	fail(error) {
		this.running = false;
		this.drop();
		this.onState('failed', error);
	}

	lost(socket, error = new SignalError('lost', 'The server of the rooms does not answer.')) {
		if (socket !== this.socket) return;
		if (socket.joined) this.lostAt = performance.now();
		this.drop();
		if (!this.running) return;
		this.onState('retrying', error);
		this.pause = setTimeout(() => this.open(), backoff_ms(Math.min(this.attempt++, 2)));
	}

	async join(socket) {
		try {
			const msg = await this.ask('join');

			socket.joined = true;
			this.rejoins++;
			this.attempt = 0;
			this.onState('joined', null);
			this.onParticipants(msg.participants);
		} catch (error) {
			if (socket !== this.socket) return;
			// Our own old connection, which the server takes for alive for some seconds.
			const ghost =
				error.code === 'name-taken' &&
				this.lostAt !== undefined &&
				performance.now() - this.lostAt < GHOST_MAX_MS;

			if (ghost || error.code === 'lost' || error.code === 'late')
				this.lost(socket, error);
			else this.fail(error);
		}
	}

	/** The msg of the answer; rejects with a SignalError. */
	ask(action, more = {}) {
		const tid = String(this.next++);
		const { room, display, socket } = this;

		if (socket?.readyState !== WebSocket.OPEN)
			return Promise.reject(new SignalError('lost', 'not connected'));
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.waiting.delete(tid);
				reject(new SignalError('late', 'The server of the rooms is silent.'));
			}, ANSWER_MAX_MS);
			const settle = (fn) => (value) => {
				clearTimeout(timer);
				fn(value);
			};

			this.waiting.set(tid, {
				resolve: settle(resolve),
				reject: settle(reject),
			});
			socket.send(JSON.stringify({ tid, msg: { action, room, display, ...more } }));
		});
	}

	take(socket, text) {
		if (socket !== this.socket) return;
		const { tid, msg, error } = JSON.parse(text);
		const asked = this.waiting.get(tid);

		if (asked) {
			this.waiting.delete(tid);
			if (error) asked.reject(new SignalError(error.code, error.detail));
			else asked.resolve(msg);
		} else if (msg?.action === 'notify') {
			if (Array.isArray(msg.participants)) this.onParticipants(msg.participants);
			this.onNotice(msg);
		}
	}
}
