#!/usr/bin/env python3
# runs under: none
"""Sound and picture leave rtc2rtmp as they were together at the source: a file whose picture flashes
with each beep is published by WebRTC, over a clean path and over one that loses 5 %, and read by RTMP,
HTTP-FLV, MPEG-TS and both sorts of HLS. The flash is measured against the beep, not against what
another receiver makes of them."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardgen import make  # noqa: E402
from cardlib import PATIENCE_S, flash_skews_ms  # noqa: E402
from linklib import Link  # noqa: E402
from livelib import BIN, SKEW_MS, admin, children, free_port, is_live, path, relay, service, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402

SOURCE_MS = 5
SOURCE_S, READ_S = 60, 12
LOSS = 0.05
SEED = int(os.environ.get('RTC_SEED', '20261128'))
MEDIA = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25', '-c:a', 'aac', '-b:a', '96k']

link = Link(('127.0.0.1', admin.hello['listen'][0]['port']), SEED, loss=LOSS, bad=False)
whips = {'clean': service('rtc-whip', '-c', '127.0.0.1'),
         'lossy': service('rtc-whip', '-c', f'127.0.0.1:{link.port}', '--no-detect', '--no-api-candidate')}
http, rtmp = service('rtc2rtmp', '--hls-fragment', '1'), service('rtmp2rtc')
start(f'{BIN}/rtc2rtmp')     # whom rtmp2rtc asks
servers = children[-3:]
tap.ok(wait_for(lambda: os.path.exists(os.path.join(relay.dir, 'live.sock')), 10), 'the programs are there')
WAYS = {'RTMP': f'rtmp://127.0.0.1:{rtmp}/live/%s', 'HTTP-FLV': f'http://127.0.0.1:{http}/live/%s.flv',
        'MPEG-TS': f'http://127.0.0.1:{http}/live/%s.ts', 'HLS': f'http://127.0.0.1:{http}/live/%s.m3u8',
        'HLS in MP4': f'http://127.0.0.1:{http}/live/%s.m3u8?format=fmp4'}


def publish(stream):
    return start(f'{BIN}/rtc-publish', '-q',
                 f'http://127.0.0.1:{whips[stream]}/rtc/v1/whip/?app=live&stream={stream}', source)


def recording(stream, way):
    return path(f'{stream}-{way.replace(" ", "-")}.mkv')


source = path('source.mkv')
make(source, SOURCE_S, MEDIA)
skews = flash_skews_ms(source)
tap.ok(len(skews) >= SOURCE_S - 2 and all(abs(ms) <= SOURCE_MS for ms in skews),
       f'the source: {len(skews)} flashes within {SOURCE_MS} ms of their beeps', skews)
publishers = [publish(s) for s in whips]
for s in whips:
    tap.ok(wait_for(lambda s=s: is_live(s), 30), f'{s} is live')
link.bad = True
readers = {(s, way): start('ffmpeg', '-v', 'error', '-i', url % s, '-t', str(READ_S), '-c', 'copy', '-y',
                           recording(s, way)) for s in whips for way, url in WAYS.items()}
for (s, way), p in readers.items():
    _, err = p.communicate(timeout=PATIENCE_S)
    tap.equal((p.returncode, err), (0, b''), f'{s}: ffmpeg reads {way}')
    skews = flash_skews_ms(recording(s, way))
    tap.ok(len(skews) >= READ_S - 4 and all(abs(ms) <= SKEW_MS for ms in skews),
           f'{s}: {way}: {len(skews)} beeps, {min(skews, default=0)} to {max(skews, default=0)} ms behind the flash',
           skews)
tap.ok(link.lost > 100, f'{link.lost} of {link.lost + link.passed} datagrams were lost')
for p in (*publishers, *servers):
    p.terminate()
    p.wait(PATIENCE_S)
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
