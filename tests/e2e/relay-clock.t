#!/usr/bin/env python3
# runs under: address thread
# runs beside others
"""What the relay says of a source's clock: its reports, as of now; of sound that has not reported yet,
its arrivals on the picture's clock, which is hours away from the relay's own."""
import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import IDR, SLICE, Relay, Tap, codec, rtp, tracks, wait_for  # noqa: E402

SOURCE_S, NEAR_S = 3_000_000_000, 0.05
VIDEO, AUDIO = 0, 1
RATE = {VIDEO: 90000, AUDIO: 48000}
FIRST = {VIDEO: 7_000_000, AUDIO: 4_294_900_000}   # the sound's wraps
t = Tap()
relay = Relay('-w', os.environ.get('RTC_TEST_WORKERS', '1'))


def attach(kind, **members):
    peer = relay.connect('media')
    peer.ask('attach', **{'as': kind, 'stream': 'live/c', **members})
    return peer


class Publisher:
    """The picture leaves late_s after it was seen; the sound at once."""

    def __init__(self, late_s, stream='live/c'):
        self.peer = attach('publisher', stream=stream, credential='k',
                           tracks=tracks(codec(), codec('opus', 111, channels=2)))
        self.zero, self.late_s, self.seq = time.monotonic(), late_s, 0

    def ts(self, track, at):
        return (FIRST[track] + int((at - self.zero) * RATE[track])) & 0xffffffff

    def send(self, track, at):
        """What was seen or heard at a time."""
        self.seq += 1
        payload = [IDR if self.seq == 1 else SLICE, b'\xfc\1\2\3'][track]
        self.peer.send(rtp([96, 111][track], self.seq, self.ts(track, at), payload, 1, ssrc=50 + track))

    def tick(self):
        now = time.monotonic()
        self.send(VIDEO, now - self.late_s)
        self.send(AUDIO, now)
        time.sleep(0.02)

    def report(self, track):
        now = time.monotonic()
        self.peer.send(struct.pack('!BBHIQIII', 0x80, 200, 6, 50 + track,
                                   int((SOURCE_S + now - self.zero) * 2**32), self.ts(track, now), 0, 0))


def read_for(peer, seconds):
    """Packets and reports that come, in order: (track, None) or (track, NTP seconds, timestamp)."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            msg = peer.read(0.05)
        except TimeoutError:
            continue
        if isinstance(msg, bytes) and msg[1] == 200:
            ssrc, ntp, ts = struct.unpack('!IQI', msg[4:20])
            found.append((ssrc - 1, ntp / 2**32, ts))
        elif isinstance(msg, bytes):
            found.append((int.from_bytes(msg[8:12], 'big') - 1, None))
    return found


def reports(found, track):
    return [f for f in found if f[0] == track and f[1] is not None]


def off_s(pub, report):
    """How far a report is from what the source knows."""
    track, ntp, ts = report
    diff = (ts - FIRST[track] + 2**31) % 2**32 - 2**31
    return ntp - SOURCE_S - diff / RATE[track]


pub, sub = Publisher(late_s=0.7), attach('subscriber')
pub.send(AUDIO, time.monotonic() - 0.3)     # the first was held up
for _ in range(15):
    pub.tick()
t.equal([f for f in read_for(sub, 0.2) if f[1] is not None], [], 'nothing is said of a clock that nobody told of')
pub.report(VIDEO)
pub.tick()
found = read_for(sub, 0.3)
t.ok(len(reports(found, VIDEO)) == 1 and abs(off_s(pub, reports(found, VIDEO)[0])) < 0.002,
     'the picture\'s report is passed on', found)
t.ok(len(reports(found, AUDIO)) == 1 and abs(off_s(pub, reports(found, AUDIO)[0])) < NEAR_S,
     'the sound, which has not reported, is placed beside it by what was delayed least', found)

time.sleep(0.5)
asked = time.monotonic()
late = attach('subscriber')
t.ok(wait_for(lambda: pub.tick() or time.monotonic() > asked + 0.2), 'a subscriber comes later')
found = read_for(late, 0.2)
t.equal(sorted(f[0] for f in found[:2] if f[1] is not None), [VIDEO, AUDIO],
        'it is told of both clocks before the first packet')
said = reports(found, VIDEO)[0]
t.ok(abs(off_s(pub, said)) < 0.002 and 0 <= said[1] - SOURCE_S - (asked - pub.zero) < 0.5,
     'as of now, not as of then', (said, asked - pub.zero))

pub.report(AUDIO)
pub.tick()
found = read_for(sub, 0.3)
t.ok(reports(found, AUDIO) and abs(off_s(pub, reports(found, AUDIO)[-1])) < 0.002,
     'the sound\'s own report takes the place of the guess', found)
# An encoder: its first sound is from before its first picture, and its report comes just behind it.
early, beside = Publisher(late_s=0, stream='live/d'), attach('subscriber', stream='live/d')
for track, before_s in ((VIDEO, 0), (AUDIO, 0.3)):
    early.send(track, time.monotonic() - before_s)
    time.sleep(0.03)
    early.report(track)
early.send(AUDIO, time.monotonic() - 0.28)
found = read_for(beside, 0.3)
t.ok(reports(found, AUDIO) and all(abs(off_s(early, f)) < 0.002 for f in reports(found, AUDIO)),
     'of sound that reports soon nothing is guessed', found)
t.equal(relay.stop(), 0, 'the relay ends')
t.done()
