// The start page: what is live, and the addresses of one stream, made from the page's own.
import { el, poll, reconcile } from './dom.js';
import { endpoint, origin, pageFor, pageParams } from './endpoint.js';
import { httpOutputs, listAll, pictureOf } from './manage.js';
import { streamUrl } from './old_api.js';
import { bindFields, byId, link, pageOf } from './page.js';
import { bits } from './stats.js';
import { words } from './words.js';

const COPIED_SHOWN_MS = 1500;
const PERIOD_MS = 2000;
const SHOWN_MAX = 100;
const DEFAULT_VHOST = '__defaultVhost__';
const params = pageParams();
let outputs = { flv: false, m3u8: false };

function recipe(command, kind) {
	return `${command} ${endpoint(kind, params)}`;
}

bindFields(params, ['app', 'stream'], () => {
	link('publish', pageFor('players/whip.html', params), 'Publish');
	link(
		'publish-test',
		pageFor('players/whip.html', params, { source: 'test', autostart: 'true' }),
		'or a test picture',
	);
	link('watch', pageFor('players/whep.html', params, { autostart: 'true' }), 'Watch');
	link('old-publish', pageOf('players/rtc_publisher.html', { url: streamUrl(params) }), 'publish');
	link(
		'old-watch',
		pageOf('players/rtc_player.html', { url: streamUrl(params), autostart: 'true' }),
		'watch',
	);
	byId('url-whip').textContent = endpoint('whip', params);
	byId('url-whep').textContent = endpoint('whep', params);
	byId('url-rtmp').textContent = `rtmp://${new URL(origin(params)).hostname}/${params.app}`;
	byId('key-rtmp').textContent = params.stream;
	byId('url-webrtc').textContent = streamUrl(params);
	byId('cmd-publish').textContent = recipe('rtc-publish --test', 'whip');
	byId('cmd-play').textContent = recipe('rtc-play', 'whep');
	byId('cmd-probe').textContent = recipe('rtc-doctor --whep', 'whep');
});

// The stream's name in paths and queries: a vhost of its own comes first.
const vhostOf = (stream) => (stream.vhost === DEFAULT_VHOST ? '' : stream.vhost);

function links(stream) {
	const vhost = vhostOf(stream);
	const name = { app: stream.app, stream: stream.name, ...(vhost ? { vhost } : {}) };
	const path = [vhost, stream.app, stream.name].filter(Boolean).map(encodeURIComponent);
	const file = `${origin(params)}/${path.join('/')}`;
	const all = [['Watch', pageOf('players/whep.html', { ...name, autostart: 'true' })]];

	if (outputs.flv) all.push(['FLV', `${file}.flv`]);
	if (outputs.m3u8)
		all.push(
			['HLS', `${file}.m3u8`],
			['Compare', pageOf('players/srs_player.html', { ...name, autostart: 'true' })],
		);
	return all;
}

function makeCard() {
	return el('li', {}, el('b'), el('span', { class: 'hint' }), el('span', { class: 'actions' }));
}

function updateCard(card, stream) {
	const [title, facts, actions] = card.children;
	const viewers = Math.max(0, stream.clients - 1);

	title.textContent = stream.id;
	facts.textContent = [
		pictureOf(stream),
		stream.audio?.codec,
		bits((stream.kbps?.recv_30s ?? 0) * 1000),
		viewers === 1 ? '1 viewer' : `${viewers} viewers`,
	]
		.filter((text) => text && text !== '–')
		.join(' · ');
	const wanted = links(stream);

	if (actions.children.length !== wanted.length)
		actions.replaceChildren(...wanted.map(() => el('a')));
	wanted.forEach(([text, href], i) => {
		actions.children[i].textContent = text;
		actions.children[i].href = href;
	});
}

async function refresh() {
	const note = byId('live-note');

	try {
		const { list } = await listAll(params, 'streams', SHOWN_MAX);
		const live = list.filter((stream) => stream.publish?.active);

		live.sort((a, b) => (a.id < b.id ? -1 : 1));
		reconcile(byId('live'), live, {
			key: (stream) => stream.id,
			make: makeCard,
			update: updateCard,
		});
		note.hidden = live.length > 0;
		note.textContent = 'Nobody publishes now.';
	} catch (error) {
		byId('live').replaceChildren();
		note.hidden = false;
		note.textContent = words(error).title;
	}
}

poll(refresh, PERIOD_MS);
httpOutputs(params).then((found) => {
	outputs = found;
	refresh();
});

// The clipboard exists on https and localhost only; elsewhere the text can be marked by hand.
for (const button of document.querySelectorAll('button[data-copy]')) {
	button.hidden = !navigator.clipboard;
	button.addEventListener('click', async () => {
		await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
		button.textContent = 'Copied';
		setTimeout(() => {
			button.textContent = 'Copy';
		}, COPIED_SHOWN_MS);
	});
}
