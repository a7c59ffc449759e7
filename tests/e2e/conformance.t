#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtc-conformance against rtc-whip and rtc-whep, alone and behind rtc-gate (http and https), nginx and haproxy,
with and without a token; and against servers that break rules: each row of it must fail at one of them."""
import os
import re
import socket
import subprocess
import sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conformlib as lib
import frontlib
from relaylib import BIN, Relay, Tap, session, wait_for

LIMIT_S = 240
ROOM, CLIENT_MAX = 4, 512     # sessions that one address may still make, and in all
t = Tap()
relay, full = Relay(), Relay('-t', '3600')
children = []
kept, broken = set(), set()     # names of rows


def start(program, *args):
    """A program that listens on a port of 127.0.0.1; the port."""
    r, w = os.pipe()
    log = open(os.path.join(relay.dir, f'{program}.{len(children)}.log'), 'w+')
    children.append(subprocess.Popen([f'{BIN}/{program}', '-R', str(w), *args], pass_fds=[w],
                                     stderr=log, env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    with os.fdopen(r) as ready:
        ready.read()
    log.seek(0)
    found = re.findall(r'(?:port |127\.0\.0\.1:)(\d+)', log.read())
    return int(found[-1]) if found else 0


def conform(*args):
    p = subprocess.run([sys.executable, 'tests/conformance', *args], capture_output=True, text=True,
                       timeout=LIMIT_S)
    return p, re.findall(r'^(ok|not ok) \d+ - (.*)$', p.stdout, re.M)


def passes(where, *args):
    p, rows = conform(*args)
    for verdict, name in rows:
        t.ok(verdict == 'ok', f'{where}: {name}', p.stdout if verdict != 'ok' else '')
    kept.update(name for _, name in rows)
    t.ok(p.returncode == 0 and len(rows) > 80 and 'not judged' not in p.stdout,
         f'{where}: {len(rows)} rows, all judged', p.stdout + p.stderr)


def fails(where, *args, least=(), at_most=None):
    """Rows that begin so fail, of all of which nothing but RFC 9112's may fail besides those of at_most."""
    p, rows = conform(*args)
    bad = {name for verdict, name in rows if verdict != 'ok'}
    broken.update(bad)
    t.ok(p.returncode == 1 and bad, f'{where}: {len(bad)} of {len(rows)} rows fail', p.stdout + p.stderr)
    told = re.findall(r'^not ok \d+ - (.*)\n((?:#   .*\n)*)', p.stdout, re.M)
    shown = r'^#   (\d+|closed without an answer|HTTP.*)$'
    t.equal([name for name, got in told if not re.search(shown, got, re.M) and 'what is no HTTP' not in name], [],
            f'{where}: below each of them is what was answered')
    for name in least:
        t.ok(any(name in b for b in bad), f'{where}: "{name}" fails', p.stdout + p.stderr)
    if at_most is not None:
        more = [b for b in bad if 'RFC 9112' not in b and not any(name in b for name in [*least, *at_most])]
        t.equal(more, [], f'{where}: the other rows do not fail')
    return p.stdout


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0


def behind(name, token):
    plain, api, tls = free_port(), free_port(), free_port()
    command = getattr(frontlib, name)(relay.dir, plain, api, tls)
    with open(os.path.join(relay.dir, name + '.log'), 'w+') as log:
        front = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            if not t.ok(wait_for(lambda: is_open(plain) and is_open(tls), 15), f'{name} starts'):
                log.seek(0)
                print('# ' + log.read().replace('\n', '\n# '))
                return
            whip = '/rtc/v1/whip/?app=live&stream=' + name
            passes(f'behind {name}', '-t', token, f'http://127.0.0.1:{plain}{whip}')
            passes(f'behind {name} by https', '-k', '-t', token, f'https://127.0.0.1:{tls}{whip}')
            passes(f'behind {name} under a prefix', '-t', token, f'http://127.0.0.1:{plain}/media{whip}')
        finally:
            front.terminate()
            front.wait(10)


def fill(peer):
    """Sessions of connectivity tests, which last: a flood is refused after a few more, however slow it is."""
    for i in range(CLIENT_MAX - ROOM):
        wanted = session(stream=f'live/full{i}', client={'address': '127.0.0.1'})
        del wanted['dtls']
        if not peer.ask('session.create', **wanted)['ok']:
            return False
    return True


def endpoints(port, name):
    return [f'http://127.0.0.1:{port}/rtc/v1/{kind}/?app=live&stream={name}' for kind in ('whip', 'whep')]


def know_nothing(token):
    """Servers that have one answer, or none."""
    for name, server in (('201 to all', lib.Monotonous(201)), ('500 to all', lib.Monotonous(500, body=b'no')),
                         ('301 to all', lib.Monotonous(301, [('Location', '/')])), ('hangs up', lib.HangsUp())):
        with server:
            fails(name, '-t', token, '--whep', server.url(), server.url())


def not_live():
    """A WHEP endpoint that wants a publisher."""
    with lib.Monotonous(409, [('Retry-After', '2')]) as server:
        said = fails('not live', '--whep', server.url(), least=['GET of the endpoint'])
        t.ok('not judged, for no stream is live (HTTP 409): WHEP, PATCH' in said and
             'ok 1 - WHEP s.4.2: 409' in said, 'it is said what is not judged while no stream is live', said)
    with lib.Monotonous(409) as server:
        fails('not live, nor when to try again', '--whep', server.url(), least=['409 while no stream is live'])


def spoiled(*ports):
    """What rtc-whip and rtc-whep say, changed on the way."""
    def both(server, name):
        whip, whep = endpoints(server.server_port, name)
        return '--whep', whep, whip

    with lib.Spoiler(ports, lib.floods_badly, lib.believes_any_prefix) as server:
        fails('under load, and by prefixes', '--flood', endpoints(server.server_port, 's{n}')[0], at_most=[], least=[
            'too many sessions is refused with 429 or 503', 'Retry-After, by seconds or a date', 'pages can read that',
            'those that there are live on', 'sessions that were made can be deleted', 'an offer is taken again',
            'X-Forwarded-Prefix: Location is below', '//example.com is no', 'https://example.com is no',
            '/a/../../b is no', '/a"b< is no'])
    with lib.Spoiler(ports, lib.believes_any_prefix, lib.restarts_without_media, lib.is_rude) as server:
        fails('restarts without media, rude', *both(server, 'r'), at_most=['X-Forwarded-Prefix'], least=[
            'under the new credentials', 'those of the last restart', 'Link names one', 'as an ice-server',
            'names no credentials', 'without an ETag', 'ice-lite and ice-options'])
    gullible, mute = lib.Gullible(), lib.Mute()
    with lib.Spoiler(ports, gullible.spoil) as server:
        fails('answers checks of anybody', '--prefix', '/media', *both(server, 'g'), at_most=[], least=[
            'one under another password', 'under the new credentials', 'those of the last restart',
            'prefix of a proxy'])
    with lib.Spoiler(ports, mute.spoil) as server:
        said = fails('no media', endpoints(server.server_port, 'm')[0], at_most=[],
                     least=['a candidate of the answer answers'])
        t.ok(said.count('do not answer from here: ') == 3, 'no media: it is said that restarts are not judged', said)
    with lib.Spoiler(ports, lib.answers_without_media) as server:
        fails('no media under the credentials of the answer', *both(server, 'n'), at_most=[],
              least=['a candidate of the answer answers'])
    with lib.Spoiler(ports, lib.ends_at_a_failed_restart) as server:
        fails('ends at a failed restart', *both(server, 'e'),
              least=['and the session lives on', 'under the former credentials'])


def usage():
    for args in ([], ['nonsense'], ['--whep', 'ftp://localhost/'], ['--prefix', 'x', 'http://localhost/'],
                 ['http://localhost/', 'http://localhost/'], ['--no-such-option', 'http://localhost/']):
        p, _ = conform(*args)
        t.ok(p.returncode == 64 and 'usage' in p.stderr and not p.stdout, f'{args} is wrong usage: 64', p)


def nobody_there():
    p, rows = conform(f'http://127.0.0.1:{free_port()}/whip')
    t.ok(p.returncode == 69 and 'refused' in p.stderr and not rows, 'no server at all: 69, and no row', p)


def installed():
    """Alone, as users of other servers have it."""
    top = os.path.join(relay.dir, 'installed')
    env = {k: v for k, v in os.environ.items() if not re.match('MAKE|MFLAGS', k)}
    p = subprocess.run(['make', '-s', 'install-conformance', 'DESTDIR=' + top, 'PREFIX=/usr'], capture_output=True,
                       text=True, env=env)
    t.ok(p.returncode == 0, 'it installs', p)
    def run(*args):
        return subprocess.run([top + '/usr/bin/rtc-conformance', *args], capture_output=True, text=True, cwd='/')
    p = run('--version')
    t.ok(re.fullmatch(r'rtc-conformance \d+\.\d+\.\d+\n', p.stdout), 'it has a version', p)
    p = run('--help')
    t.ok(p.returncode == 0 and p.stdout.startswith('usage: rtc-conformance'), 'and help', p)
    options = set(re.findall(r'^ +(?:-\w, +)?--([\w-]+)', p.stdout, re.M))
    with open(top + '/usr/share/man/man1/rtc-conformance.1', encoding='utf-8') as f:
        page = {name for line in f if line.startswith('.It Fl') for name in re.findall(r'Fl -([\w-]+)', line)}
    t.equal(options, page, 'whose options are those of the page')
    with lib.Monotonous(404) as server:
        p = run(server.url())
    t.ok(p.returncode == 1 and '1..' in p.stdout, 'it finds its parts', p)


try:
    token = os.path.join(relay.dir, 'token')
    with open(token, 'w') as f:
        f.write('right-token\n')
    args = ['-l', '127.0.0.1:0', '-c', '127.0.0.1', '--ice-server', 'stun:192.0.2.3']
    whip, whep = start('rtc-whip', *args), start('rtc-whep', *args)
    urls = endpoints(whip, 'a')[0], endpoints(whep, 'a')[1]
    passes('alone', '--whep', urls[1], urls[0])
    signal = full.connect('signal')
    t.ok(fill(signal), f'a relay has room for {ROOM} more sessions')
    args = ['-l', '127.0.0.1:0', '-c', '127.0.0.1', '-p', '127.0.0.1', '-r', full.dir + '/relay/signal.sock']
    proxied = endpoints(start('rtc-whip', *args), 'e{n}')[0]
    passes('as a proxy sees it, flooded', '--flood', '--prefix', '/media/live', proxied)
    other = start('rtc-whip', '-l', '127.0.0.1:0', '--redirect', f'http://127.0.0.1:{whip}')
    passes('sent elsewhere', endpoints(other, 'd')[0])
    for kind in ('whip', 'whep'):
        start('rtc-' + kind, '-S', os.path.join(relay.dir, kind + '.sock'), '-c', '127.0.0.1', '-t', token)
    urls = endpoints(start('rtc-gate', '-l', '127.0.0.1:0'), 'b')
    passes('behind the gate', '-t', token, '--whep', urls[1], urls[0])
    port = start('rtc-gate', '--tls-listen', '127.0.0.1:0', '--self-signed', os.path.join(relay.dir, 'tls'))
    urls = [url.replace('http:', 'https:') for url in endpoints(port, 'c')]
    passes('behind the gate by https', '-k', '-t', token, '--whep', urls[1], urls[0])
    frontlib.certificate(relay.dir)
    for name in ('nginx', 'haproxy'):
        behind(name, token)
    know_nothing(token)
    not_live()
    spoiled(whip, whep)
    t.equal(sorted(kept - broken), [], 'each row fails at a server that breaks its rule')
    usage()
    nobody_there()
    installed()
finally:
    for child in reversed(children):
        child.terminate()
        t.ok(child.wait(10) == 0, 'a program ends with 0')
    relay.stop()
    full.stop()
t.done()
