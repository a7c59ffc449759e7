#!/usr/bin/env python3
# runs under: address
"""rtc2rtmp as a daemon: the test card as HTTP-FLV, MPEG-TS and HLS; what ffmpeg makes of it."""
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import FPS, PATIENCE_S, numbers_of, run  # noqa: E402
from livelib import (children, good, is_live, path, publish, relay, service, start,  # noqa: E402
                     tap)
from relaylib import wait_for  # noqa: E402

port = service('rtc2rtmp', '--hls-fragment', '1', '--hls-window', '4')
daemon = children[-1]
BASE = f'http://127.0.0.1:{port}'


def get(what, method='GET'):
    """Status, headers, body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(BASE + what, method=method),
                                    timeout=PATIENCE_S) as r:
            return r.status, r.headers, r.read() if method == 'GET' else b''
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def record(what, name, seconds=4):
    """What ffmpeg gets in so many seconds, copied."""
    out = path(name)
    p = run('ffmpeg', '-v', 'error', '-i', BASE + what, '-t', str(seconds), '-c', 'copy', '-y', out)
    tap.equal((p.returncode, p.stderr), (0, b''), f'ffmpeg reads {what}')
    return out


def endless():
    for ext, mime in (('flv', 'video/x-flv'), ('ts', 'video/mp2t')):
        began = time.monotonic()
        with urllib.request.urlopen(f'{BASE}/live/card.{ext}', timeout=PATIENCE_S) as r:
            first = r.read(1000)
            took_ms = (time.monotonic() - began) * 1000
            headers = r.headers
        tap.ok(len(first) == 1000 and took_ms < 5000, f'{ext}: begins after {took_ms:.0f} ms')
        tap.equal(headers['Content-Type'], mime, f'{ext}: its type')
        tap.equal(headers['Access-Control-Allow-Origin'], '*', f'{ext}: for any origin')
        good(record(f'/live/card.{ext}', f'http-{ext}.mkv'), f'HTTP {ext}', 4, ['aac', 'h264'])
    tap.equal(get('/live/card.flv', 'HEAD')[0], 200, 'HEAD')


def hls():
    code, headers, text = get('/live/card.m3u8')
    tap.equal((code, headers['Content-Type']), (200, 'application/vnd.apple.mpegurl'), 'a playlist')
    tap.ok(text.startswith(b'#EXTM3U\n') and b'card.ts?segment=' in text, 'that names segments', text)
    good(record('/live/card.m3u8', 'hls.mkv', 6), 'HLS', 4, ['aac', 'h264'])
    text = get('/live/card.m3u8')[2].decode()
    durations = [float(d) for d in re.findall(r'#EXTINF:([0-9.]+),', text)]
    tap.ok(3 <= len(durations) <= 6 and all(0.5 <= d <= 5 for d in durations),
           'the window is kept', text)
    target = int(re.search(r'TARGETDURATION:(\d+)', text)[1])
    tap.ok(max(durations) <= target, 'no segment is longer than the target', text)
    segment = re.findall(r'^card.ts.*', text, re.M)[-1]
    code, headers, body = get(f'/live/{segment}')
    tap.equal((code, headers['Content-Type'], body[0], len(body) % 188),
              (200, 'video/mp2t', 0x47, 0), 'a segment')
    tap.equal(get('/live/card.ts?segment=7')[0], 404, 'one that is no more')


def shared():
    """Many consumers: one subscription."""
    sockets = []
    for _ in range(20):
        s = socket.create_connection(('127.0.0.1', port))
        s.sendall(b'GET /live/card.flv HTTP/1.1\r\nHost: x\r\n\r\n')
        sockets.append(s)
    for s in sockets:
        s.settimeout(PATIENCE_S)
        s.recv(1000, socket.MSG_WAITALL)
    subscribers = [s for s in sessions() if s['stream'] == 'live/card' and s['kind'] != 'publish']
    tap.equal(len(subscribers), 1, '20 consumers share one subscription')
    for s in sockets:
        s.close()


def slow():
    """A consumer that reads nothing for long, beside one that reads: it skips, no one waits."""
    s = socket.create_connection(('127.0.0.1', port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(b'GET /live/card.flv HTTP/1.0\r\n\r\n')
    good(record('/live/card.flv', 'beside.mkv'), 'beside a slow one', 4, ['aac', 'h264'])
    s.close()


def refusals():
    began = time.monotonic()
    code, _, body = get('/live/nobody.flv')
    tap.equal(code, 404, 'a stream that nobody publishes')
    tap.ok(b'nobody publishes' in body and time.monotonic() - began < 5, 'soon, and said', body)
    for what in ('/live/card', '/card.flv', '/live/card.ts?segment=x', '/live/.flv'):
        tap.equal(get(what)[0], 404, f'404: {what}')


def the_first_frames():
    """A player that comes first gets what is published first."""
    out = path('early.mkv')
    player = start('sh', '-c', f'until ffmpeg -v error -i {BASE}/live/early.flv -c copy -y {out}; '
                   'do :; done')
    pub = publish('early')
    tap.ok(wait_for(lambda: is_live('early'), 20), 'a publisher comes after the player')
    tap.ok(wait_for(lambda: os.path.exists(out) and os.path.getsize(out) > 100000, 20),
           'and is played')
    pub.terminate()
    pub.wait(PATIENCE_S)
    tap.equal(player.wait(PATIENCE_S), 0, 'the end of the publisher is the end of the answer')
    numbers = numbers_of(out)
    tap.ok(numbers and numbers[0] < FPS, 'from the first second published', numbers[:3])


def sessions():
    return admin.ask('sessions.list', start=0, count=50)['sessions']


admin = relay.connect('admin')
pub = publish('card')
tap.ok(wait_for(lambda: is_live('card'), 20), 'the test card is published')
endless()
hls()
shared()
slow()
refusals()
the_first_frames()
tap.ok(wait_for(lambda: not [s for s in sessions() if s['kind'] not in ('publish', 'play')], 40),
       'what nobody wants is let go', sessions())
daemon.send_signal(signal.SIGTERM)
tap.equal(daemon.wait(PATIENCE_S), 0, 'SIGTERM ends it with 0')
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
