// The figures that both players chart.
import { bits } from './stats.js';

const number = (v) => (v === null || v === undefined || Number.isNaN(v) ? null : v);
const sum = (stats, field) => (stats.video?.[field] ?? 0) + (stats.audio?.[field] ?? 0);
const ms = (v) => `${v < 10 ? v.toFixed(1) : v.toFixed(0)} ms`;

export const FIGURES = [
	{ id: 'bitrate', name: 'Bit rate', floor: 1e5, of: (s) => sum(s, 'bitrate_bps'), text: bits },
	{
		id: 'fps',
		name: 'Frame rate',
		floor: 10,
		of: (s) => number(s.video?.fps),
		text: (v) => `${v.toFixed(0)} fps`,
	},
	{
		id: 'rtt',
		name: 'Round trip',
		floor: 20,
		of: (s) => number(s.pair?.rtt_ms ?? s.video?.rtt_ms),
		text: ms,
	},
	{
		id: 'loss',
		name: 'Lost',
		floor: 2,
		of: (s) => number(s.video?.loss_percent ?? s.audio?.loss_percent),
		text: (v) => `${v.toFixed(1)} %`,
	},
	{
		id: 'jitter',
		name: 'Jitter',
		floor: 10,
		of: (s) => number(s.video?.jitter_ms ?? s.audio?.jitter_ms),
		text: ms,
	},
];
