#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtc-signal: rooms over WebSocket, straight, by its Unix socket and through the gate; hostile peers."""
import atexit
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import BIN, Tap, wait_for  # noqa: E402
from wslib import BINARY, CLOSE, PING, PONG, TEXT, Ws, frame, request  # noqa: E402

tap = Tap()
RUN = tempfile.TemporaryDirectory(prefix='rtckit-signal-')
os.environ['RTC_RUN'] = RUN.name
SOCK = os.path.join(RUN.name, 'signal.sock')
running = []


@atexit.register
def clean_up():
    for p in running:
        if p.poll() is None:
            p.kill()
            p.wait()


def start(name, *args, run=RUN.name):
    """The program, the port that its log names."""
    r, w = os.pipe()
    os.makedirs(run, exist_ok=True)
    log = open(os.path.join(run, f'{name}.log'), 'w')
    p = subprocess.Popen([f'{BIN}/{name}', *args, '-R', str(w)], pass_fds=[w], stderr=log,
                         stdout=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': run})
    running.append(p)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    found = re.search(r'listening on 127\.0\.0\.1:(\d+)', open(log.name).read())
    return p, int(found[1]) if found else 0


def logged():
    return open(os.path.join(RUN.name, 'rtc-signal.log')).read()


signal, port = start('rtc-signal', '-l', '127.0.0.1:0', '--max-connections', '40', '--max-participants', '8')
gate, front = start('rtc-gate', '-l', '127.0.0.1:0')

# ---- what is answered by HTTP ----

GET = 'GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n'
for where, at in (('straight', port), ('through the gate', front)):
    status, whole = request(at, GET.format('/sig/v1/versions').replace('Host', 'Connection: close\r\nHost').encode())
    tap.ok(status == 200 and whole.endswith(b'\r\n\r\n1.0'), f'/sig/v1/versions is 1.0, {where}', whole)
UPGRADE = ('GET /sig/v1/rtc HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
           'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
answers = {
    'no upgrade': (GET.format('/sig/v1/rtc'), 426),
    'another path': (GET.format('/sig/v1/rtcx'), 404),
    'another method': (GET.replace('GET', 'POST').format('/sig/v1/versions'), 405),
    'version 8': (UPGRADE.replace('13', '8'), 426),
    'no version': (UPGRADE.replace('Sec-WebSocket-Version: 13\r\n', ''), 426),
    'no key': (UPGRADE.replace('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', ''), 400),
    'a short key': (UPGRADE.replace('dGhl', ''), 400),
    'a key with a blank': (UPGRADE.replace('dGhl', 'd hl'), 400),
    'two keys': (UPGRADE.replace('Host', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nHost'), 400),
    'a frame before the answer': (UPGRADE + 'x', 400),
    'a body': (UPGRADE.replace('Host', 'Content-Length: 1\r\nHost') + 'x', 400),
    'another protocol': (UPGRADE.replace('websocket', 'h2c'), 426),
    'no HTTP': ('\x16\x03\x01\r\n\r\n', 400),
    'HTTP/2': ('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
    'no host': ('GET /sig/v1/rtc HTTP/1.1\r\n\r\n', 400),
    'a head without an end': ('GET / HTTP/1.1\r\nHost: localhost\r\nX: ' + 'y' * 20000, 431),
}
got = {name: request(port, data.encode())[0] for name, (data, _) in answers.items()}
tap.equal(got, {name: want for name, (_, want) in answers.items()}, f'{len(answers)} bad requests: each its status')

# ---- rooms ----

a, b, c = Ws(port), Ws(SOCK, path='/sig/v1/rtc?room=r'), Ws(front)
tap.ok(a.ok and b.ok and c.ok, 'WebSocket: straight, by the Unix socket, through the gate', (a.head, b.head, c.head))


def who(*names, publishing=()):
    return [{'display': n, 'publishing': n in publishing} for n in names]


first = a.ask('join', room='r', display='a')
tap.equal(first['msg'], {'action': 'join', 'room': 'r', 'self': who('a')[0], 'participants': who('a')}, 'join')
tap.equal(a.ask('publish', room='r', display='a')['msg'], None, 'publish')
tap.equal(b.ask('join', room='r', display='b')['msg']['participants'], who('a', 'b', publishing='a'),
          'who comes later sees who publishes')
n = a.notice()
tap.ok(n['event'] == 'join' and n['peer']['display'] == 'b' and n['self']['display'] == 'a' and
       n['participants'] == who('a', 'b', publishing='a'), 'the others are told', n)
taken = c.ask('join', room='r', display='a')
tap.ok(taken['msg'] is None and taken['error']['code'] == 'name-taken' and 'display name' in taken['error']['detail'],
       'a name that is taken is refused, in words', taken)
c.ask('join', room='r', display='c')
tap.equal([b.notice()['event'], b.ask('control', room='r', display='b', call='chat', data={'n': 1})['msg']],
          ['join', None], 'control')
n = [a.notice(), a.notice()]
tap.ok(n[1]['event'] == 'control' and n[1]['param'] == 'chat' and n[1]['data'] == {'n': 1} and
       n[1]['peer']['display'] == 'b', 'it reaches the others', n)
for i in range(15):
    b.send(TEXT, json.dumps({'tid': i, 'msg': {'action': 'control', 'call': str(i)}}).encode())
seen = [c.notice().get('param') for _ in range(16)]
tap.equal(seen, ['chat'] + [str(i) for i in range(15)], 'in order, through the gate too')
a.ask('leave', room='r', display='a')
tap.ok(a.ask('publish')['error']['code'] == 'not-joined' and a.ask('join', room='r', display='a')['msg'],
       'leave, and join again')
c.send(TEXT, b'{"tid":"f","msg":{"action":', fin=False)
c.send(PING, b'between')
c.send(0, b'"control","call":"whole"}}')
while (n := a.notice()).get('param') != 'whole':
    pass
tap.ok(True, 'a message in fragments, a ping between')

# ---- hostile peers beside it ----


def attack(octets):
    """A guest sends octets; how the connection ends, or what is answered."""
    w = Ws(port)
    w.s.sendall(octets)
    try:
        for _ in range(20):
            try:
                return w.read(0.5)
            except TimeoutError:
                stay()
        raise TimeoutError(octets)
    finally:
        w.close()


def stay():
    """Who is in the room goes on living: a ping comes after 3 s, 4 s later it is too late."""
    for peer in (a, b, c):
        peer.answer_pings()


def text(s):
    return frame(TEXT, s.encode() if isinstance(s, str) else s)


JOIN = '{"tid":1,"msg":{"action":"join","room":%s,"display":%s}}'
attacks = {
    'no JSON': (text('hello'), 1007),
    'no object': (text('[1]'), 1007),
    'no tid': (text('{"msg":{"action":"join"}}'), 1007),
    'a tid that is a list': (text('{"tid":[],"msg":{}}'), 1007),
    'keys twice': (text('{"tid":1,"tid":2,"msg":{}}'), 1007),
    '5000 brackets': (text('[' * 5000), 1007),
    'no UTF-8': (text(b'{"tid":"\xff\xfe"}'), 1007),
    'an empty message': (text(''), 1007),
    '20 kB': (text('{"tid":"' + 'x' * 20000), 1009),
    '20 kB in fragments': (b''.join(frame(TEXT if i == 0 else 0, b'x' * 1000, fin=False) for i in range(20)), 1009),
    'a length of 2^62': (frame(TEXT, b'x' * 100, length=1 << 62), None),
    'binary': (frame(BINARY, b'{}'), 1003),
    'no mask': (frame(TEXT, b'{}', mask=False), None),
    'an unknown opcode': (frame(5, b'x'), None),
    'a ping of 200 octets': (frame(PING, b'x' * 200), None),
    'a ping in fragments': (frame(PING, b'x', fin=False), None),
    'a rest of nothing': (frame(0, b'x'), None),
    'reserved bits': (bytes([0xf1]) + frame(TEXT, b'{}')[1:], None),
    'no room': (text('{"tid":1,"msg":{"action":"publish"}}'), 'not-joined'),
    'a room that is a path': (text(JOIN % ('"../../etc"', '"x"')), 'bad-name'),
    'control characters': (text(JOIN % ('"a\\r\\nb"', '"x\\u001b[31m"')), 'bad-name'),
    'a name of 10 kB': (text(JOIN % ('"r"', '"' + 'x' * 10000 + '"')), 'bad-name'),
    'a number for a name': (text(JOIN % ('1', '2')), 'bad-request'),
    'an unknown action': (text('{"tid":1,"msg":{"action":"drop table"}}'), 'unknown-action'),
}
wrong = {}
for name, (octets, want) in attacks.items():
    end = attack(octets)
    stay()
    code = end[1] if isinstance(end, tuple) else end.get('error', {}).get('code')
    if code != want and not (want is None and isinstance(end, tuple)):
        wrong[name] = (want, end)
tap.equal(wrong, {}, f'{len(attacks)} hostile peers: each is refused or closed')
flood = Ws(port)
flood.s.sendall(text('{"tid":1,"msg":{"action":"x"}}') * 200)
while not isinstance(end := flood.read(5), tuple):
    pass
tap.equal(end, ('closed', 1008), 'who floods is closed with 1008')
many = [Ws(port) for _ in range(45)]
tap.ok(sum(w.ok for w in many) == 37 and '503' in many[-1].head, 'more connections than are allowed: 503',
       sum(w.ok for w in many))
for w in many:
    w.close()
# Of the gate's word the last address counts, and of IPv6 its network: per address there may be 3.
other, _ = start('rtc-signal', '-l', '127.0.0.1:0', '--max-per-address', '3', run=os.path.join(RUN.name, 'other'))
for what, address, want in (('addresses that the client made up', '192.0.2.{}, 198.51.100.1', 3),
                            ('addresses of one IPv6 network', '2001:db8:1:2::{}', 3),
                            ('addresses of several', '2001:db8:{}::1', 5)):
    some = [Ws(os.path.join(RUN.name, 'other', 'signal.sock'), X_Forwarded_For=address.format(i + 1)) for i in range(5)]
    tap.equal(sum(w.ok for w in some), want, f'five of {what}: {want} are taken')
    for w in some:
        w.close()
other.terminate()
tap.equal(other.wait(10), 0, 'it ends with 0')
stay()
full = []
wait_for(lambda: full.append(Ws(port)) or full[-1].ok)
full = [w for w in full if w.ok] + [Ws(port) for _ in range(5)]
codes = [w.ask('join', room='r', display=f'p{i}').get('error', {}).get('code') for i, w in enumerate(full)]
tap.equal(codes, [None] * 5 + ['room-full'], 'a ninth participant is refused')
for w in full:
    w.close()

# ---- dead peers, the end ----

while a.notice().get('participants') != who('b', 'c', 'a'):
    pass
c.auto_pong = False     # and says nothing from now on, while its connection stays open
began = time.monotonic()


def dead():
    """b and a stay alive meanwhile."""
    for w in (a, b):
        try:
            got = w.read(0.2)
        except TimeoutError:
            continue
        if (got.get('msg') or {}).get('event') == 'leave':
            return got['msg']['peer']['display'] == 'c'
    return False


tap.ok(wait_for(dead, 12) and time.monotonic() - began < 10,
       f'a dead peer behind the gate is noticed after {time.monotonic() - began:.1f} s')
a.send(CLOSE, b'\x03\xe8')
while not isinstance(end := a.read(), tuple):    # b may have heard of c's end before
    pass
tap.ok(end == ('closed', 1000) and wait_for(lambda: 'r: a is gone' in logged()), 'a close is answered')
c = Ws(front)
signal.terminate()
tap.equal(signal.wait(10), 0, 'SIGTERM ends it')
tap.equal(c.read(3)[0], 'closed', 'who came through the gate learns of it')
again = subprocess.run([f'{BIN}/rtc-signal', '-l', f'127.0.0.1:{front}'], capture_output=True, timeout=10)
tap.ok(again.returncode == 69 and b'in use' in again.stderr, 'a port that is taken: 69', again)
gate.terminate()
gate.wait(10)
tap.done()
