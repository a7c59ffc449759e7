// The little of a page that both players share: its state, its messages, its table of figures.
import { rowsOf } from './stats.js';
import { words } from './words.js';

export const byId = (id) => document.getElementById(id);

/** What a script or a test may read: window.rtckit. */
export const rtckit = { state: 'idle', error: null, stats: null, keeper: null };

window.rtckit = rtckit;

export function showState(state, text) {
	rtckit.state = state;
	const pill = byId('state');

	pill.dataset.state = state;
	pill.textContent = text;
}

/** Where a token can be typed in, that field is shown. */
function askForToken() {
	const field = byId('token');

	if (!field) return;
	field.closest('details').open = true;
	field.disabled = false;
	field.focus();
}

/** An error in words, a plain {title, detail}, or nothing. */
export function showMessage(problem) {
	const box = byId('message');
	const said = problem instanceof Error ? words(problem) : problem;

	rtckit.error = problem instanceof Error ? said : null;
	box.hidden = !said;
	box.dataset.kind = problem instanceof Error ? 'error' : 'note';
	byId('message-title').textContent = said?.title || '';
	byId('message-detail').textContent = said?.detail || '';
	if (problem?.status === 401) askForToken();
}

export function showStats(stats) {
	rtckit.stats = stats;
	byId('stats').hidden = !stats;
	if (!stats) return;
	byId('stats-list').replaceChildren(
		...rowsOf(stats).flatMap(([name, value]) => {
			const dt = document.createElement('dt');
			const dd = document.createElement('dd');

			dt.textContent = name;
			dd.textContent = value;
			return [dt, dd];
		}),
	);
}

/** Form field <-> page parameter; the address bar follows, so that it can be shared. */
export function bindFields(params, names, onchange) {
	for (const name of names) {
		const field = byId(name);

		field.value = params[name];
		// A choice that is not among those of a list is made one.
		if (field.value !== params[name] && field.tagName === 'SELECT' && params[name]) {
			field.add(new Option(params[name]));
			field.value = params[name];
		}
		field.addEventListener('change', () => {
			params[name] = field.value.trim() || params[name];
			field.value = params[name];
			params.query.set(name, params[name]);
			history.replaceState(null, '', `?${params.query}`);
			onchange();
		});
	}
	onchange();
}

/** The button that starts and stops. */
export function showGo(busy, start) {
	byId('go').textContent = busy ? 'Stop' : start;
	byId('go').dataset.action = busy ? 'stop' : 'start';
}

/** it: {start(), stop(), keeper}. A page that is left ends its session. */
export function bindGo(it) {
	byId('go').addEventListener('click', () =>
		byId('go').dataset.action === 'stop' ? it.stop() : it.start(),
	);
	for (const form of document.forms)
		form.addEventListener('submit', (event) => event.preventDefault());
	addEventListener('pagehide', () => it.keeper.stop());
}

/** Options of a <select>: [[value, text], ...]; the first if the present one is not among them. */
export function fillSelect(select, choices, value) {
	select.replaceChildren(
		...choices.map(([v, text]) => {
			const option = document.createElement('option');

			option.value = v;
			option.textContent = text;
			return option;
		}),
	);
	select.value = choices.some(([v]) => v === value) ? value : (choices[0]?.[0] ?? '');
}

/** A field whose value goes into no address. */
export function secretField(id, params) {
	byId(id).value = params[id];
	byId(id).addEventListener('input', () => {
		params[id] = byId(id).value.trim();
	});
}

/** Address of another page, with a query of its own. */
export function pageOf(path, query) {
	const url = new URL(path, location.href);

	for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
	return url.href;
}

export function link(id, href, text = href) {
	const a = byId(id);

	a.href = href;
	a.textContent = text;
}

export function needWebRTC() {
	if (typeof RTCPeerConnection === 'function') return;
	throw Object.assign(new Error('no RTCPeerConnection'), { name: 'NoWebRTC' });
}
