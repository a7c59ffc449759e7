#!/usr/bin/env python3
# Two workers under real traffic: players come and go, a publisher dies and is replaced, a local
# subscriber reads along. Players that stay lose nothing, and nobody leaves anything behind.
# runs under: address thread
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from relaylib import BIN, Relay, Tap, free_port, wait_for

SLOW = 'RTC_SANITIZER' in os.environ
STAY = 6 if SLOW else 12        # players that stay
SECONDS = 8
LOSS_MAX = 0.5 if SLOW else 0   # percent; under a sanitizer the sockets' buffers may overflow

t = Tap()
relay = Relay('-w', '2')
admin = relay.connect('admin')
ours = []


def endpoint(program):
    port = free_port()
    r, w = os.pipe()
    p = subprocess.Popen([f'{BIN}/{program}', '-l', f'127.0.0.1:{port}', '-c', '127.0.0.1', '-R', str(w)],
                         pass_fds=[w], stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': relay.dir})
    os.close(w)
    os.read(r, 1)
    os.close(r)
    ours.append(p)
    return f'http://127.0.0.1:{port}/rtc/v1/{program[4:]}/?app=live&stream='


def bench(*args):
    return subprocess.Popen([f'{BIN}/rtc-bench', '-j', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def report(p):
    out, err = p.communicate(timeout=60)
    try:
        return p.returncode, json.loads(out)
    except ValueError:
        return p.returncode, {'stdout': out, 'stderr': err}


def state(stream):
    return next((s['state'] for s in admin.ask('streams.list')['streams'] if s['name'] == stream), '')


whip, whep = endpoint('rtc-whip'), endpoint('rtc-whep')
stay = bench('-n', str(STAY), '-d', str(SECONDS), '-s', '0.5', '-D', 'none', '-m', str(LOSS_MAX),
             f'--publish={whip}main', f'{whep}main')
t.ok(wait_for(lambda: state('live/main') == 'live', 20), 'a publisher is there')

# A local subscriber: its video numbers have no gap.
numbers, stop_reading = [], threading.Event()
media = relay.connect('media')
media.ask('attach', **{'as': 'subscriber', 'stream': 'live/main'})


def read_along():
    while not stop_reading.is_set():
        try:
            m = media.read(0.2)
        except (TimeoutError, OSError):
            continue
        if isinstance(m, bytes) and m[11] == 1 and not 192 <= m[1] <= 223:   # SSRC 1: track 0
            numbers.append(m[2] << 8 | m[3])
        elif m is None:
            return


reader = threading.Thread(target=read_along)
reader.start()

# Meanwhile players come and go, and on another stream a publisher is killed and replaced.
first = bench('-n', '3', '-d', '60', '-s', '0', '-D', 'none', f'--publish={whip}taken', f'{whep}taken')
t.ok(wait_for(lambda: state('live/taken') == 'live', 20), 'a publisher that will be killed is there')
watchers = bench('-n', '3', '-d', '60', '-s', '0', '-D', 'none', f'{whep}taken')
rounds, left = 0, 0
replaced = False
begin = time.monotonic()
while stay.poll() is None and time.monotonic() - begin < 60:
    code, r = report(bench('-n', '4', '-d', '0.3', '-s', '0.1', '-r', '100', '-D', 'none', '-m', '100',
                           f'{whep}main'))
    rounds += 1
    left += r.get('ended', 4)
    if rounds == 1:
        first.send_signal(signal.SIGKILL)
        first.communicate()
        killed = time.monotonic()
        second = None
    elif not replaced and time.monotonic() - killed > 2.2:
        second = bench('-n', '2', '-d', '60', '-s', '0', '-D', 'none', f'--publish={whip}taken', f'{whep}taken')
        replaced = True
code, r = report(stay)
t.ok(code == 0 and r['joined'] == STAY and r['ended'] == 0 and r['loss_percent'] <= LOSS_MAX,
     f"{STAY} players stayed, {r.get('loss_percent')} % lost", r)
t.ok(rounds >= 2 and left == 0, f'{rounds} times four others came and went')
stop_reading.set()
reader.join()
gaps = sum((b - a) % 65536 != 1 for a, b in zip(numbers, numbers[1:]))
t.ok(len(numbers) > 100 and gaps == 0, f'the local subscriber read {len(numbers)} packets, {gaps} gaps')
media.close()

t.ok(replaced and wait_for(lambda: state('live/taken') == 'live', 20), 'the killed publisher was replaced')


def flowing():
    return {s['session']: s['tx_packets'] for s in admin.ask('sessions.list', stream='live/taken')['sessions']
            if s['kind'] == 'play' and s['state'] == 'connected'}


before = flowing()
t.ok(wait_for(lambda: sum(flowing().get(k, 0) > v for k, v in before.items()) >= 5, 10),
     'those who waited and those who came play on', f'{before}\n{flowing()}')
for p in watchers, second:
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=30)
for p in ours:
    p.terminate()
    t.equal(p.wait(20), 0, 'an endpoint ends well')
stats = admin.ask('stats')
print(f"# {stats['crossed']} datagrams crossed, {stats['cross_dropped']} packets dropped on the way")
t.equal([stats['cross_dropped'], stats['tx_dropped']], [0, 0], 'nothing was dropped')
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
