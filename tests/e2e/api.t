#!/usr/bin/env python3
# runs under: address
"""The management interface and /metrics of rtc-web, on a real relay: lists, paging, kick, token."""
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import BIN, PWD, Relay, Tap

t = Tap()
relay = Relay()
children = []


def start(*args):
    r, w = os.pipe()
    log = open(os.path.join(relay.dir, f'web{len(children)}.log'), 'w+')
    children.append(subprocess.Popen([f'{BIN}/rtc-web', '-l', '127.0.0.1:0', '-R', str(w), *args],
                                     pass_fds=[w], stderr=log,
                                     env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    with os.fdopen(r) as ready:
        ready.read()
    log.seek(0)
    return int(re.findall(r'port (\d+)', log.read())[-1])


def ask(path, method='GET', at=None, **headers):
    q = urllib.request.Request(f'http://127.0.0.1:{at or port}{path}', method=method, headers=headers)
    try:
        with urllib.request.urlopen(q, timeout=10) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def get(path):
    status, text = ask(path)
    o = json.loads(text)
    t.ok(status == 200 and o['code'] == 0, f'GET {path} has code 0', text)
    return o


def publish(signal, stream):
    return signal.ask('session.create', kind='publish', stream=stream,
                      ice={'ufrag': 'abcd', 'pwd': PWD},
                      dtls={'role': 'server', 'fingerprint': {'hash': 'sha-256',
                                                             'value': ':'.join(['AB'] * 32)}},
                      tracks=[{'mid': '0', 'kind': 'video', 'codecs': [
                          {'name': 'H264', 'clock_rate': 90000, 'pt': 96}]},
                              {'mid': '1', 'kind': 'audio', 'codecs': [
                                  {'name': 'opus', 'clock_rate': 48000, 'channels': 2, 'pt': 111}]}])


try:
    port = start()
    signal = relay.connect('signal')
    made = [publish(signal, f'live/s{i}') for i in range(3)] + [publish(signal, 'a.b/live/x')]
    t.ok(all(m['ok'] for m in made), 'four streams', made)
    v = get('/api/v1/versions')
    t.ok(v['data']['version'].count('.') == 2, 'versions', v)
    streams = get('/api/v1/streams/')['streams']
    one = next(s for s in streams if s['id'] == 'live/s1')
    t.ok(len(streams) == 4 and one['app'] == 'live' and one['name'] == 's1' and one['clients'] == 1 and
         one['vhost'] == '__defaultVhost__' and one['publish'] == {'active': False, 'cid': made[1]['session']},
         'a stream', one)
    t.ok(one['video'] == {'codec': 'H264'} and
         one['audio'] == {'codec': 'opus', 'sample_rate': 48000, 'channel': 2}, 'its codecs', one)
    t.ok(next(s for s in streams if s['id'] == 'a.b/live/x')['vhost'] == 'a.b', 'a vhost')
    pages = [get(f'/api/v1/clients/?start={i}&count=2') for i in (0, 2, 4)]
    ids = [c['id'] for p in pages for c in p['clients']]
    t.ok([len(p['clients']) for p in pages] == [2, 2, 0] and
         sorted(ids) == sorted(m['session'] for m in made) and pages[0]['total'] == 4, 'pages', pages)
    c = next(c for p in pages for c in p['clients'] if c['id'] == made[1]['session'])
    t.ok(c['type'] == 'rtc-publish' and c['publish'] is True and c['url'] == '/live/s1' and
         c['name'] == 's1' and c['stream'] == 'live/s1' and c['alive'] >= 0, 'a client', c)
    t.equal(len(get('/api/v1/clients?start=-1&count=x')['clients']), 4, 'nonsense is the default')
    t.equal(get('/api/v1/summaries')['data']['system']['conn_srs'], 4, 'summaries')
    t.equal(get('/api/v1/vhosts/')['vhosts'][0]['streams'], 4, 'vhosts')
    status, text = ask('/metrics')
    lines = [x for x in text.split('\n') if x and not x.startswith('#')]
    t.ok(status == 200 and all(re.fullmatch(r'[a-z_]+(\{[^}]*\})? \d+', x) for x in lines) and
         'srs_clients 4' in lines and 'srs_streams 4' in lines and 'rtc_publishers 4' in lines,
         'metrics', text)
    secret = [m['secret'] for m in made if m['secret'] in text + json.dumps(pages)]
    t.equal(secret, [], "no session's secret is told")
    status, text = ask('/api/v1/clients/' + ids[0], 'DELETE')
    t.ok(status == 200 and json.loads(text)['code'] == 0, 'DELETE kicks', text)
    t.ok(ids[0] not in [c['id'] for c in get('/api/v1/clients/')['clients']], 'it is gone')
    for name in (ids[0], 's-nobody', 'a%20b', '', 'x' * 200):
        status, text = ask('/api/v1/clients/' + name, 'DELETE')
        t.equal(status, 404, f'DELETE of {name[:12]!r} is 404')
    token = os.path.join(relay.dir, 'token')
    with open(token, 'w') as f:
        f.write('right\n')
    far = start('--trusted-proxy', '127.0.0.1')
    status, text = ask('/api/v1/clients/' + ids[1], 'DELETE', far,
                       **{'X-Forwarded-For': '192.0.2.9'})
    t.equal(status, 403, 'without a token file: from another machine it is 403')
    guarded = start('--api-token-file', token)
    for given, want in ((None, 401), ('Bearer wrong', 401), ('Bearer right', 200)):
        headers = {'Authorization': given} if given else {}
        status, text = ask('/api/v1/clients/' + ids[1], 'DELETE', guarded, **headers)
        t.equal(status, want, f'with a token file: {given} is {want}')
    t.equal(ask('/api/v1/streams/', at=guarded)[0], 200, 'reading needs none')
    status, text = ask('/api/v1/clients/', 'POST')
    t.equal(status, 405, 'POST is 405')
    t.ok(relay.proc.poll() is None, 'the relay lives')
    relay.proc.terminate()
    relay.proc.wait(10)
    status, text = ask('/api/v1/streams/')
    t.ok(status == 503 and 'relay' in text, 'without a relay it is 503', text)
finally:
    for child in children:
        child.terminate()
        t.equal(child.wait(10), 0, 'rtc-web ends with 0')
    relay.stop()
t.done()
