#!/usr/bin/python3
# runs under: address
# runs beside others
"""rtc-publish, rtc-play and rtc-doctor against a small WHIP and WHEP server on another WebRTC stack (aiortc): a
full ICE agent, DTLS client, AES128_CM_SHA1_80, its own depacketiser and decoder."""
import asyncio
import json
import math
import os
from fractions import Fraction

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

BIN = os.environ.get('RTC_BIN', os.path.join(os.getcwd(), 'build/bin'))
W, H, PATIENCE_S = 320, 180, 40
count = failed = 0


def ok(value, name, detail=''):
    global count, failed
    count += 1
    failed += not value
    print(f"{'ok' if value else 'not ok'} {count} - {name}", flush=True)
    if not value:
        print('#   ' + str(detail).replace('\n', '\n#   '), flush=True)


# ---- docs/testcard.md ----

def code_of(number):
    check = number >> 12 ^ number >> 8 & 15 ^ number >> 4 & 15 ^ number & 15 ^ 5
    return number << 4 | check


def read_number(frame):
    plane = frame.reformat(format='gray').planes[0]
    raw, stride, code = bytes(plane), plane.line_size, 0
    for c in range(20):
        x = (2 * c + 1) * frame.width // 40
        a, b = (sum(raw[(y + dy) * stride + x + dx] for dy in (-2, 0, 2) for dx in (-2, 0, 2)) / 9
                for y in (frame.height // 16, 3 * frame.height // 16))
        if abs(a - b) < 48:
            return None
        code = code << 1 | (a > b)
    return code >> 4 if code_of(code >> 4) == code else None


class Card(VideoStreamTrack):
    """The test card at 30 frames a second."""

    number = 0

    async def recv(self):
        pts, base = await self.next_timestamp()
        bits = [code_of(self.number) >> (19 - c) & 1 for c in range(20)]
        row = [bytes(b'\x10\xeb'[bit ^ inverse] for bit in bits for _ in range(W // 20))
               for inverse in (0, 1)]
        luma = row[0] * (H // 8) + row[1] * (H // 4 - H // 8) + b'\x60' * (W * (H - H // 4))
        frame = av.VideoFrame(W, H, 'yuv420p')
        frame.planes[0].update(luma)
        for plane in frame.planes[1:]:
            plane.update(b'\x80' * (plane.line_size * plane.height))
        frame.pts, frame.time_base = pts, base
        self.number = (self.number + 1) & 0xffff
        return frame


class Tone(MediaStreamTrack):
    """Its tone: 20 ms a frame, in real time."""

    kind = 'audio'
    at = 0
    begun = None

    async def recv(self):
        loop = asyncio.get_event_loop()
        self.begun = self.begun or loop.time()
        await asyncio.sleep(max(0, self.begun + self.at / 48000 - loop.time()))
        step = self.at // 48000 % 8
        samples = [int(8000 * math.sin(2 * math.pi * (400 + 100 * step) * (self.at + i) / 48000))
                   for i in range(960)]
        frame = av.AudioFrame(format='s16', layout='stereo', samples=960)
        frame.planes[0].update(b''.join(s.to_bytes(2, 'little', signed=True) * 2 for s in samples))
        frame.sample_rate, frame.pts, frame.time_base = 48000, self.at, Fraction(1, 48000)
        self.at += 960
        return frame


# ---- the server ----

class Server:
    """WHIP at /whip, WHEP at /whep, sessions at /session/N; one request per connection."""

    def __init__(self):
        self.peers, self.numbers, self.audio_frames, self.tasks = {}, [], 0, []

    async def start(self):
        server = await asyncio.start_server(self.serve, '127.0.0.1', 0)
        self.base = 'http://127.0.0.1:%d' % server.sockets[0].getsockname()[1]
        return self

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b'\r\n\r\n')).decode()
        method, target, _ = head.split(' ', 2)
        length = [int(line[15:]) for line in head.split('\r\n')
                  if line.lower().startswith('content-length')]
        body = (await reader.readexactly(length[0])).decode() if length else ''
        status, headers, reply = await self.answer(method, target, body)
        writer.write((f'HTTP/1.1 {status}\r\nContent-Length: {len(reply)}\r\nConnection: close\r\n'
                      f'{headers}\r\n{reply}').encode())
        await writer.drain()
        writer.close()

    async def answer(self, method, target, body):
        if method not in ('POST', 'DELETE'):
            return '405 Method Not Allowed', '', ''
        if method == 'DELETE':
            pc = self.peers.pop(target, None)
            if pc is None:
                return '404 Not Found', '', ''
            await pc.close()
            return '200 OK', '', ''
        pc = RTCPeerConnection()
        if target == '/whep':
            pc.addTrack(Card())
            pc.addTrack(Tone())
        pc.on('track', lambda track: self.tasks.append(asyncio.ensure_future(self.consume(track))))
        await pc.setRemoteDescription(RTCSessionDescription(body, 'offer'))
        await pc.setLocalDescription(await pc.createAnswer())
        session = f'/session/{len(self.tasks)}{target[1:]}'
        self.peers[session] = pc
        # Relative, so that it has to be resolved.
        return '201 Created', f'Content-Type: application/sdp\r\nLocation: {session[1:]}\r\n', \
            pc.localDescription.sdp

    async def consume(self, track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == 'video':
                    self.numbers.append(read_number(frame))
                else:
                    self.audio_frames += 1
        except MediaStreamError:
            pass


async def run(program, *args):
    p = await asyncio.create_subprocess_exec(f'{BIN}/{program}', '-j', *args, stdout=-1, stderr=-1)
    try:
        out, err = await asyncio.wait_for(p.communicate(), PATIENCE_S)
    except asyncio.TimeoutError:
        p.kill()
        return -1, {}, 'no end'
    return p.returncode, json.loads(out or b'{}'), err.decode()


async def publishes(server):
    code, report, err = await run('rtc-publish', f'--test={W}x{H}@15', '--duration', '6',
                                  server.base + '/whip')
    ok(code == 0, 'rtc-publish publishes to another stack', f'{code} {err}')
    ok(report.get('times', {}).get('srtp') == 'AES128_CM_SHA1_80', 'with its SRTP profile', report)
    seen = [n for n in server.numbers if n is not None]
    ok(len(server.numbers) > 60 and len(seen) == len(server.numbers), 'which reads the numbers',
       server.numbers)
    ok(all(b - a == 1 for a, b in zip(seen, seen[1:])), 'every one, in order', seen)
    ok(server.audio_frames > 200, 'and hears the sound', server.audio_frames)
    ok(server.peers == {}, 'the session is deleted at the end', server.peers)


async def plays(server):
    code, report, err = await run('rtc-play', '--duration', '4', '--max-loss', '0', '--expect-card',
                                  '--expect-audio', '--min-fps', '15', server.base + '/whep')
    ok(code == 0, 'rtc-play plays from another stack', f'{code} {err} {report}')
    video, audio = report.get('video') or {}, report.get('audio') or {}
    card = video.get('card') or {}
    ok(video.get('width') == W and card.get('missing') == 0 and card.get('in_order'),
       'every number, in order', video)
    ok(len(audio.get('tone_steps', [])) >= 3, 'the tone steps', audio)
    ok(server.peers == {}, 'the session is deleted at the end', server.peers)


async def is_examined(server):
    for target, args in (('/whip', []), ('/whep', ['--whep'])):
        p = await asyncio.create_subprocess_exec(f'{BIN}/rtc-doctor', '-j', '-c', '3', '--media=1', *args,
                                                 server.base + target, stdout=-1)
        out, _ = await asyncio.wait_for(p.communicate(), PATIENCE_S)
        rows = {r['stage']: r for r in map(json.loads, out.splitlines())}
        ok(p.returncode == 0 and rows['delete']['level'] == 'ok' and rows['headers']['causes'] == ['cors'] and
           all(r['level'] == 'ok' for s, r in rows.items() if s not in ('headers', 'result')),
           f'rtc-doctor finds nothing but CORS wrong with another stack ({target})', out.decode())
    ok(server.peers == {}, 'and leaves no session', server.peers)


async def main():
    server = await Server().start()
    await publishes(server)
    await plays(server)
    await is_examined(server)
    print(f'1..{count}')

asyncio.run(main())
os._exit(1 if failed else 0)    # without waiting for that stack's threads
