#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtmp2rtc: ffmpeg publishes by RTMP and by pipe, rtc-play watches; keys, a second publisher, one that
comes again, a player of what is not there."""
import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import BIN, Relay, Tap, free_port, wait_for  # noqa: E402
from rtmplib import Client  # noqa: E402

JOINS = 4
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
v = watch('main', 3)
tap.ok(v['ok'] and v['network']['lost'] == 0, 'a viewer loses nothing', v['network'])
tap.ok(v['video']['frames'] >= 65 and v['video']['undecodable'] == 0, 'and sees every frame',
       v['video'])
tap.ok(v['audio']['codec'] == 'opus' and v['audio']['sound_seconds'] > 2.5, 'and hears the sound',
       v['audio'])

firsts = []
for _ in range(JOINS):
    p = watch('main', 0.3)
    firsts.append(p['times']['first_frame_ms'])
print(f'# first frames after {sorted(round(f) for f in firsts)} ms', flush=True)
tap.ok(sorted(firsts)[1] < FIRST_FRAME_MS,    # of what else runs the other two may be late
       f'who joins late sees a frame within {FIRST_FRAME_MS} ms', firsts)

def refusal(act, *args, to=port):
    """Code and words with which the server turns a client away; None if it does not."""
    try:
        act(Client(to), 'live', *args)
    except OSError as e:
        return e.args[0][3]['code'], e.args[0][3]['description']
    return None


tap.equal(refusal(Client.obs, 'main'), ('NetStream.Publish.BadName',
                                        'the stream has a publisher already'),
          'a second publisher is refused')
tap.ok(wait_for(lambda: 'refused: the stream has a publisher' in logged(log)), 'and the log says so')

viewer = watch('main', 10, start_only=True)
wait_for(lambda: 'play live/main' in relay.logged().splitlines()[-1], 5)
main.kill()
tap.ok(wait_for(lambda: 'live/main' not in live()), 'a killed publisher is gone at once')
main = push('main')
tap.ok(wait_for(lambda: 'live/main' in live(), 20), 'it publishes again')
v = verdict(viewer)
tap.ok(v['video']['frames'] > 60 and v['network']['lost'] == 0, 'the viewer goes on', v)

# ---- tokens, pipes ----

tokens = os.path.join(TMP.name, 'tokens')
open(tokens, 'w').write('# keys\nright\n')
guarded, _, guard_log = service('rtmp2rtc', '-t', tokens)
for key in ('t', 't?secret=wrong', 't?secret=', 't?token=wrong&secret=also'):
    why = refusal(Client.obs, key, to=guarded)
    tap.ok(why and why[0] == 'NetStream.Publish.Denied', f'{key}: refused', why)
t = push('t?secret=right', to=guarded)
tap.ok(wait_for(lambda: 'live/t' in live(), 20), 'with the token: published')
tap.ok('right' not in logged(guard_log) and 'wrong' not in logged(guard_log),
       'no token is in the log')
t.kill()

pipe = start(*source(), '-', stdout=subprocess.PIPE)
reader = start(f'{BIN}/rtmp2rtc', '-', 'live/p', stdin=pipe.stdout)
pipe.stdout.close()
tap.ok(wait_for(lambda: 'live/p' in live(), 20), 'FLV by pipe is published')
v = watch('p', 1)
tap.ok(v['network']['lost'] == 0 and v['video']['frames'] >= 20, 'and plays', v['video'])
pipe.send_signal(signal.SIGTERM)
tap.equal(reader.wait(10), 0, 'the end of the input ends it')
bad = subprocess.run([f'{BIN}/rtmp2rtc', '-', 'live/q'], input=b'not FLV', capture_output=True)
tap.equal(bad.returncode, 65, 'what is not FLV: 65')

# ---- played by RTMP ----

code, words = refusal(Client.play, 'main')
tap.ok(code == 'NetStream.Play.Failed' and 'does not run' in words,
       'RTMP play without rtc2rtmp: words', words)
start(f'{BIN}/rtc2rtmp')
wait_for(lambda: os.path.exists(os.path.join(relay.dir, 'live.sock')), 10)
code, words = refusal(Client.play, 'none')
tap.ok(code == 'NetStream.Play.StreamNotFound' and 'no such stream' in words,
       'a stream that is not there: words', (code, words))
tap.ok(wait_for(lambda: child_count() == 1, 10), 'no player leaves a process behind', child_count())

# ---- the end ----

main.kill()
parent.terminate()
tap.equal(parent.wait(10), 0, 'SIGTERM ends it')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
