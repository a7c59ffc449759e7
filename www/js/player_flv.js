// HTTP-FLV by Media Source Extensions.
import { FlvReader } from './flv.js';
import { CODEC_OF, writeFragment, writeInit } from './mp4.js';
import { Feed, canFeed, play } from './player.js';
import { HttpProblem, Unreachable } from './words.js';

const RETRY_MS = 1500;
const BEHIND_S = 2;
const ALONE_MAX = 25; // samples of one kind after which the other is not waited for

export class FlvPlayer {
	/** As HlsPlayer. */
	constructor({ url, video, onState }) {
		Object.assign(this, { url, video, onState });
		this.stopper = null;
	}

	async start() {
		this.stop();
		this.stopper = new AbortController();
		const stop = this.stopper.signal;

		this.onState('connecting', null);
		while (!stop.aborted) {
			try {
				if (!canFeed())
					throw Object.assign(
						new Error('no Media Source Extensions in this browser'),
						{ name: 'NotSupportedError' },
					);
				await this.run(stop);
				this.onState('waiting', null);
			} catch (error) {
				if (stop.aborted) return;
				const final = error.name === 'NotSupportedError';

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
	}

	async run(stop) {
		const answer = await fetch(this.url, { signal: stop }).catch((error) => {
			throw stop.aborted ? error : new Unreachable(this.url);
		});

		if (!answer.ok)
			throw new HttpProblem(
				'flv',
				answer.status,
				await answer.json().catch(() => ({})),
				this.url,
			);
		this.feed?.close();
		this.feed = new Feed(this.video);
		this.tracks = {};
		this.waiting = { video: [], audio: [] };
		this.isNew = true;
		this.number = 1;
		const reader = answer.body.getReader();
		const flv = new FlvReader({
			config: (kind, track) => this.takeConfig(kind, track),
			sample: (kind, sample) => this.waiting[kind].push(sample),
		});

		for (;;) {
			const { value, done } = await reader.read();

			if (done || stop.aborted) return;
			flv.push(value);
			await this.feedOn(flv);
		}
	}

	takeConfig(kind, track) {
		const old = this.tracks[kind];

		if (old && String(old.config) === String(track.config)) return;
		this.tracks[kind] = { ...track, id: kind === 'video' ? 1 : 2 };
		this.isNew = true;
	}

	isReady(flv) {
		const { video, audio } = this.waiting;
		const complete =
			(this.tracks.video || !flv.has.video) && (this.tracks.audio || !flv.has.audio);

		return complete || video.length > ALONE_MAX || audio.length > 2 * ALONE_MAX;
	}

	async feedOn(flv) {
		if (!this.isReady(flv)) return;
		const tracks = Object.values(this.tracks);

		if (this.isNew && tracks.length > 0) {
			const codecs = tracks.map((t) =>
				t.kind === 'video' ? CODEC_OF[t.box](t.config) : 'mp4a.40.2',
			);

			await this.feed.setMime(`video/mp4; codecs="${codecs.join(', ')}"`);
			await this.feed.append(writeInit(tracks));
			this.isNew = false;
		}
		const parts = tracks
			.map((track) => [track, this.timed(track.kind)])
			.filter(([, samples]) => samples.length > 0);

		if (parts.length === 0) return;
		await this.feed.append(writeFragment(this.number++, parts));
		if (this.video.paused) play(this.video);
		await this.feed.tidy(BEHIND_S);
		this.onState('playing', null);
	}

	// All but the last: how long that one is, the next one tells.
	timed(kind) {
		const all = this.waiting[kind];
		const ready = all
			.slice(0, -1)
			.map((s, i) => ({ ...s, duration: Math.max(0, all[i + 1].time - s.time) }));

		this.waiting[kind] = all.slice(-1);
		return ready;
	}

	behind() {
		if (!this.feed) return null;
		return {
			ms: (this.feed.end() - this.video.currentTime) * 1000,
			how: 'at least: what is buffered',
		};
	}
}
