// www/ over HTTP, for tests that need a page and no server of ours.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { root } from './processes.mjs';
import { atEnd } from './tap.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Port of a server of www/ on localhost; extra(request, response) may answer first. */
export async function serveWww(extra = () => false) {
	const server = createServer(async (request, response) => {
		if (extra(request, response)) return;
		const path = normalize(new URL(request.url, 'http://x').pathname);

		try {
			const body = await readFile(join(root, 'www', path));

			response.writeHead(200, {
				'Content-Type': TYPES[extname(path)] || 'text/plain',
			});
			response.end(body);
		} catch {
			response.writeHead(404).end();
		}
	});

	await new Promise((listening) => {
		server.listen(0, '127.0.0.1', listening);
	});
	atEnd(() => {
		server.closeAllConnections();
		server.close();
	});
	return server.address().port;
}
