#!/usr/bin/env python3
# Connections that a front door passes on to the relay: they find their sessions on any worker, with
# the address that the front door tells; a message of another form drops the front door and leaks nothing.
# runs under: address thread
# runs beside others
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import stunlib
from relaylib import PWD, Relay, Tap, session, wait_for
from tcplib import Framed, Gate, frame, handover

SESSIONS = 8
GATES_MAX = 16

t = Tap()
relay = Relay('-w', '2', '--tcp-gate')
signal, admin = relay.connect('signal'), relay.connect('admin')
path = os.path.join(relay.dir, 'relay', 'tcp.sock')
t.equal(oct(os.stat(path).st_mode & 0o777), '0o600', 'the socket is for its owner alone')
t.ok(all(e['proto'] == 'udp' for e in signal.hello['listen']), 'the relay has no TCP port of its own')


def stats(key):
    return admin.ask('stats')[key]


def ask(gate, ice, remote=None):
    """A connection through the gate, and the type of the answer to its first check."""
    conn = Framed(gate.address)
    got = []
    asking = threading.Thread(target=lambda: got.append(conn.check(ice['ufrag'], 'J8X7', ice['pwd'])))
    asking.start()
    gate.pass_on(remote)
    asking.join()
    return conn, got[0]


gate = Gate(path)
held, ok = [], 0
for i in range(SESSIONS):
    made = signal.ask('session.create', **session('play', stream=f'gate/{i}'))
    for _ in range(2):
        conn, answer = ask(gate, made['ice'])
        ok += answer == stunlib.SUCCESS
        held.append(conn)
t.equal(ok, 2 * SESSIONS, 'every connection that is passed on reaches its session')
t.equal(sum(c.check(made['ice']['ufrag'], 'J8X7', made['ice']['pwd']) == stunlib.SUCCESS for c in held[-2:]), 2,
        'and goes on there')
conn, answer = ask(gate, made['ice'], ('192.0.2.77', 4321))
t.equal(answer, stunlib.SUCCESS, 'one from behind a proxy, too')
conn.send(stunlib.check(made['ice']['ufrag'], 'J8X7', made['ice']['pwd']))
data = conn.receive()
at = data.index(struct.pack('!HH', stunlib.XOR_MAPPED, 8)) + 6
port, ip = struct.unpack('!HI', data[at:at + 6])
t.equal((socket.inet_ntoa(struct.pack('!I', ip ^ stunlib.COOKIE)), port ^ (stunlib.COOKIE >> 16)),
        ('192.0.2.77', 4321), 'its mapped address is what the front door told')
conn.close()
conn, answer = ask(gate, {'ufrag': 'nobody', 'pwd': PWD})
t.equal(answer, stunlib.ERROR, 'one that names nobody gets an error')
t.ok(conn.ends(3), 'and is closed')
conn.close()
for c in held:
    c.close()
t.ok(wait_for(lambda: stats('tcp_connections') == 0), 'closed ones are forgotten')
second = Gate(path)
conn, answer = ask(second, made['ice'])
t.equal(answer, stunlib.SUCCESS, 'two front doors at once')
second.close()
t.equal(conn.check(made['ice']['ufrag'], 'J8X7', made['ice']['pwd']), stunlib.SUCCESS,
        'a connection outlives the front door that passed it on')

# ---- hostile or broken front doors ----
here, good = ('127.0.0.1', 4000), frame(stunlib.check('a', 'b', PWD))
spare, spare_peer = socket.socketpair()
null = os.open('/dev/null', os.O_RDONLY)
before = relay.descriptors()
for name, message, fds in [
        ('no descriptor', handover(here, here, good), []),
        ('two descriptors', handover(here, here, good), [spare.fileno(), null]),
        ('nine descriptors', handover(here, here, good), [null] * 9),
        ('no octets', handover(here, here, b''), [spare.fileno()]),
        ('more than it says', handover(here, here, good + b'x', count=len(good)), [spare.fileno()]),
        ('less than it says', handover(here, here, good, count=len(good) + 1), [spare.fileno()]),
        ('too many octets', handover(here, here, bytes(1503)), [spare.fileno()]),
        ('another version', handover(here, here, good, version=2), [spare.fileno()]),
        ('another family', handover(here, here, good, family=5), [spare.fileno()]),
        ('JSON', b'{"v":1,"id":1,"op":"stats"}', [spare.fileno()]),
        ('one octet', b'\x01', [])]:
    bad = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bad.connect(path)
    socket.send_fds(bad, [message], fds)
    bad.settimeout(5)
    try:
        end = bad.recv(10)
    except ConnectionError:
        end = b''
    except TimeoutError:
        end = None
    t.equal(end, b'', f'{name}: that front door is dropped')
    bad.close()
t.ok(wait_for(lambda: relay.descriptors() <= before), 'and no descriptor is left behind')

# What is no TCP connection, but has the form: it is closed when it does not go.
gate.sock.settimeout(5)
socket.send_fds(gate.sock, [handover(here, here, good)], [null])
socket.send_fds(gate.sock, [handover(here, here, good)], [spare.fileno()])
t.equal(ask(gate, made['ice'])[1], stunlib.SUCCESS, 'descriptors of other kinds disturb nobody')
t.ok(wait_for(lambda: stats('tcp_connections') <= 2), 'and are closed')
many = []
for _ in range(GATES_MAX + 2):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)
    many.append(s)
ends = 0
for s in many:
    s.settimeout(0.1)
    try:
        ends += s.recv(1) == b''
    except TimeoutError:
        pass
t.equal(ends, 3, f'{GATES_MAX} front doors are taken, the others refused')
for s in many:
    s.close()
t.equal(conn.check(made['ice']['ufrag'], 'J8X7', made['ice']['pwd']), stunlib.SUCCESS,
        'the connection from before lives on')
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
