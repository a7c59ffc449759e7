#!/usr/bin/env python3
"""Contributors, as rtc-control(5) says: tracks beside the publisher's, on demand, before and after
the publisher and over its takeovers; and a real picture that comes from one."""
# runs under: address thread
# runs beside others
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ['RTC_TEST_WORKERS'] = '2'   # packets cross from one to the other
from livelib import BIN, publish, relay, service, start, tap as t  # noqa: E402
from relaylib import IDR, SLICE, codec, packets, rtp, session, tracks, wait_for  # noqa: E402

NAME = 'live/c'
signal, admin, events = (relay.connect(role) for role in ('signal', 'admin', 'admin'))
events.ask('events.subscribe')


def attach(kind, stream=NAME, **members):
    peer = relay.connect('media')
    peer.answer = peer.ask('attach', **{'as': kind, 'stream': stream, **members})
    return peer


def twin(name='H264', pt=98, **more):
    kind = 'audio' if name in ('opus', 'mpeg4-generic') else 'video'
    return [{'kind': kind, 'mode': 'on-demand', 'codecs': [codec(name, pt)], **more}]


def listed(stream=NAME):
    return next((s for s in admin.ask('streams.list')['streams'] if s['name'] == stream), None)


def names(event):
    return [(x['track'], x['codecs'][0]['name']) for x in event['tracks']]


def player(*codecs):
    return signal.ask('session.create', **session('play', NAME, tracks=tracks(*codecs)))


# before the publisher: it waits, and nothing is there to play
early = attach('contributor', tracks=twin())
t.ok(early.answer['ok'], 'a contributor may come before the publisher', early.answer)
t.ok(events.wait_event('stream.contribute', session=early.answer['session']) is not None,
     'an event says that it came')
t.equal(signal.ask('stream.get', stream=NAME)['publishing'], False, 'alone it is no stream')
sub = attach('subscriber', codecs=['H264'])
t.ok(sub.wait_event('end') is not None, 'a subscriber learns that nothing comes yet')
early.send(rtp(98, 1, 1, IDR))                       # for nobody
pub = attach('publisher', credential='k', tracks=tracks(codec('VP8'), codec('opus', 111, channels=2)))
event = sub.wait_event('tracks')
t.equal(names(event), [(0, 'VP8'), (1, 'opus'), (2, 'H264')], 'its track comes after the publisher\'s')
t.equal(event['tracks'][2].get('mode'), 'on-demand', 'and is told to be on demand')
t.ok(early.wait_event('wanted', track=0) is not None, 'the consumer of its codec makes it wanted')
t.ok(early.wait_event('keyframe', track=0) is not None, 'and a keyframe is asked of it')
early.send(rtp(98, 10, 3000, SLICE))
early.send(rtp(98, 11, 6000, IDR))
got = packets(sub, 1)
t.equal([(p[1] & 127, p[12:]) for p in got], [(98, IDR)], 'its packets come, from the keyframe on')
t.equal(int.from_bytes(got[0][8:12], 'big'), 3, 'under the number of its track')
t.equal(listed()['contributors'], [early.answer['session']], 'streams.list names it')

# a subscriber of everything live is not disturbed by it, and does not get what is on demand
every = attach('subscriber')
every.wait_event('tracks')
pub.send(rtp(96, 1, 0, b'\x10\0\0\0\x9d\x01\x2a' + bytes(20), 1))
t.equal([p[1] & 127 for p in packets(every, 1)], [96], 'who takes all live tracks gets the publisher\'s')

# players: what only a contributor has, what nobody has
t.ok(player(codec())['ok'], 'a player of the contributor\'s codec is taken')
none = player(codec('AV1', 45))
t.ok(none['error'] == 'no-codec' and 'VP8' in none['detail'] and 'H264' in none['detail'],
     'another is refused, both sources named', none)

# after the publisher: the others go on, the new one is there
other = attach('contributor', tracks=twin('mpeg4-generic', 97))
t.ok(other.answer['ok'], 'another one comes later', other.answer)
t.equal(names(sub.wait_event('tracks')), [(0, 'VP8'), (1, 'opus'), (2, 'H264'), (3, 'mpeg4-generic')],
        'subscribers are told')
early.send(rtp(98, 12, 9000, SLICE))
t.equal([p[12:] for p in packets(sub, 1)], [SLICE], 'what they have goes on without a new keyframe')
t.ok(other.wait_event('wanted', 0.3) is None, 'nobody wants the new one')
aac = attach('subscriber', codecs=['mpeg4-generic'])
t.ok(other.wait_event('wanted', track=0) is not None, 'until somebody does')
other.send(rtp(97, 1, 1, b'aac'))
t.equal([p[12:] for p in packets(aac, 1)], [b'aac'], 'it comes')

# takeover: contributors live on
pub.answer = attach('publisher', credential='k', tracks=tracks(codec('VP8')))
second = pub.answer
t.ok(second.answer['ok'], 'the same credential takes the stream over', second.answer)
t.ok(wait_for(lambda: sub.wait_event('end', 0.1) is not None), 'the end of the first is told')
event = sub.wait_event('tracks')
t.equal(names(event), [(0, 'VP8'), (1, 'H264'), (2, 'mpeg4-generic')], 'contributors are in the new epoch')
early.send(rtp(98, 20, 90000, IDR))
got = packets(sub, 1)
t.equal([(p[12:], p[11]) for p in got], [(IDR, 2)], 'their packets, too, under the new numbers')

# the death of one takes its tracks only
watcher = player(codec())
t.ok(watcher['ok'], 'a player is bound to a contributor\'s track alone')
early.close()
t.ok(events.wait_event('stream.uncontribute', session=early.answer['session']) is not None,
     'an event says that a contributor went')
t.ok(events.wait_event('session.end', session=watcher['session'], reason='no-codec') is not None,
     'the player with nothing left ends, with the reason')
t.equal(names(sub.wait_event('tracks')), [(0, 'VP8'), (2, 'mpeg4-generic')],
        'the others keep their numbers')
other.send(rtp(97, 2, 1025, b'two'))
t.equal([p[12:] for p in packets(aac, 1)], [b'two'], 'and go on')
t.ok(second.sock.fileno() >= 0 and listed()['state'] == 'live', 'the publisher notices nothing')
back = attach('contributor', tracks=twin())
t.equal(names(sub.wait_event('tracks')), [(0, 'VP8'), (1, 'H264'), (2, 'mpeg4-generic')],
        'a successor takes the free place')
back.send(rtp(98, 1, 1, IDR))
t.equal([p[12:] for p in packets(sub, 1)], [IDR], 'and its consumers are bound to it')

# the publisher's end: nothing is wanted any more
sub.events.clear()
second.close()
t.ok(back.wait_event('unwanted', track=0) is not None, 'without a publisher nothing is wanted')
t.ok(sub.wait_event('end') is not None, 'and the stream ends')
aac.close()

# limits
t.equal(attach('contributor', tracks=tracks(*[codec()] * 7)).answer['error'], 'limit',
        'more tracks than a stream may have are refused')
more = [attach('contributor', tracks=twin(pt=100 + i)) for i in range(3)]
t.equal([m.answer['ok'] for m in more], [True, True, False], 'more than four contributors, too')
t.equal(more[2].answer['error'], 'limit', 'with the reason')
t.equal(attach('contributor', tracks=[]).answer['error'], 'bad-request', 'none without tracks')
big = attach('publisher', tracks=tracks(*[codec('VP8', 96 + i) for i in range(6)]))
t.ok(big.answer['ok'], 'a publisher with many tracks comes', big.answer)
ended = [e for e in iter(lambda: events.wait_event('session.end', 1, reason='limit'), None)]
t.equal(len(ended), 2, 'contributors for whom no room is left end')
t.equal(len(listed()['contributors']), 2, 'the others stay')
for peer in [big, back, other, sub, every, *more[:2]]:
    peer.close()
t.ok(wait_for(lambda: listed() is None), 'when all are gone so is the stream')

# a real picture: the publisher sends VP8, the player knows H264 only, a contributor has it
source = publish('source')
t.ok(wait_for(lambda: (listed('live/source') or {}).get('state') == 'live', 30), 'a test card is live')
card = attach('subscriber', 'live/source', codecs=['H264'])
card_track = card.wait_event('tracks')['tracks'][0]
h264 = next(c for c in card_track['codecs'] if c['name'] == 'H264')
attach_vp8 = attach('publisher', 'live/vp8', tracks=tracks(codec('VP8', 120)))
bridge = attach('contributor', 'live/vp8', tracks=[{'kind': 'video', 'mode': 'on-demand', 'codecs': [h264]}])
wanted = threading.Event()


def copy(packet, state):
    if packet[1] & 127 == h264['pt'] or 192 <= packet[1] <= 223:
        if wanted.is_set():
            bridge.send(packet)


def ask_back():
    """The bridge's own events: wanted, and wishes for keyframes, which go to the source."""
    while True:
        try:
            msg = bridge.read(60)
        except (TimeoutError, OSError):
            return
        if msg is None:
            return
        if msg.get('event') == 'wanted':
            wanted.set()
        elif msg.get('event') == 'keyframe':
            card.send({'v': 1, 'op': 'keyframe', 'track': card_track['track']})


def carry():
    while True:
        try:
            msg = card.read(60)
        except (TimeoutError, OSError):
            return
        if msg is None:
            return
        if isinstance(msg, bytes):
            try:
                copy(msg, None)
            except OSError:
                return


for job in (ask_back, carry):
    threading.Thread(target=job, daemon=True).start()
whep = service('rtc-whep', '-c', '127.0.0.1')
run = subprocess.run([f'{BIN}/rtc-play', '-j', '--duration', '3', '--min-fps', '20', '--max-loss', '0',
                      '--expect-card', '--codec', 'h264', f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream=vp8'],
                     capture_output=True, timeout=60)
report = json.loads(run.stdout or b'{}')
t.ok(run.returncode == 0, 'it shows the contributor\'s picture, every frame of it',
     f'{run.returncode} {run.stderr.decode()} {report}')
t.ok(wanted.is_set(), 'which was sent only because somebody wanted it')
attach_vp8.close()
bridge.sock.close()
source.terminate()
source.wait()
t.equal(relay.stop(), 0, 'SIGTERM ends the relay with status 0')
t.done()
