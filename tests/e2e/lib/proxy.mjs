// A bad network between clients and the relay: a UDP relay of its own that loses packets by a
// seeded draw, and can change the address that the relay sees, as a NAT does.
import { createSocket } from 'node:dgram';
import { start } from './processes.mjs';
import { address, freePort } from './stack.mjs';
import { atEnd } from './tap.mjs';

const DEFAULT_SEED = 20261123;

// Marsaglia's xorshift, 32 bits: enough to draw losses by.
function draws(seed) {
	let x = seed >>> 0 || 1;

	return () => {
		x ^= x << 13;
		x >>>= 0;
		x ^= x >>> 17;
		x ^= x << 5;
		x >>>= 0;
		return x / 2 ** 32;
	};
}

const bound = (host) =>
	new Promise((resolve) => {
		const socket = createSocket('udp4');

		socket.bind(0, host, () => resolve(socket));
	});

export class Proxy {
	/**
	 * loss: share of the packets of each direction, once lossy is set; burst: so many in a row.
	 * Both may be changed at any time; chosen(way, packet): drop this one, too.
	 */
	static async start(own_address, target_port, loss = 0) {
		const it = new Proxy();

		it.seed = Number(process.env.RTC_SEED || DEFAULT_SEED);
		it.draw = draws(it.seed);
		Object.assign(it, {
			address: own_address,
			target_port,
			loss,
			lossy: false,
			burst: 1,
			left: { in: 0, out: 0 },
			forwarded: 0,
			lost: 0,
		});
		it.clients = new Map();
		it.outside = await bound(own_address);
		it.outside.on('message', (packet, from) => it.inward(packet, from));
		atEnd(() => it.stop());
		return it;
	}

	get port() {
		return this.outside.address().port;
	}

	// A burst begins so seldom that the share of the lost is loss.
	isLost(way) {
		if (!this.lossy) return false;
		if (this.left[way]-- > 0) return true;
		this.left[way] = 0;
		if (this.draw() >= this.loss / (this.burst - this.loss * (this.burst - 1))) return false;
		this.left[way] = this.burst - 1;
		return true;
	}

	drops(way, packet) {
		const lost = this.isLost(way) || Boolean(this.chosen?.(way, packet));

		this.lost += lost ? 1 : 0;
		this.forwarded += lost ? 0 : 1;
		return lost;
	}

	async inward(packet, from) {
		const key = `${from.address}:${from.port}`;

		if (!this.clients.has(key))
			this.clients.set(key, { from, socket: this.upstream(from) });
		const socket = await this.clients.get(key).socket;

		this.spoke_at ??= performance.now();
		if (!this.drops('in', packet)) socket.send(packet, this.target_port, this.address);
	}

	async upstream(client) {
		const socket = await bound(this.address);

		socket.on('message', (packet) => {
			if (!this.drops('out', packet)) this.outside.send(packet, client.port, client.address);
		});
		return socket;
	}

	/**
	 * From now on the relay sees every client at another port; the old ones are closed.
	 * spoke_at is when a client sent something first after that.
	 */
	async rebind() {
		for (const client of this.clients.values()) {
			const old = await client.socket;

			client.socket = this.upstream(client.from);
			await client.socket;
			old.close();
		}
		this.spoke_at = null;
	}

	async stop() {
		this.outside.close();
		for (const { socket } of this.clients.values()) (await socket).close();
		this.clients.clear();
	}
}

/** A WHIP or WHEP endpoint of the stack whose clients reach the relay only through a proxy of their own. */
export async function behindProxy(stack, kind) {
	const proxy = await Proxy.start(address, stack.media_port);
	const port = await freePort();
	const candidate = `${address}:${proxy.port}`;

	await start(
		`rtc-${kind}`,
		['-l', String(port), '-c', candidate, '--no-detect', '--no-api-candidate'],
		{ name: `rtc-${kind}-rough` },
	);
	return { proxy, port };
}
