#!/usr/bin/env python3
# runs under: none
# runs beside others
"""rtmp2rtc and the clients in use: ffmpeg, GStreamer, nginx and OBS's sequences publish; ffmpeg,
GStreamer, rtmpdump, nginx and librtmp's sequence play. What is played is what was sent, frame by
frame: B-frames and AAC, by RTMP, HTTP-FLV and HLS. RTMP_SECONDS is how long."""
import json
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import livelib  # noqa: E402
from livelib import BIN, admin, free_port, path, relay, service, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402
from rtmplib import VIDEO, Client, flv_tags, frames_of, remuxed, run_within, slices  # noqa: E402

SECONDS = int(os.environ.get('RTMP_SECONDS', 3))     # that each is played
CLIP_S, PLAYED_FRAMES = SECONDS + 21, 25 * SECONDS
ENOUGH = 30000 * SECONDS    # octets; a second of the clip is 25 kB
KEY = 'k?secret=4711&x=1'


def clip(name, *video):
    subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=25',
                    '-f', 'lavfi', '-i', 'sine=1000:sample_rate=44100', '-t', str(CLIP_S), '-c:v',
                    'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '25', *video,
                    '-c:a', 'aac', '-f', 'flv', path(name)], check=True, timeout=120)
    return path(name)


def live():
    reply = admin.ask('streams.list', start=0, count=100)
    return {s['name'] for s in reply['streams'] if s['publisher'] and s['rx_packets'] > 0}


def quiet(*argv, **kw):
    return start(*argv, **{'stderr': subprocess.DEVNULL, 'stdin': subprocess.DEVNULL, **kw})


def nginx(ours):
    """Debian's nginx with its RTMP module: pushes what it gets to us, pulls from us what is
    played. Its port."""
    port = free_port()
    with open(path('nginx.conf'), 'w') as f:
        f.write(f'''load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off; master_process off; pid {path('nginx.pid')}; error_log {path('nginx.log')};
events {{}}
rtmp {{ server {{ listen 127.0.0.1:{port};
    application push {{ live on; push rtmp://127.0.0.1:{ours}/live; }}
    application pull {{ live on; pull rtmp://127.0.0.1:{ours}/live; }}
}} }}
''')
    quiet('nginx', '-e', path('nginx.log'), '-c', path('nginx.conf'))
    return port


plain = clip('plain.flv', '-tune', 'zerolatency')
ordered = clip('b.flv', '-bf', '2')
sent_video, sent_audio = frames_of(flv_tags(ordered))
whep = service('rtc-whep', '-c', '127.0.0.1')
port = service('rtmp2rtc')
ours = f'rtmp://127.0.0.1:{port}/live'
quiet(f'{BIN}/rtc2rtmp', '--hls-fragment', '1')
http = service('rtc2rtmp', '--hls-fragment', '1')
server = nginx(port)

# ---- who publishes ----

WRITE = ['-c', 'copy', '-flush_packets', '1', '-f']
COPY = ['ffmpeg', '-v', 'error', '-re', '-i']
quiet(*COPY, plain, '-c', 'copy', '-f', 'flv', f'{ours}/ffmpeg')
b = quiet(*COPY, ordered, '-c', 'copy', '-f', 'flv', f'{ours}/b')
quiet(*COPY, plain, '-c', 'copy', '-f', 'flv', f'rtmp://127.0.0.1:{server}/push/nginx')
quiet('gst-launch-1.0', '-q', 'filesrc', f'location={plain}', '!', 'flvdemux', 'name=d', 'd.video',
      '!', 'queue', '!', 'h264parse', '!', 'identity', 'sync=true', '!', 'flvmux', 'name=m',
      'streamable=true', '!', 'rtmp2sink', f'location={ours}/gst', 'd.audio', '!', 'queue', '!',
      'aacparse', '!', 'm.')
answers = {}


def obs(name, digest):
    client = Client(port, digest)
    answers[name] = client, client.obs('live', KEY.replace('k', name))
    try:
        client.feed(flv_tags(plain), CLIP_S)
    except OSError:
        pass


for name, digest in (('obs', None), ('obs8', 8), ('obs772', 772)):
    threading.Thread(target=obs, args=(name, digest), daemon=True).start()

PUBLISHERS = {'ffmpeg': 'ffmpeg', 'nginx': "nginx's push", 'gst': "GStreamer's rtmp2sink",
              'obs': 'OBS, plain handshake', 'obs8': 'OBS, digest of scheme 0',
              'obs772': 'OBS, digest of scheme 1'}
wanted = {f'live/{name}' for name in PUBLISHERS} | {'live/b'}
tap.ok(wait_for(lambda: wanted <= live(), 30), 'all publish', (wanted - live(),
                                                               open(path('nginx.log')).read()))
players = {name: start(f'{BIN}/rtc-play', '-q', '-j', '--duration', str(SECONDS),
                       f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream={name}',
                       stdout=subprocess.PIPE) for name in PUBLISHERS}

# ---- who plays ----

got = {}
commands = {
    'ffmpeg': ['ffmpeg', '-v', 'error', '-y', '-i', f'{ours}/b', *WRITE, 'flv'],
    'rtmpdump': ['rtmpdump', '-q', '--live', '-r', f'{ours}/b', '-o'],
    "GStreamer's rtmpsrc": ['gst-launch-1.0', '-q', 'rtmpsrc', f'location={ours}/b live=1', '!',
                            'filesink', 'buffer-mode=unbuffered'],
    "GStreamer's rtmp2src": ['gst-launch-1.0', '-q', 'rtmp2src', f'location={ours}/b', '!',
                             'filesink', 'buffer-mode=unbuffered'],
    "nginx's pull": ['ffmpeg', '-v', 'error', '-y', '-i', f'rtmp://127.0.0.1:{server}/pull/b',
                     *WRITE, 'flv'],
    'HTTP-FLV': ['curl', '-sN', f'http://127.0.0.1:{http}/live/b.flv', '-o'],
    'HLS': ['ffmpeg', '-v', 'error', '-y', '-i', f'http://127.0.0.1:{http}/live/b.m3u8', *WRITE,
            'mpegts'],
}


def play(name, argv):
    out = path(f'got-{len(got)}')
    last = f'location={out}' if argv[0] == 'gst-launch-1.0' else out
    got[name] = out, quiet(*argv, last)


def size_of(name):
    try:
        return os.path.getsize(got[name][0])
    except OSError:
        return 0


def vlc():
    """librtmp's sequence, and what came in until it had enough."""
    client, tags = Client(port), []
    client.play('live', 'b', -2000)
    while sum(t[0] == VIDEO for t in tags) < PLAYED_FRAMES + 2:
        kind, ts, data = client.read()
        tags.append((kind, ts, data))
    client.sock.close()
    return tags


for name, argv in commands.items():
    play(name, argv)
by_hand = vlc()

for name, p in players.items():
    v = json.loads(p.communicate(timeout=SECONDS + 60)[0])
    tap.ok(v['network']['lost'] == 0 and v['video']['frames'] >= PLAYED_FRAMES - 10 and
           v['video']['undecodable'] == 0 and v['audio']['sound_seconds'] > SECONDS - 0.6,
           f'{PUBLISHERS[name]}: a WHEP viewer sees and hears everything', v)
for name, scheme in (('obs', False), ('obs8', True), ('obs772', True)):
    client, (properties, info) = answers[name]
    tap.ok(client.verified == scheme and client.echoed == (not scheme) and
           info['code'] == 'NetConnection.Connect.Success' and 'avc1' in properties['fourCcList'],
           f'{PUBLISHERS[name]}: the handshake and the answer to connect', (properties, info))

enough = 45000     # octets; three seconds of the clip have 38 kB
wait_for(lambda: all(size_of(name) > ENOUGH for name in got), SECONDS + 60)
for name, (_, p) in got.items():
    p.send_signal(signal.SIGINT)
for _, p in got.values():
    try:
        p.wait(10)
    except subprocess.TimeoutExpired:
        p.kill()


def compare(name, tags):
    video, audio = frames_of(tags)
    v, a = run_within(video, sent_video), run_within(audio, sent_audio)
    if not tap.ok(v is not None and len(video) >= PLAYED_FRAMES and len(audio) > 34 * SECONDS and
                  a is not None,
                  f'{name}: {len(video)} pictures, {len(audio)} AAC units, each as it was sent',
                  (v, a, len(video), len(audio))):
        return
    apart = {abs((f[1] + f[2]) - (video[0][1] + video[0][2]) -
                 (s[1] + s[2] - sent_video[v][1] - sent_video[v][2]))
             for f, s in zip(video, sent_video[v:])}
    skew = {abs((f[1] - video[0][1] - video[0][2]) -
                (s[1] - sent_video[v][1] - sent_video[v][2]))
            for f, s in zip(audio, sent_audio[a:])}
    tap.ok(max(apart) <= 1 and len({f[2] for f in video}) > 1,
           f'{name}: B-frames are in their places', sorted(apart)[-5:])
    tap.ok(max(skew) <= 25, f'{name}: sound to picture as it was, {max(skew)} ms', sorted(skew)[-5:])


for name, (file, _) in got.items():
    compare(name, remuxed(file) if name == 'HLS' else flv_tags(file))
compare("librtmp's sequence", by_hand)
tap.ok(all(slices(t[2]) for t in by_hand), 'nothing empty')

b.terminate()
for p in livelib.children:
    p.terminate()
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
