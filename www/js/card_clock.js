// Reads the numbers of the test card (docs/testcard.md) off a playing video.
import { readCard } from './testcard.js';

const WIDTH = 320;
const HEIGHT = 180;
const SPAN_MS = 1500; // of the readings that tell the frame rate

export class CardClock {
	constructor(video) {
		this.video = video;
		this.canvas = document.createElement('canvas');
		this.canvas.width = WIDTH;
		this.canvas.height = HEIGHT;
		this.context = this.canvas.getContext('2d', { willReadFrequently: true });
		this.luma = new Uint8Array(WIDTH * HEIGHT);
		this.readings = [];
	}

	/** The number now showing; null: no card, or nothing to be seen. */
	read() {
		if (!this.video.videoWidth) return null;
		let number = null;

		try {
			this.context.drawImage(this.video, 0, 0, WIDTH, HEIGHT);
			const { data } = this.context.getImageData(0, 0, WIDTH, HEIGHT / 4);

			for (let i = 0; i < data.length / 4; i++)
				this.luma[i] =
					0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
			number = readCard(this.luma, WIDTH, WIDTH, HEIGHT);
		} catch {
			return null; // another origin's picture
		}
		if (number !== null) this.readings.push({ number, at_ms: performance.now() });
		while (this.readings.at(-1)?.at_ms - this.readings[0]?.at_ms > 2 * SPAN_MS)
			this.readings.shift();
		return number;
	}

	/** Numbers a second; 0 while that is not known. */
	fps() {
		const first = this.readings[0];
		const last = this.readings.at(-1);
		const span_ms = first ? last.at_ms - first.at_ms : 0;

		if (span_ms < SPAN_MS) return 0;
		return (((last.number - first.number + 65536) % 65536) * 1000) / span_ms;
	}
}
