#!/usr/bin/env python3
# runs under: address
"""What strangers send to each door, one row a piece: HTTP, URLs, SDP and JSON through the front door,
STUN, DTLS, RTP and RTCP to the media port, messages to the relay's sockets. Each gets its documented
answer, players beside them lose nothing, and memory and descriptors stay flat."""
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stunlib  # noqa: E402
from relaylib import BIN, PWD, Relay, Tap, codec, free_port, session, tracks, wait_for  # noqa: E402

SLOW = 'RTC_SANITIZER' in os.environ
GROWTH_MAX_KB = 1 << 20 if SLOW else 1024    # a sanitizer keeps freed memory
SECONDS = 15    # of patience for one answer
VECTORS = os.environ.get('RTC_VECTORS', 'tests/vectors')
WHIP, WHEP = '/rtc/v1/whip/', '/rtc/v1/whep/'
random.seed(int(os.environ.get('RTC_SEED', '20261128')))

t = Tap()
relay = Relay()
control, admin = relay.connect('signal'), relay.connect('admin')
media = ('127.0.0.1', control.hello['listen'][0]['port'])


def start(program, *args):
    r, w = os.pipe()
    p = subprocess.Popen([f'{BIN}/{program}', *args, '-R', str(w)], pass_fds=[w],
                         stderr=open(os.path.join(relay.dir, program + '.log'), 'w'),
                         env={**os.environ, 'RTC_RUN': relay.dir})
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p


port = free_port()
# Every row comes from one address: the rate limit has a test of its own.
programs = [start('rtc-whip', '-c', '127.0.0.1', '--rate', '1000'),
            start('rtc-whep', '-c', '127.0.0.1', '--rate', '1000'),
            start('rtc-gate', '-l', f'127.0.0.1:{port}', '--head-timeout', '2', '--body-timeout', '2')]
base = f'http://127.0.0.1:{port}'
bench = subprocess.Popen(
    [f'{BIN}/rtc-bench', '-j', '-n', '3', '-d', '600', '-s', '0.2', '-D', 'all',
     f'--publish={base}{WHIP}?app=live&stream=beside', f'{base}{WHEP}?app=live&stream=beside'],
    stdout=subprocess.PIPE, text=True)
t.ok(wait_for(lambda: sum(s['state'] == 'connected' for s in admin.ask('sessions.list')['sessions'])
              == 4, 20), 'a publisher and three players')


def exchange(raw):
    """Everything that comes back on a connection of its own."""
    s = socket.create_connection(('127.0.0.1', port), timeout=SECONDS)
    try:
        s.sendall(raw)
        out = b''
        while True:
            more = s.recv(65536)
            if not more:
                return out
            out += more
    except OSError:
        return out
    finally:
        s.close()


def http(method, target, body=None, type='application/sdp', fields=b''):
    if isinstance(target, str):
        target = target.encode()
    head = method.encode() + b' ' + target + b' HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n' + fields
    if body is not None:
        head += f'Content-Type: {type}\r\nContent-Length: {len(body)}\r\n'.encode()
    return head + b'\r\n' + (body or b'')


def answered(name, raw, statuses, words='.'):
    out = exchange(raw)
    found = re.match(rb'HTTP/1\.1 (\d+) ', out)
    status = int(found[1]) if found else 0
    t.ok(status in (statuses if isinstance(statuses, tuple) else (statuses,)) and
         re.search(words, out.decode('latin-1')), f'{name}: {status}',
         f'wanted {statuses} with {words}\n{out[:400]!r}')


# ---- HTTP ----

offer = open(f'{VECTORS}/sdp/chromium-whip-offer.sdp', 'rb').read()
play = open(f'{VECTORS}/sdp/chromium-whep-offer.sdp', 'rb').read()
HOST = b'Connection: close\r\nHost: 127.0.0.1\r\n'
POST = b'POST /rtc/v1/whip/ HTTP/1.1\r\n' + HOST + b'Content-Type: application/sdp\r\n'
for name, raw, statuses in [
        ('octets that are no HTTP', b'\0\1\2\3\r\n\r\n', 400),
        ('a request line of one word', b'GET\r\n\r\n', 400),
        ('a method in lower case', b'post /rtc/v1/whip/ HTTP/1.1\r\n' + HOST + b'\r\n', (400, 405, 501)),
        ('HTTP/0.9', b'GET /\r\n\r\n', 400),
        ('HTTP/2 preface', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (400, 505)),
        ('HTTP/9.9', b'GET / HTTP/9.9\r\n' + HOST + b'\r\n', (400, 505)),
        ('no Host', b'GET /x HTTP/1.1\r\n\r\n', 400),
        ('two Hosts', b'GET /x HTTP/1.1\r\n' + HOST + HOST + b'\r\n', 400),
        ('a field without a colon', b'GET /x HTTP/1.1\r\n' + HOST + b'nonsense\r\n\r\n', 400),
        ('a blank before the colon', b'GET /x HTTP/1.1\r\n' + HOST + b'X : y\r\n\r\n', 400),
        ('a folded field', b'GET /x HTTP/1.1\r\n' + HOST + b'X: y\r\n z\r\n\r\n', 400),
        ('a NUL in a field', b'GET /x HTTP/1.1\r\n' + HOST + b'X: \0\r\n\r\n', 400),
        ('a bare CR in a field', b'GET /x HTTP/1.1\r\n' + HOST + b'X: a\rb\r\n\r\n', 400),
        ('a field of 100 KB', b'GET /x HTTP/1.1\r\n' + HOST + b'X: ' + b'a' * 100000 + b'\r\n\r\n',
         (400, 431)),
        ('1000 fields', b'GET /x HTTP/1.1\r\n' + HOST + b'A: b\r\n' * 1000 + b'\r\n', (400, 431)),
        ('a target of 100 KB', b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\n' + HOST + b'\r\n',
         (400, 414, 431)),
        ('two different lengths', POST + b'Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef', 400),
        ('a negative length', POST + b'Content-Length: -1\r\n\r\n', 400),
        ('a length with a sign', POST + b'Content-Length: +5\r\n\r\nabcde', 400),
        ('a length of 30 digits', POST + b'Content-Length: ' + b'9' * 30 + b'\r\n\r\n', (400, 413)),
        ('a length and chunks', POST + b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
         400),
        ('an unknown transfer coding', POST + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
         (400, 501)),
        ('a chunk size that is none', POST + b'Transfer-Encoding: chunked\r\n\r\nxyz\r\n', 400),
        ('a chunk size of 20 digits', POST + b'Transfer-Encoding: chunked\r\n\r\n' + b'f' * 20 + b'\r\n',
         (400, 413)),
        ('a chunk longer than its size', POST + b'Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n',
         400),
        ('a body that never comes', POST + b'Content-Length: 500\r\n\r\nv=0\r\n', 408),
        ('a head that never ends', b'GET /x HTTP/1.1\r\nX: y', 408),
        ('CONNECT', b'CONNECT example.com:443 HTTP/1.1\r\n' + HOST + b'\r\n', (400, 404, 405, 501)),
        ('TRACE', http('TRACE', WHIP), (405, 501)),
        ('another server in the target', b'GET http://example.com/ HTTP/1.1\r\n' + HOST + b'\r\n',
         (400, 404, 421, 502, 503)),
        ('a target with a fragment', http('GET', '/x#y'), 400)]:
    answered(name, raw, statuses)

# ---- URLs ----

for name, target, statuses in [
        ('CR LF in a parameter', WHIP + '?stream=a%0d%0aSet-Cookie:x', 400),
        ('NUL in a parameter', WHIP + '?stream=a%00b', 400),
        ('a quote in a parameter', WHIP + '?stream=a%22', 400),
        ('a slash in a name', WHIP + '?app=a%2F..%2Fb', 400),
        ('dots for a name', WHIP + '?app=..&stream=..', 400),
        ('UTF-8 in a name', WHIP + '?stream=%C3%A9', 400),
        ('an overlong name', WHIP + '?stream=' + 'a' * 1000, (400, 414)),
        ('an empty name', WHIP + '?stream=', (201, 400)),
        ('a bad escape', WHIP + '?stream=%4', 400),
        ('dots in the path', '/players/../../etc/passwd', (400, 404)),
        ('escaped dots in the path', '/players/%2e%2e/%2e%2e/etc/passwd', (400, 404)),
        ('doubly escaped dots', '/players/%252e%252e/etc/passwd', (400, 404, 502, 503)),
        ('an escaped slash in the path', '/rtc%2fv1/whip/?stream=slash', (201, 400, 404)),
        ('escaped dots and slashes', '/players/..%2f..%2fetc/passwd', (400, 404)),
        ('an escaped NUL in the path', '/rtc/v1/whip/%00', 400),
        ('a backslash', '/rtc/v1/whip/..\\..\\x', (400, 404)),
        ('an address that is none', WHIP + '?eip=1.2.3', 400),
        ('an address with a port that is none', WHIP + '?eip=1.2.3.4:99999', 400),
        ('CR LF in an address', WHIP + '?eip=1.2.3.4%0d%0aa=x', 400),
        ('a ufrag too short', WHIP + '?ice-ufrag=abc&ice-pwd=' + PWD, 400),
        ('a ufrag with a colon', WHIP + '?ice-ufrag=abcd:efg&ice-pwd=' + PWD, 400),
        ('a password too short', WHIP + '?ice-ufrag=abcd&ice-pwd=short', 400),
        ('the same parameter twice', WHIP + '?stream=a&stream=b', (201, 400)),
        ('a thousand parameters', WHIP + '?' + '&'.join(f'x{i}=1' for i in range(1000)), 400)]:
    answered(name, http('POST', target, offer), statuses)
for name, method, path in [('a session of dots', 'DELETE', 'session/..'),
                           ('a session that is no secret', 'DELETE', 'session/x'),
                           ('a session of 10,000 octets', 'DELETE', 'session/' + 'a' * 10000),
                           ('a guess', 'DELETE', 'session/' + 'A' * 43),
                           ('a guess', 'PATCH', 'session/' + 'A' * 43)]:
    answered(f'{method}: {name}', http(method, WHIP + path, b'a=x\r\n', 'application/trickle-ice-sdpfrag'),
             (400, 404, 412, 414, 428))

# ---- SDP ----


def changed(old, new, count=-1):
    assert old in offer, old
    return offer.replace(old, new, count)


for i, (name, body, statuses) in enumerate([
        ('nothing', b'', 400),
        ('blanks', b' \r\n \r\n', 400),
        ('HTML', b'<html>', 400),
        ('an answer of a login page', b'v=0\r\n<html></html>\r\n', 400),
        ('a NUL', changed(b's=-', b's=\0'), 400),
        ('bare CRs', offer.replace(b'\r\n', b'\r'), 400),
        ('a line of 70 KB', changed(b's=-', b's=' + b'a' * 70000), (400, 413)),
        ('a body of 1 MB', offer + b'a=x\r\n' * 200000, 413),
        ('100 media sections', offer + b'm=video 9 UDP/TLS/RTP/SAVPF 96\r\n' * 100, 413),
        ('300 payload types, all the same', re.sub(rb'(m=video 9 UDP/TLS/RTP/SAVPF)[ \d]+',
                                     rb'\1' + b' 96' * 300, offer), (201, 400, 413)),
        ('a payload type of 300', changed(b'a=rtpmap:111', b'a=rtpmap:300'), (201, 400, 422)),
        ('a clock rate of 0', changed(b'opus/48000', b'opus/0'), (201, 400, 422)),
        ('a clock rate of 20 digits', changed(b'opus/48000', b'opus/' + b'9' * 20), (201, 400, 422)),
        ('a port that is none', changed(b'm=audio 9', b'm=audio 99999'), (201, 400, 422)),
        ('an m-line without formats', b'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF\r\n', (400, 422)),
        ('plain RTP, with a fingerprint', offer.replace(b'UDP/TLS/RTP/SAVPF', b'RTP/AVP'), (201, 400, 422)),
        ('TCP', offer.replace(b'UDP/TLS/RTP/SAVPF', b'TCP/TLS/BFCP'), 422),
        ('data channels only', re.sub(rb'm=.*', b'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n',
                                      offer, flags=re.S), (400, 422)),
        ('no ufrag', re.sub(rb'a=ice-ufrag.*\r\n', b'', offer), 422),
        ('no password', re.sub(rb'a=ice-pwd.*\r\n', b'', offer), 422),
        ('a ufrag of 300', re.sub(rb'a=ice-ufrag:.*\r\n', b'a=ice-ufrag:' + b'a' * 300 + b'\r\n', offer),
         (400, 422)),
        ('a password of 3', re.sub(rb'a=ice-pwd:.*\r\n', b'a=ice-pwd:abc\r\n', offer), (400, 422)),
        ('a fingerprint of 3 octets', re.sub(rb'(a=fingerprint:sha-256 ).*', rb'\1AA:BB:CC', offer),
         (400, 422)),
        ('a fingerprint of letters', re.sub(rb'(a=fingerprint:sha-256 ).*', rb'\1' + b':'.join([b'ZZ'] * 32),
                                            offer), (400, 422)),
        ('an unknown hash', offer.replace(b'sha-256', b'md-4711'), (400, 422)),
        ('setup holdconn', offer.replace(b'setup:actpass', b'setup:holdconn'), (201, 400, 422)),
        ('setup nonsense', offer.replace(b'setup:actpass', b'setup:x'), (201, 400, 422)),
        ('no rtcp-mux', offer.replace(b'a=rtcp-mux\r\n', b''), 422),
        ('no BUNDLE', re.sub(rb'a=group:BUNDLE.*\r\n', b'', offer), (201, 422)),
        ('a BUNDLE of strangers', re.sub(rb'a=group:BUNDLE.*', b'a=group:BUNDLE x y', offer), (201, 400, 422)),
        ('one mid twice', offer.replace(b'a=mid:1', b'a=mid:0'), (400, 422)),
        ('a mid of 100 octets', offer.replace(b'a=mid:1', b'a=mid:' + b'a' * 100), (201, 400, 422)),
        ('recvonly to publish', offer.replace(b'a=sendrecv', b'a=recvonly').replace(b'a=sendonly',
                                                                                 b'a=recvonly'), 422),
        ('inactive', offer.replace(b'a=sendrecv', b'a=inactive').replace(b'a=sendonly', b'a=inactive'),
         422),
        ('an extension id of 0', re.sub(rb'a=extmap:\d+', b'a=extmap:0', offer, 1), (201, 400, 422)),
        ('an extension id of 99999', re.sub(rb'a=extmap:\d+', b'a=extmap:99999', offer, 1),
         (201, 400, 422)),
        ('100 rids', offer + b''.join(b'a=rid:r%d send\r\n' % i for i in range(100)), (201, 400, 413, 422)),
        ('2000 candidates', offer + b'a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n' * 2000, (201, 413)),
        ('a candidate of words', offer + b'a=candidate:x\r\n', (201, 400)),
        ('every codec unknown', re.sub(rb'a=rtpmap:(\d+) \w+', rb'a=rtpmap:\1 XYZ', offer), 422)]):
    answered('SDP: ' + name, http('POST', WHIP + f'?app=live&stream=sdp{i}', body), statuses)
answered('SDP: to the player\'s path a publisher\'s', http('POST', WHEP, offer), 422)
answered('SDP: to the publisher\'s path a player\'s', http('POST', WHIP, play), 422)
answered('SDP: a second publisher', http('POST', WHIP + '?app=live&stream=beside', offer), 409)

# ---- the older JSON interface: 200 with a code ----

for name, body in [('no JSON', b'hello'), ('an array', b'[]'), ('nothing in it', b'{}'),
                   ('numbers for texts', b'{"streamurl":1,"sdp":2}'),
                   ('no such scheme', b'{"streamurl":"gopher://h/a/b","sdp":"v=0\\r\\n"}'),
                   ('a name with dots', b'{"streamurl":"webrtc://h/../b","sdp":"v=0\\r\\n"}'),
                   ('CR LF in the URL', b'{"streamurl":"webrtc://h/a/b\\r\\nX: y","sdp":"v=0\\r\\n"}'),
                   ('an SDP that is none', b'{"streamurl":"webrtc://h/a/b","sdp":"x"}'),
                   ('a thousand brackets', b'[' * 1000), ('a cut text', b'{"streamurl":"webr')]:
    answered('JSON: ' + name, http('POST', '/rtc/v1/play/', body, 'application/json'), (200, 400),
             r'"code": ?[1-9]|problem')

# ---- the media port: silence, or the answer that RFC 8489 wants ----


def silence(name, data, seconds=0.03):
    s = stunlib.client()
    for one in data if isinstance(data, list) else [data]:
        s.sendto(one, media)
    got = [m for m in stunlib.receive(s, seconds)]
    s.close()
    t.ok(got == [], f'{name}: nothing', got)


def stun_error(name, data, code):
    s = stunlib.client()
    s.sendto(data, media)
    got = [m for m in stunlib.receive(s, 0.05) if stunlib.kind_of(m) == stunlib.ERROR]
    s.close()
    t.ok(len(got) == 1 and struct.pack('!BB', code // 100, code % 100) in got[0], f'{name}: {code}', got)


mine = control.ask('session.create', **session('publish', 'live/stun'))
ufrag, pwd = mine['ice']['ufrag'], mine['ice']['pwd']
good = stunlib.check(ufrag, 'J8X7', pwd)
silence('an empty datagram', b'')
for octet in (3, 4, 19, 64, 79, 80, 127, 192, 255):
    silence(f'first octet {octet}', bytes([octet]) + random.randbytes(60))
silence('STUN cut at every octet', [good[:n] for n in range(len(good))])
silence('STUN without the cookie', good[:4] + b'\0\0\0\0' + good[8:])
silence('STUN of a wrong length', good[:2] + b'\xff\xfc' + good[4:])
silence('an attribute past the end', stunlib.message(stunlib.BINDING, attrs=b'\0\6\xff\xff'))
silence('a response nobody asked for', stunlib.message(stunlib.SUCCESS))
silence('an indication', stunlib.message(stunlib.INDICATION))
silence('a method that is none', stunlib.message(0x0003))
silence('a wrong fingerprint', good[:-1] + bytes([good[-1] ^ 1]))
stun_error('a wrong password', stunlib.check(ufrag, 'J8X7', 'p' * 22), 401)
stun_error('an unknown user', stunlib.check('nobody00', 'J8X7', 'p' * 22), 401)
silence('DTLS from nowhere', b'\x16\xfe\xff' + bytes(8) + b'\0\x10' + bytes(16))
silence('RTP from nowhere', b'\x80\x60' + random.randbytes(100))
silence('RTCP from nowhere', b'\x80\xc8\0\6' + random.randbytes(24))
silence('4,000 octets', random.randbytes(4000))


class Inside:
    """A path that passed STUN, without DTLS."""

    def __init__(self):
        self.sock = stunlib.client()
        self.sock.sendto(good, media)
        stunlib.receive(self.sock, 0.05)

    def silence(self, name, *data):
        for one in data:
            self.sock.sendto(one, media)
        # Our own checks of the path aside; an alert is DTLS's way to say no.
        got = [m for m in stunlib.receive(self.sock, 0.03)
               if stunlib.kind_of(m) != stunlib.BINDING and m[0] != 21]
        t.ok(got == [], f'{name}: nothing', got)


def record(kind, body, version=b'\xfe\xfd', size=None):
    return bytes([kind]) + version + bytes(8) + struct.pack('!H', len(body) if size is None else size) + body


path = Inside()
path.silence('DTLS: a record longer than its datagram', record(22, b'abc', size=5000))
path.silence('DTLS: an empty record', record(22, b''))
path.silence('DTLS: an unknown content type', record(99, b'abc'))
path.silence('DTLS: application data first', record(23, b'abc'))
path.silence('DTLS: an alert first', record(21, b'\2\x28'))
path.silence('DTLS: a handshake longer than its record', record(22, b'\1\xff\xff\xff' + bytes(20)))
path.silence('DTLS: a fragment past its end', record(22, b'\1\0\0\x10\0\0\xff\xff\xf0\0\0\x10' + bytes(16)))
path.silence('DTLS: garbage', record(22, random.randbytes(300)))
path.silence('RTP before keys', b'\x80\x60' + random.randbytes(200))
path.silence('RTP with a lying CSRC count', b'\x8f\x60' + random.randbytes(10))
path.silence('RTP with a lying extension', b'\x90\x60' + bytes(10) + b'\xbe\xde\xff\xff')
path.silence('RTCP with a lying length', b'\x81\xc9\xff\xff' + random.randbytes(20))
path.silence('RTCP: a BYE', b'\x81\xcb\0\1' + random.randbytes(4))

# ---- the relay's sockets: an error names it, or the peer is dropped ----


def refused(name, op, error, **members):
    reply = control.ask(op, **members)
    t.ok(reply and reply['ok'] is False and reply['error'] == error, f'control: {name}: {error}', reply)


def dropped(name, role, data):
    peer = relay.connect(role)
    peer.send(data)
    try:
        while True:
            message = peer.read(2)
            if message is None:
                break
    except (TimeoutError, ConnectionError) as e:
        message = e if isinstance(e, TimeoutError) else None
    t.ok(message is None, f'control: {name}: dropped', message)
    peer.close()


refused('no such operation', 'session.explode', 'unknown-op')
refused('an operation of another role', 'sessions.list', 'unknown-op')
refused('a kind that is none', 'session.create', 'bad-request', **session('steal'))
refused('a stream with dots', 'session.create', 'bad-request', **session(stream='../a'))
refused('a stream of one name', 'session.create', 'bad-request', **session(stream='live'))
refused('CR LF in a stream', 'session.create', 'bad-request', **session(stream='live/a\r\nb'))
refused('a ufrag with a colon', 'session.create', 'bad-request',
        **{**session(), 'ice': {'ufrag': 'ab:cd', 'pwd': PWD}})
refused('a number for the password', 'session.create', 'bad-request',
        **{**session(), 'ice': {'ufrag': 'abcd', 'pwd': 5}})
refused('a fingerprint cut short', 'session.create', 'bad-request',
        **{**session(), 'dtls': {'role': 'server', 'fingerprint': {'hash': 'sha-256', 'value': 'AA:BB'}}})
refused('a role that is none', 'session.create', 'bad-request',
        **{**session(stream='live/b'), 'dtls': {**session()['dtls'], 'role': 'x'}})
refused('no tracks', 'session.create', 'bad-request', **{**session(), 'tracks': 'all'})
refused('30 tracks', 'session.create', 'bad-request', **{**session(), 'tracks': tracks(*[codec()] * 30)})
refused('payload type 200', 'session.create', 'bad-request', **{**session(), 'tracks': tracks(codec(pt=200))})
refused('clock rate 0', 'session.create', 'bad-request',
        **{**session(), 'tracks': tracks({**codec(), 'clock_rate': 0})})
refused('a secret that is none', 'session.delete', 'not-found', secret='x' * 43)
refused('no secret', 'session.delete', 'not-found')
refused('a version of the future', 'stream.get', 'bad-request', v=99)
dropped('no JSON', 'signal', b'{hello')
dropped('an octet that is neither', 'signal', b'\1\2\3')
dropped('media on the signal socket', 'signal', b'\x80\x60' + bytes(20))
dropped('media before an attachment', 'media', b'\x80\x60' + bytes(3))
dropped('an object of 70,000 octets', 'admin', b'{"v":1,"id":1,"op":"' + b'a' * 66000 + b'"}')
dropped('a text that is no UTF-8', 'signal', b'{"v":1,"id":1,"op":"\xff\xfe"}')

# ---- floods: sessions that never connect, connections that say nothing ----


def flood():
    """150 publishers that never come; then they are gone. The statuses they got."""
    codes = {exchange(http('POST', WHIP + f'?app=live&stream=f{i}', offer)).split(b' ')[1] for i in range(150)}
    while True:
        new = [s['session'] for s in admin.ask('sessions.list')['sessions'] if s['state'] != 'connected']
        for s in new:
            admin.ask('session.kick', session=s)
        if not new:
            return codes


flood()     # every table has grown once
rss, descriptors = relay.status('VmRSS'), relay.descriptors()
codes = flood()
t.ok(codes <= {b'201', b'429', b'503'}, f'150 publishers that never come: {sorted(codes)}')
idle = [socket.create_connection(('127.0.0.1', port)) for _ in range(200)]
answered('200 silent connections beside it', http('POST', WHIP + '?app=live&stream=g', b'x'), 400)
for s in idle:
    s.close()
plain = stunlib.client()
for _ in range(3000):
    plain.sendto(stunlib.message(stunlib.BINDING), media)
octets = sum(len(m) for m in stunlib.receive(plain, 0.1))
t.ok(octets < 3000 * 20 / 4, f'3000 plain STUN requests: {octets} octets in return')
t.ok(relay.descriptors() <= descriptors + 1, 'the relay has no more descriptors')
growth = relay.status('VmRSS') - rss
t.ok(growth < GROWTH_MAX_KB, f'and {growth} KB more')

bench.send_signal(signal.SIGINT)
report = json.loads(bench.communicate(timeout=30)[0])
t.ok(report['joined'] == 3 and report['ended'] == 0 and report['packets'] > 1000 and
     (report['lost'] == 0 or SLOW and report['loss_percent'] < 0.5),
     f"players beside it: {report['lost']} of {report['expected']} packets lost", report)
for p in programs:
    p.terminate()
    t.equal(p.wait(10), 0, f'{os.path.basename(p.args[0])} ends with status 0')
t.equal(relay.stop(), 0, 'so does the relay')
t.done()
