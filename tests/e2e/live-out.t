#!/usr/bin/env python3
# runs under: address
"""rtc2rtmp: a published test card into files, a pipe and an RTMP server; what ffmpeg makes of it."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import FPS, PATIENCE_S, decodes, numbers_of, run  # noqa: E402
from livelib import BIN, TMP, free_port, good, is_live, path, publish, relay, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402


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
files()
pipes()
rtmp()
the_first_frames()
what_came_by_rtmp()
refusals()
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
