// What the instrument's lists mean: which frames were encoded, which arrived, how late; which tone
// steps were heard.
import { must } from './tap.mjs';

const RTP_PER_MS = 90;
const MATCH_RTP = 15 * RTP_PER_MS; // under half a frame at 25 frames a second
const PROBE = 100;
const ENCODE_MAX_MS = 300;
const FOLLOW = 0.2; // the browser's two clocks drift apart by some ms a minute
const TAIL_MS = 1000; // frames this young may still be on their way
const REPLAY_MS = 500; // of a replay, no more than this is seen
const TONE_STEPS = 8;

export function median(values) {
	const sorted = [...values].sort((a, b) => a - b);

	return sorted.length > 0 ? sorted[Math.floor(sorted.length / 2)] : NaN;
}

export function quantile(values, q) {
	const sorted = [...values].sort((a, b) => a - b);

	return sorted.length > 0
		? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
		: NaN;
}

const diff32 = (a, b) => (a - b) | 0;

/*
 * Numbers of the frames that the publisher really encoded, with the time each left the encoder.
 * An encoded frame carries only its RTP timestamp, which is the capture timestamp times 90 plus a
 * nearly constant shift, restless in its first second: find it at the end, follow it to the start.
 */
export function encodedFrames({ drawn, local, encoded }) {
	const captured = local
		.filter(([, number]) => number !== null)
		.map(([timestamp, number]) => ({ rtp: (timestamp * RTP_PER_MS) / 1000, number }));
	let shift = bestShift(captured, encoded.slice(-PROBE), new Map(drawn));

	return [...encoded]
		.reverse()
		.map(([rtp, , , at]) => {
			const { number, error } = match(captured, rtp, shift);

			shift += FOLLOW * error;
			return { rtp, at, number };
		})
		.reverse();
}

/*
 * Frames come evenly, so that many shifts nearly fit. The right one explains the jitter best among
 * those by which each frame was encoded after, and not long after, it was drawn.
 */
function bestShift(captured, probe, drawn) {
	let best = { cost: Infinity };

	for (const { rtp } of captured) {
		const shift = probe.at(-1)[0] - rtp;
		const matches = probe.map(([ts]) => match(captured, ts, shift));
		const delay_ms = median(
			probe
				.map(([, , , at], i) => at - (drawn.get(matches[i].number) ?? NaN))
				.filter((ms) => ms > -ENCODE_MAX_MS),
		);
		const centre = median(matches.map((m) => m.error));
		const cost = matches.reduce(
			(all, m) =>
				all + (m.number === null ? MATCH_RTP : Math.abs(m.error - centre)),
			0,
		);

		if (delay_ms > 0 && delay_ms < ENCODE_MAX_MS && cost < best.cost)
			best = { cost, shift: shift + centre };
	}
	must(best.cost < (probe.length * MATCH_RTP) / 2, 'encoded frames match captured ones');
	return best.shift;
}

// The captured frame nearest to an encoded one; number null and error 0 if none is near.
function match(captured, rtp, shift) {
	let best = { far: Infinity };

	for (const frame of captured) {
		const error = diff32(rtp, Math.round(frame.rtp + shift));

		if (Math.abs(error) < best.far)
			best = { far: Math.abs(error), error, number: frame.number };
	}
	return best.far <= MATCH_RTP ? best : { far: best.far, error: 0, number: null };
}

/** Numbers seen, in the order of arrival, that grow (a repeated or late one does not count). */
function inOrder(seen) {
	const kept = [];

	for (const [number] of seen)
		if (kept.length === 0 || (number - kept.at(-1)) << 16 > 0) kept.push(number);
	return new Set(kept);
}

/**
 * Of the frames encoded between the player's first one and shortly before the end: the share that
 * arrived in order, latencies from drawing to decoded picture, numbers of those that are missing.
 */
export function arrival(publisher, player) {
	const frames = encodedFrames(publisher);
	const drawn = new Map(publisher.drawn);
	const seen = inOrder(player.seen);
	must(player.seen.length > 0, 'the player has seen a frame');
	const [first] = player.seen[0];
	const start = frames.findIndex((f) => f.number === first);
	const end_ms = player.seen.at(-1)[1] - TAIL_MS;
	const due = frames.slice(Math.max(0, start)).filter((f) => f.at < end_ms);
	const missing = due.filter((f) => !seen.has(f.number)).map((f) => f.number);
	const latencies = player.seen
		.filter(([n]) => drawn.has(n))
		.map(([n, at]) => at - drawn.get(n));

	return {
		encoded: due.length,
		unknown: due.filter((f) => f.number === null).length,
		ratio: due.length > 0 ? 1 - missing.length / due.length : 0,
		missing,
		repeated: player.seen.length - seen.size,
		unreadable: player.unreadable,
		median_ms: median(latencies),
		p95_ms: quantile(latencies, 0.95),
		...timestampsKept(frames, player.seen),
	};
}

/**
 * Share of the seen frames whose RTP timestamp is the publisher's plus one constant; but for the first
 * ones: who joins just after a keyframe gets what followed it in compressed time. Where the constant
 * changed, for a failure: [number, constant, ms since the first frame].
 */
function timestampsKept(frames, seen) {
	const rtp = new Map(frames.map((f) => [f.number, f.rtp]));
	const began = seen[0]?.[1] ?? 0;
	const shifts = seen
		.filter(([n, at]) => rtp.has(n) && at > began + REPLAY_MS)
		.map(([n, at, ts]) => [n, (ts - rtp.get(n)) >>> 0, Math.round(at - began)]);
	const counts = new Map();

	shifts.forEach(([, s]) => counts.set(s, (counts.get(s) || 0) + 1));
	return {
		timestamps: shifts.length > 0 ? Math.max(...counts.values()) / shifts.length : 0,
		shifted: shifts.filter(([, s], i) => i === 0 || s !== shifts[i - 1][1]),
	};
}

/** Of a publisher that encodes every number: the share of numbers between first and last seen. */
export function continuity(player) {
	const seen = inOrder(player.seen);
	must(player.seen.length > 1, 'the player has seen frames');
	const span = ((player.seen.at(-1)[0] - player.seen[0][0]) & 0xffff) + 1;

	return {
		span,
		ratio: seen.size / span,
		repeated: player.seen.length - seen.size,
		unreadable: player.unreadable,
	};
}

/** The steps heard, each for two windows or more, and how many followed their forerunner. */
export function toneSteps(player) {
	const runs = [];

	for (const [, step] of player.tones) {
		const last = runs.at(-1);

		if (last?.step === step) last.windows++;
		else runs.push({ step, windows: 1 });
	}
	const steps = runs.filter((r) => r.step >= 0 && r.windows >= 2).map((r) => r.step);
	const follows = steps.slice(1).filter((s, i) => s === (steps[i] + 1) % TONE_STEPS).length;

	return { steps, follows, silent: player.tones.filter(([, s]) => s < 0).length };
}

/** Gaps in the sequence numbers of the audio frames that arrived. */
export function audioGaps(player) {
	const numbers = player.sequence.map(([, n]) => n).filter((n) => n !== null);
	const gaps = numbers.slice(1).filter((n, i) => n !== ((numbers[i] + 1) & 0xffff));

	return { packets: numbers.length, gaps: gaps.length };
}

export function inbound(report, kind) {
	return report.find((s) => s.type === 'inbound-rtp' && s.kind === kind);
}

/** The remote candidate of the selected pair. */
export function selectedRemote(report) {
	const transport = report.find((s) => s.type === 'transport');
	const pair = report.find((s) => s.id === transport?.selectedCandidatePairId);

	return report.find((s) => s.id === pair?.remoteCandidateId);
}
