#!/usr/bin/env python3
"""rtc-gate between raw clients and upstreams of this process, on loopback and Unix sockets."""
# runs under: address
# runs beside others
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gatelib import (BIN, DEADLINE_S, RUN, Client, Gate, Upstream, expect, field, get,  # noqa: E402
                     main, need, post, read_body, read_chunks, test, until)


@test
def paths_lead_to_their_programs():
    rows = [("/", "web"), ("/players/whip.html", "web"), ("/api/v1/versions", "web"),
            ("/metrics", "web"), ("/console/", "web"), ("/demos/x.js?a=/sig", "web"),
            ("/rtc/v1/whip", "whip"), ("/rtc/v1/whip/", "whip"), ("/rtc/v1/whip/?app=live", "whip"),
            ("/rtc/v1/whip/abc", "whip"), ("/rtc/v1/whip?app=live&action=play", "whep"),
            ("/rtc/v1/whip/?action=playing", "whip"), ("/rtc/v1/whip-play/", "whep"),
            ("/rtc/v1/whep/", "whep"), ("/rtc/v1/publish/", "whip"), ("/rtc/v1/play/", "whep"),
            ("/rtc/v1/whipx", "web"), ("/sig/v1/rtc?x", "signal"), ("/signal", "web"),
            ("/live/livestream.flv", "live"), ("/live/livestream.m3u8", "live"),
            ("/live/livestream-1.ts?x=1", "live"), ("/%72tc/v1/whep", "whep"),
            ("http://h:1/rtc/v1/whep/x?y", "whep"), ("http://h:1", "web")]
    client = Client(gate)
    for path, name in rows:
        status, _, body = client.ask(get(path))
        expect(status == 200, "%s: %d %s" % (path, status, body))
        seen = json.loads(body)
        expect(seen["socket"] == name + ".sock", "%s went to %s" % (path, seen["socket"]))
    status, _, body = client.ask("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
    expect(json.loads(body)["head"].startswith("OPTIONS * HTTP/1.1"), "asterisk-form")


@test
def heads_are_rewritten():
    client = Client(gate)
    status, head, body = client.ask(get(
        "/x", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n"
        "X-Forwarded-Host: evil\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Port: 6\r\n"
        "Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nTE: trailers\r\nCookie: a=b\r\nAuthorization: Bearer T\r\n"))
    seen = json.loads(body)["head"]
    expect(field(seen, "X-Forwarded-For") == "127.0.0.1", seen)
    expect(field(seen, "X-Forwarded-Proto") == "http", seen)
    expect(field(seen, "X-Forwarded-Host") == "h:1", seen)
    for name in ("X-Forwarded-Prefix", "X-Forwarded-Port", "Forwarded", "X-Hop", "TE"):
        expect(field(seen, name) is None, name + " passed")
    expect("6.6.6.6" not in seen and "evil" not in seen, seen)
    expect(field(seen, "Connection") == "close", seen)
    expect(field(seen, "Cookie") == "a=b" and field(seen, "Authorization") == "Bearer T", seen)
    expect(field(head, "X-Up") == "1" and field(head, "X-Drop") is None, head)
    expect(field(head, "Keep-Alive") is None and field(head, "Connection") == "keep-alive", head)


@test
def a_trusted_proxy_is_believed():
    own = Gate("--trusted-proxy", "127.0.0.1")
    _, _, body = Client(own).ask(get(
        "/x", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\n"))
    seen = json.loads(body)["head"]
    expect(field(seen, "X-Forwarded-For") == "9.9.9.9", seen)
    expect(field(seen, "X-Forwarded-Proto") == "https", seen)
    expect(field(seen, "X-Forwarded-Host") == "h:1", seen)
    expect(field(seen, "X-Forwarded-Port") == "8443", seen)
    # HAProxy adds a field of its own behind the client's.
    _, _, body = Client(own).ask(get(
        "/x", "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        "x-forwarded-for: 9.9.9.9\r\nX-Forwarded-Proto: http\r\n"))
    seen = json.loads(body)["head"]
    expect(field(seen, "X-Forwarded-For") == "9.9.9.9" and "127.0.0.1" not in seen, seen)
    expect(field(seen, "X-Forwarded-Proto") == "http" and "https" not in seen, seen)
    own.stop()


@test
def routes_can_be_replaced():
    extra = Upstream("extra.sock")
    tcp = socket.create_server(("127.0.0.1", 0))
    own = Gate("-r", "/rtc/v1/whip=extra.sock", "--route", "/tcp=%d" % tcp.getsockname()[1])
    _, _, body = Client(own).ask(get("/rtc/v1/whip/x"))
    expect(json.loads(body)["socket"] == "extra.sock", "not replaced")
    _, _, body = Client(own).ask(get("/rtc/v1/whep/x"))
    expect(json.loads(body)["socket"] == "whep.sock", "others stay")
    client = Client(own)
    client.send(get("/tcp/1"))
    connection, _ = tcp.accept()
    expect(b"GET /tcp/1 " in connection.recv(4096), "no request over TCP")
    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    status, _, _ = client.answer(head_request=True)
    expect(status == 204, "TCP upstream")
    own.stop()
    extra.close()
    tcp.close()


@test
def one_connection_serves_many_requests():
    client = Client(gate)
    for n in range(5):
        _, _, body = client.ask(post("/k/%d" % n, "b" * n))
        expect(json.loads(body)["body"] == "b" * n, "body %d" % n)
    status, head, _ = client.ask(get("/last", "Connection: close\r\n"))
    expect(field(head, "Connection") == "close" and client.at_end(), "close is obeyed")
    client = Client(gate)
    status, head, _ = client.ask(get("/old", version="1.0"))
    expect(field(head, "Connection") == "close" and client.at_end(), "HTTP/1.0 closes")


@test
def requests_sent_ahead_are_answered_in_order():
    client = Client(gate)
    before = len(ups["web"].heads)
    texts = [post("/p/%d" % n, "x" * (n * 50)) if n % 2 else get("/p/%d" % n) for n in range(40)]
    client.send("".join(texts))
    for n in range(40):
        _, _, body = client.answer()
        seen = json.loads(body)
        expect(seen["head"].split(" ")[1] == "/p/%d" % n, "order at %d" % n)
        expect(len(seen["body"]) == (n * 50 if n % 2 else 0), "body of %d" % n)
        expect(seen["surplus"] == "", "octets of another request went upstream")
    expect(len(ups["web"].heads) == before + 40, "one upstream connection for each")


@test
def a_request_may_come_octet_by_octet():
    client = Client(gate)
    text = "\r\n" + get("/slow", "Transfer-Encoding: chunked\r\n", "POST") + "2\r\nab\r\n0\r\n\r\n"
    for c in text:
        client.send(c)
    _, _, body = client.answer()
    expect(json.loads(body)["body"] == "ab", "body")


@test
def chunked_bodies_are_framed_anew():
    client = Client(gate)
    big = "0123456789abcdef" * 8192
    _, _, body = client.ask(get("/c", "Transfer-Encoding: chunked\r\n", "POST") +
                            "5;ext=\"1\"\r\nhello\r\n%x\r\n%s\r\n0\r\nTrailer: x\r\n\r\n"
                            % (len(big), big))
    seen = json.loads(body)
    expect(seen["body"] == "hello" + big, "body of %d octets" % len(seen["body"]))
    expect(field(seen["head"], "Content-Length") is None, seen["head"])
    expect(seen["surplus"] == "", "surplus")
    _, _, body = client.ask(get("/after"))
    expect(json.loads(body)["head"].startswith("GET /after"), "the connection goes on")


@test
def head_has_no_body():
    client = Client(gate)
    status, head, _ = client.ask(get("/h", method="HEAD"), head_request=True)
    expect(status == 200 and int(field(head, "Content-Length")) > 0, head)
    status, _, body = client.ask(get("/h2"))
    expect(json.loads(body)["head"].startswith("GET /h2"), "next answer")


@test
def expect_is_answered_here():
    client = Client(gate)
    client.send(get("/e", "Content-Length: 3\r\nExpect: 100-continue\r\n", "POST"))
    status, _, _ = client.answer()
    expect(status == 100, "interim %d" % status)
    status, _, body = client.ask("abc")
    seen = json.loads(body)
    expect(seen["body"] == "abc" and field(seen["head"], "Expect") is None, "final")


@test
def answers_of_any_framing_arrive():
    def serve(up, connection, head, rest):
        kind = head.split(" ")[1][1:]
        answers = {
            "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "close": b"HTTP/1.1 200 OK\r\n\r\nabcde",
            "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                       b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
            "surplus": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"
                       b"HTTP/1.1 200 Smuggled\r\n\r\n",
            "none": b"HTTP/1.1 204 No Content\r\n\r\n",
            "same": b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n",
        }
        connection.sendall(answers[kind])

    up = Upstream("web.sock", serve)
    for version in ("1.1", "1.0"):
        for kind in ("chunked", "close", "interim", "surplus"):
            client = Client(gate)
            status, head, body = client.ask(get("/" + kind, version=version))
            expect(status == 200 and body == b"abcde",
                   "%s %s: %d %s" % (version, kind, status, body))
            if version == "1.0":
                expect(field(head, "Transfer-Encoding") is None, "chunked to HTTP/1.0")
                expect(client.at_end(), "HTTP/1.0 ends")
            else:
                status, _, body = client.ask(get("/" + kind))
                expect(status == 200 and body == b"abcde", "the connection goes on after " + kind)
    client = Client(gate)
    for kind, wanted in (("none", 204), ("same", 304), ("none", 204)):
        status, head, _ = client.ask(get("/" + kind), head_request=True)
        expect(status == wanted, "%s: %d" % (kind, status))
    up.close()
    ups["web"] = Upstream("web.sock")


@test
def a_program_that_does_not_run_is_named():
    ups["whip"].close()
    started = time.monotonic()
    for path, name in (("/rtc/v1/whip/", b"rtc-whip"),):
        status, head, body = Client(gate).ask(post(path, "offer"))
        expect(status == 503 and name + b" is not running" in body, "%d %s" % (status, body))
        expect(field(head, "Retry-After") is not None, head)
        expect(field(head, "Content-Type") == "application/problem+json", head)
        expect(field(head, "Access-Control-Allow-Origin") == "*", head)
        expect(json.loads(body)["status"] == 503, "problem body")
    # A socket that nobody listens on any more, as after SIGKILL.
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.join(RUN, "whip.sock"))
    s.close()
    status, _, body = Client(gate).ask(post("/rtc/v1/whip/", "offer"))
    expect(status == 503 and b"rtc-whip is not running" in body, "%d %s" % (status, body))
    expect(time.monotonic() - started < 2, "answered at once")
    ups["whip"] = Upstream("whip.sock")
    status, _, _ = Client(gate).ask(post("/rtc/v1/whip/", "offer"))
    expect(status == 200, "back again")


@test
def a_program_that_restarts_is_waited_for():
    path = os.path.join(RUN, "again.sock")
    own = Gate("-r", "/again=again.sock", "--restart-wait", "5")
    for _ in range(2):
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(path)
        dead.close()
        clients = [Client(own) for _ in range(8)]
        for client in clients:
            client.send(post("/again", "offer"))
        clients[7].s.close()    # one gives up meanwhile
        time.sleep(0.1)
        up = Upstream("again.sock")
        for client in clients[:7]:
            status, _, body = client.answer()
            expect(status == 200 and json.loads(body)["body"] == "offer", "%d %s" % (status, body))
        expect(len(up.heads) in (7, 8), "each once")
        up.close()
    own.stop()


@test
def a_program_that_dies_in_between_is_told():
    """A real process, killed while it has the request, while it answers, or before it read all."""
    script = r"""
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8)
print("up", flush=True)
c, _ = s.accept()
c.recv(65536)
if sys.argv[2] == "answering":
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
elif sys.argv[2] == "head":
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-")
print("got", flush=True)
c.recv(1 << 30) if sys.argv[2] == "reading" else None
sys.stdin.read()
"""
    path = os.path.join(RUN, "victim.sock")
    own = Gate("-r", "/victim=victim.sock")
    for phase, wanted in (("waiting", 502), ("head", 502), ("answering", 200), ("reading", 502)):
        if os.path.exists(path):
            os.unlink(path)
        victim = subprocess.Popen([sys.executable, "-c", script, path, phase],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        expect(victim.stdout.readline() == b"up\n", "victim starts")
        client = Client(own)
        if phase == "reading":
            client.send(get("/victim", "Content-Length: 1000000\r\n", "POST") + "x" * 1000)
        else:
            client.send(post("/victim", "offer"))
        expect(victim.stdout.readline() == b"got\n", "victim has the request")
        victim.kill()
        victim.wait()
        victim.stdin.close()
        victim.stdout.close()
        if phase == "answering":
            while client.receive():
                pass
            expect(client.data.endswith(b"half"), "what came is passed on, then the end")
        else:
            status, head, body = client.answer()
            expect(status == wanted and b"victim.sock" in body,
                   "%s: %d %s" % (phase, status, body))
    own.stop()


@test
def a_silent_program_is_given_up():
    def serve(up, connection, head, rest):
        connection.recv(1)

    up = Upstream("silent.sock", serve)
    own = Gate("-r", "/silent=silent.sock", "--answer-timeout", "0.3")
    started = time.monotonic()
    status, _, body = Client(own).ask(get("/silent"))
    expect(status == 504 and b"did not answer in time" in body, "%d %s" % (status, body))
    expect(0.25 < time.monotonic() - started < 3, "in time")
    own.stop()
    up.close()


HOST = "Host: h\r\n"
HOSTILE = [
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    "0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 4,4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length: +4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 0x4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 18446744073709551620\r\n\r\nabcd",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length:\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Content-Length : 4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n"
    "Transfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.0\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na",
    "POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n folded: x\r\n\r\n",
    "GET / HTTP/1.1\r\n" + HOST + "X: a\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\n " + HOST + "\r\n",
    "GET / HTTP/1.1\r\n" + HOST + "X: a\rb\r\n\r\n",
    "GET / HTTP/1.1\n" + HOST + "\r\n",
    "GET / HTTP/1.1\r\nHost: h\n\r\n",
    "GET / HTTP/1.1\r\n" + HOST + "X: a\x00b\r\n\r\n",
    "GET / HTTP/1.1\r\n" + HOST + "X\x01: a\r\n\r\n",
    "GET / HTTP/1.1\r\n" + HOST + ": a\r\n\r\n",
    "GET / HTTP/1.1\r\n" + HOST + "colonless\r\n\r\n",
    "GET / HTTP/1.1\r\n" + HOST + HOST + "\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h/../x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n",
    "GET  / HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /a b HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /../etc HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /a/%2e%2e/b HTTP/1.1\r\n" + HOST + "\r\n",
    "GET //rtc/v1/whip HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /%00 HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /%0d%0aX:%20y HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /%zz HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /\xff HTTP/1.1\r\n" + HOST + "\r\n",
    "GET h HTTP/1.1\r\n" + HOST + "\r\n",
    "GET http://other/x HTTP/1.1\r\n" + HOST + "\r\n",
    "GET http:///x HTTP/1.1\r\n" + HOST + "\r\n",
    "GET http://u@h/x HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT h:443 HTTP/1.1\r\n" + HOST + "\r\n",
    "G=T / HTTP/1.1\r\n" + HOST + "\r\n",
    "GET /\r\n\r\n",
    "GET / HTTP/0.9\r\n\r\n",
    "GET / HTTP/2.0\r\n" + HOST + "\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "GET / HTTP/1.1\r\n" + HOST + "X: %s\r\n\r\n" % ("a" * 17000),
    "GET / HTTP/1.1\r\n" + HOST + "X: 1\r\n" * 120 + "\r\n",
    "GET /%s HTTP/1.1\r\n" % ("a" * 9000) + HOST + "\r\n",
]


@test
def hostile_requests_are_refused_with_an_answer():
    followed = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    for n, text in enumerate(HOSTILE):
        client = Client(gate)
        client.send(text + followed)
        status, head, body = client.answer()
        expect(status in (400, 414, 431, 501, 505), "row %d: %d for %r" % (n, status, text[:80]))
        expect(field(head, "Connection") == "close", "row %d stays open" % n)
        expect(json.loads(body)["status"] == status, "row %d has no problem body" % n)
        expect(client.at_end(), "row %d: more than one answer" % n)
    seen = "".join("".join(up.heads) for up in ups.values())
    expect("smuggled" not in seen, "a smuggled request went upstream")
    print("# %d hostile requests" % len(HOSTILE))


@test
def slow_requests_are_answered_408():
    own = Gate("--head-timeout", "0.3", "--body-timeout", "0.4", "--idle-timeout", "0.5")
    for text in ("", "GET / HT", get("/x")[:-2], post("/x", "body")[:-1],
                 get("/x", "Transfer-Encoding: chunked\r\n", "POST") + "4\r\nab"):
        client = Client(own)
        started = time.monotonic()
        status, _, _ = client.ask(text)
        expect(status == 408, "%r: %d" % (text, status))
        expect(client.at_end(), "%r stays open" % text)
        took = time.monotonic() - started
        expect(0.25 < took < 3, "%r took %.1f s" % (text, took))
    # A drop now and then does not help.
    client = Client(own)
    started = time.monotonic()
    text = iter(get("/" + "a" * 1000))
    while time.monotonic() - started < 5:
        try:
            client.send(next(text))
        except OSError:
            break
        client.s.settimeout(0.05)
        try:
            if client.receive():
                break
        except TimeoutError:
            pass
    expect(b" 408 " in client.data and time.monotonic() - started < 3,
           "dribbling: %r" % client.data)
    # Between requests silence is no fault: closed without a word, after the longer time.
    client = Client(own)
    client.ask(get("/x"))
    expect(client.at_end(), "idle connections are closed")
    own.stop()


@test
def limits_answer_503():
    own = Gate("--max-per-address", "3", "--max-connections", "5")
    clients = [Client(own) for _ in range(3)]
    for client in clients:
        expect(client.ask(get("/x"))[0] == 200, "within the limit")
    fourth = Client(own)
    status, head, _ = fourth.answer()
    expect(status == 503 and field(head, "Retry-After") is not None,
           "over the limit: %d" % status)
    clients[0].s.close()
    until(lambda: Client(own).ask(get("/x"))[0] == 200, "room after one left")
    own.stop()


@test
def a_tunnel_opens_after_101():
    def serve(up, connection, head, rest):
        expect(field(head, "Upgrade") == "websocket", head)
        expect(field(head, "Connection") == "upgrade", head)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                           b"Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nearly")
        while True:
            piece = rest or connection.recv(65536)
            rest = b""
            if not piece:
                connection.sendall(b"bye")
                return
            connection.sendall(piece.upper())

    ups["signal"].close()
    ups["signal"] = Upstream("signal.sock", serve)
    client = Client(gate)
    status, head, _ = client.ask(get(
        "/sig/v1/rtc", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    expect(status == 101 and field(head, "Sec-WebSocket-Accept") == "x", head)
    expect(field(head, "Upgrade") == "websocket", head)
    while client.data != b"early":
        need(client.receive)
    client.data = b""
    sent = b""
    for n in range(50):
        piece = (b"piece %d " % n) * 100
        client.send(piece)
        sent += piece.upper()
        while len(client.data) < len(sent):
            need(client.receive)
    expect(client.data == sent, "octets both ways")
    client.s.shutdown(socket.SHUT_WR)
    while client.receive():
        pass
    expect(client.data == sent + b"bye", "half-closed to the end")
    # An upgrade that nobody asked for is no answer.
    status, _, _ = Client(gate).ask(get("/sig/v1/rtc"))
    expect(status == 502, "unasked 101: %d" % status)


@test
def slow_readers_hold_the_sender_back():
    total = 48 << 20
    state = {"sent": 0}

    def serve(up, connection, head, rest):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n")
        block = bytes(range(256)) * 256
        while state["sent"] < total:
            connection.sendall(block)
            state["sent"] += len(block)

    ups["live"].close()
    ups["live"] = Upstream("live.sock", serve)
    client = Client(gate)
    client.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.send(get("/live/x.flv", version="1.0"))
    last = -1
    while last != state["sent"] or state["sent"] == 0:
        last = state["sent"]
        time.sleep(0.3)
    expect(state["sent"] < 24 << 20, "%d octets taken for nobody" % state["sent"])
    with open("/proc/%d/status" % gate.process.pid) as f:
        resident = [line for line in f if line.startswith("VmRSS")][0]
    print("# stalled after %d octets, %s" % (state["sent"], resident.strip()))
    digest, count = hashlib.md5(), 0
    while b"\r\n\r\n" not in client.data:
        need(client.receive)
    data = client.data.split(b"\r\n\r\n", 1)[1]
    while data:
        digest.update(data)
        count += len(data)
        data = client.s.recv(1 << 20)
    expect(count == total, "%d of %d octets" % (count, total))
    whole = hashlib.md5(bytes(range(256)) * (total // 256))
    expect(digest.digest() == whole.digest(), "same octets")


@test
def slow_programs_hold_the_client_back():
    total, gone = 16 << 20, threading.Event()

    def serve(up, connection, head, rest):
        gone.wait(DEADLINE_S)
        body, surplus = read_body(connection, head, rest)
        text = hashlib.md5(body).hexdigest().encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

    up = Upstream("slow.sock", serve)
    own = Gate("-r", "/slow=slow.sock")
    client = Client(own)
    client.send(get("/slow", "Content-Length: %d\r\n" % total, "POST"))
    body, at = bytes(range(256)) * (total // 256), 0
    client.s.settimeout(1)
    try:
        while at < total:
            at += client.s.send(body[at:at + 65536])
    except TimeoutError:
        pass
    expect(at < total, "all of it was taken")
    gone.set()
    client.s.settimeout(DEADLINE_S)
    client.s.sendall(body[at:])
    status, _, text = client.answer()
    expect(status == 200 and text.decode() == hashlib.md5(body).hexdigest(),
           "%d %s" % (status, text))
    own.stop()
    up.close()


@test
def clients_that_vanish_harm_nobody():
    for text in ("", "GET / H", get("/x"), post("/rtc/v1/whip/", "offer")[:-3],
                 get("/x", "Transfer-Encoding: chunked\r\n", "POST") + "5\r\nab"):
        for reset in (False, True):
            client = Client(gate)
            client.send(text)
            if reset:
                client.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\x01\x00\x00\x00\x00\x00\x00\x00")
            client.s.close()
    client = Client(gate)
    client.send(post("/x", "body")[:-1])
    client.s.shutdown(socket.SHUT_WR)
    status, _, body = client.answer()
    expect(status == 400 and b"ended before" in body, "half a body: %d" % status)
    client = Client(gate)
    client.send(post("/x", "body"))
    client.s.shutdown(socket.SHUT_WR)
    expect(client.answer()[0] == 200, "a half-closed client gets its answer")
    expect(gate.process.poll() is None, "rtc-gate lives")
    expect(Client(gate).ask(get("/x"))[0] == 200, "and serves")


@test
def an_early_answer_reaches_a_client_that_still_sends():
    def serve(up, connection, head, rest):
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")

    up = Upstream("early.sock", serve)
    own = Gate("-r", "/early=early.sock")
    client = Client(own)
    client.send(get("/early", "Content-Length: 400000\r\n", "POST"))
    try:
        client.send("x" * 400000)
    except OSError:
        pass
    status, head, body = client.answer()
    expect(status == 413 and body == b"big", "%d %s" % (status, body))
    expect(field(head, "Connection") == "close", head)
    own.stop()
    up.close()


@test
def stopping_finishes_what_runs():
    go = threading.Event()

    def serve(up, connection, head, rest):
        go.wait(DEADLINE_S)
        Upstream.echo(up, connection, head, rest)

    up = Upstream("held.sock", serve)
    own = Gate("-r", "/held=held.sock")
    idle, busy, lost = Client(own), Client(own), Client(own)
    idle.ask(get("/x"))
    busy.send(get("/held"))
    until(lambda: len(up.heads) == 1, "the request is upstream")
    own.process.send_signal(signal.SIGTERM)
    expect(idle.at_end(), "idle connections end at once")
    go.set()
    status, head, _ = busy.answer()
    expect(status == 200 and field(head, "Connection") == "close", "the running one is finished")
    started = time.monotonic()
    busy.s.close()
    lost.s.close()
    own.wait()
    expect(time.monotonic() - started < 2.5, "stops in time")
    go.clear()
    own = Gate("-r", "/held=held.sock")
    busy = Client(own)
    busy.send(get("/held"))
    until(lambda: len(up.heads) == 2, "the request is upstream")
    started = time.monotonic()
    own.process.send_signal(signal.SIGTERM)
    expect(busy.answer()[0] == 503, "a request that takes too long is told so")
    own.wait()
    expect(time.monotonic() - started < 3, "stops in time")
    go.set()
    up.close()


@test
def killed_and_started_again_on_its_port():
    own = Gate()
    client = Client(own)
    client.ask(get("/x"))
    own.stop(signal.SIGKILL)
    again = Gate(listen="127.0.0.1:%d" % own.port)
    expect(Client(again).ask(get("/x"))[0] == 200, "serves again")
    busy = subprocess.run([os.path.join(BIN, "rtc-gate"), "-l", "127.0.0.1:%d" % own.port],
                          capture_output=True, text=True)
    expect(busy.returncode == 69 and "cannot listen" in busy.stderr, "a taken port is told")
    again.stop()


@test
def secrets_stay_out_of_the_log():
    client = Client(gate)
    client.ask(get("/rtc/v1/whip/S3CRETPATH?token=S3CRETQUERY",
                   "Authorization: Bearer S3CRETHEAD\r\n", "DELETE"))
    client.ask(get("/x?secret=S3CRETQUERY"))
    until(lambda: "GET /x?..." in gate.lines(), "the line of the request")
    expect("S3CRET" not in gate.lines(), "a secret is in the log")
    expect("DELETE /rtc/v1/whip/...?... 200" in gate.lines(), gate.lines()[-500:])


@test
def the_command_line_is_checked():
    program = os.path.join(BIN, "rtc-gate")
    for args in (["--nonsense"], ["x"], ["-r", "x"], ["-r", "x=y"], ["-r", "/x=y"], ["-R", "x"],
                 ["--head-timeout", "0"], ["--max-connections", "-1"], ["--trusted-proxy", "name"]):
        result = subprocess.run([program, *args], capture_output=True, text=True)
        expect(result.returncode == 64 and "usage:" in result.stderr,
               "%s: %d" % (args, result.returncode))
    result = subprocess.run([program, "--help"], capture_output=True, text=True)
    expect(result.returncode == 0 and result.stdout.startswith("usage:"), "--help")
    result = subprocess.run([program, "-V"], capture_output=True, text=True)
    expect(result.returncode == 0 and result.stdout.startswith("rtc-gate "), "--version")


@test
def the_gate_of_all_these_tests_ends_well():
    gate.stop()


ups = {name: Upstream(name + ".sock") for name in ("whip", "whep", "signal", "live", "web")}
gate = Gate()
main(gate)
