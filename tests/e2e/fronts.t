#!/usr/bin/env python3
"""conf/nginx.conf and conf/haproxy.cfg in the place of rtc-gate, before the real programs."""
# runs under: none
# runs beside others
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frontlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relaylib import free_port  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BIN = os.path.abspath(os.environ.get("RTC_BIN", "build/bin"))
DEADLINE_S = 15
RUN = tempfile.mkdtemp(prefix="fronts.")
ENV = dict(os.environ, RTC_RUN=RUN)
children, count, failed = [], 0, 0


def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name), flush=True)
    if not good:
        failed += 1
        print("# %s" % str(detail).replace("\n", "\n# "), flush=True)


def until(fn, seconds=DEADLINE_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fn():
            return True
        time.sleep(0.02)
    return False


def run(name, *args):
    with open(os.path.join(RUN, name + ".log"), "w") as log:
        child = subprocess.Popen(args, env=ENV, stdout=log, stderr=log)
    children.append(child)
    return child


def log_of(name, most=3000):
    with open(os.path.join(RUN, name + ".log")) as f:
        return f.read()[-(most or 1 << 20):]


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


class Answer:
    def __init__(self, *args):
        result = subprocess.run(["curl", "-sk", "-i", "-m", "10", *args], capture_output=True)
        head, _, self.body = result.stdout.partition(b"\r\n\r\n")
        self.head = head.decode("latin-1")
        self.status = int(self.head.split(" ")[1]) if " " in self.head else 0

    def field(self, name):
        found = re.search(r"(?im)^%s: *(.*?)\r?$" % name, self.head)
        return found.group(1) if found else None

    def __str__(self):
        return "%s\n%s" % (self.head, self.body[:400])


def websocket(port, path, name):
    """Does rtc-signal answer a request to join, through the front?"""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(DEADLINE_S)
        s.sendall(("GET %s HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                   "\r\n" % path).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += s.recv(4096) or b"\r\n\r\n"
        text = json.dumps({"tid": "t1", "msg": {"action": "join", "room": "r", "display": name}})
        # A masked text frame of less than 126 octets (RFC 6455 s.5.2), the mask all zero.
        frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()
        for part in (frame[:3], frame[3:]):
            s.sendall(part)
        while b"participants" not in got:
            more = s.recv(4096)
            if not more:
                return False
            got += more
        return got.startswith(b"HTTP/1.1 101") and b'"t1"' in got


OFFERS = {kind: "@" + os.path.join(ROOT, "tests/vectors/sdp/chromium-%s-offer.sdp" % kind)
          for kind in ("whip", "whep")}
TYPE = ["-H", "Content-Type: application/sdp"]
EVIL = ["-H", "X-Forwarded-Host: evil.example", "-H", "X-Forwarded-Prefix: /evil", "-H",
        "X-Forwarded-Proto: gopher", "-H", "X-Forwarded-Port: 6", "-H", "X-Forwarded-For: 6.6.6.6"]
FRAGMENT = "a=ice-ufrag:abcd\r\na=ice-pwd:%s\r\n" % ("x" * 24)


def session(name, base, query, stream):
    """A session's life under the URL that the front gives out."""
    kind = "whep" if "play" in query else "whip"
    posted = Answer("-X", "POST", *TYPE, *EVIL, "--data-binary", OFFERS[kind],
                    "%s/rtc/v1/whip/?app=live&stream=%s%s" % (base, stream, query))
    location = posted.field("Location") or "http://none.invalid"
    ok(posted.status == 201 and location.startswith("%s/rtc/v1/%s/session/" % (base, kind)),
       "%s: POST, Location" % name, posted)
    patched = Answer("-X", "PATCH", "-H", "Content-Type: application/trickle-ice-sdpfrag", "-H",
                     "If-Match: *", "--data-binary", FRAGMENT, location)
    ok(patched.status == 200 and b"ice-ufrag" in patched.body, "%s: PATCH" % name, patched)
    deleted = Answer("-X", "DELETE", location)
    ok(deleted.status == 200 and Answer("-X", "DELETE", location).status == 404,
       "%s: DELETE" % name, deleted)


def check(front, port, secure):
    base, tls = "http://127.0.0.1:%d" % port, "https://127.0.0.1:%d" % secure
    session(front, base, "", "a")
    session(front + " under a prefix", base + "/media", "", "b")
    session(front + " by https under a prefix", tls + "/media", "", "c")
    session(front + ", the old way to play", base, "&action=play", "demo")
    posted = Answer("-X", "POST", *TYPE, *EVIL, "--data-binary", OFFERS["whep"],
                    base + "/rtc/v1/whep/?app=live&stream=demo")
    ok(posted.status == 201, front + ": WHEP", posted)
    Answer("-X", "DELETE", posted.field("Location"))
    for path in ("/rtc/v1/whip", "/rtc/v1/whip-play/", "/media/rtc/v1/whep/"):
        answer = Answer("-X", "POST", *TYPE, "-d", "x", base + path)
        ok(answer.status == 400 and b"urn:rtckit:problem" in answer.body,
           "%s: a problem of %s arrives" % (front, path), answer)
    json_api = Answer("-d", "{}", base + "/rtc/v1/publish/")
    ok(json_api.status == 200 and json.loads(json_api.body)["code"] != 0,
       front + ": the older interface", json_api)
    for path in ("/players/whep.html", "/media/players/whep.html"):
        page = Answer(base + path)
        ok(page.status == 200 and b"<video" in page.body, "%s: %s" % (front, path), page)
    ok(websocket(port, "/sig/v1/rtc", front) and
       websocket(port, "/media/sig/v1/rtc", front + "2"), front + ": a WebSocket")
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(DEADLINE_S)
        s.sendall(b"GET /media/live/demo.flv HTTP/1.1\r\nHost: h\r\n\r\n")
        got, began = b"", time.monotonic()
        while len(got) < 30000 and time.monotonic() < began + DEADLINE_S:
            got += s.recv(65536)
        ok(b"FLV\1" in got and len(got) >= 30000, front + ": HTTP-FLV as it comes", got[:300])
        first = time.monotonic()
        s.recv(65536)
        ok(time.monotonic() - first < 1, front + ": and on, not in heaps")


def main():
    ready, ready_w = os.pipe()
    log = open(RUN + "/server.log", "w")
    server = subprocess.Popen(
        [os.path.join(BIN, "rtc-server"), "-c", os.path.join(ROOT, "conf/rtc.conf"), "-s", "rtc_signal.listen=0", "-s",
         "http_api.enabled=off", "-s", "http_server.enabled=off", "-s",
         "rtc_server.listen=127.0.0.1:%d" % free_port(), "-s", "rtc_server.candidate=127.0.0.1",
         "-s", "rtc_signal.listen=127.0.0.1:%d" % free_port(), "-R", str(ready_w)],
        env=ENV, stderr=log, pass_fds=[ready_w])
    children.append(server)
    os.close(ready_w)
    ok(os.read(ready, 1) == b"\n", "rtc-server without the gate is ready")
    ok(not os.path.exists(RUN + "/pid/rtc-gate"), "and runs none")
    start_fronts()
    run("publish", os.path.join(BIN, "rtc-publish"), "--test",
        "http://127.0.0.1:%d/media/rtc/v1/whip/?app=live&stream=demo" % ports["nginx"])
    ok(until(lambda: Answer("http://127.0.0.1:%d/live/demo.m3u8" % ports["nginx"]).status == 200),
       "rtc-publish by nginx, HLS of it", log_of("publish"))
    for front in ("nginx", "haproxy"):
        check(front, ports[front], ports[front + " tls"])
    session("nginx before rtc-gate", "http://127.0.0.1:%d" % ports["bare"], "", "bare")
    session("the same by https", "https://127.0.0.1:%d" % ports["bare tls"], "", "bare")
    page = Answer("--interface", "127.0.0.5",
                  "https://127.0.0.1:%d/players/whep.html" % ports["through"])
    ok(page.status == 200 and b"<video" in page.body, "haproxy before rtc-gate", page)
    ok(until(lambda: "127.0.0.5 GET /players/whep.html 200" in log_of("gate")),
       "which knows the client's address", log_of("gate"))
    lines = log_of("server", None)
    ok("6.6.6.6" not in lines and "127.0.0.1" in lines,
       "what clients say of their address is replaced")
    server.terminate()
    ok(server.wait(DEADLINE_S) == 0, "rtc-server ends well")


def start_fronts():
    frontlib.certificate(RUN)
    # And before the gate, on ports that Host does not name.
    before_gate = """    server {
        listen 127.0.0.1:%d;
        listen 127.0.0.1:%d ssl;
        ssl_certificate %s/cert.pem;
        ssl_certificate_key %s/key.pem;
        location / {
            proxy_pass http://127.0.0.1:%d;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Forwarded-Prefix "";
            proxy_set_header X-Forwarded-For $remote_addr;
        }
    }
""" % (ports["bare"], ports["bare tls"], RUN, RUN, ports["plain gate"])
    run("plain-gate", os.path.join(BIN, "rtc-gate"), "--listen", "127.0.0.1:%d" % ports["plain gate"],
        "--trusted-proxy", "127.0.0.1")
    # And before the gate: TLS passes through, the client's address comes by the PROXY protocol.
    through = ("listen through\n    mode tcp\n    bind 127.0.0.1:%d\n"
               "    server gate 127.0.0.1:%d send-proxy-v2\n" % (ports["through"], ports["gate"]))
    run("gate", os.path.join(BIN, "rtc-gate"), "--tls-listen", "127.0.0.1:%d" % ports["gate"],
        "--self-signed", RUN + "/tls", "--proxy-protocol", "127.0.0.1")
    run("nginx", *frontlib.nginx(RUN, *(ports["nginx" + n] for n in ("", " api", " tls")), before_gate))
    run("haproxy", *frontlib.haproxy(RUN, *(ports["haproxy" + n] for n in ("", " api", " tls")), through))
    for front in ("nginx", "haproxy"):
        ok(until(lambda: is_open(ports[front]) and is_open(ports[front + " tls"])),
           front + " starts", log_of(front))


ports = {n: free_port() for n in ("nginx", "nginx tls", "nginx api", "haproxy", "haproxy tls",
                                   "haproxy api", "through", "gate", "bare", "bare tls", "plain gate")}
try:
    main()
except Exception as error:
    ok(False, "no surprises", repr(error))
for child in reversed(children):
    if child.poll() is None:
        child.terminate()
        child.wait(DEADLINE_S)
if failed:
    for name in ("nginx", "haproxy"):
        print("# " + log_of(name).replace("\n", "\n# "))
shutil.rmtree(RUN, ignore_errors=True)
print("1..%d" % count)
sys.exit(1 if failed else 0)
