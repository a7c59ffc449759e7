#!/usr/bin/env python3
# A server behind a firewall that lets one TCP port in: pages, WHIP, WHEP and media come by it, in the
# clear and beside TLS. What rtc-server makes of the configuration, with rtc-publish and rtc-play.
# runs under: address
# runs with the servers
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from relaylib import BIN, Peer, Tap, free_port, wait_for

SLOW = 'RTC_SANITIZER' in os.environ
PATIENCE_S = 120 if SLOW else 40

t = Tap()
directory = tempfile.mkdtemp(prefix='rtc-')
children = []


http, https, udp = free_port(), free_port(), free_port()
with open(f'{directory}/one.conf', 'w') as f:
    f.write(f'''
http_api {{ enabled off; }}
http_server {{ enabled on; listen 127.0.0.1:{http};
    https {{ enabled on; listen 127.0.0.1:{https}; }} }}
rtc_server {{ enabled on; listen 127.0.0.1:{udp}; tcp {{ enabled on; listen {http}; }}
    protocol tcp; candidate 127.0.0.1; }}
rtc_signal {{ enabled off; }}
vhost __defaultVhost__ {{ rtc {{ enabled on; }} }}
''')


def answer(base):
    """TCP candidates of an answer to Chromium's offer, which is asked for at a URL of the server."""
    offer = open('tests/vectors/sdp/chromium-whep-offer.sdp', 'rb').read()
    request = urllib.request.Request(f'{base}/rtc/v1/whep/?app=live&stream=seen', offer,
                                     {'Content-Type': 'application/sdp'})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        sdp = reply.read().decode()
    return sorted(set(re.findall(r'a=candidate:\S+ 1 (\S+) \d+ (\S+) (\d+) typ host(?: tcptype (\S+))?', sdp)))


def start(*argv, **more):
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    children.append(p)
    return p


r, w = os.pipe()
server = subprocess.Popen([f'{BIN}/rtc-server', '-c', f'{directory}/one.conf', '-r', f'{directory}/run', '-R', str(w)],
                          pass_fds=[w], stderr=open(f'{directory}/log', 'w'))
os.close(w)
try:
    t.ok(os.read(r, 1) == b'\n', 'the server starts', open(f'{directory}/log').read())
    base = f'http://127.0.0.1:{http}'
    with urllib.request.urlopen(f'{base}/index.html', timeout=PATIENCE_S) as page:
        t.equal(page.status, 200, 'a page comes by the port')
    t.equal(answer(base), [('tcp', '127.0.0.1', str(http), 'passive')],
            'an answer names this port, and nothing else')
    admin = Peer(f'{directory}/run/relay/admin.sock')

    def sessions(kind):
        return [s for s in admin.ask('sessions.list', stream='live/one')['sessions']
                if s['kind'] == kind and s['state'] == 'connected']

    publish = start(f'{BIN}/rtc-publish', '-q', '--test=320x180@25', f'{base}/rtc/v1/whip/?app=live&stream=one')
    t.ok(wait_for(lambda: sessions('publish'), PATIENCE_S), 'rtc-publish connects by it')
    secure = start(f'{BIN}/rtc-play', '-j', '--insecure', '--duration', '2', '--expect-card', '--max-loss', '0',
                   f'https://127.0.0.1:{https}/rtc/v1/whep/?app=live&stream=one')
    clear = start(f'{BIN}/rtc-play', '-j', '--duration', '2', '--expect-card', '--max-loss', '0',
                  f'{base}/rtc/v1/whep/?app=live&stream=one')
    t.ok(wait_for(lambda: len(sessions('play')) == 2, PATIENCE_S), 'and two players')
    t.equal({s['protocol'] for s in sessions('play') + sessions('publish')}, {'tcp'}, 'all over TCP')
    for p, port, name in (clear, http, 'in the clear'), (secure, https, 'beside TLS'):
        out, err = p.communicate(timeout=PATIENCE_S)
        t.equal(p.returncode, 0, f'{name}: pictures in order, no loss')
        report = json.loads(out)
        t.ok(f'127.0.0.1:{port}' in json.dumps(report) and '"tcp"' in json.dumps(report),
             f'{name}: the media came by port {"P" if port == http else "Q"}, where the page is', report)
        if p.returncode:
            print('#', err)
finally:
    for p in children:
        if p.poll() is None:
            p.terminate()
        p.communicate()
    server.terminate()
    t.equal(server.wait(20), 0, 'the server ends with status 0')
    shutil.rmtree(directory, ignore_errors=True)
t.done()
