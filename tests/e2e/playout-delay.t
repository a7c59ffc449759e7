#!/usr/bin/python3
"""The header extension playout-delay towards WebRTC players (aiortc, whose offers are amended): on
keyframes of a publisher that wishes it, beside the transport-wide number or alone, and never to who
did not offer it. And sender reports of both tracks, two of them soon."""
# runs beside others
import asyncio
import os
import struct
import sys

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCDtlsTransport

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, 'lib'))
import client_base  # noqa: E402
from livelib import relay, service, tap as t  # noqa: E402
from relaylib import IDR, SLICE, codec, rtp, tracks  # noqa: E402

URI = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay'
TWCC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'
LEAST_MS = 120
MOST_MS = 10000     # what browsers take without a word
PATIENCE_S = 15
REPORTS_APART_MAX_S = 0.8   # the first two of a track; later ones are a second apart
whep = service('rtc-whep', '-c', '127.0.0.1')
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ['127.0.0.1']


def told(least_ms):
    return (least_ms // 10 << 12 | MOST_MS // 10).to_bytes(3, 'big')


def elements(packet):
    """{id: octets} of a one-byte header extension (RFC 8285 s.4.2); None if there is none."""
    if not packet[0] & 0x10:
        return None
    at = 12 + 4 * (packet[0] & 15)
    assert packet[at:at + 2] == b'\xbe\xde', packet[at:at + 2].hex()
    end = at + 4 + 4 * int.from_bytes(packet[at + 2:at + 4], 'big')
    at, found = at + 4, {}
    while at < end:
        if packet[at] == 0:
            at += 1
            continue
        size = (packet[at] & 15) + 1
        found[packet[at] >> 4] = packet[at + 1:at + 1 + size]
        at += 1 + size
    return found


class Player:
    def __init__(self, *lines):
        self.lines, self.pc = lines, RTCPeerConnection()
        self.packets, self.reports = [], {}

    async def start(self):
        for kind in ('audio', 'video'):
            self.pc.addTransceiver(kind, direction='recvonly')
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = self.pc.localDescription.sdp
        pt = next(x.split()[0][9:] for x in offer.splitlines() if x.endswith('H264/90000'))
        extra = ''.join(f'{x}\r\n'.replace('PT', pt) for x in self.lines)
        self.answer, self.location = await asyncio.to_thread(
            client_base.post, f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream=p',
            offer.rstrip('\r\n') + '\r\n' + extra)
        # Its own parser would read the number that it did not offer.
        answer = ''.join(x for x in self.answer.splitlines(True) if URI not in x and TWCC not in x)
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, 'answer'))
        self.pc.getTransceivers()[0].receiver.transport.player = self

    async def stop(self):
        await self.pc.close()
        await asyncio.to_thread(client_base.delete, self.location)

    def found(self, payload):
        """The extensions of the packets that carry it, oldest first."""
        return [elements(p) for p in self.packets if p.endswith(payload)]


async def take(self, data, arrival_time_ms):
    self.player.packets.append(data)


async def take_rtcp(self, data):
    """Of sender reports the NTP times, by SSRC (RFC 3550 s.6.4.1)."""
    while len(data) >= 4:
        if data[1] == 200:
            ssrc, ntp = struct.unpack('!IQ', data[4:16])
            self.player.reports.setdefault(ssrc, []).append(ntp / 2**32)
        data = data[4 + 4 * int.from_bytes(data[2:4], 'big'):]


RTCDtlsTransport.player = Player()      # until it is known whose the transport is
RTCDtlsTransport._handle_rtp_data = take
RTCDtlsTransport._handle_rtcp_data = take_rtcp


class Publisher:
    """A local one: a keyframe, then others, each a packet."""

    def __init__(self, **wish):
        self.peer = relay.connect('media')
        video, audio = tracks(codec(fmtp='packetization-mode=1;profile-level-id=42e01f'),
                              codec('opus', 111, channels=2))
        reply = self.peer.ask('attach', **{'as': 'publisher', 'stream': 'live/p', 'credential': 'k',
                                           'tracks': [{**video, **wish}, audio]})
        assert reply['ok'], reply
        self.count = 0

    def report(self):
        for ssrc in (7, 8):
            self.peer.send(struct.pack('!BBHIQIII', 0x80, 200, 6, ssrc, 1000 << 32, 0, 1, 1))

    def send(self, payload):
        self.count += 1
        self.peer.send(rtp(96, self.count, self.count * 3600, payload, 1))
        self.peer.send(rtp(111, self.count, self.count * 960, b'\xfc' + bytes(9), ssrc=8))


async def until(condition, tick=None):
    for _ in range(PATIENCE_S * 50):
        if condition():
            return True
        if tick:
            tick()
        await asyncio.sleep(0.02)
    return False


async def watch(publisher, players):
    """Each gets a keyframe and what follows."""
    key, rest = IDR + os.urandom(8), SLICE + os.urandom(8)
    ok = await until(lambda: all(p.found(key) and p.found(rest) for p in players),
                     lambda: (publisher.send(key), publisher.send(rest)))
    t.ok(ok, 'every player gets keyframes and other pictures',
         [(len(p.packets), len(p.found(key))) for p in players])
    return [p.found(key) for p in players], [p.found(rest) for p in players]


async def main():
    publisher = Publisher(playout_delay_ms=LEAST_MS)
    plain, alone, both = players = [
        Player(), Player(f'a=extmap:14 {URI}'),
        Player(f'a=extmap:5 {URI}', f'a=extmap:6 {TWCC}', 'a=rtcp-fb:PT transport-cc')]
    for p in players:
        await p.start()
    t.ok(URI not in plain.answer, 'who does not offer it is not answered it')
    t.ok(f'a=extmap:14 {URI}' in alone.answer, 'who does is, under its id', alone.answer)
    keys, others = await watch(publisher, players)
    t.ok(set(map(str, keys[0] + others[0])) == {'None'}, 'who did not offer it gets no extension',
         keys[0] + others[0])
    t.ok(all(e == {14: told(LEAST_MS)} for e in keys[1]),
         f'keyframes say {LEAST_MS} to {MOST_MS} ms', keys[1])
    t.ok(all(e is None for e in others[1]), 'other pictures say nothing', others[1])
    t.ok(all(set(e) == {5, 6} and e[5] == told(LEAST_MS) for e in keys[2]),
         'beside the transport-wide number it is there, too', keys[2])
    t.ok(all(set(e) == {6} for e in others[2]), 'and the number alone elsewhere', others[2])
    publisher.report()
    ok = await until(lambda: all(len(p.reports) == 2 and min(map(len, p.reports.values())) > 1
                                 for p in players), lambda: publisher.send(SLICE))
    apart = [r[1] - r[0] for p in players for r in p.reports.values()]
    t.ok(ok and max(apart) < REPORTS_APART_MAX_S, 'two sender reports of each track come soon', apart)
    numbers = [int.from_bytes(e[6], 'big') for e in map(elements, both.packets) if e and 6 in e]
    t.equal(numbers, list(range(len(numbers))), 'the numbers have no hole')

    # A receiver remembers: the next publisher, who does not wish it, takes it back.
    keys, others = await watch(Publisher(), players)
    t.ok(all(e == {14: told(0)} for e in keys[1]), 'the next publisher takes it back', keys[1])
    t.ok(all(e is None for e in keys[0]), 'and is silent to who was told nothing', keys[0])
    for p in players:
        await p.stop()


asyncio.run(asyncio.wait_for(main(), 120))
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
