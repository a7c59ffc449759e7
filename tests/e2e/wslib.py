"""A WebSocket client (RFC 6455) of the tests: small, and able to do what must not be done."""
import base64
import hashlib
import json
import os
import socket
import struct
import time

GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def request(port, data):
    """Send octets, return (status, head and body) of what comes until the end."""
    with socket.create_connection(('127.0.0.1', port), 5) as s:
        s.sendall(data)
        out = b''
        try:
            while chunk := s.recv(65536):
                out += chunk
        except OSError:
            pass
    return int(out.split()[1]) if out.startswith(b'HTTP/1.1 ') else None, out


def unix(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(path)
    return s


def frame(opcode, payload=b'', fin=True, mask=True, length=None):
    """One frame; mask False and a wrong length are against the rules."""
    n = len(payload) if length is None else length
    head = bytes([fin << 7 | opcode])
    head += bytes([mask << 7 | n]) if n < 126 else \
        bytes([mask << 7 | 126]) + struct.pack('>H', n) if n < 65536 else \
        bytes([mask << 7 | 127]) + struct.pack('>Q', n)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


class Ws:
    def __init__(self, port, path='/sig/v1/rtc', **fields):
        """port of this host, or path of a Unix socket."""
        self.key = base64.b64encode(os.urandom(16)).decode()
        self.s = unix(port) if isinstance(port, str) else socket.create_connection(('127.0.0.1', port), 5)
        head = {'Host': 'localhost', 'Upgrade': 'websocket', 'Connection': 'Upgrade',
                'Sec-WebSocket-Key': self.key, 'Sec-WebSocket-Version': '13',
                **{k.replace('_', '-'): v for k, v in fields.items()}}
        self.s.sendall((f'GET {path} HTTP/1.1\r\n' + ''.join(f'{k}: {v}\r\n' for k, v in head.items()) +
                        '\r\n').encode())
        self.buf = b''
        self.auto_pong = True
        self.tid = 0
        self.inbox = []
        while b'\r\n\r\n' not in self.buf:
            chunk = self.s.recv(4096)
            if not chunk:
                break
            self.buf += chunk
        head, _, self.buf = self.buf.partition(b'\r\n\r\n')
        self.head = head.decode()
        accept = base64.b64encode(hashlib.sha1((self.key + GUID).encode()).digest()).decode()
        self.ok = self.head.startswith('HTTP/1.1 101 ') and accept in self.head

    def read_frame(self, seconds=5):
        """(opcode, payload); None at the end of the connection; raises TimeoutError."""
        end = time.monotonic() + seconds
        while True:
            if len(self.buf) >= 2:
                n, at = self.buf[1] & 127, 2
                if n == 126 and len(self.buf) >= 4:
                    n, at = struct.unpack('>H', self.buf[2:4])[0], 4
                elif n == 127 and len(self.buf) >= 10:
                    n, at = struct.unpack('>Q', self.buf[2:10])[0], 10
                elif n >= 126:
                    at = 1 << 30
                if len(self.buf) >= at + n:
                    got = self.buf[0] & 15, self.buf[at:at + n]
                    self.buf = self.buf[at + n:]
                    return got
            self.s.settimeout(max(0.01, end - time.monotonic()))
            try:
                chunk = self.s.recv(65536)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self.buf += chunk

    def read(self, seconds=5):
        """The next message as JSON, pings answered; ('closed', code) at the end."""
        while True:
            got = self.read_frame(seconds)
            if got is None:
                return 'closed', 1006
            opcode, payload = got
            if opcode == PING and self.auto_pong:
                self.s.sendall(frame(PONG, payload))
            elif opcode == CLOSE:
                return 'closed', struct.unpack('>H', payload[:2])[0] if payload else 1005
            elif opcode == TEXT:
                return json.loads(payload)

    def answer_pings(self):
        """Of who is not read for long, or it is taken for dead; what else came is of no interest."""
        try:
            while not isinstance(self.read(0.01), tuple):
                pass
        except TimeoutError:
            pass

    def send(self, opcode, payload=b'', **kw):
        self.s.sendall(frame(opcode, payload, **kw))

    def ask(self, action, **msg):
        """The answer to a request; notices that come before it are kept."""
        self.tid += 1
        self.send(TEXT, json.dumps({'tid': f't{self.tid}', 'msg': {'action': action, **msg}}).encode())
        while True:
            got = self.read()
            if isinstance(got, tuple) or got.get('tid') == f't{self.tid}':
                return got
            self.inbox.append(got)

    def notice(self, seconds=5):
        """The msg of the next notice."""
        got = self.inbox.pop(0) if self.inbox else self.read(seconds)
        return got if isinstance(got, tuple) else got['msg']

    def close(self):
        self.s.close()
