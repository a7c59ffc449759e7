#!/usr/bin/env python3
# runs under: address
"""rtmp2rtc and sound: AAC of every rate and of one to eight channels, HE-AAC, MP3, G.711; each is
heard by WebRTC as Opus at its pitch, and AAC goes out as it came in."""
import concurrent.futures
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardgen import TONE  # noqa: E402
from livelib import BIN, admin, free_port, path, relay, service, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402
from rtmplib import AUDIO, Client, flv_tags, frames_of, run_within  # noqa: E402

SECONDS, HEARD = 30, 2.0     # published, for all to be there in time; and heard
AT_ONCE = 8                  # are encoded for a player
RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
CASES = {f'aac-{rate}': ['-ar', rate, '-ac', 2, '-c:a', 'aac'] for rate in RATES}
CASES |= {f'channels-{n}': ['-ar', 48000, '-ac', n, '-c:a', 'aac', '-b:a', '256k']
          for n in (1, 3, 6, 8)}
CASES |= {f'mp3-{rate}': ['-ar', rate, '-ac', n, '-c:a', 'libmp3lame']
          for rate, n in ((11025, 1), (22050, 2), (44100, 2))}
CASES |= {'pcm_alaw': ['-ar', 8000, '-ac', 1, '-c:a', 'pcm_alaw'],
          'pcm_mulaw': ['-ar', 8000, '-ac', 1, '-c:a', 'pcm_mulaw']}
# AudioSpecificConfigs that signal SBR, and SBR with PS, on a core of 24 kHz (ISO/IEC 14496-3)
HE = {'he-aac': bytes.fromhex('2b098800'), 'he-aac-v2': bytes.fromhex('eb098800')}

subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', f"aevalsrc='{TONE}':s=48000", '-t',
                str(SECONDS), path('tone.wav')], check=True, timeout=60)
whep = service('rtc-whep', '-c', '127.0.0.1')
port, (r, w) = free_port(), os.pipe()
server = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{port}', '-R', str(w), pass_fds=[w],
               stderr=open(path('log'), 'w'))
os.close(w)
os.read(r, 1)
http = service('rtc2rtmp')


def encode(name, options):
    subprocess.run(['ffmpeg', '-v', 'error', '-i', path('tone.wav'), *map(str, options), '-f', 'flv',
                    path(name)], check=True, timeout=60)


def push(name, clip):
    try:
        client = Client(port)
        client.obs('live', name)
        client.feed(clip)
    except OSError:
        pass


def live():
    reply = admin.ask('streams.list', start=0, count=100)
    return {s['name'][5:] for s in reply['streams'] if s['publisher']}


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda item: encode(*item), CASES.items()))
clips = {case: flv_tags(path(case)) for case in CASES}
encode('core', ['-ar', 24000, '-ac', 1, '-c:a', 'aac'])
for case, config in HE.items():
    clips[case] = [(k, ts, b[:2] + config if k == AUDIO and b[1] == 0 else b)
                   for k, ts, b in flv_tags(path('core'))]
for case, clip in clips.items():
    threading.Thread(target=push, args=(case, clip), daemon=True).start()
tap.ok(wait_for(lambda: set(clips) <= live(), 30), f'{len(clips)} publish sound alone',
       set(clips) - live())
flv = {name: start('curl', '-sN', f'http://127.0.0.1:{http}/live/{name}.flv', '-o',
                   path(name + '.got')) for name in ('aac-44100', 'channels-6', 'channels-1',
                                                     'aac-96000')}


def judge(name, p):
    v = json.loads(p.communicate(timeout=90)[0])
    steps = (v['audio'] or {}).get('tone_steps', [])
    tap.ok(v['network']['lost'] == 0 and v['audio']['codec'] == 'opus' and
           v['audio']['sound_seconds'] > HEARD and len(steps) >= 2 and
           all(b == (a + 1) % 8 for a, b in zip(steps, steps[1:])),
           f'{name}: heard, {steps}', v)


for at in range(0, len(clips), AT_ONCE):
    players = {name: start(f'{BIN}/rtc-play', '-q', '-j', '--duration', '3',
                           f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream={name}',
                           stdout=subprocess.PIPE) for name in list(clips)[at:at + AT_ONCE]}
    for player in players.items():
        judge(*player)
for name, p in flv.items():
    p.terminate()
    p.wait()
    got, sent = frames_of(flv_tags(path(name + '.got')))[1], frames_of(clips[name])[1]
    tap.ok(len(got) > 50 and run_within(got, sent) is not None,
           f'{name}: {len(got)} units by HTTP-FLV as they were sent',
           (len(got), run_within(got, sent)))
log = open(path('log')).read()
tap.ok(log.count('audio AAC') == len(RATES) + 6 and log.count('audio MP3') == 3 and
       'audio PCMA' in log and 'audio PCMU' in log and 'warn' not in log, 'the log names each', log)
server.terminate()
tap.equal(server.wait(10), 0, 'SIGTERM ends it')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
