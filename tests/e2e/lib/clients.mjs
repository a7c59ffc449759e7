// The clients of the matrix behind one face: publish(id, url, codec, picture),
// play(id, url, kind), stop(id), counts() -> {id: {frames, at, error, heard}}; picture: {width,
// height, fps, bps}; frames: of sound, packets; at: ms on the client's own clock; heard: false if
// nothing is, where that is known.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { firefox } from 'playwright-core';
import { Browser } from './browser.mjs';
import { Process, build, environment, root, scratch } from './processes.mjs';
import { address } from './stack.mjs';
import { atEnd } from './tap.mjs';

const IN_PAGE = readFileSync(join(root, 'tests/e2e/lib/inpage.js'), 'utf8');
const FIREFOX = process.env.RTC_FIREFOX || '/usr/bin/firefox-esr';
const FIREFOX_PREFS = {
	'media.autoplay.default': 0,
	'media.autoplay.blocking_policy': 0,
	'media.navigator.streams.fake': true,
	'media.navigator.permission.disabled': true,
	'media.peerconnection.ice.obfuscate_host_addresses': false,
	'privacy.resistFingerprinting': false,
	'app.update.enabled': false,
	'network.captive-portal-service.enabled': false,
	'network.connectivity-service.enabled': false,
	'media.gmp-manager.updateEnabled': false,
};

class InPage {
	async begin(page) {
		this.page = page;
		await page.evaluate(IN_PAGE);
		return this;
	}

	async publish(...args) {
		await this.page.evaluate((given) => window.matrix.publish(...given), args);
	}

	async play(...args) {
		await this.page.evaluate((given) => window.matrix.play(...given), args);
	}

	async stop(id) {
		await this.page.evaluate((name) => window.matrix.stop(name), id);
	}

	counts() {
		return this.page.evaluate(() => window.matrix.counts());
	}
}

/** Debian's Chromium on a page of the server. */
export async function chromium(url) {
	const browser = await Browser.launch({ instrument: false });

	return new InPage().begin(await browser.open(url));
}

/** Debian's Firefox, driven by WebDriver BiDi. */
export async function launchFirefox() {
	const browser = await firefox.launch({
		channel: 'moz-firefox',
		executablePath: FIREFOX,
		headless: true,
		env: environment({ HOME: mkdtempSync(join(scratch, 'firefox-')) }),
		firefoxUserPrefs: FIREFOX_PREFS,
		handleSIGINT: false,
		handleSIGTERM: false,
	});

	atEnd(() => browser.close().catch(() => {}));
	return browser;
}

async function firefoxEsr(url) {
	const page = await (await launchFirefox()).newPage();

	await page.goto(url);
	return new InPage().begin(page);
}

/** A program that takes its orders on standard input (lib/client_*). */
export class Ordered {
	constructor(program, ...args) {
		const child = spawn(program, args, {
			cwd: root,
			env: environment(),
			stdio: ['pipe', 'pipe', 'pipe'],
		});

		this.child = child;
		this.waiting = [];
		this.complaints = '';
		child.stderr.on('data', (data) => {
			this.complaints = (this.complaints + data).slice(-2000);
		});
		child.on('close', (code) => {
			this.gone = code;
			for (const { no } of this.waiting.splice(0))
				no(new Error(`${program} ended with ${code}: ${this.complaints}`));
		});
		child.stdin.on('error', () => {});
		createInterface({ input: child.stdout }).on('line', (line) =>
			this.waiting.shift()?.yes(JSON.parse(line)),
		);
		atEnd(() => this.end());
	}

	order(op, more = {}) {
		this.child.stdin.write(`${JSON.stringify({ op, ...more })}\n`);
	}

	publish(id, url, codec, picture) {
		this.order('publish', { id, url, codec, picture });
	}

	play(id, url, kind) {
		this.order('play', { id, url, kind });
	}

	stop(id) {
		this.order('stop', { id });
	}

	counts() {
		if (this.gone !== undefined) return Promise.reject(new Error(this.complaints));
		return new Promise((yes, no) => {
			this.waiting.push({ yes, no });
			this.order('counts');
		});
	}

	async end() {
		if (this.gone !== undefined) return;
		const gone = new Promise((closed) => {
			this.child.on('close', closed);
		});
		const timer = setTimeout(() => this.child.kill('SIGKILL'), 3000);

		this.child.stdin.end();
		await gone;
		clearTimeout(timer);
	}
}

/** rtc-publish and rtc-play: a process for each. rtc-play counts nothing before its end. */
export class Ours {
	constructor() {
		this.running = new Map();
	}

	start(id, program, args) {
		const process = new Process(program, args, { ready: false, name: id });

		// When its last count came: an encoder that is too slow falls behind its own clock.
		process.child.stdout.on('data', () => {
			process.told_ms = performance.now();
		});
		this.running.set(id, process);
	}

	publish(id, url, codec, { width, height, fps, bps }) {
		const test = `--test=${width}x${height}@${fps}`;
		const wish = [test, '--video-bitrate', String(bps), '--codec', codec];

		this.start(id, 'rtc-publish', ['-q', '--stats', ...wish, url]);
	}

	/** Plays so long; the report when it ended. */
	async playFor(id, url, seconds) {
		this.start(id, 'rtc-play', ['-q', '-j', '--duration', String(seconds), url]);
		const process = this.running.get(id);

		await process.exited;
		this.running.delete(id);
		return JSON.parse(process.output.trim() || '{}');
	}

	async stop(id) {
		const process = this.running.get(id);

		this.running.delete(id);
		await process?.stop();
	}

	async counts() {
		return Object.fromEntries(
			[...this.running].map(([id, process]) => {
				const last = process.output.trimEnd().split('\n').at(-1);
				const { frames = 0 } = last ? JSON.parse(last) : {};
				const error = process.status ? process.log() : null;

				return [id, { frames, at: process.told_ms ?? 0, error }];
			}),
		);
	}
}

/** On Pion; built only for tests/long, since its packages are large. */
export const pion = () => new Ordered(join(build, 'tests/e2e/client_pion'));

/** One of each, on pages of the stack. */
export async function allClients(stack) {
	const lib = 'tests/e2e/lib';
	const home = stack.url('/index.html');
	const stun = `stun:${address}:${stack.media_port}`;

	return {
		chromium: await chromium(home),
		firefox: await firefoxEsr(home),
		gstreamer: new Ordered(`${lib}/client_gst.py`),
		aiortc: new Ordered(`${lib}/client_aiortc.py`),
		werift: new Ordered('node', `${lib}/client_werift.mjs`, stun),
		rtckit: new Ours(),
	};
}
