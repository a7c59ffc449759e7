// A media playlist of HLS (RFC 8216): as much of it as a live player needs.

const attribute = (text, name) => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(text)?.[1];

/** {target_s, ended, segments: [{number, url, duration_s, wall_ms, map, broken}]}; null: it is none. */
export function parsePlaylist(text, base) {
	const list = { target_s: 2, ended: false, segments: [] };
	let next = { number: 0, duration_s: 0, wall_ms: NaN, map: null, broken: false };

	if (!text.startsWith('#EXTM3U')) return null;
	for (const line of text.split(/\r?\n/)) {
		const [, tag, value] = /^#(EXT[^:]*):?(.*)$/.exec(line) || [];

		if (tag === 'EXT-X-TARGETDURATION') list.target_s = Number(value) || 2;
		else if (tag === 'EXT-X-MEDIA-SEQUENCE') next.number = Number(value);
		else if (tag === 'EXT-X-ENDLIST') list.ended = true;
		else if (tag === 'EXT-X-DISCONTINUITY') next.broken = true;
		else if (tag === 'EXT-X-PROGRAM-DATE-TIME') next.wall_ms = Date.parse(value);
		else if (tag === 'EXT-X-MAP') next.map = new URL(attribute(value, 'URI'), base).href;
		else if (tag === 'EXTINF') next.duration_s = parseFloat(value) || 0;
		else if (line && !line.startsWith('#')) {
			list.segments.push({ ...next, url: new URL(line, base).href });
			next = {
				...next,
				number: next.number + 1,
				wall_ms: next.wall_ms + next.duration_s * 1000,
				broken: false,
			};
		}
	}
	return list;
}
