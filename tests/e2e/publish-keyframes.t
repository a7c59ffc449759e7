#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtc-publish --gop: a keyframe so often, of the test card and of a file that is encoded anew. Players that
ask make more of them; with --no-pli they are counted, and that is all."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proglib import endpoint, start  # noqa: E402
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

tap = Tap()
TMP = tempfile.TemporaryDirectory(prefix='rtckit-keyframes-')
PATIENCE_S = 60
FPS, FILM_S, GOP_S = 15, 120, 2.4
GOP = round(FPS * GOP_S)


relay = Relay('--gop-cache', 'off')     # who joins has a keyframe asked for
admin = relay.connect('admin')
WHIP, WHEP = endpoint(relay, 'rtc-whip'), endpoint(relay, 'rtc-whep')
film = os.path.join(TMP.name, 'film.mkv')
subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', f'testsrc=size=320x180:rate={FPS}', '-t', str(FILM_S),
                '-c:v', 'mpeg4', film], check=True)
CARD = f'--test=320x180@{FPS}'
OFTEN, SELDOM = ['--gop', str(GOP_S)], ['--gop', '600']
ROWS = {'deaf': [*OFTEN, '--no-pli', CARD], 'deaf-vp8': [*OFTEN, '--no-pli', '--codec', 'vp8', CARD],
        'film': [*OFTEN, '--no-pli'], 'heeds': [*SELDOM, CARD]}


def come(keyframes):
    """So many have come of each."""
    return lambda: [s['keyframes'] >= keyframes for s in admin.ask('streams.list')['streams']] == [True] * len(ROWS)


publishers = {name: start(f'{BIN}/rtc-publish', '-j', *args, WHIP + name, *([film] if name == 'film' else []))
              for name, args in ROWS.items()}
tap.ok(wait_for(come(1), 30), 'all publish')
players = [start(f'{BIN}/rtc-play', '-q', '--duration', '1', WHEP + name) for name in ROWS]
tap.equal([p.wait(PATIENCE_S) for p in players], [0] * len(ROWS), 'all are played')
tap.ok(wait_for(come(2), 30), 'each has sent another keyframe by then')
asked = 0
for name, p in publishers.items():
    p.terminate()
    out, err = p.communicate(timeout=PATIENCE_S)
    r = json.loads(out)
    due = -(-r['frames'] // GOP)
    print('#', name, r['keyframes'], 'of', r['frames'], 'asked', r['plis'])
    tap.equal(p.returncode, 0, f'{name}: it ends well')
    if name == 'heeds':
        tap.ok(r['plis'] > 0 and r['keyframes'] > 1, f'{name}: it makes one that was asked for', r)
    else:
        asked += r['plis']  # of one whose own keyframe came just then none was asked for
        tap.ok(due > 1 and r['keyframes'] == due, f'{name}: there is one each {GOP} pictures, and no other', r)
tap.ok(asked > 0, 'others were asked for', asked)

passed = os.path.join(TMP.name, 'h264.mkv')
subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=15', '-t', '1', '-c:v',
                'libx264', '-bf', '0', '-pix_fmt', 'yuv420p', passed], check=True)


def publish(*args):
    return subprocess.run([f'{BIN}/rtc-publish', *args], capture_output=True, timeout=PATIENCE_S)


p = publish('--gop', '1', WHIP + 'asis', passed)
tap.ok(p.returncode == 0 and b'--gop changes nothing' in p.stderr, 'a file that is sent as it is has its own: said',
       p.stderr)
for wrong in ('0', '601', 'x', '0.05'):
    p = publish('--gop', wrong, '--test', WHIP + 'x')
    tap.ok(p.returncode == 64 and b'--gop wants 0.1 to 600 seconds' in p.stderr, f'--gop {wrong} is refused', p.stderr)
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
