"""A bad path to a relay: a UDP port of its own that loses, delays and reorders by a seeded draw."""
import random
import select
import socket
import threading
import time

BATCH = 64


def bound(address='127.0.0.1'):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((address, 0))
    s.setblocking(False)
    return s


class Link(threading.Thread):
    """Datagrams between clients and server. loss: the share that is lost, each for itself or, with
    burst > 1, so many in a row; late: the share that comes late_s later. Takes effect while bad.
    first_of: the first packet of that payload type towards the client is lost, whatever else."""

    def __init__(self, server, seed, loss=0.0, burst=1, late=0.0, late_s=0.015, bad=True,
                 first_of=None):
        super().__init__(daemon=True)
        self.server, self.rng, self.delayed = server, random.Random(seed), []
        self.loss, self.burst, self.late, self.late_s, self.bad = loss, burst, late, late_s, bad
        self.first_of = first_of
        self.run_left = {}      # of a burst, in each direction
        self.inside = bound(server[0])
        self.port = self.inside.getsockname()[1]
        self.outside = {}       # client -> its socket
        self.clients = {}       # and back
        self.lost = self.passed = 0
        self.start()

    def drops(self, direction):
        if not self.bad:
            return False
        if self.run_left.get(direction, 0) > 0:
            self.run_left[direction] -= 1
            return True
        # A burst begins so seldom that the share of the lost is loss.
        begin = self.loss / (self.burst - self.loss * (self.burst - 1))
        if self.rng.random() < begin:
            self.run_left[direction] = self.burst - 1
            return True
        return False

    def forward(self, sock, data, to, direction):
        first = direction == 'down' and len(data) > 12 and 128 <= data[0] < 192 and \
            data[1] & 0x7f == self.first_of
        if first:
            self.first_of = None
        if first or self.drops(direction):
            self.lost += 1
        elif self.bad and self.rng.random() < self.late:
            self.delayed.append((time.monotonic() + self.late_s, sock, data, to))
        else:
            self.passed += 1
            sock.sendto(data, to)

    def take(self, sock):
        for _ in range(BATCH):
            try:
                data, source = sock.recvfrom(2048)
            except BlockingIOError:
                return
            if sock is not self.inside:
                self.forward(self.inside, data, self.clients[sock], 'down')
                continue
            if source not in self.outside:
                self.outside[source] = bound(self.server[0])
                self.clients[self.outside[source]] = source
            self.forward(self.outside[source], data, self.server, 'up')

    def run(self):
        while True:
            for sock in select.select([self.inside, *self.outside.values()], [], [], 0.005)[0]:
                self.take(sock)
            while self.delayed and self.delayed[0][0] <= time.monotonic():
                _, sock, data, to = self.delayed.pop(0)
                sock.sendto(data, to)
