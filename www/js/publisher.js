// What both publishing pages do: a source, a session, figures.
import { Charts } from './chart.js';
import { USUAL, codecOf, limit, prefer, videoCodecs } from './codecs.js';
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
import { SIDES, listDevices, openSource } from './source.js';

const TEXTS = {
	idle: 'Not publishing',
	starting: 'Opening the source',
	connecting: 'Connecting',
	live: 'Live',
	retrying: 'Trying again',
	failed: 'Failed',
};
const LOCKED = ['source', 'size', 'fps', 'vcodec', 'camera', 'microphone', 'app', 'stream', 'url'];
const CHOICES = ['source', 'size', 'fps', 'bitrate', 'abitrate', 'vcodec'];
const SWITCHES = { mute: 'audio', blind: 'video' };
const SIDE_NAMES = { user: 'In front', environment: 'At the back' };
const DEFAULT_BPS = 2500000;
const RATES = {
	bitrate: [
		['300', '300 kbit/s'],
		['800', '800 kbit/s'],
		['1500', '1.5 Mbit/s'],
		['2500', '2.5 Mbit/s'],
		['5000', '5 Mbit/s'],
		['8000', '8 Mbit/s'],
	],
	abitrate: [
		['auto', 'As it comes'],
		['32', '32 kbit/s'],
		['64', '64 kbit/s'],
		['128', '128 kbit/s'],
		['256', '256 kbit/s'],
	],
};
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
		this.touched = matchMedia('(pointer: coarse)'); // as phones are
		this.source = null;
		this.note = null; // said while live
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

	/** What a track of a kind may take at most; undefined: what the browser takes. */
	maxBps(kind) {
		const { bitrate, abitrate } = this.params;

		return kind === 'video'
			? Number(bitrate) * 1000 || DEFAULT_BPS
			: Number(abitrate) * 1000 || undefined;
	}

	track(kind) {
		return this.source?.stream.getTracks().find((t) => t.kind === kind);
	}

	makePc() {
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
		const { stream } = this.source;

		for (const t of [...stream.getAudioTracks(), ...stream.getVideoTracks()]) {
			const transceiver = pc.addTransceiver(t, {
				direction: 'sendonly',
				streams: [stream],
				sendEncodings: [{ maxBitrate: this.maxBps(t.kind) }],
			});

			if (t.kind === 'video') prefer(transceiver, this.params.vcodec);
		}
		return pc;
	}

	enter(state, error = null) {
		const busy = state !== 'idle' && state !== 'failed';

		showState(state, TEXTS[state]);
		showMessage(error || (state === 'live' ? this.note : null));
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
			for (const t of this.source.stream.getTracks())
				t.addEventListener('ended', () => this.ended());
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

	/** The source ends by itself: by the browser's own "stop sharing" button, or for want of a device. */
	ended() {
		this.stop();
		if (this.params.source === 'camera')
			this.enter('failed', Object.assign(new Error('ended'), { name: 'DeviceGone' }));
	}

	closeSource() {
		this.source?.stop();
		this.source = null;
		rtckit.card = null;
		this.video.srcObject = null;
	}

	// Names of devices are told only once one was allowed; that a phone has two cameras is known.
	async showDevices() {
		const found = await listDevices().catch(() => ({ camera: [], microphone: [] }));
		const sides = this.touched.matches ? SIDES : [];

		for (const [id, list] of Object.entries(found)) {
			const named = [
				...(id === 'camera' ? sides.map((side) => [side, SIDE_NAMES[side]]) : []),
				...list.filter(([, name]) => name),
			];

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
		const wish = this.params.vcodec;
		const codecs = videoCodecs();
		const found = codecOf(wish, codecs);

		fillSelect(
			byId('vcodec'),
			codecs.map((name) => [name, name]),
			found ?? codecOf(USUAL, codecs),
		);
		for (const [id, rates] of Object.entries(RATES)) fillSelect(byId(id), rates);
		this.params.vcodec = byId('vcodec').value || wish;
		if (!found && codecs.length > 0 && this.params.query.has('vcodec'))
			this.note = {
				title: `This browser cannot send ${wish}.`,
				detail: `${this.params.vcodec} is sent instead.`,
			};
		bindFields(this.params, [...this.target.fields, ...CHOICES], () => {
			this.target.changed();
			this.showDevices();
		});
		for (const id of Object.keys(this.devices))
			byId(id).addEventListener('change', () => {
				this.devices[id] = byId(id).value;
			});
		navigator.mediaDevices?.addEventListener?.('devicechange', () => this.showDevices());
		this.touched.addEventListener?.('change', () => this.showDevices());
		for (const [id, kind] of Object.entries(SWITCHES))
			byId(id).addEventListener('click', () => {
				const t = this.track(kind);

				if (t) t.enabled = !t.enabled;
				this.showSwitches();
			});
		byId('bitrate').addEventListener('change', () => this.limit('video'));
		byId('abitrate').addEventListener('change', () => this.limit('audio'));
		bindGo(this);
	}

	// While it is live too.
	limit(kind) {
		const senders = this.keeper.session?.pc.getSenders() || [];
		const sender = senders.find((s) => s.track?.kind === kind);

		if (sender) limit(sender, this.maxBps(kind)).catch(showMessage);
	}
}
