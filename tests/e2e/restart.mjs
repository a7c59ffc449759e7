// ICE restarts of a real browser, by PATCH (RFC 9725 s.4.3): publisher and player, the media going on.
import { Browser } from './lib/browser.mjs';
import { Process } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const MEDIA_MAX_MS = 15000;
const MORE_FRAMES = 15;
const GAP_MAX_MS = 2000;

const stack = await Stack.start({ workers: 2 });
const browser = await Browser.launch({ instrument: false });
const page = await browser.open(stack.url('/index.html'));

// What a page does to publish, play and restart, by the standard's means alone.
await page.evaluate(() => {
	const login = (sdp) => ({
		ufrag: sdp.match(/a=ice-ufrag:(\S+)/)[1],
		pwd: sdp.match(/a=ice-pwd:(\S+)/)[1],
	});
	window.sides = {};

	window.begin = async (name, url, media) => {
		const pc = new RTCPeerConnection();
		const side = { pc };

		window.sides[name] = side;
		media(pc);
		await pc.setLocalDescription(await pc.createOffer());
		const answer = await fetch(url, {
			method: 'POST',
			headers: { 'Content-Type': 'application/sdp' },
			body: pc.localDescription.sdp,
		});

		if (answer.status !== 201) throw new Error(`POST: ${answer.status}`);
		side.url = answer.headers.get('Location');
		side.etag = answer.headers.get('ETag');
		side.sdp = await answer.text();
		await pc.setRemoteDescription({ type: 'answer', sdp: side.sdp });
	};

	window.patch = (name, match, body) =>
		fetch(window.sides[name].url, {
			method: 'PATCH',
			headers: {
				'Content-Type': 'application/trickle-ice-sdpfrag',
				...(match ? { 'If-Match': match } : {}),
			},
			body,
		});

	window.restart = async (name) => {
		const side = window.sides[name];

		side.pc.restartIce();
		await side.pc.setLocalDescription(await side.pc.createOffer());
		const ours = login(side.pc.localDescription.sdp);
		const answer = await window.patch(
			name,
			'*',
			`a=ice-ufrag:${ours.ufrag}\r\na=ice-pwd:${ours.pwd}\r\n`,
		);

		if (answer.status !== 200) throw new Error(`PATCH: ${answer.status}`);
		const was = side.etag;
		const text = await answer.text();
		const theirs = login(text);
		const named = text.match(/a=candidate:.*\r\n/g) ?? [];
		if (named.length === 0) throw new Error('the fragment names no candidates');
		const [mid] = text.match(/a=mid:.*\r\n/) ?? [''];

		side.etag = answer.headers.get('ETag');
		// Candidates that the answer leaves out are gone (RFC 9725 s.4.3.3).
		side.sdp = side.sdp
			.replace(/a=candidate:.*\r\n/g, '')
			.replace(mid, mid + named.join(''))
			.replace(/a=ice-ufrag:\S+/g, `a=ice-ufrag:${theirs.ufrag}`)
			.replace(/a=ice-pwd:\S+/g, `a=ice-pwd:${theirs.pwd}`);
		await side.pc.setRemoteDescription({ type: 'answer', sdp: side.sdp });
		return { ours, theirs, was, etag: side.etag };
	};

	// The credentials of the pair that carries media now, and what it carried.
	window.look = async (name) => {
		const all = [...(await window.sides[name].pc.getStats()).values()];
		const transport = all.find((s) => s.type === 'transport');
		const rtp = all.find(
			(s) => ['inbound-rtp', 'outbound-rtp'].includes(s.type) && s.kind === 'video',
		);

		return {
			ufrag: transport?.iceLocalUsernameFragment,
			ice: transport?.iceState,
			dtls: transport?.dtlsState,
			frames: rtp?.framesDecoded ?? rtp?.framesSent ?? 0,
			freezes_ms: 1000 * (rtp?.totalFreezesDuration ?? 0),
			packets: rtp?.packetsSent ?? rtp?.packetsReceived ?? 0,
		};
	};

	const canvas = document.createElement('canvas');
	const context = canvas.getContext('2d');
	let count = 0;

	canvas.width = 320;
	canvas.height = 240;
	setInterval(() => {
		context.fillStyle = `hsl(${(count += 7) % 360} 80% 50%)`;
		context.fillRect(0, 0, 320, 240);
	}, 66);
	window.canvasTrack = canvas.captureStream(15).getVideoTracks()[0];
});

const look = (name) => page.evaluate((n) => window.look(n), name);
const fragment = (ufrag) => `a=ice-ufrag:${ufrag}\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n`;
const patch = (name, match, body) =>
	page.evaluate(
		async ([n, m, b]) => (await window.patch(n, m, b)).status,
		[name, match, body],
	);

async function sessions() {
	const list = new Process('rtc-ctl', ['-j', 'sessions'], { ready: false });

	must((await list.exited) === 0, `rtc-ctl: ${list.log()}`);
	return list.output
		.trim()
		.split('\n')
		.filter(Boolean)
		.map((line) => JSON.parse(line).session)
		.sort()
		.join(' ');
}

async function plays(why) {
	const { frames } = await look('play');

	await until(why, MEDIA_MAX_MS, async () => (await look('play')).frames > frames + MORE_FRAMES);
}

await test('a page publishes and another plays', async () => {
	await page.evaluate(
		([url]) =>
			window.begin('publish', url, (pc) =>
				pc.addTransceiver(window.canvasTrack, { direction: 'sendonly' }),
			),
		[stack.endpoint('whip', 'restart')],
	);
	await page.evaluate(
		([url]) =>
			window.begin('play', url, (pc) =>
				pc.addTransceiver('video', { direction: 'recvonly' }),
			),
		[stack.endpoint('whep', 'restart')],
	);
	await plays('frames are decoded');
});

for (const side of ['publish', 'play'])
	await test(`the ${side} side restarts ICE and the media goes on`, async () => {
		const before = await look(side);
		const ids = await sessions();
		const frozen_ms = (await look('play')).freezes_ms;
		const told = await page.evaluate((n) => window.restart(n), side);

		must(told.was !== told.etag, `ETag changed: ${told.was} ${told.etag}`);
		must(told.etag === `"${told.theirs.ufrag}"`, 'the ETag is of the new generation');
		await until('connected with the new credentials', MEDIA_MAX_MS, async () => {
			const now = await look(side);

			return now.ufrag === told.ours.ufrag && /connected|completed/.test(now.ice);
		});
		const after = await look(side);

		must(after.ufrag !== before.ufrag, 'another generation');
		must(after.dtls === 'connected', `DTLS is ${after.dtls}`);
		await plays('frames are decoded after it');
		const gap_ms = (await look('play')).freezes_ms - frozen_ms;

		note(`${side}: frozen for ${Math.round(gap_ms)} ms`);
		must(gap_ms < GAP_MAX_MS, `the picture froze for ${gap_ms} ms`);
		must((await sessions()) === ids, 'the same sessions');
		must((await patch(side, told.was, fragment('abcd'))) === 412, 'the old tag is stale');
		must(
			(await patch(side, told.etag, 'm=video 9 X 0\r\na=end-of-candidates\r\n')) === 204,
			'the new tag is not',
		);
	});

await test('a restart that never comes to a check leaves the media alone', async () => {
	must((await patch('play', '*', fragment('nobody'))) === 200, 'the relay restarts');
	must((await patch('publish', '*', fragment('nobody'))) === 200, 'the relay restarts');
	await plays('frames are decoded under the old credentials');
	must((await patch('play', '*', 'nonsense')) === 400, 'nonsense is 400');
	await plays('and still');
});

await done();
