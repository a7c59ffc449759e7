#!/usr/bin/python3
"""A client of the matrix on aiortc. See client_base.py."""
import asyncio
import os
import sys
import threading

import av
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
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


class Peer:
    def __init__(self, url):
        self.url, self.pc, self.track, self.location = url, RTCPeerConnection(), None, None
        self.frames, self.error = 0, None

    async def run(self, codec, picture):
        try:
            if codec:
                self.track = Picture(picture)
                transceiver = self.pc.addTransceiver(self.track, direction='sendonly')
                transceiver.setCodecPreferences(
                    [c for c in RTCRtpSender.getCapabilities('video').codecs
                     if c.name in (codec, 'rtx')])
            else:
                self.pc.addTransceiver('video', direction='recvonly')
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
                await track.recv()
                self.frames += 1
        except MediaStreamError:
            pass

    def counted(self):
        return self.track.number if self.track else self.frames, self.error

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
            asyncio.ensure_future(peers[name].run(order.get('codec'), order.get('picture')))
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
