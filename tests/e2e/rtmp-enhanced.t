#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtmp2rtc and enhanced RTMP: H265 (with B-frames and without), AV1, VP9 and Opus by fourcc reach
the relay and players of RTMP whole; a codec that changes; what is not carried is named."""
import hashlib
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from enhanced import CODED_FRAMES, CODED_FRAMES_X, tags_of  # noqa: E402
from livelib import BIN, admin, free_port, is_live, path, relay, service, start, tap  # noqa: E402
from relaylib import Peer, wait_for  # noqa: E402
from rtmplib import AUDIO, VIDEO, Client, amf  # noqa: E402

SECONDS, FRAMES, VIDEO_PT, OPUS_PT = 4, 100, 96, 111
SLOW = 2 if os.environ.get('RTC_SANITIZER') else 1
whep = service('rtc-whep', '-c', '127.0.0.1')


def serve(log, *args):
    port, (r, w) = free_port(), os.pipe()
    p = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{port}', *args, '-R', str(w), pass_fds=[w],
              stderr=open(path(log), 'w'))
    os.close(w)
    os.read(r, 1)
    return port, p


port, server = serve('log')
anew, _ = serve('anew', '--h265-to-h264')
start(f'{BIN}/rtc2rtmp', '--wait', '20')


def logged(log='log'):
    return open(path(log)).read()


def attach(stream):
    peer = Peer(os.path.join(relay.dir, 'relay/media.sock'))
    assert peer.ask('attach', **{'as': 'subscriber', 'stream': f'live/{stream}'})['ok']
    return peer


def received(peer, out, enough):
    """Video payloads of each timestamp, extension octets; Opus packets."""
    end = time.monotonic() + 20
    while time.monotonic() < end and len(out['video']) < enough:
        try:
            msg = peer.read(0.5)
        except TimeoutError:
            continue
        if not isinstance(msg, bytes) or 64 <= msg[1] & 127 < 96:
            continue
        size = 16 + 4 * int.from_bytes(msg[14:16], 'big') if msg[0] & 16 else 12
        if msg[1] & 127 == OPUS_PT:
            out['audio'].append(msg[size:])
        elif msg[1] & 127 == VIDEO_PT:
            key = msg[4:8]
            if key not in out['video']:
                out['video'][key] = [[], msg[16:size]]
            out['video'][key][0].append(msg[size:])
    return out


def h265_slices(payloads):
    """A digest of the slices of a picture in RTP payloads (RFC 7798)."""
    nalus = []
    for p in payloads:
        kind = p[0] >> 1 & 63
        if kind == 48:
            at = 2
            while at + 2 < len(p):
                size = int.from_bytes(p[at:at + 2], 'big')
                nalus.append(p[at + 2:at + 2 + size])
                at += 2 + size
        elif kind == 49:
            if p[2] & 0x80:
                nalus.append(bytes([p[0] & 0x81 | (p[2] & 63) << 1, p[1]]))
            nalus[-1] += p[3:]
        else:
            nalus.append(p)
    return digest(n for n in nalus if n[0] >> 1 & 63 < 32), {n[0] >> 1 & 63 for n in nalus}


def digest(parts):
    return hashlib.md5(b''.join(parts)).hexdigest()


def stored_slices(body):
    at, nalus = 8 if body[0] & 15 == CODED_FRAMES else 5, []
    while at + 4 < len(body):
        size = int.from_bytes(body[at:at + 4], 'big')
        nalus.append(body[at + 4:at + 4 + size])
        at += 4 + size
    return digest(n for n in nalus if n[0] >> 1 & 63 < 32)


def coded(tags):
    return [b for k, _, b in tags if k == VIDEO and b[0] & 15 in (CODED_FRAMES, CODED_FRAMES_X)]


def tracks_of(stream):
    reply = admin.ask('streams.list', start=0, count=50)['streams']
    found = [s for s in reply if s['name'] == f'live/{stream}']
    return {c['name'] for t in found[0]['tracks'] for c in t['codecs']} if found else set()


clips, clients, results = {}, {}, {}
watched = threading.Event()   # by all: the clip ends when they have seen enough of it, however late they came


def publish(name, to=port, clip=None):
    clients[name] = Client(to)
    results[name] = clients[name].obs('live', name)
    tags, began, base = clips[clip or name], time.monotonic(), 0
    clients[name].feed(tags, began=began)
    while True:
        base += tags[-1][1] + 40
        for kind, ts, body in tags[2:]:     # without the sequence headers
            if watched.is_set():
                return
            clients[name].feed([(kind, base + ts, body)], began=began)


def watch(name, more=''):
    return start(f'{BIN}/rtc-play', '-q', '-j', '--duration', str(SECONDS * SLOW), f'http://127.0.0.1:{whep}'
                 f'/rtc/v1/whep/?app=live&stream={name}{more}', stdout=subprocess.PIPE)


def play(name, out):
    """By RTMP: bodies of coded pictures, the first sequence header before them."""
    client = Client(port)
    client.play('live', name)
    while len(out) < 40:
        kind, _, data = client.read()
        if kind == VIDEO:
            out.append(data)
    client.sock.close()


def picture(body):
    """What is the same on both sides: slices of H265, the whole of the others."""
    if body[1:5] == b'hvc1':
        return stored_slices(body)
    return body[5:]


for codec in ('h265', 'h265b', 'av1', 'vp9'):
    clips[codec] = tags_of(codec, SECONDS)
peers = {name: attach(name) for name in clips}
played = {name: [] for name in clips}
early = watch('av1', '&codec=av1')  # who has one codec only may come first
wait_for(lambda: 'play live/av1' in relay.logged(), 10)
threads = [threading.Thread(target=publish, args=(name,)) for name in clips]
threads += [threading.Thread(target=publish, args=(f'{name}-anew', anew, name))
            for name in ('h265', 'h265b')]
for t in threads:
    t.start()
got = {name: {'video': {}, 'audio': []} for name in clips}
readers = [threading.Thread(target=received, args=(peers[name], got[name], FRAMES))
           for name in clips]
for t in readers:
    t.start()
wait_for(lambda: all(is_live(name) for name in clips), 20)
rtmp_players = [threading.Thread(target=play, args=(name, played[name])) for name in clips]
for t in rtmp_players:
    t.start()
wait_for(lambda: all(is_live(name) for name in clips), 20)
for name, codec in (('h265', 'H265'), ('h265b', 'H265'), ('av1', 'AV1'), ('vp9', 'VP9')):
    tap.ok(wait_for(lambda: tracks_of(name) == {codec, 'opus'}, 10), f'{name}: {codec} and Opus',
           tracks_of(name))
players = {('h265', 'H265'): watch('h265'), ('av1', 'AV1'): early,
           ('vp9', 'VP9'): watch('vp9'),
           ('h265 with --h265-to-h264', 'H265'): watch('h265-anew'),
           ('the same without H265', 'H264'): watch('h265-anew', '&codec=h264'),
           ('h265b with --h265-to-h264', 'H264'): watch('h265b-anew')}
for (name, codec), p in players.items():
    v = json.loads(p.communicate(timeout=60)[0])
    # In order and whole, but for what an encoder of H264 on a busy machine has no time for.
    card = v['video']['card']
    tap.ok(v['network']['lost'] == 0 and v['video']['undecodable'] == 0 and
           v['video']['codec'] == codec and card['in_order'] and
           card['missing'] <= (card['count'] if codec == 'H264' else 0) and
           card['unreadable'] == 0 and card['count'] >= 25 and len(v['audio']['tone_steps']) >= 1,
           f"{name}: rtc-play shows {card['count']} pictures of {codec}, in order, with sound", v)
for t in readers + rtmp_players:
    t.join(30)
watched.set()
for t in threads:
    t.join()
tap.ok('encoded anew' in logged('anew'), 'the log says what is encoded anew', logged('anew'))
tap.ok({'avc1', 'hvc1', 'av01', 'vp09', 'Opus'} <= set(results['av1'][0]['fourCcList']),
       'the answer to connect lists them', results['av1'])
for name in clips:
    sent = [b[5:] for k, _, b in clips[name] if k == AUDIO][1:]
    tap.ok(len(got[name]['video']) == FRAMES and len(got[name]['audio']) > 150 and
           got[name]['audio'] == sent[:len(got[name]['audio'])],
           f'{name}: {FRAMES} pictures, Opus octet by octet',
           (len(got[name]['video']), len(got[name]['audio']), len(sent)))
for name in ('h265', 'h265b'):
    pictures = [h265_slices(payloads) for payloads, _ in got[name]['video'].values()]
    tap.equal([p[0] for p in pictures], [stored_slices(b) for b in coded(clips[name])],
              f'{name}: the slices of each picture are what was sent')
    tap.ok(pictures[0][1] >= {32, 33, 34} and pictures[50][1] >= {32, 33, 34} and
           not {35, 38} & set().union(*(p[1] for p in pictures)),
           f'{name}: parameter sets before keyframes', pictures[0][1])
for name, fourcc in (('h265', b'hvc1'), ('h265b', b'hvc1'), ('av1', b'av01'), ('vp9', b'vp09')):
    bodies = played[name]
    out = [picture(b) for b in bodies if b[0] & 15 in (CODED_FRAMES, CODED_FRAMES_X)]
    sent = [picture(b) for b in coded(clips[name])] * 2
    at = sent.index(out[0]) if out and out[0] in sent else None
    tap.ok(len(bodies) >= 40 and bodies[0][0] & 0x8f == 0x80 and at is not None and
           all(b[1:5] == fourcc for b in bodies) and out == sent[at:at + len(out)],
           f'{name}: played by RTMP, {len(out)} pictures as they were sent',
           (len(bodies), [b[:9] for b in bodies[:3]], at))
flags = [ext[1] for _, ext in got['h265b']['video'].values() if ext]
tap.ok(sum(f & 4 != 0 for f in flags) > 25 and 55 <= sum(f & 2 != 0 for f in flags) <= 70,
       'h265b: decoding times and disposable B-frames are marked', flags)
sent = [b[5:] for b in coded(clips['vp9'])]
tap.ok(sum(map(len, sent)) < sum(len(p) for f, _ in got['vp9']['video'].values() for p in f) <
       sum(map(len, sent)) + 16 * sum(len(f) for f, _ in got['vp9']['video'].values()),
       'vp9: as many octets, and descriptors')

# ---- the codec changes; what is not carried ----

client = Client(port)
client.obs('live', 'change')
client.feed([t for t in clips['h265'] if t[1] < 500])
tap.ok(wait_for(lambda: tracks_of('change') == {'H265', 'opus'}, 10), 'H265, and then')
client.feed([(k, ts + 500, b) for k, ts, b in clips['av1'] if ts < 500])
tap.ok(wait_for(lambda: tracks_of('change') == {'AV1', 'opus'}, 10), 'AV1: published anew')
client.finish('change')
client = Client(port)
client.obs('live', 'strange')
for body in (b'\x90vvc1' + bytes(20), b'\x90av01', b'\x90vp09', b'\x90hvc1', b'\x93hvc1' + bytes(9),
             b'\x91hvc1\0', b'\x9fhvc1' + bytes(9), b'\x90vp09' + bytes(3), b'\x90av01' + bytes(70),
             b'\x90hvc1\1' + b'\xff' * 60):
    client.sock.sendall(client.out.media(VIDEO, 0, body))
client.sock.sendall(client.out.media(18, 0, amf('onMetaData') + amf({'videocodecid': 0x68766331})))
client.finish('strange')
tap.ok(wait_for(lambda: 'codec vvc1 is not carried' in logged(), 10),
       'a codec that is not carried is named', logged())
tap.ok(wait_for(lambda: 'has ended live/strange' in logged(), 10) and
       'status' not in logged() and 'signal' not in logged(), 'broken headers do no harm', logged())
for c in clients.values():
    c.sock.close()
server.terminate()
tap.equal(server.wait(10), 0, 'SIGTERM ends it')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
