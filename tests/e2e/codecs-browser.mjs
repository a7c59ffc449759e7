// One Chromium page plays H264, VP8, VP9 and AV1 of rtc-publish side by side, and publishes VP9 and
// AV1 that rtc-play records.
import { join } from 'node:path';
import { Browser } from './lib/browser.mjs';
import { Process, scratch } from './lib/processes.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const PLAYED = ['h264', 'vp8', 'vp9', 'av1'];
const PUBLISHED = ['vp9', 'av1'];
const FPS = 15;
const SECONDS = 2;
const PLAY_MAX_MS = 30000;
const RATIO_MIN = 0.95;

const stack = await Stack.start();
const browser = await Browser.launch({ instrument: false });
const page = await browser.open(stack.url('/players/whep.html'));

/** In the page: a WHEP or WHIP session per stream; window.sessions[name] is its connection. */
async function connect(kind, endpoints) {
	await page.evaluate(
		async ([role, list]) => {
			window.sessions ??= {};
			const canvas = document.createElement('canvas');
			let count = 0;

			[canvas.width, canvas.height] = [320, 240];
			const draw = () => {
				const context = canvas.getContext('2d');

				context.fillStyle = `hsl(${(count++ * 7) % 360} 80% 50%)`;
				context.fillRect(0, 0, 320, 240);
				context.fillStyle = '#000';
				context.fillRect((count * 5) % 300, 100, 20, 40);
			};
			if (role === 'whip') setInterval(draw, 50);
			for (const [name, url, codec] of list) {
				const pc = new RTCPeerConnection();
				let transceiver;

				if (role === 'whip') {
					const [track] = canvas.captureStream(20).getTracks();

					transceiver = pc.addTransceiver(track, { direction: 'sendonly' });
					const all = RTCRtpSender.getCapabilities('video').codecs;

					transceiver.setCodecPreferences(
						all.filter((c) => c.mimeType.toLowerCase() === `video/${codec}`),
					);
				} else {
					pc.addTransceiver('video', { direction: 'recvonly' });
					const video = document.createElement('video');

					video.muted = video.autoplay = true;
					document.body.append(video);
					pc.ontrack = ({ streams, track }) => {
						video.srcObject = streams[0] ?? new MediaStream([track]);
					};
				}
				await pc.setLocalDescription();
				const answer = await fetch(url, {
					method: 'POST',
					headers: { 'Content-Type': 'application/sdp' },
					body: pc.localDescription.sdp,
				});
				const sdp = await answer.text();

				if (answer.status !== 201) throw new Error(`${name}: ${answer.status} ${sdp}`);
				await pc.setRemoteDescription({ type: 'answer', sdp });
				window.sessions[name] = pc;
			}
		},
		[kind, endpoints],
	);
}

/** Counters of a session's video, with its codec's name. */
const figures = (name) =>
	page.evaluate(async (session) => {
		const report = [...(await window.sessions[session].getStats()).values()];
		const rtp = report.find((s) => /^(in|out)bound-rtp$/.test(s.type) && s.kind === 'video');
		const codec = report.find((s) => s.id === rtp?.codecId);

		return { ...rtp, mimeType: codec?.mimeType };
	}, name);

await test('Chromium plays H264, VP8, VP9 and AV1 of rtc-publish', async () => {
	const publishers = PLAYED.map(
		(codec) =>
			new Process(
				'rtc-publish',
				[
					...['--codec', codec, `--test=320x240@${FPS}`, '--video-bitrate', '300000'],
					stack.endpoint('whip', codec),
				],
				{ ready: false, name: `rtc-publish-${codec}` },
			),
	);

	await connect(
		'whep',
		PLAYED.map((codec) => [codec, stack.endpoint('whep', codec), codec]),
	);
	for (const codec of PLAYED)
		await until(`${codec} is decoded`, PLAY_MAX_MS, async () => {
			const { framesDecoded } = await figures(codec);

			return framesDecoded > FPS;
		});
	const before = await Promise.all(PLAYED.map(figures));

	await until(
		'two seconds more',
		PLAY_MAX_MS,
		async () =>
			(await figures(PLAYED[0])).framesDecoded >
			before[0].framesDecoded + SECONDS * FPS,
	);
	for (const [i, codec] of PLAYED.entries()) {
		const f = await figures(codec);
		const seconds = (f.timestamp - before[i].timestamp) / 1000;
		const frames = f.framesDecoded - before[i].framesDecoded;

		note(
			`${codec}: ${f.mimeType} ${f.frameWidth}x${f.frameHeight}, ${frames} frames in ` +
				`${seconds.toFixed(2)} s, ${f.keyFramesDecoded} keyframes, ${f.framesDropped} ` +
				`dropped, ${f.packetsLost} lost, ${f.pliCount} PLI, ${f.decoderImplementation}`,
		);
		must(f.mimeType.toLowerCase() === `video/${codec}`, `codec: ${f.mimeType}`);
		must(f.frameWidth === 320 && f.frameHeight === 240, 'size of the picture');
		must(frames > RATIO_MIN * seconds * FPS - 2, `frames: ${frames} in ${seconds} s`);
		must(f.packetsLost === 0, `packetsLost: ${f.packetsLost}`);
		must(f.pliCount <= 2, `it does not ask for keyframes: ${f.pliCount}`);
	}
	for (const p of publishers) await p.stop();
});

await test('Chromium publishes VP9 and AV1, rtc-play records them', async () => {
	await connect(
		'whip',
		PUBLISHED.map((codec) => [`to-${codec}`, stack.endpoint('whip', `to-${codec}`), codec]),
	);
	for (const codec of PUBLISHED)
		await until(`${codec} is sent`, PLAY_MAX_MS, async () => {
			const { framesEncoded } = await figures(`to-${codec}`);

			return framesEncoded > 10;
		});
	const recorders = PUBLISHED.map((codec) => {
		const file = join(scratch, `${codec}.mkv`);

		return [
			codec,
			file,
			new Process(
				'rtc-play',
				[
					...['-j', '--duration', String(SECONDS), '--min-fps', '15', '--max-loss', '0'],
					stack.endpoint('whep', `to-${codec}`),
					file,
				],
				{ ready: false, name: `rtc-play-${codec}` },
			),
		];
	});

	for (const [codec, file, play] of recorders) {
		const status = await play.exited;

		must(status === 0, `rtc-play says ${status}: ${play.output} ${play.log()}`);
		const { video } = JSON.parse(play.output);

		note(`${codec}: ${JSON.stringify(video)}`);
		must(video.codec.toLowerCase() === codec, `codec: ${video.codec}`);
		must(video.undecodable === 0 && video.damaged === 0, 'every picture was decoded');
		const ffmpeg = new Process(
			'/usr/bin/ffmpeg',
			[
				...['-v', 'error', '-nostdin', '-xerror', '-i', file, '-fps_mode', 'passthrough'],
				...['-enc_time_base', '-1', '-f', 'null', '-'],
			],
			{ ready: false, name: `ffmpeg-${codec}` },
		);

		must((await ffmpeg.exited) === 0 && ffmpeg.log() === '', `ffmpeg: ${ffmpeg.log()}`);
	}
});

await browser.close();
await done();
