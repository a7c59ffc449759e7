#!/usr/bin/env python3
"""Media by TCP on the ports of rtc-gate: told from requests and TLS, handed to the relay with what was
read, or closed."""
# runs under: address
# runs beside others
import os
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stunlib  # noqa: E402
from gatelib import (DEADLINE_S, RUN, Client, Gate, Upstream, expect, get,  # noqa: E402
                     main, test, until)
from tcplib import frame  # noqa: E402

PATH = os.path.join(RUN, "relay", "tcp.sock")
CHECK = frame(stunlib.check("abcd", "efgh", "p" * 24))
os.mkdir(os.path.dirname(PATH))


class Relay:
    """What stands at the other end of relay/tcp.sock."""

    def __init__(self):
        if os.path.exists(PATH):
            os.unlink(PATH)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(PATH)
        self.listener.listen(4)
        self.listener.settimeout(DEADLINE_S)
        self.gate = None

    def take(self):
        """The next connection: peer, local address, octets, socket."""
        if self.gate is None:
            self.gate, _ = self.listener.accept()
            self.gate.settimeout(DEADLINE_S)
        data, fds, flags, _ = socket.recv_fds(self.gate, 4096, 4)
        expect(len(fds) == 1 and flags & socket.MSG_CTRUNC == 0, "one descriptor: %s" % fds)
        version, family, count, peer, local = struct.unpack(">BBHHH", data[:8])
        expect(version == 1 and family in (4, 6) and len(data) == 40 + count, data[:8])
        kind, size = (socket.AF_INET, 4) if family == 4 else (socket.AF_INET6, 16)
        expect(data[8 + size:24] == bytes(16 - size), "padding")
        conn = socket.socket(fileno=fds[0])
        conn.settimeout(DEADLINE_S)
        return ((socket.inet_ntop(kind, data[8:8 + size]), peer),
                (socket.inet_ntop(kind, data[24:24 + size]), local), data[40:], conn)

    def close(self):
        self.listener.close()
        if self.gate is not None:
            self.gate.close()


def dial(port, to, host="127.0.0.1"):
    s = socket.create_connection((host, to.ports[port]))
    s.settimeout(DEADLINE_S)
    return s


def is_closed(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


PORTS = ("http", "https", "http and https")


def start(*args, **kw):
    return Gate("--tls-listen", "127.0.0.1:0", "--both-listen", "127.0.0.1:0", "--self-signed",
                os.path.join(RUN, "own"), *args, **kw)


@test
def a_first_frame_takes_its_connection_to_the_relay():
    for port in PORTS:
        s = dial(port, gate)
        s.sendall(CHECK)
        peer, local, octets, conn = relay.take()
        expect(peer == s.getsockname() and local == s.getpeername(), (peer, local))
        expect(octets == CHECK, "the octets that were read")
        conn.sendall(b"from the relay")
        expect(s.recv(99) == b"from the relay", "one way")
        s.sendall(b"to the relay")
        expect(conn.recv(99) == b"to the relay", "the other way")
        conn.close()
        expect(is_closed(s), "the relay's end is the end: the gate kept no copy")


@test
def it_may_come_octet_by_octet_or_with_more():
    s = dial("http", gate)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for octet in CHECK:
        s.sendall(bytes([octet]))
    expect(relay.take()[2] == CHECK, "octet by octet")
    s = dial("https", gate)
    data = CHECK + frame(b"x" * 700) + frame(b"y" * 1500)
    s.sendall(data)
    _, _, octets, conn = relay.take()
    expect(octets == data[:len(octets)] and len(CHECK) <= len(octets) <= 1502, len(octets))
    while len(octets) < len(data):
        octets += conn.recv(4096)
    expect(octets == data, "nothing is lost between")
    message = stunlib.check("abcd", "efgh", "p" * 24)
    padded = message[:2] + struct.pack(">H", 1480) + message[4:]
    padded += struct.pack(">HH", 0xc057, 1500 - len(padded) - 4) + bytes(1500 - len(padded) - 4)
    dial("http", gate).sendall(frame(padded))
    expect(relay.take()[2] == frame(padded), "the longest first frame")


@test
def requests_and_tls_are_served_beside_it():
    for _ in range(2):
        expect(Client(gate_at("http")).ask(get("/x"))[0] == 200, "http")
    expect(Client(gate_at("http and https")).ask(get("/x"))[0] == 200, "http on a port of all three")
    client = Client(gate_at("http"))
    for octet in get("/x"):
        client.send(octet)
    expect(client.answer()[0] == 200, "octet by octet")


def gate_at(port):
    class At:
        @staticmethod
        def connect():
            return dial(port, gate)
    return At


@test
def what_is_no_check_is_closed():
    message = stunlib.check("abcd", "efgh", "p" * 24)
    rows = [b"\0\0", b"\0\x13" + bytes(19), struct.pack(">H", 1501) + message, b"\5\xff" + message,
            frame(b"\1\1" + message[2:]), frame(b"\0\3" + message[2:]), frame(bytes(40)),
            frame(b"\x80\x60" + bytes(100)), frame(message[:4] + b"\0\0\0\0" + message[8:]),
            frame(message[:2] + b"\0\0" + message[4:]), frame(message + b"\0"), frame(message[:-1]),
            message, b"\1" + bytes(300), b"\4" * 10]
    for port in PORTS:
        for data in rows:
            s = dial(port, gate)
            s.sendall(data)
            expect(is_closed(s), "%s: %r" % (port, data[:12]))
    for port in PORTS:  # and who leaves in the middle harms nobody
        s = dial(port, gate)
        s.sendall(CHECK[:30])
        s.close()
    expect(Client(gate_at("http")).ask(get("/x"))[0] == 200, "the gate serves")
    expect(gate.lines().count("neither a request nor media") < 20, "its log is not flooded")


@test
def who_begins_has_little_time_and_who_is_silent_is_told():
    own = start("--ice-tcp", "--head-timeout", "0.3", "--handshake-timeout", "0.3")
    begun = dial("http", own)
    began = time.monotonic()
    begun.sendall(CHECK[:-1])
    for port, status in (("http", b"408"), ("http and https", b"408")):
        expect(dial(port, own).recv(99).split(b" ")[1] == status, port)
    expect(is_closed(dial("https", own)), "https")
    expect(is_closed(begun) and time.monotonic() - began < 4, "a frame that does not end")
    dial("http", own).sendall(CHECK[:-1])
    waiting = dial("http", own)
    began = time.monotonic()
    own.stop()
    expect(time.monotonic() - began < 0.9 or "RTC_SANITIZER" in os.environ, "a stop does not wait")
    waiting.close()


@test
def limits_and_proxies_count_before():
    own = start("--ice-tcp", "--max-per-address", "1", "--proxy-protocol", "127.0.0.1")
    header = b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack(">H", 12) + \
        socket.inet_aton("203.0.113.9") + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 4, 443)
    other = Relay()
    s = dial("https", own)
    s.sendall(header + CHECK)
    peer, local, octets, conn = other.take()
    expect(peer == ("203.0.113.9", 4) and local == ("192.0.2.1", 443), "what the proxy says")
    expect(octets == CHECK, "the header is not among the octets")
    for _ in range(3):  # handed over, they do not count any more
        dial("https", own).sendall(header + CHECK)
        other.take()
    own.stop()
    other.close()


@test
def a_relay_that_restarts_is_found_again():
    relay.close()
    s = dial("http", gate)
    s.sendall(CHECK)
    expect(is_closed(s), "nobody there: closed")
    until(lambda: "cannot go to the relay" in gate.lines(), "and logged")
    again = Relay()
    for _ in range(2):
        s = dial("http", gate)
        s.sendall(CHECK)
        expect(again.take()[2] == CHECK, "back again")
    again.gate.close()
    again.gate = None
    s = dial("http", gate)
    s.sendall(CHECK)
    expect(again.take()[2] == CHECK, "a connection that was dropped is made anew")
    # A relay that takes nothing is not waited for.
    end, count = time.monotonic() + DEADLINE_S, 0
    while count % 100 or "Resource temporarily" not in gate.lines():
        expect(time.monotonic() < end, "its socket takes any number")
        with dial("http", gate) as s:
            s.sendall(CHECK)
        count += 1
    expect(Client(gate_at("http")).ask(get("/x"))[0] == 200, "requests go on (%d)" % count)
    again.close()


@test
def without_the_option_it_is_no_request():
    own = start()
    for port in PORTS:
        s = dial(port, own)
        s.sendall(CHECK)
        s.shutdown(socket.SHUT_WR)
        expect(s.recv(99).startswith(b"HTTP/1.1 400"), port)
    own.stop()
    until(lambda: own.process.poll() is not None, "ends")


web = Upstream("web.sock")
relay = Relay()
gate = start("--ice-tcp")


@test
def it_ends_well():
    expect(gate.stop(signal.SIGTERM) == 0, "stopped")


main(gate)
