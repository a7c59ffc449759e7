"""What the tests of rtc2rtmp share: a relay, publishers of the test card, and what is made of it."""
import atexit
import os
import subprocess
import tempfile

from cardlib import FPS, decodes, numbers_of, run, skew_ms
from relaylib import BIN, Relay, Tap, free_port

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


relay = Relay('-w', os.environ.get('RTC_TEST_WORKERS', '1'))
os.environ['RTC_RUN'] = relay.dir
whip = service('rtc-whip', '-c', '127.0.0.1')
admin = relay.connect('admin')


def publish(stream):
    return start(f'{BIN}/rtc-publish', '-q', '--test',
                 f'http://127.0.0.1:{whip}/rtc/v1/whip/?app=live&stream={stream}')


def is_live(stream):
    reply = admin.ask('streams.list', start=0, count=50)
    return any(s['name'] == f'live/{stream}' and s['publisher'] for s in reply['streams'])


def streams_of(file):
    out = run('ffprobe', '-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0',
              file).stdout.decode().split()
    return sorted({name.strip(',') for name in out})


def good(file, name, seconds, codecs):
    """A recording of the card: whole, in order, in sync. Its time runs from the first sound, and it may be
    a while until the first keyframe."""
    tap.equal(streams_of(file), codecs, f'{name}: codecs')
    tap.ok(decodes(file), f'{name}: decodes without a word')
    numbers = numbers_of(file)
    tap.ok(len(numbers) >= seconds * FPS / 2 and None not in numbers,
           f'{name}: {len(numbers)} pictures, all readable', numbers)
    tap.equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))) if numbers else None,
              f'{name}: every frame number, in order')
    skews = skew_ms(file)
    print('# skews', name, skews)
    tap.ok(len(skews) >= seconds // 2 - 1 and all(abs(s) <= SKEW_MS for s in skews),
           f'{name}: sound within {SKEW_MS} ms of the picture', skews)
    return numbers
