"""RTMP as clients in use speak it, octet by octet: librtmp's (OBS, rtmpdump) and Flash's; FLV read
and compared. For tests of rtmp2rtc."""
import hashlib
import hmac
import os
import socket
import struct
import subprocess
import time

AUDIO, VIDEO, DATA, COMMAND = 8, 9, 18, 20
PLAYER_KEY = b'Genuine Adobe Flash Player 001'
SERVER_KEY = b'Genuine Adobe Flash Media Server 001'
OBS_AGENT = 'FMLE/3.0 (compatible; FMSc/1.0)'

# ---- AMF 0 ----


def text(s):
    return struct.pack('>H', len(s.encode())) + s.encode()


def amf(value):
    if value is None:
        return b'\x05'
    if isinstance(value, bool):
        return bytes([1, value])
    if isinstance(value, (int, float)):
        return b'\0' + struct.pack('>d', value)
    if isinstance(value, str):
        return b'\x02' + text(value)
    if isinstance(value, list):
        return b'\x0a' + struct.pack('>I', len(value)) + b''.join(map(amf, value))
    return b'\x03' + b''.join(text(k) + amf(v) for k, v in value.items()) + b'\0\0\x09'


def amf_read(data, at):
    kind, at = data[at], at + 1
    if kind == 0:
        return struct.unpack_from('>d', data, at)[0], at + 8
    if kind == 1:
        return data[at] != 0, at + 1
    if kind == 2:
        size = struct.unpack_from('>H', data, at)[0]
        return data[at + 2:at + 2 + size].decode(), at + 2 + size
    if kind in (3, 8):
        at += 4 if kind == 8 else 0
        members = {}
        while data[at:at + 3] != b'\0\0\x09':
            size = struct.unpack_from('>H', data, at)[0]
            key = data[at + 2:at + 2 + size].decode()
            members[key], at = amf_read(data, at + 2 + size)
        return members, at + 3
    if kind == 10:
        count, at = struct.unpack_from('>I', data, at)[0], at + 4
        items = []
        for _ in range(count):
            item, at = amf_read(data, at)
            items.append(item)
        return items, at
    return None, at


def amf_all(data):
    values, at = [], 0
    while at < len(data):
        value, at = amf_read(data, at)
        values.append(value)
    return values


# ---- messages ----


def chunked(cs, kind, data, ts=0, stream=0, chunk=128, head=None):
    """One message in chunks. head: type of the first header and its timestamp field, else whole."""
    form, field = head or (0, ts)
    wide = b''
    if field >= 0xffffff:
        wide, field = struct.pack('>I', field), 0xffffff
    out = bytes([form << 6 | cs])
    if form < 3:
        out += field.to_bytes(3, 'big')
    if form < 2:
        out += len(data).to_bytes(3, 'big') + bytes([kind])
    if form < 1:
        out += struct.pack('<I', stream)
    parts = [out, wide]
    for at in range(0, max(1, len(data)), chunk):
        parts += [bytes([0xc0 | cs]) + wide if at else b'', data[at:at + chunk]]
    return b''.join(parts)


class Librtmp:
    """Its choice of headers: the shortest that the message before allows."""

    def __init__(self, chunk=4096):
        self.chunk, self.before = chunk, {}

    def message(self, cs, kind, data, ts=0, stream=0, whole=False):
        before, head = self.before.get(cs), None
        if before and not whole:
            form, delta = 1, (ts - before[2]) & 0xffffffff
            if (len(data), kind) == before[:2]:
                form = 2
            head = (form, delta)
        self.before[cs] = (len(data), kind, ts)
        return chunked(cs, kind, data, ts, stream, self.chunk, head)

    def media(self, kind, ts, body, stream=1):
        if kind == DATA:    # RTMP_Write() adds it
            body = amf('@setDataFrame') + body
        return self.message(4, kind, body, ts, stream, whole=kind == DATA or ts == 0)


def digest_at(block, scheme):
    return sum(block[scheme:scheme + 4]) % 728 + scheme + 4


def signed(block, scheme, key):
    at = digest_at(block, scheme)
    digest = hmac.digest(key, block[:at] + block[at + 32:], hashlib.sha256)
    return block[:at] + digest + block[at + 32:]


def is_signed(block, key):
    return any(signed(block, scheme, key) == block for scheme in (8, 772))


def hello(digest=None):
    """C0 and C1. digest: the scheme, 8 or 772."""
    if digest is None:
        return b'\x03' + bytes(8) + os.urandom(1528)
    return b'\x03' + signed(bytes(4) + b'\x0a\0\x2d\2' + os.urandom(1528), digest, PLAYER_KEY)


class Client:
    def __init__(self, port, digest=None, patience_s=60):
        self.sock = socket.create_connection(('127.0.0.1', port), patience_s)
        self.sock.settimeout(patience_s)
        self.buf, self.chunk_in, self.streams = b'', 128, {}
        self.out, self.transaction, self.seen = Librtmp(128), 0, []
        c1 = hello(digest)
        self.sock.sendall(c1)
        reply = self.take(3073)
        self.verified = is_signed(reply[1:1537], SERVER_KEY)
        self.echoed = reply[1537:] == c1[1:]
        self.sock.sendall(reply[1:1537])

    def take(self, size):
        while len(self.buf) < size:
            data = self.sock.recv(65536)
            if data == b'':
                raise EOFError('the server hung up')
            self.buf += data
        out, self.buf = self.buf[:size], self.buf[size:]
        return out

    def read(self):
        """A whole message: type, time, data."""
        while True:
            first = self.take(1)[0]
            form, cs = first >> 6, first & 63
            s = self.streams.setdefault(cs, {'data': b'', 'ts': 0})
            if form < 3:
                field = int.from_bytes(self.take(3), 'big')
            if form < 2:
                s['size'], s['kind'] = int.from_bytes(self.take(3), 'big'), self.take(1)[0]
            if form < 1:
                self.take(4)
            if form < 3:
                s['wide'] = field == 0xffffff
            if s.get('wide'):
                field = int.from_bytes(self.take(4), 'big')
            if form < 3 and not s['data']:
                s['ts'] = field if form == 0 else s['ts'] + field
            s['data'] += self.take(min(self.chunk_in, s['size'] - len(s['data'])))
            if len(s['data']) < s['size']:
                continue
            data, s['data'] = s['data'], b''
            if s['kind'] == 1:
                self.chunk_in = int.from_bytes(data, 'big')
            return s['kind'], s['ts'], data

    def command(self, name, *args, cs=3, stream=0, whole=False):
        self.transaction += 1
        self.sock.sendall(self.out.message(
            cs, COMMAND, amf(name) + amf(self.transaction) + b''.join(map(amf, args)), 0, stream,
            whole))
        return self.transaction

    def wait(self, name, transaction=None):
        """Arguments of the answer of that name."""
        while True:
            kind, ts, data = self.read()
            self.seen.append((kind, ts, data))
            if kind != COMMAND:
                continue
            values = amf_all(data)
            if values[0] == '_error' or (values[0] == 'onStatus' and
                                         values[3]['level'] == 'error'):
                raise OSError(values)
            if values[0] == name and transaction in (None, values[1]):
                return values[2:]

    def connect(self, app, **more):
        return self.wait('_result', self.command('connect', {'app': app, **more}, whole=True))

    def obs(self, app, key, chunk=4096):
        """From connect to publish as OBS 30 does it. Throws if an answer misses."""
        url = f'rtmp://127.0.0.1/{app}'
        self.sock.sendall(chunked(2, 1, struct.pack('>I', chunk)))
        self.out = Librtmp(chunk)
        answer = self.connect(app, type='nonprivate', flashVer=OBS_AGENT, swfUrl=url, tcUrl=url,
                              fourCcList=['av01', 'vp09', 'hvc1'])
        self.command('releaseStream', None, key)
        self.command('FCPublish', None, key)
        stream = self.wait('_result', self.command('createStream', None))[1]
        self.command('publish', None, key, 'live', cs=4, stream=int(stream), whole=True)
        self.wait('onStatus')
        return answer

    def play(self, app, name, *after):
        """As librtmp's players do it (VLC, mpv, rtmpdump)."""
        url = f'rtmp://127.0.0.1/{app}'
        self.connect(app, flashVer='LNX 10,0,32,18', tcUrl=url, fpad=False, capabilities=15,
                     audioCodecs=4071, videoCodecs=252, videoFunction=1)
        self.sock.sendall(self.out.message(2, 5, struct.pack('>I', 2500000)))
        self.sock.sendall(chunked(2, 4, struct.pack('>HII', 3, 0, 300)))
        stream = self.wait('_result', self.command('createStream', None))[1]
        self.command('getStreamLength', None, name)
        self.command('FCSubscribe', None, name)
        self.command('play', None, name, *after, cs=8, stream=int(stream), whole=True)
        self.sock.sendall(chunked(2, 4, struct.pack('>HII', 3, 1, 36000)))
        while self.wait('onStatus')[1]['code'] != 'NetStream.Play.Start':
            pass

    def feed(self, tags, seconds=None, began=None, stream=1):
        """Send tags at their pace, over and over until the seconds are over."""
        began, base, last = began or time.monotonic(), 0, 0
        while True:
            for kind, ts, body in tags:
                last = base + ts
                due = began + last / 1000
                if seconds is not None and last > seconds * 1000:
                    return
                time.sleep(max(0, due - time.monotonic()))
                self.sock.sendall(self.out.media(kind, last, body, stream))
            if seconds is None:
                return
            base = last + 40

    def finish(self, key):
        self.command('FCUnpublish', None, key)
        self.command('deleteStream', None, 1)
        self.sock.close()


# ---- FLV ----


def flv_tags(file):
    """(type, time, body) of each tag."""
    data = file if isinstance(file, bytes) else open(file, 'rb').read()
    at, tags = 13, []
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1:at + 4], 'big')
        ts = int.from_bytes(data[at + 4:at + 7], 'big') | data[at + 7] << 24
        if at + 11 + size > len(data):
            break
        tags.append((data[at], ts, data[at + 11:at + 11 + size]))
        at += 15 + size
    return tags


def slices(body):
    """A digest of the coded slices of an AVC body: parameter sets and SEI come and go."""
    at, out = 5, hashlib.md5()
    while at + 4 <= len(body):
        size = int.from_bytes(body[at:at + 4], 'big')
        if body[at + 4] & 31 in (1, 5):
            out.update(body[at + 4:at + 4 + size])
        at += 4 + size
    return out.hexdigest()


def frames_of(tags):
    """Video (digest, time, composition time) and audio (digest, time) of FLV's tags."""
    video = [(slices(b), ts, int.from_bytes(b[2:5], 'big', signed=True))
             for kind, ts, b in tags if kind == VIDEO and b[:2] in (b'\x17\1', b'\x27\1')]
    audio = [(hashlib.md5(b[2:]).hexdigest(), ts)
             for kind, ts, b in tags if kind == AUDIO and b[0] >> 4 == 10 and b[1] == 1]
    return video, audio


def run_within(got, sent):
    """Where in sent the run got lies whole, frame by frame, None if it does not. Silent frames are all alike."""
    keys, run = [f[0] for f in sent], [f[0] for f in got]
    return next((at for at in range(len(keys)) if run and keys[at:at + len(run)] == run), None)


def remuxed(file):
    """Tags of a file of any container."""
    out = file + '.flv'
    p = subprocess.run(['ffmpeg', '-v', 'error', '-y', '-i', file, '-c', 'copy', '-f', 'flv', out],
                       capture_output=True, timeout=60)
    return flv_tags(out) if p.returncode == 0 else []
