#!/usr/bin/env python3
# A player over TCP whose link takes a quarter of its stream: the relay's memory stays flat, nobody
# else loses anything, it loses whole frames, which are counted, and plays on when the link is free.
# runs under: address
# runs with the servers
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from relaylib import BIN, Relay, Tap, free_port, wait_for
from tcplib import Bridge

SLOW = 'RTC_SANITIZER' in os.environ
PATIENCE_S = 120 if SLOW else 40
BITRATE_BPS = 1000000
SLOW_S, MOST_S = 3, 120	# seconds
PLAYERS = 3 if SLOW else 10
GROWTH_MAX_KB = 1536 if not SLOW else 1 << 20	# a queue of 512 KiB, and what the heap rounds up

t = Tap()
relay = Relay('-w', '2', '--tcp', '127.0.0.1:0')
admin = relay.connect('admin')
ports = {e['proto']: e['port'] for e in admin.hello['listen']}
bridge = Bridge(('127.0.0.1', ports['tcp']), rcvbuf=8192)
children = []


def endpoint(program, candidate='127.0.0.1'):
    port = free_port()
    r, w = os.pipe()
    children.append(subprocess.Popen(
        [f'{BIN}/{program}', '-l', f'127.0.0.1:{port}', '-c', candidate, '-R', str(w)], pass_fds=[w],
        stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://127.0.0.1:{port}/rtc/v1/{program[4:]}/?app=live&stream=slow'


def start(*argv):
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children.append(p)
    return p


def sessions():
    return admin.ask('sessions.list')['sessions']


def connected(kind, protocol):
    return [s for s in sessions() if (s['kind'], s['state'], s['protocol']) == (kind, 'connected', protocol)]


def slow():
    """The throttled player's row, and that of one that is not."""
    rows = sessions()
    port = [c.sock.getsockname()[1] for c in bridge.clients.values()]
    mine = [s for s in rows if port and s['address'] == f'127.0.0.1:{port[0]}']
    others = [s for s in rows if s['kind'] == 'play' and s['protocol'] == 'udp']
    return (mine[0] if mine else None), (others[0] if others else None)


def rates(seconds):
    """Octets that went to the throttled player for one that went to another, over so long."""
    (a, b), end = slow(), time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
    c, d = slow()
    return (c['tx_octets'] - a['tx_octets']) / max(1, d['tx_octets'] - b['tx_octets'])


try:
    whip, whep, bridged = endpoint('rtc-whip'), endpoint('rtc-whep'), endpoint('rtc-whep', f'127.0.0.1:{bridge.port}')
    start(f'{BIN}/rtc-publish', '-q', '--test=640x360@25', '--video-bitrate', str(BITRATE_BPS), whip)
    t.ok(wait_for(lambda: connected('publish', 'udp'), PATIENCE_S), 'a publisher')
    bench = start(f'{BIN}/rtc-bench', '-j', '-n', str(PLAYERS), '-d', str(MOST_S), '-s', '0.5', '-D', 'none',
                  '-m', '0' if not SLOW else '0.5', whep)
    other = start(f'{BIN}/rtc-play', '-j', '--protocol', 'tcp', '--duration', str(MOST_S), '--max-loss', '0',
                  '--expect-card', whep)
    player = start(f'{BIN}/rtc-play', '-j', '--duration', str(MOST_S), '--max-loss', '0', '--expect-video',
                   '--protocol', 'udp', bridged)
    t.ok(wait_for(lambda: len(connected('play', 'udp')) == PLAYERS and len(connected('play', 'tcp')) == 2, PATIENCE_S),
         f'{PLAYERS} players over UDP, one over TCP, and one over a slow link')
    t.ok(wait_for(lambda: slow()[0]['tx_packets'] > 20, PATIENCE_S), 'which is not slow yet')
    octets, begun = slow()[0]['tx_octets'], time.monotonic()
    rates(1)
    octets = (slow()[0]['tx_octets'] - octets) / (time.monotonic() - begun)

    rss, most = relay.status('VmRSS'), 0
    bridge.limit = octets / 4
    begun = time.monotonic()
    t.ok(wait_for(lambda: slow()[0]['frames_dropped'] > 0, PATIENCE_S),
         f'at a quarter of {octets * 8 / 1000:.0f} kbit/s frames are left out')
    share = rates(1)
    while time.monotonic() - begun < SLOW_S:
        most = max(most, relay.status('VmRSS'))
        time.sleep(0.05)
    dropped = slow()[0]['frames_dropped']
    t.ok(share < 0.6, f'from then on it gets {100 * share:.0f} % of the octets')
    t.ok(dropped > 5, f'{dropped} frames were left out')
    t.ok(most - rss <= GROWTH_MAX_KB, f'the relay grew by {most - rss} kB')

    bridge.limit = None
    t.ok(wait_for(lambda: rates(0.3) > 0.9, PATIENCE_S), 'the link is free: it gets all again')
    before = slow()[0]['frames_dropped']
    rates(0.5)
    t.equal(slow()[0]['frames_dropped'], before, 'and nothing more is left out')

    for p in bench, other, player:
        p.send_signal(signal.SIGINT)
    out, err = bench.communicate(timeout=PATIENCE_S)
    t.equal(bench.returncode, 0, 'the players over UDP lost nothing')
    if bench.returncode:
        print('#', out, err)
    out, err = other.communicate(timeout=PATIENCE_S)
    t.equal(other.returncode, 0, 'nor did the other one over TCP')
    if other.returncode:
        print('#', out, err)
    out, err = player.communicate(timeout=PATIENCE_S)
    t.equal(player.returncode, 0, 'the slow one saw pictures, and no packet of theirs was missing')
    if player.returncode:
        print('#', out, err)
    t.equal(bridge.bad, 0, 'every frame of its connection carried a packet')
finally:
    for p in children:
        if p.poll() is None:
            p.terminate()
        p.communicate()
    bridge.close()
    t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
