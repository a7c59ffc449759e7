#!/usr/bin/env python3
# runs under: address
# runs with the servers
"""rtc-mix: test cards side by side; what is in the cells and in the sound, who leaves, who returns."""
import array
import json
import math
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import FPS, numbers_of, run, skew_ms  # noqa: E402
from livelib import BIN, SKEW_MS, admin, is_live, path, relay, service, start, tap, whip  # noqa: E402
from relaylib import wait_for  # noqa: E402

W, H = 640, 360
RATE, STEPS = 8000, 8
SLOW = 'RTC_SANITIZER' in os.environ
whep = service('rtc-whep', '-c', '127.0.0.1')


def url(kind, port, stream):
    return f'http://127.0.0.1:{port}/rtc/v1/{kind}/?app=live&stream={stream}'


def publish(stream, *source):
    source = source or ('--test=320x180',)
    options = [s for s in source if s.startswith('-')]
    files = [s for s in source if not s.startswith('-')]
    return start(f'{BIN}/rtc-publish', '-q', *options, url('whip', whip, stream), *files)


def mix(*args, **kw):
    r, w = os.pipe()
    p = start(f'{BIN}/rtc-mix', '-R', str(w), '--size', f'{W}x{H}', *args, pass_fds=[w], text=True,
              stdout=subprocess.PIPE, **kw)
    os.close(w)
    ready = os.read(r, 1) == b'\n'
    os.close(r)
    return p, ready


def record(stream, seconds):
    """The verdict of rtc-play, and a recording with PCM (ffmpeg's own Opus decoder errs on tones)."""
    raw, out = path('raw.mkv'), path(f'{stream}.mkv')
    p = run(f'{BIN}/rtc-play', '-q', '-j', '--duration', str(seconds), url('whep', whep, stream), raw)
    run('ffmpeg', '-v', 'error', '-y', '-c:a', 'libopus', '-i', raw, '-c:v', 'copy', '-c:a',
        'pcm_s16le', out)
    return json.loads(p.stdout), out


def cell(file, x, y=H // 4, w=W // 2, h=H // 2):
    out = path(f'cell-{x}-{y}.mkv')
    run('ffmpeg', '-v', 'error', '-y', '-i', file, '-vf', f'crop={w}:{h}:{x}:{y}', '-c:v', 'libx264',
        '-preset', 'ultrafast', '-qp', '10', '-c:a', 'copy', out)
    return out


def luma(file, x):
    """Mean and spread of the luma in the middle of a half of the picture, in the last second."""
    raw = run('ffmpeg', '-v', 'error', '-sseof', '-0.5', '-i', file, '-frames:v', '1', '-vf',
              f'crop=200:200:{x + 60}:80', '-f', 'rawvideo', '-pix_fmt', 'gray', '-').stdout
    return sum(raw) / len(raw), max(raw) - min(raw)


def tones(file):
    """For each 100 ms the steps that sound."""
    n = RATE // 10
    raw = array.array('h', run('ffmpeg', '-v', 'error', '-i', file, '-map', '0:a:0', '-ac', '1', '-ar',
                               str(RATE), '-f', 's16le', '-').stdout)
    found = []
    for at in range(0, len(raw) - n + 1, n):
        powers = []
        for step in range(STEPS):
            k, s1, s2 = 2 * math.cos(2 * math.pi * (400 + 100 * step) / RATE), 0.0, 0.0
            for v in raw[at:at + n]:
                s1, s2 = v + k * s1 - s2, s1
            powers.append((s1 * s1 + s2 * s2 - k * s1 * s2) / n / n)
        found.append({s for s, p in enumerate(powers) if p > max(powers) / 4 and p > 1e5})
    return found


def rising(numbers):
    good = [n for n in numbers if n is not None]
    return len(good) >= 0.9 * len(numbers) and len(good) > 20 and good == sorted(good)


# ---- two members ----

a = publish('a')
wait_for(lambda: is_live('a'), 10)
mixer, ready = mix('--stats', '-j', '--hold', '1', 'live/a', 'live/b', 'live/out')
tap.ok(ready and is_live('out'), 'the mix is published')
stats = []
wait_for(lambda: stats.append(json.loads(mixer.stdout.readline())) or
         stats[-1]['members'][0]['pictures'] > 1.5 * FPS, 15)
second = publish('b', '--test=320x240')     # so much later, its tone is another
wait_for(lambda: stats.append(json.loads(mixer.stdout.readline())) or
         all(m['pictures'] > FPS for m in stats[-1]['members']), 15)
v, both = record('out', 2.5)
tap.ok(v['ok'] and v['network']['lost'] == 0 and v['video']['undecodable'] == 0, 'it plays', v)
tap.ok(abs(v['video']['fps'] - FPS) <= FPS / 10, f"{v['video']['fps']:.1f} frames a second", v['video'])
left, right = numbers_of(cell(both, 0)), numbers_of(cell(both, W // 2, H // 2 - 120, W // 2, 240))
tap.ok(rising(left), 'the first member is in the left cell', left)
tap.ok(rising(right), 'the second, of another shape, is in the right one', right)
ahead = {x - y for x, y in zip(left, right) if None not in (x, y)}
tap.ok(max(ahead) - min(ahead) <= 2 and min(ahead) > 0, 'both go on evenly', ahead)
heard = [t for t in tones(both)[2:] if len(t) == 2]
tap.ok(len(heard) >= 15, 'both tones sound', tones(both))

# ---- one is killed, and returns ----

second.kill()
wait_for(lambda: json.loads(mixer.stdout.readline())['members'][1]['state'] != 'live', 15)
v, alone = record('out', 3.2)
level, spread = luma(alone, W // 2)
tap.ok(spread <= 4 and 30 < level < 70, 'a killed member: a plain card', (level, spread))
tap.ok(abs(v['video']['fps'] - FPS) <= FPS / 10, 'at the same frame rate', v['video'])
skews = skew_ms(cell(alone, 0))
tap.ok(len(skews) >= 2 and all(abs(s) <= SKEW_MS for s in skews),
       f'sound within {SKEW_MS} ms of the picture', skews)


def returns():
    global second
    if second.poll() is not None:
        second = publish('b', '--test=320x240')
    return json.loads(mixer.stdout.readline())['members'][1]['state'] == 'live'


tap.ok(wait_for(returns, 20), 'it returns')
_, again = record('out', 1.2)
tap.ok(rising(numbers_of(cell(again, W // 2, H // 2 - 120, W // 2, 240))), 'and is in its cell again')

# ---- it stalls, it changes: the mix goes on ----

second.send_signal(signal.SIGSTOP)
tap.ok(wait_for(lambda: json.loads(mixer.stdout.readline())['members'][1]['state'] == 'stalled', 10),
       'a member that stalls')
second.send_signal(signal.SIGCONT)
second.terminate()
busy = subprocess.run([f'{BIN}/rtc-mix', '-q', 'live/a', 'live/out'], capture_output=True, timeout=20)
tap.equal(busy.returncode, 75, 'a second mix of the name is refused')
mixer.send_signal(signal.SIGTERM)
rest = mixer.communicate(timeout=20)[0].splitlines()
tap.equal(mixer.returncode, 0, 'SIGTERM ends it')
summary = json.loads(rest[-1])
tap.ok(summary['media_s'] > 8 and (SLOW or summary['frames'] >= 0.95 * FPS * summary['media_s'] - 2),
       'no frame is missing of all that', summary)

# ---- a room: sound alone, pictures alone, another size ----

run('ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'sine=1000', '-t', '20', '-c:a', 'libopus', path('s.ogg'))
run('ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'color=red:size=160x120:rate=15', '-t', '20', '-c:v',
    'libx264', '-tune', 'zerolatency', '-g', '15', '-pix_fmt', 'yuv420p', path('p.mkv'))
mixer, ready = mix('--stats', '--room', 'live', '--filter', 'hflip', 'live/out', stdin=None)
sound, picture = publish('s', path('s.ogg')), publish('p', path('p.mkv'))
coded = [publish(c, '--test=160x90@15', f'--codec={c}') for c in ('h265', 'vp8', 'vp9', 'av1')]


def room():
    line = json.loads(mixer.stdout.readline())
    return {m['stream']: m for m in line['members'] if m['state'] == 'live'}


found = {}
everybody = {f'live/{s}' for s in ('a', 's', 'p', 'h265', 'vp8', 'vp9', 'av1')}
tap.ok(wait_for(lambda: found.update(m=room()) or set(found['m']) == everybody, 20),
       'a room: all members of it are found, the mix itself is not one', found)
tap.ok(wait_for(lambda: room()['live/p']['pictures'] > 15, 10) and found['m']['live/s']['video'] == '',
       'sound alone and pictures alone are members', found)
tap.ok(wait_for(lambda: all(m['shown'] > 10 or not m['video'] for m in room().values()), 10),
       'H265, VP8, VP9 and AV1 are decoded', found)
for p in [picture, sound] + coded:
    p.terminate()
tap.ok(wait_for(lambda: set(room()) == {'live/a'}, 10), 'who leaves, leaves the picture')
_, one = record('out', 1.2)
whole = path('whole.mkv')
run('ffmpeg', '-v', 'error', '-y', '-i', one, '-vf', 'hflip', '-c:v', 'libx264', '-qp', '10', whole)
last = numbers_of(whole)
tap.ok(rising(last), 'the last one has all of it, and the filter was applied', last)
a.terminate()
tap.ok(wait_for(lambda: json.loads(mixer.stdout.readline())['members'] == [], 10) and
       abs(json.loads(mixer.stdout.readline())['fps'] - FPS) <= FPS / 10, 'without members it goes on')
relay.proc.kill()
relay.proc.wait()
successor = start(f'{BIN}/rtc-relay', '-u', '127.0.0.1:0', stderr=subprocess.DEVNULL)
tap.ok(wait_for(lambda: json.loads(mixer.stdout.readline())['reconnects'] == 1, 10),
       'a relay that was killed: published again at its successor')
mixer.send_signal(signal.SIGINT)
tap.equal(mixer.wait(20), 0, 'SIGINT ends it')
bad = subprocess.run([f'{BIN}/rtc-mix', '--filter', 'nonsense', 'live/a', 'live/x'], capture_output=True)
tap.ok(bad.returncode == 64 and b'nonsense' in bad.stderr, 'a filter that there is not: 64', bad)
successor.terminate()
tap.equal(successor.wait(10), 0, 'the relay is well')
alone = subprocess.run([f'{BIN}/rtc-mix', 'live/a', 'live/x'], capture_output=True, timeout=20)
tap.equal(alone.returncode, 69, 'without a relay: 69')
tap.done()
