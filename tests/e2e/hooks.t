#!/usr/bin/env python3
# runs under: address
# runs beside others
"""HTTP hooks: rtc-hook asks a web server of this test before somebody publishes or plays by WHIP, WHEP
or RTMP, and tells it when that is over."""
import atexit
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import BIN, Relay, Tap, free_port, wait_for  # noqa: E402

VECTORS = os.environ.get('RTC_VECTORS', 'tests/vectors')
tap = Tap()
started = []    # every program, to be stopped whatever happens
calls, verdict = [], {'status': 200, 'body': b'{"code":0}', 'delay': 0}


class Web(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        calls.append({**body, '_path': self.path, '_type': self.headers['Content-Type']})
        time.sleep(verdict['delay'])
        self.send_response(verdict['status'])
        self.send_header('Content-Length', str(len(verdict['body'])))
        self.end_headers()
        self.wfile.write(verdict['body'])

    def log_message(self, *args):
        pass


def answer(status=200, body=b'{"code":0}', delay=0):
    verdict.update(status=status, body=body, delay=delay)


web = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Web)
threading.Thread(target=web.serve_forever, daemon=True).start()
base = f'http://127.0.0.1:{web.server_address[1]}'
relay = Relay()
ports = {'rtc-whip': free_port(), 'rtc-whep': free_port(), 'rtmp2rtc': free_port()}


def start(program, *args):
    r, w = os.pipe()
    p = subprocess.Popen([f'{BIN}/{program}', *args, '-R', str(w)], pass_fds=[w],
                         stderr=open(os.path.join(relay.dir, program + '.log'), 'a'),
                         env={**os.environ, 'RTC_RUN': relay.dir})
    started.append(p)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p


def start_hook():
    urls = [x for name in ('publish', 'unpublish', 'play', 'stop')
            for x in (f'--on-{name}', f'{base}/{name}')]
    return start('rtc-hook', *urls, '--on-publish', f'{base}/second', '--timeout', '1')


def kill_all():
    for p in [relay.proc, *started]:
        if p.poll() is None:
            p.kill()
            p.wait()


atexit.register(kill_all)
hook = start_hook()
programs = [start(p, '-l', f'127.0.0.1:{ports[p]}', *(() if p == 'rtmp2rtc' else ('-c', '127.0.0.1')),
                  '--hook') for p in ports]
offers = {'rtc-whip': open(f'{VECTORS}/sdp/chromium-whip-offer.sdp', 'rb').read(),
          'rtc-whep': open(f'{VECTORS}/sdp/chromium-whep-offer.sdp', 'rb').read()}


def url(program, query):
    return f"http://127.0.0.1:{ports[program]}/rtc/v1/{program[4:]}/?{query}"


def post(program, query):
    """Status, text, Location."""
    request = urllib.request.Request(url(program, query), offers[program],
                                     {'Content-Type': 'application/sdp', 'Referer': 'http://page/'})
    try:
        with urllib.request.urlopen(request, timeout=10) as a:
            return a.status, a.read().decode(), a.headers['Location']
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode(), None


def delete(location):
    urllib.request.urlopen(urllib.request.Request(location, method='DELETE'), timeout=10).close()


def called(path, **members):
    return [c for c in calls if c['_path'] == path and all(c.get(k) == v for k, v in members.items())]


def sessions():
    return admin.ask('sessions.list')['sessions']


admin = relay.connect('admin')

# ---- allowed ----

status, text, location = post('rtc-whip', 'app=live&stream=a&secret=hush')
tap.ok(status == 201 and len(called('/publish')) == 1 and len(called('/second')) == 1,
       'a publisher: both servers are asked', calls)
first = called('/publish')[0]
tap.equal({k: first.get(k) for k in ('action', 'ip', 'vhost', 'app', 'stream', 'param', 'stream_url', 'tcUrl',
                                     '_type')},
          {'action': 'on_publish', 'ip': '127.0.0.1', 'vhost': '__defaultVhost__', 'app': 'live',
           'stream': 'a', 'param': '?app=live&stream=a&secret=hush', 'stream_url': '/live/a',
           'tcUrl': 'webrtc://127.0.0.1/live', '_type': 'application/json'}, 'and told who it is')
tap.equal([s['session'] for s in sessions()], [first['client_id']], 'under the id that the session has')
status, _, player = post('rtc-whep', 'app=live&stream=a')
tap.ok(status == 201 and called('/play', stream='a', pageUrl='http://page/'), 'a player', calls)
delete(player)
tap.ok(wait_for(lambda: called('/stop', client_id=called('/play')[0]['client_id'], action='on_stop')),
       'its end is told', calls)
delete(location)
tap.ok(wait_for(lambda: called('/unpublish', client_id=first['client_id'], param=first['param'])),
       'so is the publisher\'s', calls)

# ---- refused: nothing is left behind ----

answer(body=b'{"code":1}')
status, text, _ = post('rtc-whip', 'app=live&stream=b')
tap.ok(status == 403 and 'hook-denied' in text and sessions() == [], 'a code that is not 0: 403', text)
answer(status=403)
tap.equal(post('rtc-whep', 'app=live&stream=b')[0], 403, 'HTTP 403: 403')
answer(status=500)
tap.equal(post('rtc-whip', 'app=live&stream=b')[0], 503, 'HTTP 500 is no verdict: 503')
answer(delay=3)
began = time.monotonic()
tap.equal(post('rtc-whip', 'app=live&stream=b')[0], 503, 'no answer in time: 503')
tap.ok(time.monotonic() - began < 3, 'without waiting for it', time.monotonic() - began)
answer(body=b'x' * 10000)
tap.ok(post('rtc-whip', 'app=live&stream=b')[0] in (403, 503), 'an answer that is too long is none')
tap.ok(sessions() == [] and not called('/unpublish', stream='b'), 'no session was made, no end told', calls)
answer()

# ---- allowed, but the relay says no; and the older JSON interface ----

keeper = post('rtc-whip', 'app=live&stream=c')[2]
tap.equal(post('rtc-whip', 'app=live&stream=c')[0], 409, 'a busy stream is 409')
ids = [c['client_id'] for c in called('/publish', stream='c')]
tap.ok(wait_for(lambda: called('/unpublish', client_id=ids[1])) and
       not called('/unpublish', client_id=ids[0]), 'and the second one\'s end is told at once', calls)
delete(keeper)
body = json.dumps({'streamurl': 'webrtc://h/live/j?secret=s', 'sdp': offers['rtc-whep'].decode()}).encode()
with urllib.request.urlopen(f"http://127.0.0.1:{ports['rtc-whep']}/rtc/v1/play/", body, timeout=10) as a:
    tap.ok(json.load(a)['code'] == 0 and called('/play', stream='j', param='?secret=s'),
           'the older JSON interface asks too', calls)

# ---- RTMP: as long as the connection ----


def rtmp(*args):
    return subprocess.Popen(['ffmpeg', '-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=10',
                             '-t', '30', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', '-f', 'flv',
                             f"rtmp://127.0.0.1:{ports['rtmp2rtc']}/live/r?token=t"], stderr=subprocess.PIPE)


pusher = rtmp()
tap.ok(wait_for(lambda: any(s['stream'] == 'live/r' for s in sessions()), 60), 'a publisher by RTMP', calls)
tap.ok(called('/publish', stream='r', app='live', param='?token=t', ip='127.0.0.1',
              tcUrl='rtmp://__defaultVhost__/live'),
       'was asked for', called('/publish', stream='r'))
time.sleep(0.3)
tap.equal(called('/unpublish', stream='r'), [], 'and is not over')
pusher.send_signal(signal.SIGKILL)
pusher.wait()
tap.ok(wait_for(lambda: called('/unpublish', stream='r'), 30), 'until its connection ends', calls)
answer(body=b'1')
pusher = rtmp()
tap.ok(pusher.wait(60) != 0 and not any(s['stream'] == 'live/r' for s in sessions()),
       'a refusal reaches it', pusher.stderr.read())
answer()

# ---- programs that die ----

hook.send_signal(signal.SIGKILL)
hook.wait()
status, text, _ = post('rtc-whip', 'app=live&stream=d')
tap.ok(status == 503 and 'hook-unavailable' in text, 'without rtc-hook nothing is allowed: 503', text)
hook = start_hook()
tap.ok(wait_for(lambda: post('rtc-whip', 'app=live&stream=d')[0] == 201), 'back again, it is asked')
for p in (hook, *programs):
    p.terminate()
    tap.ok(p.wait(10) in (0, -signal.SIGTERM), f'{os.path.basename(p.args[0])} stops', p.returncode)
log = ''.join(open(os.path.join(relay.dir, f)).read() for f in os.listdir(relay.dir) if f.endswith('.log'))
tap.ok('hush' not in log and 'token=t' not in log, 'no secret was logged', log)
tap.equal(relay.stop(), 0, 'the relay stops')
tap.done()
