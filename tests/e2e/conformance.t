#!/usr/bin/env python3
# runs under: address
# runs beside others
"""The conformance program against rtc-whip, alone and behind rtc-gate (http and https), nginx and haproxy,
with and without a token; and against a server that keeps no rule, which it must find out."""
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frontlib
from relaylib import BIN, Relay, Tap, wait_for

LIMIT_S = 90
t = Tap()
relay = Relay()
children = []


def start(program, *args):
    """A program that listens on a port of 127.0.0.1; the port."""
    r, w = os.pipe()
    log = open(os.path.join(relay.dir, program + '.log'), 'w+')
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
    t.ok(p.returncode == 0 and len(rows) > 80, f'{where}: {len(rows)} rows', p.stdout + p.stderr)


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


class Careless(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        self.send_response(201)
        self.send_header('Content-Length', '0')
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *args):
        pass


try:
    token = os.path.join(relay.dir, 'token')
    with open(token, 'w') as f:
        f.write('right-token\n')
    port = start('rtc-whip', '-l', '127.0.0.1:0', '-c', '192.0.2.1', '--ice-server', 'stun:192.0.2.3')
    passes('alone', f'http://127.0.0.1:{port}/rtc/v1/whip/?app=live&stream=a')
    start('rtc-whip', '-S', os.path.join(relay.dir, 'whip.sock'), '-c', '192.0.2.1', '-t', token)
    port = start('rtc-gate', '-l', '127.0.0.1:0')
    passes('behind the gate', '-t', token, f'http://127.0.0.1:{port}/rtc/v1/whip/?app=live&stream=b')
    port = start('rtc-gate', '--tls-listen', '127.0.0.1:0', '--self-signed', os.path.join(relay.dir, 'tls'))
    passes('behind the gate by https', '-k', '-t', token, f'https://127.0.0.1:{port}/rtc/v1/whip/?app=live&stream=c')
    frontlib.certificate(relay.dir)
    for name in ('nginx', 'haproxy'):
        behind(name, token)
    careless = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Careless)
    threading.Thread(target=careless.serve_forever, daemon=True).start()
    p, rows = conform(f'http://127.0.0.1:{careless.server_port}/')
    bad = len([v for v, _ in rows if v != 'ok'])
    t.ok(p.returncode == 1 and bad > 40, f'a server that keeps no rule fails {bad} of {len(rows)}', p.stdout)
    careless.shutdown()
    p, _ = conform('nonsense')
    t.ok(p.returncode == 64 and 'usage' in p.stderr, 'wrong usage is 64')
finally:
    for child in reversed(children):
        child.terminate()
        t.ok(child.wait(10) == 0, 'a program ends with 0')
    relay.stop()
t.done()
