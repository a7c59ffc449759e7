// STUN and TURN servers that an endpoint names in Link fields (RFC 9725 s.4.6, RFC 8288).
const PARAM = /\s*;\s*([\w-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;,"]*))/y;
const TARGET = /[\s,]*<([^>]*)>/y;

/** One link's parameters from `at` on: {params, end}. The first of a name counts. */
function paramsOf(field, at) {
	const params = new Map();

	PARAM.lastIndex = at;
	for (let match; (match = PARAM.exec(field)); at = PARAM.lastIndex) {
		const name = match[1].toLowerCase();

		if (!params.has(name))
			params.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? match[3]);
	}
	return { params, end: at };
}

/** What RTCPeerConnection takes as iceServers; field is all of them, joined by commas, or null. */
export function iceServersOf(field) {
	const found = [];

	TARGET.lastIndex = 0;
	for (let match; (match = TARGET.exec(field || '')); ) {
		const { params, end } = paramsOf(field, TARGET.lastIndex);
		const { username, credential } = Object.fromEntries(params);
		const server = { urls: match[1], username, credential };

		TARGET.lastIndex = end;
		if (!/^ice-server$|(^| )ice-server( |$)/i.test(params.get('rel') ?? '')) continue;
		// One that the browser cannot take would cost all of them.
		if (/^stuns?:/.test(server.urls)) found.push({ urls: server.urls });
		else if (/^turns?:/.test(server.urls) && username && credential) found.push(server);
	}
	return found;
}
