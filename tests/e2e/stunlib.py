"""STUN messages (RFC 8489) for the tests: written, signed, taken apart."""
import hashlib
import hmac
import os
import socket
import struct
import zlib

COOKIE = 0x2112a442
BINDING, INDICATION, SUCCESS, ERROR = 0x0001, 0x0011, 0x0101, 0x0111
USERNAME, INTEGRITY, ERROR_CODE, XOR_MAPPED, FINGERPRINT = 0x0006, 0x0008, 0x0009, 0x0020, 0x8028


def attr(kind, value):
    return struct.pack('!HH', kind, len(value)) + value + bytes(-len(value) % 4)


def message(kind, txid=None, attrs=b'', pwd=None, fingerprint=False):
    def head(size):
        return struct.pack('!HHI', kind, size, COOKIE) + txid
    txid = txid or os.urandom(12)
    body = attrs
    if pwd is not None:
        mac = hmac.new(pwd.encode(), head(len(body) + 24) + body, hashlib.sha1).digest()
        body += attr(INTEGRITY, mac)
    if fingerprint:
        crc = zlib.crc32(head(len(body) + 8) + body) ^ 0x5354554e
        body += attr(FINGERPRINT, struct.pack('!I', crc))
    return head(len(body)) + body


def check(ufrag, remote, pwd, kind=BINDING):
    """A connectivity check of a controlling agent, as its peer `ufrag` with password `pwd` wants it."""
    return message(kind, attrs=attr(USERNAME, f'{ufrag}:{remote}'.encode()) +
                   attr(0x0024, struct.pack('!I', 1845501695)) + attr(0x802a, b'12345678') +
                   attr(0x0025, b''), pwd=pwd, fingerprint=True)


def kind_of(data):
    """Type of a STUN message; None for anything else."""
    if len(data) < 20 or data[0] > 3 or struct.unpack('!I', data[4:8])[0] != COOKIE:
        return None
    return struct.unpack('!H', data[:2])[0]


def client():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', 0))
    s.settimeout(2)
    return s


def receive(s, seconds=2):
    """Everything that comes until nothing came for so long."""
    out = []
    s.settimeout(seconds)
    try:
        while True:
            out.append(s.recv(4096))
    except TimeoutError:
        return out
