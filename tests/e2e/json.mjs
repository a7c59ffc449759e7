// The older JSON interface, as the pages that use it do: publish and play in Chromium.
import { Browser } from './lib/browser.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const MEDIA_MAX_MS = 15000;
const FRAMES = 30;

const stack = await Stack.start();
const browser = await Browser.launch({ instrument: false });
const page = await browser.open(stack.url('/index.html'));

const call = (kind, streamurl) =>
	page.evaluate(
		async ([what, url]) => {
			const pc = new RTCPeerConnection();

			if (what === 'publish') {
				const canvas = document.createElement('canvas');
				const context = canvas.getContext('2d');
				let count = 0;

				setInterval(() => {
					context.fillStyle = `hsl(${(count += 7) % 360} 80% 50%)`;
					context.fillRect(0, 0, 300, 150);
				}, 66);
				pc.addTransceiver(canvas.captureStream(15).getVideoTracks()[0], {
					direction: 'sendonly',
				});
			} else {
				pc.addTransceiver('video', { direction: 'recvonly' });
				window.player = pc;
			}
			await pc.setLocalDescription(await pc.createOffer());
			const api = `${location.origin}/rtc/v1/${what}/`;
			const response = await fetch(api, {
				method: 'POST',
				body: JSON.stringify({
					api,
					tid: '1234567',
					streamurl: url,
					clientip: null,
					sdp: pc.localDescription.sdp,
				}),
			});
			const answer = await response.json();

			if (answer.code === 0)
				await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
			return { status: response.status, ...answer };
		},
		[kind, streamurl],
	);

const frames = () =>
	page.evaluate(async () => {
		const all = [...(await window.player.getStats()).values()];

		return all.find((s) => s.type === 'inbound-rtp')?.framesDecoded ?? 0;
	});

await test('publish and play by JSON move the picture', async () => {
	const published = await call('publish', 'webrtc://localhost/live/json');

	must(published.code === 0, JSON.stringify(published));
	must(/^\S+:\S+$/.test(published.sessionid), `session ${published.sessionid}`);
	const played = await call('play', 'webrtc://localhost/live/json');

	must(played.code === 0, JSON.stringify(played));
	await until('frames are decoded', MEDIA_MAX_MS, async () => (await frames()) > FRAMES);
});

await test('a refusal has a code, and HTTP 200', async () => {
	const busy = await call('publish', 'webrtc://localhost/live/json');

	must(busy.status === 200 && busy.code === 409, JSON.stringify(busy));
	const bad = await call('publish', 'webrtc://localhost/live');

	must(bad.status === 200 && bad.code === 400, JSON.stringify(bad));
});

await done();
