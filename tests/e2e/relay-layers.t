#!/usr/bin/python3
# runs under: address
# runs beside others
"""Simulcast, packet by packet: a player gets the highest layer that has sent within half a second, and
another one from that layer's keyframe on; its numbers and timestamps go on whatever happens. When all
fall silent at once it does not matter which comes back first. Layers are told by RID, in both forms of
header extensions, or by the SSRCs of the offer; what is lost of one comes by RTX that says whose it is, or
by its SSRC."""
import asyncio
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from relaylib import Tap, codec  # noqa: E402
from rtplib import SDES, SLOW, Client, extension, one_worker, packet, until  # noqa: E402

t = Tap()
relay, admin = one_worker()
SILENCE_S = 0.5
MID, RID, REPAIRED = 4, 10, 11
EXT = [{'id': MID, 'uri': SDES + 'mid'}, {'id': RID, 'uri': SDES + 'rtp-stream-id'},
       {'id': REPAIRED, 'uri': SDES + 'repaired-rtp-stream-id'}]
FB = ['nack', 'nack pli']


class Layer:
    """One encoding: its own SSRC, numbers and timestamps."""

    def __init__(self, rid, ssrc, width, height, seq, ts, two_byte):
        self.rid, self.ssrc, self.seq, self.ts, self.two_byte = rid, ssrc, seq, ts, two_byte
        self.size = struct.pack('<HH', width, height)
        self.on = self.answers = True   # answers: makes keyframes when asked
        self.due = True
        self.count, self.last_ssrc = 0, 0
        self.says = True    # packets carry the RID

    def ext(self, which):
        return extension([(MID, b'0')] + [(which, self.rid.encode())] * self.says, self.two_byte)

    def next(self, key):
        self.seq, self.count = self.seq + 1, self.count + 1
        head = b'\x10\x30\x01\x00\x9d\x01\x2a' + self.size if key else b'\x10\x31'
        text = b'%s %s %06d' % (self.rid.encode(), b'key' if key else b'not', self.count)
        return packet(96, self.seq, self.ts + self.elapsed(), head + text, self.ssrc, 1, ext=self.ext(RID))

    def elapsed(self):
        return int((time.monotonic() - BEGAN) * 90000)


BEGAN = time.monotonic()
low = Layer('l', 1, 160, 120, 100, 5, False)
middle = Layer('m', 2, 320, 240, 30000, 0xfffffff0, True)
high = Layer('h', 3, 640, 480, 65500, 0x80000000, False)
layers = [low, middle, high]


def layer_of(p):
    """'h', and whether it is a keyframe; None of padding."""
    words = p.payload.split(b' ')
    return (words[0][-1:].decode(), words[1] == b'key') if len(words) == 3 else None


class Publisher(Client):
    answered, layers = 0, layers

    async def run(self):
        """A frame of each layer that is on, every 20 ms; keyframes where a PLI asks."""
        while True:
            for at, ssrc in self.plis()[self.answered:]:
                for layer in self.layers:
                    layer.due |= layer.ssrc == ssrc
                self.answered += 1
            for layer in self.layers:
                if layer.on:
                    key, layer.due = layer.due and layer.answers, layer.due and not layer.answers
                    await self.send(layer.next(key))
            await asyncio.sleep(0.02)

    def asked(self, layer, since):
        return [at for at, ssrc in self.plis(since) if ssrc == layer.ssrc]


def shows(player, layer):
    return lambda: bool(player.rtp) and (layer_of(player.rtp[-1]) or ' ')[0] == layer.rid


def changes(packets):
    """[(packet before, first packet)] where another layer begins."""
    return [(a, b) for a, b in zip(packets, packets[1:]) if layer_of(a)[0] != layer_of(b)[0]]


async def main():
    pub = await Publisher(relay, 'publish', 'live/layers', [
        {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', 96, rtx_pt=97, fb=FB)], 'ext': EXT,
         'rids': ['l', 'm', 'h']}]).start()
    sending = asyncio.ensure_future(pub.run())
    await asyncio.sleep(0.3)
    play = await Client(relay, 'play', 'live/layers', [
        {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', 120, fb=FB, rtx_pt=121)]}]).start()
    t.ok(await until(shows(play, high), 5 * SLOW), 'the highest layer that sends is shown')
    await asyncio.sleep(1)
    t.equal(len({layer_of(p)[0] for p in play.rtp[-20:]}), 1, 'and stays')

    # The highest falls silent; the next one does not make a keyframe yet.
    middle.answers, high.on = False, False
    off = time.monotonic()
    t.ok(await until(lambda: pub.asked(middle, off), 3 * SLOW), 'when it falls silent the next is asked for a keyframe')
    waited = pub.asked(middle, off)[0] - off
    t.ok(SILENCE_S * 0.9 < waited < 3 * SILENCE_S * SLOW, 'half a second later', waited)
    await asyncio.sleep(0.3)
    t.ok(shows(play, high)(), 'nothing is shown of it before', layer_of(play.rtp[-1]))
    middle.answers = True
    t.ok(await until(shows(play, middle), 3 * SLOW), 'it is shown when it has made one')

    # The highest comes back, without a keyframe at first: the middle goes on until there is one.
    high.answers, high.on, high.due, on = False, True, False, time.monotonic()
    t.ok(await until(lambda: pub.asked(high, on), 3 * SLOW), 'when it comes back it is asked for a keyframe')
    t.ok(await until(lambda: play.rtp[-1].at > on + 0.3, 10 * SLOW) and shows(play, middle)(),
         'the other goes on meanwhile', layer_of(play.rtp[-1]))
    high.answers = True
    t.ok(await until(shows(play, high), 3 * SLOW), 'then it is shown again')
    await asyncio.sleep(0.5)

    got = [p for p in play.rtp if p.pt == 120 and layer_of(p)]
    began = changes(got)
    t.equal([layer_of(b)[0] for _, b in began][-2:], ['m', 'h'], 'it changed as often as it had to')
    t.ok(layer_of(got[0])[1] and all(layer_of(b)[1] for _, b in began), 'each time at a keyframe',
         [b.payload for _, b in began])
    t.ok(all((b.seq - a.seq) & 0xffff == 1 for a, b in zip(play.rtp, play.rtp[1:])), 'numbers go on without a gap')
    t.ok(all(0 < (b.ts - a.ts) & 0xffffffff < 1 << 31 for a, b in zip(got, got[1:])), 'timestamps go on')
    off_by = [abs(((b.ts - a.ts) & 0xffffffff) / 90000 - (b.at - a.at)) for a, b in began]
    t.ok(max(off_by) < 0.1 * SLOW, 'by the time that passed', off_by)
    t.ok(high.seq > 65536, 'the numbers of the highest have wrapped')

    # What the player lost before the change is still sent again.
    before = began[-1][0]
    await play.send(struct.pack('!BBHIIHH', 0x81, 205, 3, 1, before.ssrc, before.seq, 0))
    t.ok(await until(lambda: any(p.pt == 121 and p.payload == struct.pack('!H', before.seq) + before.payload
                                 for p in play.rtp), 3 * SLOW),
         'what is asked for from before the change is sent again')

    # RTX of a layer, from an SSRC never seen, which says by RID whose it is.
    sending.cancel()
    ended = time.monotonic()
    for layer, rtx_ssrc in ((middle, 0x77), (high, 0x78)):
        missing, last = layer.next(False), layer.next(False)
        await pub.send(last)
        begin = 12 + 4 + 4 * int.from_bytes(missing[14:16], 'big')
        await pub.send(packet(97, 9, int.from_bytes(missing[4:8], 'big'), missing[2:4] + missing[begin:], rtx_ssrc, 1,
                              ext=layer.ext(REPAIRED), pad=3))
        if layer is high:
            t.ok(await until(lambda: missing[begin:] in [p.payload for p in play.rtp], 3),
                 'RTX brings what is missing of the layer that its RID names')
    await asyncio.sleep(0.2)
    t.ok(not any(p.pt == 120 and layer_of(p) == ('m', False) and p.at > ended for p in play.rtp),
         'and of no other')
    await play.stop()
    await pub.stop()


def switches(player):
    listed = admin.ask('sessions.list', start=0, count=50)['sessions']
    return next(s['layer_switches'] for s in listed if s['session'] == player.id)


async def stall(pub, back):
    """All layers are silent for a while; then the lowest comes back, and a moment later the others of back.
    When it did, and how long that moment was in truth."""
    for layer in pub.layers:
        layer.on = False
    await asyncio.sleep(SILENCE_S + 0.2)
    at = time.monotonic()
    for layer in back:
        await pub.send(layer.next(False))
        layer.on = True
        if layer is back[0]:
            await asyncio.sleep(0.005)
    return at, time.monotonic() - at


async def stalls(agent, name):
    """Where keyframes come by the source's own clock, and where it makes them when asked."""
    pub = Publisher(relay, 'publish', f'live/{name}', [
        {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', 96, fb=FB)], 'ext': EXT, 'rids': ['l', 'm', 'h']}], agent)
    pub.layers = [Layer('l', 11, 160, 120, 100, 5, False), Layer('m', 12, 320, 240, 30000, 0xfffffff0, False),
                  Layer('h', 13, 640, 480, 500, 0x80000000, False)]
    first, second, best = pub.layers
    await pub.start()
    sending = asyncio.ensure_future(pub.run())
    await until(lambda: best.count > 10)
    play = await Client(relay, 'play', f'live/{name}', [{'mid': '0', 'kind': 'video',
                                                        'codecs': [codec('VP8', 120, fb=FB)]}]).start()

    async def keyframe():
        best.due = True

    for _ in range(10):     # the machine may have held us up just then, for longer than a layer may be silent
        await until(shows(play, best), 10 * SLOW, keyframe)
        before = switches(play)
        at, moment = await stall(pub, pub.layers)
        if moment < SILENCE_S / 5:
            break
    t.ok(await until(lambda: sum(p.at > at for p in play.rtp) > 20, 10 * SLOW), f'{name}: it goes on after a stall')
    t.equal({layer_of(p)[0] for p in play.rtp if p.at > at and layer_of(p)}, {'h'},
            f'{name}: in the layer that it had, though another came back first')
    t.equal((switches(play), len(pub.asked(first, at) + pub.asked(second, at))), (before, 0),
            f'{name}: it did not change, nor is any other layer asked for a keyframe')
    await stall(pub, pub.layers[:2])
    t.ok(await until(shows(play, second), 10 * SLOW), f'{name}: a layer that does not come back is left')
    sending.cancel()
    await play.stop()
    await pub.stop()


async def by_ssrc(what, rids, ssrcs, says):
    """The offer names SSRCs and those that repair them; the highest is that of 3, repaired by 13."""
    stream = f'live/{what.replace(" ", "-")}'
    ours = [Layer(name, i + 1, 160 << i, 120 << i, 100, 5, False) for i, name in enumerate('lmh')]
    small, mid, large = ours
    for layer in ours:
        layer.says = says
    pub = Publisher(relay, 'publish', stream, [
        {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', 96, rtx_pt=97, fb=FB)], 'ext': EXT, 'rids': rids,
         'ssrcs': ssrcs, 'rtx_ssrcs': [ssrc + 10 for ssrc in ssrcs]}])
    pub.layers = ours
    await pub.start()
    sending = asyncio.ensure_future(pub.run())
    play = await Client(relay, 'play', stream, [
        {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', 120, fb=FB)]}]).start()
    t.ok(await until(shows(play, large), 5 * SLOW), f'{what}: the highest layer that sends is shown')
    await asyncio.sleep(0.6)
    begin = len(play.rtp) - 20
    t.equal(len({layer_of(p)[0] for p in play.rtp[begin:]}), 1, f'{what}: and stays')
    widths = {1: 160, 2: 320, 3: 640}
    named = zip(rids, ssrcs) if not says else [(layer.rid, layer.ssrc) for layer in ours]
    want = sorted((rid, widths[ssrc]) for rid, ssrc in named)

    def told():
        info = next(s for s in admin.ask('streams.list', start=0, count=50)['streams'] if s['name'] == stream)
        return sorted((x['rid'], x['width']) for x in info['layers'] if x['active'])
    t.ok(await until(lambda: told() == want, 5 * SLOW), f'{what}: each layer has its name', told())
    large.on = False
    t.ok(await until(shows(play, mid), 3 * SLOW), f'{what}: when it falls silent the next is shown')
    large.on = True
    t.ok(await until(shows(play, large), 3 * SLOW), f'{what}: when it comes back it is shown again')
    began = changes([p for p in play.rtp if layer_of(p)])
    t.ok(all(layer_of(b)[1] for _, b in began), f'{what}: each time at a keyframe', [b.payload for _, b in began])
    t.ok(all((b.seq - a.seq) & 0xffff == 1 for a, b in zip(play.rtp, play.rtp[1:])), f'{what}: without a gap')

    # What is missing of each comes by its own RTX; the numbers of all are the same here.
    sending.cancel()
    large.seq = small.seq = mid.seq = max(layer.seq for layer in ours) + 1
    missing = {layer: layer.next(False) for layer in ours}
    for layer in ours:
        await pub.send(layer.next(False))
    for layer, p in missing.items():
        body = 12 + 4 + 4 * int.from_bytes(p[14:16], 'big')
        missing[layer] = p[body:]
        await pub.send(packet(97, 9, int.from_bytes(p[4:8], 'big'), p[2:4] + p[body:], layer.ssrc + 10, 1,
                              ext=layer.ext(REPAIRED)))
    t.ok(await until(lambda: missing[large] in [p.payload for p in play.rtp], 3 * SLOW),
         f'{what}: RTX brings what is missing of its own layer')
    await asyncio.sleep(0.2)
    came = [p.payload for p in play.rtp]
    t.ok(missing[small] not in came and missing[mid] not in came, f'{what}: and of no other')
    await play.stop()
    await pub.stop()


async def every():
    await main()
    await stalls('OBS-Studio', 'periodic')
    await stalls('', 'asked')
    # A group SIM; then as Firefox offers; then rids in another order than SSRCs, where packets know better.
    await by_ssrc('SSRCs alone', ['0', '1', '2'], [3, 2, 1], False)
    await by_ssrc('SSRCs and rids', ['l', 'm', 'h'], [1, 2, 3], False)
    await by_ssrc('RIDs before SSRCs', ['l', 'm', 'h'], [3, 1, 2], True)


asyncio.run(asyncio.wait_for(every(), 150 * SLOW))
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
