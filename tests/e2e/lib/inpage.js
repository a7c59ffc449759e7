// Runs in a page of any browser: publishes the test card and plays, many of each, and counts
// pictures. The client of the matrix of clients.
(() => {
	const peers = new Map(); // id -> {pc, card, error}
	const CARRIERS = /\/(rtx|red|ulpfec|flexfec)/i;

	function only(transceiver, names, capabilities) {
		const wanted = capabilities.codecs.filter(
			({ mimeType }) =>
				CARRIERS.test(mimeType) ||
				names.some((n) => mimeType.toLowerCase() === `video/${n}`.toLowerCase()),
		);

		transceiver.setCodecPreferences(wanted);
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
		publish: (id, url, codec, { width, height, fps, bps }) =>
			begin(id, async (it) => {
				const { TestCard } = await import('/js/testcard.js');

				it.card = new TestCard({ width, height, fps });
				const transceiver = it.pc.addTransceiver(it.card.video, {
					direction: 'sendonly',
					sendEncodings: [{ maxBitrate: bps }],
				});

				only(transceiver, [codec], RTCRtpSender.getCapabilities('video'));
				await it.card.start();
				await exchange(it, url);
			}),
		play: (id, url, codecs) =>
			begin(id, async (it) => {
				const transceiver = it.pc.addTransceiver('video', { direction: 'recvonly' });

				if (codecs)
					only(transceiver, codecs, RTCRtpReceiver.getCapabilities('video'));
				it.pc.addEventListener('track', ({ track }) => {
					const video = document.createElement('video');

					video.muted = true;
					video.width = 32;
					video.srcObject = new MediaStream([track]);
					video.play().catch(() => {});
					document.body.append(video);
					it.video = video;
				});
				await exchange(it, url);
			}),
		stop: (id) => {
			const it = peers.get(id);

			peers.delete(id);
			it?.card?.stop();
			it?.video?.remove();
			it?.pc.close();
			if (it?.location) fetch(it.location, { method: 'DELETE' }).catch(() => {});
		},
		/** {id: {frames, at, error, codec}} of all; at: ms. */
		counts: async () => {
			const all = [...peers].map(async ([id, it]) => {
				const list = [...(await it.pc.getStats()).values()];
				const rtp = list.find(
					(s) => /^(in|out)bound-rtp$/.test(s.type) && s.kind === 'video',
				);
				const codec = list.find((s) => s.id === rtp?.codecId)?.mimeType || '';

				return [
					id,
					{
						at: rtp?.timestamp ?? 0,
						frames: rtp?.framesDecoded ?? rtp?.framesEncoded ?? 0,
						codec: codec.replace('video/', ''),
						error: it.error,
					},
				];
			});

			return Object.fromEntries(await Promise.all(all));
		},
	};
})();
