// Child processes of a test: started with a mark in their environment by which the strays of a
// stray are found too, told ready by -R, stopped by id, their logs kept for a failure.
import { spawn } from 'node:child_process';
import {
	createWriteStream,
	existsSync,
	mkdtempSync,
	readFileSync,
	readdirSync,
	rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './wait.mjs';

const READY_FD = 3;
const READY_MAX_MS = 15000;
const STOP_MAX_MS = 5000;

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const build = resolve(process.env.RTC_BUILD || join(root, 'build'));
export const bin = resolve(process.env.RTC_BIN || join(root, 'build/bin'));
export const scratch = mkdtempSync(join(tmpdir(), 'rtckit-e2e-'));
export const mark = `RTC_E2E_MARK=${scratch}`;

// An instrumented build is several times slower: what is timed gets the named allowance.
export const sanitized = Boolean(process.env.RTC_SANITIZER);

const SANITIZER_EXIT = 99; // as tests/tests.mk tells it

// What a sanitizer writes; a program that it stops also exits with a status of its own.
const REPORT = /^.*(ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|: runtime error: ).*$/gm;

const children = new Set();
const faults = [];

export function environment(extra = {}) {
	return { ...process.env, RTC_RUN: join(scratch, 'run'), RTC_E2E_MARK: scratch, ...extra };
}

export const has = (program) => existsSync(join(bin, program));

export class Process {
	/** options: env, ready (wait for -R), cwd. args without the program's name. */
	constructor(program, args = [], options = {}) {
		this.name = options.name || program;
		this.logPath = join(scratch, `${this.name}.log`);
		const log = createWriteStream(this.logPath, { flags: 'a' });
		const all = options.ready === false ? args : ['-R', String(READY_FD), ...args];
		const path = program.startsWith('/') ? program : join(bin, program);

		this.child = spawn(path, all, {
			env: environment(options.env),
			cwd: options.cwd || root,
			stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
		});
		this.output = '';
		this.child.stdout.on('data', (data) => {
			this.output += data;
			log.write(data);
		});
		this.child.stderr.pipe(log, { end: false });
		this.child.on('close', () => log.end());
		this.readyPipe = this.child.stdio[READY_FD];
		this.isReady = options.ready === false;
		this.readyPipe.on('data', () => {
			this.isReady = true;
		});
		this.readyPipe.on('error', () => {});
		this.failure = null;
		this.sent = new Set();
		this.child.on('error', (error) => {
			this.failure = error;
		});
		this.exited = new Promise((gone) => {
			this.child.on('close', (code, signal) => {
				this.status = signal || code;
				if (this.died(code, signal))
					faults.push(`${this.name}: ended by itself with ${this.status}`);
				children.delete(this);
				gone(this.status);
			});
		});
		children.add(this);
	}

	get pid() {
		return this.child.pid;
	}

	log() {
		try {
			return readFileSync(this.logPath, 'utf8');
		} catch {
			return '';
		}
	}

	async ready() {
		await until(`${this.name} ready`, READY_MAX_MS, () => {
			if (this.failure || this.status !== undefined)
				throw new Error(
					`${this.name} ended (${this.failure || this.status}): ` +
						this.log(),
				);
			return this.isReady;
		});
		return this;
	}

	kill(signal = 'SIGKILL') {
		this.sent.add(signal);
		this.child.kill(signal);
	}

	/** By a signal that nobody sent it (an assertion's, say), or as a sanitizer ends a program. */
	died(code, signal) {
		if (signal !== null) return !this.sent.has(signal);
		return sanitized && code === SANITIZER_EXIT && this.sent.size === 0;
	}

	/** SIGTERM, and SIGKILL for one that does not listen. Resolves to its exit status. */
	async stop() {
		if (this.status !== undefined || this.failure) return this.status;
		this.kill('SIGTERM');
		const timer = setTimeout(() => this.kill('SIGKILL'), STOP_MAX_MS);
		const status = await this.exited;

		clearTimeout(timer);
		if (status !== 0) faults.push(`${this.name}: ended with ${status} after SIGTERM`);
		return status;
	}
}

function reports() {
	return readdirSync(scratch)
		.filter((n) => n.endsWith('.log'))
		.flatMap((n) =>
			(readFileSync(join(scratch, n), 'utf8').match(REPORT) || []).map(
				(r) => `${n}: ${r}`,
			),
		);
}

export async function start(program, args, options) {
	return new Process(program, args, options).ready();
}

/** `pid command` of every living process that carries our mark, ourselves excepted. */
export function strays() {
	const found = [];

	for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
		try {
			if (
				Number(pid) === process.pid ||
				!readFileSync(`/proc/${pid}/environ`, 'utf8')
					.split('\0')
					.includes(mark)
			)
				continue;
			if (/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
				continue;
			found.push(
				`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8')
					.replaceAll('\0', ' ')
					.slice(0, 160)}`,
			);
		} catch {
			// Gone meanwhile.
		}
	}
	return found;
}

/** Stops the children, last started first, and kills what is left; {left, faults} in words. */
export async function stopAll() {
	for (const child of [...children].reverse()) await child.stop();
	await until('strays gone', STOP_MAX_MS, () => strays().length === 0).catch(() => {});
	const left = strays();

	for (const line of left) {
		try {
			process.kill(parseInt(line, 10), 'SIGKILL');
		} catch {
			// Gone meanwhile.
		}
	}
	faults.push(...reports());
	if (!process.env.RTC_E2E_KEEP) rmSync(scratch, { recursive: true, force: true });
	return { left, faults };
}

/** The last lines of every log, for a failed test. */
export function logs(lines = 15) {
	return readdirSync(scratch)
		.filter((n) => n.endsWith('.log'))
		.map((n) => {
			const text = readFileSync(join(scratch, n), 'utf8').trimEnd().split('\n');

			return `--- ${n}\n${text.slice(-lines).join('\n')}`;
		})
		.join('\n');
}
