"""What the tests of rtc-relay share: the program on ports of its own, its sockets, TAP."""
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BIN = os.environ.get('RTC_BIN', os.path.join(os.getcwd(), 'build/bin'))
PWD = 'l91z529147ri9163933p51c4'


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, condition, name, detail=''):
        self.count += 1
        self.failed += not condition
        print(f"{'ok' if condition else 'not ok'} {self.count} - {name}", flush=True)
        if not condition and detail != '':
            print('# ' + str(detail).replace('\n', '\n# '), flush=True)
        return condition

    def equal(self, got, want, name):
        return self.ok(got == want, name, f'got  {got!r}\nwant {want!r}')

    def done(self):
        print(f'1..{self.count}', flush=True)
        sys.exit(1 if self.failed else 0)


def wait_for(condition, seconds=5):
    """Poll until condition() is true; False when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def free_port(address='127.0.0.1'):
    """
    A port of TCP and UDP that nobody has, for a program that is told it: not of those that the kernel
    deals out, or another test could be given it between our look and the program's.
    """
    with open('/proc/sys/net/ipv4/ip_local_port_range') as f:
        top = int(f.read().split()[0])
    for _ in range(1000):
        port = random.SystemRandom().randrange(10000, top) if top > 11000 else 0
        try:
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind((address, port))
                udp.bind((address, tcp.getsockname()[1]))
                return tcp.getsockname()[1]
        except OSError:
            continue
    raise OSError('no free port')


class Relay:
    def __init__(self, *args, bind='127.0.0.1:0', env=None, stderr=None):
        self.dir = tempfile.mkdtemp(prefix='rtc-')
        r, w = os.pipe()
        os.set_inheritable(w, True)
        self.log = open(os.path.join(self.dir, 'log'), 'w+')
        self.proc = subprocess.Popen(
            [f'{BIN}/rtc-relay', '-u', bind, '-R', str(w), *args], pass_fds=[w],
            stderr=self.log if stderr is None else stderr, env={**os.environ, 'RTC_RUN': self.dir, **(env or {})})
        os.close(w)
        self.ready = os.read(r, 1) == b'\n'
        os.close(r)

    def connect(self, role):
        return Peer(os.path.join(self.dir, 'relay', f'{role}.sock'))

    def status(self, key):
        for line in open(f'/proc/{self.proc.pid}/status'):
            if line.startswith(key + ':'):
                return int(line.split()[1])
        return 0

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.proc.pid}/fd'))

    def logged(self):
        return open(os.path.join(self.dir, 'log')).read()

    def stop(self):
        """Exit status after SIGTERM, -SIGKILL if it had to be killed."""
        self.proc.send_signal(signal.SIGTERM)
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        return self.proc.returncode


class Peer:
    """A connection to one of the relay's sockets."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(5)
        self.sock.connect(path)
        self.events = []
        self.id = 0
        self.hello = self.read()

    def read(self, seconds=5):
        """One JSON message, bytes of a packet, or None at the end."""
        self.sock.settimeout(seconds)
        data = self.sock.recv(70000)
        if data == b'':
            return None
        return json.loads(data) if data[:1] == b'{' else data

    def send(self, data):
        self.sock.send(data if isinstance(data, bytes) else json.dumps(data).encode())

    def ask(self, op, **members):
        self.id += 1
        self.send({'v': 1, 'id': self.id, 'op': op, **members})
        while True:
            msg = self.read()
            if msg is None or isinstance(msg, dict) and msg.get('id') == self.id:
                return msg
            self.events.append(msg)

    def wait_event(self, name, seconds=5, **members):
        """The first event of the name whose members match; None when the time is over."""
        end = time.monotonic() + seconds
        while True:
            for i, e in enumerate(self.events):
                if isinstance(e, dict) and e.get('event') == name and \
                        all(e.get(k) == v for k, v in members.items()):
                    return self.events.pop(i)
            try:
                msg = self.read(max(0.01, end - time.monotonic()))
            except TimeoutError:
                return None
            if msg is None:
                return None
            self.events.append(msg)

    def close(self):
        self.sock.close()


def codec(name='H264', pt=96, **more):
    return {'name': name, 'clock_rate': 48000 if name == 'opus' else 90000, 'pt': pt, **more}


def tracks(*codecs):
    """One media section per codec."""
    return [{'mid': str(i), 'kind': 'audio' if c['name'] == 'opus' else 'video', 'codecs': [c]}
            for i, c in enumerate(codecs)]


FINGERPRINT = {'hash': 'sha-256', 'value': ':'.join(['AB'] * 32)}


def session(kind='publish', stream='live/a', **more):
    return {'kind': kind, 'stream': stream, 'ice': {'ufrag': 'J8X7', 'pwd': PWD},
            'dtls': {'role': 'server', 'fingerprint': FINGERPRINT},
            'tracks': tracks(codec(), codec('opus', 111, channels=2)), **more}


def find(o, key):
    """The first member of that name, at any depth."""
    if isinstance(o, dict):
        if key in o:
            return o[key]
        o = list(o.values())
    for v in o if isinstance(o, list) else []:
        found = find(v, key)
        if found is not None:
            return found
    return None


IDR, SLICE = b'\x65\x88' + b'k' * 50, b'\x41\x9a' + b'd' * 50


def rtp(pt, seq, ts, payload, marker=0, ssrc=7):
    return struct.pack('!BBHII', 0x80, marker << 7 | pt, seq & 0xffff, ts & 0xffffffff, ssrc) + payload


def packets(peer, count, seconds=5):
    out, end = [], time.monotonic() + seconds
    while len(out) < count and time.monotonic() < end:
        try:
            msg = peer.read(0.2)
        except TimeoutError:
            continue
        if isinstance(msg, bytes):
            out.append(msg)
        elif msg is not None:
            peer.events.append(msg)
    return out
