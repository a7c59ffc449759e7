#!/usr/bin/env python3
# runs under: address
# runs with the servers
"""What strangers send to each door (hostile_rows.py): HTTP, URLs, SDP and JSON through the front door,
STUN, DTLS, RTP and RTCP to the media port, messages to the relay's sockets. Each gets the answer that
docs/internals/hostile.md has, and the same again; players beside them lose nothing, and what the
programs hold of memory and descriptors after the first pass they hold after the second."""
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys

# Freed memory that a sanitizer keeps would look like growth.
os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + \
    ':quarantine_size_mb=1:thread_local_quarantine_size_kb=64'

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import hostile_rows  # noqa: E402
import stunlib  # noqa: E402
from hostile_rows import DOORS, WHEP, WHIP, http, offer  # noqa: E402
from relaylib import BIN, Relay, Tap, free_port, session, wait_for  # noqa: E402

SLOW = 'RTC_SANITIZER' in os.environ
GROWTH_MAX_KB = 4096 if SLOW else 512
SECONDS = 15    # of patience for one answer
LATE = ('a body that never comes', 'a head that never ends')    # answered after 2 s: once is enough
PAGE = 'docs/internals/hostile.md'
random.seed(int(os.environ.get('RTC_SEED', '20261128')))

t = Tap()
for door, wanted in hostile_rows.as_table().items():
    written = hostile_rows.read_table(PAGE).get(door, {})
    t.ok(written == wanted, f'{PAGE} has the {len(wanted)} rows of: {door}',
         '\n'.join(f'| {name} | {answer} |' for name, answer in sorted(wanted.items() ^ written.items())))
t.equal(list(hostile_rows.read_table(PAGE)), list(DOORS), 'and no other')
relay = Relay()
control, admin = relay.connect('signal'), relay.connect('admin')
media = ('127.0.0.1', control.hello['listen'][0]['port'])


def start(program, *args):
    r, w = os.pipe()
    p = subprocess.Popen([f'{BIN}/{program}', *args, '-R', str(w)], pass_fds=[w],
                         stderr=open(os.path.join(relay.dir, program + '.log'), 'w'),
                         # What 200 clients had goes back at once, wherever in the heap it was.
                         env={**os.environ, 'RTC_RUN': relay.dir, 'MALLOC_MMAP_THRESHOLD_': '4096'})
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p


port = free_port()
# Every row comes from one address: the rate limit has a test of its own.
programs = [start('rtc-whip', '-c', '127.0.0.1', '--rate', '1000'),
            start('rtc-whep', '-c', '127.0.0.1', '--rate', '1000'),
            start('rtc-web', '-d', 'www'),
            start('rtc-gate', '-l', f'127.0.0.1:{port}', '--head-timeout', '2', '--body-timeout', '2')]
base = f'http://127.0.0.1:{port}'
bench = subprocess.Popen(
    [f'{BIN}/rtc-bench', '-j', '-n', '3', '-d', '600', '-s', '0.2', '-D', 'all',
     f'--publish={base}{WHIP}?app=live&stream=beside', f'{base}{WHEP}?app=live&stream=beside'],
    stdout=subprocess.PIPE, text=True)
t.ok(wait_for(lambda: sum(s['state'] == 'connected' for s in admin.ask('sessions.list')['sessions'])
              == 4, 20), 'a publisher and three players')


def exchange(raw):
    """Everything that comes back on a connection of its own."""
    out = b''
    with socket.create_connection(('127.0.0.1', port), timeout=SECONDS) as s:
        try:
            s.sendall(raw)
            while True:
                more = s.recv(65536)
                if not more:
                    return out
                out += more
        except OSError:
            return out


def over_http(raw):
    out = exchange(raw)
    status = re.match(rb'HTTP/1\.1 (\d+) ', out)
    code = re.search(rb'"code": ?(\d+)', out)
    if status is None:
        return f'{out[:100]!r}'
    return status[1].decode() + (f', code {code[1].decode()}' if code and status[1] == b'200' else '')


def in_words(message):
    if stunlib.kind_of(message) == stunlib.ERROR:
        at = message.find(b'\0\x09\0')      # ERROR-CODE
        return f'error {message[at + 6] * 100 + message[at + 7]}'
    return 'an alert' if message[0] == 21 else message.hex()


def heard(s, data, wanted):
    """What comes back, but for our own checks of the path; what is waited for may take its time."""
    for one in data:
        s.sendto(one, media)
    got = []
    while wanted != 'nothing' and not got:
        got = [m for m in [s.recv(4096)] if stunlib.kind_of(m) != stunlib.BINDING]
    got += [m for m in stunlib.receive(s, 0.03) if stunlib.kind_of(m) != stunlib.BINDING]
    return ', '.join(map(in_words, got)) or 'nothing'


def over_control(op, members):
    """The error that answers, or that the peer was dropped."""
    if isinstance(members, dict):
        reply = control.ask(op, **members)
        return reply.get('error', 'ok') if reply else 'dropped'
    peer = relay.connect(op)
    peer.send(members)
    try:
        while peer.read(SECONDS) is not None:
            pass
        return 'dropped'
    except ConnectionError:
        return 'dropped'
    except TimeoutError:
        return 'nothing'
    finally:
        peer.close()


def sweep():
    """Sessions that never connected end."""
    while True:
        new = [s['session'] for s in admin.ask('sessions.list')['sessions'] if s['state'] != 'connected']
        for s in new:
            admin.ask('session.kick', session=s)
        if not new:
            return


def new_check(stream):
    """A session of its own: the name of our end of it, and a check that it answers."""
    ice = control.ask('session.create', **session('publish', stream))['ice']
    return ice['ufrag'], stunlib.check(ice['ufrag'], 'J8X7', ice['pwd'])


def over_udp(row, number, nowhere):
    with stunlib.client() as s:
        s.settimeout(SECONDS)
        if not nowhere:
            s.sendto(new_check(f'live/path{number}')[1], media)
            while stunlib.kind_of(s.recv(4096)) != stunlib.SUCCESS:
                pass
        return heard(s, row.data, row.answer)


def rows(leave_out=()):
    """(door, name, documented answer, answer) of each row, one after the other."""
    doors = {**DOORS, 'Datagrams from nowhere': hostile_rows.from_nowhere(*new_check('live/stun'))}
    for door in doors:
        for number, row in enumerate(doors[door]):
            if row.name in leave_out:
                continue
            if door.startswith('Datagrams'):
                got = over_udp(row, number, door == 'Datagrams from nowhere')
            elif door.startswith('Messages'):
                got = over_control(*row.data)
            else:
                got = over_http(row.data)
            yield door, row.name, row.answer, got
    sweep()


def flood():
    """150 publishers that never come; then they are gone. The statuses they got."""
    codes = {over_http(http('POST', WHIP + f'?app=live&stream=f{i}', offer)) for i in range(150)}
    sweep()
    return codes


def crowd():
    """The answer beside 200 connections that say nothing."""
    idle = [socket.create_connection(('127.0.0.1', port)) for _ in range(200)]
    status = over_http(http('POST', WHIP + '?app=live&stream=g', b'x'))
    for s in idle:
        s.close()
    return status


def ringed():
    """Kilobytes of media that the relay has seen: its rings keep up to 4 MB of it, page by page."""
    streams = admin.ask('streams.list')['streams']
    return sum(s['rx_octets'] + 128 * s['rx_packets'] for s in streams) >> 10


def holds(pid):
    """Kilobytes and descriptors of a process."""
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1]), len(os.listdir(f'/proc/{pid}/fd'))


pids = {'rtc-relay': relay.proc.pid, **{os.path.basename(p.args[0]): p.pid for p in programs}}
first = {name: holds(pid)[1] for name, pid in pids.items()}
for door, name, wanted, got in rows():
    t.ok(got == wanted, f'{door}: {name}: {wanted}', got)
flood()     # every table has grown once
crowd()
wait_for(lambda: all(holds(pid)[1] <= first[name] for name, pid in pids.items()), SECONDS)
before, media_before = {name: holds(pid) for name, pid in pids.items()}, ringed()
t.equal([row for row in rows(leave_out=LATE) if row[2] != row[3]], [], 'the same rows again: the same answers')
t.equal(flood(), {'201'}, '150 publishers that never come: 201')
t.equal(crowd(), '400', '200 silent connections beside it: 400')
plain = stunlib.client()
for _ in range(3000):
    plain.sendto(stunlib.message(stunlib.BINDING), media)
octets = sum(len(m) for m in stunlib.receive(plain, 0.1))
t.ok(octets < 3000 * 20 / 4, f'3000 plain STUN requests: {octets} octets in return')
for name, pid in pids.items():
    t.ok(wait_for(lambda: holds(pid)[1] <= before[name][1], SECONDS), f'{name} has no more descriptors than before',
         f'{before[name][1]}, now {holds(pid)[1]}')
    growth, media_kb = holds(pid)[0] - before[name][0], ringed() - media_before if name == 'rtc-relay' else 0
    t.ok(growth < GROWTH_MAX_KB + media_kb, f'and {growth} KB more than {before[name][0]}, {media_kb} of media aside')

bench.send_signal(signal.SIGINT)
report = json.loads(bench.communicate(timeout=30)[0])
t.ok(report['joined'] == 3 and report['ended'] == 0 and report['packets'] > 1000 and
     (report['lost'] == 0 or SLOW and report['loss_percent'] < 0.5),
     f"players beside it: {report['lost']} of {report['expected']} packets lost", report)
for p in programs:
    p.terminate()
    t.equal(p.wait(10), 0, f'{os.path.basename(p.args[0])} ends with status 0')
t.equal(relay.stop(), 0, 'so does the relay')
t.done()
