#!/usr/bin/env python3
# runs under: address
# runs beside others, from the beginning
"""rtc2rtmp: a published test card into files, a pipe and an RTMP server; what ffmpeg makes of it."""
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import FPS, PATIENCE_S, decodes, numbers_of, run  # noqa: E402
from livelib import BIN, TMP, free_port, good, is_live, path, publish, relay, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402

BESIDE_S = 12    # of what runs beside the rest, however slowly it begins


def push(*args, **kw):
    return run(f'{BIN}/rtc2rtmp', *args, **kw)


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
    p = run('sh', '-c', f'{BIN}/rtc2rtmp live/card - >&-')
    tap.equal(p.returncode, 74, 'a closed standard output is exit 74')
    tap.ok(b'standard output is closed' in p.stderr, 'and said', p.stderr.decode())
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


def start_segments():
    dead = f'rtmp://127.0.0.1:{free_port()}/live/x'
    return start(f'{BIN}/rtc2rtmp', '--segment', '1s', '--duration', str(BESIDE_S), 'live/card',
                 path('seg/%Y/a-%H%M%S.mkv'), path('seg/b.mp4'), dead)


def in_order(names):
    """Names of one second have -2, -3 and so on behind it, in their order."""
    return sorted(names, key=lambda n: [int(i) for i in re.findall(r'\d+', n.rsplit('.', 1)[0])])


def start_full_disk():
    """A file system of 60 KiB beside one with room."""
    os.mkdir(path('small'))
    script = f'mount -t tmpfs -o size=60k tmpfs {path("small")} && exec {BIN}/rtc2rtmp --segment 1s ' \
        f'--duration {BESIDE_S} live/card {path("small/a.mkv")} {path("room.mkv")}'
    apart = ['-m'] if os.geteuid() == 0 else ['-Urm']
    if run('unshare', *apart, 'mount', '-t', 'tmpfs', 'tmpfs', path('small')).returncode:
        return None     # no right to mount anything here
    return start('unshare', *apart, 'sh', '-c', script)


def full_disk(p):
    if p is None:
        return
    _, err = p.communicate(timeout=PATIENCE_S)
    lines = err.decode().splitlines()
    at = [i for i, line in enumerate(lines) if 'No space left' in line]
    tap.equal(p.returncode, 74, 'a full disk is exit 74')
    tap.ok(len(at) == 1 and 'small/a-' in lines[at[0]] and at[0] < len(lines) - 1,
           'said once, with the file, when it happens', lines)
    names = in_order(n for n in os.listdir(TMP.name) if n.startswith('room-'))
    numbers = [n for name in names for n in numbers_of(path(name))]
    tap.ok(len(numbers) > FPS and numbers == list(range(numbers[0], numbers[0] + len(numbers))),
           'the other output goes on', names)


def segments(p):
    """Files of a second each, beside a server that is not there: tried again after growing pauses."""
    _, err = p.communicate(timeout=PATIENCE_S)
    tap.equal(p.returncode, 69, 'a server that is never reached is exit 69; the files go on')
    text = err.decode()
    tap.equal(re.findall(r'again in ([\d.]+) s', text)[:3], ['0.5', '1.0', '2.0'],
              'it is tried again after 0.5, 1 and 2 s')
    year = [n for n in os.listdir(path('seg')) if n.isdigit()][0]
    for ext, folder in (('mkv', year), ('mp4', '')):
        base = path(f'seg/{folder}')
        names = in_order(n for n in os.listdir(base) if n.endswith(ext))
        # The time runs from the start, and a second may pass before the first keyframe.
        tap.ok(3 <= len(names) <= BESIDE_S + 2, f'{len(names)} segments', names)
        tap.equal(text.count(f'.{ext}: complete'), len(names), 'each is said')
        numbers = []
        for name in names:
            file = os.path.join(base, name)
            tap.ok(decodes(file), f'{name} decodes without a word')
            numbers += numbers_of(file)
        tap.equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))),
                  f'{ext}: not a picture is lost between them')


def rtmps():
    """Pushed by TLS into rtmp2rtc; a certificate that nobody vouches for is refused."""
    cert, key = path('cert.pem'), path('key.pem')
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext',
        'subjectAltName=DNS:localhost')
    port = free_port()
    server = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{free_port()}', '--tls',
                   f'127.0.0.1:{port}', '--cert', cert, '--key', key)
    tap.ok(wait_for(lambda: answers(port), 20), 'an RTMPS server')
    p = push('--duration', '1', 'live/card', f'rtmps://localhost:{port}/live/no')
    tap.equal(p.returncode, 69, 'a certificate of its own making is refused')
    for name, trust in (('ca', ['--ca', cert]), ('insecure', ['--insecure'])):
        pusher = start(f'{BIN}/rtc2rtmp', '-q', *trust, 'live/card',
                       f'rtmps://localhost:{port}/live/{name}')
        tap.ok(wait_for(lambda: is_live(name), 20), f'published with --{name}')
        pusher.send_signal(signal.SIGINT)
        tap.equal(pusher.wait(PATIENCE_S), 0, 'and ended')
    server.send_signal(signal.SIGTERM)
    server.wait(PATIENCE_S)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0


def flv_of(size):
    """A second of a picture of this size, as tags [(type, time, body)]."""
    raw = run('ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', f'testsrc2=s={size}:r=25', '-f', 'lavfi', '-i',
              'sine=f=440:r=44100', '-t', '1.5', '-c:v', 'libx264', '-bf', '0', '-g', '12', '-preset',
              'veryfast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'flv', '-').stdout
    tags, at = [], 13
    while at + 11 <= len(raw):
        n = int.from_bytes(raw[at + 1:at + 4], 'big')
        time_ms = int.from_bytes(raw[at + 4:at + 7], 'big')
        tags.append((raw[at], time_ms, raw[at + 11:at + 11 + n]))
        at += n + 15
    return raw[:13], tags


def resized():
    """The picture changes its size: MP4 goes on in another file, the others hold both."""
    head, small = flv_of('320x240')
    whole, shift = bytearray(head), 0
    for tags in (small, flv_of('640x360')[1], small):
        for kind, time_ms, body in tags:
            t = time_ms + shift
            whole += bytes([kind]) + len(body).to_bytes(3, 'big') + (t & 0xffffff).to_bytes(3, 'big') + \
                bytes([t >> 24, 0, 0, 0]) + body + (len(body) + 11).to_bytes(4, 'big')
        shift += 1520
    names = [path(f'size.{ext}') for ext in ('mp4', 'mkv', 'ts', 'flv')]
    taker = start(f'{BIN}/rtc2rtmp', '--wait', '30', 'live/size', *names)
    feed(bytes(whole))
    _, err = taker.communicate(timeout=PATIENCE_S)
    tap.equal(taker.returncode, 0, 'a stream of two sizes is written')
    tap.ok(b'changed from 320x240 to 640x360' in err, 'and said', err.decode())
    for name, sizes in ((names[0], ['320x240']), (path('size-2.mp4'), ['640x360']),
                        (path('size-3.mp4'), ['320x240']),
                        *((n, ['320x240', '640x360', '320x240']) for n in names[1:])):
        tap.ok(decodes(name), f'{os.path.basename(name)} decodes without a word')
        tap.equal(sizes_of(name), sizes, 'its sizes')


def feed(octets):
    """A publication of tags in their own time."""
    p = start(f'{BIN}/rtmp2rtc', '-', 'live/size', stdin=subprocess.PIPE)
    began, at = time.monotonic(), 13
    p.stdin.write(octets[:13])
    while at + 11 <= len(octets):
        n = int.from_bytes(octets[at + 1:at + 4], 'big') + 15
        due = int.from_bytes(octets[at + 4:at + 7], 'big') / 1000
        time.sleep(max(0, began + due - time.monotonic()))
        p.stdin.write(octets[at:at + n])
        p.stdin.flush()
        at += n
    p.stdin.close()
    p.wait(PATIENCE_S)


def sizes_of(file):
    out = run('ffprobe', '-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=width,height',
              '-of', 'csv=p=0:s=x', file).stdout.decode().split()
    out = [s.strip('x') for s in out]
    return [s for i, s in enumerate(out) if i == 0 or s != out[i - 1]]


def packets(file, stream):
    """Size and checksum of each packet, and its times relative to the first of video."""
    lines = run('ffprobe', '-v', 'error', '-select_streams', stream, '-show_data_hash', 'md5',
                '-show_entries', 'packet=data_hash', '-of', 'csv=p=0', file).stdout.split()
    times = run('ffprobe', '-v', 'error', '-select_streams', stream, '-show_entries',
                'packet=pts,dts', '-of', 'csv=p=0', file).stdout.decode().split()
    return lines, [tuple(map(int, t.strip(',').split(','))) for t in times]


def what_came_by_rtmp():
    """B-frames and AAC of an encoder leave as they came, from the first frame on."""
    sent, got = path('sent.flv'), path('got.flv')
    run('ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25', '-f', 'lavfi', '-i',
        'sine=f=440:r=44100', '-t', '5', '-c:v', 'libx264', '-bf', '2', '-g', '25', '-preset',
        'veryfast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-y', sent)
    waiting = start(f'{BIN}/rtc2rtmp', '--wait', '30', 'live/enc', got)
    sender = start('sh', '-c', f'ffmpeg -v error -re -i {sent} -c copy -f flv - | '
                   f'{BIN}/rtmp2rtc - live/enc')
    sender.communicate(timeout=PATIENCE_S)
    tap.equal(waiting.wait(PATIENCE_S), 0, 'an encoder\'s stream is recorded to its end')
    tap.ok(decodes(got), 'it decodes')
    (_, sent_times), (_, got_times) = packets(sent, 'v'), packets(got, 'v')
    first = sent_times[0][1] - got_times[0][1]
    tap.equal([(p + first, d + first) for p, d in got_times], sent_times,
              'every picture, both of its times as they were')
    frames = [run('ffmpeg', '-v', 'error', '-i', f, '-map', '0:v', '-f', 'md5', '-').stdout
              for f in (sent, got)]
    tap.equal(frames[1], frames[0], 'the same pictures')
    sent_sound, got_sound = packets(sent, 'a')[0], packets(got, 'a')[0]
    at = sent_sound.index(got_sound[0])
    tap.ok(at < 5 and got_sound == sent_sound[at:at + len(got_sound)] and
           len(got_sound) > len(sent_sound) - 8,
           'AAC is bit-identical', (at, len(got_sound), len(sent_sound)))


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
segmenter, filler = start_segments(), start_full_disk()
files()
pipes()
rtmp()
rtmps()
resized()
segments(segmenter)
full_disk(filler)
the_first_frames()
what_came_by_rtmp()
refusals()
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
