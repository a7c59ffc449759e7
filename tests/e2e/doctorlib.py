"""What doctor.t and doctor-codes.t share: servers that are broken in one way each, our own server, and
rtc-doctor to examine them. To import it is to move into namespaces of one's own: the servers are in the
first, the programs run in the second (INSIDE), joined by a cable, so that public, private and loopback
addresses are what they are to a user."""
import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import ownnet

ownnet.inside(['--net', '--mount'])

import fakewhip  # noqa: E402
from fakewhip import (Dns, Dtls, Ice, IceTcp, Proxy, Whip, answer, candidate, created, drip,  # noqa: E402
                      endless_head, every_second_rtp, forward, hang, hang_up, is_rtcp, once, raw, status, swap,
                      with_token)
from relaylib import BIN, Relay, Tap  # noqa: E402

SERVER, CLIENT, NAME = '198.51.100.1', '198.51.100.2', 'whip.test'
INNER = '192.168.7.8'    # a private address of the server's, reached as by a VPN
TIMEOUT_S, CHECKS = 5, 3
fakewhip.ADDRESS = SERVER
tap = Tap()
folder = tempfile.mkdtemp(prefix='rtckit-doctor-')
children, dtls_servers = [], []


def start(*argv, **kw):
    children.append(subprocess.Popen(argv, **kw))
    return children[-1]


@atexit.register
def clean_up():
    for p in children:
        p.kill()
        p.wait()
    for d in dtls_servers:
        d.stop()
    shutil.rmtree(folder, ignore_errors=True)


def ip(words):
    subprocess.run(['ip', *words.split()], check=True)


def lay_cable():
    """The second namespace is the one that `client` lives in."""
    client = start('unshare', '-n', 'sh', '-c', 'echo; exec cat', stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    client.stdout.readline()
    inside = ['nsenter', '-t', str(client.pid), '-n']
    ip('link set lo up')
    ip(f'link add cable type veth peer name eth0 netns {client.pid}')
    ip(f'addr add {SERVER}/24 dev cable')
    ip(f'addr add {INNER}/32 dev cable')
    ip('link set cable up')
    for words in ('link set lo up', f'addr add {CLIENT}/24 dev eth0', 'link set eth0 up',
                  f'route add default via {SERVER}'):
        subprocess.run([*inside, 'ip', *words.split()], check=True)
    with open(f'{folder}/resolv.conf', 'w') as f:
        f.write(f'nameserver {SERVER}\noptions timeout:1 attempts:1\n')
    subprocess.run(['mount', '--bind', f'{folder}/resolv.conf', '/etc/resolv.conf'], check=True)
    return inside


INSIDE = lay_cable()
dns = Dns({NAME: [SERVER], 'six.test': ['2001:db8::7'], 'silent.test': None})
TLS = fakewhip.certificates(folder, NAME)
with open(f'{folder}/token', 'w') as f:
    f.write('secret\n')
with open(f'{folder}/other', 'w') as f:
    f.write('another\n')
TOKEN = ['--token-file', f'{folder}/token']
CA = ['--ca-file', f'{folder}/ca.pem']

# ---- our own server ----

relay = Relay('-T', f'{SERVER}:0', bind=f'{SERVER}:0')
children.append(relay.proc)


def endpoint(name):
    """rtc-whip or rtc-whep on a free port of SERVER."""
    r, w = os.pipe()
    with socket.socket() as s:
        s.bind((SERVER, 0))
        port = s.getsockname()[1]
    start(f'{BIN}/{name}', '-l', f'{SERVER}:{port}', '-c', SERVER, '-R', str(w), pass_fds=[w],
          env={**os.environ, 'RTC_RUN': relay.dir}, stderr=subprocess.DEVNULL)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://{SERVER}:{port}/rtc/v1/{name[4:]}/'


WHIP, WHEP = endpoint('rtc-whip'), endpoint('rtc-whep')
hello = relay.connect('signal').hello
RELAY = [a['port'] for a in hello['listen'] if a['proto'] == 'udp'][0]
streams = iter(range(1000))


def ours(base=None):
    return f'{base or WHIP}?app=live&stream=s{next(streams)}'


def udp_cut(**kw):
    """The real server, its UDP candidate silent."""
    return Whip(forward(ours(), swap(rf'(udp \d+ {SERVER}) \d+', rf'\g<1> {silent.port}')), **kw)


def meddled(drop, url=None):
    """The real server, its media by way of a proxy."""
    proxy = Proxy(RELAY, drop)
    return Whip(forward(url or ours(), swap(rf'{SERVER} {RELAY} typ', f'{SERVER} {proxy.port} typ')))


PLAYED = ours(WHEP)
start(f'{BIN}/rtc-publish', '-q', '--test=320x180@15', PLAYED.replace(WHEP, WHIP), stdout=subprocess.DEVNULL)

# ---- one examination ----

def doctor(url, *args, timeout=TIMEOUT_S, by=()):
    began = time.monotonic()
    p = subprocess.run([*INSIDE, *by, f'{BIN}/rtc-doctor', '--timeout', str(timeout), '-c', str(CHECKS), *args,
                        *([url] if url else [])], capture_output=True, timeout=90)
    p.took = time.monotonic() - began
    return p


class Report:
    def __init__(self, p):
        self.code, self.took, self.text = p.returncode, p.took, p.stdout.decode() + p.stderr.decode()
        rows = [json.loads(line) for line in p.stdout.decode().splitlines() if line.startswith('{')]
        self.stages = {r['stage']: r for r in rows if r['stage'] != 'result'}
        self.result = next((r for r in rows if r['stage'] == 'result'), {})
        self.failed = [s for s, r in self.stages.items() if r['level'] == 'FAIL']


good, lossy, inner = Ice('good'), Ice('lossy'), Ice('good', INNER)
silent, wrong_key, refuse, garbage = Ice('silent'), Ice('wrong-key'), Ice('refuse'), Ice('garbage')
tcp, dead_tcp = IceTcp(), IceTcp('silent')
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind((SERVER, 0))
    CLOSED_UDP = s.getsockname()[1]
with socket.socket() as s:
    s.bind((SERVER, 0))
    CLOSED_TCP = s.getsockname()[1]


mute = socket.create_server((SERVER, 0))


def sdp(*candidates, location='/rtc/v1/whip/session/1', **changes):
    """A server whose answer has these candidates and changes."""
    lines = [candidate(c) if isinstance(c, int) else c for c in candidates]
    return lambda **kw: Whip(created(lambda o: answer(o, lines, **changes), location), **kw)


def dtls(profile, curves=None, active=False, **kw):
    """A server whose DTLS can do so much only."""
    def make():
        d = Dtls(folder, profile, curves, active)
        dtls_servers.append(d)
        return sdp(d.port, fingerprint=d.fingerprint, setup='active' if active else 'passive')(**kw)
    return make


def whip(how, **kw):
    return lambda: Whip(how, **kw)


def located(location):
    return sdp(silent.port, location=location)


def https(which):
    return lambda: Whip(status(404), tls=TLS[which])


class Url:
    """Not a server of ours."""
    def __init__(self, text):
        self.text = text

    def url(self, host=None):
        return self.text


fine = created(lambda o: answer(o, [candidate(good.port)]))
to_sdp, to_headers, to_udp, to_tls = (['--until', s] for s in ('sdp', 'headers', 'ice-udp', 'tls'))

# name, exit status, stage, cause, server, arguments
CASES = [
    ('a name that nobody knows', 10, 'dns', 'dns-none', lambda: Url('http://nosuch.test:1985/')),
    ('a name with an IPv6 address only', 11, 'tcp', 'tcp-no-route', lambda: Url('http://six.test:1985/')),
    ('a closed port', 11, 'tcp', 'tcp-refused', lambda: Url(f'http://{SERVER}:{CLOSED_TCP}/')),
    ('an address that is silent', 11, 'tcp', 'tcp-silent', lambda: Url('http://198.51.100.9:1985/'), ['--timeout',
     '1']),
    ('an expired certificate', 12, 'tls', 'tls-expired', https('expired'), CA),
    ('a certificate of the future', 12, 'tls', 'tls-early', https('early'), CA),
    ('a certificate for another name', 12, 'tls', 'tls-name', https('name'), CA),
    ('a self-signed certificate', 12, 'tls', 'tls-self-signed', https('self'), CA),
    ('a chain without its middle', 12, 'tls', 'tls-chain', https('chain'), CA),
    ('an authority that is not trusted', 12, 'tls', 'tls-chain', https('good'), []),
    ('https to a port that speaks http', 12, 'tls', 'tls-plain',
     lambda: Url(Whip(status(404)).url().replace('http:', 'https:'))),
    ('https to a port that says nothing', 12, 'tls', 'tls-silent',
     lambda: Url(f'https://{SERVER}:{mute.getsockname()[1]}/'), ['--timeout', '1']),
    ('http to a port that speaks https', 20, 'http', 'http-wants-tls',
     lambda: Url(Whip(status(404), tls=TLS['good']).url().replace('https:', 'http:'))),
    ('200 in place of 201', 20, 'http', 'http-200', whip(status(200))),
    ('301', 20, 'http', 'http-redirect', whip(status(301, ('Location', '/x')))),
    ('307 to nowhere', 20, 'http', 'http-redirect-nowhere', whip(status(307))),
    ('307 for ever', 20, 'http', 'http-redirect-loop', whip(status(307, ('Location', '/x')))),
    ('404', 20, 'http', 'http-404', whip(status(404))),
    ('405', 20, 'http', 'http-405', whip(status(405))),
    ('409', 20, 'http', 'http-busy', whip(status(409))),
    ('a proxy without its server', 20, 'http', 'http-gateway', whip(status(502, body='<html>502</html>'))),
    ('503', 20, 'http', 'http-overload', whip(status(503))),
    ('an answer of a megabyte', 20, 'http', 'http-large', whip(created(lambda o: 'x' * 1000000))),
    ('a head without end', 20, 'http', 'http-large', whip(endless_head)),
    ('a drip of bytes', 20, 'http', 'http-silent', whip(drip), ['--timeout', '1']),
    ('silence', 20, 'http', 'http-silent', whip(hang(4)), ['--timeout', '1']),
    ('a hang-up', 20, 'http', 'http-closed', whip(hang_up)),
    ('no HTTP at all', 20, 'http', 'http-garbage', whip(raw(b'SSH-2.0-OpenSSH_9.2\r\n'))),
    ('a token is wanted', 21, 'auth', 'auth-wanted', whip(with_token(None, fine))),
    ('the token is refused', 21, 'auth', 'auth-refused', whip(with_token('other', fine)), TOKEN),
    ('no Location', 22, 'headers', 'location-missing', located(None), to_headers),
    ('a Location that is no URL', 22, 'headers', 'location-bad', located('ftp://x/y'), to_headers),
    ('an empty body', 30, 'sdp', 'sdp-empty', whip(created(lambda o: '')), to_sdp),
    ('HTML in place of SDP', 30, 'sdp', 'sdp-html',
     whip(created(lambda o: '<!DOCTYPE html><html>hello</html>')), to_sdp),
    ('words in place of SDP', 30, 'sdp', 'sdp-malformed', whip(created(lambda o: 'session made')), to_sdp),
    ('a section too few', 30, 'sdp', 'sdp-sections', sdp(silent.port, sections=1), to_sdp),
    ('other mids', 30, 'sdp', 'sdp-mids', sdp(silent.port, mid='q'), to_sdp),
    ('nothing is accepted', 30, 'sdp', 'sdp-inactive', sdp(silent.port, direction='inactive'), to_sdp),
    ('no common codec', 30, 'sdp', 'sdp-codec', sdp(silent.port, codec='VP8/90000'), to_sdp),
    ('no fingerprint', 30, 'sdp', 'sdp-fingerprint', sdp(silent.port, fingerprint=None), to_sdp),
    ('a fingerprint of SHA-1', 30, 'sdp', 'sdp-hash',
     sdp(silent.port, fingerprint='sha-1 ' + ':'.join(['AB'] * 20)), to_sdp),
    ('no ufrag', 30, 'sdp', 'sdp-ice', sdp(silent.port, ufrag=None), to_sdp),
    ('setup:actpass in the answer', 30, 'sdp', 'sdp-setup', sdp(silent.port, setup='actpass'), to_sdp),
    ('no setup in the answer', 30, 'sdp', 'sdp-setup', sdp(silent.port, setup=None), to_sdp),
    ('no candidate', 40, 'candidates', 'cand-none', sdp()),
    ('a private candidate', 40, 'candidates', 'cand-private', sdp(candidate(8000, '192.168.7.7'))),
    ('a loopback candidate', 40, 'candidates', 'cand-loopback', sdp(candidate(8000, '127.0.0.1'))),
    ("a candidate inside Docker", 40, 'candidates', 'cand-docker', sdp(candidate(8000, '172.17.0.2'))),
    ('a candidate of many', 40, 'candidates', 'cand-any', sdp(candidate(8000, '224.0.0.1'))),
    ('a candidate of another network', 40, 'candidates', 'cand-route', sdp(candidate(8000, '2001:db8::1'))),
    ('a candidate that does not resolve', 40, 'candidates', 'cand-name', sdp(candidate(8000, 'nosuch.test'))),
    ('an mDNS candidate', 40, 'candidates', 'cand-mdns', sdp(candidate(8000, 'a1b2.local'))),
    ('TCP candidates only', 42, 'candidates', 'cand-tcp-only', sdp(candidate(tcp.port, proto='tcp'))),
    ('UDP that is silent', 41, 'ice-udp', 'udp-silent', sdp(silent.port)),
    ('a UDP port that is closed', 41, 'ice-udp', 'udp-closed', sdp(CLOSED_UDP)),
    ('another password', 41, 'ice-udp', 'udp-integrity', sdp(wrong_key.port)),
    ('checks are refused', 41, 'ice-udp', 'udp-refused', sdp(refuse.port)),
    ('garbage on the UDP port', 41, 'ice-udp', 'udp-garbage', sdp(garbage.port)),
    ('UDP is silent, TCP answers', 42, 'ice-tcp', 'tcp-only', sdp(silent.port, candidate(tcp.port, proto='tcp'))),
    ('DTLS that never answers', 50, 'dtls', 'dtls-silent', sdp(good.port)),
    ('both wait for DTLS', 50, 'dtls', 'dtls-role', lambda: Whip(forward(ours(), swap('setup:passive',
     'setup:active')))),
    ('another certificate than the SDP says', 50, 'dtls', 'dtls-fingerprint',
     lambda: Whip(forward(ours(), swap('a=fingerprint:.*', f'a=fingerprint:{fakewhip.FINGERPRINT}')))),
    ('an SRTP profile that nobody has', 50, 'dtls', 'dtls-profile', dtls('SRTP_AES128_CM_SHA1_32')),
    ('no RTCP comes back', 55, 'media', 'media-unreported', lambda: meddled(lambda d, back: back and is_rtcp(d)),
     ['--media=1']),
    ('nobody publishes', 55, 'media', 'media-none', lambda: Url(ours(WHEP)), ['--whep', '--media=1']),
    ('half of the picture is lost', 56, 'media', 'media-loss', lambda: meddled(every_second_rtp(False)),
     ['--media=2']),
    ('half of what comes is lost', 56, 'media', 'media-loss', lambda: meddled(every_second_rtp(True), PLAYED),
     ['--whep', '--media=2']),
    ('the DELETE is refused', 58, 'delete', 'delete-status', lambda: Whip(fine, delete_status=500), ['--only',
     'delete']),
    ('the session is nowhere', 58, 'delete', 'delete-lost', lambda: Whip(fine, delete_status=404), ['--only',
     'delete']),
    ('a ghost stays', 58, 'delete', 'delete-ghost', whip(once(fine, status(409))), ['--only', 'delete']),
    # With the limits of one client.
    ('OBS and a Location that climbs', 22, 'headers', 'location-obs', located('../session/1'),
     ['--as', 'obs', *to_headers]),
    ('OBS and a relative Location', 22, 'headers', 'location-obs', located('session/1'), ['--as', 'obs',
     *to_headers]),
    ('OBS and no blank after the colon', 22, 'headers', 'location-space',
     whip(lambda h,
     o: raw(f'HTTP/1.1 201 Created\r\nLocation:/s/1\r\nContent-Length: {len(x(o))}\r\n\r\n{x(o)}'.encode())(h, o)),
     ['--as', 'obs', *to_headers]),
    ('OBS and an answer without bundle', 30, 'sdp', 'sdp-bundle', sdp(silent.port, bundle=False), ['--as', 'obs',
     *to_sdp]),
    ('OBS and a curve that it lacks', 50, 'dtls', 'dtls-failed', dtls('SRTP_AES128_CM_SHA1_80', 'X25519'),
     ['--as', 'obs']),
    ('ffmpeg and an SRTP profile that it lacks', 50, 'dtls', 'dtls-profile',
     dtls('SRTP_AEAD_AES_128_GCM', active=True), ['--as', 'ffmpeg']),
    ('OBS and TCP', 42, 'ice-tcp', 'tcp-only', sdp(silent.port, candidate(tcp.port, proto='tcp')), ['--as', 'obs']),
    ('a browser and no CORS', 22, 'headers', 'cors', lambda: Whip(created(lambda o: answer(o,
     [candidate(silent.port)]),
                                                                          cors=False), tls=TLS['good'], cors=False),
     ['--as', 'browser', *CA, *to_headers]),
    ('a browser and plain http', 20, 'tls', 'http-insecure', sdp(good.port), ['--as', 'browser', '--until', 'tls']),
    ('ffmpeg and a useless first candidate', 40, 'candidates', 'cand-first',
     sdp(candidate(8000, '192.168.7.7'), good.port, setup='active'), ['--as', 'ffmpeg', '--until', 'candidates']),
]


def x(offer):
    return answer(offer, [candidate(silent.port)])
