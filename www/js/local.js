// What a participant sends: camera and microphone, or a screen in place of the camera, by WHIP.
import { prefer } from './codecs.js';
import { Keeper } from './keeper.js';
import { openSource } from './source.js';

const MAX_VIDEO_BPS = 1200000; // there are several of them in a room

export class Local {
	/** onState(state, error) of the publication; onChange(): what is sent has changed. */
	constructor(params, { onState, onChange }) {
		Object.assign(this, { params, onChange });
		this.source = null;
		this.screen = null;
		this.muted = false;
		this.blind = false;
		this.stream = new MediaStream();
		this.keeper = new Keeper({
			kind: 'whip',
			params,
			makePc: () => this.makePc(),
			onState,
			onStats: () => {},
		});
	}

	/** Opens camera or test card and publishes. Throws the browser's DOMException. */
	async start(name) {
		this.source = await openSource(name, { talk: true, size: '640x360' });
		for (const track of this.source.stream.getTracks()) this.stream.addTrack(track);
		this.apply();
		this.keeper.start();
	}

	makePc() {
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });

		for (const track of this.stream.getTracks()) {
			const transceiver = pc.addTransceiver(track, {
				direction: 'sendonly',
				streams: [this.stream],
				...(track.kind === 'video'
					? { sendEncodings: [{ maxBitrate: MAX_VIDEO_BPS }] }
					: {}),
			});

			if (track.kind === 'video') prefer(transceiver, 'H264');
		}
		return pc;
	}

	/** A track that is disabled goes on as silence, or as black: players need not notice. */
	apply() {
		for (const track of this.stream.getAudioTracks()) track.enabled = !this.muted;
		for (const track of this.stream.getVideoTracks())
			track.enabled = !this.blind || Boolean(this.screen);
		this.onChange();
	}

	mute(on) {
		this.muted = on;
		this.apply();
	}

	hide(on) {
		this.blind = on;
		this.apply();
	}

	async share(on) {
		if (!on) {
			this.endShare();
			return;
		}
		const screen = await openSource('screen');
		const [track] = screen.stream.getVideoTracks();

		this.screen = screen;
		// The browser's own "stop sharing" button ends the track.
		track.addEventListener('ended', () => {
			if (this.screen === screen) this.endShare();
		});
		this.useVideo(track);
	}

	endShare() {
		this.screen?.stop();
		this.screen = null;
		this.useVideo(this.source?.stream.getVideoTracks()[0] || null);
	}

	/** Another picture on the way that there is; a new way if there was none. */
	useVideo(track) {
		const [old] = this.stream.getVideoTracks();
		const sender = this.keeper.session?.pc
			.getSenders()
			.find((s) => s.track && s.track === old);

		if (old) this.stream.removeTrack(old);
		if (track) this.stream.addTrack(track);
		this.apply();
		if (sender && track) sender.replaceTrack(track).catch(() => this.keeper.start());
		else if (this.stream.getTracks().length > 0) this.keeper.start();
		else this.keeper.stop();
	}

	stop() {
		this.keeper.stop();
		this.screen?.stop();
		this.source?.stop();
		this.screen = this.source = null;
		for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
	}
}
