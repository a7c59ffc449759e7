"""For the tests of TURN: servers that lie; a WHEP server whose agent is a full one."""
import http.server
import os
import socket
import struct
import threading
import urllib.parse
import urllib.request

from stunlib import COOKIE, ERROR_CODE, attr, message

ALLOCATE, ALLOCATED, REFUSED = 0x0003, 0x0103, 0x0113
REALM, NONCE, RELAYED, LIFETIME = 0x0014, 0x0015, 0x0016, 0x000d


def refusal(request, code, *attrs):
    return message(REFUSED, request[8:20],
                   attr(ERROR_CODE, struct.pack('!HBB', 0, code // 100, code % 100)) + b''.join(attrs))


def challenge(request, code=401):
    return refusal(request, code, attr(REALM, b'liar'), attr(NONCE, os.urandom(8).hex().encode()))


def relayed(request, *more):
    address = struct.pack('!BBHI', 0, 1, 1234 ^ COOKIE >> 16, 0x0a610901 ^ COOKIE)
    return message(ALLOCATED, request[8:20], attr(RELAYED, address) + b''.join(more))


class Liar:
    """One socket; what it answers to each request is up to the mode."""
    MODES = {
        'silence': ('udp', lambda r: []),
        'noise': ('udp', lambda r: [os.urandom(n) for n in (0, 1, 3, 19, 20, 64, 1400)]),
        'echo': ('udp', lambda r: [r]),
        'cut': ('udp', lambda r: [challenge(r)[:n] for n in range(0, 40)]),
        'lengths': ('udp', lambda r: [r[:2] + struct.pack('!H', n) + challenge(r)[4:] for n in (0, 4, 60000)]),
        'attributes': ('udp', lambda r: [message(REFUSED, r[8:20], struct.pack('!HH', REALM, 60000) + bytes(8))]),
        'no nonce': ('udp', lambda r: [refusal(r, 401, attr(REALM, b'liar'))]),
        'huge realm': ('udp', lambda r: [refusal(r, 401, attr(REALM, b'r' * 1000), attr(NONCE, b'n'))]),
        'always 401': ('udp', lambda r: [challenge(r)]),
        'always 438': ('udp', lambda r: [challenge(r) if b'liar' not in r else challenge(r, 438)]),
        'unsigned': ('udp', lambda r: [challenge(r) if b'liar' not in r else
                                       relayed(r, attr(LIFETIME, struct.pack('!I', 600)))]),
        'no lifetime': ('udp', lambda r: [relayed(r)]),
        'lifetime 0': ('udp', lambda r: [relayed(r, attr(LIFETIME, bytes(4)))]),
        'no address': ('udp', lambda r: [message(ALLOCATED, r[8:20], attr(LIFETIME, struct.pack('!I', 600)))]),
        'short address': ('udp', lambda r: [message(ALLOCATED, r[8:20], attr(RELAYED, b'\0\1\0') +
                                                    attr(LIFETIME, struct.pack('!I', 600)))]),
        'stream of noise': ('tcp', lambda r: [b'\xff' * 4096]),
        'stream of HTTP': ('tcp', lambda r: [b'HTTP/1.1 400 Bad Request\r\n\r\n']),
        'stream of channels': ('tcp', lambda r: [struct.pack('!HH', 0x4000 + i, 65535) + bytes(65536)
                                                 for i in range(16)]),
        'stream without end': ('tcp', lambda r: [struct.pack('!HHI', ALLOCATED, 65532, COOKIE) + bytes(30000)]),
        'stream cut': ('tcp', lambda r: None),
    }

    def __init__(self, address, mode):
        self.transport, self.answer = self.MODES[mode]
        self.asked = 0
        self.s = socket.socket(socket.AF_INET,
                               socket.SOCK_DGRAM if self.transport == 'udp' else socket.SOCK_STREAM)
        self.s.bind((address, 0))
        self.port = self.s.getsockname()[1]
        if self.transport == 'tcp':
            self.s.listen()
        self.thread = threading.Thread(target=self.datagrams if self.transport == 'udp' else self.streams,
                                       daemon=True)
        self.thread.start()

    def datagrams(self):
        while True:
            try:
                data, peer = self.s.recvfrom(4096)
            except OSError:
                return
            if len(data) < 20:
                return
            self.asked += 1
            for out in self.answer(data):
                self.s.sendto(out, peer)

    def streams(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            try:
                data = c.recv(4096)
                self.asked += 1
                for out in self.answer(data) or []:
                    c.sendall(out)
                if self.answer(data):
                    c.recv(4096)
            except OSError:
                pass
            c.close()

    def stop(self):
        """A datagram of our own wakes the thread."""
        if self.transport == 'udp':
            self.s.sendto(b'end', self.s.getsockname())
            self.thread.join()
        else:
            self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()


class Full:
    """Before one of our endpoints: its answers without a=ice-lite, and all PATCHes are kept. patch: a
    status to refuse them with."""

    def __init__(self, address, behind, patch=None):
        outer, self.patches, self.statuses = self, [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            def forward(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                if self.command == 'PATCH':
                    outer.patches.append((dict(self.headers), body.decode()))
                    if patch:
                        outer.statuses.append(patch)
                        self.send_response(patch)
                        self.send_header('Content-Length', '0')
                        self.end_headers()
                        return
                url = urllib.parse.urljoin(behind, self.path)
                sent = {k: v for k, v in self.headers.items() if k.lower() not in ('host', 'content-length')}
                request = urllib.request.Request(url, body or None, sent, method=self.command)
                try:
                    answer = urllib.request.urlopen(request, timeout=10)
                except urllib.error.HTTPError as e:
                    answer = e
                if self.command == 'PATCH':
                    outer.statuses.append(answer.status)
                out = answer.read().replace(b'a=ice-lite\r\n', b'')
                self.send_response(answer.status)
                for k, v in answer.headers.items():
                    if k.lower() == 'location':
                        v = urllib.parse.urlsplit(v).path
                    if k.lower() not in ('content-length', 'transfer-encoding', 'connection', 'date', 'server'):
                        self.send_header(k, v)
                self.send_header('Content-Length', str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_POST = do_PATCH = do_DELETE = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
