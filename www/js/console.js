// The console: every stream and client, live; clients can be disconnected.
import { el, poll, reconcile, setTexts } from './dom.js';
import { pageParams } from './endpoint.js';
import { kick, listAll, pictureOf, summaries } from './manage.js';
import { byId, pageOf, secretField } from './page.js';
import { bits } from './stats.js';
import { words } from './words.js';

const PERIOD_MS = 2000;
const CLIENTS_MAX = 300;
const STREAM_CELLS = ['Stream', 'State', 'Picture', 'Sound', 'In', 'Out', 'Clients'];
const CLIENT_CELLS = ['Client', 'Stream', 'What', 'Address', 'For', 'In', 'Out'];
const params = pageParams();
const rates = new Map(); // id -> {at, recv, send, in_bps, out_bps}

function say(error) {
	const said = error && words(error);

	byId('message').hidden = !said;
	byId('message').dataset.kind = 'error';
	byId('message-title').textContent = said?.title || '';
	byId('message-detail').textContent = said?.detail || '';
}

/** Bits a second since the last look, which says more than the interface's 30 s. */
function rateOf(item) {
	const now = performance.now();
	const old = rates.get(item.id);
	const of = (field, before) =>
		Math.max(0, ((item[field] - before) * 8000) / Math.max(1, now - (old?.at ?? now)));
	const rate = {
		at: now,
		recv: item.recv_bytes,
		send: item.send_bytes,
		in_bps: old ? of('recv_bytes', old.recv) : (item.kbps?.recv_30s ?? 0) * 1000,
		out_bps: old ? of('send_bytes', old.send) : (item.kbps?.send_30s ?? 0) * 1000,
	};

	rates.set(item.id, rate);
	return rate;
}

function duration(seconds) {
	const s = Math.floor(seconds);

	if (s >= 3600) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
	return s >= 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s} s`;
}

const row = (titles, end) =>
	el(
		'tr',
		{},
		...titles.map((title) => el('td', { 'data-title': title })),
		el('td', { class: 'end' }, end),
	);

function makeStream(stream) {
	const name = { app: stream.app, stream: stream.name, autostart: 'true' };
	const vhost = stream.vhost === '__defaultVhost__' ? {} : { vhost: stream.vhost };

	return row(
		STREAM_CELLS,
		el('a', { href: pageOf('../players/whep.html', { ...name, ...vhost }) }, 'Watch'),
	);
}

function updateStream(tr, stream) {
	const { in_bps, out_bps } = rateOf(stream);
	const live = stream.publish?.active;

	tr.dataset.state = live ? 'live' : 'waiting';
	setTexts(tr.children, [
		stream.id,
		live ? 'live' : stream.publish?.cid ? 'connecting' : 'waiting',
		pictureOf(stream),
		stream.audio ? `${stream.audio.codec} ${stream.audio.sample_rate / 1000} kHz` : '–',
		bits(in_bps),
		bits(out_bps),
		String(stream.clients),
	]);
}

async function disconnect(button, client) {
	button.disabled = true;
	try {
		await kick(params, client.id, params.token);
		say(null);
		button.closest('tr').remove();
	} catch (error) {
		button.disabled = false;
		say(error);
	}
}

function makeClient(client) {
	const button = el('button', { type: 'button', class: 'quiet' }, 'Disconnect');

	button.addEventListener('click', () => disconnect(button, client));
	return row(CLIENT_CELLS, button);
}

function updateClient(tr, client) {
	const { in_bps, out_bps } = rateOf(client);

	setTexts(tr.children, [
		client.id,
		client.stream,
		client.type,
		client.ip || '–',
		duration(client.alive),
		client.publish ? bits(in_bps) : '–',
		client.publish ? '–' : bits(out_bps),
	]);
}

function showTable(name, list, make, update) {
	reconcile(byId(name), list, { key: (item) => item.id, make, update });
	byId(`no-${name}`).hidden = list.length > 0;
	byId(name).parentElement.hidden = list.length === 0;
}

function tile(name, value) {
	return el('div', { class: 'tile' }, el('span', {}, name), el('b', {}, value));
}

function showSums({ data }, streams, clients) {
	const { in_bps, out_bps } = rateOf({
		id: '',
		recv_bytes: data.system.recv_bytes,
		send_bytes: data.system.send_bytes,
	});

	byId('sums').replaceChildren(
		tile('Streams', String(streams)),
		tile('Clients', String(clients)),
		tile('In', bits(in_bps)),
		tile('Out', bits(out_bps)),
		tile('One core', `${(data.self.cpu_percent * 100).toFixed(1)} %`),
		tile('Memory', `${(data.self.mem_kbyte / 1024).toFixed(0)} MB`),
		tile('Up for', duration(data.self.srs_uptime)),
	);
}

function forget(...lists) {
	const known = new Set(['', ...lists.flat().map((item) => item.id)]);

	for (const id of rates.keys()) if (!known.has(id)) rates.delete(id);
}

const matches = (client, text) =>
	[client.id, client.stream, client.ip, client.type].some((field) => field.includes(text));

let failing = false;

async function refresh() {
	try {
		const [sums, streams, clients] = await Promise.all([
			summaries(params),
			listAll(params, 'streams'),
			listAll(params, 'clients', CLIENTS_MAX),
		]);
		const shown = clients.list.filter((c) => matches(c, byId('filter').value.trim()));

		showSums(sums, streams.total, clients.total);
		streams.list.sort((a, b) => (a.id < b.id ? -1 : 1));
		showTable('streams', streams.list, makeStream, updateStream);
		showTable('clients', shown, makeClient, updateClient);
		byId('stream-count').textContent = String(streams.total);
		byId('client-count').textContent = String(clients.total);
		byId('more-clients').hidden = clients.total <= clients.list.length;
		byId('more-clients').textContent =
			`The first ${clients.list.length} of ${clients.total}.`;
		forget(streams.list, clients.list);
		if (failing) say(null);
		failing = false;
	} catch (error) {
		failing = true;
		say(error);
	}
}

secretField('token', params);
byId('filter').addEventListener('input', refresh);
poll(refresh, PERIOD_MS);
