#!/usr/bin/python3
# runs under: address
# runs beside others
"""What a player of rtc-relay begins with, packet by packet: a keyframe, for which the publisher is asked
once, in the words it knows, whoever else waits; in each codec's own form and the player's own payload
types. Who knows no RTX gets what it lost with the same octets. RED is unwrapped for those without it.
Who proves nothing gets nothing."""
import asyncio
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from relaylib import Tap, codec  # noqa: E402
from rtplib import PSFB, SLOW, Client, one_worker, packet, until  # noqa: E402

t = Tap()
relay, admin = one_worker()
SSRC, WAITING_S = 0x1000, 0.3
EVERY_S = 0.5   # at most one wish for a keyframe reaches the publisher in this time
VP9_KEY = bytes.fromhex('8249834200 0af008f6')
MODE1 = 'packetization-mode=1;profile-level-id='
# name, fmtp of publisher and player, what comes between keyframes, packets of a keyframe
FORMS = [
    ('H264', MODE1 + '640c1f', MODE1 + '42e01f', b'\x5c\x81\x9a\x02',
     [b'\x78\x00\x02\x06\x05\x00\x04\x67\x42\xc0\x1e\x00\x02\x68\xce', b'\x7c\x85\x88\x84', b'\x7c\x45\x01']),
    ('H265', '', '', b'\x02\x01\xd0', [b'\x62\x01\x94\xaf', b'\x62\x01\x54\x01']),
    ('VP8', '', '', b'\x90\xf0\x92\x34\x01\x41\x31', [b'\x90\xf0\x92\x35\x01\x41\x30\1\0', b'\x80\x80\x92\x35abc']),
    ('VP9', 'profile-id=0', '', b'\xf8\x11\x00\x02\x86\x00', [b'\xb8\x12\x00' + VP9_KEY, b'\xb4\x12\x03' + VP9_KEY]),
    ('AV1', 'profile=0', '', b'\x10\x30\0', [b'\x28\x02\x0a\x01\x30\0', b'\x10\x38\0']),
]


class Publisher(Client):
    def __init__(self, stream, track):
        super().__init__(relay, 'publish', f'live/{stream}', [track])
        self.seq, self.ts = 500, 90000

    async def frame(self, *payloads, pt=96):
        self.ts += 3600
        for i, payload in enumerate(payloads):
            self.seq += 1
            await self.send(packet(pt, self.seq, self.ts, payload + b'%06d' % self.seq, SSRC, i + 1 == len(payloads)))


def section(name, pt, kind='video', fmtp='', **more):
    return {'mid': '0', 'kind': kind, 'codecs': [codec(name, pt, **({'fmtp': fmtp} if fmtp else {}), **more)]}


async def player(stream, *codecs, kind='video'):
    return await Client(relay, 'play', f'live/{stream}', [{'mid': '0', 'kind': kind, 'codecs': list(codecs)}]).start()


async def begins(name, fmtp, wanted, other, key):
    pub = await Publisher(name, section(name, 96, fmtp=fmtp, fb=['nack pli'])).start()
    await pub.frame(other)
    # Its list holds another codec under the publisher's payload type.
    play = await player(name, codec('VP8' if name != 'VP8' else 'VP9', 96),
                        codec(name, 41, **({'fmtp': wanted} if wanted else {})))
    end = time.monotonic() + WAITING_S
    while time.monotonic() < end:
        await pub.frame(other)
        await asyncio.sleep(0.02)
    t.equal([p.payload for p in play.rtp], [], f'{name}: nothing comes before a keyframe')
    await pub.frame(*key)
    await pub.frame(other)
    t.ok(await until(lambda: len(play.rtp) > len(key)), f'{name}: it begins with one')
    t.equal([p.payload[:-6] for p in play.rtp[:len(key) + 1]], [*key, other], f'{name}: of which every packet comes')
    t.equal({p.pt for p in play.rtp}, {41}, f'{name}: under the player\'s payload type')
    await play.stop()
    await pub.stop()


async def asked_once():
    for fb, kind in (['nack pli', 'ccm fir'], 1), (['ccm fir'], 4), ([], 1):
        name = f'ask{len(fb)}{kind}'
        pub = await Publisher(name, section('VP8', 96, fb=fb)).start()
        await pub.frame(b'\x10\x31')
        began = time.monotonic()
        players = [await player(name, codec('VP8', 96, fb=['nack pli'])) for _ in range(3)]
        await until(lambda: pub.of_type(PSFB, kind), 3 * SLOW)
        await pub.frame(b'\x10\x30\1\0')
        t.ok(await until(lambda: all(p.rtp for p in players)), f'{fb}: all that wait begin with one keyframe')
        asked = pub.of_type(PSFB, kind)
        t.ok(0 < len(asked) <= 1 + (time.monotonic() - began) / EVERY_S and not pub.of_type(PSFB, 5 - kind),
             f'{fb}: for which the publisher was asked', [pub.of_type(PSFB, 1), pub.of_type(PSFB, 4)])
        # Each asks again, all at once: their wishes are one.
        await asyncio.sleep(0.6)
        began = time.monotonic()
        for _ in range(5):
            for p in players:
                await p.send(struct.pack('!BBHII', 0x81, PSFB, 2, 1, p.rtp[0].ssrc))
            await asyncio.sleep(0.02)
        await until(lambda: pub.of_type(PSFB, kind, began), 3 * SLOW)
        await asyncio.sleep(0.2)
        asked = pub.of_type(PSFB, kind, began)
        t.ok(0 < len(asked) <= 1 + (time.monotonic() - began) / EVERY_S, f'{fb}: fifteen wishes within 500 ms are one',
             asked)
        for p in [*players, pub]:
            await p.stop()


async def same_octets():
    pub = await Publisher('same', section('VP8', 96, fb=['nack', 'nack pli'])).start()
    play = await player('same', codec('VP8', 100, fb=['nack', 'nack pli']))
    take, lost, came = play.ice._recv, [], []

    async def recv():
        while True:
            data = await take()
            if lost or not (128 <= data[0] < 192 and data[1] & 0x7f == 100 and len(play.rtp) == 3):
                came.append(data)
                return data
            lost.append(data)

    play.ice._recv = recv
    await pub.frame(b'\x10\x30\1\0')
    t.ok(await until(lambda: play.rtp, 10 * SLOW, lambda: pub.frame(b'\x10\x30\1\0')), 'a player without RTX begins')
    await until(lambda: len(play.rtp) > 6, 10, lambda: pub.frame(b'\x10\x31'))
    number = struct.unpack('!H', lost[0][2:4])[0]
    t.ok(number not in [p.seq for p in play.rtp], 'it loses a packet')
    await play.send(struct.pack('!BBHIIHH', 0x81, 205, 3, 1, play.rtp[0].ssrc, number, 0))
    t.ok(await until(lambda: number in [p.seq for p in play.rtp], 3 * SLOW), 'asks for it and gets it')
    t.ok(lost[0] in came, 'with the same octets: an index is used for one plaintext')
    await play.stop()
    await pub.stop()


async def strangers():
    """Whose certificate is not the one it named, or whose checks bear another password, gets nothing."""
    pub = await Publisher('own', section('VP8', 96, fb=['nack pli'])).start()
    good = await player('own', codec('VP8', 100))
    liar = Client(relay, 'play', 'live/own', [section('VP8', 100)])
    liar.fingerprint = ':'.join(['AB'] * 32)
    guesser = Client(relay, 'play', 'live/own', [section('VP8', 100)])
    guesser.password = 'x' * 24
    for c in liar, guesser:
        tries = asyncio.ensure_future(c.start())
        for _ in range(40):
            await pub.frame(b'\x10\x30\1\0')
            await asyncio.sleep(0.025)
        tries.cancel()
        await asyncio.wait([tries])
    sent = {s['session']: s['tx_packets'] for s in admin.ask('sessions.list', start=0, count=50)['sessions']}
    t.ok(sent[good.id] > 40, 'a player gets what is sent', sent)
    t.equal((liar.rtp, sent.get(liar.id, 0)), ([], 0), 'one with another certificate gets nothing')
    t.equal((guesser.rtp, sent.get(guesser.id, 0)), ([], 0), 'one with another password gets nothing')
    t.ok('connected' not in (liar.dtls.state, guesser.dtls.state), 'neither is connected',
         (liar.dtls.state, guesser.dtls.state))
    await good.stop()
    await pub.stop()


def red(*blocks, pt=111):
    """RFC 2198: [(offset, octets)], the primary last."""
    head = b''.join(struct.pack('!I', 1 << 31 | pt << 24 | offset << 10 | len(b)) for offset, b in blocks[:-1])
    return head + bytes([pt]) + b''.join(b for _, b in blocks)


async def unwrapped():
    pub = Publisher('red', {'mid': '0', 'kind': 'audio', 'codecs': [
        codec('red', 63, clock_rate=48000, channels=2, fmtp='111/111'), codec('opus', 111, channels=2)]})
    await pub.start()
    plain = await player('red', codec('opus', 96, channels=2), kind='audio')
    both = await player('red', codec('opus', 109, channels=2),
                        codec('red', 110, clock_rate=48000, channels=2, fmtp='109/109'), kind='audio')

    async def lead():
        pub.seq, pub.ts = pub.seq + 1, pub.ts + 960
        await pub.send(packet(63, pub.seq, pub.ts, red((0, b'lead')), SSRC))

    def since(player):
        return [p for p in player.rtp if b'lead' not in p.payload]
    t.ok(await until(lambda: plain.rtp and both.rtp, 10 * SLOW, lead), 'both players get what comes')
    blocks = [(1920, b'older'), (960, b'old'), (0, b'now')]
    for data in (red((0, b'zero')), red(*blocks), red((960, b''), (0, b'one')), red((960, b'old'), (0, b'')), b'\xef'):
        pub.seq, pub.ts = pub.seq + 1, pub.ts + 960
        await pub.send(packet(63, pub.seq, pub.ts, data, SSRC))
    pub.seq, pub.ts = pub.seq + 1, pub.ts + 960
    await pub.send(packet(111, pub.seq, pub.ts, b'plain', SSRC))
    t.ok(await until(lambda: len(since(plain)) == 4 and both.rtp[-1].payload == b'plain'),
         'RED and Opus come', [p.payload for p in plain.rtp])
    t.equal([(p.pt, p.payload) for p in since(plain)], [(96, b'zero'), (96, b'now'), (96, b'one'), (96, b'plain')],
            'to who knows Opus alone the primary block, of any count; what is none is left out')
    t.ok(all((b.seq - a.seq) & 0xffff == 1 for a, b in zip(plain.rtp, plain.rtp[1:])), 'without a gap')
    second = since(both)[1]
    t.equal((second.pt, second.payload), (110, red(*blocks, pt=109)),
            'to who knows RED all blocks, under its own payload type')
    t.equal(both.rtp[-1].pt, 109, 'and Opus as Opus')
    for c in (plain, both, pub):
        await c.stop()


for form in FORMS:
    asyncio.run(asyncio.wait_for(begins(*form), 60 * SLOW))
for part in asked_once, same_octets, strangers, unwrapped:
    asyncio.run(asyncio.wait_for(part(), 60 * SLOW))
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
