// The loudness of what is sent or heard, as WebRTC's own statistics tell it: no AudioContext, which
// would need a gesture.

const PERIOD_MS = 150;
const FLOOR_DB = -60;

async function levelOf(end) {
	if (!end?.track) return null;
	for (const s of (await end.getStats()).values())
		if (
			(s.type === 'media-source' || s.type === 'inbound-rtp') &&
			s.kind === 'audio' &&
			s.audioLevel !== undefined
		)
			return s.audioLevel;
	return end.getSynchronizationSources?.()[0]?.audioLevel ?? null;
}

/** Shows the level of a connection's sound in a <meter>; hides it where there is none. */
export class Level {
	constructor(meter) {
		this.meter = meter;
		meter.min = FLOOR_DB;
		meter.max = 0;
		meter.high = -6;
		meter.hidden = true;
	}

	/** what: 'sender' or 'receiver'. */
	start(pc, what) {
		this.stop();
		const end = pc
			.getTransceivers()
			.map((t) => t[what])
			.find((e) => e.track?.kind === 'audio');

		if (!end) return;
		this.timer = setInterval(async () => {
			if (document.hidden || pc.signalingState === 'closed') return;
			const level = await levelOf(end).catch(() => null);

			this.meter.hidden = level === null;
			if (level !== null)
				this.meter.value = Math.max(FLOOR_DB, 20 * Math.log10(level || 1e-6));
		}, PERIOD_MS);
	}

	stop() {
		clearInterval(this.timer);
		this.meter.hidden = true;
	}
}
