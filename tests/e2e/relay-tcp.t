#!/usr/bin/env python3
# ICE-TCP at the relay: what the first packet of a connection must be, connections that find their
# session on another worker, and media through a bridge that puts ordinary clients on TCP.
# runs under: address thread
# runs beside others
import json
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import stunlib
from relaylib import BIN, PWD, Relay, Tap, free_port, session, wait_for
from tcplib import Bridge, Framed, frame

SLOW = 'RTC_SANITIZER' in os.environ
PATIENCE_S = 90 if SLOW else 30
SESSIONS = 24

t = Tap()
relay = Relay('-w', '2', '--tcp', '127.0.0.1:0')
signal, admin = relay.connect('signal'), relay.connect('admin')
listen = {e['proto']: e for e in signal.hello['listen']}
t.ok('tcp' in listen and listen['tcp']['family'] == 'ipv4', 'hello names the TCP port', signal.hello)
TCP = ('127.0.0.1', listen['tcp']['port'])
UDP = ('127.0.0.1', listen['udp']['port'])


def stats():
    return admin.ask('stats')


def sessions(**members):
    return admin.ask('sessions.list', **members)['sessions']


# ---- the first packet ----
silent = Framed(TCP)
t0 = time.monotonic()

c = Framed(TCP)
c.send(stunlib.message(stunlib.BINDING))
answer = c.receive()
t.ok(answer and stunlib.kind_of(answer) == stunlib.SUCCESS, 'a plain Binding request is answered')
mapped = struct.pack('!H', struct.unpack('!H', answer[26:28])[0] ^ (stunlib.COOKIE >> 16))
t.equal(struct.unpack('!H', mapped)[0], c.sock.getsockname()[1], 'with the port that it came from')
c.close()

for name, octets in [('HTTP', b'GET / HTTP/1.1\r\n\r\n'), ('TLS', b'\x16\x03\x01\x02\x00\x01\x00'),
                     ('a frame that is not STUN', frame(b'\x80' + bytes(40))),
                     ('a STUN success', frame(stunlib.message(stunlib.SUCCESS))),
                     ('a frame that is too long', b'\x10\x00'),
                     ('a message cut in its attributes', frame(stunlib.check('a', 'b', PWD)[:50]))]:
    c = Framed(TCP)
    c.sock.sendall(octets)
    t.ok(c.ends(3), f'{name} as the first packet closes the connection')
    c.close()

made = signal.ask('session.create', **session(stream='tcp/first'))
local = made['ice']
for name, args in [('a name that nobody has', ('nobody', 'J8X7', PWD)),
                   ('a wrong password', (local['ufrag'], 'J8X7', 'x' * 24))]:
    c = Framed(TCP)
    t.equal(c.check(*args), stunlib.ERROR, f'{name} gets an error')
    t.ok(c.ends(3), 'and the connection is closed')
    c.close()

c = Framed(TCP)
for octet in frame(stunlib.check(local['ufrag'], 'J8X7', local['pwd'])):
    c.sock.sendall(bytes([octet]))
t.equal(stunlib.kind_of(c.receive() or b''), stunlib.SUCCESS, 'a check that comes octet by octet is answered')
t.equal(c.check(local['ufrag'], 'J8X7', local['pwd']), stunlib.SUCCESS, 'and the next one')
c.sock.sendall(frame(b'') + struct.pack('!H', 5000) + bytes(5000))
t.equal(c.check(local['ufrag'], 'J8X7', local['pwd']), stunlib.SUCCESS,
        'an empty frame and one that is too long are passed over')
row = [s for s in sessions() if s['session'] == made['session']][0]
t.equal((row['protocol'], row['address']), ('tcp', '%s:%d' % c.sock.getsockname()),
        'sessions.list tells protocol and address')
udp = stunlib.client()
udp.sendto(stunlib.check(local['ufrag'], 'J8X7', local['pwd']), UDP)
t.equal(stunlib.kind_of(udp.recv(2000)), stunlib.SUCCESS, 'the same session is reached over UDP, too')
t.ok(wait_for(lambda: [s['paths'] for s in sessions() if s['session'] == made['session']] == [2]),
     'and has two paths')
c.close()
t.ok(wait_for(lambda: [s['paths'] for s in sessions() if s['session'] == made['session']] == [1]),
     'one, when the connection is closed')
c = Framed(TCP)
t.equal(c.check(local['ufrag'], 'J8X7', local['pwd']), stunlib.SUCCESS, 'it is found again by another one')
signal.ask('session.delete', secret=made['secret'])
t.ok(c.ends(), 'the end of the session closes its connection')

# ---- on which worker ----
ok = 0
held = []
for i in range(SESSIONS):
    made = signal.ask('session.create', **session('play', stream=f'tcp/{i}'))
    for _ in range(3):
        c = Framed(TCP)
        ok += c.check(made['ice']['ufrag'], 'J8X7', made['ice']['pwd']) == stunlib.SUCCESS
        held.append(c)
t.equal(ok, 3 * SESSIONS, f'{SESSIONS} sessions with three connections each are reached, whoever accepts')
# The silent one may be thrown out at this very moment.
t.ok(wait_for(lambda: stats()['tcp_connections'] == 3 * SESSIONS + (not silent.ends(0.01))),
     'all of them stand', stats()['tcp_connections'])
ok = sum(c.check(made['ice']['ufrag'], 'J8X7', made['ice']['pwd']) == stunlib.SUCCESS for c in held[-3:])
t.equal(ok, 3, 'and are answered again')
for c in held:
    c.close()
t.ok(wait_for(lambda: stats()['tcp_connections'] <= 1), 'closed ones are forgotten')

# ---- media ----


def endpoint(program):
    port = free_port()
    r, w = os.pipe()
    p = subprocess.Popen([f'{BIN}/{program}', '-l', f'127.0.0.1:{port}', '-c', '127.0.0.1:9', '-R', str(w)],
                         pass_fds=[w], stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': relay.dir})
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p, f'http://127.0.0.1:{port}/rtc/v1/{program[4:]}/?app=live&stream=tcp'


bridge = Bridge(TCP)
whip, publish = endpoint('rtc-whip')
whep, play = endpoint('rtc-whep')
children = [whip, whep]
try:
    over_tcp, over_udp = f'&eip=127.0.0.1:{bridge.port}', f'&eip=127.0.0.1:{UDP[1]}'
    pub = subprocess.Popen([f'{BIN}/rtc-publish', '-q', '--test=320x180@25', publish + over_tcp],
                           stderr=subprocess.PIPE)
    children.append(pub)
    t.ok(wait_for(lambda: any(s['kind'] == 'publish' and s['state'] == 'connected' for s in sessions()),
                  PATIENCE_S), 'a publisher connects over TCP')
    def start_player(way, seconds):
        children.append(subprocess.Popen(
            [f'{BIN}/rtc-play', '-j', '--duration', seconds, '--expect-video', '--expect-audio', '--max-loss', '0',
             '--timeout', str(PATIENCE_S), play + way], stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return children[-1]

    def another():
        known = [s['session'] for s in rows]
        return [s for s in sessions(stream='live/tcp') if s['session'] not in known and s['tx_packets'] > 20]
    players = [start_player(way, '3') for way in (over_tcp, over_tcp, over_udp)]
    t.ok(wait_for(lambda: sum(s['kind'] == 'play' and s['state'] == 'connected' for s in sessions()) == 3,
                  PATIENCE_S), 'three players connect')
    t.ok(wait_for(lambda: all(s['rtt_us'] > 0 for s in sessions(stream='live/tcp') if s['kind'] == 'play'),
                  PATIENCE_S), 'round trips are measured')
    rows = sessions(stream='live/tcp')
    t.equal(sorted((s['kind'], s['protocol']) for s in rows),
            [('play', 'tcp'), ('play', 'tcp'), ('play', 'udp'), ('publish', 'tcp')],
            'each by the way that it was told')
    victim = start_player(over_tcp, '30')
    t.ok(wait_for(lambda: another(), PATIENCE_S), 'a fourth player, whose connection is cut,')
    was = another()[0]
    for conn in list(bridge.clients.values()):
        if '%s:%d' % conn.sock.getsockname() == was['address']:
            conn.sock.shutdown(socket.SHUT_RDWR)

    t.ok(wait_for(lambda: another()[0]['address'] != was['address'] and
                  another()[0]['tx_packets'] > was['tx_packets'] + 20, PATIENCE_S), 'plays on by the next')
    victim.terminate()
    for p, way in zip(players, ('TCP', 'TCP', 'UDP')):
        out, err = p.communicate(timeout=PATIENCE_S)
        verdict = json.loads(out)
        t.equal(p.returncode, 0, f'a player over {way} is content with picture, sound and no loss')
        if p.returncode != 0:
            print('#', verdict, err.decode())
    t.equal(bridge.bad, 0, 'every frame carried a packet')
    t.ok(all(s['frames_dropped'] == 0 for s in rows), 'nothing was left out')
finally:
    for p in children:
        if p.poll() is None:
            p.terminate()
        p.wait()
    bridge.close()

t.ok(silent.ends(max(0, 8 - (time.monotonic() - t0))), 'a connection that says nothing is closed')
t.ok(wait_for(lambda: stats()['tcp_connections'] == 0), 'no connection is left')
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
