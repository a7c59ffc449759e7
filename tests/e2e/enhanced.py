#!/usr/bin/env python3
"""Enhanced RTMP as encoders send it, of what ffmpeg has encoded into MP4: codecs by fourcc.
enhanced.py PORT SECONDS NAME=CODEC ... publishes the test card under live/NAME."""
import os
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardgen import make  # noqa: E402
from rtmplib import AUDIO, VIDEO, Client  # noqa: E402

SEQUENCE_START, CODED_FRAMES, SEQUENCE_END, CODED_FRAMES_X = 0, 1, 2, 3
# fourcc, box of the configuration record, octets of that box before the record, options of ffmpeg
CODECS = {
    'h264': (b'avc1', b'avcC', 0, '-c:v libx264 -preset ultrafast -tune zerolatency -g 50'),
    'h265': (b'hvc1', b'hvcC', 0, '-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params '
             'log-level=none:bframes=0:keyint=50:scenecut=0:open-gop=0:repeat-headers=0'),
    'h265b': (b'hvc1', b'hvcC', 0, '-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params '
              'log-level=none:bframes=2:b-pyramid=0:b-adapt=0:keyint=50:scenecut=0:open-gop=0'),
    'av1': (b'av01', b'av1C', 0, '-c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 '
            '-g 50 -b:v 300k'),
    'vp9': (b'vp09', b'vpcC', 4, '-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 '
            '-auto-alt-ref 0 -g 50 -b:v 300k'),
}


def packets_of(file, kind):
    """(pts ms, dts ms, keyframe, octets) as the file stores them."""
    out = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', kind, '-show_entries',
                          'packet=pts_time,dts_time,size,pos,flags', '-of', 'compact=p=0', file],
                         capture_output=True, check=True, text=True, timeout=60).stdout
    data, found = open(file, 'rb').read(), []
    for line in out.split():
        p = dict(part.split('=') for part in line.split('|') if '=' in part)
        at, size = int(p['pos']), int(p['size'])
        found.append((round(float(p['pts_time']) * 1000), round(float(p['dts_time']) * 1000),
                      'K' in p['flags'], data[at:at + size]))
    return found


def box(file, name, skip=0):
    data = open(file, 'rb').read()
    at = data.index(name)
    return data[at + 4 + skip:at - 4 + struct.unpack('>I', data[at - 4:at])[0]]


def video_head(kind, fourcc, keyframe):
    return bytes([0x80 | (1 if keyframe else 2) << 4 | kind]) + fourcc


def video_tags(file, codec):
    fourcc, record, skip, _ = CODECS[codec]
    tags = [(VIDEO, 0, video_head(SEQUENCE_START, fourcc, True) + box(file, record, skip))]
    frames = packets_of(file, 'v')
    lead = min(0, frames[0][1])
    for pts, dts, key, data in frames:
        kind, cts = CODED_FRAMES, b''
        if fourcc in (b'avc1', b'hvc1'):
            kind = CODED_FRAMES if pts != dts else CODED_FRAMES_X
            cts = (pts - dts).to_bytes(3, 'big') if pts != dts else b''
        tags.append((VIDEO, dts - lead, video_head(kind, fourcc, key) + cts + data))
    return tags, -lead


def opus_tags(file, shift):
    head = b'OpusHead' + struct.pack('<BBHIHB', 1, 2, 312, 48000, 0, 0)
    return [(AUDIO, 0, bytes([0x90 | SEQUENCE_START]) + b'Opus' + head)] + [
        (AUDIO, pts + shift, bytes([0x90 | CODED_FRAMES]) + b'Opus' + data)
        for pts, _, _, data in packets_of(file, 'a')]


def tags_of(codec, seconds, more=()):
    """The card in a video codec, its tone in Opus."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'card.mp4')
        if make(file, seconds, [*CODECS[codec][3].split(), *more, '-c:a', 'libopus', '-ac', '2',
                                '-strict', '-2']):
            raise OSError(f'ffmpeg makes no {codec}')
        video, shift = video_tags(file, codec)
        audio = opus_tags(file, shift)
    early = min(0, *(ts for _, ts, _ in audio))     # Opus may begin before 0
    # Sequence headers first, then by time.
    return [video[0], audio[0]] + sorted(
        ((kind, ts - early, body) for kind, ts, body in video[1:] + audio[1:]), key=lambda t: t[1])


def publish(port, name, tags):
    client = Client(port)
    client.obs('live', name)
    client.feed(tags)
    client.finish(name)


if __name__ == '__main__':
    threads = []
    for name, codec in (arg.split('=') for arg in sys.argv[3:]):
        tags = tags_of(codec, float(sys.argv[2]))
        threads.append(threading.Thread(target=publish, args=(int(sys.argv[1]), name, tags)))
        threads[-1].start()
    for thread in threads:
        thread.join()
