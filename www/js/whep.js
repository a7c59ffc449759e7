// The watching page: WHEP.
import { endpoint, pageFor, pageParams } from './endpoint.js';
import { byId, link, secretField } from './page.js';
import { Watcher } from './watcher.js';

const params = pageParams();

secretField('token', params);
new Watcher(params, {
	fields: ['app', 'stream'],
	changed() {
		link('publish', pageFor('whip.html', params));
		byId('endpoint').textContent = endpoint('whep', params);
	},
});
