#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtc2rtmp's HTTP in bad company: odd requests, each with its answer; slow and many; bounded memory."""
import os
import re
import select
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import PATIENCE_S  # noqa: E402
from livelib import children, is_live, publish, relay, service, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402

IDLE, READERS, NAMES, WAIT_S = 1500, 300, 300, 3
STREAMS_MAX = 256           # LIVE_STREAMS_MAX
RSS_MAX = 160 << 20         # octets; under a sanitizer it is not looked at
port = service('rtc2rtmp', '--hls-fragment', '0.5', '--hls-window', '2', '--wait', str(WAIT_S))
daemon = children[-1]


def connect():
    s = socket.create_connection(('127.0.0.1', port))
    s.settimeout(PATIENCE_S)
    return s


def raw(octets, until=4096):
    """What comes back, up to so many octets or the end."""
    got = b''
    with connect() as s:
        s.sendall(octets)
        try:
            while len(got) < until:
                piece = s.recv(until - len(got))
                if not piece:
                    break
                got += piece
        except ConnectionResetError:
            pass
    return got


def request(target, method='GET', fields=''):
    return f'{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n'.encode('latin-1')


def status(octets):
    m = re.match(rb'HTTP/1\.[01] (\d{3}) ', raw(octets, 64))
    return int(m[1]) if m else None


def number():
    text = raw(request('/live/card.m3u8'), 1 << 16).decode()
    return re.findall(r'segment=(\d+)', text)[-1]


def of_segment(fields):
    """The newest: each is kept for some seconds only."""
    return request(f'/live/card.ts?segment={number()}', fields=fields)


def odd_requests():
    n = number()
    rows = [
        ('a path upwards', request('/live/../../etc/passwd.flv'), 400),
        ('the same in escapes', request('/live/%2e%2e/%2e%2e/passwd.flv'), 400),
        ('a NUL in escapes', request('/live/card%00.flv'), 400),
        ('a line end in escapes', request('/live/card%0d%0aX: y.flv'), 400),
        ('half an escape', request('/live/card%2.flv'), 400),
        ('a slash in escapes is one', request('/live%2fcard.m3u8'), 200),
        ('a backslash', request('/live\\card.flv'), 400),
        ('a NUL', b'GET /live/card\0.flv HTTP/1.1\r\nHost: x\r\n\r\n', 404),
        ('no path at all', b'GET\r\n\r\n', 400),
        ('no HTTP', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400),
        ('empty parts', request('//live//card.flv'), 400),
        ('too few parts', request('/card.flv'), 404),
        ('too many parts', request('/a/b/c/card.flv'), 404),
        ('a name of 129 characters', request('/live/' + 'n' * 129 + '.flv'), 404),
        ('letters of another alphabet', request('/live/k%C3%A4se.flv'), 404),
        ('quotes', request('/live/%22%3E%3Cscript%3E.m3u8'), 404),
        ('another ending', request('/live/card.mp4'), 404),
        ('a long path', request('/live/' + 'x' * 9000 + '.flv'), 414),
        ('a long head', request('/live/card.flv', fields='X: ' + 'y' * 40000 + '\r\n'), 431),
        ('POST', request('/live/card.flv', 'POST', 'Content-Length: 0\r\n'), 405),
        ('DELETE', request('/live/card.m3u8', 'DELETE'), 405),
        ('a preflight', request('/live/card.m3u8', 'OPTIONS', 'Origin: http://a\r\n'), 200),
        ('two lengths', request('/live/card.m3u8', fields='Content-Length: 0\r\nContent-Length: 5\r\n'), 400),
        ('a length and chunks', request('/live/card.m3u8', fields='Content-Length: 4\r\n'
                                        'Transfer-Encoding: chunked\r\n'), 400),
        ('another format', request('/live/card.m3u8?format=../../x'), 400),
        ('a segment before the first', request('/live/card.ts?segment=1'), 404),
        ('no number', request('/live/card.ts?segment='), 404),
        ('a negative one', request('/live/card.ts?segment=-1'), 404),
        ('one of 30 digits', request('/live/card.ts?segment=' + '9' * 30), 404),
        ('a number and more', request(f'/live/card.ts?segment={n}x'), 404),
        ('a NUL in a number', request(f'/live/card.ts?segment={n}%00'), 400),
        ('a segment of the other sort', request(f'/live/card.m4s?segment={n}'), 404),
        ('no segment of MP4', request('/live/card.m4s'), 404),
        ('of a stream that is not there', request(f'/live/other.ts?segment={n}'), 404),
        ('a range', lambda: of_segment('Range: bytes=0-9\r\n'), 200),
        ('an absurd range', lambda: of_segment('Range: bytes=9-1,-0,x\r\n'), 200),
        ('a range of what has no end', request('/live/card.flv', fields='Range: bytes=5-\r\n'), 200),
        ('HTTP/1.0', b'GET /live/card.m3u8 HTTP/1.0\r\n\r\n', 200),
        ('a whole address', request('http://x/live/card.m3u8'), 200),
    ]
    for what, octets, code in rows:
        got = status(octets() if callable(octets) else octets)
        tap.ok(got == code, f'{what}: {code}', got)
    tap.ok(is_live('card') and daemon.poll() is None, f'{len(rows)} requests; it still runs')


def rss():
    with open(f'/proc/{daemon.pid}/status', encoding='ascii') as f:
        return int(re.search(r'VmRSS:\s*(\d+)', f.read())[1]) << 10


def many():
    """Connections that say nothing, players that read nothing: the others are served."""
    before = rss()
    idle = [connect() for _ in range(IDLE)]
    readers = []
    for i in range(READERS):
        s = connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(request(f'/live/card.{"flv" if i % 2 else "ts"}'))
        readers.append(s)
    began = time.monotonic()
    tap.equal(status(request('/live/card.m3u8')), 200, f'beside {IDLE} idle and {READERS} slow ones')
    tap.ok(time.monotonic() - began < 20, 'soon')
    poll = select.poll()
    for s in readers:
        poll.register(s, select.POLLIN)
    tap.ok(wait_for(lambda: len(poll.poll(0)) == READERS, 20),
           'the slow ones were answered')
    grown = rss() - before
    tap.ok(grown < RSS_MAX or 'RTC_SANITIZER' in os.environ, f'{grown >> 20} MiB for all of them')
    for s in idle + readers:
        s.close()


def names():
    """Streams that nobody publishes, more than are looked for at a time."""
    waiting = [connect() for _ in range(NAMES)]
    began = time.monotonic()
    for i, s in enumerate(waiting):
        s.sendall(request(f'/live/none{i}.flv'))
    tap.equal(status(request('/live/card.m3u8')), 200, 'one that is published is served meanwhile')
    in_time = time.monotonic() - began < WAIT_S     # was the last one looked at before the first was given up?
    answers = [re.match(rb'HTTP/1.1 (\d+)', s.recv(64)) for s in waiting]
    codes = [int(m[1]) for m in answers if m]
    tap.ok(len(codes) == NAMES and {404, 503 if in_time else 404} <= set(codes) <= {404, 503},
           'each is answered 404 or 503', (in_time, {c: codes.count(c) for c in set(codes)}))
    tap.ok(codes.count(404) >= STREAMS_MAX - 10, f'{codes.count(404)} of them were looked for')
    for s in waiting:
        s.close()


pub = publish('card')
tap.ok(wait_for(lambda: is_live('card'), 20), 'the test card is published')
tap.ok(wait_for(lambda: status(request('/live/card.m3u8')) == 200, 20), 'and served')
odd_requests()
many()
names()
daemon.send_signal(signal.SIGTERM)
tap.equal(daemon.wait(PATIENCE_S), 0, 'SIGTERM ends it with 0')
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
