// Which video codecs a browser can send and take, which is offered first, how much of it is sent.

const CARRIERS = /\/(rtx|red|ulpfec|flexfec)/i;
const nameOf = (codec) => codec.mimeType.split('/')[1];

const capabilities = (side = globalThis.RTCRtpSender) =>
	(side?.getCapabilities?.('video')?.codecs || []).filter(Boolean);
const names = (codecs) => [
	...new Set(codecs.filter((c) => !CARRIERS.test(c.mimeType)).map(nameOf)),
];

/** Names of the video codecs that this browser can send, without repetition: "H264", "VP8" ... */
export const videoCodecs = () => names(capabilities());

/** Those that it can take. */
export const takenCodecs = () => names(capabilities(globalThis.RTCRtpReceiver));

/** The name among those that a wish means: "h264" is H264, "hevc" H265; undefined if it is none. */
export function codecOf(wish, known) {
	const name = wish.toLowerCase() === 'hevc' ? 'h265' : wish.toLowerCase();

	return known.find((n) => n.toLowerCase() === name);
}

export const USUAL = 'h264';

/**
 * H264, which servers prefer, leaves what else the browser can as second choice; any other codec is
 * offered alone.
 */
export function prefer(transceiver, name) {
	const is = (codec, which) => nameOf(codec).toLowerCase() === which.toLowerCase();
	const all = capabilities();
	const rest = is({ mimeType: `video/${name}` }, USUAL)
		? all.filter((codec) => !is(codec, name))
		: all.filter((codec) => CARRIERS.test(codec.mimeType));
	const chosen = all.filter((codec) => is(codec, name));

	if (chosen.length > 0) transceiver.setCodecPreferences?.([...chosen, ...rest]);
}

/** Bounds what a sender sends from now on; undefined: what the browser takes. */
export async function limit(sender, max_bps) {
	const parameters = sender.getParameters();

	if (!parameters.encodings?.length) return;
	for (const encoding of parameters.encodings) encoding.maxBitrate = max_bps;
	await sender.setParameters(parameters);
}
