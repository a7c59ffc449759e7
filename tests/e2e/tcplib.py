"""ICE-TCP for the tests: framed packets (RFC 4571), and a bridge that puts a UDP client on TCP."""
import select
import socket
import struct
import threading
import time

import stunlib


def frame(packet):
    return struct.pack('!H', len(packet)) + packet


class Framed:
    """A connection to the relay that speaks framed packets."""

    def __init__(self, address, rcvbuf=0, source='127.0.0.1'):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(5)
        self.sock.bind((source, 0))
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b''

    def send(self, packet):
        self.sock.sendall(frame(packet))

    def take(self):
        """Whole packets of what has come."""
        out = []
        while len(self.data) >= 2:
            size = struct.unpack('!H', self.data[:2])[0]
            if len(self.data) < 2 + size:
                break
            out.append(self.data[2:2 + size])
            self.data = self.data[2 + size:]
        return out

    def receive(self, seconds=5):
        """The next packet; b'' at the end of the stream; None when the time is over."""
        end = time.monotonic() + seconds
        while True:
            if len(self.data) >= 2 and len(self.data) >= 2 + struct.unpack('!H', self.data[:2])[0]:
                size = struct.unpack('!H', self.data[:2])[0]
                packet, self.data = self.data[2:2 + size], self.data[2 + size:]
                return packet
            self.sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                more = self.sock.recv(65536)
            except TimeoutError:
                return None
            except ConnectionError:
                return b''
            if more == b'':
                return b''
            self.data += more

    def check(self, ufrag, remote, pwd, seconds=5):
        """Type of the answer to a connectivity check; b'' or None as receive()."""
        self.send(stunlib.check(ufrag, remote, pwd))
        answer = self.receive(seconds)
        return stunlib.kind_of(answer) if answer else answer

    def ends(self, seconds=5):
        """Is the connection closed by the other side?"""
        end = time.monotonic() + seconds
        while True:
            packet = self.receive(max(0.001, end - time.monotonic()))
            if packet == b'':
                return True
            if packet is None:
                return False

    def close(self):
        self.sock.close()


class Bridge:
    """
    A UDP port whose clients are each put on a TCP connection to the relay. limit: octets a second
    that are read from the relay for each client; None: all. What is read goes on at once.
    """

    def __init__(self, relay, rcvbuf=0):
        self.relay, self.rcvbuf, self.limit = relay, rcvbuf, None
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(('127.0.0.1', 0))
        self.udp.setblocking(False)
        self.port = self.udp.getsockname()[1]
        self.clients = {}
        self.bad = 0	# octets that no frame can begin with
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def from_clients(self):
        while True:
            try:
                data, who = self.udp.recvfrom(65536)
            except BlockingIOError:
                return
            if who not in self.clients:
                self.clients[who] = Framed(self.relay, self.rcvbuf)
            try:
                self.clients[who].sock.settimeout(5)
                self.clients[who].send(data)
            except OSError:
                self.clients.pop(who).close()

    def from_relay(self, who, conn, octets):
        try:
            more = conn.sock.recv(octets, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            more = b''
        if more == b'':
            self.clients.pop(who).close()
            return 0
        conn.data += more
        for packet in conn.take():
            self.bad += packet[0] > 191 or len(packet) > 1500
            self.udp.sendto(packet, who)
        return len(more)

    def run(self):
        last, credit = time.monotonic(), {}
        while not self.stopping:
            socks = {c.sock: w for w, c in self.clients.items()
                     if self.limit is None or credit.get(w, 0) > 0}
            ready, _, _ = select.select([self.udp, *socks], [], [], 0.005)
            now = time.monotonic()
            for w in self.clients:
                if self.limit is not None:
                    credit[w] = min(credit.get(w, 0) + (now - last) * self.limit, self.limit / 10)
            last = now
            if self.udp in ready:
                self.from_clients()
            for sock in ready:
                w = socks.get(sock)
                if w is not None and w in self.clients:
                    most = 65536 if self.limit is None else max(1, int(credit.get(w, 0)))
                    got = self.from_relay(w, self.clients[w], most)
                    credit[w] = credit.get(w, 0) - got

    def close(self):
        self.stopping = True
        self.thread.join(5)
        for c in self.clients.values():
            c.close()
        self.udp.close()


def handover(remote, local, octets, version=1, family=4, count=None):
    """The message of rtc-control(5) by which a front door passes a connection on."""
    return (struct.pack('!BBHHH', version, family, len(octets) if count is None else count, remote[1], local[1]) +
            socket.inet_aton(remote[0]) + bytes(12) + socket.inet_aton(local[0]) + bytes(12) + octets)


class Gate:
    """A front door: a listener of its own, whose connections are passed on to the relay."""

    def __init__(self, path):
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(path)
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.address = self.listener.getsockname()

    def pass_on(self, remote=None):
        """Accept one connection, read its first frame and pass it on; remote: the address to tell."""
        conn, peer = self.listener.accept()
        octets = b''
        while len(octets) < 2 or len(octets) < 2 + struct.unpack('!H', octets[:2])[0]:
            octets += conn.recv(1502 - len(octets))
        socket.send_fds(self.sock, [handover(remote or peer, self.address, octets)], [conn.fileno()])
        conn.close()

    def close(self):
        self.sock.close()
        self.listener.close()
