// The older JSON interface (POST /rtc/v1/publish/ and /rtc/v1/play/) and its webrtc:// addresses.
import { PAGE_ONLY } from './endpoint.js';
import { Session, ask } from './session.js';
import { BadAddress, HttpProblem } from './words.js';

const DEFAULT_PORT = 1985;
const KINDS = { whip: 'publish', whep: 'play' };

// What a page's query says and an address does not; a schema is the address's too.
const OWN = new Set([...PAGE_ONLY, 'url', 'server', 'app', 'stream']);

OWN.delete('schema');

const scheme = () => location.protocol.replace(':', '');

/**
 * `webrtc://host[:port]/app/stream[?query]` to the URL of the interface. Throws BadAddress. The
 * port is the interface's; without one it is 1985, or 443 by https, as a `schema` in the query or
 * the page's own decides.
 */
export function apiUrl(kind, streamurl) {
	const match = /^webrtc:\/\/([^/?#]+)\/([^/?#]+)\/([^/?#]+)(\?[^#]*)?$/i.exec(streamurl);

	if (!match) throw new BadAddress(streamurl);
	const query = new URLSearchParams(match[4] || '');
	const schema = query.get('schema') || scheme();
	let url;

	try {
		url = new URL(`${schema}://${match[1]}/rtc/v1/${KINDS[kind]}/`);
	} catch {
		throw new BadAddress(streamurl);
	}
	// URL leaves out a port that is its scheme's own; only what was written counts.
	if (!/:\d+$/.test(match[1]) && schema !== 'https') url.port = DEFAULT_PORT;
	return url.href;
}

/** What endpoint.js has of a page's query, of a webrtc:// address. Throws BadAddress. */
export function paramsOf(streamurl) {
	const { protocol, hostname: host, port } = new URL(apiUrl('whep', streamurl));
	const [, app, stream, tail] = /^webrtc:\/\/[^/]+\/([^/]+)\/([^?#]+)(.*)$/i.exec(streamurl);
	const query = new URLSearchParams(tail);

	return { query, app, stream, schema: protocol.replace(':', ''), host, port };
}

/** The address of the page's own stream, from its query: server, port, app, stream, the rest. */
export function streamUrl(params) {
	const given = params.query.get('url');

	if (given) return given;
	const query = new URLSearchParams([...params.query].filter(([name]) => !OWN.has(name)));
	const server = params.query.get('server') || params.query.get('host');
	const port = params.query.get('port') || (server || params.port === '8080' ? '' : params.port);
	const host = server || params.host;
	const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
	const tail = query.size > 0 ? `?${query}` : '';

	return `webrtc://${name}${port ? `:${port}` : ''}/${params.app}/${params.stream}${tail}`;
}

/** As Session, by JSON. There is nothing to DELETE: the server learns of the end by DTLS. */
export class OldSession extends Session {
	constructor(kind, streamurl, pc) {
		super(kind, apiUrl(kind, streamurl), '', pc);
		this.streamurl = streamurl;
	}

	/** The interface has no Links. */
	iceServers() {
		return [];
	}

	async exchange(sdp) {
		const answer = await ask(this.url, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({
				api: this.url,
				tid: Math.random().toString(36).slice(2, 9),
				streamurl: this.streamurl,
				clientip: null,
				sdp,
			}),
		});
		const body = await answer.json().catch(() => ({}));

		if (answer.status !== 200 || body.code !== 0)
			throw new HttpProblem(
				this.kind,
				answer.status !== 200 ? answer.status : body.code || 502,
				{ detail: typeof body.detail === 'string' ? body.detail : '' },
				this.url,
			);
		return { sdp: body.sdp, location: null };
	}
}
