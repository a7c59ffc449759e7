// The pages of rooms (demos/room.html and demos/one2one.html): everybody publishes ROOM/NAME and
// plays the others; who is there, and what they write, comes by signalling.
import { el } from './dom.js';
import { hostAndPort, origin, pageFor, pageParams } from './endpoint.js';
import { Local } from './local.js';
import { byId, link, needWebRTC, rtckit, showMessage, showState } from './page.js';
import { Signal, SignalError } from './signal.js';
import { Tile } from './tile.js';

const OURS = ['room', 'display', 'wss', 'wsh', 'wsp', 'app', 'stream'];
const TEXT_MAX = 1000; // characters of a line of chat
const RETURN_MS = 10000;
const LINES_MAX = 200; // of it that are kept
const NAME = /^[A-Za-z0-9._~@:-]{1,128}$/;
const TEXTS = {
	idle: 'Not in a room',
	starting: 'Opening camera and microphone',
	connecting: 'Connecting',
	live: 'In the room',
	watching: 'In the room, watching',
	retrying: 'Trying again',
	failed: 'Failed',
};
const WORDS = {
	'name-taken': 'Somebody in the room has this name: take another one.',
	'bad-name': 'Room and name are made of letters, digits and . _ ~ @ : - only.',
	'room-full': 'The room is full.',
	'too-many-rooms': 'The server has as many rooms as it is allowed to have.',
	lost: 'The server of the rooms does not answer. This page goes on trying; pictures go on.',
};
const pair = document.body.dataset.mode === 'one2one';
const params = pageParams();
const tiles = new Map(); // name -> Tile
let local = null;
let signal = null;
let publishing = false; // our stream is at the relay
let latest = []; // participants, as they were told last
let returnUntil = 0; // the server was away: until then the others may come again
let returnTimer = null;

params.room = params.query.get('room') || 'meeting';
params.display = params.query.get('display') || `guest-${Math.random().toString(36).slice(2, 7)}`;

/** Parameters of one participant's stream; what concerns rooms does not travel to the relay. */
function streamOf(name) {
	const query = new URLSearchParams(params.query);

	OURS.forEach((key) => query.delete(key));
	return { ...params, app: params.room, stream: name, query };
}

/** The WebSocket: by default where the page comes from; wss, wsh and wsp say otherwise. */
function socketUrl() {
	const { query } = params;
	const secure = params.schema === 'https';
	const schema = (query.get('wss') || (secure ? 'wss' : 'ws')).replace(/^http/, 'ws');
	const { host, port: named } = hostAndPort(query.get('wsh') || location.hostname);
	const port = query.get('wsp') || named || location.port;
	const url = new URL(
		`${origin({ schema: /^wss?$/.test(schema) ? schema : 'ws', host, port })}/sig/v1/rtc`,
	);

	url.searchParams.set('room', params.room);
	url.searchParams.set('display', params.display);
	return url.href;
}

// ---- what is seen ----

function enter(state, error = null) {
	const inside = state !== 'idle' && state !== 'failed';

	showState(state, TEXTS[state]);
	if (error instanceof SignalError)
		showMessage({ title: WORDS[error.code] || error.message, detail: '' });
	else showMessage(error);
	rtckit.error = error ? error.code || error.name : null;
	byId('join').hidden = inside;
	byId('controls').hidden = !inside;
	byId('chat').hidden = !inside;
	byId('say').disabled = state !== 'live' && state !== 'watching';
}

function arrange() {
	const grid = byId('grid');

	grid.dataset.count = String(Math.min(grid.children.length, 9));
	byId('alone').hidden = tiles.size !== 1;
}

function addTile(name) {
	const tile = new Tile(name, streamOf(name), () => {
		byId('unmute').hidden = false;
	});

	tiles.set(name, tile);
	byId('grid').append(tile.element);
	if (name === params.display) tile.element.classList.add('self');
	arrange();
	return tile;
}

function removeTile(name) {
	tiles.get(name)?.close();
	tiles.delete(name);
	arrange();
}

/** The room is what the server says; tiles of those who stay are not touched. */
function onParticipants(list) {
	const names = new Set(list.map((p) => p.display));
	const returning = performance.now() < returnUntil;

	latest = list;

	if (pair && names.size > 2 && list.findIndex((p) => p.display === params.display) > 1) {
		leave();
		enter('failed', new SignalError('room-full', ''));
		return;
	}
	for (const name of [...tiles.keys()])
		if (!names.has(name) && !returning) removeTile(name);
	for (const { display, publishing: sends } of list) {
		const tile = tiles.get(display) || addTile(display);

		if (sends && display !== params.display) tile.play();
	}
}

function addLine(name, text) {
	const lines = byId('lines');

	lines.append(el('li', {}, el('b', {}, name), ' ', text));
	while (lines.children.length > LINES_MAX) lines.firstChild.remove();
	lines.scrollTop = lines.scrollHeight; // of the list; the page stays where it is
}

// ---- what is said ----

function ownState() {
	return {
		muted: local?.muted || false,
		blind: local?.blind || false,
		screen: Boolean(local?.screen),
	};
}

function tellState() {
	const self = tiles.get(params.display);

	self?.tell(ownState());
	// One sees oneself as in a mirror; a text on a screen must not be.
	self?.element.classList.toggle('mirror', params.source === 'camera' && !local?.screen);
	if (signal?.joined) signal.ask('control', { call: 'state', data: ownState() }).catch(() => {});
}

function onNotice(msg) {
	const name = msg.peer?.display;

	if (msg.event === 'join') {
		addLine(name, 'is here');
		tellState();
	} else if (msg.event === 'leave') {
		addLine(name, 'has left');
		removeTile(name);
	} else if (msg.event === 'control' && msg.param === 'state' && msg.data)
		tiles.get(name)?.tell(msg.data);
	else if (msg.event === 'control' && msg.param === 'chat')
		addLine(name, String(msg.data?.text ?? msg.data ?? '').slice(0, TEXT_MAX));
}

async function say(text) {
	try {
		await signal.ask('control', { call: 'chat', data: { text } });
		addLine(params.display, text);
	} catch {
		addLine(params.display, `${text} (not sent)`);
	}
}

// ---- in and out ----

function shown() {
	return local && local.stream.getTracks().length > 0 ? 'live' : 'watching';
}

function tellPublishing() {
	if (publishing && signal?.joined) signal.ask('publish').catch(() => {});
}

/** After a restart of the server all come back one by one; their pictures went on meanwhile. */
function awaitReturn() {
	returnUntil = performance.now() + RETURN_MS;
	clearTimeout(returnTimer);
	returnTimer = setTimeout(() => onParticipants(latest), RETURN_MS + 1);
}

function onSignal(state, error) {
	if (state === 'failed') {
		leave();
		enter('failed', error);
	} else if (state === 'joined') {
		if (signal.rejoins > 0) awaitReturn();
		enter(shown(), local?.problem);
		tellPublishing();
		tellState();
	} else enter(state, error);
}

function onPublishing(state, error) {
	publishing = state === 'connected';
	tiles.get(params.display)?.element.classList.toggle('unsent', !publishing);
	tellPublishing();
	if (state === 'failed') showMessage(error);
}

async function join() {
	leave();
	if (!NAME.test(params.room) || !NAME.test(params.display)) {
		enter('failed', new SignalError('bad-name', ''));
		return;
	}
	try {
		enter('starting');
		needWebRTC();
	} catch (error) {
		enter('failed', error);
		return;
	}
	const mine = new Local(streamOf(params.display), {
		onState: onPublishing,
		onChange: () => {
			byId('mute').setAttribute('aria-pressed', String(mine.muted));
			byId('blind').setAttribute('aria-pressed', String(mine.blind));
			byId('share').setAttribute('aria-pressed', String(Boolean(mine.screen)));
			tellState();
		},
	});

	local = mine;
	addTile(params.display).showLocal(mine.stream);
	try {
		await mine.start(params.source);
	} catch (error) {
		mine.problem = error; // without a camera one can still watch
	}
	if (local !== mine) {
		mine.stop();
		return;
	}
	signal = new Signal({
		url: socketUrl(),
		room: params.room,
		display: params.display,
		onState: onSignal,
		onParticipants,
		onNotice,
	});
	signal.start();
}

function leave() {
	signal?.stop();
	local?.stop();
	signal = local = null;
	publishing = false;
	clearTimeout(returnTimer);
	returnUntil = 0;
	for (const name of [...tiles.keys()]) removeTile(name);
}

// ---- the page ----

function follow() {
	const url = new URL(location.href);

	url.searchParams.set('room', params.room);
	url.searchParams.delete('display');
	url.searchParams.set('autostart', 'true');
	link('invite', url.href);
	byId('mix').textContent = `rtc-mix --room ${params.room} live/${params.room}`;
	const mixed = { ...params, app: 'live', stream: params.room };

	link('watch', pageFor('../players/whep.html', mixed), 'watched');
}

for (const name of ['room', 'display', 'source']) {
	const field = byId(name);

	field.value = params[name];
	field.addEventListener('change', () => {
		params[name] = field.value.trim() || params[name];
		field.value = params[name];
		params.query.set(name, params[name]);
		history.replaceState(null, '', `?${params.query}`);
		follow();
	});
}

function toggle(id, fn) {
	byId(id).addEventListener('click', async () => {
		try {
			await fn(byId(id).getAttribute('aria-pressed') !== 'true');
		} catch (error) {
			if (error.name !== 'NotAllowedError') showMessage(error);
		}
	});
}

toggle('mute', (on) => local.mute(on));
toggle('blind', (on) => local.hide(on));
toggle('share', (on) => local.share(on));
byId('share').hidden = !navigator.mediaDevices?.getDisplayMedia;
byId('leave').addEventListener('click', () => {
	leave();
	enter('idle');
});
byId('join').addEventListener('submit', (event) => {
	event.preventDefault();
	join();
});
byId('chat').addEventListener('submit', (event) => {
	const field = byId('text');

	event.preventDefault();
	if (field.value.trim()) say(field.value.trim().slice(0, TEXT_MAX));
	field.value = '';
});
byId('unmute').addEventListener('click', () => {
	byId('unmute').hidden = true;
	for (const [name, tile] of tiles) if (name !== params.display) tile.unmute();
});
addEventListener('pagehide', leave);

Object.assign(rtckit, {
	tiles,
	join,
	leave,
	params,
	/** For scripts: {name: {state, frames}} of the others. */
	others: () =>
		Object.fromEntries(
			[...tiles]
				.filter(([name]) => name !== params.display)
				.map(([name, t]) => [
					name,
					{
						state: t.state,
						frames: t.video.getVideoPlaybackQuality().totalVideoFrames,
						width: t.video.videoWidth,
						height: t.video.videoHeight,
						mark: t.mark.textContent,
					},
				]),
		),
	local: () => local,
});
enter('idle');
follow();
if (params.autostart) join();
