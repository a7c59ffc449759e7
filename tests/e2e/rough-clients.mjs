// Every client as publisher and as player, each behind a path that loses packets: they have them sent
// again, and nearly all pictures arrive. Once they are connected: werift repeats DTLS records under
// their old numbers (RFC 6347 s.4.1 wants new ones), which whoever guards against replay drops.
// RTC_MATRIX=long: H264 as well, for which Debian's Firefox has no coder (tests/long/rough-clients.t).
import { allClients } from './lib/clients.mjs';
import { Matrix } from './lib/matrix.mjs';
import { behindProxy } from './lib/proxy.mjs';
import { Stack } from './lib/stack.mjs';
import { done, must, note } from './lib/tap.mjs';

const LOSS = 0.05;
const LOST_MIN = 50;

const stack = await Stack.start();
const up = await behindProxy(stack, 'whip');
const down = await behindProxy(stack, 'whep');
const ports = { whip: up.port, whep: down.port };
const clients = await allClients(stack);
const rough = {
	endpoint: (kind, id) =>
		`http://localhost:${ports[kind]}/rtc/v1/${kind}/?app=live&stream=${id}`,
};

async function run(codec, list) {
	const codecs = Object.fromEntries(Object.keys(list).map((name) => [name, [codec]]));

	await new Matrix({
		stack: rough,
		clients: list,
		kind: 'video',
		publishes: codecs,
		plays: codecs,
		picture: { width: 320, height: 240, fps: 15, bps: 300000 },
		waves: 2,
		window_ms: 6000,
		windows_max: 5,
		ratio_min: 0.98,
		rough: (on) => {
			for (const { proxy } of [up, down])
				Object.assign(proxy, { loss: LOSS, lossy: on });
		},
	}).run();
}

const { firefox, ...others } = clients;

await run('VP8', clients);
if (process.env.RTC_MATRIX === 'long') await run('H264', others);
const lost = [up, down].map(({ proxy }) => proxy.lost);

note(`lost: ${lost} of ${[up, down].map(({ proxy }) => proxy.forwarded + proxy.lost)}`);
must(Math.min(...lost) >= LOST_MIN, `packets were lost on both sides: ${lost}`);
await done();
