// What both publishing pages do: a source, a session, figures.
import { Charts } from './chart.js';
import { limit, prefer, videoCodecs } from './codecs.js';
import { FIGURES } from './figures.js';
import { Keeper } from './keeper.js';
import { Level } from './level.js';
import {
	bindFields,
	bindGo,
	byId,
	fillSelect,
	needWebRTC,
	rtckit,
	showGo,
	showMessage,
	showState,
	showStats,
} from './page.js';
import { listDevices, openSource } from './source.js';

const TEXTS = {
	idle: 'Not publishing',
	starting: 'Opening the source',
	connecting: 'Connecting',
	live: 'Live',
	retrying: 'Trying again',
	failed: 'Failed',
};
const LOCKED = ['source', 'size', 'fps', 'vcodec', 'camera', 'microphone', 'app', 'stream', 'url'];
const CHOICES = ['source', 'size', 'fps', 'bitrate', 'vcodec'];
const SWITCHES = { mute: 'audio', blind: 'video' };
const DEFAULT_BPS = 2500000;
const AUTO = 'auto';

export class Publisher {
	/**
	 * The page of params. target: {fields, changed(), makeSession(pc), check()}: the fields that
	 * name the stream; what to show when they change; how it is reached, if not by WHIP; check
	 * throws what is wrong with them. The last two may be left out.
	 */
	constructor(params, target) {
		this.params = params;
		this.target = target;
		this.video = byId('video');
		this.charts = new Charts(byId('charts'), FIGURES);
		this.level = new Level(byId('level'));
		this.devices = { camera: '', microphone: '' };
		this.source = null;
		this.keeper = new Keeper({
			kind: 'whip',
			params,
			makePc: () => this.makePc(),
			makeSession: target.makeSession,
			onState: (state, error) => {
				if (state === 'failed') this.closeSource();
				this.enter(state === 'connected' ? 'live' : state, error);
			},
			onStats: (stats) => {
				showStats(stats);
				this.charts.push(stats);
			},
		});
		Object.assign(rtckit, {
			keeper: this.keeper,
			start: () => this.start(),
			stop: () => this.stop(),
		});
		this.bind();
		this.enter('idle');
		if (params.autostart) this.start();
	}

	get maxBps() {
		return Number(this.params.bitrate) * 1000 || DEFAULT_BPS;
	}

	track(kind) {
		return this.source?.stream.getTracks().find((t) => t.kind === kind);
	}

	makePc() {
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
		const { stream } = this.source;

		for (const t of [...stream.getAudioTracks(), ...stream.getVideoTracks()]) {
			const options = { direction: 'sendonly', streams: [stream] };

			if (t.kind === 'video') options.sendEncodings = [{ maxBitrate: this.maxBps }];
			const transceiver = pc.addTransceiver(t, options);

			if (t.kind === 'video') prefer(transceiver, this.params.vcodec);
		}
		return pc;
	}

	enter(state, error = null) {
		const busy = state !== 'idle' && state !== 'failed';

		showState(state, TEXTS[state]);
		showMessage(error);
		showGo(busy, 'Publish');
		for (const id of LOCKED) if (byId(id)) byId(id).disabled = busy;
		byId('charts').hidden = state !== 'live';
		if (state === 'live') {
			this.charts.clear();
			this.level.start(this.keeper.session.pc, 'sender');
		} else {
			this.level.stop();
			showStats(null);
		}
		this.showSwitches();
	}

	async start() {
		const given = (name) => (this.params[name] === AUTO ? undefined : this.params[name]);

		this.keeper.stop();
		this.closeSource();
		try {
			this.enter('starting');
			needWebRTC();
			this.target.check?.();
			this.source = await openSource(this.params.source, {
				size: given('size'),
				fps: given('fps'),
				...this.devices,
			});
			rtckit.card = this.source.card;
			this.video.srcObject = this.source.stream;
			// The browser's own "stop sharing" button ends the track.
			for (const t of this.source.stream.getTracks())
				t.addEventListener('ended', () => this.stop());
			this.keeper.start();
			this.showDevices();
		} catch (error) {
			this.closeSource();
			this.enter('failed', error);
		}
	}

	stop() {
		this.keeper.stop();
		this.closeSource();
		this.enter('idle');
	}

	closeSource() {
		this.source?.stop();
		this.source = null;
		rtckit.card = null;
		this.video.srcObject = null;
	}

	// Names of devices are told only once one was allowed.
	async showDevices() {
		const found = await listDevices().catch(() => ({ camera: [], microphone: [] }));

		for (const [id, list] of Object.entries(found)) {
			const named = list.filter(([, name]) => name);

			fillSelect(byId(id), [['', 'The usual one'], ...named], this.devices[id]);
			byId(id).parentElement.hidden =
				this.params.source !== 'camera' || named.length < 2;
		}
	}

	showSwitches() {
		for (const [id, kind] of Object.entries(SWITCHES)) {
			const t = this.track(kind);

			byId(id).hidden = !t;
			byId(id).setAttribute('aria-pressed', String(t ? !t.enabled : false));
		}
	}

	bind() {
		const codecs = videoCodecs().map((name) => [name, name]);

		fillSelect(byId('vcodec'), codecs, this.params.vcodec);
		this.params.vcodec = byId('vcodec').value || this.params.vcodec;
		bindFields(this.params, [...this.target.fields, ...CHOICES], () => {
			this.target.changed();
			this.showDevices();
		});
		for (const id of Object.keys(this.devices))
			byId(id).addEventListener('change', () => {
				this.devices[id] = byId(id).value;
			});
		navigator.mediaDevices?.addEventListener?.('devicechange', () => this.showDevices());
		for (const [id, kind] of Object.entries(SWITCHES))
			byId(id).addEventListener('click', () => {
				const t = this.track(kind);

				if (t) t.enabled = !t.enabled;
				this.showSwitches();
			});
		byId('bitrate').addEventListener('change', () => this.limit());
		bindGo(this);
	}

	// While it is live too.
	limit() {
		const senders = this.keeper.session?.pc.getSenders() || [];
		const sender = senders.find((s) => s.track?.kind === 'video');

		if (sender) limit(sender, this.maxBps).catch(showMessage);
	}
}
