"""A bad path to a relay: a UDP port of its own that loses, delays, reorders, doubles and holds back by a
seeded draw."""
import heapq
import random
import select
import socket
import threading
import time

BATCH = 64
QUEUE_S = 0.25      # what a narrow link keeps; the rest is lost


def bound(address='127.0.0.1'):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((address, 0))
    s.setblocking(False)
    return s


class Link(threading.Thread):
    """Datagrams between clients and server, and what becomes of them while bad: loss: the share that is
    lost, each for itself or, with burst > 1, so many in a row; late: the share that comes late_s later
    than it would; delay_s: all of them; jitter_s: as much again at most, each as drawn; double: the
    share that comes twice; rate_bps: what each direction carries, a queue before it.
    first_of: the first packet of that payload type towards the client is lost, whatever else."""

    def __init__(self, server, seed, loss=0.0, burst=1, late=0.0, late_s=0.015, bad=True,
                 first_of=None, delay_s=0.0, jitter_s=0.0, double=0.0, rate_bps=0):
        super().__init__(daemon=True)
        self.server, self.rng, self.delayed = server, random.Random(seed), []
        self.loss, self.burst, self.late, self.late_s, self.bad = loss, burst, late, late_s, bad
        self.delay_s, self.jitter_s, self.double, self.rate_bps = delay_s, jitter_s, double, rate_bps
        self.first_of = first_of
        self.run_left, self.busy = {}, {}       # of a burst, until when it sends: in each direction
        self.inside = bound(server[0])
        self.port = self.inside.getsockname()[1]
        self.outside = {}       # client -> its socket
        self.clients = {}       # and back
        self.lost = self.passed = self.doubled = self.overtaken = self.waited = self.count = 0
        self.newest = {}        # by direction: the number of the newest that was passed on
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
            return
        copies = 2 if self.draw(self.double) else 1
        self.doubled += copies - 1
        for _ in range(copies):
            wait = self.wait(len(data), direction)
            if wait is None:
                self.lost += 1
                continue
            self.hold(wait, sock, data, to, direction)

    def hold(self, seconds, sock, data, to, direction):
        """It is passed on after so long."""
        self.count += 1
        if seconds > 0:
            heapq.heappush(self.delayed, (time.monotonic() + seconds, self.count, sock, data, to, direction))
        else:
            self.pass_on(self.count, sock, data, to, direction)

    def draw(self, share):
        return self.bad and share > 0 and self.rng.random() < share

    def wait(self, size, direction):
        """Seconds until it is passed on; None: the queue is full."""
        if not self.bad:
            return 0
        wait = self.delay_s + (self.late_s if self.draw(self.late) else 0)
        if self.jitter_s > 0:
            wait += self.jitter_s * self.rng.random()
        if self.rate_bps:
            now = time.monotonic()
            free = max(self.busy.get(direction, now), now)
            if free - now > QUEUE_S:
                return None
            self.waited += free > now
            self.busy[direction] = free + size * 8 / self.rate_bps
            wait += free - now
        return wait

    def pass_on(self, number, sock, data, to, direction):
        self.passed += 1
        self.overtaken += number < self.newest.get(direction, 0)
        self.newest[direction] = max(number, self.newest.get(direction, 0))
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
                _, *what = heapq.heappop(self.delayed)
                self.pass_on(*what)
