#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtmp2rtc and time: wraps, jumps, pauses, stalls and steps back of a source's clock; sound alone,
picture alone, and either of them late. A WebRTC viewer of each, there from the beginning, sees every
picture in order, however slow the machine."""
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardgen import make  # noqa: E402
from livelib import BIN, admin, free_port, path, relay, service, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402
from rtmplib import AUDIO, VIDEO, Client, flv_tags  # noqa: E402

SECONDS, TURN_MS, HOUR_MS = 5, 2000, 3600000
make(path('card'), SECONDS, ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g',
                             '25', '-c:a', 'aac', '-f', 'flv'])
CARD = flv_tags(path('card'))
HEADERS = [t for t in CARD if t[0] in (AUDIO, VIDEO) and t[2][1] == 0]
MEDIA = [t for t in CARD if t[0] in (AUDIO, VIDEO) and t[2][1] != 0]


def planned(stamp=lambda kind, ts: ts, due=lambda ts: ts, takes=lambda kind, ts: True,
            headers=None):
    """(when it is sent in ms, type, timestamp, body): the card, its timestamps changed. What is sent
    before 0 makes the stream known; the rest comes when there is somebody to see it."""
    first = HEADERS if headers is None else headers
    return [(-1, k, stamp(k, 0), b) for k, _, b in first] + [
        (due(ts), k, stamp(k, ts), b) for k, ts, b in MEDIA if takes(k, ts)]


def header(kind):
    return [t for t in HEADERS if t[0] == kind]


def late(kind):
    """One of the tracks begins at a turn, with its header."""
    plan = planned(takes=lambda k, ts: k != kind or ts >= TURN_MS,
                   headers=[t for t in HEADERS if t[0] != kind])
    at = next(i for i, p in enumerate(plan) if p[0] >= TURN_MS)
    return plan[:at] + [(TURN_MS, k, TURN_MS, b) for k, _, b in header(kind)] + plan[at:]


CASES = {
    'as it is': planned(),
    'a wrap at 2^32': planned(lambda k, ts: ts + (1 << 32) - TURN_MS),
    'a wrap at 2^24': planned(lambda k, ts: ts + (1 << 24) - TURN_MS),
    'beyond 2^31': planned(lambda k, ts: ts + (1 << 31) - TURN_MS),
    'an hour ahead': planned(lambda k, ts: ts + (HOUR_MS if ts >= TURN_MS else 0)),
    'an hour back': planned(lambda k, ts: ts + (0 if ts >= TURN_MS else HOUR_MS)),
    'back to 0 each second': planned(lambda k, ts: ts % 4000),
    'a pause of 1.5 s': planned(lambda k, ts: ts + (1500 if ts >= TURN_MS else 0),
                                lambda ts: ts + (1500 if ts >= TURN_MS else 0)),
    'a stall of 1 s': planned(due=lambda ts: ts if not TURN_MS <= ts < TURN_MS + 1000
                              else TURN_MS + 1000),
    'sound 30 ms to and fro': planned(
        lambda k, ts: max(0, ts - 30) if k == AUDIO and ts // 23 % 2 else ts),
    'sound 400 ms behind in the file': sorted(
        planned(), key=lambda p: p[0] + (400 if p[1] == AUDIO and p[0] >= 0 else 0)),
    'sound alone': planned(takes=lambda k, ts: k == AUDIO, headers=header(AUDIO)),
    'picture alone': planned(takes=lambda k, ts: k == VIDEO, headers=header(VIDEO)),
    'late sound': late(AUDIO),
    'late picture': late(VIDEO),
}
whep = service('rtc-whep', '-c', '127.0.0.1')
port, (r, w) = free_port(), os.pipe()
server = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{port}', '-R', str(w), pass_fds=[w],
               stderr=open(path('log'), 'w'))
os.close(w)
os.read(r, 1)


def push(stream, plan):
    try:
        client = Client(port)
        client.obs('live', stream)
        for due, kind, ts, body in plan:
            if due >= 0:
                watched.wait()
                time.sleep(max(0, began[0] + due / 1000 - time.monotonic()))
            client.sock.sendall(client.out.media(kind, ts & 0xffffffff, body))
        still_open.append(client)
    except OSError as e:
        print('#', stream, e, flush=True)


def live():
    reply = admin.ask('streams.list', start=0, count=100)
    return {s['name'][5:] for s in reply['streams'] if s['publisher']}


def players_of_relay():
    return [x for x in admin.ask('sessions.list', start=0, count=50)['sessions'] if x['kind'] == 'play']


def judge(case, v):
    sent = [p for p in CASES[case] if p[0] >= 0 and p[3][1] != 0]
    pictures = sum(p[1] == VIDEO for p in sent)
    # A track that comes late is another publication, which players are taken along to in their time.
    partly = case in ('late picture', 'late sound')
    video, card, audio = v['video'] or {}, (v['video'] or {}).get('card') or {}, v['audio'] or {}
    detail = {k: v[k] for k in ('network', 'video', 'audio')}
    tap.ok(v['network']['lost'] == 0, f'{case}: no packet is missing', detail)
    if pictures:
        tap.ok((pictures / 2 if partly else pictures - 2) <= video.get('frames', 0) <= pictures and
               video['undecodable'] == 0 and card['in_order'] and card['unreadable'] == 0 and
               (partly or card['missing'] == 0), f"{case}: {card.get('count')} of {pictures} pictures, in order",
               detail)
    if len(sent) > pictures:
        seconds, steps = audio.get('sound_seconds', 0), audio.get('tone_steps', [])
        tap.ok(seconds > (1 if partly else SECONDS - 0.7) and
               all(partly or b == (a + 1) % 8 for a, b in zip(steps, steps[1:])),
               f"{case}: {seconds:.1f} s of sound, steps {steps}", detail)


streams = {case: f's{i}' for i, case in enumerate(CASES)}
watched, began, still_open = threading.Event(), [0], []
pushers = [threading.Thread(target=push, args=(streams[case], plan), daemon=True)
           for case, plan in CASES.items()]
for t in pushers:
    t.start()
tap.ok(wait_for(lambda: set(streams.values()) <= live(), 60), f'{len(CASES)} publish')
players = {case: start(f'{BIN}/rtc-play', '-q', '-j', '--duration', '120',
                       f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream={stream}',
                       stdout=subprocess.PIPE) for case, stream in streams.items()}
tap.ok(wait_for(lambda: [x['state'] for x in players_of_relay()] == ['connected'] * len(CASES), 60), 'each is watched')
time.sleep(2)   # rtmp2rtc's processes hear of it, and encode Opus from then on
began[0] = time.monotonic()
watched.set()
for t in pushers:
    t.join(120)
count, since = -1, time.monotonic()
while time.monotonic() - since < 2:     # until nothing more comes, however late
    time.sleep(0.2)
    if count != (count := sum(x['tx_packets'] for x in players_of_relay())):
        since = time.monotonic()
for p in players.values():
    p.send_signal(signal.SIGINT)
for case, p in players.items():
    judge(case, json.loads(p.communicate(timeout=60)[0]))
for client in still_open:
    client.sock.close()
log = open(path('log')).read()
tap.ok(2 <= log.count('timestamps jump; bridged') <= 5, 'jumps are told in the log', log)
server.terminate()
tap.equal(server.wait(10), 0, 'SIGTERM ends it')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
