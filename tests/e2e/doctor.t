#!/usr/bin/python3
# runs under: address
# runs beside others, from the beginning
"""rtc-doctor against servers that are broken in one way each: the stage, the exit status, the cause and
its fix line; what OBS, browsers and ffmpeg would do; our own server, where every stage is ok."""
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fakewhip  # noqa: E402
from doctorlib import (CA, CASES, INNER, INSIDE, NAME, PLAYED, Report, SERVER, TIMEOUT_S, TLS,  # noqa: E402
                       TOKEN, dead_tcp, doctor, dtls, fine, folder, good, https, inner,
                       located, lossy, meddled, ours, relay, sdp, silent, start, tap,
                       to_headers, to_tls, to_udp, udp_cut, whip, x)
from fakewhip import (HelloFlood, Ice, IceTcp, Whip, answer, candidate, created, forward,  # noqa: E402
                      interim, once, status, swap, with_token)
from relaylib import BIN  # noqa: E402

flood = Ice('mtu-flood')

# The same servers, where they do no harm: name, exit status, stage, level, cause or None, server, arguments
MILD = [
    ('a relative Location is fine by the standard', 0, 'headers', 'WARN', 'location-obs', located('session/1'),
     to_headers),
    ('an absolute one for all', 0, 'headers', 'ok', None, located('http://a.test/s/1'), to_headers),
    ('a certificate that ends soon', 0, 'tls', 'WARN', 'tls-soon', https('soon'), [*CA, *to_tls]),
    ('a whole chain', 0, 'tls', 'ok', None, https('full'), [*CA, *to_tls]),
    ('--insecure', 0, 'tls', 'WARN', 'tls-ignored', https('expired'), [*CA, *to_tls, '--insecure']),
    ('a token that is not looked at', 0, 'auth', 'WARN', 'auth-open', whip(fine), [*TOKEN, '--until', 'auth']),
    ('a token that is', 0, 'auth', 'ok', None, whip(with_token('secret', fine)), [*TOKEN, '--until', 'auth']),
    ('no CORS', 0, 'headers', 'WARN', 'cors', lambda: Whip(fine, cors=False), to_headers),
    ('text/plain', 0, 'headers', 'WARN', 'content-type',
     whip(created(lambda o: answer(o, [candidate(good.port)]), kind='text/plain')), to_headers),
    ('307 to the endpoint', 0, 'http', 'ok', None, whip(once(status(307, ('Location', '/x')), fine)), ['--until',
     'http']),
    ('a good candidate behind a private one', 0, 'candidates', 'WARN', 'cand-first',
     sdp(candidate(8000, '192.168.7.7'), good.port), ['--until', 'candidates']),
    ('a private address that answers', 0, 'candidates', 'WARN', 'cand-other', sdp(candidate(inner.port, INNER)),
     to_udp),
    ('a silent address beside a good one', 0, 'ice-udp', 'WARN', 'udp-some', sdp(good.port, silent.port), to_udp),
    ('half of the checks are lost', 0, 'ice-udp', 'WARN', 'udp-loss', sdp(lossy.port), [*to_udp, '-c', '8']),
    ('TCP that is dead', 0, 'ice-tcp', 'WARN', 'ice-tcp-dead',
     sdp(good.port, candidate(dead_tcp.port, proto='tcp')), ['--until', 'ice-tcp']),
    ('a browser where UDP is cut', 0, 'ice-tcp', 'WARN', 'tcp-only', lambda: udp_cut(tls=TLS['good']),
     ['--as', 'browser', *CA, '--until', 'ice-tcp']),
    ('its DTLS', 0, 'dtls', 'ok', None, lambda: udp_cut(tls=TLS['good']), ['--as', 'browser', *CA, '--until',
     'dtls']),
    ('its media', 0, 'media', 'ok', None, lambda: udp_cut(tls=TLS['good']), ['--as', 'browser', *CA, '--media=1']),
    ('large packets are lost', 0, 'mtu', 'WARN', 'mtu-small', lambda: meddled(lambda d, back: len(d) > 1100),
     ['--until', 'mtu']),
    ('a server of one SRTP profile', 0, 'dtls', 'ok', None, dtls('SRTP_AEAD_AES_256_GCM'), ['--until', 'dtls']),
    ('OBS and the one that all have', 0, 'dtls', 'ok', None, dtls('SRTP_AES128_CM_SHA1_80'),
     ['--as', 'obs', '--until', 'dtls']),
    ('a browser and X25519', 0, 'dtls', 'ok', None, dtls('SRTP_AEAD_AES_128_GCM', 'X25519', tls=TLS['good']),
     ['--as', 'browser', *CA, '--until', 'dtls']),
    ('ffmpeg and the profile that it has', 0, 'dtls', 'ok', None, dtls('SRTP_AES128_CM_SHA1_80', active=True),
     ['--as', 'ffmpeg', '--until', 'dtls']),
    ('DELETE says 204', 0, 'delete', 'WARN', 'delete-not-200', lambda: Whip(fine, delete_status=204), ['--only',
     'delete']),
]


with open(f'{folder}/patient.conf', 'w') as f:
    f.write(f'nameserver {SERVER}\noptions timeout:5 attempts:2\n')
PATIENT = ['unshare', '-m', 'sh', '-c', f'mount --bind {folder}/patient.conf /etc/resolv.conf && exec "$@"', '-']

# Servers that mean harm: they would hold an examiner that trusts them. Name, exit status, cause, server, arguments,
# seconds that it may take
HOSTILE = [
    ('a TLS greeting without end', 12, 'tls-handshake', HelloFlood, [], 5),
    ('the same where the offer goes', 20, 'http-silent', lambda: HelloFlood(TLS['good'], 2),
     [*CA, '--timeout', '2'], 6),
    ('interim answers without end', 20, 'http-large', whip(interim), [], 5),
    ('a redirect to where nobody tells', 20, 'http-silent',
     whip(status(307, ('Location', 'http://silent.test/'))), ['--timeout', '1'], 4),
    ('a flood where large packets were', 50, 'dtls-silent', sdp(flood.port), ['--timeout', '4'], 12),
    ('a flood by TCP', 50, 'dtls-silent', sdp(good.port, candidate(IceTcp('flood').port, proto='tcp')),
     ['--timeout', '2'], 12),
    ('useless addresses in plenty', 40, 'cand-private',
     sdp(*[candidate(8000, f'192.168.7.{i + 20}') for i in range(16)]), ['--timeout', '1'], 4),
]


def check_hostile(case):
    name, code, cause, server, args, seconds = case
    seconds *= 3 if 'RTC_SANITIZER' in os.environ else 1
    server = server()
    r = Report(doctor(server.url(NAME if args[:2] == CA else None), '--json', *args, by=PATIENT))
    took = sum(row['time_ms'] for row in r.stages.values()) / 1000    # without the start of the process
    return [(r.code == code and r.result.get('cause') == cause, f'{name}: {cause}', r.text),
            (took < seconds, f'{name}: within {seconds} s', f'{took:.1f} s\n{r.text}')]


def examine(case):
    name, code, stage, cause, server, *args = case
    server = server()
    args = args[0] if args else []
    host = NAME if isinstance(server, Whip) and server.scheme == 'https' else None
    r = Report(doctor(server.url(host), '--json', *args))
    if 'silent' in str(r.result.get('cause')) and 'silent' not in str(cause):   # our servers had no turn
        r = Report(doctor(server.url(host), '--json', *args))
    return r, server


def check_broken(case):
    name, code, stage, cause, *_ = case
    r, server = examine(case)
    right = r.code == code and r.result.get('cause') == cause and stage in r.failed and r.result.get('status') == code
    out = [(right, f'{name}: {code}, {stage}, {cause}', r.text)]
    out.append((len(r.result.get('fix', '')) > 20 and not re.search('{[a-z]+}',
    r.result['fix']) and r.took < 3 * TIMEOUT_S + 6,
                f'{name}: a fix line, in time', f'{r.took:.1f} s\n{r.text}'))
    return out


def check_mild(case):
    name, code, stage, level, cause, server, *args = case
    r, server = examine((name, code, stage, cause, server, *args))
    row = r.stages.get(stage, {})
    return [(r.code == code and row.get('level') == level and (cause is None or cause in row.get('causes', [])),
             f'{name}: {stage} is {level}', r.text)]


def check_own(args, url):
    r = Report(doctor(url, '--json', *args))
    want = ['dns', 'tcp', 'tls', 'http', 'auth', 'headers', 'sdp', 'candidates', 'ice-udp', 'ice-tcp', 'mtu', 'dtls']
    want += ['media'] if any(a.startswith('--media') for a in args) else []
    return [(r.code == 0 and list(r.stages) == want + ['delete'] and
             all(row['level'] == 'ok' or row['causes'] == ['http-insecure'] for row in r.stages.values()),
             f'our own server: every stage is ok ({" ".join(args)})', r.text)]


OWN = [(['--media=1'], ours()), (['--as', 'obs'], ours()), (['--as', 'ffmpeg'], ours()), (['--whep', '--media=2'],
PLAYED)]

with ThreadPoolExecutor(10) as pool:    # most of a case is waiting
    jobs = [pool.submit(check_broken, c) for c in CASES] + [pool.submit(check_mild, c) for c in MILD] + \
        [pool.submit(check_own, *c) for c in OWN] + [pool.submit(check_hostile, c) for c in HOSTILE]
    for job in jobs:
        for result in job.result():
            tap.ok(*result)

# ---- for people ----

p = doctor(sdp(silent.port)().url())
lines = p.stdout.decode().splitlines()
tap.ok(p.returncode == 41 and any(line.startswith('FAIL ice-udp ') for line in lines) and
       any(line.startswith(f'fix: UDP does not get through: open UDP {silent.port}') for line in lines) and
       'OBS will not publish here: udp-silent' in lines, 'text: a line per stage, a fix line, a word on OBS', p)
server = Whip(fine)
p = doctor(server.url(), '--only', 'ice-udp')
tap.ok([line.split()[:2] for line in p.stdout.decode().splitlines()] == [['ok', 'ice-udp']],
       '--only: one stage is reported', p)
tap.equal(server.httpd.deletes, ['/rtc/v1/whip/session/1'], 'and the session is deleted all the same')
tap.ok('session/1' not in doctor(Whip(fine).url(), '--json', '--until', 'sdp').stdout.decode(),
       "the session's URL is told to nobody")


# ---- a saved answer; signals; wrong use; the other program ----

with open(f'{folder}/answer.sdp', 'w', newline='') as f:
    f.write(x(fakewhip.OFFER))
p = doctor(None, '--sdp', f'{folder}/answer.sdp')
tap.ok(p.returncode == 41 and [line.split()[1] for line in p.stdout.decode().splitlines()[:4]] ==
       ['sdp', 'candidates', 'ice-udp', 'ice-tcp'], '--sdp: a saved answer is examined up to its addresses', p)
p = doctor(None, '--sdp', f'{folder}/nosuch')
tap.ok(p.returncode == 66 and b'nosuch' in p.stderr, '--sdp: a file that is not there is exit 66', p)
for args in (['--as', 'vlc'], ['--only', 'ice'], ['--until', ''], ['-c', '0'], ['--media=x'], ['ftp://x'],
             ['--whep', '--as', 'obs']):
    p = doctor(f'http://{SERVER}/' if args[0] != 'ftp://x' else None, *args)
    tap.ok(p.returncode == 64 and b'usage: ' in p.stderr, f'wrong use: {" ".join(args)} is exit 64', p)

server = Whip(fine)
p = start(*INSIDE, f'{BIN}/rtc-doctor', server.url(), stdout=subprocess.PIPE)
while not p.stdout.readline().startswith((b'ok   mtu', b'FAIL')) and p.poll() is None:
    pass
p.terminate()    # while DTLS waits for nobody
tap.ok(p.wait(5) == 128 + 15 and server.httpd.deletes, 'a signal deletes the session and ends it',
server.httpd.deletes)

p = subprocess.run([*INSIDE, f'{BIN}/rtc-stun-probe', '--only', 'dns', ours()], capture_output=True, timeout=30)
tap.ok(p.returncode == 0 and p.stdout.startswith(b'ok   dns '), 'rtc-stun-probe URL runs rtc-doctor', p)

p = subprocess.run([*INSIDE, f'{BIN}/rtc-publish', '--test', sdp(candidate(8000, '2001:db8::1'))().url()],
                   capture_output=True, timeout=30)
tap.ok(p.returncode == 40 and b'none of the' in p.stderr, 'rtc-publish: a candidate without a route is 40 too', p)

# ---- two hosts and no server ----



def listen(*args, env=None):
    """--listen on a free port: the process and the port."""
    host = start(f'{BIN}/rtc-doctor', '--listen', f'{SERVER}:0', *args, stdout=subprocess.PIPE,
                 env={**os.environ, **(env or {})})
    return host, int(re.search(rb'UDP (\d+)', host.stdout.readline()).group(1))


host, port = listen()
for args, words in ((['--media=1'], 'reports back'), (['--media=2', '--whep'], 'keyframe')):
    r = Report(doctor(f'http://{SERVER}:{port}/{"whep" if args[1:] else "whip"}', '--json', *args))
    tap.ok(r.code == 0 and not r.failed and words in r.stages['media']['detail'] and
           str(port) in r.stages['ice-tcp']['detail'],
           f'--listen: the way between two hosts, UDP and TCP ({" ".join(args)})', r.text)
for program, *args in (('rtc-publish', '--test=320x180@10', '--duration=1'), ('rtc-play', '--duration=1',
                                                                             '--expect-card')):
    p = subprocess.run([*INSIDE, f'{BIN}/{program}', '-q', '--protocol', 'tcp', *args,
                        f'http://{SERVER}:{port}/{"whep" if program == "rtc-play" else "whip"}'],
                       capture_output=True, timeout=30)
    tap.ok(p.returncode == 0, f'--listen: media by TCP alone ({program})', p)
cut = Whip(forward(f'http://{SERVER}:{port}/whip', swap(rf'(udp \d+ {SERVER}) \d+', rf'\g<1> {silent.port}')))
r = Report(doctor(cut.url(), '--json', '--media=1'))
tap.ok(r.code == 42 and r.failed == ['ice-udp', 'ice-tcp'] and r.stages['media']['level'] == 'ok' and
       'by TCP' in r.stages['dtls']['detail'], '--listen: where UDP is cut, TCP is measured to its end', r.text)
bad = doctor(f'http://{SERVER}:{port}/whip', '--as', 'browser', '--only', 'delete')
tap.ok(b'ok   delete' in bad.stdout, '--listen: DELETE ends a session', bad)
p = subprocess.run([*INSIDE, f'{BIN}/rtc-stun-probe', '-T', f'{SERVER}:{port}'], capture_output=True, timeout=30)
tap.ok(p.returncode == 0 and b'ok ' in p.stdout, '--listen: plain STUN by TCP is answered', p)

# Strangers: more than it has places for, of which none says anything useful; and the session that the examination
# before left there, since its Location led to us.
strangers = []
for i, words in enumerate((b'', b'\x16\x03\x01', b'\x00\x14', b'\x00\x00', b'GET', b'\x00\x05hello', b'\xff' * 4000,
                           b'POST /whip HTTP/1.1\r\nContent-Length: 9\r\n\r\n') * 6):
    s = socket.create_connection((SERVER, port), timeout=5)
    try:
        s.sendall(words)
    except OSError:
        pass
    strangers.append(s)
    if i % 8 == 7:
        strangers.pop(0).close()
r = Report(doctor(f'http://{SERVER}:{port}/whip', '--json', timeout=15))
tap.ok(r.code == 0 and host.poll() is None, '--listen: strangers keep nobody out for long', r.text)
for s in strangers:
    s.close()
host.terminate()
tap.ok(host.wait(5) == 0 and b'sent' in host.stdout.read(), '--listen: it tells who came, and ends by a signal')

host, port = listen('--cert', f'{folder}/good.pem', '--key', f'{folder}/good.pem', env={'RTC_TOKEN': 'secret'})
url = f'https://{NAME}:{port}/whip'
for args, code, cause in ((CA, 21, 'auth-wanted'), ([*CA, '--token-file', f'{folder}/other'], 21, 'auth-refused'),
                          ([*CA, *TOKEN, '--media=1'], 0, None)):
    r = Report(doctor(url, '--json', *args))
    tap.ok(r.code == code and (r.result.get('cause') or None) == cause,
           f'--listen: with TLS and a token, {cause or "every stage"}', r.text)
tap.ok(r.code == 0 and all(row['level'] == 'ok' for row in r.stages.values()) and len(r.stages) == 14,
       '--listen: all fourteen stages are examined, and ok', r.text)
r = Report(doctor(url, '--json', '--as', 'browser', *CA, *TOKEN))
tap.equal((r.code, r.result.get('clients', {}).get('browser')), (0, 'ok'), '--listen: as a browser')
host.terminate()
tap.equal(host.wait(5), 0, '--listen: it ends with TLS too')
for args in (['--cert', f'{folder}/good.pem'], ['--key', 'x', '--cert', 'y', f'http://{SERVER}/']):
    p = doctor(None, *args)
    tap.ok(p.returncode == 64 and b'--cert and --key' in p.stderr, f'wrong use: {args[0]} alone is exit 64', p)
p = doctor(None, '--listen', f'{SERVER}:0', '--cert', f'{folder}/nosuch', '--key', f'{folder}/nosuch')
tap.ok(p.returncode == 66 and b'nosuch' in p.stderr, '--listen: a certificate that is not there is exit 66', p)

relay.stop()
tap.done()
