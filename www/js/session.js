// One WHIP (RFC 9725) or WHEP session: offer by POST, answer, DELETE of the session's URL.
import { iceServersOf } from './ice_servers.js';
import { withStereo } from './stereo.js';
import { HttpProblem, NoPath, Unreachable } from './words.js';

const ANSWER_MAX_MS = 8000;
const CONNECT_MAX_MS = 12000;
const SERVERS_MAX_MS = 2000;

/** fetch() with an end. Throws Unreachable. */
export async function ask(url, options, max_ms = ANSWER_MAX_MS) {
	const stop = new AbortController();
	const timer = setTimeout(() => stop.abort(), max_ms);

	try {
		return await fetch(url, { ...options, signal: stop.signal });
	} catch {
		throw new Unreachable(url);
	} finally {
		clearTimeout(timer);
	}
}

async function problemOf(answer) {
	const text = (await answer.text().catch(() => '')).slice(0, 2000);

	if (/json/.test(answer.headers.get('content-type') || '')) {
		try {
			return JSON.parse(text);
		} catch {
			return {};
		}
	}
	return /<\w+[^>]*>/.test(text) ? {} : { detail: text.trim() };
}

/** `address:port` of each candidate of an SDP, in order, without repetition. */
export function candidatesOf(sdp) {
	const found = [...sdp.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+) (\d+) /gm)].map(
		([, address, port]) =>
			address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
	);

	return [...new Set(found)];
}

export class Session {
	/**
	 * kind is `whip` or `whep`; pc has its transceivers and is owned from now on. relay: by a
	 * TURN server or not at all.
	 */
	constructor(kind, url, token, pc, { relay = false } = {}) {
		this.kind = kind;
		this.url = url;
		this.pc = pc;
		this.relay = relay;
		this.headers = token ? { Authorization: `Bearer ${token}` } : {};
		this.location = null;
		this.candidates = [];
		this.closed = false;
	}

	/** Offer and answer. Throws HttpProblem or Unreachable. */
	async open() {
		const { pc } = this;
		const iceServers = await this.iceServers();

		if (this.closed) return;
		if (iceServers.length > 0 || this.relay)
			pc.setConfiguration({
				...pc.getConfiguration(),
				iceServers,
				iceTransportPolicy: this.relay ? 'relay' : 'all',
			});
		await this.describe();
		const { sdp, location } = await this.exchange(pc.localDescription.sdp);

		this.location = location;
		if (this.closed) {
			this.remove();
			return;
		}
		this.candidates = candidatesOf(sdp);
		await pc.setRemoteDescription({ type: 'answer', sdp });
	}

	/** Offers both channels of sound; one where ours is known to have one, which needs fewer bits. */
	async describe() {
		const { pc } = this;
		const ours = pc
			.getSenders()
			.map((sender) => sender.track)
			.find((track) => track?.kind === 'audio');
		const { type, sdp } = await pc.createOffer();
		const mono = ours?.getSettings().channelCount === 1;

		await pc.setLocalDescription({
			type,
			sdp: mono ? sdp : withStereo(sdp, Boolean(ours)),
		});
	}

	/**
	 * Servers to gather with. They are asked for before the offer, since a browser that has begun
	 * to gather takes no more; of the page's own server, as elsewhere a preflight would have to
	 * allow OPTIONS, and few do.
	 */
	async iceServers() {
		if (new URL(this.url).origin !== location.origin) return [];
		try {
			const options = { method: 'OPTIONS', headers: this.headers };
			const answer = await ask(this.url, options, SERVERS_MAX_MS);

			return iceServersOf(answer.headers.get('link'));
		} catch {
			return []; // the offer tells what is wrong
		}
	}

	/** The offer to the server: {sdp, location}; location is the URL to DELETE, or null. */
	async exchange(offer) {
		const answer = await ask(this.url, {
			method: 'POST',
			headers: { 'Content-Type': 'application/sdp', ...this.headers },
			body: offer,
		});

		if (answer.status !== 201)
			throw new HttpProblem(
				this.kind,
				answer.status,
				await problemOf(answer),
				this.url,
			);
		const location = answer.headers.get('location') || this.url;

		return {
			sdp: await answer.text(),
			location: new URL(location, answer.url || this.url).href,
		};
	}

	/** Resolves when media can flow. Throws NoPath. */
	connected() {
		const { pc } = this;

		if (this.candidates.length === 0)
			return Promise.reject(new NoPath('no-candidates', []));
		return new Promise((resolve, reject) => {
			const fail = () =>
				reject(
					new NoPath(
						/connected|completed/.test(pc.iceConnectionState)
							? 'dtls'
							: 'ice',
						this.candidates,
					),
				);
			const timer = setTimeout(fail, CONNECT_MAX_MS);
			const look = () => {
				if (pc.connectionState === 'connected') resolve();
				else if (pc.connectionState === 'failed') fail();
				else return;
				clearTimeout(timer);
				pc.removeEventListener('connectionstatechange', look);
			};

			pc.addEventListener('connectionstatechange', look);
			look();
		});
	}

	/** Ends the session here and at the server; more than once does no harm. */
	close() {
		if (this.closed) return;
		this.closed = true;
		this.pc.close();
		this.remove();
	}

	remove() {
		if (!this.location) return;
		fetch(this.location, {
			method: 'DELETE',
			headers: this.headers,
			keepalive: true,
		}).catch(() => {});
		this.location = null;
	}
}

const LOST_MAX_MS = 3000;

/** Calls fn once when an open connection is lost for good, or for longer than a hiccup. */
export function whenLost(pc, fn) {
	let timer = null;
	const lost = () => {
		clearTimeout(timer);
		pc.removeEventListener('connectionstatechange', look);
		if (pc.signalingState !== 'closed') fn();
	};
	const look = () => {
		clearTimeout(timer);
		if (pc.connectionState === 'disconnected') timer = setTimeout(lost, LOST_MAX_MS);
		else if (pc.connectionState === 'failed' || pc.connectionState === 'closed') lost();
	};
	const dtls = pc
		.getTransceivers()
		.map((t) => (t.sender || t.receiver).transport)
		.find(Boolean);

	pc.addEventListener('connectionstatechange', look);
	dtls?.addEventListener('statechange', () => {
		if (dtls.state === 'closed' || dtls.state === 'failed') lost();
	});
	look();
}

/** Delay before attempt n (0 first): doubles up to a bound, with a random part. */
export function backoff_ms(attempt) {
	return Math.min(500 * 2 ** attempt, 10000) * (0.75 + Math.random() / 2);
}
