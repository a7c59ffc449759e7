#!/usr/bin/env python3
# runs under: address
# runs with the servers
"""rtc-publish --max-bitrate on a link that becomes narrow and wide again: the encoder follows, the
picture stays whole; --start in files that pass and files that are encoded anew."""
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proglib import endpoint, start  # noqa: E402
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

tap = Tap()
TMP = tempfile.TemporaryDirectory(prefix='rtckit-rate-')
PATIENCE_S = 60
NOISE = os.path.join(TMP.name, 'noise.mkv')
NARROW, WIDE, QUEUE_S = 400_000, 20_000_000, 0.4


class Narrow(threading.Thread):
    """A way to the relay that takes so many bits a second, with a queue; the way back is free."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.rate, self.busy, self.queue, self.lost = server, WIDE, 0, [], 0
        self.inside, self.outside, self.client = self.bound(), self.bound(), None
        self.port = self.inside.getsockname()[1]
        self.start()

    @staticmethod
    def bound():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.bind(('127.0.0.1', 0))
        return s

    def take(self, now):
        data, self.client = self.inside.recvfrom(2048)
        if self.busy > now + QUEUE_S:
            self.lost += 1
            return
        self.busy = max(self.busy, now) + len(data) * 8 / self.rate
        self.queue.append((self.busy, data))

    def run(self):
        while True:
            now = time.monotonic()
            wait = max(0, min(0.01, self.queue[0][0] - now)) if self.queue else 0.05
            for s in select.select([self.inside, self.outside], [], [], wait)[0]:
                if s is self.inside:
                    self.take(time.monotonic())
                elif self.client:
                    self.inside.sendto(self.outside.recv(2048), self.client)
            while self.queue and self.queue[0][0] <= time.monotonic():
                self.outside.sendto(self.queue.pop(0)[1], self.server)


relay = Relay()
admin = relay.connect('admin')
link = Narrow(('127.0.0.1', admin.hello['listen'][0]['port']))
NARROWED = endpoint(relay, 'rtc-whip', f'127.0.0.1:{link.port}', '--no-detect', '--no-api-candidate')
WHIP, WHEP = endpoint(relay, 'rtc-whip'), endpoint(relay, 'rtc-whep')


class Lines(threading.Thread):
    """The newest line of --stats."""

    def __init__(self, p):
        super().__init__(daemon=True)
        self.p, self.last = p, {}
        self.start()

    def run(self):
        for line in self.p.stdout:
            self.last = json.loads(line)


def make_noise():
    """A film that takes every bit that an encoder may spend."""
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-f', 'lavfi', '-i',
                    'testsrc2=size=320x240:rate=25,noise=alls=20:allf=t', '-t', '4', '-c:v', 'mpeg2video', '-q:v', '3',
                    NOISE], check=True)


def follow(codec):
    p = start(f'{BIN}/rtc-publish', '-q', '--stats', '--codec', codec, '--loop', '--video-bitrate', '900000',
              '--max-bitrate', '1200000', NARROWED + codec, NOISE)
    lines = Lines(p)
    tap.ok(wait_for(lambda: lines.last.get('bitrate_bps', 0) > 700000, 20), f'{codec}: it begins high', lines.last)
    link.rate = NARROW
    tap.ok(wait_for(lambda: 0 < lines.last['target_bps'] < NARROW, 20), f'{codec}: it goes down to the link',
           lines.last)
    tap.ok(wait_for(lambda: lines.last['bitrate_bps'] < NARROW * 1.1, 20), f'{codec}: and so does what is sent',
           lines.last)
    lost, seconds = link.lost, 3
    play = subprocess.run([f'{BIN}/rtc-play', '-j', '--duration', str(seconds), '--min-fps', '10', WHEP + codec],
                          capture_output=True, timeout=PATIENCE_S)
    r = json.loads(play.stdout)
    tap.equal((play.returncode, r['faults'], r['video']['undecodable']), (0, [], 0),
              f'{codec}: the picture goes on, whole')
    # A keyframe of noise, for the player that joins, may be more than the queue holds.
    tap.ok(link.lost - lost < 60, f'{codec}: little is lost any more', link.lost - lost)
    low = lines.last['target_bps']
    link.rate = WIDE
    tap.ok(wait_for(lambda: lines.last['target_bps'] > 1.2 * low, 30), f'{codec}: and up when it is wide again',
           f'{low} {lines.last}')
    p.terminate()
    tap.equal(p.wait(PATIENCE_S), 0, f'{codec}: it ends')


def starts():
    film = os.path.join(TMP.name, 'film.mkv')
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=25', '-t', '6',
                    '-c:v', 'libx264', '-bf', '0', '-g', '25', '-pix_fmt', 'yuv420p', film], check=True)
    for name, seconds, args in (('as it is', 2.0, []), ('encoded anew', 1.5, ['--codec', 'vp8'])):
        p = subprocess.run([f'{BIN}/rtc-publish', '-j', '--start', '4.5', *args, WHIP + 'start', film],
                           capture_output=True, timeout=PATIENCE_S)
        r = json.loads(p.stdout)
        tap.ok(p.returncode == 0 and abs(r['frames'] - seconds * 25) <= 1, f'--start of a film {name}', r)
    for want, args in ((66, ['--start', '9', WHIP + 'start', film]), (66, ['--start', '1', WHIP + 'start', '-']),
                       (64, ['--start', '1', '--test', WHIP + 'start'])):
        p = subprocess.run([f'{BIN}/rtc-publish', *args], capture_output=True, timeout=PATIENCE_S,
                           stdin=open(film, 'rb'))
        tap.ok(p.returncode == want and p.stderr, f'{" ".join(args[:2])}: exit {want}',
               f'{p.returncode} {p.stderr}')


make_noise()
follow('h264')
follow('vp8')
starts()
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
