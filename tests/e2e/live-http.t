#!/usr/bin/env python3
# runs under: address
# runs beside others, from the beginning
"""rtc2rtmp as a daemon: the test card as HTTP-FLV, MPEG-TS and HLS; what ffmpeg makes of it."""
import datetime
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
from relaylib import BIN, wait_for  # noqa: E402

port = service('rtc2rtmp', '--hls-fragment', '1', '--hls-window', '4', '--mount',
               '/tv/[app]/x-[stream].flv')
daemon = children[-1]
BASE = f'http://127.0.0.1:{port}'
HLS_DIR = path('hls')
recorders = {}      # by ending: file, process
OWN = {'card-of-mine-1.ts', 'own-1.ts'}    # of somebody else
HLS_ARGS = ['--hls-path', HLS_DIR, '--hls-format', 'fmp4', '--hls-fragment', '0.5',
            '--hls-window', '2', '--no-flv', '--no-hls']
service('rtc2rtmp', *HLS_ARGS)
writer = children[-1]


def get(what, method='GET'):
    """Status, headers, body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(BASE + what, method=method),
                                    timeout=PATIENCE_S) as r:
            return r.status, r.headers, r.read() if method == 'GET' else b''
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def start_recorders():
    """What ffmpeg gets in four seconds, copied; all ways at once."""
    for i, what in enumerate(('flv', 'ts', 'm3u8', 'm3u8?format=fmp4')):
        recorders[what] = path(f'way-{i}.mkv'), start(
            'ffmpeg', '-v', 'error', '-i', f'{BASE}/live/card.{what}', '-t', '4', '-c', 'copy', '-y',
            path(f'way-{i}.mkv'))


def recorded(what, name):
    out, p = recorders[what]
    _, err = p.communicate(timeout=PATIENCE_S)
    tap.equal((p.returncode, err), (0, b''), f'ffmpeg reads {what}')
    good(out, name, 4, ['aac', 'h264'])


def endless():
    """Beside a consumer that reads nothing for long: no one waits for it."""
    slow = socket.create_connection(('127.0.0.1', port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(b'GET /live/card.flv HTTP/1.0\r\n\r\n')
    start_recorders()
    for ext, mime in (('flv', 'video/x-flv'), ('ts', 'video/mp2t')):
        began = time.monotonic()
        with urllib.request.urlopen(f'{BASE}/live/card.{ext}', timeout=PATIENCE_S) as r:
            first = r.read(1000)
            took_ms = (time.monotonic() - began) * 1000
            headers = r.headers
        tap.ok(len(first) == 1000 and took_ms < 5000, f'{ext}: begins after {took_ms:.0f} ms')
        tap.equal(headers['Content-Type'], mime, f'{ext}: its type')
        tap.equal(headers['Access-Control-Allow-Origin'], '*', f'{ext}: for any origin')
        recorded(ext, f'HTTP {ext}')
    tap.equal(get('/live/card.flv', 'HEAD')[0], 200, 'HEAD')
    slow.close()


def mounted():
    """The path of --mount, and beside it the usual one."""
    for what, begin in (('/tv/live/x-card.flv', b'FLV'), ('/tv/live/x-card.ts', b'G@'),
                        ('/live/card.flv', b'FLV')):
        with urllib.request.urlopen(BASE + what, timeout=PATIENCE_S) as r:
            tap.equal(r.read(len(begin)), begin, what)
    tap.equal([get(f'/tv/live/{name}.flv')[0] for name in ('card', 'x-', 'x-none')], [404] * 3,
              'what is not of it is not there')
    tap.equal(get('/tv/live/x-card.m3u8')[0], 404, 'nor is a playlist')
    for bad in ('/tv/[app].flv', '/[stream].mp3', '/rtc/v1/[stream].ts'):
        p = run(f'{BIN}/rtc2rtmp', '--mount', bad)
        tap.ok(p.returncode == 64 and b'--mount ' + bad.encode() in p.stderr,
               f'--mount {bad} is refused in words', p.stderr)


def dates(text):
    return [datetime.datetime.fromisoformat(d.replace('Z', '+00:00')).timestamp()
            for d in re.findall(r'#EXT-X-PROGRAM-DATE-TIME:(.*)', text)]


def full_playlist():
    """Once the window is: what nobody asked for in 15 s, while the other recordings were looked at, begins anew."""
    def text():
        return get('/live/card.m3u8')[2].decode()
    wait_for(lambda: text().count('#EXTINF') >= 3, 15)
    return text()


def hls():
    code, headers, text = get('/live/card.m3u8')
    tap.equal((code, headers['Content-Type']), (200, 'application/vnd.apple.mpegurl'), 'a playlist')
    tap.equal(headers['Access-Control-Allow-Origin'], '*', 'for any origin')
    tap.ok(text.startswith(b'#EXTM3U\n') and b'card.ts?segment=' in text, 'that names segments', text)
    recorded('m3u8', 'HLS')
    text = full_playlist()
    behind = time.time() - dates(text)[-1]
    tap.ok(0 < behind < 5, f'its last segment began {behind:.1f} s ago, it says', text)
    durations = [float(d) for d in re.findall(r'#EXTINF:([0-9.]+),', text)]
    tap.ok(3 <= len(durations) <= 6 and all(0.5 <= d <= 5 for d in durations),
           'the window is kept', text)
    target = int(re.search(r'TARGETDURATION:(\d+)', text)[1])
    tap.ok(max(int(d + 0.5) for d in durations) <= target, 'no segment is longer than the target', text)
    segment = re.findall(r'^card.ts.*', text, re.M)[-1]
    code, headers, body = get(f'/live/{segment}')
    tap.equal((code, headers['Content-Type'], body[0], len(body) % 188),
              (200, 'video/mp2t', 0x47, 0), 'a segment')
    tap.equal(get('/live/card.ts?segment=7')[0], 404, 'one that is no more')


def master():
    """A playlist of playlists, for both sorts; it fixes nothing."""
    for query, sort in (('', 'ts'), ('&format=fmp4', 'fmp4')):
        code, headers, text = get(f'/live/card.m3u8?master{query}')
        tap.equal((code, headers['Content-Type']), (200, 'application/vnd.apple.mpegurl'), 'a master playlist')
        tap.ok(re.fullmatch(r'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,'
                            r'CODECS="avc1\.42[0-9a-f]{4},mp4a\.40\.2",RESOLUTION=640x360\n'
                            rf'card\.m3u8\?format={sort}\n', text.decode()),
               f'{sort}: its one variant', text)


def fmp4():
    recorded('m3u8?format=fmp4', 'HLS in MP4')
    text = get('/live/card.m3u8?format=fmp4')[2].decode()
    init = re.search(r'#EXT-X-MAP:URI="(.*)"', text)[1]
    code, headers, body = get(f'/live/{init}')
    tap.equal((code, headers['Content-Type'], body[4:8]), (200, 'video/mp4', b'ftyp'),
              'an initialisation section')
    segment = re.findall(r'^card.m4s.*', text, re.M)[-1]
    code, headers, body = get(f'/live/{segment}')
    tap.equal((code, headers['Content-Type'], body[4:8]), (200, 'video/mp4', b'moof'), 'a segment')
    tap.equal(get('/live/card.m3u8?format=dash')[0], 400, 'another format is refused')


def written():
    """HLS as files: whole, few, gone when the stream or the program is."""
    global writer
    playlist = f'{HLS_DIR}/live/card.m3u8'
    out = path('written.mkv')
    p = run('ffmpeg', '-v', 'error', '-i', playlist, '-t', '3', '-c', 'copy', '-y', out)
    tap.equal((p.returncode, p.stderr), (0, b''), 'ffmpeg reads them')
    good(out, 'HLS files', 3, ['aac', 'h264'])
    with open(playlist, encoding='ascii') as f:
        named = set(re.findall(r'^card-.*|card-init-[^"]*', f.read(), re.M))
    there = {n for n in os.listdir(f'{HLS_DIR}/live') if n.startswith('card')}
    tap.ok(named < there and len(there) < 20, f'{len(there)} files', (named, there))
    # A writer that was killed before the first playlist, or while it removed what the last one named.
    for name, text in (('gone.m3u8.tmp', '#EXTM3U\n# written by rtc2rtmp\n'), ('gone-5.m4s', ''),
                       ('gone-init-1.mp4', ''), ('own.m3u8s.m3u8', '#EXTM3U\n# written by rtc2rtmp\n')):
        with open(f'{HLS_DIR}/live/{name}', 'w', encoding='ascii') as f:
            f.write(text)
    for name in OWN:
        with open(f'{HLS_DIR}/live/{name}', 'w', encoding='ascii'):
            pass
    writer.kill()
    writer.wait(PATIENCE_S)
    left = set(os.listdir(f'{HLS_DIR}/live'))
    service('rtc2rtmp', *HLS_ARGS)
    writer = children[-1]
    now = set(os.listdir(f'{HLS_DIR}/live'))
    tap.equal(left & now, OWN, 'what a killed one left is removed by the next, nothing else')
    tap.ok(wait_for(lambda: os.path.exists(playlist), 20), 'which goes on')


def removed():
    tap.ok(wait_for(lambda: not [n for n in os.listdir(f'{HLS_DIR}/live') if 'early' in n], 20),
           'the files of a stream that ended are removed')
    writer.send_signal(signal.SIGTERM)
    tap.equal(writer.wait(PATIENCE_S), 0, 'SIGTERM ends the writer')
    tap.equal(set(os.listdir(f'{HLS_DIR}/live')), OWN, 'which takes its files along')


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
    tap.equal(len(subscribers), 2, '20 consumers share one subscription; the writer has another')
    for s in sockets:
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
    # The longest wait: without a gap between one refusal and the next request, in which they might come.
    patient = service('rtc2rtmp', '--wait', '20')
    player = start('ffmpeg', '-v', 'error', '-i', f'http://127.0.0.1:{patient}/live/early.flv', '-c', 'copy', '-y', out)
    tap.ok(wait_for(lambda: [s for s in sessions() if s['stream'] == 'live/early'], 20), 'a player waits')
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
mounted()
hls()
master()
fmp4()
shared()
refusals()
the_first_frames()
written()
removed()
tap.ok(wait_for(lambda: not [s for s in sessions() if s['kind'] not in ('publish', 'play')], 40),
       'what nobody wants is let go', sessions())
daemon.send_signal(signal.SIGTERM)
tap.equal(daemon.wait(PATIENCE_S), 0, 'SIGTERM ends it with 0')
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
