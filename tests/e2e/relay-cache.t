#!/usr/bin/python3
# runs under: address
# runs beside others
"""Joining a publisher that makes keyframes by its own clock: the video since the last one comes at once,
its timestamps compressed so that it ends where live begins; no audio of the past; and what is live comes
when it comes to a viewer who was there before. --gop-cache auto, on and off; OBS by its name, others when
they were found to ignore a PLI; who heeds it is asked for a keyframe, and so is anybody whose last one is
kept no more. Parameter sets that came late go before the slices. Nothing comes before the end of the
handshake, however long the thread that makes it is held up."""
import asyncio
import atexit
import fcntl
import os
import struct
import sys
import termios
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from relaylib import Relay, Tap, codec  # noqa: E402
from rtplib import SLOW, Client, packet, until  # noqa: E402

t = Tap()
OBS = 'Mozilla/5.0 (OBS-Studio/32.1.0; Linux x86_64; en-US)'
FRAME_S, GOP_S = 0.04, 1.6     # since the keyframe when the second viewer joins
AT_ONCE_S, NO_LATER_S, COMPRESSED_S = 0.2 * SLOW, 0.1 * SLOW, 0.05
VIDEO, AUDIO, PACKETS = 0x10, 0x20, 3       # of a frame
KEPT, MANY, SOUND_ONLY_S = 2048, 70, 2      # packets in the relay's ring, and of a frame, so that it is soon full
relays = []


@atexit.register
def clean_up():
    for r in relays:
        if r.proc.poll() is None:
            r.proc.kill()


class Publisher(Client):
    """Frames of three packets and sound beside them, or for a while sound alone. heeds: a PLI makes a keyframe."""

    def __init__(self, relay, heeds=False, agent='', packets=PACKETS, sound_only_s=0):
        super().__init__(relay, 'publish', 'live/gop', [
            {'mid': '0', 'kind': 'video', 'codecs': [codec('VP8', 96, fb=['nack', 'nack pli'])]},
            {'mid': '1', 'kind': 'audio', 'codecs': [codec('opus', 111, channels=2)]}], agent)
        self.heeds, self.seq, self.frame, self.done, self.key_at = heeds, 0, 0, 0, 0
        self.packets, self.sound_only_s = packets, sound_only_s
        self.sent, self.keys = {}, set()    # frame -> when; frames

    async def run(self):
        began, sounds = time.monotonic(), 0
        while True:
            if sounds * FRAME_S >= self.sound_only_s:
                await self.picture()
            await self.send(packet(111, sounds, sounds * 1920, b'snd %06d' % sounds, AUDIO, 1))
            sounds += 1
            await asyncio.sleep(max(0, began + sounds * FRAME_S - time.monotonic()))

    async def picture(self):
        key = self.frame == 0 or self.heeds and len(self.plis()) > self.done
        self.done = len(self.plis())
        if key:
            self.key_at = self.frame
            self.keys.add(self.frame)
        self.sent[self.frame] = time.monotonic()
        for i in range(self.packets):
            self.seq += 1
            head = b'\x80\xbb' if i else b'\x10\x30\1\0' if key else b'\x10\x31'
            await self.send(packet(96, self.seq, self.frame * 3600, head + b' %06d' % self.frame, VIDEO,
                                   i == self.packets - 1))
        self.frame += 1


def frame_of(p):
    return int(p.payload[-6:])


class Viewer(Client):
    def __init__(self, relay, video='VP8'):
        super().__init__(relay, 'play', 'live/gop', [
            {'mid': '0', 'kind': 'video', 'codecs': [codec(video, 100, fb=['nack', 'nack pli'])]},
            {'mid': '1', 'kind': 'audio', 'codecs': [codec('opus', 110, channels=2)]}])

    async def start(self):
        await super().start()
        self.joined = time.monotonic()
        return self

    def of(self, pt):
        return sorted((p for p in self.rtp if p.pt == pt), key=lambda p: p.seq)

    def first_after(self):
        video = self.of(100)
        return video[0].at - self.joined if video else None


def check_replay(what, publisher, first, late):
    video, sound = late.of(100), late.of(110)
    frames = [frame_of(p) for p in video]
    # The last frames that were sent before it had connected, and before its replay.
    joined = max(n for n, at in publisher.sent.items() if at < late.joined)
    live = max(n for n, at in publisher.sent.items() if at < video[0].at)
    t.ok(frames[0] == publisher.key_at and (first is None or video[0].at - late.joined < AT_ONCE_S),
         f'{what}: the last keyframe comes at once', (frames[:3], video[0].at - late.joined))
    t.equal(frames, sorted([n for n in range(frames[0], frames[-1] + 1)] * PACKETS)[:len(frames)],
            f'{what}: and all that followed it')
    t.ok(all((b.seq - a.seq) & 0xffff == 1 for a, b in zip(video, video[1:])), f'{what}: numbers have no gap')
    past, future = [p for p in video if frame_of(p) <= live], [p for p in video if frame_of(p) > live + 1]
    span = ((past[-1].ts - past[0].ts) & 0xffffffff) / 90000
    t.ok(live - frames[0] > GOP_S / FRAME_S / 2 and 0 <= span < COMPRESSED_S,
         f'{what}: {live - frames[0]} frames of the past take {span * 1000:.0f} ms of its time')
    step = {(b.ts - a.ts) & 0xffffffff for a, b in zip(future, future[1:])}
    t.equal(step, {0, 3600}, f'{what}: live goes on in its own time')
    heard = [frame_of(p) for p in sound]
    t.ok(min(heard) >= joined - 1, f'{what}: no sound of the past', (joined, heard[:3]))
    if first:
        there = {frame_of(p): p.at for p in first.of(100)}
        behind = [p.at - there[frame_of(p)] for p in future if frame_of(p) in there]
        t.ok(len(behind) > 20 and max(behind) < NO_LATER_S, f'{what}: live comes when it comes to who was there',
             max(behind, default='none'))


class Log:
    """A pipe for standard error that is read, or full: who writes then waits."""
    SIZE = 4096

    def __init__(self):
        self.out, self.into = os.pipe()
        fcntl.fcntl(self.into, fcntl.F_SETPIPE_SZ, self.SIZE)
        self.reads = threading.Event()
        self.reads.set()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while self.reads.wait() and os.read(self.out, self.SIZE):
            pass

    def fill(self):
        """The reader takes a last line; what it leaves fills the pipe."""
        self.reads.clear()
        os.write(self.into, b'\n')
        time.sleep(0.1)
        os.write(self.into, b'.' * self.SIZE)

    def waiting(self):
        return struct.unpack('i', fcntl.ioctl(self.out, termios.FIONREAD, bytes(4)))[0]


async def join_held_up():
    """A viewer whose handshake ends while the control thread waits for its log, media goes on meanwhile."""
    log = Log()
    relay = Relay('-w', '1', '--gop-cache', 'on', stderr=log.into)
    relays.append(relay)
    pub = await Publisher(relay).start()
    sending = asyncio.ensure_future(pub.run())
    await asyncio.sleep(GOP_S)
    log.fill()
    two = Viewer(relay)
    joining = asyncio.ensure_future(two.start())
    await asyncio.sleep(0.7 * SLOW)
    held = log.waiting() == Log.SIZE
    log.reads.set()
    await joining
    await until(lambda: two.of(100), 3)
    await asyncio.sleep(0.5)
    video = two.of(100)
    t.ok(held and video and frame_of(video[0]) == pub.key_at,
         'held up: the picture begins with the keyframe, whose first packet is not lost',
         (held, [frame_of(p) for p in video[:3]], pub.key_at))
    sending.cancel()
    for c in (two, pub):
        await c.stop()
    t.equal(relay.stop(), 0, 'held up: the relay ends with status 0')


async def join(mode, heeds=False, agent='', first=True, told=None):
    """A publisher, a viewer from the beginning if wanted, one that joins later. told: the mode that the relay
    is told while it runs."""
    relay = Relay('-w', '1', '--gop-cache', mode)
    relays.append(relay)
    if told is not None:
        now = relay.connect('admin').ask('settings.set', gop_cache=told)
        t.equal(now.get('gop_cache'), told, f'{mode}: the relay takes another mode')
    pub = await Publisher(relay, heeds, agent).start()
    one = await Viewer(relay).start() if first else None
    sending = asyncio.ensure_future(pub.run())
    await asyncio.sleep(GOP_S)
    plis = len(pub.plis())
    two = await Viewer(relay).start()
    await until(lambda: two.of(100), 3)
    await asyncio.sleep(1.5)
    sending.cancel()
    for c in filter(None, (one, two, pub)):
        await c.stop()
    t.equal(relay.stop(), 0, f'{mode}: the relay ends with status 0')
    return pub, one, two, len(pub.plis()) - plis


async def join_when_it_is_gone(what, mode, first, sound_only_s):
    """The publisher's one keyframe is kept no more when somebody joins: it makes another when asked."""
    relay = Relay('-w', '1', '--gop-cache', mode)
    relays.append(relay)
    pub = await Publisher(relay, True, packets=MANY, sound_only_s=sound_only_s).start()
    one = await Viewer(relay).start() if first else None
    sending = asyncio.ensure_future(pub.run())
    await until(lambda: pub.seq > KEPT + MANY, 60)
    two = await Viewer(relay).start()
    await until(lambda: two.of(100), 10)
    began = frame_of(two.of(100)[0]) if two.of(100) else None
    t.ok(began in pub.keys, f'{what}: who joins when the last keyframe is gone gets another', (began, pub.keys))
    sending.cancel()
    for c in filter(None, (one, two, pub)):
        await c.stop()
    t.equal(relay.stop(), 0, f'{what}: the relay ends with status 0')


class Slices(Client):
    """OBS with one keyframe of H264, of which one packet is lost and comes again after all of it."""
    SPS, PPS = bytes.fromhex('6742c01eda082640'), bytes.fromhex('68ce3880')
    KEYFRAME = [SPS, PPS, b'\x65\x88first', b'\x65\x18second']

    def __init__(self, relay, lost):
        super().__init__(relay, 'publish', 'live/gop', [
            {'mid': '0', 'kind': 'video', 'codecs': [codec('H264', 96, fb=['nack', 'nack pli'])]}], OBS)
        self.lost, self.repaired = self.KEYFRAME.index(lost), False

    async def run(self):
        count = len(self.KEYFRAME)
        for i in range(count):
            if i != self.lost:
                await self.send(packet(96, i, 0, self.KEYFRAME[i], VIDEO, i == count - 1))
        for frame in range(1, 1000):
            await self.send(packet(96, count - 1 + frame, frame * 3600, b'\x41\x9a%06d' % frame, VIDEO, 1))
            if frame == 2:
                await self.send(packet(96, self.lost, 0, self.KEYFRAME[self.lost], VIDEO))
                self.repaired = True
            await asyncio.sleep(FRAME_S)


async def join_repaired(workers, lost=Slices.SPS):
    """Some who join after the lost packet came, and one who waited before: all have the whole keyframe."""
    relay = Relay('-w', str(workers))
    relays.append(relay)
    pub = await Slices(relay, lost).start()
    one = await Viewer(relay, 'H264').start()
    sending = asyncio.ensure_future(pub.run())
    await until(lambda: pub.repaired)
    late = await asyncio.gather(*(Viewer(relay, 'H264').start() for i in range(3 * workers)))
    what, whole = f'-w {workers}, {"SPS" if lost == pub.SPS else "PPS"} lost', len(pub.KEYFRAME)
    await until(lambda: all(len(v.of(100)) > whole for v in late), 10)
    for i, v in enumerate(late):
        got = [p.payload for p in v.rtp if p.pt == 100]
        t.equal(got[:whole], pub.KEYFRAME, f'{what}: viewer {i} begins with all parameter sets')
        t.ok(got == [p.payload for p in v.of(100)] and len(got) == len(set(got)),
             f'{what}: viewer {i} has everything once and in order')

    def has_keyframe():
        got = [p.payload for p in one.of(100)]
        return pub.SPS in got and got[got.index(pub.SPS):][:whole] == pub.KEYFRAME
    t.ok(await until(has_keyframe, 10), f'{what}: who waited has them before the slices, too',
         [p.payload for p in one.of(100)][:8])
    sending.cancel()
    for c in (one, pub, *late):
        await c.stop()
    t.equal(relay.stop(), 0, f'{what}: the relay ends with status 0')


async def main():
    pub, one, two, asked = await join('auto', agent=OBS)
    check_replay('auto, OBS', pub, one, two)
    pub, one, two, asked = await join('auto')
    # Its first viewer made the relay ask, in vain or with a keyframe that came by itself.
    check_replay('auto, one that ignores PLI', pub, None, two)
    t.ok(asked > 0 and two.first_after() < 1.3 * SLOW, 'auto: found out within a second', two.first_after())
    pub, one, two, asked = await join('auto', heeds=True)
    t.ok(asked > 0 and pub.key_at > GOP_S / FRAME_S / 2 and frame_of(two.of(100)[0]) == pub.key_at,
         'auto: one that heeds PLI makes a keyframe, and nothing is replayed', (asked, pub.key_at))
    pub, one, two, asked = await join('off', heeds=True, told=True)
    check_replay('on', pub, one, two)
    t.equal(asked, 0, 'on: nobody is asked')
    pub, one, two, asked = await join('off', agent=OBS)
    t.ok(asked > 0 and not two.of(100) and two.of(110), 'off: sound alone until a keyframe comes', asked)
    await asyncio.gather(join_when_it_is_gone('auto, sound came first', 'auto', True, SOUND_ONLY_S),
                         join_when_it_is_gone('on', 'on', False, 0), join_repaired(1), join_repaired(2),
                         join_repaired(1, Slices.PPS))
    await join_held_up()


asyncio.run(asyncio.wait_for(main(), 150 * SLOW))
t.done()
