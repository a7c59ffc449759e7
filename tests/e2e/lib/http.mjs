// One plain HTTP request on a connection of its own.
import { request } from 'node:http';

const ANSWER_MAX_MS = 10000;

/** {status, headers, body}; rejects if the connection ends without an answer. */
export function ask(url, { method = 'GET', headers = {}, body = '' } = {}) {
	return new Promise((resolve, reject) => {
		const it = request(
			url,
			{
				method,
				agent: false,
				timeout: ANSWER_MAX_MS,
				headers: {
					...headers,
					...(body
						? { 'Content-Length': Buffer.byteLength(body) }
						: {}),
				},
			},
			(answer) => {
				let text = '';

				answer.setEncoding('utf8');
				answer.on('data', (part) => {
					text += part;
				});
				answer.on('end', () =>
					resolve({
						status: answer.statusCode,
						headers: answer.headers,
						body: text,
					}),
				);
				answer.on('error', reject);
			},
		);

		it.on('timeout', () => it.destroy(new Error(`no answer in ${ANSWER_MAX_MS} ms`)));
		it.on('error', reject);
		it.end(body);
	});
}

export function postOffer(url, offer) {
	return ask(url, {
		method: 'POST',
		headers: { 'Content-Type': 'application/sdp' },
		body: offer,
	});
}
