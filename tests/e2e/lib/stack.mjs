// The whole chain, each program started by the test itself: relay, whip, whep, web, gate.
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { root, scratch, start } from './processes.mjs';

/** The address that clients use: the namespace's, else the machine's first that is not loopback. */
export const address =
	process.env.RTC_E2E_ADDRESS ||
	Object.values(networkInterfaces())
		.flat()
		.find((a) => a.family === 'IPv4' && !a.internal)?.address ||
	'127.0.0.1';

/** A TCP port that is free now. */
export async function freePort() {
	const server = createServer();

	await new Promise((listening) => {
		server.listen(0, '127.0.0.1', listening);
	});
	const { port } = server.address();

	await new Promise((closed) => {
		server.close(closed);
	});
	return port;
}

export class Stack {
	/** tcp: the relay listens on TCP, too, on another port (tcp_port); relay: more options of it. */
	static async start({ workers = 1, tcp = false, relay = [] } = {}) {
		const it = new Stack();

		it.media_port = 20000 + Math.floor(Math.random() * 10000);
		it.port = await freePort();
		it.tcp_port = await freePort();
		mkdirSync(join(scratch, 'run'), { recursive: true, mode: 0o700 });
		it.programs = {
			'rtc-relay': [
				...['-u', String(it.media_port), '-w', String(workers)],
				...(tcp ? ['--tcp', String(it.tcp_port)] : []),
				...relay,
			],
			'rtc-whip': ['--candidate', address],
			'rtc-whep': ['--candidate', address],
			'rtc-web': ['--dir', join(root, 'www')],
			'rtc-gate': ['--listen', String(it.port)],
		};
		it.running = {};
		for (const name of Object.keys(it.programs)) await it.launch(name);
		return it;
	}

	/** Starts one of the programs (again). */
	async launch(name) {
		this.running[name] = await start(name, this.programs[name]);
		return this.running[name];
	}

	/** `http://localhost:PORT/path`: a secure context, which camera pages need. */
	url(path = '/') {
		return `http://localhost:${this.port}${path}`;
	}

	whip(stream) {
		return this.url(`/players/whip.html?autostart=true&source=test&stream=${stream}`);
	}

	whep(stream) {
		return this.url(`/players/whep.html?autostart=true&stream=${stream}`);
	}

	endpoint(kind, stream) {
		return this.url(`/rtc/v1/${kind}/?app=live&stream=${stream}`);
	}
}
