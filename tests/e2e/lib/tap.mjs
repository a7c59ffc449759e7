// Tests in TAP, one file each: test(), then done(). A fault fails its test and the next one runs.
import { stopAll } from './processes.mjs';

let count = 0;
let failed = 0;
const cleanups = [];

export function note(text) {
	for (const line of String(text).trimEnd().split('\n')) process.stdout.write(`# ${line}\n`);
}

export function ok(good, name, detail = '') {
	count++;
	failed += good ? 0 : 1;
	process.stdout.write(`${good ? 'ok' : 'not ok'} ${count} - ${name}\n`);
	if (detail && !good) note(detail);
	return good;
}

/** Asserts inside a test: throws with what was expected. */
export function must(good, what) {
	if (!good) throw new Error(what);
}

const TEST_MAX_MS = 90000;

function deadline() {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(
			() => reject(new Error(`not within ${TEST_MAX_MS} ms`)),
			TEST_MAX_MS,
		);
	});

	return { late, clear: () => clearTimeout(timer) };
}

export async function test(name, fn) {
	const began = performance.now();
	const { late, clear } = deadline();

	try {
		await Promise.race([fn(), late]);
		ok(true, name);
	} catch (error) {
		ok(false, name, error.stack || String(error));
	} finally {
		clear();
	}
	note(`${((performance.now() - began) / 1000).toFixed(1)} s`);
}

/** fn runs at the end, the last registered first, whatever happens. */
export function atEnd(fn) {
	cleanups.unshift(fn);
}

async function cleanup() {
	for (const fn of cleanups.splice(0))
		await Promise.resolve()
			.then(fn)
			.catch((error) => note(`clean-up: ${error.message}`));
	return stopAll();
}

/** Ends the file: stops what was started, asserts that nothing is left, prints the plan. */
export async function done() {
	const { left, faults } = await cleanup();

	ok(faults.length === 0, 'every program ended as it should', faults.join('\n'));
	ok(left.length === 0, 'nothing is left running', left.join('\n'));
	process.stdout.write(`1..${count}\n`);
	process.exit(failed > 0 ? 1 : 0);
}

async function bail(reason) {
	await cleanup();
	process.stdout.write(`Bail out! ${reason}\n`);
	process.exit(1);
}

process.on('SIGINT', () => bail('interrupted'));
process.on('SIGTERM', () => bail('terminated'));
process.on('uncaughtException', (error) => bail(error.stack));
process.on('unhandledRejection', (error) => bail(error?.stack || error));
