"""The rows of hostile.t: what strangers send to each door, each with the one answer to it. The same
answers, with reasons, are in docs/internals/hostile.md; hostile.t compares the two."""
import collections
import os
import random
import re
import struct

import stunlib
from relaylib import PWD, codec, session, tracks

VECTORS = os.environ.get('RTC_VECTORS', 'tests/vectors')
WHIP, WHEP = '/rtc/v1/whip/', '/rtc/v1/whep/'
Row = collections.namedtuple('Row', 'name data answer', defaults=['nothing'])


def read(name):
    with open(f'{VECTORS}/sdp/{name}', 'rb') as f:
        return f.read()


offer = read('chromium-whip-offer.sdp')
play = read('chromium-whep-offer.sdp')


def http(method, target, body=None, type='application/sdp', fields=b''):
    if isinstance(target, str):
        target = target.encode()
    head = method.encode() + b' ' + target + b' HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n' + fields
    if body is not None:
        head += f'Content-Type: {type}\r\nContent-Length: {len(body)}\r\n'.encode()
    return head + b'\r\n' + (body or b'')


# ---- octets of a request; the answer is a status ----

HOST = b'Connection: close\r\nHost: 127.0.0.1\r\n'
POST = b'POST /rtc/v1/whip/ HTTP/1.1\r\n' + HOST + b'Content-Type: application/sdp\r\n'
REQUESTS = [
    ('octets that are no HTTP', b'\0\1\2\3\r\n\r\n', 400),
    ('a request line of one word', b'GET\r\n\r\n', 400),
    ('a method in lower case', b'post /rtc/v1/whip/ HTTP/1.1\r\n' + HOST + b'\r\n', 405),
    ('HTTP/0.9', b'GET /\r\n\r\n', 400),
    ('HTTP/2 preface', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
    ('HTTP/9.9', b'GET / HTTP/9.9\r\n' + HOST + b'\r\n', 505),
    ('no Host', b'GET /x HTTP/1.1\r\n\r\n', 400),
    ('two Hosts', b'GET /x HTTP/1.1\r\n' + HOST + HOST + b'\r\n', 400),
    ('a field without a colon', b'GET /x HTTP/1.1\r\n' + HOST + b'nonsense\r\n\r\n', 400),
    ('a blank before the colon', b'GET /x HTTP/1.1\r\n' + HOST + b'X : y\r\n\r\n', 400),
    ('a folded field', b'GET /x HTTP/1.1\r\n' + HOST + b'X: y\r\n z\r\n\r\n', 400),
    ('a NUL in a field', b'GET /x HTTP/1.1\r\n' + HOST + b'X: \0\r\n\r\n', 400),
    ('a bare CR in a field', b'GET /x HTTP/1.1\r\n' + HOST + b'X: a\rb\r\n\r\n', 400),
    ('a field of 100 KB', b'GET /x HTTP/1.1\r\n' + HOST + b'X: ' + b'a' * 100000 + b'\r\n\r\n', 431),
    ('1000 fields', b'GET /x HTTP/1.1\r\n' + HOST + b'A: b\r\n' * 1000 + b'\r\n', 431),
    ('a target of 100 KB', b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\n' + HOST + b'\r\n', 431),
    ('two different lengths', POST + b'Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef', 400),
    ('a negative length', POST + b'Content-Length: -1\r\n\r\n', 400),
    ('a length with a sign', POST + b'Content-Length: +5\r\n\r\nabcde', 400),
    ('a length of 30 digits', POST + b'Content-Length: ' + b'9' * 30 + b'\r\n\r\n', 400),
    ('a length and chunks', POST + b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    ('an unknown transfer coding', POST + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501),
    ('a chunk size that is none', POST + b'Transfer-Encoding: chunked\r\n\r\nxyz\r\n', 400),
    ('a chunk size of 20 digits', POST + b'Transfer-Encoding: chunked\r\n\r\n' + b'f' * 20 + b'\r\n', 400),
    ('a chunk longer than its size', POST + b'Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n', 400),
    ('a body that never comes', POST + b'Content-Length: 500\r\n\r\nv=0\r\n', 408),
    ('a head that never ends', b'GET /x HTTP/1.1\r\nX: y', 408),
    ('CONNECT', b'CONNECT example.com:443 HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    ('TRACE', http('TRACE', WHIP), 405),
    ('another server in the target', b'GET http://example.com/ HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    ('a target with a fragment', http('GET', '/x#y'), 400)]

# ---- targets: pages are asked for, the rest gets a fair offer ----

TARGETS = [
    ('CR LF in a parameter', WHIP + '?stream=a%0d%0aSet-Cookie:x', 400),
    ('NUL in a parameter', WHIP + '?stream=a%00b', 400),
    ('a quote in a parameter', WHIP + '?stream=a%22', 400),
    ('a slash in a name', WHIP + '?app=a%2F..%2Fb', 400),
    ('dots for a name', WHIP + '?app=..&stream=..', 400),
    ('UTF-8 in a name', WHIP + '?stream=%C3%A9', 400),
    ('an overlong name', WHIP + '?stream=' + 'a' * 1000, 400),
    ('an empty name', WHIP + '?stream=', 201),
    ('a bad escape', WHIP + '?stream=%4', 400),
    ('dots in the path', '/players/../../etc/passwd', 400),
    ('escaped dots in the path', '/players/%2e%2e/%2e%2e/etc/passwd', 400),
    ('doubly escaped dots', '/players/%252e%252e/etc/passwd', 404),
    ('an escaped slash in the path', '/rtc%2fv1/whip/?stream=slash', 201),
    ('escaped dots and slashes', '/players/..%2f..%2fetc/passwd', 400),
    ('an escaped NUL in the path', '/rtc/v1/whip/%00', 400),
    ('a backslash', '/rtc/v1/whip/..\\..\\x', 400),
    ('an address that is none', WHIP + '?eip=1.2.3', 400),
    ('an address with a port that is none', WHIP + '?eip=1.2.3.4:99999', 400),
    ('CR LF in an address', WHIP + '?eip=1.2.3.4%0d%0aa=x', 400),
    ('a ufrag too short', WHIP + '?ice-ufrag=abc&ice-pwd=' + PWD, 400),
    ('a ufrag with a colon', WHIP + '?ice-ufrag=abcd:efg&ice-pwd=' + PWD, 400),
    ('a password too short', WHIP + '?ice-ufrag=abcd&ice-pwd=short', 400),
    ('the same parameter twice', WHIP + '?stream=a&stream=b', 201),
    ('a thousand parameters', WHIP + '?' + '&'.join(f'x{i}=1' for i in range(1000)), 400)]

# What follows the path of a session.
SESSIONS = [
    ('DELETE of dots', 'DELETE', 'session/..', 400),
    ('DELETE of no secret', 'DELETE', 'session/x', 404),
    ('DELETE of 10,000 octets', 'DELETE', 'session/' + 'a' * 10000, 414),
    ('DELETE of a guess', 'DELETE', 'session/' + 'A' * 43, 404),
    ('PATCH of a guess, without If-Match', 'PATCH', 'session/' + 'A' * 43, 428)]

# ---- bodies of a POST to a publisher's path ----


def changed(old, new, count=-1):
    assert old in offer, old
    return offer.replace(old, new, count)


OFFERS = [
    ('nothing', b'', 400),
    ('blanks', b' \r\n \r\n', 400),
    ('HTML', b'<html>', 400),
    ('an answer of a login page', b'v=0\r\n<html></html>\r\n', 400),
    ('a NUL', changed(b's=-', b's=\0'), 400),
    ('bare CRs', offer.replace(b'\r\n', b'\r'), 400),
    ('a line of 70 KB', changed(b's=-', b's=' + b'a' * 70000), 413),
    ('a body of 1 MB', offer + b'a=x\r\n' * 200000, 413),
    ('100 media sections', offer + b'm=video 9 UDP/TLS/RTP/SAVPF 96\r\n' * 100, 413),
    ('300 payload types, all the same', re.sub(rb'(m=video 9 UDP/TLS/RTP/SAVPF)[ \d]+',
                                 rb'\1' + b' 96' * 300, offer), 201),
    ('a payload type of 300', changed(b'a=rtpmap:111', b'a=rtpmap:300'), 201),
    ('a clock rate of 0', changed(b'opus/48000', b'opus/0'), 201),
    ('a clock rate of 20 digits', changed(b'opus/48000', b'opus/' + b'9' * 20), 201),
    ('a port that is none', changed(b'm=audio 9', b'm=audio 99999'), 400),
    ('an m-line without formats', b'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF\r\n', 422),
    ('plain RTP, with a fingerprint', offer.replace(b'UDP/TLS/RTP/SAVPF', b'RTP/AVP'), 201),
    ('TCP', offer.replace(b'UDP/TLS/RTP/SAVPF', b'TCP/TLS/BFCP'), 422),
    ('data channels only', re.sub(rb'm=.*', b'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n',
                                  offer, flags=re.S), 422),
    ('no ufrag', re.sub(rb'a=ice-ufrag.*\r\n', b'', offer), 422),
    ('no password', re.sub(rb'a=ice-pwd.*\r\n', b'', offer), 422),
    ('a ufrag of 300', re.sub(rb'a=ice-ufrag:.*\r\n', b'a=ice-ufrag:' + b'a' * 300 + b'\r\n', offer), 400),
    ('a password of 3', re.sub(rb'a=ice-pwd:.*\r\n', b'a=ice-pwd:abc\r\n', offer), 400),
    ('a fingerprint of 3 octets', re.sub(rb'(a=fingerprint:sha-256 ).*', rb'\1AA:BB:CC', offer), 400),
    ('a fingerprint of letters', re.sub(rb'(a=fingerprint:sha-256 ).*', rb'\1' + b':'.join([b'ZZ'] * 32),
                                        offer), 400),
    ('an unknown hash', offer.replace(b'sha-256', b'md-4711'), 422),
    ('setup holdconn', offer.replace(b'setup:actpass', b'setup:holdconn'), 201),
    ('setup nonsense', offer.replace(b'setup:actpass', b'setup:x'), 201),
    ('no rtcp-mux', offer.replace(b'a=rtcp-mux\r\n', b''), 422),
    ('no BUNDLE', re.sub(rb'a=group:BUNDLE.*\r\n', b'', offer), 422),
    ('a BUNDLE of strangers', re.sub(rb'a=group:BUNDLE.*', b'a=group:BUNDLE x y', offer), 422),
    ('one mid twice', offer.replace(b'a=mid:1', b'a=mid:0'), 400),
    ('a mid of 100 octets', offer.replace(b'a=mid:1', b'a=mid:' + b'a' * 100), 400),
    ('recvonly to publish', offer.replace(b'a=sendrecv', b'a=recvonly').replace(b'a=sendonly',
                                                                             b'a=recvonly'), 422),
    ('inactive', offer.replace(b'a=sendrecv', b'a=inactive').replace(b'a=sendonly', b'a=inactive'), 422),
    ('an extension id of 0', re.sub(rb'a=extmap:\d+', b'a=extmap:0', offer, 1), 201),
    ('an extension id of 99999', re.sub(rb'a=extmap:\d+', b'a=extmap:99999', offer, 1), 201),
    ('100 rids', offer + b''.join(b'a=rid:r%d send\r\n' % i for i in range(100)), 201),
    ('2000 candidates', offer + b'a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n' * 2000, 413),
    ('a candidate of words', offer + b'a=candidate:x\r\n', 201),
    ('every codec unknown', re.sub(rb'a=rtpmap:(\d+) \w+', rb'a=rtpmap:\1 XYZ', offer), 422)]

# ---- the older JSON interface: 200 with a code ----

JSON = [
    ('no JSON', b'hello', 400), ('an array', b'[]', 400), ('nothing in it', b'{}', 400),
    ('numbers for texts', b'{"streamurl":1,"sdp":2}', 400),
    ('no such scheme', b'{"streamurl":"gopher://h/a/b","sdp":"v=0\\r\\n"}', 400),
    ('a name with dots', b'{"streamurl":"webrtc://h/../b","sdp":"v=0\\r\\n"}', 400),
    ('CR LF in the URL', b'{"streamurl":"webrtc://h/a/b\\r\\nX: y","sdp":"v=0\\r\\n"}', 400),
    ('an SDP that is none', b'{"streamurl":"webrtc://h/a/b","sdp":"x"}', 400),
    ('a thousand brackets', b'[' * 1000, 400), ('a cut text', b'{"streamurl":"webr', 400)]

# ---- datagrams to the media port: silence, or the answer that RFC 8489 wants ----


def record(kind, body, version=b'\xfe\xfd', size=None):
    return bytes([kind]) + version + bytes(8) + struct.pack('!H', len(body) if size is None else size) + body


def from_nowhere(ufrag, good):
    """From a path that nothing is known of; good: a check that a session answers."""
    return [
        Row('an empty datagram', [b'']),
        *[Row(f'first octet {octet}', [bytes([octet]) + random.randbytes(60)])
          for octet in (3, 4, 19, 64, 79, 80, 127, 192, 255)],
        Row('STUN cut at every octet', [good[:n] for n in range(len(good))]),
        Row('STUN without the cookie', [good[:4] + b'\0\0\0\0' + good[8:]]),
        Row('STUN of a wrong length', [good[:2] + b'\xff\xfc' + good[4:]]),
        Row('an attribute past the end', [stunlib.message(stunlib.BINDING, attrs=b'\0\6\xff\xff')]),
        Row('a response nobody asked for', [stunlib.message(stunlib.SUCCESS)]),
        Row('an indication', [stunlib.message(stunlib.INDICATION)]),
        Row('a method that is none', [stunlib.message(0x0003)]),
        Row('a wrong fingerprint', [good[:-1] + bytes([good[-1] ^ 1])]),
        Row('a wrong password', [stunlib.check(ufrag, 'J8X7', 'p' * 22)], 'error 401'),
        Row('an unknown user', [stunlib.check('nobody00', 'J8X7', 'p' * 22)], 'error 401'),
        Row('DTLS from nowhere', [b'\x16\xfe\xff' + bytes(8) + b'\0\x10' + bytes(16)]),
        Row('RTP from nowhere', [b'\x80\x60' + random.randbytes(100)]),
        Row('RTCP from nowhere', [b'\x80\xc8\0\6' + random.randbytes(24)]),
        Row('4,000 octets', [random.randbytes(4000)])]


def from_a_path():
    """From a path that passed STUN, without DTLS."""
    return [
        Row('DTLS: a record longer than its datagram', [record(22, b'abc', size=5000)]),
        Row('DTLS: an empty record', [record(22, b'')]),
        Row('DTLS: an unknown content type', [record(99, b'abc')]),
        Row('DTLS: application data first', [record(23, b'abc')]),
        Row('DTLS: an alert first', [record(21, b'\2\x28')]),
        Row('DTLS: a handshake longer than its record', [record(22, b'\1\xff\xff\xff' + bytes(20))]),
        Row('DTLS: a fragment past its end',
            [record(22, b'\1\0\0\x10\0\0\xff\xff\xf0\0\0\x10' + bytes(16))], 'an alert'),
        Row('DTLS: a ClientHello of 2^24 octets, begun',
            [record(22, b'\1\xff\xff\xff\0\0\0\0\0\0\0\x0a' + bytes(10))]),
        Row('DTLS: fragments that overlap and differ',
            [record(22, b'\1\0\0\x40\0\0' + (at * 5).to_bytes(3, 'big') + b'\0\0\x10' + bytes([at]) * 16)
             for at in range(8)]),
        Row('DTLS: messages of 100,000 octets, each begun',
            [record(22, b'\x0b\1\x86\xa0\0' + bytes([n]) + bytes(5) + b'\x0a' + bytes(10)) for n in range(1, 12)]),
        Row('DTLS: garbage', [record(22, random.randbytes(300))]),
        Row('RTP before keys', [b'\x80\x60' + random.randbytes(200)]),
        Row('RTP with a lying CSRC count', [b'\x8f\x60' + random.randbytes(10)]),
        Row('RTP with a lying extension', [b'\x90\x60' + bytes(10) + b'\xbe\xde\xff\xff']),
        Row('RTCP with a lying length', [b'\x81\xc9\xff\xff' + random.randbytes(20)]),
        Row('RTCP: a BYE', [b'\x81\xcb\0\1' + random.randbytes(4)])]


# ---- the relay's sockets: an error names it, or the peer is dropped ----

CONTROL = [
    Row('no such operation', ('session.explode', {}), 'unknown-op'),
    Row('an operation of another role', ('sessions.list', {}), 'unknown-op'),
    Row('a kind that is none', ('session.create', session('steal')), 'bad-request'),
    Row('a stream with dots', ('session.create', session(stream='../a')), 'bad-request'),
    Row('a stream of one name', ('session.create', session(stream='live')), 'bad-request'),
    Row('CR LF in a stream', ('session.create', session(stream='live/a\r\nb')), 'bad-request'),
    Row('a ufrag with a colon',
        ('session.create', {**session(), 'ice': {'ufrag': 'ab:cd', 'pwd': PWD}}), 'bad-request'),
    Row('a number for the password',
        ('session.create', {**session(), 'ice': {'ufrag': 'abcd', 'pwd': 5}}), 'bad-request'),
    Row('a fingerprint cut short',
        ('session.create', {**session(),
         'dtls': {'role': 'server', 'fingerprint': {'hash': 'sha-256', 'value': 'AA:BB'}}}), 'bad-request'),
    Row('a role that is none',
        ('session.create', {**session(stream='live/b'), 'dtls': {**session()['dtls'], 'role': 'x'}}), 'bad-request'),
    Row('no tracks', ('session.create', {**session(), 'tracks': 'all'}), 'bad-request'),
    Row('30 tracks', ('session.create', {**session(), 'tracks': tracks(*[codec()] * 30)}), 'bad-request'),
    Row('payload type 200',
        ('session.create', {**session(), 'tracks': tracks(codec(pt=200))}), 'bad-request'),
    Row('clock rate 0',
        ('session.create', {**session(), 'tracks': tracks({**codec(), 'clock_rate': 0})}), 'bad-request'),
    Row('a secret that is none', ('session.delete', {'secret': 'x' * 43}), 'not-found'),
    Row('no secret', ('session.delete', {}), 'not-found'),
    Row('a version of the future', ('stream.get', {'v': 99}), 'bad-request'),
    Row('no JSON', ('signal', b'{hello'), 'dropped'),
    Row('an octet that is neither', ('signal', b'\1\2\3'), 'dropped'),
    Row('media on the signal socket', ('signal', b'\x80\x60' + bytes(20)), 'dropped'),
    Row('media before an attachment', ('media', b'\x80\x60' + bytes(3)), 'dropped'),
    Row('an object of 70,000 octets', ('admin', b'{"v":1,"id":1,"op":"' + b'a' * 66000 + b'"}'), 'dropped'),
    Row('a text that is no UTF-8', ('signal', b'{"v":1,"id":1,"op":"\xff\xfe"}'), 'dropped')]


# ---- all of it ----

DOORS = {
    'Requests to rtc-gate': [Row(name, data, str(status)) for name, data, status in REQUESTS],
    'Targets': [Row(name, http('GET', target) if target.startswith('/players') else http('POST', target, offer),
                    str(status)) for name, target, status in TARGETS],
    'Paths of sessions': [
        Row(name, http(method, WHIP + path, b'a=x\r\n', 'application/trickle-ice-sdpfrag'), str(status))
        for name, method, path, status in SESSIONS],
    'Offers of a publisher': [
        *[Row(name, http('POST', WHIP + f'?app=live&stream=sdp{i}', body), str(status))
          for i, (name, body, status) in enumerate(OFFERS)],
        Row("a publisher's to the player's path", http('POST', WHEP, offer), '422'),
        Row("a player's to the publisher's path", http('POST', WHIP, play), '422'),
        Row('a second publisher', http('POST', WHIP + '?app=live&stream=beside', offer), '409')],
    'The older JSON interface': [
        Row(name, http('POST', '/rtc/v1/play/', body, 'application/json'), f'200, code {code}')
        for name, body, code in JSON],
    'Datagrams from nowhere': from_nowhere('ufrag', bytes(100)),
    'Datagrams from a path that passed STUN': from_a_path(),
    "Messages to the relay's sockets": CONTROL}


def as_table():
    """{door: {row: answer}}"""
    return {door: {row.name: row.answer for row in rows} for door, rows in DOORS.items()}


def read_table(path):
    """The same of the page: under a heading each, rows of a table whose first two cells count."""
    found, door = {}, None
    with open(path, encoding='utf-8') as f:
        for line in f:
            cells = [cell.strip() for cell in line.split('|')[1:-1]]
            if line.startswith('## '):
                door = found.setdefault(line[3:].strip(), {})
            elif door is not None and len(cells) > 1 and cells[0] != 'what comes' and set(cells[0]) != {'-'}:
                door[cells[0]] = cells[1]
    return {name: rows for name, rows in found.items() if rows}
