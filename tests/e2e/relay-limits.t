#!/usr/bin/env python3
# What one peer of the relay can cost the others: storms, forged life, stolen paths, long lists.
# runs under: address thread
# runs beside others
import json
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import stunlib
from relaylib import Relay, Tap, codec, session, tracks, wait_for, PWD

t = Tap()
relay = Relay()
signal, admin = relay.connect('signal'), relay.connect('admin')
port = ('127.0.0.1', signal.hello['listen'][0]['port'])

# A storm of wishes for keyframes does not drown the local publisher that gets them.
pub, sub = relay.connect('media'), relay.connect('media')
t.ok(pub.ask('attach', **{'as': 'publisher', 'stream': 'live/storm', 'tracks': tracks(codec())})['ok'],
     'a local publisher is attached')
t.ok(sub.ask('attach', **{'as': 'subscriber', 'stream': 'live/storm'})['ok'], 'and a subscriber')
sub.wait_event('tracks')
asking = time.monotonic()
for i in range(3000):
    sub.send({'op': 'keyframe', 'track': 0})
begin = time.monotonic()
t.ok(wait_for(lambda: time.monotonic() - begin > 1), 'a second with 3000 wishes')
t.ok(admin.ask('streams.list')['streams'][0]['state'] == 'live', 'the publisher was not dropped')
events = []
while True:
    try:
        events.append(pub.read(0.2))
    except TimeoutError:
        break
t.ok(1 <= len(events) <= 2 + (time.monotonic() - asking) / 0.5, f'it was asked {len(events)} times')
pub.close()
sub.close()

# Lists that do not fit into one message come in more pages.
name = 'live/' + 'n' * 100
for i in range(120):
    a = signal.ask('session.create', **session('play', f'{name}{i:03}', client={'agent': '"' * 63}))
    assert a['ok'], a
got = []
while True:
    page = admin.ask('sessions.list', start=len(got), count=100)
    if not page['ok'] or not page['sessions']:
        break
    got += page['sessions']
t.equal([page['ok'], len({s['session'] for s in got}), page['total']], [True, 120, 120],
        'long lists come whole')
# 8 x 24 codecs with long fmtp: this stream alone nearly fills a message.
wide = [{'kind': 'video', 'codecs': [codec(pt=p, fmtp='a' * 260) for p in range(24)]}] * 8
a = signal.ask('session.create', **session(stream='live/wide', tracks=wide))
t.ok(a['ok'] or a['error'] == 'bad-request', 'a very wide session', a)
listed, start = [], 0
while True:
    page = admin.ask('streams.list', start=start, count=100)
    if not page['streams']:
        break
    start += len(page['streams'])
    listed += [s['name'] for s in page['streams']]
t.equal(len(listed), page['total'], 'no stream is too wide for a list')
answer = signal.ask('stream.get', stream='live/wide')
t.ok(answer is not None and (answer['ok'] or answer['error'] == 'limit'), 'nor without an answer')


def ice(kind, stream, **more):
    """A session, and a check function for sockets, which gives the transaction."""
    s = signal.ask('session.create', **session(kind, stream, **more))

    def check(sock, pwd=s['ice']['pwd']):
        request = stunlib.check(s['ice']['ufrag'], 'J8X7', pwd)
        sock.sendto(request, port)
        return request[8:20]
    return s, check


def comes(sock, kind, transaction=b'', seconds=5):
    """The first message of that kind, [it], else []."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            m = sock.recv(4096)
        except TimeoutError:
            break
        if (stunlib.kind_of(m) or m[0]) == kind and transaction in m:
            return [m]
    return []


def paths(public):
    return next(s['paths'] for s in admin.ask('sessions.list', stream='live/path')['sessions']
                if s['session'] == public)


# Indications, which anybody can send, are no sign of a publisher's life.
first, check = ice('publish', 'live/silent')
sock = stunlib.client()
t.ok(comes(sock, stunlib.SUCCESS, check(sock)), 'a check is answered')
end = time.monotonic() + 2.6
while time.monotonic() < end:
    sock.sendto(stunlib.message(stunlib.INDICATION), port)
    time.sleep(0.1)
answer = signal.ask('session.create', **session(stream='live/silent'))
t.ok(answer['ok'], 'a publisher that sends only indications is silent', answer)

# Wrong passwords for a claimed session: answers are limited, and no larger than what came.
_, check = ice('play', 'live/wrong')
sock = stunlib.client()
comes(sock, stunlib.SUCCESS, check(sock))
began = time.monotonic()
for i in range(500):
    data = stunlib.check('x', 'y', 'p' * 22) if i % 2 else None
    if data is None:
        check(sock, 'p' * 22)
    else:
        sock.sendto(data, port)
    time.sleep(0.0005)
answers = comes(sock, stunlib.ERROR) + stunlib.receive(sock, 0.3)
errors = [len(a) for a in answers if stunlib.kind_of(a) == stunlib.ERROR]
most = 60 + 20 * (time.monotonic() - began + 1)    # at once, and a second
t.ok(0 < len(errors) <= most, f'{len(errors)} of 500 wrong passwords were answered')
t.ok(max(errors, default=0) <= 60, f'an error has {max(errors, default=0)} octets')

# A path whose owner answered our own check is not given to another session's checks.
a, check_a = ice('play', 'live/path')
b, check_b = ice('play', 'live/path')
sock = stunlib.client()
check_a(sock)
own = comes(sock, stunlib.BINDING)
t.ok(len(own) > 0, "the relay checks the client's address")
sock.sendto(stunlib.message(stunlib.SUCCESS, own[0][8:20], pwd=PWD, fingerprint=True), port)
t.ok(comes(sock, stunlib.SUCCESS, check_b(sock)), 'the other is answered, too')
t.equal([paths(a['session']), paths(b['session'])], [1, 0], 'but the path stays where it was')

def from_helper(mode, seconds, count):
    """Sequence numbers of the packets of a publisher that means well, as a subscriber gets them."""
    helper = subprocess.Popen([os.path.join(os.environ.get('RTC_BUILD', 'build'), 'tests/e2e/hostile_peer'),
                               str(seconds), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    sub = relay.connect('media')
    sub.ask('attach', **{'as': 'subscriber', 'stream': f'live/{mode}'})
    s = signal.ask('session.create', **session(stream=f'live/{mode}', tracks=tracks(codec('VP8', fb=['goog-remb'])),
                                                   dtls={
        'role': 'server', 'fingerprint': {'hash': 'sha-256', 'value': helper.stdout.readline().strip()}}))
    helper.stdin.write(f"{port[1]} {s['ice']['ufrag']} {s['ice']['pwd']} "
                       f"{s['dtls']['fingerprint']['value']} 0\n")
    helper.stdin.flush()
    t.equal(helper.stdout.readline(), 'connected\n', 'a publisher connects')
    numbers = []
    while len(numbers) < count:
        try:
            m = sub.read(5)
        except TimeoutError:
            break
        if isinstance(m, bytes) and m[1] & 127 == 96:
            numbers.append(m[2] << 8 | m[3])
    told = next(x for x in relay.connect('admin').ask('sessions.list', stream=f'live/{mode}')['sessions']
                if x['session'] == s['session'])
    helper.kill()
    helper.communicate()
    sub.close()
    t.ok(mode == 'change' or told['remb_bps'] > 0, 'it is told an estimate by REMB, as negotiated', told)
    return numbers, [(b - a) % 65536 for a, b in zip(numbers, numbers[1:])]


# A publisher whose SSRC changes goes on above the numbers it had.
numbers, steps = from_helper('change', 60, 180)
t.ok(len(numbers) == 180 and steps.count(1) == 178, 'its packets go on behind a change of SSRC',
     f'{len(numbers)}: {[s for s in steps if s != 1]}')
t.ok([3000 < s < 10000 for s in steps if s != 1] == [True], 'the numbers leap forward, once')

# One that changes it again and again takes the slots of those it left: there are only 16. It reports
# by a hundred more: SRTP tells 64 at a time.
CHANGES = 20
numbers, steps = from_helper('renew', 60, CHANGES * 50)
t.ok(len(numbers) == CHANGES * 50, f'{CHANGES} SSRCs one after the other come through', len(numbers))
t.ok([3000 < s < 10000 for s in steps if s != 1] == [True] * (CHANGES - 1), 'each above the one before',
     [s for s in steps if s != 1])

t.equal(relay.stop(), 0, 'it ends with status 0')

# Sessions that nobody connects, of one IPv6 network: each has an address of its own.
relay = Relay()
signal = relay.connect('signal')


def waits(address):
    return signal.ask('session.create', **session('play', 'live/a', client={'address': address}))


taken = [waits(f'2001:db8:7:7::{i:x}') for i in range(520)]
t.ok([a['ok'] for a in taken] == [True] * 512 + [False] * 8 and taken[-1]['error'] == 'client-limit',
     f"520 addresses of one network: {sum(a['ok'] for a in taken)} sessions wait", taken[-1])
t.ok(waits('2001:db8:7:8::1')['ok'], 'another network has places')
t.equal(relay.stop(), 0, 'it ends with status 0')

# Nor where the kernel gives the path's datagrams to another worker than the session's.
relay = Relay('-w', '2')
signal, admin = relay.connect('signal'), relay.connect('admin')
port = ('127.0.0.1', signal.hello['listen'][0]['port'])
a, check_a = ice('play', 'live/path')
b, check_b = ice('play', 'live/path', dtls=None)
first = stunlib.client()
comes(first, stunlib.SUCCESS, check_a(first))
for _ in range(40):
    sock, before = stunlib.client(), admin.ask('stats')['crossed']
    check_a(sock)
    own = comes(sock, stunlib.BINDING)
    if admin.ask('stats')['crossed'] > before:
        break
t.ok(own, "the relay checks an address whose datagrams cross from worker to worker")
sock.sendto(stunlib.message(stunlib.SUCCESS, own[0][8:20], pwd=PWD, fingerprint=True), port)
comes(sock, stunlib.SUCCESS, check_a(sock))
t.ok(comes(sock, stunlib.SUCCESS, check_b(sock)), 'another session is answered there')
with open('tests/vectors/dtls/client-hello.hex') as f:
    hello = bytes.fromhex(''.join(line for line in f if line[0] != '#'))[2:]
sock.sendto(hello, port)
t.ok(comes(sock, 22), 'what comes from there still reaches the first')
t.equal(relay.stop(), 0, 'it ends with status 0')

# What a stranger gets for 20 octets: one address and nothing else; of IPv6 it has 12 octets more.
for bind, octets in ('127.0.0.1:0', 32), ('[::1]:0', 44):
    other = Relay(bind=bind)
    listen = next(x for x in other.connect('admin').hello['listen'] if x['proto'] == 'udp')
    v6 = listen['family'] == 'ipv6'
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(('::1' if v6 else '127.0.0.1', listen['port']))
    for name, plus in ('plain', 0), ('with FINGERPRINT', 8):
        request = stunlib.message(stunlib.BINDING, fingerprint=plus > 0)
        sock.send(request)
        answers = [len(m) for m in comes(sock, stunlib.SUCCESS) + stunlib.receive(sock, 0.5)]
        t.ok(answers == [octets + plus],
             f'{listen["family"]}, {name}: {len(request)} octets are answered by {answers}, '
             f'{(answers or [0])[0] / len(request):.2f} times')
    sock.close()
    t.equal(other.stop(), 0, f'{bind} ends with status 0')
t.done()
