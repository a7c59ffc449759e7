"""
ICE connectivity checks (RFC 8445 s.7, RFC 8489): do the candidates of an answer serve the session?
Over UDP; nothing is nominated, so no session is connected by it.
"""
import hashlib
import hmac
import os
import re
import select
import socket
import struct
import time
import zlib

COOKIE = 0x2112a442
REQUEST, SUCCESS = 0x0001, 0x0101
USERNAME, INTEGRITY, PRIORITY, FINGERPRINT, CONTROLLING = 0x0006, 0x0008, 0x0024, 0x8028, 0x802a
SENT_AT_S = (0, 0.25, 0.75, 1.75, 3)    # s.6.2.1 of RFC 8489, begun sooner
GIVE_UP_S, REFUSALS = 5, 3               # who has been refused so often, everywhere, does not wait on


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def request(name, pwd):
    """A check's datagram, and its transaction."""
    transaction = os.urandom(12)
    body = (attribute(USERNAME, name.encode()) + attribute(PRIORITY, struct.pack("!I", 1845501695)) +
            attribute(CONTROLLING, os.urandom(8)))

    def head(more):
        return struct.pack("!HHI", REQUEST, len(body) + more, COOKIE) + transaction
    body += attribute(INTEGRITY, hmac.new(pwd.encode(), head(24) + body, hashlib.sha1).digest())
    body += attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(head(8) + body) ^ 0x5354554e))
    return head(0) + body, transaction


def is_signed(data, pwd):
    """Does it have a MESSAGE-INTEGRITY that the password makes?"""
    at = 20
    while at + 4 <= len(data):
        kind, size = struct.unpack("!HH", data[at:at + 4])
        if kind == INTEGRITY:
            signed = data[:2] + struct.pack("!H", at + 24 - 20) + data[4:at]
            return data[at + 4:at + 4 + size] == hmac.new(pwd.encode(), signed, hashlib.sha1).digest()
        at += 4 + size + -size % 4
    return False


def success_of(data):
    """The transaction that it says succeeded; None if it says something else."""
    if len(data) < 20 or struct.unpack("!H", data[:2])[0] != SUCCESS or data[4:8] != struct.pack("!I", COOKIE):
        return None
    return data[8:20]


class Agent:
    """What an answer, or a fragment of one, says of ICE; and the client's ufrag that goes with it."""

    def __init__(self, text, client):
        def first(name):
            found = re.search(rf"a=ice-{name}:(\S+)", text)
            return found.group(1) if found else ""
        self.name, self.pwd = f"{first('ufrag')}:{client}", first("pwd")
        self.places = sorted({(address, int(port)) for address, port in re.findall(
            r"(?i)a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ", text)})
        self.said = []

    def why(self):
        return "\n".join([f"checks as {self.name} to: {' '.join(f'{a}:{p}' for a, p in self.places)}", *self.said])

    def open(self):
        """Sockets by family, and the addresses that are asked from each."""
        out = {}
        for address, port in self.places:
            try:
                found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)
                for family, _, _, _, to in found:
                    if family not in out:
                        out[family] = socket.socket(family, socket.SOCK_DGRAM), set()
                    out[family][1].add(to)
            except OSError as fault:
                self.said.append(f"{address}: {fault}")
        return out

    def send(self, sockets, datagrams):
        for s, places in sockets.values():
            for datagram in datagrams:
                for to in places:
                    try:
                        s.sendto(datagram, to)
                    except OSError as fault:
                        self.said.append(f"{to[0]}: {fault}")

    def ask(self, sockets, datagrams, until):
        """Sends the datagrams again and again until one that came in is what is wanted; is it?"""
        began, sent = time.monotonic(), 0
        refusals = {to: 0 for _, places in sockets.values() for to in places}
        while (spent := time.monotonic() - began) < GIVE_UP_S and min(refusals.values(), default=REFUSALS) < REFUSALS:
            if sent < len(SENT_AT_S) and spent >= SENT_AT_S[sent]:
                sent += 1
                self.send(sockets, datagrams)
            for s in select.select([s for s, _ in sockets.values()], [], [], 0.05)[0]:
                try:
                    data, place = s.recvfrom(2048)
                except OSError as fault:
                    self.said.append(str(fault))
                    continue
                if until(data):
                    return True
                refusals[place] = refusals.get(place, 0) + (len(datagrams) == 1 and data[8:20] == datagrams[0][8:20])
                self.said.append(f"{place[0]}:{place[1]} said {data[:20].hex()}, {len(data)} octets")
        return False

    def answers(self):
        """Does one of the candidates answer a check with these credentials, by a success that is signed?"""
        datagram, transaction = request(self.name, self.pwd)
        return self.talk([datagram], lambda data: success_of(data) == transaction and is_signed(data, self.pwd))

    def believes_anybody(self):
        """Is a check with another password answered by success? The right one after it ends the waiting."""
        wrong, wrong_one = request(self.name, "x" * len(self.pwd))
        right, right_one = request(self.name, self.pwd)
        heard = []

        def until(data):
            heard.append(success_of(data))
            return right_one in heard
        self.talk([wrong, right], until)
        return wrong_one in heard

    def talk(self, datagrams, until):
        self.said = []
        sockets = self.open()
        try:
            return self.ask(sockets, datagrams, until)
        finally:
            for s, _ in sockets.values():
                s.close()
