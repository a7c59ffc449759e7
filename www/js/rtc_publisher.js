// The publishing page of webrtc:// addresses: the older JSON interface.
import { pageParams } from './endpoint.js';
import { OldSession, apiUrl, streamUrl } from './old_api.js';
import { byId, link, pageOf } from './page.js';
import { Publisher } from './publisher.js';

const params = pageParams();

params.url = streamUrl(params);
new Publisher(params, {
	fields: ['url'],
	makeSession: (pc) => new OldSession('whip', params.url, pc),
	check: () => apiUrl('whip', params.url),
	changed() {
		link(
			'watch',
			pageOf('rtc_player.html', { url: params.url, autostart: 'true' }),
			params.url,
		);
		try {
			byId('endpoint').textContent = apiUrl('whip', params.url);
		} catch {
			byId('endpoint').textContent = '–';
		}
	},
});
