#!/usr/bin/python3
# runs under: address
# runs beside others
"""RTP and RTCP of rtc-relay, packet by packet: what a publisher is told and when, what it sends again,
odd packets, and what a player gets of it."""
import asyncio
import os
import statistics
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from relaylib import Tap, codec  # noqa: E402
from rtplib import PSFB, RR, RTPFB, SLOW, TWCC_URI, XR, Client, extension, one_worker, packet, until  # noqa: E402

t = Tap()
relay, admin = one_worker()
SSRC, RTX_SSRC = 0x1000, 0x2000
KEY, REST = b'\x10\x30\x01\x00\x9d\x01\x2a\x40\x01\xf0\x00', b'\x10\x31'     # VP8: a keyframe begins; another frame
FB = ['nack', 'nack pli']
RTT_S = 0.3


def vp8(pt=96, rtx_pt=97, fb=FB, **more):
    return {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', pt, **({'rtx_pt': rtx_pt} if rtx_pt else {}), fb=fb)],
            **more}


def are_apart(times, gap_s, since):
    """Several since then, with so much between them? By their count: one that is read late is close to the next."""
    return 1 < len(times) <= 1 + (time.monotonic() - since) / gap_s


def stats(client):
    return admin.ask('sessions.list', start=0, count=1, session=client.id)['sessions'][0]


class Publisher(Client):
    """Frames of one packet each, 40 ms apart in their timestamps."""

    def __init__(self, stream, *tracks):
        super().__init__(relay, 'publish', f'live/{stream}', list(tracks))
        self.seq, self.frame = 1000, 0

    def next(self, payload=REST, ssrc=SSRC, pt=96, **more):
        self.seq += 1
        self.frame += 1
        return packet(pt, self.seq, self.frame * 3600, payload + b'%08d' % self.frame, ssrc, 1, **more)

    async def frames(self, count, gap_s=0.01, **more):
        for _ in range(count):
            await self.send(self.next(**more))
            await asyncio.sleep(gap_s)

    def rtx(self, data, seq, pad=0, ssrc=RTX_SSRC, pt=97, ext=b''):
        """The packet again by RFC 4588."""
        return packet(pt, seq, int.from_bytes(data[4:8], 'big'), data[2:4] + data[12:], ssrc, 1, ext=ext, pad=pad)


async def player(stream, *tracks):
    return await Client(relay, 'play', f'live/{stream}', list(tracks)).start()


def is_continuous(packets):
    """Each number is one more than that before, and time never goes back."""
    return all((b.seq - a.seq) & 0xffff == 1 and (b.ts - a.ts) & 0xffffffff < 1 << 31
               for a, b in zip(packets, packets[1:]))


async def join(p, publisher, **more):
    """Until the player gets something: keyframes, as it asks for them."""
    async def tick():
        await publisher.send(publisher.next(KEY, **more))
    return await until(lambda: p.rtp, 10 * SLOW, tick)


# ---- what a publisher is told ----

async def feedback():
    pub = await Publisher('twcc', vp8(fb=FB + ['transport-cc'], ext=[{'id': 3, 'uri': TWCC_URI}])).start()
    for i in range(200):
        await pub.send(pub.next(ext=extension([(3, struct.pack('!H', i))])))
        await asyncio.sleep(0.012)
    times = [at for at, _ in pub.of_type(RTPFB, 15)]
    apart = [b - a for a, b in zip(times, times[1:])]
    t.ok(len(apart) > 10 and 0.05 <= statistics.median(apart) <= 0.1,
         'transport-wide feedback comes every 50 to 100 ms', apart)
    told = sum(int.from_bytes(p[14:16], 'big') for _, p in pub.of_type(RTPFB, 15))
    t.ok(told >= 190, 'and tells of every packet', told)
    t.ok(not [p for _, p in pub.of_type(PSFB, 15)], 'without REMB beside it')
    await pub.stop()

    pub = await Publisher('remb', vp8(fb=FB + ['goog-remb'])).start()
    await pub.frames(150, 0.012)
    rembs = [p for _, p in pub.of_type(PSFB, 15) if p[12:16] == b'REMB']
    t.ok(rembs and not pub.of_type(RTPFB, 15), 'who knows REMB alone gets that', len(rembs))
    before = time.monotonic()
    pub.seq += 20
    await pub.frames(150, 0.012)
    reports = [p for _, p in pub.of_type(RR, 1, before)]
    lost = max((int.from_bytes(p[13:16], 'big') for p in reports), default=0)
    t.ok(reports and lost == 20 and any(p[12] > 0 for p in reports), 'receiver reports count what is lost', lost)
    t.ok(await until(lambda: stats(pub)['rx_lost'] == 20), 'and so do the session\'s figures', stats(pub))
    await pub.stop()


async def losses():
    """Asked for at once, again after a round trip; given up with a PLI; come by RTX with padding."""
    pub = await Publisher('nack', vp8(ssrcs=[SSRC], rtx_ssrcs=[RTX_SSRC])).start()
    play = await player('nack', vp8(100, None, fb=['nack pli']))
    await join(play, pub)
    await pub.frames(20)
    missing, began = pub.next(), time.monotonic()
    await pub.frames(3)
    t.ok(await until(lambda: pub.nacked(began), 2 * SLOW), 'what is missing is asked for', pub.nacked())
    t.ok(SLOW > 1 or pub.nacked(began)[0][0] - began < 0.3, 'soon', [at - began for at, _ in pub.nacked(began)])
    t.equal({n for _, n in pub.nacked(began)}, {pub.seq - 3}, 'that and no other')
    await until(lambda: len(pub.nacked(began)) > 3, SLOW)
    again = [at for at, _ in pub.nacked(began)]
    t.ok(are_apart(again, 0.04, began), 'again, but not before a round trip', [at - began for at in again])
    await pub.send(pub.rtx(missing, 1, pad=12))
    t.ok(await until(lambda: missing[12:] in [p.payload for p in play.rtp]), 'RTX with padding brings it')
    await pub.send(pub.rtx(missing, 2))
    await pub.send(missing)
    await pub.frames(5)
    await asyncio.sleep(0.3)
    t.equal([p.payload for p in play.rtp].count(missing[12:]), 1, 'once, whatever comes twice')
    t.ok(stats(pub)['rx_duplicates'] >= 2 and stats(pub)['rx_late'] >= 1, 'duplicates and late ones are counted',
         stats(pub))
    began = time.monotonic()
    pub.next()
    async def go_on():
        await pub.frames(1)
    t.ok(await until(lambda: pub.plis(began), 5 * SLOW, go_on), 'what never comes is given up with a PLI')
    asked = pub.nacked(began)
    t.ok(len(asked) > 2 and pub.plis(began)[0][0] > asked[-1][0] - 0.01, 'after it was asked for in vain', asked)
    await pub.frames(1, payload=KEY)
    began = time.monotonic()
    await pub.frames(100)
    t.ok(not pub.plis(began), 'once, for it is answered', pub.plis(began))
    pub.seq += 5000
    t.ok(await until(lambda: pub.plis(began), 5 * SLOW, go_on), 'numbers that leap ask for a keyframe')
    t.ok(not pub.nacked(began), 'and for nothing that was left out', pub.nacked(began)[:3])
    await play.stop()
    await pub.stop()


async def round_trip():
    """A publisher that answers our reference time late (RFC 3611 s.4.5) is asked again as late."""
    pub = await Publisher('rtt', vp8()).start()

    def reference():
        """(When it came, SSRC, middle of the NTP time) of our report."""
        found = [x for x in pub.rtcp if x[1][1] == XR and x[1][8] == 4]
        return found and (found[-1][0], found[-1][1][4:8], found[-1][1][14:18])

    async def go_on():
        await pub.frames(1)
    t.ok(await until(reference, 5, go_on), 'reports carry a reference time')
    at, ssrc, middle = reference()
    await asyncio.sleep(RTT_S)
    rtt_s = time.monotonic() - at
    await pub.send(struct.pack('!BBHI', 0x80, XR, 5, SSRC) + b'\5\0\0\3' + ssrc + middle + bytes(4))
    t.ok(await until(lambda: abs(stats(pub)['rtt_us'] / 1e6 - rtt_s) < 0.1 * SLOW, 3, go_on),
         'the answer gives the round trip', stats(pub)['rtt_us'])
    began = time.monotonic()
    pub.next()
    await until(lambda: len(pub.nacked(began)) > 2, 3 * SLOW, go_on)
    again = [at for at, _ in pub.nacked(began)]
    t.ok(are_apart(again, rtt_s * 0.8, began) and again[0] - began < 0.25 * SLOW,
         'what is lost is asked for at once, and again when an answer could have come', [at - began for at in again])
    await pub.stop()


async def odd_packets():
    """RTX from an SSRC that SDP did not name, padding that comes late, nothing at all."""
    pub = await Publisher('odd', vp8(ssrcs=[SSRC], rtx_ssrcs=[RTX_SSRC])).start()
    play = await player('odd', vp8(100, 101))
    await join(play, pub)
    await pub.frames(5)
    missing = pub.next()
    await pub.frames(3)
    await pub.send(pub.rtx(missing, 77, ssrc=0x9999))
    t.ok(await until(lambda: missing[12:] in [p.payload for p in play.rtp], 2),
         'RTX from an SSRC that SDP did not name is that of its section')
    # What is no RTX by its payload type is none, whatever came from its SSRC before.
    missing = pub.next()
    await pub.send(packet(96, 78, pub.frame * 3600, missing[2:4] + b'not what is missing', 0x9999))
    await pub.frames(3)
    await pub.send(missing)
    t.ok(await until(lambda: missing[12:] in [p.payload for p in play.rtp], 2), 'a media packet among RTX fills no gap')
    # Padding alone is left out, its number closed; where that is spent already, padding fills it.
    pub.seq += 1
    await pub.send(packet(96, pub.seq, pub.frame * 3600, b'', SSRC, pad=100))
    await pub.frames(3)
    pub.seq += 1
    late = packet(96, pub.seq, pub.frame * 3600, b'', SSRC, pad=100)
    await pub.frames(3)
    await pub.send(late)
    await pub.frames(3)
    last = pub.next(KEY)
    await pub.send(last)
    t.ok(await until(lambda: last[12:] in [p.payload for p in play.rtp]), 'what comes after them arrives')
    got = sorted(play.rtp, key=lambda p: p.ts << 16 | p.seq)
    numbers = sorted({p.seq for p in play.rtp if p.pt == 100})
    t.equal(numbers, list(range(numbers[0], numbers[-1] + 1)), 'padding, late or not, leaves no gap')
    t.ok(all(p.payload or p.data[0] & 0x20 for p in got), 'what fills a gap is padding')
    # Nothing of these is seen: empty RTX, half of an OSN, an unknown payload type, a reserved id.
    for data in (packet(97, 3, 0, b'', RTX_SSRC, pad=4), packet(97, 4, 0, b'\x01', RTX_SSRC),
                 packet(99, 5, 0, b'\0\1abc', 0x7777),
                 packet(97, 6, 0, b'\0\1abc', RTX_SSRC, ext=extension([(15, b'x'), (1, b'0')]))):
        await pub.send(data)
    before = len(play.rtp)
    last = pub.next()
    await pub.send(last)
    t.ok(await until(lambda: last[12:] in [p.payload for p in play.rtp]), 'and after other nonsense')
    t.ok(all(len(p.payload) > 8 for p in play.rtp[before:] if p.payload), 'of which nothing is passed on')
    await play.stop()
    await pub.stop()


async def numbers_wrap():
    pub = Publisher('wrap', vp8(rtx_pt=None))
    pub.seq, pub.frame = 65500, ((1 << 32) // 3600) - 30
    await pub.start()
    play = await player('wrap', vp8(35, None))
    await join(play, pub)
    await pub.frames(100, 0.004)
    await until(lambda: play.rtp[-1].payload.endswith(b'%08d' % pub.frame))
    t.ok(len(play.rtp) > 100 and is_continuous(play.rtp), 'numbers and timestamps wrap and go on')
    t.equal({p.pt for p in play.rtp}, {35}, 'under the player\'s own payload type')
    await play.stop()
    await pub.stop()


asyncio.run(asyncio.wait_for(feedback(), 60 * SLOW))
asyncio.run(asyncio.wait_for(losses(), 60 * SLOW))
asyncio.run(asyncio.wait_for(round_trip(), 60 * SLOW))
asyncio.run(asyncio.wait_for(odd_packets(), 60 * SLOW))
asyncio.run(asyncio.wait_for(numbers_wrap(), 60 * SLOW))
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
