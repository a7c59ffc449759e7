#!/usr/bin/env python3
# runs under: address
# runs beside others
"""The management interface and /metrics of rtc-web, on a real relay: lists, paging, kick, token;
and what they measure of a stream that rtc-publish sends."""
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import BIN, PWD, Relay, Tap, wait_for

t = Tap()
relay = Relay()
children = []


def start(*args, program='rtc-web'):
    r, w = os.pipe()
    log = open(os.path.join(relay.dir, f'web{len(children)}.log'), 'w+')
    children.append(subprocess.Popen([f'{BIN}/{program}', '-l', '127.0.0.1:0', '-R', str(w), *args],
                                     pass_fds=[w], stderr=log,
                                     env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    with os.fdopen(r) as ready:
        ready.read()
    log.seek(0)
    return int(re.findall(r'port (\d+)\)?', log.read())[-1])


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


def version():
    """The one list that regression tests of other servers ask for by POST."""
    status, text = ask('/api/v1/versions', method='POST')
    t.equal((status, json.loads(text)['code']), (200, 0), 'POST /api/v1/versions, too')
    t.equal(ask('/api/v1/streams', method='POST')[0], 405, 'but no other list')


def named(path):
    """The one of a list that the path names, or the status and code of its absence."""
    status, text = ask(path)
    o = json.loads(text)
    return [v for k, v in o.items() if k in ('stream', 'client', 'vhost')][0] if status == 200 else (
        status, o['code'], o['detail'])


def lists():
    """One by its id; what is not there has SRS's code, and is 404."""
    t.equal(named('/api/v1/streams/live/s2')['id'], 'live/s2', 'a stream by its id')
    t.equal(named('/api/v1/streams/live%2Fs2')['name'], 's2', 'its slash escaped')
    t.equal(named('/api/v1/clients/' + made[2]['session'])['stream'], 'live/s2', 'a client by its id')
    t.equal(named('/api/v1/vhosts/__defaultVhost__')['enabled'], True, 'the vhost by its id')
    for path, code in (('streams/live/none', 2048), ('streams/x', 2048), ('streams/a%20/b', 2048),
                       ('clients/s-nobody', 2049), ('clients/a/b', 2049), ('vhosts/none', 2014)):
        t.equal(named('/api/v1/' + path)[:2], (404, code), f'{path} has code {code}')
    for query, want in (('', 4), ('?start=4', 0), ('?start=3', 1), ('?start=-1', 4), ('?start=x', 4),
                        ('?count=0', 1), ('?count=-5', 4), ('?count=99999999999', 4), ('?count=', 4),
                        ('?start=99999999999999999999', 0)):
        t.equal(len(get('/api/v1/streams' + query)['streams']), want, f'streams{query}: {want}')


def measures():
    """A real stream: codec, size, pictures and rates, in each of the places that tell them."""
    whip = start('-c', '127.0.0.1', program='rtc-whip')
    sender = subprocess.Popen(
        [f'{BIN}/rtc-publish', '-q', '--test=320x240@15', '--video-bitrate', '200000',
         f'http://127.0.0.1:{whip}/rtc/v1/whip/?app=live&stream=real'])
    try:
        t.ok(wait_for(lambda: json.loads(ask('/api/v1/streams/live/real')[1]).get('stream', {}).get('frames', 0)
                      >= 45, 30), 'frames are counted')
        s = named('/api/v1/streams/live/real')
        t.ok(s['video']['codec'] == 'H264' and s['video']['profile'] == 'Baseline' and
             re.fullmatch(r'\d\.\d', s['video']['level']) and
             (s['video']['width'], s['video']['height']) == (320, 240), 'its picture', s)
        t.ok(s['audio']['codec'] == 'Opus' and s['audio']['sample_rate'] == 48000 and
             s['audio']['channel'] == 2, 'its sound', s)
        t.ok(50 < s['kbps']['recv_30s'] < 500 and s['kbps']['send_30s'] == 0 and
             s['publish']['active'] and s['recv_bytes'] > 20000, 'its rate', s)
        c = named('/api/v1/clients/' + s['publish']['cid'])
        t.ok(c['type'] == 'rtc-publish' and 50 < c['kbps']['recv_30s'] < 500, 'the same of the client', c)
        transport(c)
        a_player()
        def media():
            return relay.connect('admin').ask('streams.list', stream='live/real')['streams'][0]['media']

        def tell_it(text):
            return 'rtc_stream_width_pixels{stream="live/real"} 320' in text and \
                re.search(r'rtc_stream_frames_total\{stream="live/real"\} [0-9]+\n', text) and \
                re.search(r'rtc_stream_frames_per_second\{stream="live/real"\} 1[0-9]', text)
        # Of the last second or two: an encoder on a busy machine may stumble.
        t.ok(wait_for(lambda: 10 < media()[0].get('fps', 0) < 20, 30), 'the relay has its frame rate', media())
        video, audio = media()[:2]
        t.ok(video['active'] and video['bps'] > 20000 and 'fps' not in audio and audio['codec'] == 'opus',
             'its bit rate and codecs', (video, audio))
        t.ok(wait_for(lambda: tell_it(ask('/metrics')[1]), 30), 'metrics have the stream', ask('/metrics')[1])
        t.ok(wait_for(lambda: get_quietly('/api/v1/vhosts/')['vhosts'][0]['kbps']['recv_30s'] > 10, 10),
             'the sum has a rate')
        u = get('/api/v1/summaries')['data']
        t.ok(u['self']['mem_kbyte'] > 1000 and u['self']['cpu_percent'] < 1 and u['system']['cpus'] > 0 and
             u['system']['srs_recv_bytes'] >= s['recv_bytes'], 'summaries have figures', u)
        row = subprocess.run([f'{BIN}/rtc-ctl', 'streams'], capture_output=True, text=True,
                             env={**os.environ, 'RTC_RUN': relay.dir}).stdout
        t.ok(re.search(r'live/real .* 320x240@1\d .*kbit/s', row), 'rtc-ctl shows it', row)
    finally:
        sender.terminate()
        sender.wait(10)
    t.ok(wait_for(lambda: named('/api/v1/streams/live/real')[:2] == (404, 2048), 10), 'it ends')


def transport(c):
    """How the client's media travels: the same by the relay, the interface and the metrics."""
    t.ok(c['protocol'] == 'udp' and re.fullmatch(r'(AEAD_)?AES\w+', c['srtp_profile']), 'its transport', c)
    t.ok(0 <= c['loss_percent'] <= 100 and 0 <= c['jitter_ms'] < 1000, 'its loss and jitter', c)
    said = relay.connect('admin').ask('sessions.list', session=c['id'])['sessions'][0]
    t.equal((c['protocol'], c['srtp_profile']), (said['protocol'], said['profile']), 'as the relay says')
    text = ask('/metrics')[1]
    label = f'session="{c["id"]}",stream="live/real",kind="{said["kind"]}"'
    t.ok(f'rtc_session_info{{{label},protocol="udp",srtp_profile="{c["srtp_profile"]}"}} 1\n' in text and
         f'rtc_session_loss_ratio{{{label}}} ' in text and
         (f'rtc_session_rtt_seconds{{{label}}} ' in text) == (c['rtt_ms'] is not None),
         'metrics have the session', text)


def a_player():
    """Its receiver reports tell the round trip. A session without a path has no transport."""
    whep = start('-c', '127.0.0.1', program='rtc-whep')
    player = subprocess.Popen([f'{BIN}/rtc-play', '-q', f'http://127.0.0.1:{whep}/rtc/v1/whep/?app=live&stream=real'])

    def found():
        return next((c for c in get_quietly('/api/v1/clients/?count=100')['clients']
                     if c['type'] == 'rtc-play' and c.get('rtt_ms')), None)
    try:
        t.ok(wait_for(found, 60) and 0 < found()['rtt_ms'] < 2000, 'the round trip of a player')
        transport(found())
    finally:
        player.terminate()
        player.wait(10)
    publish(signal, 'live/pathless')    # who does not connect is gone after 15 s
    t.ok(wait_for(lambda: any(c['alive'] > 0 and 'protocol' not in c for c in
                              get_quietly('/api/v1/clients/?count=100')['clients'])), 'without a path: no transport')


def get_quietly(path):
    return json.loads(ask(path)[1])


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
    t.ok(one['video'] == {'codec': 'H264', 'profile': '', 'level': '', 'width': 0, 'height': 0} and
         one['audio'] == {'codec': 'Opus', 'sample_rate': 48000, 'channel': 2, 'profile': ''} and
         one['kbps'] == {'recv_30s': 0, 'send_30s': 0} and one['frames'] == 0, 'its codecs', one)
    version()
    lists()
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
    t.ok(status == 200 and all(re.fullmatch(r'[a-z_]+(\{[^}]*\})? [0-9.e+-]+', x) for x in lines) and
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
    # A page of the web in a browser of this machine must not do what this machine may.
    for origin, host, want in (('https://evil.example', None, 403), ('null', None, 403),
                               ('http://evil.example:1985', 'evil.example:1985', 403),  # a name made to mean us
                               ('http://127.0.0.1.evil.example', None, 403),
                               ('http://127.0.0.1:8080', None, 404), ('http://localhost', 'localhost:1', 404)):
        status, text = ask('/api/v1/clients/s-nobody', 'DELETE', Origin=origin, **({'Host': host} if host else {}))
        t.equal(status, want, f'DELETE by a page of {origin} at {host or "127.0.0.1"} is {want}')
    measures()
    token = os.path.join(relay.dir, 'token')
    with open(token, 'w') as f:
        f.write('# of the console\nright\n')
    far = start('--trusted-proxy', '127.0.0.1')
    guarded = start('--api-token-file', token)
    mine = publish(signal, 'live/guarded')['session']
    status, text = ask('/api/v1/clients/' + mine, 'DELETE', far,
                       **{'X-Forwarded-For': '192.0.2.9'})
    t.equal(status, 403, 'without a token file: from another machine it is 403')
    for given, want in ((None, 401), ('Bearer wrong', 401), ('Bearer #', 401), ('Bearer right', 200)):
        headers = {'Authorization': given} if given else {}
        status, text = ask('/api/v1/clients/' + mine, 'DELETE', guarded, **headers)
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
