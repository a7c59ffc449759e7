#!/usr/bin/env python3
# rtc-publish and rtc-play over TCP: where UDP is cut they find TCP within a bounded time, where it is
# not they keep to it; and each way in which TCP does not work has its words and its status.
# runs under: address
# runs beside others
import json
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from relaylib import BIN, Relay, Tap, find, free_port, wait_for

SLOW = 'RTC_SANITIZER' in os.environ
PATIENCE_S = 120 if SLOW else 40
FALLBACK_MAX_MS = 5000 if SLOW else 1500

t = Tap()
relay = Relay('-w', '2', '--tcp', f'127.0.0.1:{free_port()}')
admin = relay.connect('admin')
ports = {e['proto']: e['port'] for e in admin.hello['listen']}
children = []
films = tempfile.TemporaryDirectory(prefix='rtckit-tcp-')

# The UDP port of the same number takes everything and answers nothing, as a firewall would.
hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
hole.bind(('127.0.0.1', ports['tcp']))


def endpoint(program, *args):
    port = free_port()
    r, w = os.pipe()
    children.append(subprocess.Popen(
        [f'{BIN}/{program}', '-l', f'127.0.0.1:{port}', '-R', str(w), *args], pass_fds=[w],
        stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://127.0.0.1:{port}/rtc/v1/{program[4:]}/?app=live&stream=tcp'


def start(*argv):
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children.append(p)
    return p


def play(url, *args):
    p = start(f'{BIN}/rtc-play', '-j', '--duration', '1', *args, url)
    out, err = p.communicate(timeout=PATIENCE_S)
    return p.returncode, json.loads(out) if out.strip() else {}, err


try:
    cut = endpoint('rtc-whep', '-c', f'127.0.0.1:{ports["tcp"]}')
    both = endpoint('rtc-whep', '-c', '127.0.0.1')
    alone = endpoint('rtc-whep', '-c', '127.0.0.1', '--protocol', 'tcp')
    udp = endpoint('rtc-whep', '-c', '127.0.0.1', '--protocol', 'udp')
    closed = free_port()
    nobody = endpoint('rtc-whep', '-c', f'127.0.0.1:{closed}', '--protocol', 'tcp')
    whip = endpoint('rtc-whip', '-c', f'127.0.0.1:{ports["tcp"]}')

    pub = start(f'{BIN}/rtc-publish', '-j', '--test=320x180@25', '--duration', '600', whip)
    t.ok(wait_for(lambda: any(s['state'] == 'connected' for s in admin.ask('sessions.list')['sessions']),
                  PATIENCE_S), 'a publisher connects where UDP is cut')
    t.equal([s['protocol'] for s in admin.ask('sessions.list')['sessions']], ['tcp'], 'over TCP')

    code, report, err = play(cut, '--expect-video', '--expect-audio', '--max-loss', '0', '--min-fps', '20')
    t.equal((code, find(report, 'protocol')), (0, 'tcp'), 'a player, too, and sees and hears all of it')
    ice_ms, answer_ms = find(report, 'ice_ms'), find(report, 'answer_ms')
    t.ok(500 <= ice_ms - answer_ms < FALLBACK_MAX_MS,
         f'TCP was taken {ice_ms - answer_ms:.0f} ms after the answer', report)
    code, report, err = play(cut, '--protocol', 'tcp')
    ice_ms, answer_ms = find(report, 'ice_ms'), find(report, 'answer_ms')
    t.ok(code == 0 and ice_ms - answer_ms < FALLBACK_MAX_MS - 500,
         f'with --protocol tcp after {ice_ms - answer_ms:.0f} ms', err)
    code, report, err = play(both)
    t.equal((code, find(report, 'protocol')), (0, 'udp'), 'where both work it is UDP')
    t.equal(admin.ask('stats')['tcp_accepted'], 3, 'and no connection was made')
    code, report, err = play(alone)
    t.equal((code, find(report, 'protocol')), (0, 'tcp'), 'an answer that names TCP alone')

    code, report, err = play(cut, '--protocol', 'udp', '--timeout', '1')
    t.ok(code == 41 and 'is the UDP port open' in err, '--protocol udp where UDP is cut: 41', err)
    code, report, err = play(alone, '--protocol', 'udp')
    t.ok(code == 42 and 'TCP candidates only' in err, '--protocol udp with TCP candidates: 42', err)
    code, report, err = play(udp, '--protocol', 'tcp')
    t.ok(code == 40 and 'they are UDP' in err, '--protocol tcp with UDP candidates: 40', err)
    code, report, err = play(nobody)
    t.ok(code == 42 and f'ice-tcp: ICE: the TCP connection to 127.0.0.1:{closed} failed: Connection refused' in err,
         'nobody listens: 42, at once', err)
    p = subprocess.run([f'{BIN}/rtc-play', '--protocol', 'sctp', both], capture_output=True, text=True)
    t.ok(p.returncode == 64 and 'udp, tcp or all' in p.stderr, 'another protocol: 64', p.stderr)

    # The relay is connected before its last handshake message has come to the player; the file is
    # there when the player has media.
    film = os.path.join(films.name, 'cut.mkv')
    p = start(f'{BIN}/rtc-play', '-j', '--duration', '60', '--protocol', 'tcp', cut, film)
    t.ok(wait_for(lambda: os.path.exists(film), PATIENCE_S), 'a player that is cut off:')
    relay.proc.kill()
    out, err = p.communicate(timeout=PATIENCE_S)
    t.ok(p.returncode == 55 and 'was lost' in err, 'it says so at once, 55', f'{p.returncode} {err}')
    pub.communicate(timeout=PATIENCE_S)
    t.equal(pub.returncode, 55, 'and so does the publisher')
finally:
    for p in children:
        if p.poll() is None:
            p.terminate()
        p.wait()
    relay.stop()
t.done()
