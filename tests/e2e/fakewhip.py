"""A scriptable WHIP and WHEP server for the tests of rtc-doctor: HTTP, TLS, DNS, ICE over UDP and TCP,
each of which can be broken in one way. A case is a function how(handler, offer) that answers the POST;
media is either answered here (Ice, IceTcp) or by the real relay behind a Proxy that meddles."""
import datetime
import ipaddress
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from stunlib import ERROR, SUCCESS, XOR_MAPPED, attr, kind_of, message

UFRAG, PWD = 'fakeufrag', 'fakepassword0123456789ab'
FINGERPRINT = 'sha-256 ' + ':'.join(['AB'] * 32)
ADDRESS = '127.0.0.1'   # where everything here listens; set by the test


def thread(fn, *args):
    threading.Thread(target=fn, args=args, daemon=True).start()


# ---- SDP ----

def candidate(port, address=None, proto='udp', priority=2130706431):
    tail = ' tcptype passive' if proto == 'tcp' else ''
    return f'1 1 {proto} {priority} {address or ADDRESS} {port} typ host{tail}'


OFFER = ('v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=sendonly\r\n'
         'm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 H264/90000\r\na=sendonly\r\n')


def answer(offer, candidates, setup='passive', fingerprint=FINGERPRINT, ufrag=UFRAG, pwd=PWD, mid=None,
           codec=None, direction=None, bundle=True, mux=True, sections=None):
    """An answer to an offer of ours: its m-lines with the first payload type of each."""
    mids = re.findall(r'a=mid:(\S+)', offer)
    text = 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n'
    text += f'a=group:BUNDLE {" ".join(mids)}\r\n' if bundle else ''
    for section in offer.split('\r\nm=')[1:][:sections]:
        kind, port, proto, pt = section.split('\r\n')[0].split(' ')[:4]
        own = (mid or '') + re.search(r'a=mid:(\S+)', section).group(1)
        rtpmap = re.search(rf'a=rtpmap:{pt} (\S+)', section).group(1)
        ours = 'recvonly' if 'a=sendonly' in section else 'sendonly'
        text += f'm={kind} 9 {proto} {pt}\r\nc=IN IP4 0.0.0.0\r\na=mid:{own}\r\n'
        text += f'a=rtpmap:{pt} {codec or rtpmap}\r\na={direction or ours}\r\n'
        text += 'a=rtcp-mux\r\n' if mux else ''
        text += f'a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n' if ufrag else ''
        text += f'a=setup:{setup}\r\n' if setup else ''
        text += f'a=fingerprint:{fingerprint}\r\n' if fingerprint else ''
        text += ''.join(f'a=candidate:{c}\r\n' for c in candidates)
    return text


# ---- HTTP ----

CORS = [('Access-Control-Allow-Origin', '*'), ('Access-Control-Expose-Headers', 'Location, ETag, Link')]


class Handler(BaseHTTPRequestHandler):
    """Behaves as its server's script says."""

    protocol_version = 'HTTP/1.1'

    def handle_one_request(self):
        """TLS in place of HTTP is told at once, as servers do, not when an octet of it is a newline."""
        if self.rfile.peek(1)[:1] == b'\x16':
            self.wfile.write(b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
            self.close_connection = True
        else:
            super().handle_one_request()

    def log_message(self, *args):
        pass

    def reply(self, status, headers=(), body=b'', length=True):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length:
            self.send_header('Content-Length', str(len(body)))
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_POST(self):
        offer = self.rfile.read(int(self.headers['Content-Length'])).decode()
        self.server.posts += 1
        self.server.how(self, offer)

    def do_DELETE(self):
        self.server.deletes.append(self.path)
        self.reply(self.server.delete_status)

    def do_OPTIONS(self):
        if self.server.cors:
            self.reply(204, CORS + [('Access-Control-Allow-Methods', 'POST, DELETE'),
                                    ('Access-Control-Allow-Headers', 'content-type, authorization')])
        else:
            self.reply(405)

    def do_GET(self):
        self.reply(404)


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32

    def handle_error(self, request, client_address):
        pass    # a client that hangs up is part of the plan


class Whip:
    """One server. how answers the POST."""

    def __init__(self, how, tls=None, cors=True, delete_status=200, family=socket.AF_INET, address=None):
        Quiet.address_family = family
        self.httpd = Quiet((address or ADDRESS, 0), Handler)
        self.httpd.how, self.httpd.cors, self.httpd.posts = how, cors, 0
        self.httpd.delete_status, self.httpd.deletes = delete_status, []
        self.scheme = 'https' if tls else 'http'
        if tls:
            self.httpd.socket = tls.wrap_socket(self.httpd.socket, server_side=True,
                                                do_handshake_on_connect=False)
        self.port = self.httpd.server_address[1]
        thread(self.httpd.serve_forever)

    def url(self, host=None, path='/rtc/v1/whip/?app=live&stream=a'):
        return f'{self.scheme}://{host or ADDRESS}:{self.port}{path}'


def created(make, location='/rtc/v1/whip/session/1', kind='application/sdp', cors=True):
    """201 with what make(offer) gives."""
    def how(h, offer):
        headers = [('Content-Type', kind)] + (CORS if cors else [])
        headers += [('Location', location)] if location is not None else []
        h.reply(201, headers, make(offer))
    return how


def status(code, *headers, body=''):
    return lambda h, offer: h.reply(code, headers, body)


def hang(seconds):
    def how(h, offer):
        time.sleep(seconds)     # the patience of the other side is what is tested
    return how


def drip(h, offer):
    """A byte now and then, for ever."""
    try:
        h.wfile.write(b'HTTP/1.1 201 Created\r\nX: ')
        for _ in range(600):
            h.wfile.write(b'x')
            h.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def endless_head(h, offer):
    try:
        h.wfile.write(b'HTTP/1.1 201 Created\r\n')
        for i in range(100000):
            h.wfile.write(b'X-Field-%d: ' % i + b'x' * 1000 + b'\r\n')
    except OSError:
        pass


def interim(h, offer):
    """100 Continue, for ever."""
    try:
        for _ in range(10000000):
            h.wfile.write(b'HTTP/1.1 100 Continue\r\n\r\n' * 64)
    except OSError:
        pass


def hang_up(h, offer):
    h.close_connection = True
    h.connection.shutdown(socket.SHUT_RDWR)


def raw(data):
    def how(h, offer):
        h.wfile.write(data)
        h.close_connection = True
    return how


def with_token(token, then):
    """401 without the token; None: whatever it is."""
    def how(h, offer):
        if token is None or h.headers.get('Authorization') != f'Bearer {token}':
            h.reply(401, [('WWW-Authenticate', 'Bearer')])
        else:
            then(h, offer)
    return how


def once(first, then):
    """The first POST one way, the others another."""
    def how(h, offer):
        (first if h.server.posts == 1 else then)(h, offer)
    return how


def forward(url, change=lambda sdp: sdp, delete=True):
    """The real endpoint's answer, changed; delete: its Location too, else one of ours."""
    def how(h, offer):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, offer.encode(), {
                    'Content-Type': 'application/sdp'}), timeout=5) as r:
                location = r.headers['Location'] if delete else '/rtc/v1/whip/session/1'
                h.reply(201, CORS + [('Content-Type', 'application/sdp'), ('Location', location)],
                        change(r.read().decode()))
        except urllib.error.HTTPError as e:
            h.reply(e.code, CORS, e.read())
    return how


def swap(pattern, text):
    return lambda sdp: re.sub(pattern, text, sdp)


# ---- ICE ----

def ice_reply(data, pwd, how):
    txid = data[8:20]
    if how == 'refuse':
        return message(ERROR, txid, attr(0x0009, b'\0\0\4\1Unauthorized'))
    mapped = attr(XOR_MAPPED, b'\0\1' + struct.pack('!HI', 1, 1))
    return message(SUCCESS, txid, mapped, 'another-password-entirely' if how == 'wrong-key' else pwd,
                   fingerprint=True)


class HelloFlood:
    """A TLS server that greets and never comes to anything: HelloRequest, which a client passes over; for so
    many connections it is the real one before."""

    def __init__(self, tls=None, real=0):
        self.server = socket.create_server((ADDRESS, 0))
        self.port = self.server.getsockname()[1]
        self.tls, self.real = tls, real
        thread(self.run)

    def run(self):
        while True:
            conn, _ = self.server.accept()
            self.real -= 1
            thread(self.greet if self.real < 0 else self.serve, conn)

    def serve(self, conn):
        try:
            with self.tls.wrap_socket(conn, server_side=True) as s:
                s.recv(1)
        except OSError:
            conn.close()

    def greet(self, conn):
        hello = b'\x16\x03\x03' + struct.pack('!H', 4000) + b'\0\0\0\0' * 1000
        try:
            while True:
                conn.sendall(hello * 16)
        except OSError:
            conn.close()

    def url(self, host=None):
        return f'https://{host or ADDRESS}:{self.port}/rtc/v1/whip/?app=live&stream=a'


class Ice:
    """Answers checks on a UDP port. how: good, silent, wrong-key, refuse, garbage, lossy; mtu-flood: no large ones,
    but as much else as it can."""

    def __init__(self, how='good', address=None):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address or ADDRESS, 0))
        self.port = self.sock.getsockname()[1]
        self.how, self.flooded = how, set()
        thread(self.run)

    def run(self):
        count = 0
        while True:
            data, peer = self.sock.recvfrom(4096)
            count += 1
            if self.how == 'garbage':
                self.sock.sendto(b'\xffgarbage', peer)
            elif self.how == 'mtu-flood' and len(data) > 1000:
                if peer not in self.flooded:
                    self.flooded.add(peer)
                    thread(self.flood, peer)
            elif kind_of(data) == 1 and self.how != 'silent' and (self.how != 'lossy' or count % 2):
                self.sock.sendto(ice_reply(data, PWD, self.how), peer)


    def flood(self, peer):
        try:
            while True:
                self.sock.sendto(b'\xffgarbage', peer)
                time.sleep(0.001)   # there is always one waiting, and time for the rest
        except OSError:
            pass


class Dtls:
    """A media port that answers checks and leaves DTLS to openssl, which does one SRTP profile (and some
    curves) only; active: as the client. An answer must have its fingerprint."""

    def __init__(self, folder, profile, curves=None, active=False):
        name = f'{folder}/dtls-{profile}-{curves}-{active}'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=fake',
                        '-keyout', name + '.key', '-out', name + '.pem'], check=True, stderr=subprocess.DEVNULL)
        with open(name + '.pem', 'rb') as f:
            digest = x509.load_pem_x509_certificate(f.read()).fingerprint(hashes.SHA256())
        self.fingerprint = 'sha-256 ' + ':'.join(f'{octet:02X}' for octet in digest)
        self.inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inner.bind(('127.0.0.1', 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(('127.0.0.1', 0))
            to = f'127.0.0.1:{s.getsockname()[1]}'
        self.active, self.process = active, None
        here = '127.0.0.1:%d' % self.inner.getsockname()[1]
        self.command = ['openssl', *(['s_client', '-connect', here, '-bind', to] if active else
                                     ['s_server', '-accept', to, '-quiet']),
                        '-dtls1_2', '-use_srtp', profile, '-cert', name + '.pem', '-key', name + '.key',
                        *(['-curves', curves] if curves else [])]
        self.openssl = (to.split(':')[0], int(to.split(':')[1]))
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((ADDRESS, 0))
        self.port, self.peer = self.sock.getsockname()[1], None
        if not active:
            self.begin()
        thread(self.run)
        thread(self.back)

    def begin(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def run(self):
        while True:
            data, peer = self.sock.recvfrom(4096)
            if kind_of(data) == 1:
                self.sock.sendto(ice_reply(data, PWD, 'good'), peer)
                if b'\x00\x25\x00\x00' in data:     # USE-CANDIDATE: not a check of many
                    self.peer = peer
                if self.active and self.peer and not self.process:
                    self.begin()
            elif 20 <= data[0] <= 63:
                self.peer = peer
                self.inner.sendto(data, self.openssl)

    def back(self):
        while True:
            data = self.inner.recv(4096)
            if self.peer:
                self.sock.sendto(data, self.peer)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class IceTcp:
    """The same in RFC 4571 frames on a TCP port."""

    def __init__(self, how='good'):
        self.server = socket.create_server((ADDRESS, 0))
        self.port = self.server.getsockname()[1]
        self.how = how
        thread(self.run)

    def run(self):
        while True:
            conn, _ = self.server.accept()
            thread(self.serve, conn)

    def serve(self, conn):
        try:
            while True:
                head = conn.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                data = conn.recv(struct.unpack('!H', head)[0], socket.MSG_WAITALL)
                while self.how == 'flood':  # checks of its own
                    conn.sendall((b'\0\x14\0\1\0\0\x21\x12\xa4\x42' + b'x' * 12) * 512)
                if self.how != 'silent':
                    reply = ice_reply(data, PWD, self.how)
                    conn.sendall(struct.pack('!H', len(reply)) + reply)
        except OSError:
            pass


def is_dtls(data):
    return 20 <= data[0] <= 63


def is_rtcp(data):
    return 128 <= data[0] <= 191 and 192 <= data[1] <= 223


def is_rtp(data):
    return 128 <= data[0] <= 191 and not is_rtcp(data)


def every_second_rtp(inbound):
    """Loses half of the media of a direction: what has an odd sequence number, resends as well."""
    return lambda data, back: back == inbound and is_rtp(data) and data[3] & 1 == 1


class Proxy:
    """A UDP way to port of ADDRESS that drops what drop(data, inbound) says."""

    def __init__(self, port, drop):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((ADDRESS, 0))
        self.port, self.to, self.drop = self.sock.getsockname()[1], (ADDRESS, port), drop
        self.clients = {}
        thread(self.run)

    def run(self):
        while True:
            data, peer = self.sock.recvfrom(4096)
            if peer not in self.clients:
                self.clients[peer] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                thread(self.back, self.clients[peer], peer)
            if data and not self.drop(data, False):
                self.clients[peer].sendto(data, self.to)

    def back(self, sock, peer):
        sock.sendto(b'', self.to)
        while True:
            data = sock.recv(4096)
            if data and not self.drop(data, True):
                self.sock.sendto(data, peer)


# ---- TLS ----

def certificates(folder, host):
    """{name: SSLContext}: good, expired, other name, self-signed, without its intermediate, soon over.
    folder/ca.pem is what a client must trust."""
    now = datetime.datetime.utcnow()
    out = {}

    def key():
        return ec.generate_private_key(ec.SECP256R1())

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def certificate(subject, subject_key, issuer, issuer_key, days, ca=False, begin=-10):
        try:
            alt = x509.IPAddress(ipaddress.ip_address(subject))
        except ValueError:
            alt = x509.DNSName(subject)
        return x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(
            subject_key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(
            now + datetime.timedelta(days=begin)).not_valid_after(
            now + datetime.timedelta(days=days)).add_extension(
            x509.BasicConstraints(ca=ca, path_length=None), critical=True).add_extension(
            x509.SubjectAlternativeName([alt]), critical=False).sign(issuer_key, hashes.SHA256())

    def write(file, *certs, private=None):
        path = os.path.join(folder, file)
        with open(path, 'wb') as f:
            for c in certs:
                f.write(c.public_bytes(serialization.Encoding.PEM))
            if private:
                f.write(private.private_bytes(serialization.Encoding.PEM,
                                              serialization.PrivateFormat.PKCS8,
                                              serialization.NoEncryption()))
        return path

    def context(which, *certs, private):
        out[which] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        out[which].load_cert_chain(write(which + '.pem', *certs, private=private))

    root, middle, leaf = key(), key(), key()
    ca = certificate('root.test', root, 'root.test', root, 100, ca=True)
    between = certificate('middle.test', middle, 'root.test', root, 100, ca=True)
    write('ca.pem', ca)
    context('good', certificate(host, leaf, 'root.test', root, 90), private=leaf)
    context('expired', certificate(host, leaf, 'root.test', root, -1), private=leaf)
    context('early', certificate(host, leaf, 'root.test', root, 90, begin=9), private=leaf)
    context('name', certificate('other.test', leaf, 'root.test', root, 90), private=leaf)
    context('self', certificate(host, leaf, host, leaf, 90), private=leaf)
    context('chain', certificate(host, leaf, 'middle.test', middle, 90), private=leaf)
    context('full', certificate(host, leaf, 'middle.test', middle, 90), between, private=leaf)
    context('soon', certificate(host, leaf, 'root.test', root, 3), private=leaf)
    return out


# ---- DNS ----

class Dns:
    """A name server on ADDRESS:53: names is {name: [addresses]}, None: no answer; others do not exist."""

    def __init__(self, names):
        self.names = names
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((ADDRESS, 53))
        thread(self.run)

    def run(self):
        while True:
            data, peer = self.sock.recvfrom(512)
            reply = self.reply(data)
            if reply:
                self.sock.sendto(reply, peer)

    def reply(self, data):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += data[at] + 1
        kind = struct.unpack('!H', data[at + 1:at + 3])[0]
        question, name = data[12:at + 5], '.'.join(labels).lower()
        known = self.names.get(name)
        if known is None and name in self.names:
            return None
        records = b''
        count = 0
        for text in known or []:
            a = ipaddress.ip_address(text)
            if kind == {4: 1, 6: 28}[a.version]:
                records += b'\xc0\x0c' + struct.pack('!HHIH', kind, 1, 60, len(a.packed)) + a.packed
                count += 1
        flags = 0x8180 if known is not None else 0x8183
        return data[:2] + struct.pack('!HHHHH', flags, 1, count, 0, 0) + question + records
