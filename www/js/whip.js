// The publishing page: WHIP.
import { endpoint, pageFor, pageParams } from './endpoint.js';
import { byId, link, secretField } from './page.js';
import { Publisher } from './publisher.js';

const params = pageParams();

secretField('token', params);
new Publisher(params, {
	fields: ['app', 'stream'],
	changed() {
		link('watch', pageFor('whep.html', params, { autostart: 'true' }));
		byId('endpoint').textContent = endpoint('whip', params);
	},
});
