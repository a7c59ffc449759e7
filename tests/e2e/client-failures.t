#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtc-publish and rtc-play against servers that are broken in one way each: the exit status of the
stage, words that name the cause, a DELETE where there is a session, an end in bounded time."""
import os
import re
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BIN = os.environ.get('RTC_BIN', os.path.join(os.getcwd(), 'build/bin'))
TIMEOUT_S = 2
count = failed = 0

FINGERPRINT = 'sha-256 ' + ':'.join(['AB'] * 32)
ICE = 'a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n'


def ok(value, name, detail=''):
    global count, failed
    count += 1
    failed += not value
    print(f"{'ok' if value else 'not ok'} {count} - {name}", flush=True)
    if not value:
        print('#   ' + str(detail).replace('\n', '\n#   '), flush=True)


def answer(offer, candidates, fingerprint=FINGERPRINT, codec=None):
    """An answer to an offer of ours: its m-lines with the first payload type of each."""
    text = 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE ' + \
        ' '.join(re.findall(r'a=mid:(\S+)', offer)) + '\r\n'
    for section in offer.split('\r\nm=')[1:]:
        kind, port, proto, pt = section.split('\r\n')[0].split(' ')[:4]
        mid = re.search(r'a=mid:(\S+)', section).group(1)
        rtpmap = re.search(rf'a=rtpmap:{pt} (\S+)', section).group(1)
        text += f'm={kind} 9 {proto} {pt}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\n' \
            f'a=rtpmap:{pt} {codec or rtpmap}\r\n{ICE}a=setup:passive\r\n'
        text += 'a=recvonly\r\n' if 'a=sendonly' in section else 'a=sendonly\r\n'
        text += f'a=fingerprint:{fingerprint}\r\n' if fingerprint else ''
        text += ''.join(f'a=candidate:{c}\r\n' for c in candidates)
    return text


class Broken(BaseHTTPRequestHandler):
    """Behaves as its server's `how` says."""

    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def reply(self, status, headers=(), body=''):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body.encode())
        self.close_connection = True

    def do_POST(self):
        offer = self.rfile.read(int(self.headers['Content-Length'])).decode()
        self.server.posts += 1
        self.server.how(self, offer)

    def do_DELETE(self):
        self.server.deletes += 1
        self.reply(self.server.delete_status)


def created(make, location='/session/1'):
    """A server that answers 201 with what make(offer) returns."""
    headers = [('Content-Type', 'application/sdp')] + ([('Location', location)] if location else [])
    return lambda h, offer: h.reply(201, headers, make(offer))


def status(code, *headers):
    return lambda h, offer: h.reply(code, headers)


def stall(h, offer):
    time.sleep(TIMEOUT_S + 2)    # what is tested is that nobody waits for it


def drip(h, offer):
    """A byte now and then, for ever: the whole request has one time limit."""
    try:
        h.wfile.write(b'HTTP/1.1 201 Created\r\nX: ')
        for _ in range(100):
            h.wfile.write(b'x')
            h.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(('127.0.0.1', 0))
SILENT = silent.getsockname()[1]


def udp(address='127.0.0.1', port=None):
    return f'1 1 udp 2130706431 {address} {port or SILENT} typ host'


TCP = '1 1 tcp 1671430143 127.0.0.1 9 typ host tcptype passive'
CASES = [
    # name, exit status, pattern of the words, how, DELETE status, sessions to be deleted
    ('200 instead of 201', 20, '200.*201', status(200), 200, 0),
    ('a redirect that loses the POST', 20, '307 or 308', status(301, ('Location', '/x')), 200, 0),
    ('redirects without end', 20, '307', status(307, ('Location', '/x')), 200, 0),
    ('401', 21, 'token', status(401), 200, 0),
    ('404', 20, '404.*path', status(404), 200, 0),
    ('503', 20, '503.*overloaded', status(503), 200, 0),
    ('silence', 20, 'timed out', stall, 200, 0),
    ('a drip of bytes', 20, 'timed out', drip, 200, 0),
    ('an answer of a megabyte', 20, 'too large', created(lambda o: 'x' * 1000000), 200, 0),
    ('no Location', 22, 'Location', created(lambda o: answer(o, [udp()]), None), 200, 0),
    ('no body', 30, 'no body', created(lambda o: ''), 200, 1),
    ('a body that is not SDP', 30, '.', created(lambda o: '<html>'), 200, 1),
    ('no fingerprint', 30, 'fingerprint', created(lambda o: answer(o, [udp()], None)), 200, 1),
    ('a codec that was not offered', 30, '.',
     created(lambda o: answer(o, [udp()], codec='VP8/90000')), 200, 1),
    ('no candidate', 40, 'candidate', created(lambda o: answer(o, [])), 200, 1),
    ('a name that does not resolve', 40, 'resolve',
     created(lambda o: answer(o, [udp('nosuch.invalid')])), 200, 1),
    ('candidates of TCP only', 42, 'TCP', created(lambda o: answer(o, [TCP])), 200, 1),
    ('UDP that is silent', 41, '.', created(lambda o: answer(o, [udp()])), 200, 1),
    ('a port that is closed', 41, 'nothing listens', created(lambda o: answer(o, [udp(port=9)])), 200, 1),
    ('a DELETE that fails too', 41, 'DELETE', created(lambda o: answer(o, [udp()])), 500, 1),
]


def check(case):
    """The results of one server: (value, name, detail) of both programs."""
    name, want, words, how, delete_status, deletes = case
    server = ThreadingHTTPServer(('127.0.0.1', 0), Broken)
    server.daemon_threads = True
    server.how, server.delete_status, server.posts, server.deletes = how, delete_status, 0, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, results = f'http://127.0.0.1:{server.server_port}/whip', []
    for program, *args in (('rtc-publish', '--test=160x90@5'), ('rtc-play',)):
        server.deletes = 0
        began = time.monotonic()
        p = subprocess.run([f'{BIN}/{program}', '--timeout', str(TIMEOUT_S), *args, url],
                           capture_output=True, timeout=60)
        took, text = time.monotonic() - began, p.stderr.decode()
        results.append((p.returncode == want and re.search(words, text),
                        f'{name}: {program} exits {want}', f'{p.returncode} {text}'))
        results.append((server.deletes == deletes and took < 4 * TIMEOUT_S,
                        f'{name}: {"its session is deleted" if deletes else "nothing to delete"}, '
                        'in time', f'{server.deletes} DELETEs, {took:.1f} s'))
    server.shutdown()
    return results


def two_signals():
    """The first one waits for the answer of the POST, to delete; the second does not."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), Broken)
    server.daemon_threads = True
    server.how, server.delete_status, server.posts, server.deletes = stall, 200, 0, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    p = subprocess.Popen([f'{BIN}/rtc-play', f'http://127.0.0.1:{server.server_port}/'],
                         stderr=subprocess.DEVNULL)
    while server.posts == 0:
        time.sleep(0.01)
    began = time.monotonic()
    p.terminate()
    try:
        p.wait(0.5)
    except subprocess.TimeoutExpired:
        pass
    ok(p.poll() is None, 'a first signal waits for the session that may come')
    p.terminate()
    ok(p.wait(10) == 128 + 15 and time.monotonic() - began < 1.5, 'a second one quits at once')


def kept_alive():
    """A server gives up the connection it kept alive just as the DELETE comes: it is reset, unread."""
    http, media = socket.create_server(('127.0.0.1', 0)), socket.socket(type=socket.SOCK_DGRAM)
    media.bind(('127.0.0.1', 0))
    for s in (http, media):
        s.settimeout(10)
    p = subprocess.Popen([f'{BIN}/rtc-publish', '-q', '--test', f'http://127.0.0.1:{http.getsockname()[1]}/'],
                         stderr=subprocess.PIPE)
    first, _ = http.accept()
    first.settimeout(10)
    request = first.makefile('rb')
    length = next(int(line[15:]) for line in request if line.lower().startswith(b'content-length:'))
    while request.readline().strip():
        pass
    body = answer(request.read(length).decode(), [udp(port=media.getsockname()[1])])
    first.sendall(b'HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nLocation: /session/1\r\n'
                  + f'Content-Length: {len(body)}\r\n\r\n{body}'.encode())
    media.recv(2000)    # the answer was taken
    p.terminate()
    first.recv(1, socket.MSG_PEEK)
    time.sleep(0.3)     # until the client waits for its answer
    request.close()
    first.close()
    try:
        second, _ = http.accept()
        asked = second.recv(65536)
        second.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    except OSError as e:
        asked = str(e).encode()
    _, err = p.communicate(timeout=20)
    ok(asked.startswith(b'DELETE /session/1 '), 'a DELETE that a kept connection loses is sent by another', asked)
    ok(p.returncode == 0, 'and it ends with 0', (p.returncode, err))


with ThreadPoolExecutor(5) as pool:    # most of a case is waiting
    for results in pool.map(check, CASES):
        for result in results:
            ok(*result)
two_signals()
kept_alive()
print(f'1..{count}')
os._exit(1 if failed else 0)
