#!/usr/bin/env python3
# runs under: address
"""rtmp2rtc: ffmpeg publishes by RTMP and by pipe, rtc-play watches; hostile connections beside."""
import atexit
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

JOINS, CROWD = 10, 10
SANITIZED = 'RTC_SANITIZER' in os.environ
FIRST_FRAME_MS = 2000 if SANITIZED else 300
tap = Tap()
TMP = tempfile.TemporaryDirectory(prefix='rtckit-rtmp-')
children = []


@atexit.register
def clean_up():
    for p in children + [relay.proc]:
        if p.poll() is None:
            p.kill()
            p.wait()


def start(*argv, **kw):
    p = subprocess.Popen(argv, **{'stderr': subprocess.DEVNULL, 'stdin': subprocess.DEVNULL, **kw})
    children.append(p)
    return p


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def service(name, *args):
    """A program on a port of its own: the port, the process and its log."""
    r, w = os.pipe()
    port = free_port()
    log = open(os.path.join(TMP.name, f'{name}-{port}.log'), 'w+')
    proc = start(f'{BIN}/{name}', '-l', f'127.0.0.1:{port}', *args, '-R', str(w), pass_fds=[w],
                 stderr=log)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return port, proc, log.name


def logged(name):
    return open(name).read()


relay = Relay()
os.environ['RTC_RUN'] = relay.dir
whep, _, _ = service('rtc-whep', '-c', '127.0.0.1')
port, parent, log = service('rtmp2rtc')
admin = relay.connect('admin')


def source(rate=25, size='320x180', *video):
    return ['ffmpeg', '-v', 'error', '-re', '-f', 'lavfi', '-i', f'testsrc=size={size}:rate={rate}',
            '-f', 'lavfi', '-i', 'sine=1000:sample_rate=44100', '-c:v', 'libx264', '-preset',
            'ultrafast', '-pix_fmt', 'yuv420p', '-g', str(2 * rate),
            *(video or ('-tune', 'zerolatency')), '-c:a', 'aac', '-b:a', '64k', '-f', 'flv']


def push(stream, *args, to=None, more=()):
    return start(*source(*args), *more, f'rtmp://127.0.0.1:{to or port}/live/{stream}')


def live():
    reply = admin.ask('streams.list', start=0, count=100)
    return {s['name'] for s in reply['streams'] if s['publisher'] and s['rx_packets'] > 0}


def watch(stream, seconds, start_only=False):
    p = start(f'{BIN}/rtc-play', '-q', '-j', '--duration', str(seconds),
              f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream={stream}',
              stdout=subprocess.PIPE)
    return p if start_only else verdict(p)


def verdict(p):
    return json.loads(p.communicate(timeout=60)[0])


def child_count():
    path = f'/proc/{parent.pid}/task/{parent.pid}/children'
    return len(open(path).read().split())


# ---- one publisher ----

main = push('main')
tap.ok(wait_for(lambda: 'live/main' in live(), 20), 'ffmpeg publishes by RTMP')
v = watch('main', 4)
tap.ok(v['ok'] and v['network']['lost'] == 0, 'a viewer loses nothing', v['network'])
tap.ok(v['video']['frames'] >= 90 and v['video']['undecodable'] == 0, 'and sees every frame',
       v['video'])
tap.ok(v['audio']['codec'] == 'opus' and v['audio']['sound_seconds'] > 3.5, 'and hears the sound',
       v['audio'])

firsts = []
for _ in range(JOINS):
    p = watch('main', 0.7)
    firsts.append(p['times']['first_frame_ms'])
print(f'# first frames after {sorted(round(f) for f in firsts)} ms', flush=True)
tap.ok(sorted(firsts)[-1] < FIRST_FRAME_MS,
       f'who joins late sees a frame within {FIRST_FRAME_MS} ms', firsts)

second = push('main')
tap.ok(second.wait(20) != 0, 'a second publisher is refused')
tap.ok(wait_for(lambda: 'refused: the stream has a publisher' in logged(log)), 'and the log says so')

viewer = watch('main', 8, start_only=True)
wait_for(lambda: 'play live/main' in relay.logged().splitlines()[-1], 5)
main.kill()
tap.ok(wait_for(lambda: 'live/main' not in live()), 'a killed publisher is gone at once')
main = push('main')
tap.ok(wait_for(lambda: 'live/main' in live(), 20), 'it publishes again')
v = verdict(viewer)
tap.ok(v['video']['frames'] > 80 and v['network']['lost'] == 0, 'the viewer goes on', v)

wrapping = push('w', more=['-output_ts_offset', '4294964'])
tap.ok(wait_for(lambda: 'live/w' in live(), 20), 'timestamps that wrap after 3 s: published')
v = watch('w', 5)
tap.ok(v['network']['lost'] == 0 and v['video']['frames'] >= 115 and v['video']['freezes'] == 0,
       'and nothing is to be seen of it', v['video'])
wrapping.kill()

# ---- hostile connections beside it ----


def amf_string(s):
    return b'\x02' + struct.pack('>H', len(s)) + s.encode()


def number(n):
    return b'\x00' + struct.pack('>d', n)


def message(cs, kind, data, ts=0, stream=0, chunk=128):
    out = bytes([cs]) + ts.to_bytes(3, 'big') + len(data).to_bytes(3, 'big') + bytes([kind]) + \
        struct.pack('<I', stream)
    for at in range(0, max(1, len(data)), chunk):
        out += (bytes([0xc0 | cs]) if at else b'') + data[at:at + chunk]
    return out


HELLO = b'\x03' + bytes(3072)
CONNECT = message(3, 20, amf_string('connect') + number(1) + b'\x03\x00\x03app' +
                  amf_string('live') + b'\x00\x00\x09')
CREATE = message(3, 20, amf_string('createStream') + number(2) + b'\x05')


def publish(name):
    return HELLO + CONNECT + CREATE + \
        message(4, 20, amf_string('publish') + number(3) + b'\x05' + amf_string(name) +
                amf_string('live'), stream=1)


def media(kind, *bodies):
    return b''.join(message(6, kind, b, stream=1) for b in bodies)


AVCC = bytes.fromhex('17000000000142c01effe1000567' '42c01ed901000468ce3c80')
HOSTILE = {
    'nothing': b'',
    'HTTP': b'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'TLS': bytes.fromhex('160301020001000001fc0303') + bytes(200),
    'zeros': bytes(5000),
    'ones': b'\xff' * 5000,
    'RTMPE': b'\x06' + bytes(3072),
    'half a handshake': b'\x03' + bytes(800),
    'a digest that is none': b'\x03' + b'\0\0\0\0\x80\0\7\2' + os.urandom(1528) + bytes(1536),
    'a chunk of no stream': HELLO + b'\xc3',
    'a delta of no stream': HELLO + b'\x83\0\0\0',
    'chunk size 0': HELLO + message(2, 1, bytes(4)),
    'chunk size 2^31': HELLO + message(2, 1, b'\x80\0\0\0'),
    'chunk size 2^31-1, a large message': HELLO + message(2, 1, b'\x7f\xff\xff\xff') +
    b'\x03\0\0\0\xff\xff\xff\x09\0\0\0\0' + bytes(70000),
    'a message of 16 MB': HELLO + b'\x03\0\0\0\xff\xff\xff\x14\0\0\0\0' + bytes(128),
    'unfinished messages on 60 streams': HELLO + b''.join(
        bytes([i]) + b'\0\0\0\x10\0\0\x09\0\0\0\0' + bytes(128) for i in range(3, 63)),
    'a command that is no AMF': HELLO + message(3, 20, b'\xff' * 50),
    'a command without a name': HELLO + message(3, 20, number(1)),
    'a string past its end': HELLO + message(3, 20, b'\x02\xff\xffx'),
    'deep objects': HELLO + message(3, 20, amf_string('connect') + number(1) + b'\x03\0\1a' * 500),
    'an array of 2^32': HELLO + message(3, 20, amf_string('x') + number(1) + b'\x0a' + b'\xff' * 4),
    '100 createStream': HELLO + CONNECT + CREATE * 100,
    'publish without connect': HELLO + message(3, 20, amf_string('publish') + number(1) + b'\x05' +
                                               amf_string('x')),
    'a name with a slash': publish('../../etc'),
    'a name of 10 kB': publish('x' * 10000),
    'an empty name': publish(''),
    'control characters in a name': publish('a\r\nb\x1b[31m'),
    'the stream of another': publish('main'),
    'publish twice': publish('h1') + publish('h2')[3073:],
    'play and publish': HELLO + CONNECT + CREATE + message(
        4, 20, amf_string('play') + number(3) + b'\x05' + amf_string('main'), stream=1) +
    publish('h3')[3073:],
    'video without a header': publish('h4') + media(9, b'\x17\1\0\0\0' + bytes(100)),
    'a broken header': publish('h5') + media(9, b'\x17\0\0\0\0\1\x42', b'\x17\0\0\0\0'),
    'lengths past the end': publish('h6') + media(9, AVCC, b'\x17\1\0\0\0\xff\xff\xff\xff\x65'),
    'empty units': publish('h7') + media(9, AVCC, b'\x17\1\0\0\0' + bytes(400)),
    'broken AAC': publish('h8') + media(8, b'\xaf\0\xff\xff', b'\xaf\0\x12\x10', b'\xaf\1' +
                                        os.urandom(100)),
    'AAC of 100 kB': publish('h9') + media(8, b'\xaf\0\x12\x10', b'\xaf\1' + bytes(100000)),
    'tracks that change all the time': publish('h10') + media(
        8, *[b'\xaf\0' + c for _ in range(80) for c in (b'\x12\x10', b'\x11\x90')]),
    'an aggregate past its end': publish('h11') + message(5, 22, b'\x09\xff\xff\xff' + bytes(60)),
    'metadata that is none': publish('h12') + media(18, amf_string('onMetaData') + b'\x08' * 50),
    'a negative composition time': publish('h13') + media(
        9, AVCC, b'\x17\1\x80\0\0\0\0\0\2\x65\x88') + media(8, b'\xaf\0\x12\x10'),
    'abort of what is not': HELLO + message(2, 2, b'\xff' * 4) + CONNECT,
}


def attack(data):
    with socket.create_connection(('127.0.0.1', port)) as s:
        s.settimeout(5)
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass


viewer = watch('main', 6, start_only=True)
for name, data in HOSTILE.items():
    attack(data)
v = verdict(viewer)
tap.ok(len(HOSTILE) >= 30 and v['video']['frames'] > 120 and v['network']['lost'] == 0,
       f'{len(HOSTILE)} hostile connections: the stream beside them goes on', v)
tap.ok('died of signal' not in logged(log) and 'ended with status' not in logged(log),
       'none makes a process fail', logged(log)[-2000:])
tap.ok(wait_for(lambda: child_count() == 1, 10), 'none leaves a process behind', child_count())
tap.equal(parent.poll(), None, 'the parent lives')

# ---- many ----

crowd = [push(f'c{i}', 10, '160x90') for i in range(CROWD)]
names = {f'live/c{i}' for i in range(CROWD)}
tap.ok(wait_for(lambda: names <= live(), 40), f'{CROWD} publish at once', live())
v = watch('c7', 2)
tap.ok(v['network']['lost'] == 0 and v['video']['frames'] >= 15, 'one of them plays', v['video'])
for p in crowd:
    p.kill()
tap.ok(wait_for(lambda: not names & live() and child_count() == 1, 10), 'all are gone when killed')

# ---- B-frames, tokens, pipes ----

b = push('b', 25, '320x180', '-bf', '2', '-x264-params', 'b-pyramid=none')
tap.ok(wait_for(lambda: 'bframes=0' in logged(log), 20), 'B-frames: the log names the setting')
v = watch('b', 3)
tap.ok(v['network']['lost'] == 0 and 15 <= v['video']['frames'] < 60,
       'and WebRTC viewers do not get them', v['video'])
b.kill()

tokens = os.path.join(TMP.name, 'tokens')
open(tokens, 'w').write('# keys\nright\n')
guarded, _, guard_log = service('rtmp2rtc', '-t', tokens)
tap.ok(push('t', to=guarded).wait(20) != 0 and push('t?secret=wrong', to=guarded).wait(20) != 0,
       'without the token: refused')
t = push('t?secret=right', to=guarded)
tap.ok(wait_for(lambda: 'live/t' in live(), 20), 'with the token: published')
tap.ok('right' not in logged(guard_log) and 'wrong' not in logged(guard_log),
       'no token is in the log')
t.kill()

pipe = start(*source(), '-', stdout=subprocess.PIPE)
reader = start(f'{BIN}/rtmp2rtc', '-', 'live/p', stdin=pipe.stdout)
pipe.stdout.close()
tap.ok(wait_for(lambda: 'live/p' in live(), 20), 'FLV by pipe is published')
v = watch('p', 2)
tap.ok(v['network']['lost'] == 0 and v['video']['frames'] >= 40, 'and plays', v['video'])
pipe.send_signal(signal.SIGTERM)
tap.equal(reader.wait(10), 0, 'the end of the input ends it')
bad = subprocess.run([f'{BIN}/rtmp2rtc', '-', 'live/q'], input=b'not FLV', capture_output=True)
tap.equal(bad.returncode, 65, 'what is not FLV: 65')

# ---- played by RTMP ----

refused = subprocess.run(['ffmpeg', '-v', 'error', '-i', f'rtmp://127.0.0.1:{port}/live/main', '-f',
                          'null', '-'], capture_output=True, timeout=60)
tap.ok(b'does not run' in refused.stderr, 'RTMP play without rtc2rtmp: words', refused.stderr)
start(f'{BIN}/rtc2rtmp')
wait_for(lambda: os.path.exists(os.path.join(relay.dir, 'live.sock')), 10)
sent, got = os.path.join(TMP.name, 'sent.flv'), os.path.join(TMP.name, 'got.flv')
tee = start(*source(25, '320x180', '-bf', '2')[:-2], '-t', '8', '-f', 'tee', '-map', '0', '-map', '1',
            '-flags', '+global_header', f'[f=flv]rtmp://127.0.0.1:{port}/live/r|[f=flv]{sent}')
tap.ok(wait_for(lambda: 'live/r' in live(), 20), 'a stream with B-frames')
played = subprocess.run(['ffmpeg', '-v', 'error', '-y', '-t', '3', '-i',
                         f'rtmp://127.0.0.1:{port}/live/r', '-c', 'copy', got],
                        capture_output=True, timeout=60)
tap.equal(played.returncode, 0, 'ffmpeg plays it by RTMP')
tee.wait(60)


def packets(file, kind):
    out = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', kind, '-show_packets',
                          '-show_data_hash', 'md5', '-show_entries', 'packet=pts,dts,data_hash',
                          '-of', 'csv=p=0', file], capture_output=True, timeout=60).stdout.decode()
    return [line.split(',') for line in out.split()]


audio, video = packets(got, 'a'), packets(got, 'v')
originals = {p[2] for p in packets(sent, 'a')}
tap.ok(len(audio) > 100 and all(p[2] in originals for p in audio), 'AAC is the same, bit for bit',
       len(audio))
tap.ok(len(video) > 60 and any(p[0] != p[1] for p in video), 'B-frames are there', video[:5])
missing = subprocess.run(['ffmpeg', '-v', 'error', '-i', f'rtmp://127.0.0.1:{port}/live/none', '-f',
                          'null', '-'], capture_output=True, timeout=60)
tap.ok(b'no such stream' in missing.stderr, 'a stream that is not there: words', missing.stderr)
tap.ok(wait_for(lambda: child_count() == 1, 10), 'no player leaves a process behind', child_count())

# ---- the end ----

viewer = watch('main', 3, start_only=True)
parent.kill()
parent.wait()
again = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{port}')
v = verdict(viewer)
tap.ok(v['network']['lost'] == 0 and v['video']['frames'] > 50,
       'the parent killed: connections go on', v['video'])
x = push('x')
tap.ok(wait_for(lambda: 'live/x' in live(), 20), 'the port is taken again')
x.kill()
main.kill()
again.terminate()
tap.equal(again.wait(10), 0, 'SIGTERM ends it')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
