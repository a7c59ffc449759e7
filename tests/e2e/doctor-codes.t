#!/usr/bin/python3
# runs under: address
# runs beside others, from the beginning
"""One number for one fault: rtc-doctor, rtc-publish and rtc-play (and rtc-stun-probe at a media port) against
the same broken servers end with the same exit status, but for what a client does not look at."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from doctorlib import (CA, CASES, CLOSED_UDP, INSIDE, NAME, PLAYED, SERVER, TIMEOUT_S, TOKEN,  # noqa: E402
                       doctor, garbage, ours, relay, silent, tap, wrong_key)
from fakewhip import FINGERPRINT, PWD, UFRAG, Whip, forward, once, status, swap  # noqa: E402
from relaylib import BIN  # noqa: E402

PROGRAMS = {
    'rtc-publish': ['--test=320x180@10', '--duration=2', '-q'],
    'rtc-play': ['--wait=1', '--duration=2', '-q'],
}
# What a client does not look at: the reason stands in its manual page.
EXCEPT = {
    ('no RTCP comes back', 'rtc-publish'): 0,
    ('half of the picture is lost', 'rtc-publish'): 0,
    ('half of what comes is lost', 'rtc-play'): 0,    # --max-loss
    ('a ghost stays', 'rtc-publish'): 0,
}
# Servers whose media work, to come to the fault.
OTHERS = {
    'both wait for DTLS': lambda url: Whip(forward(url, swap('setup:passive', 'setup:active'))),
    'another certificate than the SDP says':
        lambda url: Whip(forward(url, swap('a=fingerprint:.*', f'a=fingerprint:{FINGERPRINT}'))),
    'the DELETE is refused': lambda url: Whip(forward(url, delete=False), delete_status=500),
    'the session is nowhere': lambda url: Whip(forward(url, delete=False), delete_status=404),
    'a ghost stays': lambda url: Whip(once(forward(url), status(409))),
}
# Their server is the real one, which has one address to publish to and one to play from; a ghost is of
# publishers.
PUBLISHERS = {'no RTCP comes back', 'half of the picture is lost', 'a ghost stays'}
# Media addresses for rtc-stun-probe; with the credentials of the answers it is told that they are wrong.
PROBES = {
    'UDP that is silent': silent.port,
    'a UDP port that is closed': CLOSED_UDP,
    'another password': wrong_key.port,
    'garbage on the UDP port': garbage.port,
}


def applies(program, case):
    name, *_, args = (*case, []) if len(case) == 5 else case
    if program == 'rtc-doctor':
        return True
    if '--as' in args:    # a fault to that client alone
        return False
    return program == 'rtc-play' if '--whep' in args else program == 'rtc-publish' or name not in PUBLISHERS


def url_of(server):
    return server.url(NAME if isinstance(server, Whip) and server.scheme == 'https' else None)


def run(case, program):
    name, code, _, _, server, *args = case
    args = args[0] if args else []
    if program == 'rtc-doctor':
        p = doctor(url_of(server()), *args)
    else:
        if name in OTHERS:
            server = partial(OTHERS[name], PLAYED if program == 'rtc-play' else ours())
        p = subprocess.run([*INSIDE, f'{BIN}/{program}', '--timeout', str(TIMEOUT_S), *PROGRAMS[program],
                            *[a for a in args if a in CA + TOKEN], url_of(server())], capture_output=True, timeout=90)
    want = EXCEPT.get((name, program), code)
    return p.returncode == want, f'{name}: {program} exits {want}', f'{p.returncode}\n{p.stderr.decode()}'


def probe(name, port):
    want = next(c[1] for c in CASES if c[0] == name)
    p = subprocess.run([*INSIDE, f'{BIN}/rtc-stun-probe', '-t', '2', '--ufrag', UFRAG, f'{SERVER}:{port}'],
                       env={**os.environ, 'RTC_STUN_PWD': PWD}, capture_output=True, timeout=90)
    return p.returncode == want, f'{name}: rtc-stun-probe exits {want}', f'{p.returncode}\n{p.stdout.decode()}'


with ThreadPoolExecutor(10) as pool:    # most of a case is waiting
    jobs = [pool.submit(run, case, program) for case in CASES for program in ('rtc-doctor', *PROGRAMS)
            if applies(program, case)] + [pool.submit(probe, *row) for row in PROBES.items()]
    for job in jobs:
        tap.ok(*job.result())
relay.stop()
tap.done()
