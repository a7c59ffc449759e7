#!/usr/bin/env python3
# rtc-stun-probe over TCP: each verdict; and the word that UDP is cut where TCP is not.
# runs under: address
# runs beside others
import json
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from relaylib import BIN, Relay, Tap, free_port, session

t = Tap()
relay = Relay('--tcp', f'127.0.0.1:{free_port()}')  # whose number nobody is given for UDP
signal = relay.connect('signal')
port = {e['proto']: e['port'] for e in signal.hello['listen']}['tcp']
made = signal.ask('session.create', **session(stream='probe/a'))
ufrag, pwd = made['ice']['ufrag'], made['ice']['pwd']


def run(*args):
    p = subprocess.run([f'{BIN}/rtc-stun-probe', *args], capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout


def verdicts(*args):
    code, out = run('-j', *args)
    report = json.loads(out)
    return code, report['verdict'], [(a['transport'], a['verdict']) for a in report['addresses']]


class Server:
    """Does one thing with every connection."""

    def __init__(self, act):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.serve, args=[act], daemon=True).start()

    def serve(self, act):
        while True:
            conn, _ = self.listener.accept()
            conn.recv(1000)
            act(conn)
            self.kept.append(conn)


at = f'127.0.0.1:{port}'
code, out = run('--tcp', at)
t.ok(code == 0 and out.startswith(f'ok   tcp {at} answers in ') and 'no NAT' in out, 'the relay answers over TCP', out)
t.equal(verdicts('-T', at), (0, 'ok', [('tcp', 'ok')]), 'in JSON, too')
code, out = run('-T', '--ufrag', ufrag + ':J8X7', '--pwd', pwd, at)
t.ok(code == 0 and 'authenticated' in out, 'a check of a session, authenticated', out)
code, out = run('-T', '-c', '20', '-i', '0.01', '--ufrag', ufrag + ':J8X7', '--pwd', pwd, at)
t.ok(code == 0 and '20 sent, 20 answered' in out, 'twenty of them over one connection', out)
t.equal(verdicts('-T', '--ufrag', ufrag, '--pwd', 'x' * 24, at), (21, 'auth', [('tcp', 'auth')]), 'a wrong password')

code, out = run(at)
t.ok(code == 42 and 'FAIL udp' in out and f'ok   tcp {at} answers' in out and 'UDP is cut, TCP is not' in out,
     'UDP closed, TCP open: it says so, 42', out)
hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
hole.bind(('127.0.0.1', port))
t.equal(verdicts('-t', '0.3', at), (42, 'tcp-only', [('udp', 'silent'), ('tcp', 'ok')]), 'UDP silent, TCP open')

with socket.create_server(('127.0.0.1', 0)) as s:
    closed = '127.0.0.1:%d' % s.getsockname()[1]
code, out = run('-T', closed)
t.ok(code == 41 and 'connection refused' in out, 'nobody listens: 41', out)
t.equal(verdicts(closed), (41, 'closed', [('udp', 'closed')]), 'neither over UDP: one line')
hangs = Server(lambda c: c.close())
t.equal(verdicts('-T', hangs.address), (41, 'hang-up', [('tcp', 'hang-up')]), 'a server that closes')
mute = Server(lambda c: None)
t.equal(verdicts('-T', '-t', '0.3', mute.address), (41, 'mute', [('tcp', 'mute')]), 'one that says nothing')
http = Server(lambda c: (c.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n'), c.close()))
t.equal(verdicts('-T', http.address), (41, 'not-stun', [('tcp', 'not-stun')]), 'one that speaks HTTP')
t.equal(verdicts('-t', '0.3', mute.address)[:2], (41, 'closed'), 'UDP closed and TCP mute is UDP closed')
t.equal(relay.stop(), 0, 'the relay ends with status 0')
t.done()
