#!/usr/bin/env python3
# runs under: address
"""rtc-publish and rtc-play with every twentieth datagram lost on both sides of the relay, and some
out of order: what is missing of the picture is asked for and sent again, so that it stays whole; lost
sound is not asked for."""
import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from linklib import Link  # noqa: E402
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

tap = Tap()
SEED = int(os.environ.get('RTC_SEED', '20260101'))
LOSS, LATE, LATE_S = 0.05, 0.02, 0.015
PATIENCE_S = 60
TMP = tempfile.TemporaryDirectory(prefix='rtckit-lossy-')
children = []


@atexit.register
def clean_up():
    for p in children + [relay.proc]:
        if p.poll() is None:
            p.kill()
            p.wait()


def service(name, link):
    """rtc-whip or rtc-whep that names the link as the relay's address; its URL."""
    r, w = os.pipe()
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    port = s.getsockname()[1]
    s.close()
    children.append(subprocess.Popen(
        [f'{BIN}/{name}', '-l', f'127.0.0.1:{port}', '-c', f'127.0.0.1:{link.port}', '--no-detect',
         '--no-api-candidate', '-R', str(w)], pass_fds=[w], stderr=subprocess.DEVNULL,
        env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://127.0.0.1:{port}/rtc/v1/{name[4:]}/?app=live&stream=lossy'


relay = Relay()
admin = relay.connect('admin')
server = ('127.0.0.1', admin.hello['listen'][0]['port'])
print('# seed', SEED)
up, down = (Link(server, SEED + i, loss=LOSS, late=LATE, late_s=LATE_S) for i in range(2))
whip, whep = service('rtc-whip', up), service('rtc-whep', down)

pub = subprocess.Popen([f'{BIN}/rtc-publish', '-q', '-j', '--test', '--video-bitrate', '1500000',
                        '--duration', '14', whip], stdout=subprocess.PIPE)
children.append(pub)
tap.ok(wait_for(lambda: admin.ask('streams.list', start=0, count=9)['streams'], 20), 'published')
record = os.path.join(TMP.name, 'lossy.mkv')
play = subprocess.run([f'{BIN}/rtc-play', '-q', '-j', '--duration', '10', '--expect-card',
                       '--expect-audio', '--max-loss', '5', whep, record], capture_output=True,
                      timeout=PATIENCE_S)
r = json.loads(play.stdout)
sent = json.loads(pub.communicate(timeout=PATIENCE_S)[0])
tap.equal((play.returncode, r['faults']), (0, []), 'played as wanted')
card, network = r['video']['card'], r['network']
tap.ok(up.lost > 20 and down.lost > 20, f'{up.lost} and {down.lost} datagrams were lost')
tap.ok(network['repaired'] > 10 and network['nacks'] > 10, 'rtc-play asks and is answered', network)
tap.ok(sent['resent'] > 10 and sent['nacks'] > 10, 'rtc-publish is asked and answers', sent)
tap.ok(card['count'] > 230 and card['missing'] <= card['count'] / 50,
       '98 % of the frame numbers arrive', r['video'])
tap.ok(card['disordered'] == 0, 'in order', card)
tap.ok(r['audio']['seconds'] > 9, 'and the sound', r['audio'])
p = subprocess.run(['ffmpeg', '-v', 'error', '-xerror', '-i', record, '-f', 'null', '-'],
                   capture_output=True, timeout=PATIENCE_S)
tap.ok(p.returncode == 0 and not p.stderr, 'the recording decodes without error', p.stderr)
print('#', json.dumps({'video': r['video'], 'network': network, 'sent': sent}))
tap.done()
