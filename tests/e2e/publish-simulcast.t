#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtc-publish --simulcast: every layer arrives at the relay under its name and size, players get the
largest, and another where a layer is not sent; of the test card and of a file."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proglib import endpoint, start  # noqa: E402
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

tap = Tap()
TMP = tempfile.TemporaryDirectory(prefix='rtckit-layers-')
PATIENCE_S = 60


relay = Relay()
admin = relay.connect('admin')
WHIP, WHEP = endpoint(relay, 'rtc-whip'), endpoint(relay, 'rtc-whep')


def layers(stream):
    """(rid, width, height) of the layers that are being sent."""
    for s in admin.ask('streams.list', start=0, count=50)['streams']:
        if s['name'] == f'live/{stream}':
            return [(x['rid'], x['width'], x['height']) for x in s.get('layers', []) if x['active']]
    return []


def publish(stream, *args, file=None):
    return start(f'{BIN}/rtc-publish', '-j', *args, WHIP + stream, *([file] if file else []))


def play(stream, *args):
    p = subprocess.run([f'{BIN}/rtc-play', '-j', '--duration', '2', *args, WHEP + stream], capture_output=True,
                       timeout=PATIENCE_S)
    return p.returncode, json.loads(p.stdout), p.stderr.decode()


THREE = [('f', 640, 360), ('h', 320, 180), ('q', 160, 90)]
publishers = {n: publish(n, '--codec', n, '--test=640x360@15', '--simulcast', '3', '--video-bitrate', '900000')
              for n in ('h264', 'vp8')}
for n, p in publishers.items():
    tap.ok(wait_for(lambda: layers(n) == THREE, 20), f'{n}: three layers arrive', layers(n))
    code, r, err = play(n, '--expect-card', '--expect-audio')
    video = r['video'] or {}
    tap.ok(code == 0 and (video['width'], video['height'], video['card']['missing']) == (640, 360, 0),
           f'{n}: a player gets the largest', f'{code} {r} {err}')
    p.terminate()
    out, err = p.communicate(timeout=PATIENCE_S)
    r = json.loads(out)
    tap.ok(p.returncode == 0 and 0 < r['frames'] <= r['media_s'] * 15 + 2, f'{n}: pictures are counted once',
           f'{r} {err}')

film = os.path.join(TMP.name, 'film.mkv')
subprocess.run(['ffmpeg', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=15', '-t', '4', '-c:v',
                'libx264', '-bf', '0', '-pix_fmt', 'yuv420p', film], check=True)
p = publish('film', '--loop', '--simulcast', '2', file=film)
tap.ok(wait_for(lambda: layers('film') == [('f', 320, 180), ('h', 160, 90)], 20), 'a film in two sizes',
       layers('film'))
code, r, err = play('film')
tap.equal((code, (r['video'] or {}).get('width')), (0, 320), 'is played in the larger')
p.terminate()
tap.equal(p.wait(PATIENCE_S), 0, 'it ends')
tap.ok('to layers' in p.stderr.read().decode(), 'it was said that it is encoded anew')

for want, args in ((64, ['--simulcast', '1', '--test', WHIP + 'x']), (64, ['--simulcast', '9', '--test', WHIP + 'x']),
                   (64, ['--simulcast', '4', '--test=320x180', WHIP + 'x']),
                   (66, ['--simulcast', '2', '--no-transcode', WHIP + 'x', film])):
    p = subprocess.run([f'{BIN}/rtc-publish', *args], capture_output=True, timeout=PATIENCE_S)
    tap.ok(p.returncode == want and p.stderr, f'{" ".join(args[:3])}: exit {want}', f'{p.returncode} {p.stderr}')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
