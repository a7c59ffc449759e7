// A digest of RTCPeerConnection.getStats(), and its differences over time.

function rate(now, before, field, seconds) {
	const old = before?.[field];

	return old === undefined || seconds <= 0
		? 0
		: Math.max(0, (now[field] ?? 0) - old) / seconds;
}

function pairOf(report, transport) {
	const pair = report.get(transport?.selectedCandidatePairId);
	const local = report.get(pair?.localCandidateId);
	const remote = report.get(pair?.remoteCandidateId);

	if (!pair || !remote) return null;
	return {
		protocol: local?.protocol || remote.protocol || '',
		local: local ? `${local.address || '(hidden)'}:${local.port}` : '',
		remote: `${remote.address}:${remote.port}`,
		remote_address: remote.address,
		remote_port: remote.port,
		rtt_ms:
			pair.currentRoundTripTime === undefined
				? null
				: pair.currentRoundTripTime * 1000,
	};
}

function codecOf(report, rtp) {
	return (report.get(rtp.codecId)?.mimeType || '').replace(/^\w+\//, '');
}

// Of the packets between two samples; a sender knows what the other side reports.
function lossPercent(rtp, old, remote) {
	if (rtp.type === 'outbound-rtp')
		return remote?.fractionLost === undefined ? null : remote.fractionLost * 100;
	const lost = (rtp.packetsLost ?? 0) - (old?.packetsLost ?? 0);
	const got = (rtp.packetsReceived ?? 0) - (old?.packetsReceived ?? 0);

	return lost + got > 0 ? (Math.max(0, lost) / (lost + got)) * 100 : 0;
}

function lossOf(rtp, remote) {
	const lost = remote ? remote.packetsLost : rtp.packetsLost;
	const all = remote ? rtp.packetsSent : (rtp.packetsReceived ?? 0) + Math.max(0, lost ?? 0);

	return { packets_lost: lost ?? 0, packets: all ?? 0 };
}

/** One per RTCPeerConnection. */
export class Meter {
	constructor(pc) {
		this.pc = pc;
		this.before = new Map();
	}

	track(report, rtp) {
		const old = this.before.get(rtp.id);
		const seconds = old ? (rtp.timestamp - old.timestamp) / 1000 : 0;
		const octets = rtp.type === 'inbound-rtp' ? 'bytesReceived' : 'bytesSent';
		const frames = rtp.type === 'inbound-rtp' ? 'framesDecoded' : 'framesEncoded';
		const remote = report.get(rtp.remoteId);

		this.before.set(rtp.id, rtp);
		return {
			kind: rtp.kind,
			ssrc: rtp.ssrc,
			codec: codecOf(report, rtp),
			octets: rtp[octets] ?? 0,
			bitrate_bps: rate(rtp, old, octets, seconds) * 8,
			fps: rate(rtp, old, frames, seconds),
			frames: rtp[frames] ?? 0,
			width: rtp.frameWidth ?? 0,
			height: rtp.frameHeight ?? 0,
			dropped: rtp.framesDropped ?? 0,
			freezes: rtp.freezeCount ?? 0,
			nacks: rtp.nackCount ?? 0,
			plis: rtp.pliCount ?? 0,
			jitter_ms:
				((remote?.type === 'remote-inbound-rtp' ? remote : rtp).jitter ??
					0) * 1000,
			buffer_ms:
				rtp.jitterBufferEmittedCount > 0
					? (rtp.jitterBufferDelay / rtp.jitterBufferEmittedCount) *
						1000
					: null,
			rtt_ms:
				remote?.roundTripTime === undefined
					? null
					: remote.roundTripTime * 1000,
			loss_percent: lossPercent(rtp, old, remote),
			limited_by: rtp.qualityLimitationReason,
			...lossOf(rtp, rtp.type === 'outbound-rtp' ? remote : null),
		};
	}

	async sample() {
		const report = await this.pc.getStats();
		const all = [...report.values()];
		const tracks = all
			.filter((s) => /^(in|out)bound-rtp$/.test(s.type))
			.map((s) => this.track(report, s));
		const transport = all.find((s) => s.type === 'transport');

		return {
			video: tracks.find((t) => t.kind === 'video') || null,
			audio: tracks.find((t) => t.kind === 'audio') || null,
			pair: pairOf(report, transport),
			srtp: transport?.srtpCipher || '',
			dtls: transport?.tlsVersion || '',
		};
	}
}

const ms = (value) => (value === null || value === undefined ? '–' : `${value.toFixed(0)} ms`);

export function bits(bps) {
	return bps >= 1e6 ? `${(bps / 1e6).toFixed(2)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

function percent(track) {
	const share = track.packets > 0 ? (track.packets_lost / track.packets) * 100 : 0;

	return `${track.packets_lost} packets (${share.toFixed(2)} %)`;
}

function videoRows(video) {
	if (!video) return [];
	return [
		['Picture', video.width ? `${video.width} × ${video.height}` : '–'],
		['Frame rate', `${video.fps.toFixed(1)} fps`],
		['Video', `${video.codec || '–'}, ${bits(video.bitrate_bps)}`],
		['Video lost', percent(video)],
	];
}

/** Rows [name, value] for people. */
export function rowsOf(stats) {
	const { video, audio, pair } = stats;
	const rows = videoRows(video);

	if (audio)
		rows.push(
			['Sound', `${audio.codec || '–'}, ${bits(audio.bitrate_bps)}`],
			['Sound lost', percent(audio)],
		);
	if (video?.buffer_ms !== null && video?.buffer_ms !== undefined)
		rows.push(['Jitter buffer', ms(video.buffer_ms)]);
	if (video?.limited_by && video.limited_by !== 'none')
		rows.push(['Held back by', video.limited_by]);
	rows.push(['Round trip', ms(pair?.rtt_ms ?? video?.rtt_ms)]);
	if (pair) rows.push(['Path', `${pair.protocol} ${pair.local} → ${pair.remote}`]);
	if (stats.srtp) rows.push(['Encryption', stats.srtp.replaceAll('_', ' ')]);
	return rows;
}
