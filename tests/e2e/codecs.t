#!/usr/bin/env python3
# runs under: address
# runs with the servers
"""H264, H265, VP8, VP9 and AV1 from rtc-publish through the relay to rtc-play: recorded whole in
containers that ffmpeg decodes, joined late at a keyframe, files passed on as they are; codecs that
do not meet are named."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import faults_of, numbers_of  # noqa: E402
from proglib import endpoint, start  # noqa: E402
from relaylib import BIN, Relay, Tap, codec, rtp, wait_for  # noqa: E402

tap = Tap()
TMP = tempfile.TemporaryDirectory(prefix='rtckit-codecs-')
PATIENCE_S = 90
SECONDS, FPS = 4, 15
# Encoders under a sanitizer, five at a time, do not keep up with the clock.
SHARE = 0.3 if 'RTC_SANITIZER' in os.environ else 0.95
# ffmpeg's name, the recording from the start, the one of a late joiner
CODECS = {'h264': ('h264', 'ts', 'mkv'), 'h265': ('hevc', 'mp4', 'mkv'), 'vp8': ('vp8', 'ivf', 'mkv'),
          'vp9': ('vp9', 'webm', 'mp4'), 'av1': ('av1', 'mp4', 'webm')}


def path(name):
    return os.path.join(TMP.name, name)


relay = Relay()
WHIP, WHEP = endpoint(relay, 'rtc-whip'), endpoint(relay, 'rtc-whep')
admin = relay.connect('admin')


def publish(stream, *args, file=None, **kw):
    return start(f'{BIN}/rtc-publish', '-q', *args, WHIP + stream, *([file] if file else []), **kw)


def play(stream, *args, file=None):
    return start(f'{BIN}/rtc-play', '-j', *args, WHEP + stream, *([file] if file else []))


def report_of(p):
    out, err = p.communicate(timeout=PATIENCE_S)
    try:
        return p.returncode, json.loads(out), err.decode()
    except ValueError:
        return p.returncode, {}, err.decode()


def sessions(stream, kind='play'):
    return [s for s in admin.ask('sessions.list', start=0, count=50)['sessions']
            if s['stream'] == f'live/{stream}' and s['kind'] == kind and s['state'] == 'connected']


def first_is_keyframe(file):
    out = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', 'v:0', '-read_intervals', '%+#1',
                          '-show_entries', 'packet=flags', '-of', 'csv=p=0', file], capture_output=True,
                         timeout=PATIENCE_S).stdout
    return out.startswith(b'K')


def codec_of(file):
    return subprocess.run(['ffprobe', '-v', 'error', '-select_streams', 'v:0', '-show_entries',
                           'stream=codec_name', '-of', 'csv=p=0', file], capture_output=True,
                          timeout=PATIENCE_S).stdout.decode().split('\n')[0].strip(',')


held = {}       # of a recorded file: how many pictures are in it, how many it lacks in between


def check_recording(name, what, p, file, least):
    """The report has no fault, the file decodes, and at least so many numbers are there, in order."""
    code, r, err = report_of(p)
    tap.ok(code == 0 and r.get('faults') == [], f'{name}: {what} is played', f'{code} {r} {err}')
    faults = faults_of(file) if os.path.exists(file) else 'it is missing'
    tap.equal(faults, '', f'{name}: {what} decodes without error')
    numbers = numbers_of(file)
    span = numbers[-1] - numbers[0] + 1 if numbers and None not in (numbers[0], numbers[-1]) else 0
    tap.ok(numbers == sorted(set(numbers) - {None}) and len(numbers) >= least and len(numbers) > 0.95 * span,
           f'{name}: {what} has every picture in order', numbers)
    tap.equal(codec_of(file), CODECS[name][0], f'{name}: {what} is of this codec')
    held[file] = (len(numbers), span - len(numbers))
    return r


# ---- all codecs side by side ----

recorders = {n: play(n, '--wait', '30', '--duration', str(SECONDS), '--expect-card', '--expect-audio',
                     *(['--codec', n] if n == 'vp9' else []), file=path(f'{n}.{c[1]}'))
             for n, c in CODECS.items() if c[1] != 'ivf'}
recorders['vp8'] = play('vp8', '--wait', '30', '--duration', str(SECONDS), '--expect-card', file=path('vp8.ivf'))
tap.ok(wait_for(lambda: all(sessions(n) for n in CODECS), 30), 'players of five codecs wait')
publishers = {n: publish(n, '--test=320x240@15', '--video-bitrate', '300000', '--codec', n) for n in CODECS}
tap.ok(wait_for(lambda: all(s['rx_packets'] > 15 for n in CODECS for s in sessions(n, 'publish') or [
    {'rx_packets': 0}]), 30), 'five publishers send')
late = {n: play(n, '--duration', '2', '--expect-card', file=path(f'late-{n}.{c[2]}')) for n, c in CODECS.items()}
for n, c in CODECS.items():
    file = path(f'late-{n}.{c[2]}')
    r = check_recording(n, 'the late joiner', late[n], file, SHARE * FPS)
    tap.ok(first_is_keyframe(file), f'{n}: it begins with a keyframe')
    video = r.get('video') or {}
    tap.ok(video.get('codec', '').lower() == n and (video['width'], video['height']) == (320, 240) and
           video['undecodable'] == 0, f'{n}: and names it', r)
for n, c in CODECS.items():
    r = check_recording(n, c[1], recorders[n], path(f'{n}.{c[1]}'), SHARE * (SECONDS - 1) * FPS)
    tap.equal(r['video']['card']['first'], 0, f'{n}: from the first picture on')

p = subprocess.run([f'{BIN}/rtc-bench', '-j', '-n', '2', '-d', '3', WHEP + 'av1'], capture_output=True,
                   timeout=PATIENCE_S)
tap.ok(p.returncode == 0 and json.loads(p.stdout)['join']['first_keyframe']['players'] > 0,
       'rtc-bench knows the first keyframe of AV1', p.stdout)

# ---- codecs that do not meet, and containers that do not hold them ----

events = relay.connect('admin')
events.ask('events.subscribe')


def told(stream, sends, takes):
    """The event that names what the publisher sends and what the player takes."""
    e = events.wait_event('session.unmatched', 10, stream=f'live/{stream}') or {}
    return e.get('media') == 'video' and sends in e['sends'] and all(t in e['takes'] for t in takes)


code, r, err = report_of(play('av1', '--codec', 'vp8,h264', '--duration', '1', '--expect-video'))
tap.ok(code == 1 and 'no picture was decoded' in r.get('faults', []), 'a player without the codec gets no picture',
       f'{code} {r} {err}')
tap.ok(told('av1', 'AV1', ('VP8', 'H264')), 'an event names both lists of codecs')
code, r, err = report_of(play('vp9&codec=av1', '--duration', '1', '--expect-video'))
tap.ok(code == 1 and told('vp9', 'VP9', ('AV1',)), 'codec= in the URL is kept to', f'{code} {r} {err}')
code, r, err = report_of(play('vp9&codec=vp9', '--duration', '1', '--expect-card'))
tap.equal((code, (r.get('video') or {}).get('codec')), (0, 'VP9'), 'and plays what matches')
code, r, err = report_of(play('h264', '--duration', '1', file=path('x.webm')))
tap.ok(told('h264', 'H264', ('VP8', 'VP9', 'AV1')), 'a WebM recording asks for what it can hold', f'{code} {err}')
tap.ok('no picture: VP8, VP9, AV1 was asked for' in err, 'and rtc-play says why there is sound alone', err)
# A browser lists several codecs and sends one: what comes is compared, not only what is listed.
both = relay.connect('media')
both.ask('attach', **{'as': 'publisher', 'stream': 'live/both', 'tracks': [
    {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', 96), codec('VP9', 98)]}]})
vp9_only = play('both', '--codec', 'vp9', '--wait', '4')
tap.ok(wait_for(lambda: sessions('both'), 20), 'a player of the second codec connects')
for i in range(30):
    both.send(rtp(96, i, i * 3000, b'\x10\0\0\0\x9d\x01\x2a\x40\x01\xf0\0', marker=1))
e = events.wait_event('session.unmatched', 10, stream='live/both') or {}
tap.equal((e.get('sends'), e.get('takes', '')[:3]), ('VP8', 'VP9'), 'an event says that the first one comes')
late = play('both', '--codec', 'vp9', '--wait', '1')
e = events.wait_event('session.unmatched', 10, stream='live/both') or {}
tap.equal((e.get('sends'), e.get('takes', '')[:3]), ('VP8', 'VP9'), 'and for who joins later, too')
tap.equal([p.wait(PATIENCE_S) for p in (late, vp9_only)], [55, 55], 'they get nothing and say so')
both.close()
# A player that is there when the codec changes by a takeover: told, kept, and served again when it can be.
signal = relay.connect('signal')


def takes_over(name, pt):
    return signal.ask('session.create', kind='publish', stream='live/turn', credential='key',
                      ice={'ufrag': 'abcd', 'pwd': 'l91z529147ri9163933p51c4'},
                      dtls={'role': 'server', 'fingerprint': {'hash': 'sha-256', 'value': ':'.join(['AB'] * 32)}},
                      tracks=[{'mid': '0', 'kind': 'video', 'codecs': [codec(name, pt)]},
                              {'mid': '1', 'kind': 'audio', 'codecs': [codec('opus', 111, channels=2)]}])['ok']


tap.ok(takes_over('VP9', 98), 'a publisher of VP9')
watcher = play('turn', '--codec', 'vp9', '--wait', '30')
tap.ok(wait_for(lambda: sessions('turn'), 20), 'a player of VP9 connects')
watching = [s['session'] for s in sessions('turn')]
tap.ok(takes_over('AV1', 45), 'AV1 takes over')
e = events.wait_event('session.unmatched', 10, stream='live/turn') or {}
tap.equal((e.get('media'), e.get('sends'), e.get('takes', '')[:3], [e.get('session')]),
          ('video', 'AV1', 'VP9', watching), 'an event names both lists')
tap.ok(takes_over('VP9', 98) and events.wait_event('session.unmatched', 1, stream='live/turn') is None and
       [s['session'] for s in sessions('turn')] == watching, 'VP9 comes back: the player is still there')
watcher.terminate()
watcher.wait(PATIENCE_S)
code, r, err = report_of(play('vp8', '--codec', 'vp8', file=path('x.mp4')))
tap.ok(code == 64 and 'VP8' in err, 'a container that cannot hold the codec: wrong usage', f'{code} {err}')
for p in publishers.values():
    p.terminate()
tap.equal([p.wait(PATIENCE_S) for p in publishers.values()], [0] * 5, 'the publishers end')

# ---- files as they are ----

# In a loop, from a pipe, and raw: Annex B.
subprocess.run(['ffmpeg', '-v', 'error', '-y', '-i', path('h265.mp4'), '-map', '0:v', '-c', 'copy', path('raw.h265')],
               check=True, timeout=PATIENCE_S)
FILES = {'h265': (path('raw.h265'), []), 'vp8': ('-', ['-f', 'ivf']), 'vp9': (path('vp9.webm'), ['--loop']),
         'av1': (path('av1.mp4'), ['--loop'])}
players = {n: play(f'file-{n}', '--wait', '30', '--duration', '2', '--expect-card') for n in FILES}
tap.ok(wait_for(lambda: all(sessions(f'file-{n}') for n in FILES), 30), 'players of files wait')
publishers = {n: publish(f'file-{n}', '--no-transcode', *args, file=file,
                         stdin=open(path('vp8.ivf'), 'rb') if file == '-' else subprocess.DEVNULL)
              for n, (file, args) in FILES.items()}
for n, p in players.items():
    code, r, err = report_of(p)
    video = r.get('video') or {}
    card = video.get('card') or {}
    # Half of it, as slow as the encoder was that made it.
    pictures, lacking = held[path(f'{n}.{CODECS[n][1]}')]
    tap.ok(code == 0 and r.get('faults') == [] and video['codec'].lower() == n and
           card['missing'] <= lacking and card['count'] > min(FPS, pictures * 0.3),
           f'{n}: a file is sent as it is', f'{code} {r} {err} {held}')
for p in publishers.values():
    p.terminate()
tap.equal([p.wait(PATIENCE_S) for p in publishers.values()], [0] * 4, 'their publishers end')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
