// What the pages, the path and the relay say of themselves when a picture stays away: for whoever
// reads the failed test. Two samples, so that what moves can be told from what stands.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dump, stateOf, stats } from './browser.mjs';
import { bin, environment, logs } from './processes.mjs';
import { note } from './tap.mjs';
import { pause } from './wait.mjs';

const APART_MS = 2000;
const RTC_CTL_MAX_MS = 5000;
const LAST_FRAMES = 12;
const LOG_LINES = 40;

// By type, and kind where there is one, what is told.
const FIELDS = {
	'outbound-rtp video': `ssrc rid active packetsSent bytesSent headerBytesSent framesSent
		framesEncoded keyFramesEncoded hugeFramesSent frameWidth frameHeight framesPerSecond
		targetBitrate totalEncodeTime totalPacketSendDelay qualityLimitationReason
		qualityLimitationDurations qpSum encoderImplementation nackCount pliCount firCount
		retransmittedPacketsSent`,
	'outbound-rtp audio': 'packetsSent bytesSent targetBitrate',
	'media-source video': 'frames framesPerSecond width height',
	'remote-inbound-rtp video': 'packetsLost fractionLost roundTripTime jitter',
	'inbound-rtp video': `ssrc packetsReceived bytesReceived packetsLost packetsDiscarded
		framesReceived framesDecoded keyFramesDecoded framesDropped framesAssembledFromMultiplePackets
		frameWidth frameHeight framesPerSecond freezeCount totalFreezesDuration pauseCount
		nackCount pliCount firCount retransmittedPacketsReceived jitter jitterBufferDelay
		jitterBufferTargetDelay jitterBufferEmittedCount lastPacketReceivedTimestamp
		decoderImplementation`,
	'inbound-rtp audio': 'packetsReceived packetsLost packetsDiscarded concealedSamples',
	'remote-outbound-rtp video': 'packetsSent bytesSent',
	transport: `dtlsState iceState selectedCandidatePairId selectedCandidatePairChanges
		packetsSent packetsReceived bytesSent bytesReceived`,
	'candidate-pair': `id state nominated writable packetsSent packetsReceived
		availableOutgoingBitrate currentRoundTripTime requestsSent responsesReceived
		consentRequestsSent packetsDiscardedOnSend`,
};

const words = (text) => text.split(/\s+/);

function chosen(report) {
	return report
		.map((s) => [[s.type, s.kind].filter(Boolean).join(' '), s])
		.filter(([name]) => FIELDS[name])
		.map(([name, s]) => [
			name,
			Object.fromEntries(
				words(FIELDS[name])
					.filter((f) => s[f] !== undefined)
					.map((f) => [f, s[f]]),
			),
		]);
}

async function pageSays(name, page) {
	note(`${name}: state ${await stateOf(page)}`);
	for (const [what, fields] of chosen(await stats(page)))
		note(`${name}: ${what}: ${JSON.stringify(fields)}`);
}

// The newest frames of the page: encoded [rtp, type, how long ago], seen [number, rtp, how long].
async function framesOf(name, page) {
	const { encoded, seen, unreadable, states } = await dump(page);
	const now = await page.evaluate(() => performance.timeOrigin + performance.now());
	const ago = (at) => Math.round(at - now);
	const keyframes = encoded.filter(([, , type]) => type === 'key');

	note(
		`${name}: ${JSON.stringify({
			states: states.map(([at, state]) => [state, ago(at)]),
			encoded: encoded.slice(-LAST_FRAMES).map(([rtp, , type, at]) => [rtp, type, ago(at)]),
			keyframes: keyframes.slice(-LAST_FRAMES).map(([rtp, , , at]) => [rtp, ago(at)]),
			seen: seen.slice(-LAST_FRAMES).map(([number, at, rtp]) => [number, rtp, ago(at)]),
			unreadable,
		})}`,
	);
}

async function relaySays(command) {
	try {
		const { stdout } = await promisify(execFile)(join(bin, 'rtc-ctl'), ['-j', command], {
			env: environment(),
			timeout: RTC_CTL_MAX_MS,
		});

		note(`relay: ${command}: ${stdout}`);
	} catch (error) {
		note(`relay: ${command}: ${error.message}`);
	}
}

async function sample(pages, proxies) {
	for (const [name, page] of Object.entries(pages)) await pageSays(name, page);
	for (const [name, { forwarded, lost }] of Object.entries(proxies))
		note(`${name}: ${JSON.stringify({ forwarded, lost })}`);
	for (const command of ['sessions', 'stats']) await relaySays(command);
}

/** Notes all of it; pages and proxies by the names they are told under. Throws nothing. */
export async function diagnose(pages, proxies = {}) {
	try {
		await sample(pages, proxies);
		for (const [name, page] of Object.entries(pages)) await framesOf(name, page);
		await relaySays('streams');
		await pause(APART_MS);
		note(`--- ${APART_MS} ms later`);
		await sample(pages, proxies);
		note(logs(LOG_LINES));
	} catch (error) {
		note(`no more to tell: ${error.message}`);
	}
}
