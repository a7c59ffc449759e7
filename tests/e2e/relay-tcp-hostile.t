#!/usr/bin/env python3
# Strangers, and clients with a session of their own, do what they can to the relay's TCP port. A
# publisher and its players beside them lose nothing; memory and descriptors are as before at the end.
# runs under: address
# runs with the servers
import os
import random
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import stunlib
from relaylib import BIN, PWD, Relay, Tap, free_port, session, wait_for
from tcplib import Framed, frame

SLOW = 'RTC_SANITIZER' in os.environ
PATIENCE_S = 120 if SLOW else 40
SECONDS = 3
PLAYERS = 3 if SLOW else 10
CONNECTIONS = 1500
# Of a second round: its sessions, which live for 15 s (150 kB), and a table or a buffer that the first did not
# touch (up to 700 kB, once). After twenty rounds nothing more is added.
GROWTH_MAX_KB = 1024 if not SLOW else 1 << 20
RESET = struct.pack('ii', 1, 0)

t = Tap()
relay = Relay('-w', '2', '--tcp', '127.0.0.1:0')
signal, admin = relay.connect('signal'), relay.connect('admin')
TCP = ('127.0.0.1', {e['proto']: e['port'] for e in admin.hello['listen']}['tcp'])
random.seed(int(os.environ.get('RTC_SEED', '20260101')))
children = []


def endpoint(program, *args):
    port = free_port()
    r, w = os.pipe()
    children.append(subprocess.Popen(
        [f'{BIN}/{program}', '-l', f'127.0.0.1:{port}', '-c', '127.0.0.1', '-R', str(w), *args], pass_fds=[w],
        stderr=subprocess.DEVNULL, env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://127.0.0.1:{port}/rtc/v1/{program[4:]}/?app=live&stream=beside'


def stats(key):
    return admin.ask('stats')[key]


serial = 0


def insider():
    """A connection whose session has passed its check, and the session's credentials."""
    global serial
    serial += 1
    ice = signal.ask('session.create', **session('play', f'hostile/{serial}'))['ice']
    conn = Framed(TCP, source=f'127.0.1.{serial}')
    assert conn.check(ice['ufrag'], 'J8X7', ice['pwd']) == stunlib.SUCCESS
    return conn, ice


def push(sock, octets):
    try:
        sock.sendall(octets)
    except OSError:
        pass


def alive(conn, ice):
    """The connection's session still answers, whatever comes before the answer."""
    push(conn.sock, frame(stunlib.check(ice['ufrag'], 'J8X7', ice['pwd'])))
    end = time.monotonic() + 5
    while time.monotonic() < end:
        packet = conn.receive(1)
        if packet == b'':
            return False
        if packet and stunlib.kind_of(packet) == stunlib.SUCCESS:
            return True
    return False


hello = b'\x16\xfe\xff' + bytes(8) + b'\0\x20' + bytes(32)


def newcomer():
    """Credentials of a session that nobody has come to; it lives for 15 s."""
    return signal.ask('session.create', **session('play', 'hostile/known'))['ice']


# ---- first packets of strangers: each ends its connection ----
def first_packets():
    known = newcomer()
    good = stunlib.check(known['ufrag'], 'J8X7', known['pwd'])
    return {
        'a length of 65535': b'\xff\xff' + bytes(2000),
        'random octets': b'\x20' + random.randbytes(3000),
        'TLS': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(40),
        'HTTP': b'POST /rtc/v1/whip/ HTTP/1.1\r\nHost: x\r\n\r\n',
        'STUN without a frame': good,
        'a DTLS ClientHello': frame(hello),
        'RTP': frame(b'\x80\x60' + bytes(60)),
        'RTCP': frame(b'\x80\xc9\x00\x01' + bytes(4)),
        'a STUN indication': frame(stunlib.message(stunlib.INDICATION)),
        'a STUN error': frame(stunlib.message(stunlib.ERROR)),
        'a STUN success': frame(stunlib.message(stunlib.SUCCESS, pwd=known['pwd'])),
        'a frame that is longer than its STUN message': frame(good + bytes(4)),
        'a frame that is shorter than its STUN message': frame(good[:-8]),
        'a message whose attribute overruns it': frame(good[:20] + b'\0\x06\xff\xff' + good[24:]),
        'a user name that nobody has': frame(stunlib.check('nobody', 'J8X7', PWD)),
        'a wrong password': frame(stunlib.check(known['ufrag'], 'J8X7', 'w' * 24)),
        'a user name without integrity': frame(stunlib.message(
            stunlib.BINDING, attrs=stunlib.attr(stunlib.USERNAME, known['ufrag'].encode() + b':J8X7'))),
        'a user name of 500 octets': frame(stunlib.message(
            stunlib.BINDING, attrs=stunlib.attr(stunlib.USERNAME, b'u' * 500), pwd=PWD)),
        'a message with a flipped bit': frame(good[:30] + bytes([good[30] ^ 1]) + good[31:]),
    }


def strangers():
    for name, octets in first_packets().items():
        conn = Framed(TCP, source='127.0.2.1')
        push(conn.sock, octets)
        t.ok(conn.ends(5), f'{name}: the connection is closed')
        conn.close()


# ---- connections that are cut, or say nothing of use ----
def cut_off():
    known = newcomer()
    good = stunlib.check(known['ufrag'], 'J8X7', known['pwd'])
    for octets in b'', b'\0', frame(good)[:1], frame(good)[:9], frame(good)[:-1], frame(b''):
        for reset in False, True:
            conn = Framed(TCP, source='127.0.2.2')
            push(conn.sock, octets)
            if reset:
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            conn.close()
    conn, ice = insider()
    push(conn.sock, frame(bytes(1000))[:500])
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    conn.close()
    conn = Framed(TCP, source='127.0.2.3')
    t.equal(conn.check(ice['ufrag'], 'J8X7', ice['pwd']), stunlib.SUCCESS,
            'a reset in the middle of a frame: the session goes on by another connection')
    conn.sock.shutdown(socket.SHUT_WR)
    t.ok(conn.ends(5), 'one that closes its half is closed')
    conn.close()
    conn = Framed(TCP, source='127.0.2.4')
    for _ in range(20000):
        conn.sock.setblocking(False)
        try:
            conn.sock.send(frame(b'') * 50)
        except OSError:
            break
    conn.send(stunlib.message(stunlib.BINDING))
    t.equal(stunlib.kind_of(conn.receive() or b''), stunlib.SUCCESS, 'empty frames are no packets')
    for _ in range(200):
        conn.send(stunlib.message(stunlib.BINDING))
    t.ok(wait_for(lambda: stats('stun_limited') > 0), 'plain requests over one connection are limited')
    conn.close()


# ---- clients with a session ----
def insiders():
    conn, ice = insider()
    push(conn.sock, (struct.pack('!H', 60000) + bytes(60000)) * 100)
    t.ok(alive(conn, ice), 'a hundred frames that are too long are skipped')
    for octet in range(256):
        push(conn.sock, frame(bytes([octet]) + random.randbytes(random.randrange(1400))))
    t.ok(alive(conn, ice), 'garbage of every first octet is dropped')
    for _ in range(500):
        push(conn.sock, frame(hello[:random.randrange(13, len(hello))]))
    t.ok(alive(conn, ice), 'cut ClientHellos by the hundred')
    other = newcomer()
    push(conn.sock, frame(stunlib.check(other['ufrag'], 'J8X7', other['pwd'])))
    t.ok(alive(conn, ice), "another session's name on the connection of this one")
    conn.close()
    conn, ice = insider()
    twins = [Framed(TCP, source=f'127.0.3.{i}') for i in range(1, 10)]
    answered = [c.check(ice['ufrag'], 'J8X7', ice['pwd']) == stunlib.SUCCESS for c in twins]
    t.ok(all(answered) and alive(twins[-1], ice), 'ten connections with one user name are answered')
    t.equal(sum(c.ends(0.2) for c in twins), 6, 'four of them stay')
    for c in [conn, *twins]:
        c.close()


def deaf():
    """Asks for ever and never reads an answer."""
    conn, ice = insider()
    request = frame(stunlib.check(ice['ufrag'], 'J8X7', ice['pwd']))
    conn.sock.setblocking(False)
    sent, end = 0, time.monotonic() + (4 if SLOW else 0.4)
    while time.monotonic() < end:
        try:
            sent += conn.sock.send(request * 100)
        except BlockingIOError:
            time.sleep(0.001)
    t.ok(wait_for(lambda: stats('tx_dropped') > 0),
         f'one that never reads ({sent >> 10} KiB of requests): answers are dropped')
    conn.close()


def crowd():
    before = stats('tcp_refused')
    socks = []
    for i in range(CONNECTIONS):
        s = socket.socket()
        s.bind((f'127.0.{10 + i // 250}.{1 + i % 250}' if i % 2 else '127.0.4.1', 0))
        s.setblocking(False)
        s.connect_ex(TCP)
        socks.append(s)
    t.ok(wait_for(lambda: stats('tcp_refused') - before > CONNECTIONS // 2 - 200, 10),
         f'of {CONNECTIONS} silent connections most are refused or yield')
    t.ok(stats('tcp_connections') <= 2 * 512 + 10, 'those that stay are within the limits')
    conn, known = Framed(TCP, source='127.0.5.1'), newcomer()
    t.equal(conn.check(known['ufrag'], 'J8X7', known['pwd']), stunlib.SUCCESS, 'and a client gets in among them')
    conn.close()
    for s in socks:
        s.close()


def all_of_it(left):
    for part in strangers, cut_off, insiders, deaf, crowd:
        part()
    t.ok(wait_for(lambda: stats('tcp_connections') <= left, 10), 'no connection is left')


try:
    whip = endpoint('rtc-whip')
    by_udp, by_tcp = endpoint('rtc-whep'), endpoint('rtc-whep', '--protocol', 'tcp')
    all_of_it(0)
    rss, fds = relay.status('VmRSS'), relay.descriptors()
    all_of_it(0)
    growth = relay.status('VmRSS') - rss
    t.ok(growth <= GROWTH_MAX_KB, f'the second time memory grows by {growth} kB')
    t.equal(relay.descriptors(), fds, 'descriptors are as before')
    bench = subprocess.Popen([f'{BIN}/rtc-bench', '-j', '-n', str(PLAYERS), '-d', str(SECONDS), '-s', '0.5',
                              '-D', 'none', '-m', '0' if not SLOW else '0.5', f'--publish={whip}', by_udp],
                             stdout=subprocess.PIPE, text=True)
    children.append(bench)
    t.ok(wait_for(lambda: sum(s['state'] == 'connected' for s in admin.ask('sessions.list')['sessions'])
                  == PLAYERS + 1, PATIENCE_S), f'a publisher and {PLAYERS} players over UDP')
    beside = subprocess.Popen([f'{BIN}/rtc-play', '-q', '-j', '--duration', str(SECONDS - 0.5), '--max-loss', '0',
                               '--expect-video', by_tcp], stdout=subprocess.PIPE, text=True)
    children.append(beside)
    t.ok(wait_for(lambda: any(s['protocol'] == 'tcp' and s['state'] == 'connected'
                              for s in admin.ask('sessions.list')['sessions']), PATIENCE_S), 'and one over TCP')
    all_of_it(1)
    out, _ = beside.communicate(timeout=PATIENCE_S)
    t.equal(beside.returncode, 0, 'the player over TCP lost nothing')
    out, _ = bench.communicate(timeout=PATIENCE_S)
    t.equal(bench.returncode, 0, 'the players over UDP lost nothing')
    if bench.returncode:
        print('#', out)
    t.ok(wait_for(lambda: stats('tcp_connections') == 0, 10), 'no connection is left')
    t.ok(wait_for(lambda: relay.descriptors() <= fds, 10), 'nor a descriptor', f'{relay.descriptors()} of {fds}')
finally:
    for p in children:
        if p.poll() is None:
            p.terminate()
        p.wait()
    t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
