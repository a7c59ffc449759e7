#!/usr/bin/env python3
# runs under: address
# runs beside others, from the beginning
"""rtc-publish and rtc-play through TURN servers (coturn) that Link fields and options name: by UDP, TCP
and TLS, where nothing else leads to the relay; allocations that are refreshed and given back; servers
that refuse, are silent, or lie. In network namespaces of its own: the relay's address is behind a hole
for the clients, and before the eyes of the TURN server."""
import atexit
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ownnet  # noqa: E402
from relaylib import BIN, Relay, Tap, find, wait_for  # noqa: E402
from turnlib import Full, Liar  # noqa: E402

ownnet.inside(['--net'])

SLOW = 'RTC_SANITIZER' in os.environ
PATIENCE_S = 150 if SLOW else 60
FPS = 25
USER, CREDENTIAL = 'user-1', 's3cret/Credential+1'
NEAR, FAR = '10.97.1.1', '10.97.9.1'  # of the TURN server and HTTP; of the relay
NEAR6, FAR6 = 'fd97:1::1', 'fd97:9::1'
tap = Tap()
children = []
TMP = tempfile.TemporaryDirectory(prefix='rtc-turn-')


@atexit.register
def clean_up():
    for p in children:
        if p.poll() is None:
            p.kill()
            p.wait()


def sh(*argv, ns=None):
    subprocess.run([*(['nsenter', '-t', str(ns), '-n'] if ns else []), *argv], check=True)


def here(name):
    return os.path.join(TMP.name, name)


def start(*argv, ns=None, env=None, **options):
    p = subprocess.Popen([*(['nsenter', '-t', str(ns), '-n'] if ns else []), *argv], text=True,
                         env={**os.environ, **(env or {})}, **options)
    children.append(p)
    return p


def namespaces():
    """Ours has the servers; the id of a process in that of the clients."""
    p = start('unshare', '--net', 'sh', '-c', 'echo; exec sleep 900', stdout=subprocess.PIPE)
    p.stdout.readline()
    sh('ip', 'link', 'set', 'lo', 'up')
    sh('ip', 'link', 'set', 'lo', 'up', ns=p.pid)
    sh('ip', 'address', 'add', f'{FAR}/32', 'dev', 'lo')
    sh('ip', 'address', 'add', f'{FAR6}/128', 'dev', 'lo', 'nodad')
    sh('ip', 'link', 'add', 'wa', 'type', 'veth', 'peer', 'name', 'wb')
    sh('ip', 'link', 'set', 'wb', 'netns', str(p.pid))
    for name, host, ns in (('wa', 1, None), ('wb', 2, p.pid)):
        sh('ip', 'link', 'set', name, 'up', ns=ns)
        sh('ip', 'address', 'add', f'10.97.1.{host}/24', 'dev', name, ns=ns)
        sh('ip', 'address', 'add', f'fd97:1::{host}/64', 'dev', name, 'nodad', ns=ns)
    # What clients send to the relay itself goes to a neighbour that is not there: silence.
    sh('ip', 'neigh', 'add', '10.97.1.77', 'lladdr', '02:00:00:00:00:77', 'dev', 'wb', ns=p.pid)
    sh('ip', 'route', 'add', '10.97.9.0/24', 'via', '10.97.1.77', ns=p.pid)
    sh('ip', '-6', 'neigh', 'add', 'fd97:1::77', 'lladdr', '02:00:00:00:00:77', 'dev', 'wb', ns=p.pid)
    sh('ip', '-6', 'route', 'add', 'fd97:9::/64', 'via', 'fd97:1::77', ns=p.pid)
    return p.pid


class Coturn:
    """On NEAR, with a port for UDP and TCP and one for TLS; relays from FAR."""

    def __init__(self, port, *args):
        self.port, self.log = port, here(f'coturn-{port}.log')
        self.proc = start('turnserver', '-n', '-v', '-L', NEAR, '-L', NEAR6, '-p', str(port),
                          '--tls-listening-port', str(port + 1), '-E', FAR, '-E', FAR6, '-a', '-r', 'example.org',
                          '-u', f'{USER}:{CREDENTIAL}', '--cert', here('turn.pem'), '--pkey', here('turn.key'),
                          '--no-cli', '--no-rfc5780', '--userdb', here(f'{port}.db'), '--pidfile',
                          here(f'{port}.pid'), '--no-stdout-log', '--simple-log', '-l', self.log,
                          '--log-binding', '--min-port', '50000', '--max-port', '50999', *args,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listening = wait_for(lambda: f':{port} ' in subprocess.run(['ss', '-lntu'], capture_output=True,
                                                                   text=True).stdout, 20)
        tap.ok(listening, f'coturn listens on {port}')

    def text(self):
        try:
            with open(self.log) as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def count(self, pattern):
        return len(re.findall(pattern, self.text()))


def endpoint(program, *args, candidate=FAR, run=None):
    """Its URL, on NEAR, with answers that name the relay at FAR."""
    r, w = os.pipe()
    out = here(f'{program}-{len(children)}')
    port = 20000 + len(children)
    start(f'{BIN}/{program}', '-l', f'{NEAR}:{port}', '-c', candidate, '--no-detect', '--no-api-candidate',
          '-R', str(w), *args, pass_fds=[w], stderr=open(out, 'w'), env={'RTC_RUN': run or relay.dir})
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://{NEAR}:{port}/rtc/v1/{program[4:]}/?app=live&stream='


def links(name, *lines):
    with open(here(name), 'w') as f:
        f.write(''.join(line + '\n' for line in lines))
    return here(name)


def begin(program, url, *args, env=None, ns=None):
    p = start(f'{BIN}/{program}', '-j', *args, url, ns=ns or clients, env=env, stdout=subprocess.PIPE,
              stderr=subprocess.PIPE)
    p.began = time.monotonic()
    return p


def end(p):
    out, err = p.communicate(timeout=PATIENCE_S)
    p.took_s = time.monotonic() - p.began
    return p.returncode, json.loads(out) if out.strip() else {}, err


def turn(port, transport='udp', scheme='turn', credential=CREDENTIAL):
    return f'{scheme}:{NEAR}:{port}?transport={transport} {USER} {credential}'


def publisher(stream, whip, *args, **options):
    p = begin('rtc-publish', whip + stream, f'--test=320x180@{FPS}', *args, **options)
    tap.ok(wait_for(lambda: p.poll() is not None or any(
        s['state'] == 'connected' and s['stream'] == f'live/{stream}' and s['kind'] == 'publish'
        for s in admin.ask('sessions.list')['sessions']), PATIENCE_S) and p.poll() is None,
           f'{stream}: the publisher is connected', p.stderr.read() if p.poll() is not None else '')
    return p


def whole(stream, report):
    """More than 95 % of the frames came, in order."""
    card = find(report, 'card') or {}
    seen, missing = card.get('count', 0), card.get('missing', 0)
    tap.ok(seen > 2 * FPS and missing < 0.05 * (seen + missing) and card.get('in_order'),
           f'{stream}: more than 95 % of the frames: {seen} seen, {missing} missing', report)


def carries(stream, line, *args, players=('turn', 'udp')):
    """Publisher and a player through the server of the line; another player straight."""
    file = links(stream, line)
    whip, whep = (endpoint(p, '--ice-server-file', file) for p in ('rtc-whip', 'rtc-whep'))
    pub = publisher(stream, whip, '--duration', '60', *args)
    runs = {'turn': begin('rtc-play', whep + stream, '--duration', '4', '--expect-card', *args),
            'udp': begin('rtc-play', whep + stream, '--duration', '4', '--expect-card', ns=os.getpid())}
    for want, p in runs.items():
        code, report, err = end(p)
        tap.equal((code, find(report, 'protocol')), (0, want), f'{stream}: a player by {want}')
        if code:
            tap.ok(False, f'{stream}: {want}', err)
        whole(f'{stream}, {want}', report)
    pub.terminate()
    code, report, err = end(pub)
    tap.equal((code, find(report, 'protocol')), (0, 'turn'), f'{stream}: the publisher was there by TURN')
    tap.ok(f'by {line.split()[0]}' in err and CREDENTIAL not in err, f'{stream}: it names the server', err)
    return report


def frozen_out():
    """Without a TURN server the hole is one: 41."""
    whep = endpoint('rtc-whep')
    code, _, err = end(begin('rtc-play', whep + 'hole', '--timeout', '2'))
    tap.equal(code, 41, 'the relay itself cannot be reached')
    p = begin('rtc-play', whep + 'hole', '--relay-only')
    code, _, err = end(p)
    tap.ok(code == 43 and 'names no TURN server' in err and p.took_s < 5, '--relay-only without a server: 43', err)


def refusals(coturn):
    for name, line, want in (
            ('wrong', turn(coturn.port, credential='wrong'), 'refuses the user name or the credential (401)'),
            ('closed', turn(coturn.port + 7, 'tcp'), 'Connection refused'),
            ('gone', turn(coturn.port + 7), 'Connection refused'),
            ('untrusted', turn(coturn.port + 1, 'tcp', 'turns'), 'self-signed certificate'),
            ('nameless', f'turn:no-such-host.invalid {USER} x', 'does not resolve')):
        whep = endpoint('rtc-whep', '--ice-server-file', links(name, line))
        p = begin('rtc-play', whep + name, '--relay-only')
        code, report, err = end(p)
        tap.ok(code == 43 and want in err and 'turn: TURN: ' + line.split()[0] in err and p.took_s < 5,
               f'{name}: 43, "{want}", after {p.took_s:.1f} s', f'{code} {err}')
        tap.ok('wrong' not in err.replace(name, ''), f'{name}: without the credential', err)
    p = begin('rtc-play', endpoint('rtc-whep', '--ice-server-file', here('wrong')) + 'wrong', '--timeout', '3')
    code, _, err = end(p)
    tap.ok(code == 41 and 'none answered' in err and '(401)' in err,
           'where the server is the last resort both reasons are told: 41', f'{code} {err}')


    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((NEAR, 0))
        closed = s.getsockname()[1]
    url = endpoint('rtc-whep', '--ice-server-file', links('closed', turn(coturn.port)), candidate=f'{NEAR}:{closed}')
    before = coturn.count('ALLOCATE processed, success')
    code, _, err = end(begin('rtc-play', url + 'closed', '--timeout', '2'))
    tap.equal((code, coturn.count('ALLOCATE processed, success') - before), (41, 1),
              'ICMP from the other side has the server asked at once, and once')


def options(coturn):
    """Servers that the client brings along."""
    whip, whep = endpoint('rtc-whip'), endpoint('rtc-whep')
    env = {'RTC_ICE_AUTH': f'{USER} {CREDENTIAL}'}
    pub = publisher('brought', whip, '--ice-server', f'turn:{NEAR}:{coturn.port}', '--duration', '60', env=env)
    code, report, err = end(begin('rtc-play', whep + 'brought', '--duration', '2', '--ice-server-file',
                                  links('brought', '# one', '', turn(coturn.port, 'tcp'))))
    tap.equal((code, find(report, 'protocol')), (0, 'turn'), '--ice-server and --ice-server-file')
    code, report, err = end(begin('rtc-play', whep + 'brought', '--duration', '1', '--ice-server',
                                  f'turn:{NEAR}:{coturn.port}', env=env, ns=os.getpid()))
    before = coturn.count('ALLOCATE processed')
    tap.equal((code, find(report, 'protocol'), coturn.count('ALLOCATE processed') - before), (0, 'udp', 0),
              'a server that is not needed is not asked')
    pub.terminate()
    end(pub)
    for args, want, status in ((['--ice-server', 'http://x'], 'no STUN or TURN server', 66),
                               (['--ice-server-file', '/nonexistent'], 'No such file', 66),
                               (['--ice-server-file', links('bad', f'turn:x {CREDENTIAL}')], 'line 1', 66)):
        code, _, err = end(begin('rtc-play', whep + 'x', *args))
        tap.ok(code == status and want in err and CREDENTIAL not in err, f'{args[0]}: {status}', f'{code} {err}')


def sixth(coturn):
    """A relay with an IPv6 address alone, by way of an IPv4 and of an IPv6 one of the TURN server."""
    other = Relay(bind=f'[{FAR6}]:0')
    try:
        whip = endpoint('rtc-whip', candidate=FAR6, run=other.dir)
        pub = begin('rtc-publish', whip + 'six', '--test=320x180@25', '--duration', '60', ns=os.getpid())
        for name, line in (('IPv4', turn(coturn.port)), ('IPv6', f'turn:[{NEAR6}]:{coturn.port} {USER} {CREDENTIAL}')):
            whep = endpoint('rtc-whep', '--ice-server-file', links(name, line), candidate=FAR6, run=other.dir)
            code, report, err = end(begin('rtc-play', whep + 'six', '--duration', '2', '--expect-card'))
            tap.equal((code, find(report, 'protocol')), (0, 'turn'), f'IPv6 media, {name} to the server')
            tap.ok(f'[{FAR6}]' in str(find(report, 'remote')), 'indeed', report if code == 0 else err)
        pub.terminate()
        end(pub)
    finally:
        other.stop()


def tcp_first(coturn):
    """The relay's own TCP is better than TURN: where it can be reached no TURN server is asked."""
    other = Relay('--tcp', f'{NEAR}:0', bind=f'{FAR}:0')
    try:
        tcp = [e['port'] for e in other.connect('admin').hello['listen'] if e['proto'] == 'tcp'][0]
        near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # of the same number: silent
        near.bind((NEAR, tcp))
        whip = endpoint('rtc-whip', run=other.dir)
        whep = endpoint('rtc-whep', '--ice-server-file', links('tcp-first', turn(coturn.port)), '-c', f'{NEAR}:{tcp}',
                        run=other.dir)
        pub = begin('rtc-publish', whip + 'first', '--test=320x180@25', '--duration', '60', ns=os.getpid())
        before = coturn.count('ALLOCATE processed')
        code, report, err = end(begin('rtc-play', whep + 'first', '--duration', '2', '--expect-card'))
        tap.equal((code, find(report, 'protocol'), coturn.count('ALLOCATE processed') - before), (0, 'tcp', 0),
                  'TCP comes before TURN')
        pub.terminate()
        end(pub)
        near.close()
    finally:
        other.stop()


def chosen(coturn):
    """--protocol is that of the way to the server, too."""
    file = links('chosen', turn(coturn.port), turn(coturn.port, 'tcp'))
    whip, whep = (endpoint(p, '--ice-server-file', file) for p in ('rtc-whip', 'rtc-whep'))
    pub = publisher('chosen', whip, '--duration', '60', '--protocol', 'tcp')
    for transport in ('udp', 'tcp'):
        code, report, err = end(begin('rtc-play', whep + 'chosen', '--duration', '1', '--protocol', transport))
        tap.ok(code == 0 and find(report, 'protocol') == 'turn' and f'transport={transport},' in err,
               f'--protocol {transport}: by {transport} to the server', err)
    pub.terminate()
    tap.ok('transport=tcp,' in end(pub)[2], 'and the publisher likewise')


def kept(coturn):
    """Allocations of 20 s whose nonces live 5 s: refreshed, and given back."""
    whip = endpoint('rtc-whip', '--ice-server-file', links('kept', turn(coturn.port)))
    pub = publisher('kept', whip, '--duration', '60', '--relay-only')
    refreshed = wait_for(lambda: coturn.count(r'refreshed, realm.*lifetime=20') >= 2, 40)
    tap.ok(refreshed and pub.poll() is None, 'an allocation of 20 s is refreshed twice', coturn.text())
    tap.ok(coturn.count('438|[Ss]tale nonce') >= 1, 'with nonces that were stale', coturn.text())
    whep = endpoint('rtc-whep')
    code, report, err = end(begin('rtc-play', whep + 'kept', '--duration', '3', '--expect-card', ns=os.getpid()))
    tap.equal(code, 0, 'and still carries')
    whole('kept', report)
    pub.terminate()
    tap.equal(end(pub)[0], 0, 'the publisher ends')
    tap.ok(wait_for(lambda: coturn.count(r'lifetime=0') >= 1, 5), 'and gives the allocation back', coturn.text())


def pruned(coturn):
    """Of several servers one is used; the others get their allocations back at once."""
    file = links('several', turn(coturn.port), turn(coturn.port, 'tcp'), turn(coturn.port + 7))
    whep = endpoint('rtc-whep', '--ice-server-file', file)
    whip = endpoint('rtc-whip', '--ice-server-file', file)
    pub = publisher('several', whip, '--duration', '60')
    code, report, err = end(begin('rtc-play', whep + 'several', '--duration', '1'))
    tap.ok(code == 0 and f'by turn:{NEAR}:{coturn.port}?transport=udp' in err, 'of several the first one is used', err)
    pub.terminate()
    end(pub)


def examined(coturn):
    """rtc-doctor asks each server that the answer names."""
    base = f'{NEAR}:{coturn.port}'
    for name, lines, level, wants in (
            ('good', [f'stun:{base}', turn(coturn.port), turn(coturn.port, 'tcp')], 'ok',
             [f'stun:{base} sees us at {NEAR}', f'turn:{base}?transport=udp relays from {FAR}',
              f'turn:{base}?transport=tcp relays from {FAR}', '3 Link']),
            ('refused', [turn(coturn.port, credential='wrong')], 'WARN',
             ['refuses the user name or the credential (401)', 'that the TURN server knows']),
            ('silent', [f'turn:{NEAR}:{hole.getsockname()[1]} {USER} x', f'stun:{base}'], 'WARN',
             ['does not answer', f'stun:{base} sees us', 'open its port']),
            ('off', [turn(coturn.port + 7, 'tcp')], 'WARN', ['Connection refused', 'start that server']),
            ('nameless', [f'turn:no-such-host.invalid {USER} x'], 'WARN', ['does not resolve', 'look at the log']),
            ('untrusted', [turn(coturn.port + 1, 'tcp', 'turns')], 'WARN', ['self-signed certificate'])):
        url = endpoint('rtc-whep', '--ice-server-file', links(name, *lines)) + name
        before = coturn.count('lifetime=0')
        p = start(f'{BIN}/rtc-doctor', '--whep', '--only', 'headers', url, stdout=subprocess.PIPE,
                  stderr=subprocess.STDOUT)
        out = p.communicate(timeout=PATIENCE_S)[0]
        told_level = re.search(rf'headers.*\b{level}\b|{level}.*headers', out)
        tap.ok(told_level and all(w in ' '.join(out.split()) for w in wants) and
               CREDENTIAL not in out and 'wrong' not in out, f'rtc-doctor, {name}: {level}', out)
        if name == 'good':
            tap.ok(wait_for(lambda: coturn.count('lifetime=0') >= before + 2, 5), 'and gives allocations back')


def told(coturn):
    """A full agent is told of our address as a STUN server sees it, and of relayed ones."""
    file = links('told', f'stun:{NEAR}:{coturn.port}', turn(coturn.port))
    whip, url = endpoint('rtc-whip'), endpoint('rtc-whep', '--ice-server-file', file)
    pub = publisher('told', whip, '--duration', '60', ns=os.getpid())
    for name, args, patch, want in (('srflx', [], None, r'typ srflx raddr 0\.0\.0\.0 rport 0'),
                                    ('relay', ['--relay-only'], None, rf' {FAR} \d+ typ relay raddr 10\.97\.1\.\d'),
                                    ('neither', [], 405, 'typ srflx')):
        full = Full(NEAR, url, patch)
        code, report, err = end(begin('rtc-play', f'http://{NEAR}:{full.port}{url[url.index("/rtc"):]}told',
                                      '--duration', '2', *args, ns=os.getpid()))
        tap.equal((code, find(report, 'protocol')), (0, 'turn' if args else 'udp'), f'{name}: a full agent plays')
        tap.ok(len(full.patches) == 1 and re.search(want, full.patches[0][1]) and
               full.patches[0][0].get('If-Match', '').startswith('"'), f'{name}: one PATCH tells it', full.patches)
        tap.equal(full.statuses, [patch or 204], f'{name}: which is answered {patch or 204}')
        full.stop()
    pub.terminate()
    end(pub)


def hostile():
    """A server that lies costs the session, not the program."""
    for mode in Liar.MODES:
        liar = Liar(NEAR, mode)
        whep = endpoint('rtc-whep', '--ice-server-file', links(mode, turn(liar.port, liar.transport)))
        p = begin('rtc-play', whep + mode.replace(' ', '-'), '--relay-only', '--timeout', '3')
        code, _, err = end(p)
        tap.ok(code == 43 and p.took_s < (40 if SLOW else 8) and 'TURN: ' in err,
               f'{mode}: 43 after {p.took_s:.1f} s: {err.strip().split("TURN: ")[-1]}', f'{code} {err}')
        tap.ok(liar.asked > 0, f'{mode}: it was asked')
        liar.stop()


clients = namespaces()
subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
                '20', '-subj', '/CN=turn', '-addext', f'subjectAltName=IP:{NEAR}', '-keyout', here('turn.key'),
                '-out', here('turn.pem')], check=True, stderr=subprocess.DEVNULL)
os.chmod(TMP.name, 0o755)
os.chmod(here('turn.key'), 0o644)
relay = Relay(bind=f'{FAR}:0')
hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # takes everything, answers nothing
hole.bind((NEAR, 0))
try:
    admin = relay.connect('admin')
    server, hasty = Coturn(23478), Coturn(23578, '--max-allocate-lifetime=20', '--stale-nonce=5')
    frozen_out()
    carries('udp', turn(server.port))
    carries('tcp', turn(server.port, 'tcp'))
    carries('tls', turn(server.port + 1, 'tcp', 'turns'), '--ca-file', here('turn.pem'))
    carries('forced', turn(server.port), '--relay-only', '--protocol', 'udp')
    refusals(server)
    options(server)
    pruned(server)
    sixth(server)
    tcp_first(server)
    chosen(server)
    examined(server)
    told(server)
    hostile()
    kept(hasty)
finally:
    clean_up()
    relay.stop()
tap.done()
