// The start page: the addresses of one stream, made from the page's own.
import { endpoint, origin, pageFor, pageParams } from './endpoint.js';
import { bindFields, byId, link } from './page.js';

const COPIED_SHOWN_MS = 1500;
const params = pageParams();

function recipe(command, kind) {
	return `${command} ${endpoint(kind, params)}`;
}

bindFields(params, ['app', 'stream'], () => {
	link('publish', pageFor('players/whip.html', params), 'Publish');
	link(
		'publish-test',
		pageFor('players/whip.html', params, { source: 'test', autostart: 'true' }),
		'or a test picture',
	);
	link('watch', pageFor('players/whep.html', params, { autostart: 'true' }), 'Watch');
	byId('url-whip').textContent = endpoint('whip', params);
	byId('url-whep').textContent = endpoint('whep', params);
	byId('cmd-publish').textContent = recipe('rtc-publish --test', 'whip');
	byId('cmd-play').textContent = recipe('rtc-play', 'whep');
	byId('cmd-probe').textContent = `rtc-stun-probe ${new URL(origin(params)).hostname}:8000`;
});

// The clipboard exists on https and localhost only; elsewhere the text can be marked by hand.
for (const button of document.querySelectorAll('button[data-copy]')) {
	button.hidden = !navigator.clipboard;
	button.addEventListener('click', async () => {
		await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
		button.textContent = 'Copied';
		setTimeout(() => {
			button.textContent = 'Copy';
		}, COPIED_SHOWN_MS);
	});
}
