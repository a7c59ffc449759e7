// Chromium: Debian's, driven by playwright-core, one profile per browser.
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { environment, root, scratch } from './processes.mjs';
import { atEnd, note } from './tap.mjs';

const EXECUTABLE = process.env.RTC_CHROMIUM || '/usr/bin/chromium';
const FLAGS = [
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
	'--use-fake-ui-for-media-stream',
	'--use-fake-device-for-media-stream',
	'--disable-background-timer-throttling',
	'--disable-renderer-backgrounding',
	'--disable-backgrounding-occluded-windows',
	'--disable-features=WebRtcHideLocalIpsWithMdns',
	'--mute-audio',
];
const LOUD = '--autoplay-policy=no-user-gesture-required';
const INSTRUMENT = readFileSync(join(root, 'tests/e2e/lib/instrument.js'), 'utf8');
const PAGE_MAX_MS = 15000;

export class Browser {
	/**
	 * insecure: take certificates that nobody signed. silent: sound only after a gesture, as a
	 * browser has it that nobody told otherwise. device: more of Playwright's options of a context.
	 */
	static async launch({
		instrument = true,
		insecure = false,
		silent = false,
		device = {},
	} = {}) {
		const it = new Browser();

		it.profile = mkdtempSync(join(scratch, 'profile-'));
		it.context = await chromium.launchPersistentContext(it.profile, {
			executablePath: EXECUTABLE,
			headless: true,
			ignoreHTTPSErrors: insecure,
			args: silent ? FLAGS : [...FLAGS, LOUD],
			env: environment(),
			viewport: { width: 1100, height: 720 },
			bypassCSP: instrument,
			handleSIGINT: false,
			handleSIGTERM: false,
			...device,
		});
		it.context.setDefaultTimeout(PAGE_MAX_MS);
		it.errors = [];
		if (instrument) await it.context.addInitScript({ content: INSTRUMENT });
		atEnd(() => it.close());
		return it;
	}

	/** A page at url; faults of its scripts are kept in errors. */
	async open(url) {
		const page = await this.context.newPage();

		page.on('pageerror', (error) => {
			this.errors.push(error.message);
			note(`page error: ${error.stack || error.message}`);
		});
		page.on('console', (message) => {
			if (/Content.Security.Policy/i.test(message.text()))
				this.errors.push(message.text());
		});
		// The namespace's addresses may still be settling: then Chromium drops what it loads.
		let dropped = false;
		const look = (request) => {
			const { errorText } = request.failure() ?? {};

			dropped ||= /NETWORK_CHANGED/.test(errorText);
			note(`not loaded: ${request.url()} ${errorText}`);
		};

		page.on('requestfailed', look);
		await page.goto(url, { waitUntil: 'load' });
		page.off('requestfailed', look);
		if (dropped) await page.reload({ waitUntil: 'load' });
		return page;
	}

	/** Ids of this browser's processes: those that name its profile, and their children. */
	pids() {
		const table = new Map();

		for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
			try {
				const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
				const parent = Number(
					stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1],
				);
				const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');

				table.set(Number(pid), {
					parent,
					ours: line.includes(this.profile),
				});
			} catch {
				// Gone meanwhile.
			}
		}
		const ours = new Set([...table].filter(([, p]) => p.ours).map(([pid]) => pid));

		for (let before = -1; before !== ours.size;) {
			before = ours.size;
			for (const [pid, { parent }] of table) if (ours.has(parent)) ours.add(pid);
		}
		return [...ours];
	}

	/** As the power cut would: SIGKILL, no farewell. */
	async kill() {
		for (const pid of this.pids()) {
			try {
				process.kill(pid, 'SIGKILL');
			} catch {
				// Gone meanwhile.
			}
		}
		await this.close();
	}

	async close() {
		await this.context.close().catch(() => {});
	}
}

export const dump = (page) => page.evaluate(() => window.e2e.dump());

export const stats = (page) => page.evaluate(() => window.e2e.stats());

export const stateOf = (page) => page.evaluate(() => window.rtckit?.state);
