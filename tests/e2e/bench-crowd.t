#!/usr/bin/python3
# runs under: none
"""200 players of rtc-bench in a network namespace of their own: nothing is lost, and what rtc-bench
counts is what the kernel counts and what another stack's player beside them sees."""
import asyncio
import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ownnet  # noqa: E402

ownnet.inside(['--net'])
HOST = '10.9.0.1'   # the other stack has no candidate on the loopback interface
for words in ('link set lo up', 'link add veth0 type veth peer name veth1', f'addr add {HOST}/24 dev veth0',
              'link set veth0 up', 'link set veth1 up'):
    subprocess.run(['ip', *words.split()], check=True)

import av  # noqa: E402
from aiortc import RTCPeerConnection, RTCSessionDescription  # noqa: E402

from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

PLAYERS, SECONDS = 200, 4
av.logging.set_level(av.logging.PANIC)     # they are well-formed packets, not pictures
tap = Tap()


def endpoint(program, port, run):
    return subprocess.Popen([f'{BIN}/{program}', '--listen', f'{HOST}:{port}', '--candidate',
                             HOST], stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': run})


def udp_counters():
    rows = [line.split() for line in open('/proc/net/snmp') if line.startswith('Udp:')]
    return dict(zip(rows[0][1:], map(int, rows[1][1:])))


def post(url, offer):
    request = urllib.request.Request(url, offer.encode(), {'Content-Type': 'application/sdp'})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


async def play(url, pc):
    """Join with another stack."""
    pc.addTransceiver('video', direction='recvonly')
    pc.addTransceiver('audio', direction='recvonly')
    await pc.setLocalDescription(await pc.createOffer())
    answer = await asyncio.to_thread(post, url, pc.localDescription.sdp)
    await pc.setRemoteDescription(RTCSessionDescription(answer, 'answer'))


async def inbound(pc):
    """(packets received, packets lost) of all its tracks."""
    reports = [r for r in (await pc.getStats()).values() if r.type == 'inbound-rtp']
    return sum(r.packetsReceived for r in reports), sum(r.packetsLost for r in reports)


async def measured(bench, pc, url):
    """rtc-bench's report, and what the kernel and the other player counted in a second within."""
    await asyncio.sleep(1)      # the publisher comes first; the player may be there before it
    await play(url, pc)
    await asyncio.sleep(4)      # 200 joins at 100/s and the settling: well inside what is measured
    before, at = udp_counters(), asyncio.get_event_loop().time()
    seen = await inbound(pc)
    await asyncio.sleep(1.5)
    after, passed = udp_counters(), asyncio.get_event_loop().time() - at
    seen = (await inbound(pc))[0] - seen[0]
    out, _ = await bench.communicate()
    return json.loads(out), (after['InDatagrams'] - before['InDatagrams']) / passed, seen / passed


async def main():
    relay = Relay(bind=f'{HOST}:0')
    udp = [line for line in relay.logged().splitlines() if 'listening on' in line]
    tap.ok(relay.ready and udp, 'the relay serves', relay.logged())
    programs = [endpoint('rtc-whip', 9080, relay.dir), endpoint('rtc-whep', 9081, relay.dir)]
    wait_for(lambda: all(
        subprocess.run(['nc', '-z', HOST, str(p)], check=False).returncode == 0
        for p in (9080, 9081)))
    query = '?app=live&stream=crowd'
    url = f'http://{HOST}:9081/rtc/v1/whep/{query}'
    bench = await asyncio.create_subprocess_exec(
        f'{BIN}/rtc-bench', '-j', '-n', str(PLAYERS), '-r', '100', '-s', '1', '-d', str(SECONDS + 2),
        '-p', str(relay.proc.pid), f'--publish=http://{HOST}:9080/rtc/v1/whip/{query}', url,
        stdout=-1)
    pc = RTCPeerConnection()
    report, kernel, other = await measured(bench, pc, url)
    total = udp_counters()
    lost = (await inbound(pc))[1]
    ours = report['packets_per_s'] + report['publisher']['packets_per_s']
    tap.ok(bench.returncode == 0 and report['joined'] == PLAYERS and report['lost'] == 0,
           f'{PLAYERS} players, nothing lost', report)
    tap.ok(total['RcvbufErrors'] == 0 and total['InErrors'] == 0,
           'the kernel dropped nothing either', total)
    # Reports, feedback and checks come on top of the media.
    tap.ok(0.97 * ours < kernel < 1.3 * ours, 'the rate is the kernel\'s', f'{ours} {kernel}')
    one = report['packets_per_s'] / PLAYERS
    tap.ok(0.9 * one < other < 1.1 * one, 'and that of a player of another stack', f'{one} {other}')
    tap.equal(lost, 0, 'which lost nothing')
    tap.ok(report['processes'][0]['us_per_packet'] > 0, 'cost per packet', report)
    print(f"# {report['processes'][0]['us_per_packet']:.2f} us per packet, delay p99 "
          f"{report['delay']['p99_ms']:.1f} ms", flush=True)
    await pc.close()
    for p in programs:
        p.terminate()
        p.wait(10)
    tap.equal(relay.stop(), 0, 'the relay stops')


asyncio.run(main())
print(f'1..{tap.count}', flush=True)
os._exit(1 if tap.failed else 0)    # without waiting for that stack's threads
