#!/usr/bin/env python3
# runs under: address
# runs beside others, from the beginning
"""rtc-publish and rtc-play through the relay: the test card's numbers and tone in verdicts and in
recordings (read here by docs/testcard.md, not by our code), files, pipes, signals, exit codes."""
import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import FPS, H, W, decodes, numbers_of, step_changes, times_of  # noqa: E402
from relaylib import BIN, Relay, Tap, free_port, wait_for  # noqa: E402

tap = Tap()
TMP = tempfile.TemporaryDirectory(prefix='rtckit-play-')
PATIENCE_S = 60
SLOW = 3 if os.environ.get('RTC_SANITIZER') else 1
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


def run(*argv, **kw):
    return subprocess.run(argv, capture_output=True, timeout=PATIENCE_S, **kw)


def service(name, relay):
    """rtc-whip or rtc-whep on a port of its own; its URL without the query."""
    r, w = os.pipe()
    port = free_port()
    start(f'{BIN}/{name}', '-l', f'127.0.0.1:{port}', '-c', '127.0.0.1', '-R', str(w), pass_fds=[w],
          env={**os.environ, 'RTC_RUN': relay.dir}, stderr=subprocess.DEVNULL)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://127.0.0.1:{port}/rtc/v1/{name[4:]}/'


relay = Relay()
WHIP, WHEP = service('rtc-whip', relay), service('rtc-whep', relay)
admin = relay.connect('admin')


def url(base, stream):
    return f'{base}?app=live&stream={stream}'


def publish(stream, *args, file=None, **kw):
    """rtc-publish of the test card, a file or '-'; its report comes on standard output."""
    return start(f'{BIN}/rtc-publish', '-j', *args, url(WHIP, stream), *([file] if file else []),
                 **{'stdout': subprocess.PIPE, **kw})


def is_live(stream):
    reply = admin.ask('streams.list', start=0, count=50)
    return any(s['name'] == f'live/{stream}' and s['publisher'] for s in reply['streams'])


def sessions():
    return admin.ask('sessions.list', start=0, count=50)['sessions']


def play(stream, *args):
    """Exit status and report."""
    p = run(f'{BIN}/rtc-play', '-j', url(WHEP, stream), *args)
    out = p.stderr.splitlines()[-1] if '-' in args else p.stdout
    try:
        return p.returncode, json.loads(out)
    except ValueError:
        tap.ok(False, f'a report of {stream}', p.stderr.decode())
        return p.returncode, None


def stop(p, signum=signal.SIGTERM):
    """End a child; its exit status, standard output and error."""
    p.send_signal(signum)
    out, err = p.communicate(timeout=PATIENCE_S)
    return p.returncode, out, err.decode()


# ---- the test card ----

def the_test_card():
    pub = publish('card', '--test')
    tap.ok(wait_for(lambda: is_live('card'), 20), 'the test card is published')
    code, r = play('card', '--duration', '5', '--min-fps', '23', '--max-loss', '0',
                   '--expect-audio', '--expect-card', '--max-freeze', '1', '--max-first-frame', '5',
                   path('card.mkv'))
    tap.equal((code, r['faults']), (0, []), 'rtc-play finds it as wanted')
    card, steps = r['video']['card'], r['audio']['tone_steps']
    tap.equal((r['video']['width'], r['video']['height']), (W, H), 'its size')
    tap.ok(card['count'] >= 5 * FPS - 5 and card['missing'] == 0 and card['in_order'],
           'every frame number, in order', card)
    tap.ok(len(steps) >= 5 and all((b - a) % 8 == 1 for a, b in zip(steps, steps[1:])),
           'tone steps one after the other', steps)
    latency = r['video']['latency_ms']
    tap.ok(latency is not None and latency['median'] < 200 * SLOW, f'median latency below {200 * SLOW} ms', latency)
    seen = r['video']['picture_latency_ms']
    tap.ok(seen is not None and latency['median'] / 2 < seen['median'] < 400 * SLOW and seen['median'] <= seen['p95'],
           f"the picture's own clock tells a latency of its own, below {400 * SLOW} ms", (seen, latency))
    tap.equal(r['network']['srtp'], 'AEAD_AES_128_GCM', 'AES-GCM is used')
    the_recording(card)
    return pub


def the_recording(card):
    file = path('card.mkv')
    numbers, times = numbers_of(file), times_of(file)
    tap.ok(decodes(file), 'the recording decodes without error')
    tap.equal(numbers, list(range(card['first'], card['last'] + 1)),
              'it holds the same frame numbers')
    tap.ok(len(times) == len(numbers) and all(
        abs((t - times[0]) - i / FPS) < 0.005 for i, t in enumerate(times)), 'at even times', times)
    skews = [at - (times[0] + (n * FPS - numbers[0]) / FPS) for at, step in step_changes(file)
             for n in range(numbers[0] // FPS, numbers[-1] // FPS + 1) if n % 8 == step]
    tap.ok(len(skews) >= 4 and all(abs(s) < 0.06 for s in skews),
           'sound and picture agree within 60 ms', skews)


def a_second_publisher(pub):
    p = run(f'{BIN}/rtc-publish', '--test', url(WHIP, 'card'))
    tap.equal(p.returncode, 20, 'a second publisher is refused: exit 20')
    tap.ok(b'409' in p.stderr and b'publisher' in p.stderr, 'and told why', p.stderr)
    code, r = play('card', '--duration', '1', '--expect-card')
    tap.equal((code, r['faults']), (0, []), 'a player that joins later sees it')
    code, out, err = stop(pub)
    tap.equal(code, 0, 'SIGTERM ends the first with 0')
    report = json.loads(out)
    tap.ok(report['plis'] >= 1 and report['keyframes'] >= 2,
           'it was asked for a keyframe and made one', report)
    tap.equal([s for s in sessions() if s['stream'] == 'live/card'], [],
              'no session is left behind')


def a_crowd():
    """Who joins just after a keyframe gets that one: the publisher is not asked again so soon."""
    for round_ in range(3):
        players = []
        for _ in range(3):
            players.append(start(f'{BIN}/rtc-play', '-j', '--duration', '1', url(WHEP, 'card'),
                                 stdout=subprocess.PIPE))
            time.sleep(0.1)
        cards = [json.loads(p.communicate(timeout=PATIENCE_S)[0])['video']['card'] for p in players]
        time.sleep(0.6)
        if len({c['first'] for c in cards}) == 1:
            break
    tap.ok(len({c['first'] for c in cards}) == 1 and all(c['missing'] == 0 for c in cards),
           'three players that join within 500 ms begin with the same keyframe', cards)


def snapshots_and_codecs():
    p = run(f'{BIN}/rtc-play', '--snapshot', path('now.png'), url(WHEP, 'card'))
    numbers = numbers_of(path('now.png'))
    tap.ok(p.returncode == 0 and p.stdout == b'' and len(numbers) == 1 and numbers[0] is not None,
           '--snapshot: the first picture as PNG, and the end', f'{numbers} {p.stderr.decode()}')
    p = run(f'{BIN}/rtc-play', '-q', '--snapshot', '-', url(WHEP, 'card'))
    tap.ok(p.returncode == 0 and p.stdout[:4] == b'\x89PNG', '--snapshot -: on standard output')
    p = run(f'{BIN}/rtc-play', '--snapshot', '/dev/full', url(WHEP, 'card'))
    tap.ok(p.returncode == 73 and b'/dev/full' in p.stderr, 'a full disk is exit 73', p.stderr)
    code, r = play('card', '--duration', '1', '--expect-codec', 'h264', '--expect-codec', 'opus')
    tap.equal((code, r['faults']), (0, []), '--expect-codec: H264 and Opus')
    code, r = play('card', '--duration', '1', '--expect-codec', 'vp8')
    tap.equal((code, r['faults']), (1, ['the picture is H264, not VP8']), '--expect-codec: not VP8')
    for name, lost in (('card.h264', 'sound'), ('card.ogg', 'picture')):
        p = run(f'{BIN}/rtc-play', '--duration', '1', url(WHEP, 'card'), path(name))
        tap.ok(p.returncode == 0 and f'holds no {lost}' in p.stderr.decode() and os.path.getsize(path(name)) > 1000,
               f'{name}: recorded, and told that there is no {lost}', p.stderr)
    p = run(f'{BIN}/rtc-play', '-q', '-f', 'mkv', url(WHEP, 'card'), '/dev/full')
    tap.ok(p.returncode == 74 and b'No space left' in p.stderr, 'a recording on a full disk is exit 74',
           p.stderr)


def a_player_before_its_publisher():
    player = start(f'{BIN}/rtc-play', '-j', '--duration', '2', '--wait', '20', '--expect-card',
                   url(WHEP, 'late'), stdout=subprocess.PIPE)
    tap.ok(wait_for(lambda: any(s['stream'] == 'live/late' and s['state'] == 'connected'
                                for s in sessions()), 20), 'a player waits')
    pub = publish('late', '--test=320x180@30', '--duration', '6')
    out, err = player.communicate(timeout=PATIENCE_S)
    r = json.loads(out)
    tap.equal(player.returncode, 0, 'it plays when the publisher comes')
    video = r['video']
    tap.ok(video and video['card']['first'] <= 5 and video['width'] == 320,
           'from the first frames on', video)
    out, err = pub.communicate(timeout=PATIENCE_S)
    tap.ok(pub.returncode == 0 and 175 <= json.loads(out)['frames'] <= 185,
           '--duration is kept', out)


# ---- files and pipes ----

def make_films():
    run('ffmpeg', '-v', 'error', '-y', '-i', path('card.mkv'), '-c:v', 'libx264', '-bf', '3', '-g',
        '25', '-c:a', 'aac', path('film.mp4'))
    run('ffmpeg', '-v', 'error', '-y', '-i', path('card.mkv'), '-c:v', 'libx264', '-bf', '0', '-g',
        '12', '-c:a', 'copy', path('pass.mkv'))


def files(name, extension, note, source):
    """Publish a file in a loop, record it, compare."""
    pub = publish(name, '--loop', file=source)
    tap.ok(wait_for(lambda: is_live(name), 20), f'{name} is published')
    out = path(f'recorded-{name}.{extension}')
    code, r = play(name, '--duration', '3', '--max-loss', '0', '--expect-video', out)
    tap.equal((code, r and r['faults']), (0, []), f'{name} is played')
    card = r and r['video'] and r['video']['card']
    tap.ok(card and card['count'] > 2 * FPS and card['missing'] == 0, f'{name}: all frames', r)
    tap.equal(r['video']['picture_latency_ms'], None, f'{name}: a recorded card tells no latency')
    tap.ok(decodes(out), f'{name}: the recording decodes without error')
    numbers = numbers_of(out)
    tap.ok(len(numbers) > FPS and None not in numbers, f'{name}: the recording holds frame numbers')
    code, _, err = stop(pub, signal.SIGINT)
    tap.ok(code == 0 and (note in err if note else 're-encoded' not in err),
           f'{name}: {note or "nothing is re-encoded"}', err)


def a_pipe_in():
    ffmpeg = start('ffmpeg', '-v', 'error', '-re', '-i', path('film.mp4'), '-c:v', 'libx264', '-bf',
                   '0', '-g', '25', '-c:a', 'libopus', '-f', 'mpegts', '-', stdout=subprocess.PIPE)
    pub = publish('pipe', file='-', stdin=ffmpeg.stdout)
    ffmpeg.stdout.close()
    tap.ok(wait_for(lambda: is_live('pipe'), 20), 'a pipe is published')
    code, r = play('pipe', '--duration', '2', '--expect-video', '--expect-audio')
    tap.equal((code, r and r['faults']), (0, []), 'and played')
    out, err = pub.communicate(timeout=PATIENCE_S)
    tap.ok(pub.returncode == 0 and json.loads(out)['frames'] > 3 * FPS,
           'the publisher ends with its input', f'{pub.returncode} {out} {err}')


def a_reader_that_pauses():
    # By itself a pipe holds 64 KiB: nearly 2 s of the card, and all of it when some are left out.
    stuck = start(f'{BIN}/rtc-play', '-q', '--duration', '2', url(WHEP, 'out'), '-',
                  stdout=subprocess.PIPE, pipesize=4096)
    tap.equal(stuck.wait(PATIENCE_S), 74, 'a reader that takes nothing does not hold rtc-play: 74')
    tap.ok(b'takes nothing more' in stuck.stderr.read(), 'which says so')
    tap.equal([s for s in sessions() if s['kind'] == 'play'], [], 'and deletes its session')


def one_stream_moved_to_another():
    source = start(f'{BIN}/rtc-play', '-q', url(WHEP, 'out'), '-', stdout=subprocess.PIPE)
    mover = publish('moved', file='-', stdin=source.stdout)
    source.stdout.close()
    tap.ok(wait_for(lambda: is_live('moved'), 20), 'rtc-play | rtc-publish moves a stream')
    code, r = play('moved', '--duration', '3', '--expect-card', '--expect-audio')
    card = r and r['video'] and r['video']['card']
    tap.ok(code == 0 and card['missing'] == 0 and card['count'] > FPS, 'whole and in order', r)
    tap.equal(stop(mover)[0], 0, 'its publisher ends')
    tap.equal(source.wait(PATIENCE_S), 0, 'and the player before it')


def flv_with_opus():
    """FFmpeg 5 knows no Opus in FLV: our own reader does, rtmp2rtc."""
    env = {**os.environ, 'RTC_RUN': relay.dir}
    source = start(f'{BIN}/rtc-play', '-f', 'flv', url(WHEP, 'out'), '-', stdout=subprocess.PIPE)
    mover = start(f'{BIN}/rtmp2rtc', '-', 'live/flv', stdin=source.stdout, env=env)
    source.stdout.close()
    tap.ok(wait_for(lambda: is_live('flv'), 20), 'rtc-play -f flv | rtmp2rtc moves a stream')
    code, r = play('flv', '--duration', '3', '--expect-card', '--expect-audio', '--expect-codec', 'opus')
    tap.ok(code == 0 and r['video']['card']['missing'] == 0 and len(r['audio']['tone_steps']) >= 2,
           'picture and sound, Opus in FLV', r)
    stop(mover)
    tap.equal(source.wait(PATIENCE_S), 0, 'the player before it ends')
    tap.ok(b'holds no' not in source.stderr.read(), 'nothing was left out')
    out = path('opus.flv')
    code, r = play('out', '--duration', '2', '--expect-audio', out)
    tap.ok(code == 0 and None not in numbers_of(out) and len(numbers_of(out)) > FPS,
           'and readers of the old FLV see the picture of a file', r)


def a_pipe_out():
    pub = publish('out', '--test', '--duration', '60')
    wait_for(lambda: is_live('out'), 20)
    player = start(f'{BIN}/rtc-play', '-q', url(WHEP, 'out'), '-', stdout=subprocess.PIPE)
    head = player.stdout.read(100000)
    player.stdout.close()
    tap.equal(player.wait(PATIENCE_S), 0, 'a reader that goes away ends rtc-play with 0')
    with open(path('head.mkv'), 'wb') as f:
        f.write(head)
    tap.ok(None not in numbers_of(path('head.mkv'))[:10],
           'what it read is Matroska with the picture')
    tap.equal([s for s in sessions() if s['kind'] == 'play'], [], 'and the session is deleted')
    code, r = play('out', '--duration', '1', '--min-fps', '60')
    tap.equal((code, len(r['faults'])), (1, 1), 'a verdict that fails is exit 1 with its reason')
    a_reader_that_pauses()
    flv_with_opus()
    one_stream_moved_to_another()
    p = run(f'{BIN}/rtc-play', '-q', url(WHEP, 'out'), '/nonexistent/x.mkv')
    tap.equal(p.returncode, 74, 'an output that cannot be written is exit 74')
    tap.equal(stop(pub)[0], 0, 'the publisher ends')


# ---- what goes wrong ----

def exit_codes():
    rows = [
        (64, 'no URL', 'rtc-play'), (64, 'an unknown option', 'rtc-play', '--nosuch', 'http://h/'),
        (64, 'another scheme', 'rtc-publish', '--test', 'rtmp://h/live/a'),
        (64, 'an impossible picture', 'rtc-publish', '--test=7x7', 'http://h/'),
        (64, 'an unknown container', 'rtc-play', 'http://h/', 'x.nosuch'),
        (66, 'no such file', 'rtc-publish', 'http://h/', '/nonexistent.mp4'),
        (66, 'no such token file', 'rtc-play', '--token-file', '/nonexistent', 'http://h/'),
        (10, 'a name that does not resolve', 'rtc-play', 'http://nosuch.invalid/'),
        (11, 'a closed port', 'rtc-publish', '--test', 'http://127.0.0.1:1/'),
        (12, 'TLS to a server without it', 'rtc-play', WHEP.replace('http:', 'https:')),
        (20, 'a path that is not WHEP', 'rtc-play', WHEP.replace('/whep/', '/nothing/')),
        (55, 'nobody publishes', 'rtc-play', '--wait', '1', url(WHEP, 'nobody')),
    ]
    for want, name, program, *args in rows:
        p = run(f'{BIN}/{program}', '--timeout', '8', *args)
        tap.ok(p.returncode == want and (p.stderr or want == 64), f'{name}: exit {want}',
               f'{p.returncode} {p.stderr.decode()}')
    tap.equal(sessions(), [], 'nothing is left in the relay')


def a_server_that_is_killed():
    """Its port is closed then, and ICMP says so: nobody waits for 30 s of consent."""
    doomed = Relay()
    children.append(doomed.proc)
    whip, whep = service('rtc-whip', doomed), service('rtc-whep', doomed)
    pub = start(f'{BIN}/rtc-publish', '--test=320x180@15', url(whip, 'a'))
    player = start(f'{BIN}/rtc-play', '--wait', '30', url(whep, 'a'), path('cut.mkv'))
    tap.ok(wait_for(lambda: os.path.exists(path('cut.mkv')), 20), 'a stream is recorded')
    doomed.proc.kill()
    began = time.monotonic()
    for name, p in (('rtc-play', player), ('rtc-publish', pub)):
        _, err = p.communicate(timeout=PATIENCE_S)
        tap.ok(p.returncode == 55 and b'the server has ended' in err, f'{name}: the server is killed: 55', err)
    tap.ok(time.monotonic() - began < 15, 'soon', time.monotonic() - began)
    tap.ok(None not in numbers_of(path('cut.mkv')), 'what was recorded can be read')


pub = the_test_card()
snapshots_and_codecs()
a_crowd()
a_second_publisher(pub)
a_player_before_its_publisher()
make_films()
files('film', 'mp4', 'B-frames', path('film.mp4'))
files('pass', 'ts', None, path('pass.mkv'))
a_pipe_in()
a_pipe_out()
exit_codes()
a_server_that_is_killed()
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
