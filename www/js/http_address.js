// Addresses as SRS's players have them: http://host:8080/live/livestream.flv or .m3u8, webrtc://, or
// app, stream, server, port, schema, vhost in the page's query.
import { BadAddress } from './words.js';

const HTTP_PORT = 8080;
const OURS = new Set([
	...['url', 'app', 'stream', 'server', 'host', 'port', 'schema', 'vhost'],
	...['show', 'autostart', 'token', 'muted'],
]);
const ENDS = /\.(flv|m3u8|ts)$/;

function made(query) {
	const server = query.get('server') || query.get('host') || location.hostname;
	const name = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server;
	const isOurs = !query.has('server') && !query.has('host');
	const port = query.get('port') || (isOurs ? location.port : HTTP_PORT);
	const schema = (query.get('schema') || location.protocol).replace(':', '');
	const stream = query.get('stream') || 'livestream';
	const path = [query.get('vhost'), query.get('app') || 'live', stream]
		.filter(Boolean)
		.map(encodeURIComponent)
		.join('/');
	const rest = new URLSearchParams([...query].filter(([key]) => !OURS.has(key)));
	const end = ENDS.test(stream) ? '' : '.m3u8';

	return `${schema}://${name}${port ? `:${port}` : ''}/${path}${end}${rest.size ? `?${rest}` : ''}`;
}

/** {url, show}: what a page's query says is to be played, and in which ways. */
export function sourceOf(query) {
	const url = query.get('url') || made(query);
	const show = (query.get('show') || '').split(',').filter((s) => /^(whep|hls|flv)$/.test(s));
	const own = /\.flv(\?|$)/.test(url) ? ['whep', 'flv'] : ['whep', 'hls'];

	return { url, show: show.length > 0 ? show : own };
}

/**
 * {hls, flv, params}: the addresses of the stream that one of them names, whichever it is; params
 * for endpoint(). Throws BadAddress.
 */
export function httpUrl(text, query) {
	const webrtc = /^webrtc:\/\//i.test(text.trim());
	const bare = text.trim().replace(/^webrtc:/i, location.protocol);
	let url;

	try {
		url = new URL(bare, location.href);
	} catch {
		throw new BadAddress(text);
	}
	const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);

	if (!/^https?:$/.test(url.protocol) || parts.length < 2) throw new BadAddress(text);
	if (webrtc && url.hostname === location.hostname) url.port = location.port;
	else if (webrtc) url.port = HTTP_PORT;
	const stream = parts.pop().replace(ENDS, '');
	const app = parts.pop();
	const vhost = parts.pop();
	const path = [vhost, app, stream].filter(Boolean).map(encodeURIComponent).join('/');
	const rest = new URLSearchParams(url.search);

	rest.delete('format');
	const all = new URLSearchParams(rest);

	if (vhost) all.set('vhost', vhost);
	return {
		hls: `${url.origin}/${path}.m3u8${url.search}`,
		flv: `${url.origin}/${path}.flv${url.search}`,
		params: {
			query: all,
			app,
			stream,
			schema: url.protocol.replace(':', ''),
			host: url.hostname,
			port: url.port,
			token: query.get('token') || '',
		},
	};
}
