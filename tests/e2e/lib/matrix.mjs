// Every publisher times every player: waves of publishers, all players at once, a window in which
// both sides' counts must grow alike.
import { loadavg } from 'node:os';
import { Process } from './processes.mjs';
import { note, ok } from './tap.mjs';
import { pause, until } from './wait.mjs';

const START_MAX_MS = 20000;
const only = new RegExp(process.env.RTC_MATRIX_ONLY || '');

export class Matrix {
	/**
	 * clients: {name: client} as lib/clients.mjs has them; publishes and plays: {name: [codec]};
	 * kind: audio or video; picture: what is published; waves: publishers at a time; window_ms: how
	 * long is measured, windows_max times at most; ratio_min: of the published pictures, how many
	 * must arrive; rough(on): a wave's network becomes bad once its clients are connected, and good
	 * again; stack: the server.
	 */
	constructor(options) {
		Object.assign(this, { windows_max: 3, ratio_min: 0.95, rough: () => {} }, options);
		this.table = new Map();
		this.sources = Object.entries(this.publishes)
			.flatMap(([client, codecs]) =>
				codecs.map((codec) => ({ client, codec, id: `${client}-${codec}` })),
			)
			.filter(({ id }) => only.test(id));
	}

	/** Of all clients: {id: {frames, at, error}}. */
	async counts() {
		const all = await Promise.all(
			Object.values(this.clients).map((client) => client.counts()),
		);

		return Object.assign({}, ...all);
	}

	// Waits until all of ids have counted so many, or failed.
	async moving(ids, frames) {
		await until(`${ids.length} that move`, START_MAX_MS, async () => {
			const now = await this.counts();

			return ids.every((id) => now[id]?.error || now[id]?.frames >= frames);
		}).catch((error) => note(error.message));
		return this.counts();
	}

	// The ratios of the pairs over a window, or since the wave's first if that says more: the
	// longer, the less it matters when a count was taken. Those of rtc-play come with its report.
	async measure(pairs) {
		const ours = pairs.filter((pair) => pair.player === 'rtckit');
		const before = await this.counts();
		const reports = ours.map((pair) => this.playFor(pair, this.window_ms / 1000));

		await pause(this.window_ms);
		const after = await this.counts();
		// By each client's own clock: they do not answer at the same moment.
		const rate = (id, [a, b]) =>
			a[id] && b[id] && b[id].at > a[id].at
				? ((b[id].frames - a[id].frames) * 1000) / (b[id].at - a[id].at)
				: 0;
		const ratio = ({ id, source }, span) =>
			rate(source.id, span) > 0 ? rate(id, span) / rate(source.id, span) : 0;

		this.first ??= before;
		for (const pair of pairs) {
			const spans = [before, this.first].map((from) => [from, after]);

			pair.rate = rate(pair.source.id, spans[0]);
			pair.heard = after[pair.id]?.heard;
			if (pair.player !== 'rtckit')
				pair.ratio = Math.max(...spans.map((span) => ratio(pair, span)));
		}
		for (const [i, report] of (await Promise.all(reports)).entries())
			ours[i].ratio = (report.video?.fps ?? 0) / ours[i].rate;
	}

	playFor({ id, source }, seconds) {
		return this.clients.rtckit.playFor(id, this.stack.endpoint('whep', source.id), seconds);
	}

	pairsOf(source) {
		return Object.entries(this.plays).map(([player, codecs]) => ({
			source,
			player,
			id: `${player}-of-${source.id}`,
			common: codecs.includes(source.codec),
		}));
	}

	judge(pair, error) {
		const name = `${pair.source.id} to ${pair.player}`;
		const unit = this.kind === 'audio' ? 'packets/s' : 'fps';
		let cell;

		if (pair.common) {
			cell = `${(100 * Math.min(1, pair.ratio ?? 0)).toFixed(1)} %`;
			ok(
				pair.ratio >= this.ratio_min && pair.heard !== false,
				`${name}: ${cell} at ${(pair.rate ?? 0).toFixed(1)} ${unit}`,
				pair.heard === false ? 'nothing is heard' : error,
			);
		} else {
			const both = `publisher sends [^;]*${pair.source.codec}.*player takes \\w`;
			const told = new RegExp(both, 'i').test(error);

			cell = told ? 'told' : 'NOT TOLD';
			ok(told, `${name}: no codec in common, and told so`, error || 'no error');
		}
		this.table.set(pair.id, cell);
	}

	// Whose fault it was: what the relay got and sent, lost and was asked for, of each session.
	async explain(id) {
		const ctl = new Process('rtc-ctl', ['-j', 'sessions', `live/${id}`], {
			ready: false,
			name: `ctl-${id}`,
		});

		await ctl.exited;
		note(`load ${loadavg().map((n) => n.toFixed(1))}; what the relay says of live/${id}:`);
		for (const line of ctl.output.trim().split('\n')) note(line);
	}

	async start(list) {
		const { clients, stack, picture, kind } = this;

		for (const { client, id, codec } of list)
			await clients[client].publish(id, stack.endpoint('whip', id), codec, picture);
		const published = await this.moving(list.map((s) => s.id), 5);
		const pairs = list.flatMap((source) => this.pairsOf(source));

		for (const { id } of list)
			if (published[id]?.error) note(`${id}: ${published[id].error}`);
		for (const { player, id, source } of pairs)
			if (player !== 'rtckit')
				await clients[player].play(id, stack.endpoint('whep', source.id), kind);
		return pairs;
	}

	async wave(list) {
		const pairs = await this.start(list);
		const others = pairs.filter((p) => p.player !== 'rtckit');
		const errors = await this.moving(others.map((p) => p.id), 1);
		let due = pairs.filter((pair) => pair.common);

		this.rough(true);
		this.first = null;
		for (let i = 0; i < this.windows_max && due.length > 0; i++) {
			await this.measure(due);
			due = due.filter((pair) => !(pair.ratio >= this.ratio_min) || pair.heard === false);
		}
		this.rough(false);
		for (const id of new Set(due.map((pair) => pair.source.id))) await this.explain(id);
		for (const pair of pairs) {
			const refused = pair.player === 'rtckit' && !pair.common;
			const error = refused
				? JSON.stringify(await this.playFor(pair, 1))
				: (errors[pair.id]?.error ?? '');

			this.judge(pair, error);
		}
		for (const { player, id } of others) await this.clients[player].stop(id);
		for (const { client, id } of list) await this.clients[client].stop(id);
	}

	async run() {
		for (let i = 0; i < this.sources.length; i += this.waves) {
			const began = performance.now();

			await this.wave(this.sources.slice(i, i + this.waves));
			note(`${((performance.now() - began) / 1000).toFixed(1)} s`);
		}
		this.print();
	}

	print() {
		const width = Math.max(...this.sources.map((s) => s.id.length));
		const players = Object.keys(this.plays);

		note(`${''.padEnd(width)} ${players.map((p) => p.padStart(10)).join(' ')}`);
		for (const { id } of this.sources) {
			const cells = players.map((p) =>
				(this.table.get(`${p}-of-${id}`) ?? '').padStart(10),
			);

			note(`${id.padEnd(width)} ${cells.join(' ')}`);
		}
	}
}
