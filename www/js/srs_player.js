// One stream by WebRTC, HLS and HTTP-FLV side by side, and how far behind each of them is.
import { el } from './dom.js';
import { CardClock } from './card_clock.js';
import { httpUrl, sourceOf } from './http_address.js';
import { bindFields, byId, rtckit, showGo } from './page.js';
import { FlvPlayer } from './player_flv.js';
import { HlsPlayer } from './player_hls.js';
import { WhepPlayer } from './player_whep.js';
import { words } from './words.js';

const LOOK_PERIOD_MS = 250;
const KINDS = {
	whep: { title: 'WebRTC', make: (o) => new WhepPlayer(o) },
	hls: { title: 'HLS', make: (o) => new HlsPlayer({ ...o, url: o.source.hls }) },
	flv: { title: 'HTTP-FLV', make: (o) => new FlvPlayer({ ...o, url: o.source.flv }) },
};
const TEXTS = {
	idle: 'Stopped',
	connecting: 'Connecting',
	waiting: 'Waiting for the publisher',
	playing: 'Playing',
	retrying: 'Trying again',
	failed: 'Failed',
};

const seconds = (ms) => `${(ms / 1000).toFixed(ms < 950 ? 2 : 1)} s`;

class Pane {
	constructor(kind, source, muted) {
		this.kind = kind;
		this.state = 'idle';
		this.video = el('video', { playsinline: '', controls: '', autoplay: '' });
		this.video.muted = muted;
		this.pill = el('span', { class: 'pill' });
		this.delay = el('b', { class: 'delay' });
		this.how = el('span', { class: 'hint' });
		this.said = el('p', { class: 'message', hidden: '' });
		this.element = el(
			'section',
			{ class: 'pane' },
			el('h2', {}, KINDS[kind].title),
			el('div', { class: 'stage' }, this.video),
			el('p', { class: 'below' }, this.pill, this.delay, this.how),
			this.said,
		);
		this.card = new CardClock(this.video);
		this.player = KINDS[kind].make({
			source,
			params: source.params,
			video: this.video,
			onState: (state, error) => this.enter(state, error),
		});
		this.enter('idle', null);
	}

	enter(state, error) {
		const unable = error?.name === 'NotSupportedError';
		const said = unable
			? { title: 'It cannot be played here:', detail: error.message }
			: error && words(error);

		this.state = state;
		this.pill.dataset.state = state;
		this.pill.textContent = TEXTS[state];
		this.said.hidden = !said;
		this.said.textContent = said ? `${said.title} ${said.detail}` : '';
	}

	look() {
		const behind = this.state === 'playing' ? this.player.behind() : null;

		this.behind_ms = behind ? Math.max(0, behind.ms) : null;
		this.delay.textContent = behind ? `${seconds(this.behind_ms)} behind the server` : '';
		this.how.textContent = behind ? behind.how : '';
	}
}

const query = new URLSearchParams(location.search);
const params = { query, url: sourceOf(query).url };
const boxes = Object.keys(KINDS).map((kind) => byId(`show-${kind}`));
let panes = [];
let timer = null;

function shown() {
	return Object.keys(KINDS).filter((kind) => byId(`show-${kind}`).checked);
}

// Two pictures of the test card tell by their numbers how far they are apart.
function compare() {
	const [first, ...others] = panes.map((pane) => ({ pane, number: pane.card.read() }));
	const fps = first?.pane.card.fps();
	const apart = [];

	for (const { pane, number } of others) {
		if (number === null || first.number === null || !fps) continue;
		let ahead = (first.number - number + 65536) % 65536;

		if (ahead > 32768) ahead -= 65536;
		apart.push({ kind: pane.kind, ms: (ahead * 1000) / fps, number });
	}
	rtckit.apart = apart;
	const title = first && KINDS[first.pane.kind].title;

	byId('apart').textContent = apart
		.map(({ kind, ms }) =>
			ms < 0
				? `${KINDS[kind].title} shows a picture ${seconds(-ms)} before ${title}`
				: `${KINDS[kind].title} shows a picture ${seconds(ms)} after ${title}`,
		)
		.join('; ');
	byId('apart-note').hidden = apart.length === 0;
}

function look() {
	for (const pane of panes) pane.look();
	compare();
	rtckit.panes = panes.map(({ kind, state, behind_ms, video }) => ({
		kind,
		state,
		behind_ms,
		width: video.videoWidth,
		time_s: video.currentTime,
	}));
}

function stop() {
	clearInterval(timer);
	for (const pane of panes) pane.player.stop();
	panes = [];
	byId('panes').replaceChildren();
	byId('message').hidden = true;
	showGo(false, 'Play');
	look();
}

function start() {
	stop();
	try {
		const source = httpUrl(params.url, query);

		panes = shown().map((kind, i) => new Pane(kind, source, i > 0));
		byId('panes').replaceChildren(...panes.map((pane) => pane.element));
		for (const pane of panes) pane.player.start();
		showGo(true, 'Play');
		timer = setInterval(look, LOOK_PERIOD_MS);
	} catch (error) {
		byId('message').hidden = false;
		byId('message').textContent = words(error).title;
	}
}

for (const kind of sourceOf(query).show) byId(`show-${kind}`).checked = true;
for (const box of boxes)
	box.addEventListener('change', () => {
		query.set('show', shown().join(','));
		history.replaceState(null, '', `?${query}`);
		if (timer) start();
	});
bindFields(params, ['url'], () => {
	if (panes.length > 0) start();
});
byId('go').addEventListener('click', () => (panes.length > 0 ? stop() : start()));
byId('form').addEventListener('submit', (event) => {
	event.preventDefault();
	start();
});
addEventListener('pagehide', stop);
Object.assign(rtckit, { start, stop, panes: [], apart: [] });
showGo(false, 'Play');
if (/^(true|1|yes)$/.test(query.get('autostart') || '')) start();
