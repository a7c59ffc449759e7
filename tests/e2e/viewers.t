#!/usr/bin/env python3
# runs under: address
# runs beside others, from the beginning
"""Who watches by HTTP-FLV, MPEG-TS, HLS and RTMP, and who publishes by RTMP: each is a client of the
management interface, with its address, for as long as it is there; it can be disconnected."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import BIN, children, free_port, is_live, path, publish, relay, service, start, tap  # noqa: E402
from relaylib import Peer, wait_for  # noqa: E402

SLOW = 3 if os.environ.get('RTC_SANITIZER') else 1
PATIENCE_S = 40 * SLOW
FIELDS = {'id', 'vhost', 'stream', 'ip', 'url', 'name', 'type', 'publish', 'alive', 'send_bytes', 'recv_bytes', 'kbps'}
ADMIN = os.path.join(relay.dir, 'live', 'admin.sock')


def daemon():
    r, w = os.pipe()
    p = start(f'{BIN}/rtc2rtmp', '--hls-fragment', '1', '-R', str(w), pass_fds=[w], stderr=subprocess.DEVNULL)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p


live = daemon()
web, gate, rtmp = service('rtc-web'), service('rtc-gate'), service('rtmp2rtc')
rtmp_server = children[-1]


class Viewer:
    """A connection from an address of its own."""

    def __init__(self, what, ip='127.0.0.1', agent='test', **headers):
        self.conn = http.client.HTTPConnection('127.0.0.1', gate, timeout=PATIENCE_S, source_address=(ip, 0))
        self.conn.request('GET', what, headers={'User-Agent': agent, **headers})
        self.answer = self.conn.getresponse()
        self.status = self.answer.status

    def read(self, n=None):
        return self.answer.read(n)

    def close(self):
        self.answer.close()
        self.conn.close()


def api(what, method='GET'):
    conn = http.client.HTTPConnection('127.0.0.1', web, timeout=PATIENCE_S)
    conn.request(method, what)
    answer = conn.getresponse()
    body = answer.read().decode()
    conn.close()
    return answer.status, body


def get(what):
    return json.loads(api('/api/v1/' + what)[1])


def clients():
    return get('clients/?count=100')['clients']


def types(stream=None):
    return sorted(c['type'] for c in clients() if stream in (None, c['stream']))


def comes(want, name):
    """Until exactly these types are listed."""
    tap.ok(wait_for(lambda: types() == sorted(want), PATIENCE_S), f'{name}: {len(want)} clients', types())


def client(kind, ip=None):
    return next((c for c in clients() if c['type'] == kind and ip in (None, c['ip'])), None)


def kick(kind, ip=None):
    status, body = api('/api/v1/clients/' + client(kind, ip)['id'], 'DELETE')
    tap.ok(status == 200 and json.loads(body)['code'] == 0, f'{kind} is kicked', body)


def ends(viewer):
    """Does its answer end, and by the rules?"""
    try:
        while viewer.read(65536):
            pass
        return True
    except (http.client.IncompleteRead, TimeoutError) as e:
        return repr(e)


def playlist(ip='127.0.0.4', agent='hls'):
    v = Viewer('/live/card.m3u8', ip, agent)
    text = v.read().decode()
    v.close()
    return v.status, text


def rtmp_player():
    return start('ffmpeg', '-v', 'error', '-i', f'rtmp://127.0.0.1:{rtmp}/live/card', '-c', 'copy', '-f', 'null', '-')


def each_is_a_client():
    """All ways at once, each from an address of its own, under the address that the gate saw."""
    global flv, ts, player
    player = rtmp_player()
    tap.ok(wait_for(lambda: 'rtmp-play' in types(), PATIENCE_S), 'a player by RTMP')
    flv = Viewer('/live/card.flv', '127.0.0.2', **{'X-Forwarded-Proto': 'rtmp', 'X-Forwarded-For': '192.0.2.1'})
    ts = Viewer('/live/card.ts', '127.0.0.3')
    tap.equal((flv.status, ts.status, playlist()[0]), (200, 200, 200), 'FLV, MPEG-TS and HLS are served')
    comes(['rtc-publish', 'flv-play', 'ts-play', 'hls-play', 'rtmp-play'], 'all ways')
    tap.equal({c['type']: c['ip'] for c in clients() if c['type'] != 'rtc-publish'},
              {'flv-play': '127.0.0.2', 'ts-play': '127.0.0.3', 'hls-play': '127.0.0.4', 'rtmp-play': '127.0.0.1'},
              'each has its address, whatever it says')
    for c in clients():
        tap.ok(FIELDS <= set(c) and c['stream'] == 'live/card' and c['name'] == 'card' and
               c['publish'] == (c['type'] == 'rtc-publish') and c['alive'] >= 0, f'{c["type"]}: its fields', c)
    tap.equal(len({c['id'] for c in clients()}), 5, 'their ids differ')
    flv.read(300000)
    tap.ok(wait_for(lambda: client('flv-play')['send_bytes'] > 250000 and client('flv-play')['kbps']['send_30s'] > 100,
                    PATIENCE_S), 'what it was sent is counted', client('flv-play'))
    one = client('rtmp-play')
    tap.equal(get('clients/' + one['id'])['client']['type'], 'rtmp-play', 'one by its id')
    tap.equal(api('/api/v1/clients/l-nobodyhe')[0], 404, 'one that is not there')


def sums():
    playlist()  # who asks for nothing for 10 s is listed no more
    s = get('streams/live/card')['stream']
    tap.equal(s['clients'], 5, 'a stream counts them')
    tap.equal(next(x for x in get('streams/')['streams'] if x['id'] == 'live/card')['clients'], 5, 'in the list, too')
    tap.ok(s['send_bytes'] > 300000, 'and what they are sent', s)
    tap.equal(get('summaries')['data']['system']['conn_srs'], 5, 'summaries count them')
    tap.equal(get('vhosts/')['vhosts'][0]['clients'], 5, 'vhosts count them')
    text = api('/metrics')[1]
    tap.ok('srs_clients 5\n' in text and all(f'rtc_live_clients{{type="{k}-play"}} 1\n' in text for k in
                                             ('flv', 'ts', 'hls', 'rtmp')), 'metrics count them', text)
    tap.ok(int(re.search(r'rtc_live_send_bytes_total (\d+)', text)[1]) > 300000, 'and their octets', text)
    pages = [get(f'clients/?start={i}&count=2') for i in (0, 2, 4, 6)]
    tap.equal([len(p['clients']) for p in pages], [2, 2, 1, 0], 'pages go on from the sessions to those who watch')
    tap.equal([p['total'] for p in pages], [5] * 4, 'their total')
    tap.equal(len({c['id'] for p in pages for c in p['clients']}), 5, 'nobody stands in two')


def kicks():
    for v, kind in ((flv, 'flv-play'), (ts, 'ts-play')):
        kick(kind)
        tap.equal(ends(v), True, f'{kind}: its answer ends')
    kick('rtmp-play')
    tap.ok(wait_for(lambda: player.poll() is not None, PATIENCE_S), 'rtmp-play: the player is told the end')
    playlist()
    kick('hls-play')
    comes(['rtc-publish'], 'all were kicked')
    tap.equal(playlist()[0], 403, 'an HLS player gets no playlist')
    segment = re.search(r'^card.ts.*', playlist(agent='another')[1], re.M)[0]
    answers = []
    for agent in ('hls', 'another'):
        v = Viewer(f'/live/{segment}', '127.0.0.4', agent)
        answers.append((v.status, len(v.read()) > 10000))
        v.close()
    tap.equal(answers, [(403, False), (200, True)], 'nor a segment; another one does')
    comes(['rtc-publish', 'hls-play'], 'the other one')
    v = Viewer('/live/card.flv', '127.0.0.4', 'hls')
    tap.equal(v.status, 200, 'it may come by FLV')
    comes(['rtc-publish', 'hls-play', 'flv-play'], 'and is listed')
    v.close()


def nobody_stays():
    """Who vanishes is listed no more: closed, killed, silent."""
    p = rtmp_player()
    wait_for(lambda: 'rtmp-play' in types(), PATIENCE_S)
    v = Viewer('/live/card.flv')
    playlist(agent='another')
    comes(['rtc-publish', 'hls-play', 'flv-play', 'rtmp-play'], 'two more')
    playlist(agent='another')
    v.close()
    comes(['rtc-publish', 'hls-play', 'rtmp-play'], 'one hung up')
    playlist(agent='another')
    began = time.monotonic()
    for child in subprocess.run(['pgrep', '-P', str(rtmp_server.pid)], capture_output=True).stdout.split():
        os.kill(int(child), signal.SIGKILL)
    comes(['rtc-publish', 'hls-play'], 'the process of an RTMP player was killed')
    p.kill()
    comes(['rtc-publish'], 'the HLS player asks for nothing any more')
    tap.ok(time.monotonic() - began > 5, 'which takes a while')
    # An HLS player that goes on stays, though it has no connection.
    for _ in range(15):
        playlist('127.0.0.9')
        time.sleep(1)
    tap.equal(types(), ['hls-play', 'rtc-publish'], 'one that asks each second stays')
    tap.ok(client('hls-play')['alive'] > 13, 'as the same', client('hls-play'))


def rtmp_publisher():
    p = start('ffmpeg', '-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=15', '-t', '60', '-c:v',
              'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '15', '-f', 'flv',
              f'rtmp://127.0.0.1:{rtmp}/live/encoder')
    tap.ok(wait_for(lambda: types('live/encoder') == ['rtmp-publish'], PATIENCE_S), 'a publisher by RTMP')
    c = client('rtmp-publish')
    tap.ok(c['ip'] == '127.0.0.1' and c['publish'] is True, 'its address', c)
    # Sound or picture that comes late is published anew, under another id.
    tap.ok(wait_for(lambda: get('streams/live/encoder')['stream']['publish']['cid'] ==
                    (client('rtmp-publish') or {}).get('id'), PATIENCE_S), 'it is the publisher of its stream')
    kick('rtmp-publish')
    tap.ok(wait_for(lambda: p.poll() is not None, PATIENCE_S), 'its connection ends')
    tap.ok(wait_for(lambda: types('live/encoder') == [], PATIENCE_S), 'and it is listed no more')


def the_socket():
    """The other side of rtc-web: bounded, and not misled by nonsense."""
    peer = Peer(ADMIN)
    tap.equal((peer.hello['event'], peer.hello['role'], peer.hello['program']), ('hello', 'live', 'rtc2rtmp'), 'hello')
    for members, error in (({}, 'unknown-op'), ({'op': 'client.kick'}, 'not-found'),
                           ({'op': 'client.kick', 'client': 7}, 'not-found')):
        reply = peer.ask(members.pop('op', 'nonsense'), **members)
        tap.equal((reply['ok'], reply['error']), (False, error), error)
    for start_at, count in ((-1, 10), (10 ** 18, 10), ('x', None), (0, 0)):
        playlist('127.0.0.9')
        reply = peer.ask('clients.list', start=start_at, count=count)
        tap.ok(reply['ok'] and reply['total'] == 1, f'a page from {start_at}', reply)
    peer.send({'op': 'stats', 'id': 'x'})
    tap.equal(peer.read()['error'], 'bad-request', 'an id that is no number')
    many = [Peer(ADMIN) for _ in range(20)]
    tap.equal((many[0].hello is None, many[-1].hello), (False, None), 'peers over the limit are turned away')
    peer.sock.send(b'nonsense')
    tap.equal(peer.read(), None, 'nonsense drops its peer')
    for p in many:
        p.sock.close()


def without_it():
    """rtc2rtmp is killed: those who watched are gone, the interface goes on; then it is back."""
    v = Viewer('/live/card.flv')
    tap.ok(wait_for(lambda: 'flv-play' in types(), PATIENCE_S), 'somebody watches')
    live.kill()
    live.wait()
    tap.ok(wait_for(lambda: types() == ['rtc-publish'], PATIENCE_S), 'nobody watches what is dead', types())
    status, text = api('/metrics')
    tap.ok(status == 200 and 'srs_clients 1\n' in text and 'rtc_live_' not in text, 'metrics without it', text)
    tap.equal(get('streams/live/card')['stream']['clients'], 1, 'streams without it')
    tap.equal(api('/api/v1/clients/l-nobodyhe', 'DELETE')[0], 404, 'a kick without it')
    v.close()
    again = daemon()
    v = Viewer('/live/card.flv')
    tap.ok(wait_for(lambda: types() == ['flv-play', 'rtc-publish'], PATIENCE_S), 'it is back', types())
    v.close()
    again.send_signal(signal.SIGTERM)
    tap.equal(again.wait(PATIENCE_S), 0, 'SIGTERM ends it')


pub = publish('card')
tap.ok(wait_for(lambda: is_live('card'), PATIENCE_S), 'the test card is published')
each_is_a_client()
sums()
kicks()
nobody_stays()
rtmp_publisher()
the_socket()
without_it()
pub.terminate()
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
