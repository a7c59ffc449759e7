// Runs in a page of any browser: publishes the test card or a tone and plays, many of each, and
// counts pictures or packets of sound. The client of the matrix of clients.
(() => {
	const peers = new Map(); // id -> {pc, card, error}
	const CARRIERS = /\/(rtx|ulpfec|flexfec)/i;
	const SOUND = /^(opus|pcm[ua]|g722|red)$/i;
	const kindOf = (codec) => (SOUND.test(codec) ? 'audio' : 'video');

	// That codec alone; RED needs what it wraps.
	function only(transceiver, codec) {
		const kind = kindOf(codec);
		const { codecs } = RTCRtpSender.getCapabilities(kind);
		const named = (name) =>
			codecs.filter((c) => c.mimeType.toLowerCase() === `${kind}/${name}`.toLowerCase());
		const more =
			codec === 'red'
				? named('opus')
				: codecs.filter((c) => kind === 'video' && CARRIERS.test(c.mimeType));

		transceiver.setCodecPreferences([...named(codec), ...more]);
	}

	async function picture({ width, height, fps }) {
		const { TestCard } = await import('/js/testcard.js');
		const card = new TestCard({ width, height, fps });

		await card.start();
		return card;
	}

	// Firefox starts no AudioContext on a machine without a sound card; its fake microphone hums.
	async function hum() {
		const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
		const [track] = stream.getAudioTracks();

		return { audio: track, stop: () => track.stop() };
	}

	async function tone() {
		if (/Firefox/.test(navigator.userAgent)) return hum();
		const audio = new AudioContext();
		const oscillator = new OscillatorNode(audio, { frequency: 440 });
		const out = new MediaStreamAudioDestinationNode(audio);

		oscillator.connect(out);
		oscillator.start();
		audio.resume();
		return { audio: out.stream.getAudioTracks()[0], stop: () => audio.close() };
	}

	async function exchange(it, url) {
		await it.pc.setLocalDescription();
		const answer = await fetch(url, {
			method: 'POST',
			headers: { 'Content-Type': 'application/sdp' },
			body: it.pc.localDescription.sdp,
		});
		const body = await answer.text();

		if (answer.status !== 201) throw new Error(`${answer.status} ${body}`);
		it.location = new URL(answer.headers.get('location'), url).href;
		await it.pc.setRemoteDescription({ type: 'answer', sdp: body });
	}

	function begin(id, fn) {
		const it = { pc: new RTCPeerConnection(), card: null, error: null };

		peers.set(id, it);
		fn(it).catch((error) => {
			it.error = error.message;
		});
	}

	window.matrix = {
		publish: (id, url, codec, wish) =>
			begin(id, async (it) => {
				const kind = kindOf(codec);

				it.card = kind === 'audio' ? await tone() : await picture(wish);
				const transceiver = it.pc.addTransceiver(it.card[kind], {
					direction: 'sendonly',
					...(wish ? { sendEncodings: [{ maxBitrate: wish.bps }] } : {}),
				});

				only(transceiver, codec);
				await exchange(it, url);
			}),
		play: (id, url, kind) =>
			begin(id, async (it) => {
				it.pc.addTransceiver(kind, { direction: 'recvonly' });
				it.pc.addEventListener('track', ({ track }) => {
					const element = document.createElement(kind);

					element.muted = kind === 'video';
					element.volume = 0.01;
					element.width = 32;
					element.srcObject = new MediaStream([track]);
					element.play().catch(() => {});
					document.body.append(element);
					it.element = element;
				});
				await exchange(it, url);
			}),
		stop: (id) => {
			const it = peers.get(id);

			peers.delete(id);
			it?.card?.stop();
			it?.element?.remove();
			it?.pc.close();
			if (it?.location) fetch(it.location, { method: 'DELETE' }).catch(() => {});
		},
		/** {id: {frames, at, error, heard}} of all; at: ms. */
		counts: async () => {
			const all = [...peers].map(async ([id, it]) => {
				const list = [...(await it.pc.getStats()).values()];
				const rtp = list.find((s) => /^(in|out)bound-rtp$/.test(s.type));
				const sound = rtp?.kind === 'audio';
				const packets = rtp?.packetsReceived ?? rtp?.packetsSent ?? 0;
				const frames = rtp?.framesDecoded ?? rtp?.framesEncoded ?? 0;

				return [
					id,
					{
						at: rtp?.timestamp ?? 0,
						frames: sound ? packets : frames,
						error: it.error,
						...(sound && rtp.type === 'inbound-rtp'
							? { heard: rtp.totalAudioEnergy > 0 }
							: {}),
					},
				];
			});

			return Object.fromEntries(await Promise.all(all));
		},
	};
})();
