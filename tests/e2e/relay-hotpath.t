#!/usr/bin/env python3
# Nothing on the relay's media path allocates, locks, or makes a system call per packet: counted by a
# preloaded library over 100,000 packets to 100 players, with one worker and with two.
# runs under: none
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from relaylib import BIN, Relay, Tap, free_port, wait_for

PLAYERS = 100
PACKETS = 100000
PRELOAD = os.path.join(os.environ.get('RTC_BUILD', 'build'), 'tests/preload/hotpath.so')

t = Tap()


def endpoint(program, relay):
    port = free_port()
    r, w = os.pipe()
    p = subprocess.Popen([f'{BIN}/{program}', '-l', f'127.0.0.1:{port}', '-c', '127.0.0.1', '-R', str(w)],
                         pass_fds=[w], stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': relay.dir})
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p, f'http://127.0.0.1:{port}/rtc/v1/{program[4:]}/?app=live&stream=hot'


def counts(path):
    return dict(zip(['allocations', 'frees', 'locks', 'calls'], struct.unpack('4Q', open(path, 'rb').read())))


def run(workers):
    name = f'{workers} worker' + ('s' if workers > 1 else '')
    file = f'/tmp/rtc-hotpath-{os.getpid()}'
    with open(file, 'wb') as f:
        f.write(bytes(32))
    relay = Relay('-w', str(workers), env={'LD_PRELOAD': PRELOAD, 'HOTPATH_FILE': file})
    admin = relay.connect('admin')
    whip, publish = endpoint('rtc-whip', relay)
    whep, play = endpoint('rtc-whep', relay)
    bench = subprocess.Popen([f'{BIN}/rtc-bench', '-n', str(PLAYERS), '-d', '60', '-r', '50', '-D', 'none',
                              f'--publish={publish}', play], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        t.ok(wait_for(lambda: sum(s['state'] == 'connected' for s in admin.ask('sessions.list')['sessions'])
                      >= min(100, PLAYERS), 20), f'{name}: {PLAYERS} players are connected')
        time.sleep(1)   # the last handshakes' aftermath: resends, first reports
        before, sent = counts(file), admin.ask('stats')['tx_packets']
        t.ok(wait_for(lambda: admin.ask('stats')['tx_packets'] - sent >= PACKETS, 60),
             f'{name}: {PACKETS} packets were sent')
        after, stats = counts(file), admin.ask('stats')
        packets = stats['tx_packets'] - sent
        d = {k: after[k] - before[k] for k in after}
        print(f'# {name}: {packets} packets, {d}, {stats["crossed"]} datagrams crossed')
        t.ok(before['allocations'] > 0, f'{name}: the counters count')
        for what in 'allocations', 'frees', 'locks':
            t.ok(d[what] == 0, f'{name}: no {what}', d)
        t.ok(d['calls'] * 10 <= packets, f'{name}: {packets / d["calls"]:.0f} packets a system call', d)
        t.equal(stats["tx_dropped"], 0, f'{name}: nothing was dropped')
    finally:
        bench.terminate()
        bench.wait()
        for p in whip, whep:
            p.terminate()
            p.wait()
        t.equal(relay.stop(), 0, f'{name}: the relay ends with status 0')
        os.unlink(file)


run(1)
run(2)
t.done()
