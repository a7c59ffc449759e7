#!/usr/bin/python3
"""A client of the matrix on aiortc. See client_base.py."""
import asyncio
import math
import os
import sys
import threading
from fractions import Fraction

import av
from aiortc import (MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription,
                    VideoStreamTrack)
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client_base  # noqa: E402

class Picture(VideoStreamTrack):
    """A bar that moves."""

    number = 0
    begun = None

    def __init__(self, picture):
        super().__init__()
        self.width, self.height, self.fps = (picture[k] for k in ('width', 'height', 'fps'))

    async def recv(self):
        loop = asyncio.get_event_loop()
        self.begun = self.begun or loop.time()
        await asyncio.sleep(max(0, self.begun + self.number / self.fps - loop.time()))
        frame = av.VideoFrame(self.width, self.height, 'yuv420p')
        bar = self.number * 8 % self.width
        row = bytearray(b'\x30' * frame.planes[0].line_size)
        row[bar:bar + 32] = b'\xd0' * 32
        frame.planes[0].update(bytes(row[:frame.planes[0].line_size]) * self.height)
        for plane in frame.planes[1:]:
            plane.update(b'\x80' * (plane.line_size * plane.height))
        frame.pts, frame.time_base = self.number * VIDEO_CLOCK_RATE // self.fps, VIDEO_TIME_BASE
        self.number += 1
        return frame


class Tone(MediaStreamTrack):
    """20 ms a frame, in real time."""

    kind = 'audio'
    number = 0
    begun = None

    def __init__(self, rate):
        super().__init__()
        self.rate, self.size = rate, rate // 50
        samples = [int(8000 * math.sin(2 * math.pi * 400 * i / rate)) for i in range(self.size)]
        self.data = b''.join(s.to_bytes(2, 'little', signed=True) * 2 for s in samples)

    async def recv(self):
        loop = asyncio.get_event_loop()
        self.begun = self.begun or loop.time()
        await asyncio.sleep(max(0, self.begun + self.number / 50 - loop.time()))
        frame = av.AudioFrame(format='s16', layout='stereo', samples=self.size)
        frame.planes[0].update(self.data)
        frame.sample_rate, frame.time_base = self.rate, Fraction(1, self.rate)
        frame.pts = self.number * self.size
        self.number += 1
        return frame


class Peer:
    def __init__(self, url):
        self.url, self.pc, self.track, self.location = url, RTCPeerConnection(), None, None
        self.frames, self.error, self.heard = 0, None, None

    async def run(self, codec, picture, kind):
        try:
            if codec:
                kind = 'video' if picture else 'audio'
                rate = 48000 if codec == 'opus' else 8000
                self.track = Picture(picture) if picture else Tone(rate)
                transceiver = self.pc.addTransceiver(self.track, direction='sendonly')
                transceiver.setCodecPreferences(
                    [c for c in RTCRtpSender.getCapabilities(kind).codecs
                     if c.name in (codec, 'rtx')])
            else:
                self.pc.addTransceiver(kind, direction='recvonly')
                self.pc.on('track', lambda t: asyncio.ensure_future(self.consume(t)))
            await self.pc.setLocalDescription(await self.pc.createOffer())
            answer, self.location = await asyncio.to_thread(
                client_base.post, self.url, self.pc.localDescription.sdp)
            await self.pc.setRemoteDescription(RTCSessionDescription(answer, 'answer'))
        except Exception as e:  # whatever it is: the test tells it
            self.error = f'{e}'

    async def consume(self, track):
        try:
            while True:
                frame = await track.recv()
                self.frames += 1
                if track.kind == 'audio':
                    self.heard = self.heard or len(set(bytes(frame.planes[0])[:64])) > 4
        except MediaStreamError:
            pass

    def counted(self):
        return self.track.number if self.track else self.frames, self.error, self.heard

    async def stop(self):
        await self.pc.close()
        if self.location:
            await asyncio.to_thread(client_base.delete, self.location)


async def obey(queue):
    peers = {}
    while True:
        order = await queue.get()
        if order is None:
            return
        op, name = order['op'], order.get('id')
        if op in ('publish', 'play'):
            peers[name] = Peer(order['url'])
            wish = (order.get(k) for k in ('codec', 'picture', 'kind'))
            asyncio.ensure_future(peers[name].run(*wish))
        elif op == 'stop':
            asyncio.ensure_future(peers.pop(name).stop())
        else:
            client_base.tell({k: p.counted() for k, p in peers.items()})


async def main():
    queue, loop = asyncio.Queue(), asyncio.get_event_loop()

    def read():
        for order in client_base.orders():
            loop.call_soon_threadsafe(queue.put_nowait, order)
        loop.call_soon_threadsafe(queue.put_nowait, None)
    threading.Thread(target=read, daemon=True).start()
    await obey(queue)

asyncio.run(main())
os._exit(0)     # without waiting for its coders' threads
