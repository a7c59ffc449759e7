// The watching page of webrtc:// addresses: the older JSON interface.
import { pageParams } from './endpoint.js';
import { OldSession, apiUrl, paramsOf, streamUrl } from './old_api.js';
import { byId, link, pageOf } from './page.js';
import { Watcher } from './watcher.js';

const params = pageParams();

params.url = streamUrl(params);
new Watcher(params, {
	fields: ['url'],
	makeSession: (pc) => new OldSession('whep', params.url, pc),
	address: () => paramsOf(params.url),
	check: () => apiUrl('whep', params.url),
	changed() {
		link('publish', pageOf('rtc_publisher.html', { url: params.url }), params.url);
		try {
			byId('endpoint').textContent = apiUrl('whep', params.url);
		} catch {
			byId('endpoint').textContent = '–';
		}
	},
});
