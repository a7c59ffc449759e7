// Where the page talks to: made from the page's own address and its query.

// Parameters that concern the page; every other one travels to the server (eip, codec, vhost ...).
export const PAGE_ONLY = new Set([
	...['autostart', 'source', 'schema', 'host', 'port', 'token', 'muted', 'ice'],
	...['size', 'fps', 'bitrate', 'abitrate', 'vcodec'],
]);
const PATHS = { whip: '/rtc/v1/whip/', whep: '/rtc/v1/whep/' };

/** `host`, `host:port`, `[v6]:port`, or a bare IPv6 address. */
export function hostAndPort(text) {
	const [, host, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(text) || [null, text, ''];

	return { host, port };
}

export function pageParams(search = location.search) {
	const query = new URLSearchParams(search);
	const schema = query.get('schema') || location.protocol.replace(':', '');
	const { host, port } = hostAndPort(query.get('host') || location.hostname);
	// Of another host without a port: the one that the API has there.
	const usual = schema === 'http' ? '1985' : '';

	return {
		query,
		app: query.get('app') || 'live',
		stream: query.get('stream') || 'livestream',
		schema,
		host,
		port: query.get('port') || port || (query.get('host') ? usual : location.port),
		token: query.get('token') || '',
		relay: query.get('ice') === 'relay',
		autostart: /^(true|1|yes)$/.test(query.get('autostart') || ''),
		source: query.get('source') || 'camera',
		size: query.get('size') || 'auto',
		fps: query.get('fps') || 'auto',
		bitrate: query.get('bitrate') || '2500',
		abitrate: query.get('abitrate') || 'auto',
		vcodec: query.get('vcodec') || 'H264',
		muted: /^(true|1|yes)$/.test(query.get('muted') || ''),
	};
}

/** Origin of the server's API: `http://host[:port]`. An IPv6 address gets its brackets. */
export function origin({ schema, host, port }) {
	const bare = host.replace(/^\[|\]$/g, '');
	const name = bare.includes(':') ? `[${bare}]` : bare;

	return `${schema}://${name}${port ? `:${port}` : ''}`;
}

/** URL to POST an offer to; kind is `whip` or `whep`. */
export function endpoint(kind, params) {
	const url = new URL(PATHS[kind], origin(params));

	url.searchParams.set('app', params.app);
	url.searchParams.set('stream', params.stream);
	for (const [name, value] of params.query)
		if (!PAGE_ONLY.has(name) && name !== 'app' && name !== 'stream')
			url.searchParams.append(name, value);
	return url.href;
}

/** Address of a page for the same stream. */
export function pageFor(path, params, extra = {}) {
	const url = new URL(path, location.href);

	url.searchParams.set('app', params.app);
	url.searchParams.set('stream', params.stream);
	for (const name of ['schema', 'host', 'port'])
		if (params.query.has(name)) url.searchParams.set(name, params[name]);
	for (const [name, value] of Object.entries(extra)) url.searchParams.set(name, value);
	return url.href;
}
