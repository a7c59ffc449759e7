// The management interface: streams, clients, the end of one.
import { origin } from './endpoint.js';
import { ask } from './session.js';
import { HttpProblem } from './words.js';

const PAGE = 100;

async function call(params, path, options = {}) {
	const url = `${origin(params)}/api/v1/${path}`;
	const answer = await ask(url, options);
	const body = await answer.json().catch(() => ({}));

	if (!answer.ok || body.code !== 0)
		throw new HttpProblem('api', answer.status, body, url);
	return body;
}

/** All of a list ('streams' or 'clients'), at most so many: {list, total}. */
export async function listAll(params, name, max = 500) {
	const list = [];
	let total = 0;

	do {
		const query = `start=${list.length}&count=${Math.min(PAGE, max - list.length)}`;
		const body = await call(params, `${name}/?${query}`);

		total = body.total;
		if (body[name].length === 0) break;
		list.push(...body[name]);
	} while (list.length < Math.min(total, max));
	return { list, total };
}

/** One stream of those; undefined if it is not among them. */
export async function streamNamed(params, { app, stream, vhost = '__defaultVhost__' }) {
	const { list } = await listAll(params, 'streams');

	return list.find((s) => s.app === app && s.name === stream && s.vhost === vhost);
}

export const summaries = (params) => call(params, 'summaries');

export function kick(params, id, token) {
	const headers = token ? { Authorization: `Bearer ${token}` } : {};

	return call(params, `clients/${encodeURIComponent(id)}`, { method: 'DELETE', headers });
}

/** Which of HTTP-FLV and HLS this server gives: asked in a form that no stream has, it says so. */
export async function httpOutputs(params) {
	const found = {};

	for (const suffix of ['flv', 'm3u8']) {
		const url = `${origin(params)}/live/livestream.${suffix}?format=none`;
		const answer = await ask(url, {}).catch(() => null);
		const body = await answer?.json().catch(() => null);

		found[suffix] = /format$/.test(body?.type || '');
	}
	return found;
}

/** "H264 1280×720", as much of it as is known; "–" without a picture. */
export function pictureOf(stream) {
	const { video } = stream;

	if (!video) return '–';
	return [video.codec, video.width ? `${video.width}×${video.height}` : '']
		.filter(Boolean)
		.join(' ');
}
