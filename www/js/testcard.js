// The test card of docs/testcard.md: a picture that carries its frame number and the time, a tone that
// carries its second. Draws it (the "test picture" of the publishing page) and reads it (the tests).

const COLUMNS = 20;
const NUMBER_BITS = 16;
const CHECK_SEED = 5;
const CLOCK_SEEDS = [10, 5]; // of the upper 16 bits, the lower
const MIN_CONTRAST = 48; // of 255, between a block and its inverse
const STEPS = 8;
const BASE_HZ = 400;
const STEP_HZ = 100;
const AMPLITUDE = 0.25;
const SILENCE = 1e-4; // mean square of full scale

/** The 4 check bits of a 16-bit number. */
export function cardCheck(number, seed = CHECK_SEED) {
	return ((number >> 12) ^ (number >> 8) ^ (number >> 4) ^ number ^ seed) & 15;
}

/** The 20 bits of row A, column 0 first. */
export function cardBits(number, seed = CHECK_SEED) {
	const code = ((number & 0xffff) << 4) | cardCheck(number, seed);

	return Array.from({ length: COLUMNS }, (_, c) => (code >> (COLUMNS - 1 - c)) & 1);
}

/** Draws number into the whole of a 2d context of w x h. */
export function drawCard(g, w, h, number, fps) {
	const turn = (number % (fps * 4)) / (fps * 4);

	g.fillStyle = '#10242e';
	g.fillRect(0, h / 4, w, h - h / 4);
	drawBall(g, w, h, turn);
	drawCode(g, w, cardBits(number), 0, h / 4);
	const now_ms = Date.now() % 2 ** 32;

	[Math.floor(now_ms / 65536), now_ms % 65536].forEach((half, i) => {
		drawCode(g, w, cardBits(half, CLOCK_SEEDS[i]), ((i + 2) * h) / 8, ((i + 3) * h) / 8);
	});
	g.fillStyle = '#f4f7f8';
	g.font = `600 ${Math.round(h / 10)}px system-ui, sans-serif`;
	g.textAlign = 'center';
	g.fillText(String(number), w / 2, h * 0.9);
}

/** Blocks above their inverse, from top to bottom. */
function drawCode(g, w, bits, top, bottom) {
	const middle = (top + bottom) / 2;

	bits.forEach((bit, c) => {
		const x = Math.round((c * w) / COLUMNS);
		const end = Math.round(((c + 1) * w) / COLUMNS);

		g.fillStyle = bit ? '#fff' : '#000';
		g.fillRect(x, top, end - x, middle - top);
		g.fillStyle = bit ? '#000' : '#fff';
		g.fillRect(x, middle, end - x, bottom - middle);
	});
}

function drawBall(g, w, h, turn) {
	const swing = Math.abs(turn * 2 - 1);
	const bounce = Math.abs(Math.sin(turn * Math.PI * 4));
	const r = h / 12;

	g.fillStyle = `hsl(${Math.round(turn * 360)} 80% 60%)`;
	g.beginPath();
	g.arc(r * 2 + swing * (w - 4 * r), h * 0.72 - bounce * h * 0.3, r, 0, 2 * Math.PI);
	g.fill();
}

/**
 * Reads a number from a luma plane (one octet a pixel, stride octets a row). Null if the picture is
 * no test card, or torn, or too damaged.
 */
export function readCard(luma, stride, w, h) {
	let code = 0;

	for (let c = 0; c < COLUMNS; c++) {
		const x0 = Math.floor(((c + 0.25) * w) / COLUMNS);
		const x1 = Math.max(x0 + 1, Math.floor(((c + 0.75) * w) / COLUMNS));
		const a = mean(luma, stride, x0, x1, h / 32, (3 * h) / 32);
		const b = mean(luma, stride, x0, x1, (5 * h) / 32, (7 * h) / 32);

		if (Math.abs(a - b) < MIN_CONTRAST) return null;
		code = (code << 1) | (a > b ? 1 : 0);
	}
	const number = code >> (COLUMNS - NUMBER_BITS);

	return cardCheck(number) === (code & 15) ? number : null;
}

function mean(luma, stride, x0, x1, top, bottom) {
	const y0 = Math.floor(top);
	const y1 = Math.max(y0 + 1, Math.floor(bottom));
	let sum = 0;

	for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) sum += luma[y * stride + x];
	return sum / ((y1 - y0) * (x1 - x0));
}

/** Index (0..7) of the step that a window of samples carries; -1 if it is silent. */
export function readTone(samples, rate) {
	const power = samples.reduce((sum, v) => sum + v * v, 0) / samples.length;
	let best = -1;
	let most = 0;

	if (power < SILENCE) return -1;
	for (let step = 0; step < STEPS; step++) {
		const energy = goertzel(samples, rate, BASE_HZ + STEP_HZ * step);

		if (energy > most) {
			most = energy;
			best = step;
		}
	}
	return best;
}

function goertzel(samples, rate, hz) {
	const k = 2 * Math.cos((2 * Math.PI * hz) / rate);
	let s1 = 0;
	let s2 = 0;

	for (const v of samples) {
		const s0 = v + k * s1 - s2;

		s2 = s1;
		s1 = s0;
	}
	return s1 * s1 + s2 * s2 - k * s1 * s2;
}

// A page in the background has its timers slowed to one a second; a worker's are left alone.
function ticker(period_ms, fn) {
	const worker = new Worker(new URL('ticker.js', import.meta.url));

	worker.onmessage = fn;
	worker.postMessage(period_ms);
	return () => worker.terminate();
}

/**
 * A running test card. `stream` has one video and one audio track; `onframe(number, time_ms)` is
 * called as a frame is handed to the browser, time_ms on the page-independent clock
 * performance.timeOrigin + performance.now().
 */
export class TestCard {
	constructor({ width = 640, height = 360, fps = 25 } = {}) {
		this.fps = fps;
		this.onframe = null;
		this.number = -1;
		this.canvas = document.createElement('canvas');
		this.canvas.width = width;
		this.canvas.height = height;
		this.context = this.canvas.getContext('2d');
		this.audio = new AudioContext();
		this.tone = new OscillatorNode(this.audio, { frequency: BASE_HZ });
		const gain = new GainNode(this.audio, { gain: AMPLITUDE });
		const out = new MediaStreamAudioDestinationNode(this.audio);

		this.tone.connect(gain).connect(out);
		const captured = this.canvas.captureStream(0);

		this.stream = new MediaStream([
			...captured.getVideoTracks(),
			...out.stream.getAudioTracks(),
		]);
		this.video = this.stream.getVideoTracks()[0];
		// Firefox has it on the stream, as the first drafts had.
		this.emit = () => (this.video.requestFrame ? this.video : captured).requestFrame();
		this.video.contentHint = 'motion';
	}

	async start() {
		// Without a user's gesture it may stay suspended: the picture goes on alone.
		this.audio.resume().catch(() => {});
		this.tone.start();
		this.began = performance.now();
		this.draw();
		this.cancel = ticker(1000 / this.fps / 4, () => this.draw());
	}

	draw() {
		const elapsed_ms = performance.now() - this.began;
		const number = Math.floor((elapsed_ms * this.fps) / 1000);
		const second = Math.floor(number / this.fps);

		if (number <= this.number) return;
		if (second !== Math.floor(this.number / this.fps))
			this.tone.frequency.setValueAtTime(
				BASE_HZ + STEP_HZ * (second % STEPS),
				this.audio.currentTime,
			);
		this.number = number;
		drawCard(
			this.context,
			this.canvas.width,
			this.canvas.height,
			number & 0xffff,
			this.fps,
		);
		this.emit();
		this.onframe?.(number & 0xffff, performance.timeOrigin + performance.now());
	}

	stop() {
		this.cancel?.();
		this.cancel = null;
		this.stream.getTracks().forEach((track) => track.stop());
		this.audio.close().catch(() => {});
	}
}
