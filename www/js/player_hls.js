// HLS: by Media Source Extensions where the segments are MP4, else by the browser itself.
import { mimeOf } from './mp4.js';
import { Feed, canFeed, play } from './player.js';
import { parsePlaylist } from './playlist.js';
import { ServerClock } from './server_clock.js';
import { HttpProblem, Unreachable } from './words.js';

const START_SEGMENTS = 2; // played at the start: the fewer, the nearer to live
const RETRY_MS = 1500;
const NATIVE = 'application/vnd.apple.mpegurl';

async function get(url, stop) {
	let answer;

	try {
		answer = await fetch(url, { signal: stop });
	} catch (error) {
		throw stop.aborted ? error : new Unreachable(url);
	}
	if (!answer.ok)
		throw new HttpProblem('hls', answer.status, await answer.json().catch(() => ({})), url);
	return answer;
}

export class HlsPlayer {
	/** onState(state, error): connecting, waiting, playing, retrying, failed. */
	constructor({ url, video, onState }) {
		Object.assign(this, { video, onState });
		this.url = new URL(url);
		this.plain = this.url.href;
		// Our server makes segments of MP4 then; others do not mind.
		if (!this.url.searchParams.has('format')) this.url.searchParams.set('format', 'fmp4');
		this.clock = new ServerClock();
		this.stopper = null;
	}

	async start() {
		this.stop();
		this.stopper = new AbortController();
		const stop = this.stopper.signal;

		this.onState('connecting', null);
		while (!stop.aborted) {
			try {
				await this.run(stop);
			} catch (error) {
				if (stop.aborted) return;
				const final = error.name === 'NotSupportedError' || error.status === 400;

				if (error.status === 404) this.onState('waiting', null);
				else this.onState(final ? 'failed' : 'retrying', error);
				if (final) return;
			}
			await new Promise((go) => setTimeout(go, RETRY_MS));
		}
	}

	stop() {
		this.stopper?.abort();
		this.feed?.close();
		this.feed = null;
		this.native = false;
		this.places = [];
	}

	async playlist(stop) {
		const asked_ms = Date.now();
		const answer = await get(this.url, stop);

		this.clock.take(asked_ms, Date.now(), answer.headers.get('date'));
		return parsePlaylist(await answer.text(), answer.url);
	}

	/** From the first playlist to the end of the stream. */
	async run(stop) {
		let list = await this.playlist(stop);

		if (!list || list.segments.length === 0) throw new Error('this is no playlist of segments');
		if (!list.segments[0].map || !canFeed()) {
			await this.runNative(stop);
			return;
		}
		this.feed?.close();
		this.feed = new Feed(this.video);
		this.places = [];
		this.map = null;
		this.number = list.segments.at(-Math.min(START_SEGMENTS, list.segments.length)).number;
		while (!stop.aborted) {
			const fresh = list.segments.filter((s) => s.number >= this.number);

			for (const segment of fresh) await this.take(segment, stop);
			await this.feed.tidy(4 * list.target_s);
			if (list.ended) break;
			const pause_s = fresh.length > 0 ? fresh.at(-1).duration_s : list.target_s / 2;

			await new Promise((go) => setTimeout(go, Math.max(200, 500 * pause_s)));
			list = (await this.playlist(stop)) || list;
		}
		this.onState('waiting', null);
	}

	async take(segment, stop) {
		if (segment.map !== this.map) {
			const init = new Uint8Array(await (await get(segment.map, stop)).arrayBuffer());

			await this.feed.setMime(mimeOf(init));
			await this.feed.append(init);
			this.map = segment.map;
		}
		const octets = await (await get(segment.url, stop)).arrayBuffer();

		if (stop.aborted) return;
		this.places.push({ at_s: this.feed.end(), wall_ms: segment.wall_ms });
		if (this.places.length > 30) this.places.shift();
		await this.feed.append(octets);
		this.number = segment.number + 1;
		if (this.video.paused) play(this.video);
		this.onState('playing', null);
	}

	async runNative(stop) {
		if (!this.video.canPlayType(NATIVE))
			throw Object.assign(
				new Error('its segments are MPEG-TS, which this browser does not play'),
				{ name: 'NotSupportedError' },
			);
		this.native = true;
		this.video.src = this.plain;
		this.onState('playing', null);
		play(this.video);
		await new Promise((end) => {
			stop.addEventListener('abort', end);
			this.video.addEventListener('error', end, { once: true });
			this.video.addEventListener('ended', end, { once: true });
		});
	}

	/** How far behind the server's clock the picture is: {ms, how}, or null. */
	behind() {
		const now_s = this.video.currentTime;
		let wall_ms = NaN;

		if (this.native) {
			wall_ms = (this.video.getStartDate?.()?.getTime() ?? NaN) + now_s * 1000;
		} else {
			const place = this.places.findLast((p) => p.at_s <= now_s + 0.05);

			wall_ms = place ? place.wall_ms + (now_s - place.at_s) * 1000 : NaN;
		}
		if (!Number.isNaN(wall_ms))
			return { ms: this.clock.now() - wall_ms, how: 'by the dates of its segments' };
		if (!this.feed) return null;
		return { ms: (this.feed.end() - now_s) * 1000, how: 'at least: what is buffered' };
	}
}
