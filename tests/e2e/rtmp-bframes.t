#!/usr/bin/env python3
# runs under: address
"""rtmp2rtc and how a picture was encoded: B-frames dropped, encoded anew or kept; SEI, delimiters,
parameter sets that change, long groups of pictures."""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardgen import make  # noqa: E402
from livelib import BIN, admin, free_port, is_live, path, relay, service, start, tap  # noqa: E402
from relaylib import Peer, wait_for  # noqa: E402
from rtmplib import DATA, Client, flv_tags, frames_of, run_within  # noqa: E402

SANITIZED = 'RTC_SANITIZER' in os.environ
FIRST_FRAME_MS = 3000 if SANITIZED else 400
FPS, VIDEO_PT, TWIN_PT = 25, 96, 98
X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '50', '-c:a', 'aac', '-x264-params']
for name, options in {
        'pyramid': 'bframes=3', 'leaves': 'bframes=2:b-pyramid=none:b-adapt=0',
        'delimited': 'bframes=0:aud=1', 'none': 'bframes=0', 'long': 'bframes=0:keyint=999'}.items():
    make(path(name), 24 if name == 'pyramid' else 12, [*X264, options, '-f', 'flv'])
make(path('large'), 3, ['-vf', 'scale=640:360', *X264, 'bframes=0', '-f', 'flv'])
whep = service('rtc-whep', '-c', '127.0.0.1')
http = service('rtc2rtmp')
logs = {}


def server(name, *args):
    port, (r, w) = free_port(), os.pipe()
    logs[port] = path(name + '.log')
    p = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{port}', *args, '-R', str(w), pass_fds=[w],
              stderr=open(logs[port], 'w'))
    os.close(w)
    os.read(r, 1)
    return port, p


def logged(port):
    return open(logs[port]).read()


def push(port, clip, stream):
    p = start('ffmpeg', '-v', 'error', '-re', '-i', path(clip), '-c', 'copy', '-f', 'flv',
              f'rtmp://127.0.0.1:{port}/live/{stream}')
    wait_for(lambda: is_live(stream), 20)
    return p


def watch(stream, seconds=2):
    return start(f'{BIN}/rtc-play', '-q', '-j', '--duration', str(seconds),
                 f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream={stream}',
                 stdout=subprocess.PIPE)


def verdict(p):
    return json.loads(p.communicate(timeout=60)[0])


def cpu_s(pid):
    return sum(map(int, open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[11:13])) / 100


class Units:
    """Types of the NAL units that a local subscriber gets."""

    def __init__(self, stream):
        self.peer = Peer(os.path.join(relay.dir, 'relay/media.sock'))
        self.peer.ask('attach', **{'as': 'subscriber', 'stream': f'live/{stream}'})

    def read(self, seconds):
        found, pts, end = set(), set(), time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                msg = self.peer.read(0.2)
            except TimeoutError:
                continue
            if not isinstance(msg, bytes) or 64 <= msg[1] & 127 < 96:
                continue
            pts.add(msg[1] & 127)
            if msg[1] & 127 != VIDEO_PT:
                continue
            at = 16 + 4 * int.from_bytes(msg[14:16], 'big') if msg[0] & 16 else 12
            kind = msg[at] & 31
            if kind == 24:
                at += 1
                while at + 2 < len(msg):
                    found.add(msg[at + 2] & 31)
                    at += 2 + int.from_bytes(msg[at:at + 2], 'big')
            else:
                found.add(msg[at + 1] & 31 if kind == 28 else kind)
        return found, pts


anew, parent = server('anew', '--bframes', 'transcode')
drop, _ = server('drop', '--no-sei')
pyramid, _ = server('pyramid')
push(anew, 'pyramid', 'anew')
push(drop, 'leaves', 'leaves')
push(drop, 'delimited', 'delimited')
early = watch('pyramid', 4)
push(pyramid, 'pyramid', 'pyramid')
child = open(f'/proc/{parent.pid}/task/{parent.pid}/children').read().split()[0]
recorder = start('curl', '-sN', f'http://127.0.0.1:{http}/live/anew.flv', '-o', path('got.flv'))
changing = Client(pyramid)
changing.obs('live', 'changing')


def change():
    """Two seconds of one size, then of another."""
    changing.feed(flv_tags(path('none')), 2)
    began = time.monotonic()
    for kind, ts, body in flv_tags(path('large')):
        if kind != DATA:
            time.sleep(max(0, began + ts / 1000 - time.monotonic()))
            changing.sock.sendall(changing.out.media(kind, 2040 + ts, body))


def cpu_over(work):
    """What the twin's process takes of a core meanwhile."""
    busy, began = cpu_s(child), time.monotonic()
    out = work()
    return (cpu_s(child) - busy) / (time.monotonic() - began), out


idle, (types, pts) = cpu_over(lambda: Units('anew').read(1.5))
tap.ok(TWIN_PT not in pts and VIDEO_PT in pts, 'local subscribers get the original alone', pts)
changer = threading.Thread(target=change)
changer.start()
wait_for(lambda: is_live('changing'), 10)
changed, units = watch('changing', 4), Units('changing')
viewers = {name: watch(name, 3) for name in ('anew', 'leaves', 'delimited', 'pyramid')}
viewers['second'] = watch('anew', 3)
used, (types, _) = cpu_over(lambda: Units('delimited').read(2.5))
verdicts = {name: verdict(p) for name, p in viewers.items()}
for name in ('anew', 'second'):
    v = verdicts[name]
    card = v['video']['card']
    tap.ok(v['ok'] and v['network']['lost'] == 0 and v['video']['undecodable'] == 0 and
           card['in_order'] and card['missing'] == 0 and card['unreadable'] == 0 and
           card['count'] >= 65, f'encoded anew: the {name} viewer sees every picture, in order', v)
    first_ms = v['times']['first_frame_ms']
    tap.ok(first_ms < FIRST_FRAME_MS, f'the first after {first_ms:.0f} ms', v['times'])
rest, _ = cpu_over(lambda: Units('anew').read(1))
print(f'# of a core: {100 * idle:.1f} % without a viewer, {100 * used:.1f} % with two, '
      f'{100 * rest:.1f} % after them', flush=True)
tap.ok(rest < used / 2 or rest < 0.02, 'no work is done when they have gone', (idle, used, rest))
recorder.terminate()
recorder.wait()
video, audio = frames_of(flv_tags(path('got.flv')))
sent_video, sent_audio = frames_of(flv_tags(path('pyramid')))
tap.ok(len(video) > 75 and run_within(video, sent_video) is not None and
       len({f[2] for f in video}) > 2 and run_within(audio, sent_audio) is not None,
       'HTTP-FLV gets what was sent, B-frames and all', len(video))
tap.ok('encoded anew' in logged(anew) and 'warn' not in logged(anew), 'the log says so, quietly',
       logged(anew))

# ---- dropped, as far as they can be ----

tap.ok(types & {1, 5} and types >= {7, 8} and not types & {6, 9, 12},
       '--no-sei: no SEI, no delimiters, parameter sets', types)
v = verdicts['leaves']
card = v['video']['card']
tap.ok(v['ok'] and v['video']['undecodable'] == 0 and card['in_order'] and
       card['unreadable'] == 0 and card['count'] >= 20 and
       0.25 <= card['count'] / (card['last'] + 1 - card['first']) <= 0.5,
       'B-frames that nothing refers to are dropped, the rest is in order', v)
v = verdicts['delimited']
tap.ok(v['ok'] and v['video']['card']['missing'] == 0, 'a stream with delimiters plays', v)
tap.ok(logged(drop).count('do not get: the picture is less smooth') == 1, 'one warning',
       logged(drop))
v = verdicts['pyramid']
card = v['video']['card']
tap.ok(v['ok'] and v['network']['lost'] == 0 and v['video']['undecodable'] == 0 and
       card['in_order'] and card['missing'] == 0 and card['unreadable'] == 0 and card['count'] >= 65,
       'B-frames that others refer to: encoded anew, every picture, in order', v)
tap.ok(logged(pyramid).count('warn:') == 1 and 'b-pyramid' in logged(pyramid) and
       'encoded anew' in logged(pyramid), 'one warning names the setting', logged(pyramid))
v = verdict(early)
card = v['video']['card']
tap.ok(v['ok'] and v['video']['undecodable'] == 0 and card['unreadable'] == 0 and
       card['count'] >= 85, 'who waited for that stream sees it from the beginning', v)

# ---- parameter sets that change, a keyframe missing for long ----

v = verdict(changed)
types, _ = units.read(0.5)
tap.ok(v['video']['undecodable'] == 0 and (v['video']['width'], v['video']['height']) == (640, 360),
       'a new sequence header: its parameter sets replace the old ones', v['video'])
tap.ok(types >= {5, 6}, 'SEI goes through without --no-sei', types)
client = Client(drop)
client.obs('live', 'slow')
for kind, ts, body in flv_tags(path('long')):
    client.sock.sendall(client.out.media(kind, ts, body))
tap.ok(wait_for(lambda: 'no keyframe for 4 s' in logged(drop), 10), 'a group of 12 s: a warning')
client.finish('slow')
tap.ok(wait_for(lambda: 'has ended live/slow' in logged(drop), 10) and
       logged(drop).count('no keyframe for') == 1, 'just one', logged(drop))
for args, words in ((['--bframes', 'some'], 'transcode'), (['--bframes'], 'usage')):
    p = subprocess.run([f'{BIN}/rtmp2rtc', *args], capture_output=True, text=True, timeout=10)
    tap.ok(p.returncode == 64 and words in p.stderr, f'{args}: 64 and words', p.stderr)
changer.join()
parent.terminate()
tap.equal(parent.wait(10), 0, 'SIGTERM ends it')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
