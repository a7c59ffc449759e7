// A tone on the left and another on the right stay where they are on their way through the pages,
// from a page and from RTMP; and how many bits the sound of a page takes is a choice.
import { Browser, stateOf } from './lib/browser.mjs';
import { Process, start } from './lib/processes.mjs';
import { Stack, freePort } from './lib/stack.mjs';
import { done, must, note, test } from './lib/tap.mjs';
import { until } from './lib/wait.mjs';

const HZ = [440, 660]; // left, right
const APART_DB = 20;
const LOUD_DB = -60;
const HEARD_MAX_MS = 30000;

const stack = await Stack.start();
const rtmp = await freePort();

await start('rtmp2rtc', ['-l', `127.0.0.1:${rtmp}`]);
const browser = await Browser.launch({ instrument: false });

const inState = (page, state) =>
	until(`state ${state}`, HEARD_MAX_MS, async () => (await stateOf(page)) === state);

/** A publishing page whose microphone gives the two tones, live. */
async function publish(path) {
	const page = await browser.open(stack.url(path));

	await page.evaluate((all) => {
		navigator.mediaDevices.getUserMedia = async () => {
			const audio = new AudioContext();
			const out = new MediaStreamAudioDestinationNode(audio);
			const merger = new ChannelMergerNode(audio, { numberOfInputs: all.length });

			all.forEach((frequency, i) => {
				const tone = new OscillatorNode(audio, { frequency });

				tone.connect(merger, 0, i);
				tone.start();
			});
			merger.connect(out);
			await audio.resume();
			return out.stream;
		};
		return window.rtckit.start();
	}, HZ);
	await inState(page, 'live');
	return page;
}

/** Level of each of the tones in each channel of what the page plays: [[dB, dB], [dB, dB]]. */
const heard = (page) =>
	page.evaluate((all) => {
		if (!window.ears) {
			const audio = new AudioContext();
			const splitter = new ChannelSplitterNode(audio, { numberOfOutputs: all.length });
			const { srcObject } = document.querySelector('video');

			audio.createMediaStreamSource(srcObject).connect(splitter);
			window.ears = all.map((_, i) => {
				const ear = new AnalyserNode(audio, { fftSize: 8192 });

				splitter.connect(ear, i);
				return ear;
			});
			audio.resume();
		}
		return window.ears.map((ear) => {
			const bins = new Float32Array(ear.frequencyBinCount);

			ear.getFloatFrequencyData(bins);
			return all.map((hz) => bins[Math.round((hz * ear.fftSize) / ear.context.sampleRate)]);
		});
	}, HZ);

async function mustBeApart(page) {
	let last = [];

	try {
		await until('each tone on its side', HEARD_MAX_MS, async () => {
			last = await heard(page);
			return (
				last.every((tones, i) => tones[i] > LOUD_DB) &&
				last.every((tones, i) => tones[i] - tones[1 - i] >= APART_DB) &&
				last.every((tones, i) => tones[i] - last[1 - i][i] >= APART_DB)
			);
		});
	} finally {
		note(
			`${HZ.join(' and ')} Hz, dB: ` +
				last.map((tones) => tones.map((db) => db.toFixed(0)).join(' and ')).join('; '),
		);
	}
}

const opusOf = (page) =>
	page.evaluate(() => {
		const { sdp } = window.rtckit.keeper.session.pc.localDescription;
		const [, pt] = /a=rtpmap:(\d+) opus/.exec(sdp);

		return new RegExp(`a=fmtp:${pt} (.*)`).exec(sdp)[1];
	});

await test('stereo is added to each Opus that does not have it, and to nothing else', async () => {
	const page = await browser.open(stack.url('/players/whep.html'));
	const sdp = (fmtp) =>
		[
			...['m=audio 9 UDP/TLS/RTP/SAVPF 63 111 8', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111'],
			...['a=rtpmap:111 opus/48000/2', ...fmtp, 'a=rtpmap:8 PCMA/8000', 'a=sendrecv', ''],
		].join('\r\n');
	const cases = [
		[['a=fmtp:111 minptime=10'], false, ['a=fmtp:111 minptime=10;stereo=1']],
		[['a=fmtp:111 minptime=10'], true, ['a=fmtp:111 minptime=10;stereo=1;sprop-stereo=1']],
		[['a=fmtp:111 stereo=0'], true, ['a=fmtp:111 stereo=0;sprop-stereo=1']],
		[['a=fmtp:111 sprop-stereo=1'], false, ['a=fmtp:111 sprop-stereo=1;stereo=1']],
		[['a=fmtp:111 a=1; stereo=1'], false, ['a=fmtp:111 a=1; stereo=1']],
		[[], false, ['a=fmtp:111 stereo=1']],
	];

	for (const [before, sends, after] of cases) {
		const made = await page.evaluate(
			async (args) => (await import('/js/stereo.js')).withStereo(...args),
			[sdp(before), sends],
		);

		must(made === sdp(after), `${before} ${sends}: ${made}`);
	}
	await page.close();
});

await test('from page to page', async () => {
	const publisher = await publish('/players/whip.html?stream=pair');
	const viewer = await browser.open(stack.whep('pair'));

	await inState(viewer, 'playing');
	await mustBeApart(viewer);
	const [ours, theirs] = [await opusOf(publisher), await opusOf(viewer)];

	must(/\bsprop-stereo=1/.test(ours), `sent: ${ours}`);
	must(!/sprop-stereo/.test(theirs), `received: ${theirs}`);
	await viewer.close();
	await publisher.close();
});

await test('the same by the older interface', async () => {
	const publisher = await publish('/players/rtc_publisher.html?stream=old');
	const viewer = await browser.open(await publisher.getAttribute('#watch', 'href'));

	await inState(viewer, 'playing');
	await mustBeApart(viewer);
	await viewer.close();
	await publisher.close();
});

await test('from RTMP to a page', async () => {
	const sine = (hz) => ['-f', 'lavfi', '-i', `sine=frequency=${hz}:sample_rate=44100`];
	const ffmpeg = new Process(
		'/usr/bin/ffmpeg',
		[
			...['-v', 'error', '-nostdin', '-re', ...HZ.flatMap(sine)],
			...['-filter_complex', 'join=inputs=2:channel_layout=stereo', '-c:a', 'aac'],
			...['-b:a', '128k', '-f', 'flv', `rtmp://127.0.0.1:${rtmp}/live/rtmp`],
		],
		{ ready: false, name: 'ffmpeg' },
	);
	const viewer = await browser.open(stack.whep('rtmp'));

	await inState(viewer, 'playing');
	await mustBeApart(viewer);
	await viewer.close();
	ffmpeg.kill();
	await ffmpeg.exited;
});

await test('a microphone with one channel is not sent as two', async () => {
	const page = await browser.open(stack.url('/players/whip.html?stream=mono'));

	await page.evaluate(() => {
		const all = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);

		// What takes echoes out leaves one.
		navigator.mediaDevices.getUserMedia = () => all({ audio: { echoCancellation: true } });
		return window.rtckit.start();
	});
	await inState(page, 'live');
	must(!/stereo/.test(await opusOf(page)), await opusOf(page));
	await page.close();
});

await test('how many bits the sound takes is a choice, while it is live, too', async () => {
	const page = await publish('/players/whip.html?stream=bits&abitrate=256');
	const takes = async (name, from, to) => {
		const bps = await until(`${name}: ${from} to ${to} kbit/s`, HEARD_MAX_MS, () =>
			page.evaluate(
				([low, high]) => {
					const now = window.rtckit.stats?.audio?.bitrate_bps;

					return now > low * 1000 && now < high * 1000 && now;
				},
				[from, to],
			),
		);

		note(`${name}: ${Math.round(bps / 1000)} kbit/s`);
	};

	await takes('256', 160, 300);
	await page.selectOption('#abitrate', '32');
	must(page.url().includes('abitrate=32'), 'the address has it');
	await takes('32', 20, 45);
	await page.selectOption('#abitrate', 'auto');
	await takes('as it comes', 50, 160);
	await page.close();
});

await test('no page had a script error', () => must(browser.errors.length === 0, 'errors'));
await done();
