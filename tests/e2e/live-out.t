#!/usr/bin/env python3
# runs under: address
"""rtc2rtmp: a published test card into files, a pipe and an RTMP server; what ffmpeg makes of it."""
import atexit
import os
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import FPS, PATIENCE_S, decodes, numbers_of, run, skew_ms  # noqa: E402
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

SKEW_MS = 40
tap = Tap()
TMP = tempfile.TemporaryDirectory(prefix='rtckit-live-')
children = []


@atexit.register
def clean_up():
    for p in children + [relay.proc]:
        if p.poll() is None:
            p.kill()
            p.wait()


def path(name):
    return os.path.join(TMP.name, name)


def start(*argv, **kw):
    p = subprocess.Popen(argv, **{'stderr': subprocess.PIPE, **kw})
    children.append(p)
    return p


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def service(name, *args):
    """A program on a port of its own; the port."""
    r, w = os.pipe()
    port = free_port()
    start(f'{BIN}/{name}', '-l', f'127.0.0.1:{port}', *args, '-R', str(w), pass_fds=[w],
          stderr=subprocess.DEVNULL)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return port


relay = Relay()
os.environ['RTC_RUN'] = relay.dir
whip = service('rtc-whip', '-c', '127.0.0.1')
admin = relay.connect('admin')


def publish(stream):
    return start(f'{BIN}/rtc-publish', '-q', '--test',
                 f'http://127.0.0.1:{whip}/rtc/v1/whip/?app=live&stream={stream}')


def is_live(stream):
    reply = admin.ask('streams.list', start=0, count=50)
    return any(s['name'] == f'live/{stream}' and s['publisher'] for s in reply['streams'])


def push(*args, **kw):
    return run(f'{BIN}/rtc2rtmp', *args, **kw)


def streams_of(file):
    out = run('ffprobe', '-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0',
              file).stdout.decode().split()
    return sorted({name.strip(',') for name in out})


def good(file, name, seconds, codecs):
    """A recording of the card: whole, in order, in sync."""
    tap.equal(streams_of(file), codecs, f'{name}: codecs')
    tap.ok(decodes(file), f'{name}: decodes without a word')
    numbers = numbers_of(file)
    tap.ok(len(numbers) >= (seconds - 1) * FPS and None not in numbers,
           f'{name}: {len(numbers)} pictures, all readable', numbers)
    tap.equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))) if numbers else None,
              f'{name}: every frame number, in order')
    skews = skew_ms(file)
    tap.ok(len(skews) >= seconds - 2 and all(abs(s) <= SKEW_MS for s in skews),
           f'{name}: sound within {SKEW_MS} ms of the picture', skews)
    return numbers


def files():
    names = [path(f'card.{ext}') for ext in ('flv', 'mp4', 'mkv', 'ts')]
    p = push('--duration', '5', 'live/card', *names)
    tap.equal(p.returncode, 0, 'four files at once')
    for name, codecs in zip(names, (['aac', 'h264'], ['h264', 'opus'], ['h264', 'opus'],
                                    ['aac', 'h264'])):
        good(name, name.rsplit('.', 1)[1], 5, codecs)


def pipes():
    with open(path('pipe.flv'), 'wb') as f:
        p = start(f'{BIN}/rtc2rtmp', '-q', '--duration', '4', 'live/card', '-', stdout=f)
        tap.equal(p.wait(PATIENCE_S), 0, 'FLV on standard output')
    good(path('pipe.flv'), 'pipe', 4, ['aac', 'h264'])
    p = run('sh', '-c', f'{{ {BIN}/rtc2rtmp live/card -; echo $? >&2; }} | head -c 20000 | wc -c')
    tap.equal((p.stdout.split(), p.stderr.split()), ([b'20000'], [b'0']),
              'a reader that has enough ends it, quietly')
    with open('/dev/full', 'wb') as full:
        p = subprocess.run([f'{BIN}/rtc2rtmp', 'live/card', '-'], stdout=full,
                           stderr=subprocess.PIPE, timeout=PATIENCE_S)
    tap.equal(p.returncode, 74, 'a full disk is exit 74')
    tap.ok(b'No space left' in p.stderr, 'and said', p.stderr.decode())
    p = push('live/card', '/nonexistent/x.mkv')
    tap.equal(p.returncode, 73, 'a file that cannot be made is exit 73')


def rtmp():
    """Into ffmpeg as RTMP server, which comes late; then once more after it went away."""
    port = free_port()
    address = f'rtmp://127.0.0.1:{port}/live/secretkey'
    pusher = start(f'{BIN}/rtc2rtmp', 'live/card', address)
    for i, name in enumerate(('first', 'second')):
        out = path(f'{name}.flv')
        server = start('ffmpeg', '-v', 'error', '-listen', '1', '-timeout', '30', '-i', address,
                       '-t', '4', '-c', 'copy', '-y', out)
        tap.equal(server.wait(PATIENCE_S), 0, f'the {name} RTMP server got 4 s')
        good(out, f'RTMP, {name} server', 4, ['aac', 'h264'])
    pusher.send_signal(signal.SIGINT)
    _, err = pusher.communicate(timeout=PATIENCE_S)
    tap.ok(pusher.returncode in (0, 69), f'SIGINT ends it ({pusher.returncode})', err.decode())
    tap.ok(b'secretkey' not in err, 'the stream key is not in the log', err.decode())


def the_first_frames():
    """The subscriber waits for the publisher: what it sends first is not lost."""
    waiting = start(f'{BIN}/rtc2rtmp', '--wait', '30', 'live/early', path('early.mkv'))
    pub = publish('early')
    tap.ok(wait_for(lambda: is_live('early'), 20), 'a publisher comes after the subscriber')
    tap.ok(wait_for(lambda: os.path.exists(path('early.mkv')) and
                    os.path.getsize(path('early.mkv')) > 100000, 20), 'and is recorded')
    pub.terminate()
    pub.wait(PATIENCE_S)
    tap.equal(waiting.wait(PATIENCE_S), 0, 'the end of the publisher is the end of the recording')
    numbers = numbers_of(path('early.mkv'))
    tap.ok(numbers and numbers[0] < FPS, 'it begins within the first second published',
           numbers[:3])
    tap.ok(decodes(path('early.mkv')), 'and decodes')


def refusals():
    p = push('--wait', '0.3', 'live/nobody', path('x.mkv'))
    tap.equal(p.returncode, 1, 'nobody publishes: exit 1')
    tap.ok(b'nobody publishes' in p.stderr, 'and said', p.stderr.decode())
    p = push('--wait', '0.3', 'live/card', path('x.mkv'), env={**os.environ, 'RTC_RUN': TMP.name})
    tap.equal(p.returncode, 69, 'no relay: exit 69')
    for args in (['live/card'], ['x', path('x.mkv')], ['live/card', path('x.what')],
                 ['--duration', 'x', 'live/card', path('x.mkv')]):
        tap.equal(push(*args).returncode, 64, f'wrong usage: {args[-1]}')


pub = publish('card')
tap.ok(wait_for(lambda: is_live('card'), 20), 'the test card is published')
files()
pipes()
rtmp()
the_first_frames()
refusals()
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
