#!/usr/bin/env python3
# runs under: none
# runs beside others
"""rtc2rtmp and the other codecs: enhanced FLV and RTMP, HLS in MP4 and its master playlists, what holds
none of them, H264 made."""
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import PATIENCE_S, faults_of, numbers_of, run  # noqa: E402
from livelib import (BIN, children, free_port, is_live, path, relay, service, start, streams_of,  # noqa: E402
                     tap, whip)
from relaylib import wait_for  # noqa: E402

port, making, rtmp = service('rtc2rtmp', '--hls-fragment', '1'), service('rtc2rtmp', '--transcode'), free_port()
daemons = children[-2:]
server = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{rtmp}')
SIZE = '320x180'
CODECS = {'H265': 'hevc', 'VP9': 'vp9', 'AV1': 'av1'}


def publish(codec):
    # So small that one core encodes all four in time.
    return start(f'{BIN}/rtc-publish', '-q', f'--test={SIZE}', '--codec', codec,
                 f'http://127.0.0.1:{whip}/rtc/v1/whip/?app=live&stream={codec}')


def record(url, name):
    # Two seconds by number: an encoder that lacks a CPU for a while shifts its clock instead.
    return start('ffmpeg', '-v', 'error', '-i', url, '-frames:v', '50', '-shortest', '-c', 'copy', '-y', path(name))


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as r:
            return r.status, r.read(3)
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read())['detail']


def check(name, codec, what):
    file = path(name)
    numbers = numbers_of(file)
    tap.ok(codec in streams_of(file), f'{what}: {codec}', streams_of(file))
    tap.equal(faults_of(file), '', f'{what}: decodes without a word')
    tap.ok(len(numbers) > 20 and numbers == list(range(numbers[0], numbers[0] + len(numbers))),
           f'{what}: {len(numbers)} pictures in order', numbers)


publishers = [publish(c) for c in (*CODECS, 'VP8')]
for c in (*CODECS, 'VP8'):
    tap.ok(wait_for(lambda c=c: is_live(c), 30), f'{c} is published')

# By RTMP into rtmp2rtc, and from there into a file: what left was what a reader of enhanced FLV knows.
pushers = [start(f'{BIN}/rtc2rtmp', '-q', f'live/{c}', f'rtmp://127.0.0.1:{rtmp}/live/copy-{c}') for c in CODECS]
takers = [start(f'{BIN}/rtc2rtmp', '-q', '--wait', '30', '--duration', '4', f'live/copy-{c}',
                path(f'copy-{c}.mkv')) for c in CODECS]
hls = [record(f'http://127.0.0.1:{port}/live/{c}.m3u8', f'hls-{c}.mp4') for c in CODECS]
made = [record(f'http://127.0.0.1:{making}/live/VP8.flv', 'made.mkv'),
        start(f'{BIN}/rtc2rtmp', '-q', '--transcode', '--duration', '2', 'live/VP8', path('made.ts'))]
def text_of(what):
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/live/{what}', timeout=PATIENCE_S) as r:
        return r.read()


def mime(init):
    """What the pages make of an initialisation section: codecs by another reader of the records."""
    with open(path('init.mp4'), 'wb') as f:
        f.write(init)
    script = "import('./www/js/mp4.js').then((m) => console.log(m.mimeOf(new Uint8Array(" \
        f"require('fs').readFileSync('{path('init.mp4')}')))))"
    return run('node', '-e', script).stdout.decode().strip()


def masters():
    """A master playlist per codec: its names are those of the initialisation section, ffprobe reads it."""
    for c, name in CODECS.items():
        text = text_of(f'{c}.m3u8?master&format=fmp4').decode()
        lines = text.splitlines()
        tap.ok(lines[0] == '#EXTM3U' and len(lines) == 3 and lines[2] == f'{c}.m3u8?format=fmp4',
               f'{c}: a master playlist', text)
        attributes = dict(re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', lines[1].split(':', 1)[1]))
        tap.ok(10000 < int(attributes['AVERAGE-BANDWIDTH']) <= int(attributes['BANDWIDTH']) < 10000000,
               f'{c}: its rates', attributes)
        tap.equal(attributes['RESOLUTION'], SIZE, f'{c}: its size')
        init = re.search(r'MAP:URI="(.*)"', text_of(lines[2]).decode())[1]
        codecs = attributes['CODECS'].strip('"').split(',')
        tap.equal(mime(text_of(init)), f'video/mp4; codecs="{", ".join(codecs)}"', f'{c}: its codecs')
        p = run('ffprobe', '-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0',
                f'http://127.0.0.1:{port}/live/{c}.m3u8?master')
        tap.ok(name in p.stdout.decode() and 'aac' in p.stdout.decode(), f'{c}: ffprobe follows it', p)


for p in (*takers, *hls, *made):
    _, err = p.communicate(timeout=PATIENCE_S)
    tap.equal((p.returncode, err), (0, b''), f'{os.path.basename(p.args[0])} is content')
for c, name in CODECS.items():
    check(f'copy-{c}.mkv', name, f'{c} by RTMP')
    check(f'hls-{c}.mp4', name, f'{c} by HLS')
check('made.mkv', 'h264', 'H264 of VP8, by FLV')
check('made.ts', 'h264', 'H264 of VP8, a file')

masters()
tap.equal(ask(f'http://127.0.0.1:{port}/live/AV1.flv'), (200, b'FLV'), 'AV1 in FLV')
for what, words in (('AV1.ts', 'MPEG-TS does not hold AV1'), ('AV1.m3u8?format=ts', 'there is .flv and .m3u8'),
                    ('VP8.flv', '--transcode'), ('VP8.m3u8', 'publish H264'), ('VP8.m3u8?master', 'publish H264')):
    code, detail = ask(f'http://127.0.0.1:{port}/live/{what}')
    tap.ok(code == 404 and words in detail, f'{what}: 404, and why', (code, detail))
p = run(f'{BIN}/rtc2rtmp', 'live/VP8', path('no.flv'))
tap.ok(p.returncode == 65 and b'mkv can, and --transcode' in p.stderr, 'VP8 into FLV is exit 65, and why', p.stderr)
tap.ok(not os.path.exists(path('no.flv')), 'nothing is written')

for p in (*pushers, *daemons, *publishers):
    p.send_signal(signal.SIGTERM)
for p in (*pushers, *daemons, *publishers):
    _, err = p.communicate(timeout=PATIENCE_S)
    tap.ok(p.returncode == 0, f'{os.path.basename(p.args[0])} ends', (p.returncode, err))
server.terminate()
server.wait(PATIENCE_S)
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
