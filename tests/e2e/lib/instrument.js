// Runs in the page before its own scripts. Watches every RTCPeerConnection that the page makes:
// which test card frames were drawn and encoded, which were decoded and when, which tone is heard,
// and the sequence numbers of the audio. Changes nothing of what is sent.
(() => {
	const MAX_QUEUED_FRAMES = 120;
	const TONE_PERIOD_MS = 100;
	const TONE_WINDOW = 2048;
	const now_ms = () => performance.timeOrigin + performance.now();
	const Native = window.RTCPeerConnection;
	const e2e = {
		pcs: [],
		drawn: [],
		local: [],
		encoded: [],
		seen: [],
		unreadable: 0,
		tones: [],
		sequence: [],
		states: [],
	};
	const LOGGER = `onrtctransform = async ({ transformer }) => {
		const to = transformer.writable.getWriter();
		const from = transformer.readable.getReader();
		for (;;) {
			const { done, value } = await from.read();
			if (done) break;
			const m = value.getMetadata();
			postMessage([m.rtpTimestamp, m.sequenceNumber ?? null, value.type ?? null]);
			to.write(value);
		}
	};`;

	window.e2e = e2e;
	if (!Native) return;

	function logged(list) {
		const url = URL.createObjectURL(new Blob([LOGGER], { type: 'text/javascript' }));
		const worker = new Worker(url);

		worker.onmessage = ({ data }) => list.push([...data, now_ms()]);
		return new RTCRtpScriptTransform(worker, {});
	}

	const cardModule = () => import('/js/testcard.js');

	// The top of the picture as luma: plane 0 of I420 and NV12; a canvas may give 4 octets a
	// pixel, of which green, the second, is close enough to luma for black and white.
	async function lumaOf(frame) {
		const { width, height } = frame.visibleRect;
		const rows = Math.floor(height / 8) * 2;
		const rect = { x: 0, y: 0, width: width & ~1, height: rows };
		const buffer = new Uint8Array(frame.allocationSize({ rect }));
		const [{ offset, stride }] = await frame.copyTo(buffer, { rect });

		if (/^(I4|NV12)/.test(frame.format))
			return { luma: buffer.subarray(offset), stride, width, height };
		const luma = new Uint8Array(width * rows);

		for (let y = 0; y < rows; y++)
			for (let x = 0; x < width; x++)
				luma[y * width + x] = buffer[offset + y * stride + x * 4 + 1];
		return { luma, stride: width, width, height };
	}

	async function readTrack(track, take) {
		const { readCard } = await cardModule();
		const frames = new MediaStreamTrackProcessor({
			track,
			maxBufferSize: MAX_QUEUED_FRAMES,
		}).readable.getReader();

		for (;;) {
			const { done, value: frame } = await frames.read();

			if (done) return;
			const at = now_ms();
			const { rtpTimestamp } = frame.metadata();
			const { timestamp } = frame;
			const { luma, stride, width, height } = await lumaOf(frame);

			frame.close();
			take({
				number: readCard(luma, stride, width, height),
				at,
				rtpTimestamp,
				timestamp,
			});
		}
	}

	// Timestamps of the captured frames: they lead from an encoded frame to its number.
	const watched = new WeakSet();

	function watchLocal(track) {
		if (watched.has(track)) return;
		watched.add(track);
		readTrack(track.clone(), ({ number, timestamp }) => {
			e2e.local.push([timestamp, number]);
		});
		const hook = setInterval(() => {
			const card = window.rtckit?.card;

			if (card && !card.onframe)
				card.onframe = (number, at) => e2e.drawn.push([number, at]);
			if (track.readyState === 'ended') clearInterval(hook);
		}, 10);
	}

	async function watchTone(track) {
		const { readTone } = await cardModule();
		const context = new AudioContext();
		const analyser = new AnalyserNode(context, { fftSize: TONE_WINDOW });
		const samples = new Float32Array(TONE_WINDOW);

		new MediaStreamAudioSourceNode(context, {
			mediaStream: new MediaStream([track]),
		}).connect(analyser);
		setInterval(() => {
			analyser.getFloatTimeDomainData(samples);
			e2e.tones.push([now_ms(), readTone(samples, context.sampleRate)]);
		}, TONE_PERIOD_MS);
	}

	function watchRemote({ track, receiver }) {
		if (track.kind === 'video') {
			readTrack(track, ({ number, at, rtpTimestamp }) => {
				if (number === null) e2e.unreadable++;
				else e2e.seen.push([number, at, rtpTimestamp]);
			});
			return;
		}
		// One that answers learns of its receiver only here.
		receiver.transform ||= logged(e2e.sequence);
		watchTone(track);
	}

	window.RTCPeerConnection = class extends Native {
		constructor(...args) {
			super(...args);
			e2e.pcs.push(this);
			this.addEventListener('track', watchRemote);
			this.addEventListener('connectionstatechange', () => {
				e2e.states.push([now_ms(), this.connectionState]);
			});
		}

		addTransceiver(track, options) {
			const transceiver = super.addTransceiver(track, options);

			if (track.kind === 'video' && track instanceof MediaStreamTrack) {
				transceiver.sender.transform = logged(e2e.encoded);
				watchLocal(track);
			}
			if (track === 'audio')
				transceiver.receiver.transform = logged(e2e.sequence);
			return transceiver;
		}
	};

	/** The whole of getStats() of the newest connection, as an array. */
	e2e.stats = async () => {
		const pc = e2e.pcs.at(-1);

		return pc ? [...(await pc.getStats()).values()] : [];
	};
	e2e.dump = () => {
		const { drawn, local, encoded, seen, unreadable, tones, sequence, states } = e2e;

		return {
			drawn,
			local,
			encoded,
			seen,
			unreadable,
			tones,
			sequence,
			states,
			connections: e2e.pcs.length,
		};
	};
})();
