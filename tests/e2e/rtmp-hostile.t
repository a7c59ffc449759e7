#!/usr/bin/env python3
# runs under: address
# runs with the servers
"""Hostile RTMP and FLV: each input has its end in the log, none makes a process fail or memory
grow, and the stream beside them loses nothing. HOSTILE_SEED for what is random."""
import concurrent.futures
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardgen import make  # noqa: E402
from livelib import BIN, admin, free_port, path, relay, service, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402
from rtmplib import Client, amf, chunked, flv_tags, hello, text  # noqa: E402

SEED = int(os.environ.get('HOSTILE_SEED', 4711))
rand = random.Random(SEED)
SANITIZED = 'RTC_SANITIZER' in os.environ
NOT_RTMP, REFUSED, HUNG_UP, ENDED = 'this is no RTMP', 'refused: ', 'the peer hung up', 'has ended'
TLS_FAILED = 'TLS: '
RATE = 10   # processes for one address in a second
VIDEO, AUDIO, DATA = 9, 8, 18

HELLO = b'\x03' + bytes(3072)


def command(name, *args, transaction=1, cs=3, stream=0, kind=20, before=b''):
    return chunked(cs, kind, before + amf(name) + amf(transaction) + b''.join(map(amf, args)),
                   stream=stream)


CONNECT = command('connect', {'app': 'live'})
CREATE = command('createStream', None, transaction=2)
OPEN = HELLO + CONNECT + CREATE


class Begun:
    """A beginning, and what is sent once the server has answered it."""

    def __init__(self, first, rest=b''):
        self.first, self.rest = first, rest

    def __add__(self, more):
        return Begun(self.first, self.rest + more)


def asked(name):
    return OPEN + command('publish', None, name, 'live', transaction=3, cs=4, stream=1)


def publish(name):
    return Begun(asked(name))


def play(name):
    return Begun(OPEN + command('play', None, name, transaction=3, cs=4, stream=1))


def media(kind, *bodies, ts=0):
    return b''.join(chunked(6, kind, b, ts, 1) for b in bodies)


def noise(size):
    return rand.randbytes(size)


def tag(kind, body, ts=0):
    return bytes([kind]) + len(body).to_bytes(3, 'big') + ts.to_bytes(3, 'big') + bytes(4) + body + \
        bytes(4)


def ex_video(kind, fourcc, body):
    return bytes([0x90 | kind]) + fourcc + body


AVCC = bytes.fromhex('1700000000' '0142c01effe1000567' '42c01ed901000468ce3c80')
ASC = b'\xaf\0\x12\x10'
BEGUN = media(VIDEO, AVCC) + media(AUDIO, ASC)
DROP = [b'\xaf\0' + c for _ in range(80) for c in (b'\x12\x10', b'\x11\x90')]
BIG = bytes(1 << 20)
HANDSHAKES = {
    'nothing': (b'', HUNG_UP),
    'HTTP': (b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', NOT_RTMP),
    'RTMPT': (b'POST /open/1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n\0', NOT_RTMP),
    'RTSP': (b'OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n', NOT_RTMP),
    'SSH': (b'SSH-2.0-OpenSSH_9.2\r\n', NOT_RTMP),
    'TLS to the plain port': (bytes.fromhex('160301020001000001fc0303') + bytes(200), NOT_RTMP),
    'zeros': (bytes(5000), NOT_RTMP),
    'ones': (b'\xff' * 5000, NOT_RTMP),
    'RTMPE': (b'\x06' + bytes(3072), NOT_RTMP),
    'version 4': (b'\x04' + bytes(3072), NOT_RTMP),
    'a lone C0': (b'\x03', HUNG_UP),
    'half a handshake': (b'\x03' + bytes(800), HUNG_UP),
    'C1 short of an octet': (b'\x03' + bytes(1535), HUNG_UP),
    'a digest that is none': (b'\x03' + b'\0\0\0\0\x80\0\7\2' + noise(1528) + bytes(1536), HUNG_UP),
    'a digest and a C2 of noise': (hello(8) + noise(1536) + CONNECT, HUNG_UP),
    'two handshakes': (HELLO + HELLO[1:] + b'\x03', HUNG_UP),  # zeros are chunks of nothing
    'a megabyte of zeros behind it': (HELLO + BIG, HUNG_UP),
    'a megabyte of noise behind it': (HELLO + noise(1 << 20), NOT_RTMP),
}
CHUNKS = {
    'a chunk of no stream': (HELLO + b'\xc3', NOT_RTMP),
    'a delta of no stream': (HELLO + b'\x83\0\0\0', NOT_RTMP),
    'chunk size 0': (HELLO + chunked(2, 1, bytes(4)), NOT_RTMP),
    'chunk size 2^31': (HELLO + chunked(2, 1, b'\x80\0\0\0'), NOT_RTMP),
    'a chunk size of 2 octets': (HELLO + chunked(2, 1, b'\0\1'), NOT_RTMP),
    'chunk size 2^31-1, a large message': (
        HELLO + chunked(2, 1, b'\x7f\xff\xff\xff') + b'\x03\0\0\0\xff\xff\xff\x09\0\0\0\0' +
        bytes(70000), NOT_RTMP),
    'chunk size 1, a whole connect': (HELLO + chunked(2, 1, b'\0\0\0\1') + chunked(
        3, 20, amf('connect') + amf(1) + amf({'app': 'live'}), chunk=1), HUNG_UP),
    'a message of 16 MB': (HELLO + b'\x03\0\0\0\xff\xff\xff\x14\0\0\0\0' + bytes(128), NOT_RTMP),
    'unfinished messages on 60 streams': (HELLO + b''.join(
        bytes([i]) + b'\0\0\0\x10\0\0\x09\0\0\0\0' + bytes(128) for i in range(3, 63)), NOT_RTMP),
    'unfinished messages that sum up': (HELLO + chunked(2, 1, struct.pack('>I', 1 << 22)) + b''.join(
        bytes([i]) + b'\0\0\0\x7f\0\0\x09\0\0\0\0' + bytes(1 << 22) for i in range(3, 9)), NOT_RTMP),
    'ids of two and three octets': (HELLO + b'\x00\xff\0\0\0\0\0\4\x09\0\0\0\0abcd' +
                                    b'\x01\xff\xff\0\0\0\0\0\4\x09\0\0\0\0abcd', HUNG_UP),
    'extended timestamps that change': (
        HELLO + b'\x03\xff\xff\xff\0\1\0\x14\0\0\0\0\xff\xff\xff\xff' + bytes(128) +
        b'\xc3\0\0\0\1' + bytes(128), NOT_RTMP),
    'a new header within a message': (HELLO + b'\x04\0\0\0\0\1\0\x09\0\0\0\0' + bytes(128) +
                                      b'\x44\0\0\0\0\0\4\x09abcd' + CONNECT, HUNG_UP),
    'a header cut off': (HELLO + b'\x03\0\0', HUNG_UP),
    'abort of what is not': (HELLO + chunked(2, 2, b'\xff' * 4) + CONNECT, HUNG_UP),
    'abort of what is under way': (HELLO + b'\x04\0\0\0\0\1\0\x09\0\0\0\0' + bytes(128) +
                                   chunked(2, 2, b'\0\0\0\4') + CONNECT, HUNG_UP),
    'a window of 0, acknowledgements of 1 octet': (HELLO + chunked(2, 5, bytes(4)) * 20 +
                                                   chunked(2, 3, b'\0') + CONNECT, HUNG_UP),
    'types that do not exist': (HELLO + b''.join(chunked(3, k, b'abcd') for k in (
        0, 7, 10, 14, 16, 19, 21, 23, 100, 255)) + CONNECT, HUNG_UP),
    'user control of every kind, cut off': (HELLO + b''.join(
        chunked(2, 4, struct.pack('>H', k) + bytes(k % 7)) for k in range(40)), HUNG_UP),
    'a thousand pings': (HELLO + chunked(2, 4, b'\0\6' + bytes(4)) * 1000, HUNG_UP),
}
COMMANDS = {
    'a command that is no AMF': (HELLO + chunked(3, 20, b'\xff' * 50), NOT_RTMP),
    'an empty command': (HELLO + chunked(3, 20, b''), NOT_RTMP),
    'a command without a name': (HELLO + chunked(3, 20, amf(1)), NOT_RTMP),
    'a string past its end': (HELLO + chunked(3, 20, b'\x02\xff\xffx'), NOT_RTMP),
    'an object without an end': (HELLO + chunked(3, 20, amf('connect') + amf(1) + b'\x03' +
                                                 (text('app') + amf('live')) * 9), HUNG_UP),
    'deep objects': (HELLO + chunked(3, 20, amf('connect') + amf(1) + b'\x03\0\1a' * 500), HUNG_UP),
    'deep arrays': (HELLO + chunked(3, 20, amf('connect') + amf(1) + b'\x0a\0\0\0\1' * 9000), HUNG_UP),
    'an array of 2^32': (HELLO + chunked(3, 20, amf('x') + amf(1) + b'\x0a' + b'\xff' * 4), HUNG_UP),
    'an ECMA array of 2^32': (HELLO + chunked(3, 20, amf('connect') + amf(1) + b'\x08' + b'\xff' * 4),
                              HUNG_UP),
    'dates, XML, references, typed objects': (HELLO + chunked(
        3, 20, amf('connect') + amf(1) + b'\x0b' + bytes(10) + b'\x0f\0\0\0\2xy' + b'\x07\0\1' +
        b'\x10\0\1T\0\0\x09' + b'\x06\x0d\x11'), HUNG_UP),
    'a transaction that is no number': (HELLO + command(
        'connect', {'app': 'live'}, transaction=float('nan')) + command(
        'createStream', None, transaction='two'), HUNG_UP),
    'AMF 3': (HELLO + command('connect', {'app': 'live', 'objectEncoding': 3.0}, kind=17,
                              before=b'\0') + chunked(3, 17, b'\x11\x0a\x0b'), NOT_RTMP),
    '100 createStream': (HELLO + CONNECT + CREATE * 100, NOT_RTMP),
    'commands that nobody knows': (HELLO + b''.join(command(noise(9).hex(), None)
                                                    for _ in range(50)), HUNG_UP),
    'publish without connect': (HELLO + command('publish', None, 'x'), REFUSED),
    'a name with a slash': (publish('../../etc'), REFUSED),
    'a name of 10 kB': (publish('x' * 10000), REFUSED),
    'an empty name': (publish(''), REFUSED),
    'a name that is a number': (OPEN + command('publish', None, 7, stream=1), REFUSED),
    'control characters in a name': (publish('a\r\nb\x1b[31m'), REFUSED),
    'UTF-8 in a name': (publish('caf\u00e9'), REFUSED),
    'the stream of another': (publish('card'), REFUSED),
    'publish twice': (publish('h1') + asked('h2')[3073:], HUNG_UP),
    'play and publish': (play('card') + asked('h3')[3073:], HUNG_UP),
    'play of what is not': (play('nobody'), REFUSED),
    'pause, seek and close of nothing': (OPEN + command('pause', None, True, 0) + command(
        'seek', None, 1) + command('closeStream', None) + command('deleteStream', None, 9), HUNG_UP),
    'a thousand connects': (HELLO + CONNECT * 1000, HUNG_UP),
}
MEDIA = {
    'video without a header': (publish('m1') + media(VIDEO, b'\x17\1\0\0\0' + bytes(100)), HUNG_UP),
    'bodies of one octet, all of them': (publish('m2') + BEGUN + b''.join(
        media(k, bytes([i])) for i in range(256) for k in (VIDEO, AUDIO, DATA)), HUNG_UP),
    'bodies of six octets, all heads': (publish('m3') + BEGUN + b''.join(
        media(k, bytes([i]) + noise(5)) for i in range(256) for k in (VIDEO, AUDIO)), HUNG_UP),
    'a broken header': (publish('m4') + media(VIDEO, b'\x17\0\0\0\0\1\x42', b'\x17\0\0\0\0'), HUNG_UP),
    'a header of 31 empty sets': (publish('m5') + media(
        VIDEO, b'\x17\0\0\0\0\1\x42\xc0\x1e\xff\xff' + bytes(62) + b'\xff' + bytes(510)), HUNG_UP),
    'a header of 100 kB': (publish('m6') + media(VIDEO, b'\x17\0\0\0\0' + noise(100000)), HUNG_UP),
    'parameter sets of noise': (publish('m7') + media(
        VIDEO, b'\x17\0\0\0\0\1\x64\0\x1e\xff\xe1\0\x40\x67' + noise(63) + b'\1\0\x08\x68' + noise(7)),
        HUNG_UP),
    'lengths past the end': (publish('m8') + media(VIDEO, AVCC, b'\x17\1\0\0\0\xff\xff\xff\xff\x65'),
                             HUNG_UP),
    'empty units': (publish('m9') + media(VIDEO, AVCC, b'\x17\1\0\0\0' + bytes(400)), HUNG_UP),
    'a thousand units in one': (publish('m10') + BEGUN + media(
        VIDEO, b'\x17\1\0\0\0' + b'\0\0\0\2\x65\x88' * 1000), HUNG_UP),
    'slices of noise': (publish('m11') + BEGUN + media(VIDEO, *[
        b'\x17\1\0\0\0\0\0\4\1\x65' + noise(1024) for _ in range(50)]), HUNG_UP),
    'a picture of 7 MB, and one of 9': (publish('m12') + BEGUN + media(
        VIDEO, b'\x17\1\0\0\0\0\x70\0\0\x65' + bytes(0x6fffff)) + media(VIDEO, bytes(9 << 20)),
        NOT_RTMP),
    'a negative composition time': (publish('m13') + BEGUN + media(
        VIDEO, b'\x17\1\x80\0\0\0\0\0\2\x65\x88', b'\x27\1\x7f\xff\xff\0\0\0\2\x41\x88'), HUNG_UP),
    'timestamps at random': (publish('m14') + BEGUN + b''.join(
        chunked(6, VIDEO, b'\x17\1\0\0\0\0\0\0\2\x65\x88', rand.randrange(1 << 32), 1)
        for _ in range(500)), HUNG_UP),
    'broken AAC': (publish('m15') + media(AUDIO, b'\xaf\0\xff\xff', ASC, b'\xaf\1' + noise(100)),
                   HUNG_UP),
    'AAC of 100 kB': (publish('m16') + media(AUDIO, ASC, b'\xaf\1' + bytes(100000)), HUNG_UP),
    'AAC, MP3, G.711 and Opus of noise': (publish('m17') + media(AUDIO, ASC, *[
        bytes([h]) + noise(200) for h in (0x2f, 0x7f, 0x8f, 0xaf) * 20], *[
        b'\x91Opus' + noise(40) for _ in range(20)]), None),
    'tracks that change all the time': (publish('m18') + BEGUN + media(AUDIO, *DROP),
                                        'tracks that change all the time'),
    'enhanced heads of noise': (publish('m19') + BEGUN + b''.join(
        media(VIDEO, ex_video(k, f, noise(60))) for k in range(16)
        for f in (b'avc1', b'hvc1', b'av01', b'vp09', b'vvc1', b'\0\0\0\0')), None),
    'AV1 of noise': (publish('m20') + media(
        VIDEO, ex_video(0, b'av01', b'\x81\0\x0c\0'), *[
            ex_video(1, b'av01', noise(300)) for _ in range(50)]), HUNG_UP),
    'VP9 of noise': (publish('m21') + media(
        VIDEO, ex_video(0, b'vp09', bytes.fromhex('000b820202020000')), *[
            ex_video(1, b'vp09', noise(300)) for _ in range(50)]), HUNG_UP),
    'tracks within tracks': (publish('m22') + media(
        VIDEO, b'\x96\x06avc1\0' + noise(20), b'\x96\x16avc1\1\xff\xff\xff', b'\x96\x26') + media(
        AUDIO, b'\x95\x05Opus\0', b'\x95\x15Opus\1\xff\xff\xff', b'\x95'), HUNG_UP),
    'an aggregate past its end': (publish('m23') + chunked(5, 22, b'\x09\xff\xff\xff' + bytes(60),
                                                           stream=1), HUNG_UP),
    'aggregates within aggregates': (publish('m24') + chunked(5, 22, tag(22, tag(22, tag(
        VIDEO, AVCC))), stream=1), HUNG_UP),
    'an aggregate of 3000 empty tags': (publish('m25') + chunked(
        5, 22, tag(VIDEO, b'') * 3000, stream=1), HUNG_UP),
    'an aggregate of commands': (publish('m26') + chunked(
        5, 22, tag(20, amf('deleteStream') + amf(4)) + tag(1, bytes(4)), stream=1), None),
    'metadata that is none': (publish('m27') + media(DATA, amf('onMetaData') + b'\x08' * 50, b'',
                                                     amf('@setDataFrame'), amf('onMetaData')), HUNG_UP),
    'metadata of 50000 members': (publish('m28') + media(DATA, amf('onMetaData') + b'\x08' + bytes(4) +
                                                         (text('k') + amf(1)) * 50000), HUNG_UP),
    'metadata of noise': (publish('m29') + media(DATA, *[
        amf('onMetaData') + noise(rand.randrange(200)) for _ in range(100)]), HUNG_UP),
    'media before it is accepted': (OPEN + BEGUN * 50 + asked('m30')[len(OPEN):], HUNG_UP),
    'media for a player': (play('card') + BEGUN * 50, HUNG_UP),
    'the end, and then more': (publish('m31') + BEGUN + command('deleteStream', None, 1) + BEGUN * 50,
                               ENDED),
}
WITHIN_TLS = {
    'HTTPS': (b'GET / HTTP/1.1\r\n\r\n', NOT_RTMP),
    'noise': (b'\x00' + noise(4000), NOT_RTMP),
    'half a handshake': (b'\x03' + bytes(1000), HUNG_UP),
    'chunk size 0': (HELLO + chunked(2, 1, bytes(4)), NOT_RTMP),
}
AFTER_TLS = {
    'noise behind the handshake': noise(5000),
    'a record of a wrong key': b'\x17\x03\x03\x00\x20' + noise(32),
    'an empty record, 500 times': b'\x17\x03\x03\x00\x00' * 500,
    'plain RTMP': b'\x03' + bytes(1536),
    'a record over the limit': b'\x17\x03\x03\xff\xff' + bytes(1000),
}

make(path('card.flv'), 60, ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g',
                            '50', '-c:a', 'aac'])
subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                '-nodes', '-days', '2', '-subj', '/CN=x', '-keyout', path('key'), '-out',
                path('cert')], check=True, stderr=subprocess.DEVNULL)
whep = service('rtc-whep', '-c', '127.0.0.1')
start(f'{BIN}/rtc2rtmp', stderr=subprocess.DEVNULL)
port, secure, (r, w) = free_port(), free_port(), os.pipe()
parent = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{port}', '--tls', f'127.0.0.1:{secure}', '--cert',
               path('cert'), '--key', path('key'), '-R', str(w), pass_fds=[w],
               stderr=open(path('log'), 'w'))
os.close(w)
os.read(r, 1)


def logged():
    return open(path('log')).read()


def wait_for_status(s):
    got = b''
    while b'onStatus' not in got:
        part = s.recv(65536)
        if part == b'':
            return
        got += part


def drain(s):
    s.shutdown(socket.SHUT_WR)
    while s.recv(65536):
        pass


def attack(data):
    """Send it, read to the end. The port it came from."""
    with socket.create_connection(('127.0.0.1', port)) as s:
        s.settimeout(20)
        own = s.getsockname()[1]
        try:
            if isinstance(data, Begun):
                s.sendall(data.first)
                wait_for_status(s)
                data = data.rest
            s.sendall(data)
            drain(s)
        except TimeoutError:
            return None
        except OSError:
            pass
    return own


def attack_tls(data, after=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(('127.0.0.1', secure)) as raw:
        raw.settimeout(20)
        own = raw.getsockname()[1]
        s = context.wrap_socket(raw)
        try:
            if after is not None:
                plain = socket.socket(fileno=os.dup(s.fileno()))
                plain.settimeout(20)
                plain.sendall(after)
                drain(plain)
                plain.close()
            else:
                s.sendall(data)
                drain(s)
        except TimeoutError:
            return None
        except OSError:
            pass
    return own


def memory_kb(pid):
    return sum(int(line.split()[1]) for line in open(f'/proc/{pid}/smaps_rollup')
               if line.startswith('Private_Dirty'))


def child_count():
    return len(open(f'/proc/{parent.pid}/task/{parent.pid}/children').read().split())


def all_of(pool, step=1):
    """Every attack, or each of so many: (name, the end that is wanted, the port it came from)."""
    jobs = [(name, end, pool.submit(attack, data))
            for group in (HANDSHAKES, CHUNKS, COMMANDS, MEDIA)
            for name, (data, end) in list(group.items())[::step]]
    jobs += [('within TLS: ' + name, end, pool.submit(attack_tls, data))
             for name, (data, end) in WITHIN_TLS.items()]
    jobs += [('after TLS: ' + name, TLS_FAILED, pool.submit(attack_tls, b'', data))
             for name, data in AFTER_TLS.items()]
    return [(name, end, job.result()) for name, end, job in jobs]


def line_of(own):
    return [line for line in logged().splitlines() if f'127.0.0.1:{own}' in line]


card = start('ffmpeg', '-v', 'error', '-re', '-i', path('card.flv'), '-c', 'copy', '-f', 'flv',
             f'rtmp://127.0.0.1:{port}/live/card', stdin=subprocess.DEVNULL)
tap.ok(wait_for(lambda: any(s['name'] == 'live/card' and s['rx_packets'] > 0 for s in admin.ask(
    'streams.list', start=0, count=9)['streams']), 20), 'a stream is there')
viewer = start(f'{BIN}/rtc-play', '-q', '-j', '--duration', '5',
               f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream=card', stdout=subprocess.PIPE)
with concurrent.futures.ThreadPoolExecutor(6) as pool:
    results = all_of(pool)
    wait_for(lambda: child_count() == 1, 20)
    before = memory_kb(parent.pid), relay.status('VmRSS')
    all_of(pool, 4)
wrong = []
for name, end, own in results:
    lines = line_of(own)
    if own is None or not lines or (end is not None and not any(end in line for line in lines)):
        wrong.append((name, end, lines))
tap.ok(len(results) >= 60 and not wrong, f'{len(results)} hostile inputs, each with its end in the log',
       '\n'.join(map(str, wrong)))
v = json.loads(viewer.communicate(timeout=60)[0])
tap.ok(v['network']['lost'] == 0 and v['video']['frames'] >= 115 and
       v['video']['undecodable'] == 0 and v['video']['card']['missing'] == 0,
       'the viewer of the stream beside them misses nothing', v)
log = logged()
tap.ok('died of signal' not in log and 'ended with status' not in log, 'none makes a process fail',
       [line for line in log.splitlines() if 'child' in line])
tap.ok('\x1b' not in log, 'no control character gets into the log')
tap.ok(wait_for(lambda: child_count() == 1, 20), 'none leaves a process behind', child_count())
after = memory_kb(parent.pid), relay.status('VmRSS')
print(f'# parent {before[0]} kB, then {after[0]}; relay {before[1]} kB, then {after[1]}', flush=True)
tap.ok(SANITIZED or after[0] < before[0] + 300 and after[1] < before[1] + 4000,
       'a second round takes no memory', (before, after))
tap.equal(parent.poll(), None, 'the parent lives')

# ---- many of one address: a process costs more than a connection ----

began = time.monotonic()
silent = [socket.create_connection(('127.0.0.1', port)) for _ in range(40)]
for s in silent:
    s.sendall(HELLO[:1000])
eager = [socket.create_connection(('127.0.0.1', port)) for _ in range(50)]
for s in eager:
    s.sendall(HELLO[:1537])
with socket.create_connection(('127.0.0.1', port), 20, ('127.0.0.2', 0)) as s:
    s.sendall(HELLO[:1537])
    tap.ok(len(s.recv(1)) == 1, f'amid 90 of one address another is answered after {time.monotonic() - began:.1f} s')
wait_for(lambda: child_count() >= 2 * RATE, 20)
started, seconds = child_count() - 1, time.monotonic() - began
tap.ok(RATE < started <= RATE * (1 + seconds) + 1, f'{started} processes were started for the 90 in {seconds:.1f} s')
eager[-1].settimeout(20)
tap.ok(len(eager[-1].recv(1)) == 1, 'the last of the 50 that said hello has its turn')
tap.ok(wait_for(lambda: child_count() <= 51, 20), 'the 40 that said half of it have no process', child_count())
for s in silent + eager:
    s.close()
tap.ok(wait_for(lambda: child_count() <= 1, 20), 'they go, and so do the processes', child_count())

# ---- as a file ----

FILES = {
    'nothing': (b'', 65), 'not FLV': (b'hello', 65), 'a header alone': (b'FLV\1\5\0\0\0\x09\0\0\0\0', 65),
    'a tag of 16 MB': (b'FLV\1\5\0\0\0\x09\0\0\0\0\x09\xff\xff\xff' + bytes(100), 65),
    'a tag cut off': (b'FLV\1\5\0\0\0\x09\0\0\0\0' + tag(VIDEO, AVCC)[:-9], 65),
    'noise behind the header': (b'FLV\1\5\0\0\0\x09\0\0\0\0' + noise(100000), 65),
    'a header of another length': (b'FLV\1\5\xff\xff\xff\xff' + bytes(100), 65),
}
for name, (data, status) in FILES.items():
    p = subprocess.run([f'{BIN}/rtmp2rtc', '-', 'live/file'], input=data, capture_output=True,
                       timeout=30)
    tap.ok(p.returncode == status and p.stderr.count(b'\n') >= 1, f'a file, {name}: {status} and words',
           (p.returncode, p.stderr))
parent.terminate()
tap.equal(parent.wait(10), 0, 'SIGTERM ends it')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
