// Both channels of Opus: to a side that does not say `stereo=1` one is sent (RFC 7587 s.6.1), and
// browsers but Firefox do not say it by themselves. What a server answers decides what a browser
// sends, what it offered itself decides what it plays.

const OPUS = /^a=rtpmap:(\d+) opus\/48000\/2$/gim;

// One more parameter of a list of them, unless the list has it.
function added(list, name) {
	const has = new RegExp(`(^|;)\\s*${name}=`, 'i').test(list);

	return has ? list : [list, `${name}=1`].filter(Boolean).join(';');
}

/** The SDP with stereo wanted in each Opus of it; sends: and likely sent, too. */
export function withStereo(sdp, sends = false) {
	const names = sends ? ['stereo', 'sprop-stereo'] : ['stereo'];

	return [...sdp.matchAll(OPUS)].reduce((text, [map, pt]) => {
		const line = new RegExp(`^a=fmtp:${pt} *(.*)$`, 'gm');
		const full = (list) => `a=fmtp:${pt} ${names.reduce(added, list)}`;

		return line.test(text)
			? text.replace(line, (_, list) => full(list))
			: text.replace(`${map}\r\n`, (before) => `${before}${full('')}\r\n`);
	}, sdp);
}
