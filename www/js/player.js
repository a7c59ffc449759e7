// What the players of srs_player.html share: a video element that is fed by Media Source Extensions.

const BACK_S = 20; // played ones are kept so long
const Source = globalThis.ManagedMediaSource || globalThis.MediaSource;

export const canFeed = () => Boolean(Source);

/** Sound needs a gesture in most browsers: the picture plays all the same. */
export async function play(video) {
	try {
		await video.play();
	} catch (error) {
		if (error.name !== 'NotAllowedError') return;
		video.muted = true;
		video.play().catch(() => {});
	}
}

/** A video element's buffer, appended to in order. */
export class Feed {
	constructor(video) {
		this.video = video;
		this.source = new Source();
		this.buffer = null;
		this.mime = '';
		video.disableRemotePlayback = true;
		this.url = URL.createObjectURL(this.source);
		video.src = this.url;
		this.opened = new Promise((open) => {
			this.source.addEventListener('sourceopen', open, { once: true });
		});
	}

	/** Of what follows. Throws a TypeError in words if the browser cannot play it. */
	async setMime(mime) {
		if (mime === this.mime) return;
		if (!Source.isTypeSupported(mime))
			throw Object.assign(new Error(`this browser does not play ${mime}`), {
				name: 'NotSupportedError',
			});
		await this.opened;
		if (this.buffer) {
			this.buffer.changeType(mime);
		} else {
			this.buffer = this.source.addSourceBuffer(mime);
			// Each goes on where the last one ended, across discontinuities.
			this.buffer.mode = 'sequence';
		}
		this.mime = mime;
	}

	async append(octets) {
		this.buffer.appendBuffer(octets);
		await this.idle();
	}

	idle() {
		return new Promise((done, fail) => {
			const end = () => (this.video.error ? fail(this.video.error) : done());

			if (!this.buffer.updating) end();
			else this.buffer.addEventListener('updateend', end, { once: true });
		});
	}

	/** Where what is buffered ends, in the video's time; 0 if there is nothing. */
	end() {
		const ranges = this.buffer?.buffered;

		return ranges?.length ? ranges.end(ranges.length - 1) : 0;
	}

	/** Keeps at most behind_s before the end, and jumps over holes; drops what was played. */
	async tidy(behind_s) {
		const { video } = this;
		const ranges = this.buffer?.buffered;

		if (!ranges?.length) return;
		const last = ranges.length - 1;
		const start = ranges.start(last);

		if (video.currentTime < start && (last === 0 || video.readyState < 3))
			video.currentTime = start + 0.01;
		else if (this.end() - video.currentTime > behind_s)
			video.currentTime = Math.max(start, this.end() - behind_s / 2);
		if (video.currentTime - ranges.start(0) > 2 * BACK_S) {
			this.buffer.remove(0, video.currentTime - BACK_S);
			await this.idle();
		}
	}

	close() {
		URL.revokeObjectURL(this.url);
		this.video.removeAttribute('src');
		this.video.load();
	}
}
