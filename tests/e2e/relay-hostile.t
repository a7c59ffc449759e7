#!/usr/bin/env python3
# runs with the servers
# Strangers flood the port: plain STUN, wrong passwords, garbage of every first octet, cut ClientHellos
# and forged media from paths that passed STUN. A publisher and its players beside it lose nothing,
# memory stays flat, and answers stay within their limits.
# runs under: address
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import stunlib
from relaylib import BIN, Relay, Tap, free_port, session, wait_for

SLOW = 'RTC_SANITIZER' in os.environ
PLAYERS = 5 if SLOW else 20
SECONDS = 9
LOSS_MAX = 0.5 if SLOW else 0
GROWTH_MAX_KB = 2048 if not SLOW else 1 << 20	# a sanitizer keeps freed memory
NET_RATE, NET_BURST = 20, 60	# answers of plain STUN for one /24, stun_limit.h
AMPLIFY_MAX = 1.6
STRAYS = 30 if SLOW else 300

t = Tap()
relay = Relay()
signal, admin = relay.connect('signal'), relay.connect('admin')
port = ('127.0.0.1', signal.hello['listen'][0]['port'])
random.seed(int(os.environ.get('RTC_SEED', '20260101')))


def endpoint(program):
    tcp = free_port()
    r, w = os.pipe()
    p = subprocess.Popen([f'{BIN}/{program}', '-l', f'127.0.0.1:{tcp}', '-c', '127.0.0.1', '-R', str(w)],
                         pass_fds=[w], stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': relay.dir})
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p, f'http://127.0.0.1:{tcp}/rtc/v1/{program[4:]}/?app=live&stream=beside'


def hello_record():
    """A DTLS ClientHello that a server would answer: version 1.2, one ECDHE suite, P-256, use_srtp."""
    def vec(size, data):
        return len(data).to_bytes(size, 'big') + data
    extensions = (b'\0\x0a' + vec(2, vec(2, b'\0\x17')) + b'\0\x0b' + vec(2, vec(1, b'\0')) +
                  b'\0\x0d' + vec(2, vec(2, b'\4\3')) + b'\0\x0e' + vec(2, vec(2, b'\0\7') + b'\0'))
    body = b'\xfe\xfd' + os.urandom(32) + vec(1, b'') + vec(1, b'') + vec(2, b'\xc0\x2b') + \
        vec(1, b'\0') + vec(2, extensions)
    handshake = b'\1' + len(body).to_bytes(3, 'big') + b'\0\0' + b'\0\0\0' + len(body).to_bytes(3, 'big') + body
    return b'\x16\xfe\xff' + bytes(8) + vec(2, handshake)


def drain(sock):
    """Octets and count of what waits."""
    octets = count = 0
    while True:
        try:
            octets += len(sock.recv(4096))
            count += 1
        except BlockingIOError:
            return octets, count


whip, publish = endpoint('rtc-whip')
whep, play = endpoint('rtc-whep')
bench = subprocess.Popen([f'{BIN}/rtc-bench', '-j', '-n', str(PLAYERS), '-d', str(SECONDS), '-s', '0.5', '-D', 'none',
                          '-m', str(LOSS_MAX), f'--publish={publish}', play], stdout=subprocess.PIPE, text=True)
t.ok(wait_for(lambda: sum(s['state'] == 'connected' for s in admin.ask('sessions.list')['sessions'])
              == PLAYERS + 1, 20), f'a publisher and {PLAYERS} players')

# Who has passed STUN, though never DTLS: ten sessions of both kinds.
validated = []
for i in range(10):
    s = signal.ask('session.create', **session('play' if i % 2 else 'publish', f'live/h{i}'))
    sock = stunlib.client()
    sock.sendto(stunlib.check(s['ice']['ufrag'], 'J8X7', s['ice']['pwd']), port)
    own = [m for m in stunlib.receive(sock, 0.05) if stunlib.kind_of(m) == stunlib.BINDING]
    sock.setblocking(False)
    validated.append((sock, s))
t.ok(len(validated) == 10, 'ten sessions with a path')

# And two that went all the way: a player of the good stream, a publisher of its own with a player.
insiders = []


def insider(kind, stream, seconds=SECONDS - 1, fingerprint=None):
    p = subprocess.Popen([os.path.join(os.environ.get('RTC_BUILD', 'build'), 'tests/e2e/hostile_peer'),
                          str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    own = p.stdout.readline().strip()
    s = signal.ask('session.create', **session(kind, stream, dtls={'role': 'server', 'fingerprint': {
        'hash': 'sha-256', 'value': fingerprint or own}}))
    p.stdin.write(f"{port[1]} {s['ice']['ufrag']} {s['ice']['pwd']} {s['dtls']['fingerprint']['value']} "
                  f"{s['tracks'][0].get('ssrc', 0)}\n")
    p.stdin.flush()
    insiders.append(p)
    return p.stdout.readline().strip()


t.equal([insider('play', 'live/beside'), insider('publish', 'live/own'), insider('play', 'live/own')],
        ['connected'] * 3, 'three insiders connect')
# One that has the session's name and password, but another certificate than its SDP said.
admin.ask('events.subscribe')
said = insider('play', 'live/beside', 3, ':'.join(['AB'] * 32))
end = admin.wait_event('session.end', reason='dtls-failed')
t.ok(said.endswith(' 0 of media without keys') and end is not None,
     'a wrong certificate: no keys, no media', (said, end))
insiders.pop().wait()

hello = hello_record()
plain, wrong, strange = (stunlib.client() for _ in range(3))
for s in plain, wrong, strange:
    s.setblocking(False)
fixed = [hello[:n] for n in range(0, len(hello), 7)] + [hello, hello[:13] + b'\2' + hello[14:]]


def burst():
    """Hundreds of datagrams of all kinds; octets sent of plain STUN, of wrong passwords."""
    global strays
    counts = [0, 0]
    for i in range(40):
        data = stunlib.message(stunlib.BINDING, fingerprint=i % 2 == 0)
        plain.sendto(data, port)
        counts[0] += len(data)
        data = stunlib.check(validated[i % 10][1]['ice']['ufrag'] if i % 3 else 'nobody', 'J8X7', 'p' * 22)
        wrong.sendto(data, port)
        counts[1] += len(data)
        octet = random.randrange(256)
        strange.sendto(bytes([octet]) + random.randbytes(random.randrange(1500)), port)
        sock, _ = validated[i % 10]
        sock.sendto(random.choice(fixed), port)
        sock.sendto(bytes([0x80 | random.randrange(64), random.choice([96, 111, 200, 201, 205, 206])]) +
                    random.randbytes(random.randrange(1400)), port)
    strange.sendto(random.randbytes(4000), port)
    # Media of nobody, from the players' own address: it might be theirs, behind another port.
    for _ in range(STRAYS):
        strays += 1
        strange.sendto(bytes([0x80, random.choice([96, 111, 200, 201, 205, 206]), 0, 31, 0, 0, 0, 1]) +
                       random.randbytes(random.randrange(20, 1200)), port)
    return counts


sent, got, answers, bursts, strays = [0, 0], [0, 0], 0, 0, 0
begin, rss = time.monotonic(), 0
while bench.poll() is None and time.monotonic() - begin < 40:
    octets = burst()
    bursts += 1
    for i, sock in enumerate((plain, wrong)):
        size, count = drain(sock)
        sent[i] += octets[i]
        got[i] += size
        answers += count
    for sock, _ in validated:
        drain(sock)
    # Memory is compared once every buffer and table has been in use.
    if rss == 0 and time.monotonic() - begin > 2:
        rss = relay.status('VmRSS')
    time.sleep(0.02)
elapsed = time.monotonic() - begin
growth = relay.status('VmRSS') - rss
out, _ = bench.communicate(timeout=30)
r = json.loads(out)
print(f'# {bursts * 201} hostile datagrams and {strays} strays in {elapsed:.1f} s')
t.ok(bench.returncode == 0 and r['joined'] == PLAYERS and r['ended'] == 0 and r['loss_percent'] <= LOSS_MAX,
     f"{PLAYERS} players beside it: {r['loss_percent']} % lost", out)
t.ok(growth <= GROWTH_MAX_KB, f'memory grew by {growth} kB')
limit = NET_BURST + NET_RATE * (elapsed + 1)
t.ok(0 < answers <= limit, f'{answers} answers without credentials, {limit:.0f} allowed')
t.ok(got[0] <= AMPLIFY_MAX * sent[0] and got[1] <= AMPLIFY_MAX * sent[1],
     f'answered octets: {got[0]} of {sent[0]}, {got[1]} of {sent[1]}')
words = [p.communicate(timeout=30)[0].split() for p in insiders]
t.ok([p.returncode for p in insiders] == [0, 0, 0],
     f'insiders sent {[w[:1] for w in words]} packets', [p.returncode for p in insiders])
big = stunlib.client()
t.ok(wait_for(lambda: (big.sendto(stunlib.message(stunlib.BINDING), port),
                       stunlib.receive(big, 0.2))[1] != [], 5), 'the limit fills again')
big.sendto(stunlib.message(stunlib.BINDING), port)
lengths = [len(m) for m in stunlib.receive(big, 0.2)]
t.ok(all(n <= AMPLIFY_MAX * 20 for n in lengths), f'20 octets are answered by {lengths}')
stats = admin.ask('stats')
t.ok(stats['stun_limited'] > 0 and stats['unknown_packets'] > 0, 'the rest was counted', stats)
t.equal(stats['paths_moved'], 0, 'nobody is taken for one that moved')
lines = len(relay.logged().splitlines())
t.ok(lines < 150, f'{lines} lines of log')
for p in whip, whep:
    p.terminate()
    p.wait()
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
