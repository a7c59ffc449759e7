#!/usr/bin/env python3
"""rtc-gate by https: real TLS clients, hostile ones, certificates that change, proxies in front."""
# runs under: address
# runs beside others
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gatelib import (BIN, DEADLINE_S, RUN, Client, Failure, Gate, Upstream, expect,  # noqa: E402
                     field, get, main, post, read_body, test, until)

BIG = 6 * 1024 * 1024
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def here(name):
    return os.path.join(RUN, name)


def make_pair(name, *names):
    """A certificate for these names; the options that serve it."""
    alt = ",".join("IP:" + n if n[0].isdigit() else "DNS:" + n for n in names)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "20", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=" + alt, "-keyout", here(name + ".key"), "-out",
                    here(name + ".pem")], check=True, stderr=subprocess.DEVNULL)
    return ["--cert", here(name + ".pem"), "--key", here(name + ".key")]


def context(ca=None, version=None, alpn=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if ca:
        c.load_verify_locations(ca)
        c.check_hostname, c.verify_mode = True, ssl.CERT_REQUIRED
    if version:
        c.minimum_version = c.maximum_version = version
    if alpn:
        c.set_alpn_protocols(alpn)
    return c


class Secure(Client):
    """A client that speaks TLS; `before` is sent ahead of it."""

    def __init__(self, gate, port="https", name=None, before=b"", **options):
        s = socket.create_connection(("127.0.0.1", gate.ports[port]))
        s.settimeout(DEADLINE_S)
        s.sendall(before)
        self.data = b""
        self.raw = s.dup()  # the connection below TLS
        self.s = context(**options).wrap_socket(s, server_hostname=name)


def handshake_fails(gate, **options):
    try:
        Secure(gate, **options)
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def plain(gate, port):
    client = Client.__new__(Client)
    client.s = socket.create_connection(("127.0.0.1", gate.ports[port]))
    client.s.settimeout(DEADLINE_S)
    client.data = b""
    return client


def both(*args, **kw):
    """A gate with a port of each kind."""
    return Gate("--tls-listen", "127.0.0.1:0", "--both-listen", "127.0.0.1:0", *args, **kw)


@test
def both_versions_are_spoken_and_no_older_one():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        client = Secure(gate, version=version)
        status, _, body = client.ask(get("/x"))
        expect(status == 200, status)
        seen = json.loads(body)["head"]
        expect(field(seen, "X-Forwarded-Proto") == "https", seen)
        expect(field(seen, "X-Forwarded-For") == "127.0.0.1", seen)
    expect(client.s.version() == "TLSv1.3" and client.s.cipher()[0].startswith("TLS_"),
           client.s.cipher())
    result = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % gate.port,
                             "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], input=b"",
                            capture_output=True, timeout=DEADLINE_S)
    expect(b"alert protocol version" in result.stderr, result.stderr)


@test
def the_name_asked_for_chooses_the_certificate():
    def served(name):
        return Secure(gate, name=name).s.getpeercert(True)

    def file(name):
        return ssl.PEM_cert_to_DER_cert(open(here(name + ".pem")).read())

    expect(served("a.test") == file("a") and served("b.test") == file("b"), "by name")
    expect(served("x.b.test") == file("b"), "by wildcard")
    expect(served("c.test") == file("a") and served(None) == file("a"), "else the first")
    Secure(gate, name="localhost", ca=here("a.pem")).ask(get("/x"))


@test
def http_1_1_is_negotiated():
    client = Secure(gate, alpn=["h2", "http/1.1"])
    expect(client.s.selected_alpn_protocol() == "http/1.1", client.s.selected_alpn_protocol())
    expect(client.ask(get("/x"))[0] == 200, "and spoken")
    expect(Secure(gate).s.selected_alpn_protocol() is None, "none is asked for")
    expect(handshake_fails(gate, alpn=["h2"]), "h2 alone is refused")


@test
def one_port_speaks_both():
    expect(json.loads(Secure(gate, "http and https").ask(get("/x"))[2])["socket"] == "web.sock",
           "https")
    client = plain(gate, "http and https")
    for _ in range(3):
        status, _, body = client.ask(get("/x"))
        expect(status == 200, "http")
        expect(field(json.loads(body)["head"], "X-Forwarded-Proto") == "http", "as http")
    status, _, body = plain(gate, "https").ask(get("/x"))
    expect(status == 400 and b"https" in body, "http on the port of https: %d %s" % (status, body))
    status, _, body = plain(gate, "http").ask(b"\x16\x03\x01\x00\x05hello")
    expect(status == 400 and b"TLS" in body, "TLS on the port of http: %d %s" % (status, body))


@test
def a_connection_serves_many_requests_and_bodies():
    client = Secure(gate)
    for number in range(20):
        body = os.urandom(number * 997)
        status, _, answer = client.ask(post("/%d" % number, body.hex()))
        expect(status == 200 and json.loads(answer)["body"] == body.hex(), number)
    client.send("".join(get("/ahead/%d" % n) for n in range(30)))
    for number in range(30):
        expect("/ahead/%d " % number in client.answer()[2].decode(), "order of requests sent ahead")
    client.send(get("/chunked", "Transfer-Encoding: chunked\r\n", "POST") + "3\r\nabc\r\n")
    client.send("4\r\ndefg\r\n0\r\n\r\n")
    expect(json.loads(client.answer()[2])["body"] == "abcdefg", "chunked")


@test
def octets_may_come_one_by_one():
    client = Secure(gate)
    for octet in post("/slow", "hello"):
        client.send(octet)
    expect(json.loads(client.answer()[2])["body"] == "hello", "each in a record of its own")


@test
def big_bodies_pass_in_both_directions():
    blob = os.urandom(BIG)
    sums = []

    def serve(up, connection, head, rest):
        body, _ = read_body(connection, head, rest)
        sums.append(hashlib.sha256(body).digest())
        connection.sendall(b"HTTP/1.1 200 OK\r\n%s\r\n" % (
            b"" if "close" in head.split(" ")[1] else b"Content-Length: %d\r\n" % len(body)))
        connection.sendall(body)

    up = Upstream("big.sock", serve)
    own = both("-r", "/big=big.sock", *PAIRS)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for path in ("/big/length", "/big/close"):
            client = Secure(own, version=version)
            client.send(get(path, "Content-Length: %d\r\n" % BIG, "POST").encode() + blob)
            status, _, body = client.answer()
            expect(status == 200 and body == blob, "%s: %d octets" % (path, len(body)))
    expect(sums == [hashlib.sha256(blob).digest()] * 4, "what the upstream got")
    own.stop()
    up.close()


@test
def a_reader_that_sleeps_costs_no_memory():
    def serve(up, connection, head, rest):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.settimeout(1)
        try:
            while True:
                connection.sendall(bytes(65536))
        except TimeoutError:
            stalled.set()

    stalled = threading.Event()
    up = Upstream("endless.sock", serve)
    own = both("-r", "/endless=endless.sock", *PAIRS)
    client = Secure(own)
    client.send(get("/endless"))
    expect(stalled.wait(DEADLINE_S), "the upstream is held back")
    with open("/proc/%d/status" % own.process.pid) as f:
        rss = next(line for line in f if line.startswith("VmRSS"))
    print("# " + rss.strip())
    expect("RTC_SANITIZER" in os.environ or int(rss.split()[1]) < 40000, rss)
    client.s.close()
    client.raw.close()
    own.stop()
    up.close()


@test
def a_tunnel_opens_after_101():
    ended = []

    def serve(up, connection, head, rest):
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                           b"Upgrade: websocket\r\n\r\nfirst")
        while True:
            data = connection.recv(65536)
            if not data:
                break
            connection.sendall(data.upper())
        ended.append(True)
        connection.sendall(b"last words")

    up = Upstream("ws.sock", serve)
    own = both("-r", "/ws=ws.sock", *PAIRS)
    client = Secure(own)
    client.send(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    expect(client.answer()[0] == 101, "upgraded")
    data = b"first"
    for size in (1, 1000, 16384, 200000):
        data += b"X" * size
        client.send(b"x" * size)
        while len(client.data) < len(data):
            expect(client.receive(), "octets come back")
        expect(client.data == data, "as they were sent")
    try:
        client.s.unwrap()
    except ssl.SSLError:
        pass    # the upstream's last words came after our goodbye
    until(lambda: ended, "the upstream hears of the client's end")
    own.stop()
    up.close()


@test
def ends_without_a_goodbye_harm_nobody():
    client = Secure(gate)
    client.send(get("/x"))
    client.raw.shutdown(socket.SHUT_WR)  # FIN without close_notify
    expect(client.answer()[0] == 200, "a whole request still gets its answer")
    client = Secure(gate)
    client.send(post("/cut", "hello")[:-2])
    client.raw.shutdown(socket.SHUT_WR)
    expect(client.answer()[0] == 400, "half a body does not pass for a whole one")
    for when in range(4):
        client = Secure(gate)
        if when > 0:
            client.send((get("/x") if when > 1 else get("/x")[:9]))
        if when == 3:
            client.answer()
        client.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.s.close()
        client.raw.close()
    expect(Secure(gate).ask(get("/x"))[0] == 200, "others are served")
    client = Secure(gate)
    client.ask(get("/x", "Connection: close\r\n"))
    client.s.suppress_ragged_eofs = False
    expect(client.s.recv(1) == b"", "an answer's end is told by close_notify")


@test
def certificates_are_read_again_while_a_transfer_runs():
    go = threading.Event()

    def serve(up, connection, head, rest):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nbefore,")
        go.wait(DEADLINE_S)
        connection.sendall(b"after")

    up = Upstream("long.sock", serve)
    for suffix in (".pem", ".key"):
        shutil.copy(here("a" + suffix), here("live" + suffix))
    own = both("-r", "/long=long.sock", "--cert", here("live.pem"), "--key", here("live.key"))
    running, kept = Secure(own), Secure(own)
    kept.ask(get("/x"))
    running.send(get("/long"))
    until(lambda: up.heads, "the transfer runs")

    def reload(words):
        count = own.lines().count(words)
        own.process.send_signal(signal.SIGHUP)
        until(lambda: own.lines().count(words) > count, words)

    def served():
        return ssl.DER_cert_to_PEM_cert(Secure(own).s.getpeercert(True)).split()

    for suffix in (".pem", ".key"):
        shutil.copy(here("b" + suffix), here("live" + suffix))
    reload("read again")
    expect(served() == open(here("b.pem")).read().split(), "the new one is served")
    for broken in (b"nonsense", open(here("a.key"), "rb").read()):
        with open(here("live.key"), "wb") as f:
            f.write(broken)
        reload("what was read before stays in use")
        expect(here("live.key") in own.lines().split("error")[-1], "the log names the file")
        expect(served() == open(here("b.pem")).read().split(), "the old one stays")
    go.set()
    expect(running.answer()[2] == b"before,after", "the transfer came to its end")
    expect(kept.ask(get("/x"))[0] == 200, "a connection kept alive goes on")
    own.stop()
    up.close()


@test
def a_pair_is_made_if_there_is_none():
    folder = here("own")
    own = both("--self-signed", folder, hosts=("gate.test",))
    key, cert = os.path.join(folder, "self-signed.key"), os.path.join(folder, "self-signed.crt")
    expect(os.stat(key).st_mode & 0o777 == 0o600 and os.stat(folder).st_mode & 0o777 == 0o700,
           "for its owner's eyes")
    for name in ("localhost", "gate.test"):
        expect(Secure(own, name=name, ca=cert).ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")[0]
               == 200, name)
    expect(b"-----" not in own.lines().encode() and "self-signed" in own.lines(), own.lines())
    own.stop()
    before = open(cert).read()
    own = both("--self-signed", folder)
    expect(open(cert).read() == before, "once")
    own.stop()
    os.truncate(key, 0)
    result = subprocess.run([os.path.join(BIN, "rtc-gate"), "--tls-listen", "127.0.0.1:0",
                             "--self-signed", folder], capture_output=True, text=True)
    expect(result.returncode == 66 and key in result.stderr, result.stderr)


@test
def http_is_sent_to_https():
    own = both("--redirect", *PAIRS)
    where = "https://h:%d/rtc/v1/whip/?app=live&token=a%%20b" % own.ports["https"]
    status, head, _ = plain(own, "http").ask(post("/rtc/v1/whip/?app=live&token=a%20b", "v=0"))
    expect(status == 307 and field(head, "Location") == where, head)
    rows = [("http", "h", own.ports["https"]), ("http", "localhost:80", own.ports["https"]),
            ("http", "[::1]:8", own.ports["https"]), ("http and https", "h:99", 99),
            ("https", "h:99", 99)]
    for port, host, number in rows:
        status, head, _ = plain(own, port).ask("GET http://%s/a?b HTTP/1.1\r\nHost: %s\r\n\r\n" %
                                               (host, host))
        name = host.rsplit(":", 1)[0]
        expect(status == 307 and field(head, "Location") == "https://%s:%d/a?b" % (name, number),
               "%s %s: %s" % (port, host, head))
    expect(Secure(own).ask(get("/x"))[0] == 200, "https stays")
    own.stop()
    own = Gate("--redirect=443", "--trusted-proxy", "127.0.0.1")
    status, head, _ = Client(own).ask(get("/x"))
    expect(field(head, "Location") == "https://h/x", head)
    expect(Client(own).ask(get("/x", "X-Forwarded-Proto: https\r\n"))[0] == 200,
           "what came by https to the proxy in front is not sent there again")
    own.stop()


@test
def curl_with_the_authority_follows_with_its_body():
    own = both("--redirect", *PAIRS, hosts=("a.test", "localhost"))
    for version in ("--tlsv1.2 --tls-max 1.2", "--tlsv1.3"):
        result = subprocess.run(
            ["curl", "-sS", "--cacert", here("a.pem"), "-L", "--data", "v=0", *version.split(),
             "--resolve", "a.test:%d:127.0.0.1" % own.ports["http"],
             "--resolve", "a.test:%d:127.0.0.1" % own.ports["https"],
             "http://a.test:%d/rtc/v1/whip/" % own.ports["http"]],
            capture_output=True, text=True, timeout=DEADLINE_S)
        expect(result.returncode == 0, result.stderr)
        seen = json.loads(result.stdout)
        expect(seen["head"].startswith("POST ") and seen["body"] == "v=0", seen)
    own.stop()


@test
def other_hosts_are_answered_421():
    def status(gate_, host, extra=""):
        return Client(gate_).ask("GET / HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (host, extra))[0]

    own = Gate(hosts=("A.test", "*.b.test"))
    for host, code in (("a.test", 200), ("a.TEST:99", 200), ("x.b.test", 200), ("b.test", 421),
                       ("xa.test", 421), ("x.a.test", 421), ("evil", 421), ("localhost:1", 200),
                       ("127.0.0.1", 200), ("[::1]:80", 200), ("", 200), ("203.0.113.5", 200)):
        expect(status(own, host) == code, "%s: %d" % (host, status(own, host)))
    own.stop()
    own = Gate("--trusted-proxy", "127.0.0.9", hosts=None)
    expect(status(own, "evil.test") == 421 and status(own, "localhost") == 200 and
           status(own, socket.gethostname()) == 200, "over loopback, without a list")
    body = Client(own).ask("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n")[2]
    expect(b"--host" in body, "and told what to do")
    own.stop()
    own = Gate("--trusted-proxy", "127.0.0.1", hosts=None)
    expect(status(own, "anything.test") == 200, "a trusted proxy's names are its own affair")
    own.stop()
    own = Gate("--proxy-protocol", "127.0.0.1", hosts=None)
    client = Client(own)
    client.send(proxy_header())
    expect(client.ask(get("/x"))[0] == 200, "from elsewhere any name will do")
    own.stop()


def proxy_header(client=("203.0.113.9", 40000), more=b"", command=0x21, family=0x11):
    body = socket.inet_aton(client[0]) + socket.inet_aton("192.0.2.1") + struct.pack(
        ">HH", client[1], 443) + more
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(body)) + body


def is_closed(client):
    try:
        return client.s.recv(9) == b""
    except ConnectionResetError:
        return True


@test
def a_proxy_in_front_names_its_client():
    own = both("--proxy-protocol", "127.0.0.1", "--max-per-address", "2", *PAIRS)
    for client in (Secure(own, before=proxy_header()), plain(own, "http"),
                   plain(own, "http and https"),
                   Secure(own, "http and https", before=proxy_header(("203.0.113.10", 1)))):
        if not isinstance(client, Secure):
            for octet in proxy_header(("203.0.113.11", 1)):
                client.send(bytes([octet]))
        seen = json.loads(client.ask(get("/x"))[2])["head"]
        expect(field(seen, "X-Forwarded-For").startswith("203.0.113."), seen)
        expect(field(seen, "X-Forwarded-Proto") == ("https" if isinstance(client, Secure)
                                                    else "http"), seen)
    until(lambda: "203.0.113.9 GET /x 200" in own.lines(), "and so does the log")
    # An extension says that the proxy took TLS off; what comes in one packet counts as well.
    client = plain(own, "http")
    client.send(proxy_header(("203.0.113.20", 1), b"\x20\0\x05\1\0\0\0\0") + get("/x").encode())
    seen = json.loads(client.answer()[2])["head"]
    expect(field(seen, "X-Forwarded-Proto") == "https", seen)
    client = plain(own, "http")
    client.send(proxy_header(command=0x20))
    expect(field(json.loads(client.ask(get("/x"))[2])["head"], "X-Forwarded-For") == "127.0.0.1",
           "a check of the proxy's own")
    held = []
    for number in range(3):
        client = plain(own, "http")
        client.send(proxy_header(("203.0.113.30", number)))
        if number < 2:
            expect(client.ask(get("/x"))[0] == 200, "within the limit")
        held.append(client)
    expect(held[2].answer()[0] == 503, "the limit counts the client's address")
    for data in (get("/x").encode(), b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", proxy_header(family=0x12),
                 proxy_header(command=0x31), SIGNATURE + b"\x21\x11\xff\xff",
                 SIGNATURE + b"\x21\x11\0\x05hello", proxy_header(more=b"\x04\xff\xff")):
        client = plain(own, "http")
        client.send(data)
        expect(is_closed(client), "not closed: %r" % data)
    own.stop()
    own = both("--proxy-protocol", "127.0.0.2", *PAIRS)
    client = plain(own, "http")
    client.send(proxy_header())
    expect(client.ask(get("/x"))[0] == 400, "from anybody else it is no request")
    expect(handshake_fails(own, before=proxy_header()), "nor TLS")
    own.stop()


@test
def who_waits_is_given_up():
    own = both("--handshake-timeout", "0.4", "--head-timeout", "0.4", *PAIRS)
    hello = client_hello()
    waiting = [(plain(own, "https"), data) for data in (b"", hello[:1], hello[:60], hello)]
    waiting.append((plain(own, "http and https"), hello[:7]))
    silent = plain(own, "http and https")
    for client, data in waiting:
        client.send(data)
    lazy = Secure(own)
    lazy.send(get("/x")[:5])
    expect(Secure(own).ask(get("/x"))[0] == 200, "others are served meanwhile")
    for client, data in waiting:
        while client.s.recv(65536):
            pass
    expect(silent.answer()[0] == 408, "silence on a port of both is told by http")
    expect(lazy.answer()[0] == 408, "behind the handshake a slow head is told as ever")
    dribbling = plain(own, "https")
    began = time.monotonic()
    try:
        for octet in hello:
            dribbling.send(bytes([octet]))
            time.sleep(0.02)
    except ConnectionError:
        pass
    expect(time.monotonic() - began < 3, "octet by octet is no way to stay")
    own.stop()


@test
def stopping_does_not_wait_for_who_waits():
    own = both("--proxy-protocol", "127.0.0.9", *PAIRS)
    clients = [plain(own, port) for port in ("http", "https", "http and https")]
    clients.append(plain(own, "https"))
    clients[-1].send(client_hello()[:50])
    idle = Secure(own)
    idle.ask(get("/x"))
    Secure(own).ask(get("/x"))
    began = time.monotonic()
    own.process.send_signal(signal.SIGTERM)
    expect(idle.s.recv(1) == b"", "kept alive")
    own.wait()
    expect(time.monotonic() - began < 0.9 or "RTC_SANITIZER" in os.environ,
           "%.1f s" % (time.monotonic() - began))


@test
def over_a_limit_the_answer_comes_at_once():
    own = both("--max-per-address", "1", *PAIRS)
    first = Secure(own)
    first.ask(get("/x"))
    for port in ("http", "http and https"):
        expect(plain(own, port).answer()[0] == 503, port + ": before an octet was sent")
    expect(plain(own, "https").s.recv(9) == b"", "https: before a handshake is paid for")
    expect(first.ask(get("/x"))[0] == 200, "who was there stays")
    own.stop()


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context().wrap_bio(incoming, outgoing, server_hostname="a.test")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def record(kind, data, version=b"\3\3", size=None):
    return bytes([kind]) + version + struct.pack(">H", len(data) if size is None else size) + data


def hostile_beginnings():
    hello = client_hello()
    yield "a record of nothing", record(22, b"")
    yield "records of nothing", record(22, b"") * 5000
    yield "an unfinished record", hello[:100]
    yield "a record longer than allowed", record(22, bytes(100), size=65535) + bytes(70000)
    yield "SSL 2", bytes.fromhex("802e0100020015000000100100800200800300800400800500800600"
                                 "8007008008") + bytes(16)
    yield "an alert", record(21, b"\1\0")
    yield "a fatal alert", record(21, b"\2\x28")
    yield "application data", record(23, bytes(50))
    yield "a heartbeat", record(24, b"\1\x40\0" + bytes(16))
    yield "change cipher spec", record(20, b"\1") * 100
    yield "an unknown kind", record(99, bytes(9))
    yield "a ClientHello of nothing", record(22, b"\1\0\0\0")
    yield "a ClientHello without its end", record(22, b"\1\xff\xff\xff" + bytes(200))
    yield "a ServerHello", record(22, b"\2" + hello[6:])
    yield "TLS 1.0 only", record(22, b"\1\0\0\x2b\3\1" + bytes(32) + b"\0\0\2\0\x2f\1\0\0\0")
    yield "no cipher in common", record(22, b"\1\0\0\x2b\3\3" + bytes(32) + b"\0\0\2\0\1\1\0\0\0")
    yield "odd cipher list", record(22, b"\1\0\0\x2c\3\3" + bytes(32) + b"\0\0\3\0\x2f\0\1\0\0\0")
    yield "a hello and a request", hello + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    yield "a hello twice", hello + hello
    yield "a hello and garbage", hello + os.urandom(3000)
    yield "a hello cut by octets", bytes(b if i % 97 else b ^ 0x55 for i, b in enumerate(hello))
    yield "one octet", b"\x16"
    yield "zeros", bytes(5000)
    yield "text", b"hello\n" * 10
    yield "random octets", os.urandom(20000)
    yield "random octets as records", record(22, os.urandom(16000)) * 3


def hostile_continuations():
    yield "garbage", os.urandom(500)
    yield "a record that is not ours", record(23, os.urandom(500))
    yield "a record of nothing", record(23, b"")
    yield "a record longer than allowed", record(23, os.urandom(100), size=30000) + bytes(40000)
    yield "an alert in the clear", record(21, b"\2\0")
    yield "a request in the clear", get("/clear").encode()
    yield "a hello in the clear", client_hello()
    yield "change cipher spec", record(20, b"\1") * 50


def ends(name, s, data):
    """Octets for a connection; what to do later to see that they ended it."""
    try:
        s.sendall(data)
    except ConnectionError:
        pass

    def end():
        try:
            while s.recv(65536):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            raise Failure("%s is not ended" % name)
        s.close()

    return end


@test
def hostile_octets_end_their_connection_alone():
    own = both("--handshake-timeout", "1", "--head-timeout", "1", *PAIRS)
    pid = own.process.pid
    waiting = []
    for port in ("https", "http and https"):
        for name, data in hostile_beginnings():
            waiting.append(ends("%s on %s" % (name, port), plain(own, port).s, data))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for begun in (False, True):
            for name, data in hostile_continuations():
                client = Secure(own, version=version)
                if begun:
                    client.send(get("/x")[:7])
                client.s.detach()
                client.raw.settimeout(DEADLINE_S)
                waiting.append(ends(name, client.raw, data))
    for end in waiting:
        end()
    count = len(waiting)
    for text in ("GET / HTTP/1.1\r\n\r\n", "NONSENSE\r\n\r\n", get("/../x"), "\0\0\0\0",
                 get("/x", "Content-Length: 1\r\nContent-Length: 2\r\n", "POST"),
                 get("/x", "X: " + "a" * 30000 + "\r\n"), "\x16\x03\x01" * 30):
        expect(400 <= Secure(own).ask(text)[0] < 500, "inside TLS: %r" % text[:40])
        count += 1
    print("# %d hostile inputs" % count)
    expect(own.process.pid == pid and own.process.poll() is None, "the gate lives")
    expect(Secure(own).ask(get("/x"))[0] == 200, "and serves")
    expect(own.lines().count("tls: 127.0.0.1") < 200, "its log is not flooded")
    own.stop()


@test
def handshakes_in_great_number_leave_nothing():
    own = both("--handshake-timeout", "5", *PAIRS)

    def files():
        return len(os.listdir("/proc/%d/fd" % own.process.pid))

    before = files()
    for _ in range(30):
        client = Secure(own)
        client.ask(get("/x"))
        client.s.close()
        client.raw.close()
    until(lambda: files() <= before, "descriptors are closed again")
    own.stop()


@test
def key_updates_are_answered():
    tool = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % gate.ports["https"],
                             "-tls1_3", "-crlf", "-msg"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = [b""]

    def say(text, wanted, count):
        tool.stdin.write(text)
        tool.stdin.flush()
        while out[0].count(wanted) < count:
            piece = tool.stdout.read1(65536)
            expect(piece, "no %r: %r" % (wanted, out[0][-500:]))
            out[0] += piece

    say(b"", b"Verify return code", 1)
    for number in range(5):
        say(b"K\n", b">>> TLS 1.3, Handshake [length 0005], KeyUpdate", number + 1)
    say(b"GET /keys HTTP/1.1\nHost: h\nConnection: close\n\n", b"/keys", 1)
    expect(out[0].count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate") == 5, out[0])
    tool.stdin.close()
    tool.wait(DEADLINE_S)


@test
def secrets_stay_out_of_the_log():
    client = Secure(gate)
    client.ask(get("/rtc/v1/whip/S3CRETPATH?token=S3CRETQUERY", "Authorization: Bearer S3CRET\r\n",
                   "DELETE"))
    until(lambda: "DELETE /rtc/v1/whip/...?... 200" in gate.lines(), "the line of the request")
    expect("S3CRET" not in gate.lines(), "a secret is in the log")


@test
def the_command_line_is_checked():
    program = os.path.join(BIN, "rtc-gate")
    cert, key = PAIRS[1], PAIRS[3]
    tls = ["--tls-listen", "127.0.0.1:0"]
    for args, words in ((tls, "--self-signed"), ([*tls, "--cert", cert], "--key"),
                        (["--cert", cert, "--key", key], "--tls-listen"), (["--redirect"], "--tls-listen"),
                        (["--redirect=0"], ""), (["--host", "a b"], ""), (["--host", "a:1"], ""),
                        (["--proxy-protocol", "name"], ""), (["--handshake-timeout", "x"], "")):
        result = subprocess.run([program, *args], capture_output=True, text=True)
        expect(result.returncode == 64 and "usage:" in result.stderr and words in result.stderr,
               "%s: %d %s" % (args, result.returncode, result.stderr))
    for pair, name in (([cert, here("none.key")], "none.key"), ([here("none"), key], "none"),
                       ([cert, here("b.key")], "b.key")):
        result = subprocess.run([program, *tls, "--cert", pair[0], "--key", pair[1]],
                                capture_output=True, text=True)
        expect(result.returncode == 66 and name in result.stderr, result.stderr)


@test
def the_gate_of_all_these_tests_ends_well():
    gate.stop()


PAIRS = make_pair("a", "a.test", "localhost", "127.0.0.1") + make_pair("b", "b.test", "*.b.test")
ups = [Upstream(name + ".sock") for name in ("whip", "whep", "web")]
gate = both(*PAIRS)
main(gate)
