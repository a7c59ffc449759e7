// What went wrong, in words: what happened, and what to do about it.

/** An HTTP answer that is not the expected one. */
export class HttpProblem extends Error {
	constructor(kind, status, problem, url) {
		super(problem.detail || problem.title || `HTTP status ${status}`);
		this.name = 'HttpProblem';
		this.kind = kind;
		this.status = status;
		this.problem = problem;
		this.url = url;
	}
}

/** No HTTP answer at all. */
export class Unreachable extends Error {
	constructor(url) {
		super('no answer');
		this.name = 'Unreachable';
		this.url = url;
	}
}

/** What was typed is no address of a stream. */
export class BadAddress extends Error {
	constructor(address) {
		super(address);
		this.name = 'BadAddress';
	}
}

/** Signalling worked, the media path did not. */
export class NoPath extends Error {
	constructor(stage, candidates) {
		super(stage);
		this.name = 'NoPath';
		this.stage = stage;
		this.candidates = candidates;
	}
}

/** Media flowed, then did not. */
export class ConnectionLost extends Error {
	constructor() {
		super('connection lost');
		this.name = 'ConnectionLost';
	}
}

const BY_STATUS = {
	400: 'The server did not understand the request.',
	401: 'The server wants a token that it knows.',
	403: 'The server refuses this token for this stream.',
	404:
		'This server has no such address. Check host and port: the page must talk to ' +
		'a server that runs rtc-whip and rtc-whep.',
	405: 'The server answers at this address, but to another method.',
	406: 'Browser and server have no codec in common.',
	413: 'The offer is too long for the server.',
	415: 'The server does not take an SDP offer at this address.',
	422: 'The server cannot use the offer of this browser.',
	429: 'Too many attempts: the server asks for a pause.',
	500: 'The server failed inside; its log says more.',
	502: 'The front door is up, but the program behind it is not.',
	503: 'The server cannot do it now: rtc-relay may be down, or a limit is reached.',
	504: 'The program behind the front door did not answer in time.',
};

const BY_KIND = {
	whip: {
		409:
			'Somebody else is publishing this stream. Take another stream name, ' +
			'or wait until they stop.',
	},
	whep: { 409: 'The stream and this browser do not go together now.' },
};

const BY_NAME = {
	NotAllowedError:
		'The browser was not allowed to use the camera, microphone or screen. ' +
		'Allow it in the address bar and start again.',
	NotFoundError: 'No camera or microphone was found. The test picture needs none.',
	NotReadableError: 'The camera or microphone is in use by another program.',
	OverconstrainedError: 'No camera can do what was asked for.',
	AbortError: 'The choice of camera or screen was cancelled.',
	InsecureContext:
		'Browsers give camera and screen only to pages from https:// or localhost. ' +
		'Open this page in one of these ways, or publish the test picture.',
	BadAddress: 'This is no address of a stream: webrtc://HOST[:PORT]/APP/STREAM[?QUERY].',
	ScreenUnreadable: 'The system did not let the browser record this screen or window.',
	ScreenUnasked: 'Browsers share a screen only when a button was pressed: press Publish.',
	DeviceGone:
		'The camera or microphone was unplugged, or the system took it away. ' +
		'Connect it and start again.',
	NoScreen: 'This browser cannot share its screen.',
	NoWebRTC: 'This browser has no WebRTC, or it is switched off.',
};

function pathWords(error) {
	const where = error.candidates.length > 0 ? error.candidates.join(', ') : 'none';

	if (error.stage === 'no-candidates')
		return 'The server named no address for media. Start it with --candidate ADDRESS.';
	if (error.stage === 'dtls')
		return `The server's port answers (${where}), but the encryption handshake failed.`;
	return (
		`The server answered, but no media reaches it at ${where}. Its UDP port is ` +
		'likely blocked by a firewall or not forwarded, or the address is not the public ' +
		`one (--candidate). Try: rtc-stun-probe ${error.candidates[0] || 'HOST:8000'}`
	);
}

/** {title, detail} of an error of these pages. */
export function words(error) {
	if (error instanceof HttpProblem) {
		const general =
			BY_KIND[error.kind]?.[error.status] ||
			BY_STATUS[error.status] ||
			'The server refused.';
		const said = error.problem.detail || error.problem.title;

		return { title: `${general} (${error.status})`, detail: said || '' };
	}
	if (error instanceof Unreachable)
		return {
			title: `No answer from ${new URL(error.url).origin}.`,
			detail:
				'The server is down, or host and port are wrong, or an https ' +
				'page may not talk to an http server.',
		};
	if (error instanceof ConnectionLost)
		return {
			title: 'The connection to the server was lost.',
			detail: 'It is being set up anew.',
		};
	if (error instanceof NoPath)
		return { title: 'No media path to the server.', detail: pathWords(error) };
	return {
		title: BY_NAME[error.name] || 'It did not work.',
		detail: BY_NAME[error.name] ? '' : `${error.name}: ${error.message}`,
	};
}

// Trying again cannot help until a person has changed something.
const FINAL = new Set([400, 401, 403, 404, 405, 406, 413, 415, 422]);

export function isFinal(error) {
	if (error instanceof HttpProblem)
		return FINAL.has(error.status) || (error.kind === 'whip' && error.status === 409);
	return !(error instanceof Unreachable || error instanceof NoPath);
}
