// Runs in a page of the server: WHEP players without a page around them, each with what it saw and
// heard: numbers of the test card with their times, beeps (tests/e2e/cardgen.py) with theirs.
(() => {
	const WINDOW_S = 0.0025;
	const LOUD = 0.3; // root mean square: the tone has 0.14, the beep 0.57
	const QUIET_S = 0.05; // before a beep
	const TONE_S = 0.05;
	const now_ms = () => performance.timeOrigin + performance.now();

	async function lumaOf(frame) {
		const { width, height } = frame.visibleRect;
		const rows = Math.floor(height / 8) * 2;
		const rect = { x: 0, y: 0, width: width & ~1, height: rows };
		const buffer = new Uint8Array(frame.allocationSize({ rect }));
		const [{ offset, stride }] = await frame.copyTo(buffer, { rect });

		return { luma: buffer.subarray(offset), stride, width, height };
	}

	async function readFrames(track, it, readCard) {
		const frames = new MediaStreamTrackProcessor({ track, maxBufferSize: 60 });
		const reader = frames.readable.getReader();

		for (;;) {
			const { done, value: frame } = await reader.read();

			if (done) return;
			const at = now_ms();

			if (it.first === null) it.first = at;
			const { luma, stride, width, height } = await lumaOf(frame);

			frame.close();
			it.seen.push([readCard(luma, stride, width, height), at]);
		}
	}

	// A beep begins where a window is loud after a while without one. Its tone follows.
	async function readSound(track, it, readTone) {
		const blocks = new MediaStreamTrackProcessor({ track, maxBufferSize: 60 });
		const reader = blocks.readable.getReader();
		let quiet = 0;
		let beep = null;

		for (;;) {
			const { done, value: block } = await reader.read();

			if (done) return;
			const at = now_ms();
			const { numberOfFrames: count, sampleRate: rate } = block;
			const samples = new Float32Array(count);

			block.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
			block.close();
			it.blocks.push([at, count / rate]);
			const size = Math.floor(rate * WINDOW_S);

			for (let from = 0; from + size <= count; from += size) {
				const part = samples.subarray(from, from + size);
				const power = part.reduce((sum, v) => sum + v * v, 0) / size;
				const loud = power > LOUD * LOUD;

				if (loud && quiet >= QUIET_S)
					beep = { at: at + (1000 * from) / rate, samples: [] };
				quiet = loud ? 0 : quiet + WINDOW_S;
				if (!beep) continue;
				beep.samples.push(...part);
				if (beep.samples.length < rate * TONE_S) continue;
				it.beeps.push([beep.at, readTone(beep.samples, rate)]);
				beep = null;
			}
		}
	}

	/** Plays url. `posted` is when the offer went out, `first` when the first picture was there. */
	window.watch = async (url) => {
		const { readCard, readTone } = await import('/js/testcard.js');
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
		const element = document.createElement('video');
		const stream = new MediaStream();
		const it = { pc, seen: [], beeps: [], blocks: [], first: null, posted: 0 };

		element.srcObject = stream;
		pc.addTransceiver('audio', { direction: 'recvonly' });
		pc.addTransceiver('video', { direction: 'recvonly' });
		pc.addEventListener('track', ({ track }) => {
			stream.addTrack(track);
			element.play().catch(() => {});
			if (track.kind === 'video') readFrames(track, it, readCard);
			else readSound(track, it, readTone);
		});
		await pc.setLocalDescription();
		it.posted = now_ms();
		const answer = await fetch(url, {
			method: 'POST',
			headers: { 'Content-Type': 'application/sdp' },
			body: pc.localDescription.sdp,
		});
		const location = new URL(answer.headers.get('location'), url);

		await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
		it.close = () => {
			pc.close();
			element.srcObject = null;
			return fetch(location, { method: 'DELETE' }).catch(() => {});
		};
		it.report = async () => {
			const stats = [...(await pc.getStats()).values()].filter(
				(s) => s.type === 'inbound-rtp',
			);
			const { posted, first, seen, beeps, blocks } = it;

			return { posted, first, seen, beeps, blocks: blocks.length, stats };
		};
		return it;
	};
})();
