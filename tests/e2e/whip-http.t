#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtc-whip and rtc-whep over HTTP, before a stand-in for the relay: every status with its problem,
tokens, Locations, candidates, hostile requests, and that instances hold nothing."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

BIN = os.environ.get("RTC_BIN", "build/bin")
VECTORS = os.environ.get("RTC_VECTORS", "tests/vectors")
DEADLINE_S = 20
TMP = tempfile.TemporaryDirectory(prefix="rtckit-whip-")
RUN = TMP.name + "/run"
SIGNAL = RUN + "/relay/signal.sock"
LOG = TMP.name + "/relay.log"
ENV = {**os.environ, "RTC_RUN": RUN}
ENV.pop("CANDIDATE", None)
WHIP, WHEP = "/rtc/v1/whip/", "/rtc/v1/whep/"
children = []
count = failed = 0


def ok(good, name, detail=""):
    global count, failed
    count += 1
    failed += not good
    print(("ok" if good else "not ok"), count, "-", name)
    if not good:
        print("#   " + str(detail).replace("\n", "\n#   "))
    sys.stdout.flush()


def sdp(name):
    with open(f"{VECTORS}/sdp/{name}-offer.sdp", "rb") as f:
        return f.read()


def start_relay():
    os.makedirs(os.path.dirname(SIGNAL), exist_ok=True)
    if os.path.exists(SIGNAL):
        os.unlink(SIGNAL)
    p = subprocess.Popen([sys.executable, "tests/e2e/fakerelay.py", SIGNAL, LOG],
                         stdout=subprocess.PIPE)
    children.append(p)
    p.stdout.readline()
    return p


class Program:
    """One of the two programs, listening on TCP (unless tcp=False), ready."""

    def __init__(self, name, *args, tcp=True, env=ENV):
        r, w = os.pipe()
        self.err = tempfile.TemporaryFile()
        listen = ["--listen", "127.0.0.1:0"] if tcp else []
        self.p = subprocess.Popen([f"{BIN}/{name}", "-R", str(w), *listen, *args], pass_fds=[w],
                                  stderr=self.err, env=env)
        children.append(self.p)
        os.close(w)
        with os.fdopen(r) as f:
            self.ready = f.read() == "\n"
        port = re.search(r"port (\d+)", self.log())
        self.port = int(port.group(1)) if port else 0

    def log(self):
        self.err.seek(0)
        return self.err.read().decode()

    def stop(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        return self.p.wait(DEADLINE_S)


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/1.1 ") else 0
        self.headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
        self.text = self.body.decode("latin-1")
        self.raw = raw

    def problem(self):
        if self.headers.get("content-type") != "application/problem+json":
            return None
        p = json.loads(self.text)
        good = p["status"] == self.status and p["title"] and p["detail"] and p["type"]
        return p if good else None


def exchange(where, raw):
    """Send octets, read until the end or a whole answer."""
    if isinstance(where, str):
        s = socket.socket(socket.AF_UNIX)
    else:
        s = socket.socket()
    s.settimeout(DEADLINE_S)
    s.connect(where if isinstance(where, str) else ("127.0.0.1", where))
    data = b""
    try:
        s.sendall(raw)
        while True:
            if data.startswith(b"HTTP/1.1 100 ") and b"\r\n\r\n" in data:
                data = data.partition(b"\r\n\r\n")[2]
            head, blank, body = data.partition(b"\r\n\r\n")
            m = re.search(rb"\r\nContent-Length: (\d+)", head, re.I)
            if blank and head.startswith(b"HTTP/1.1 204"):
                break
            if blank and m and (raw.startswith(b"HEAD ") or len(body) >= int(m.group(1))):
                break
            more = s.recv(65536)
            if not more:
                break
            data += more
    except (ConnectionResetError, BrokenPipeError):
        pass
    s.close()
    return Answer(data)


def request(where, method, path, body=None, **headers):
    fields = {"Host": "localhost"}
    if body is not None:
        fields["Content-Type"] = "application/sdp"
        fields["Content-Length"] = str(len(body))
    fields.update({k.replace("_", "-"): v for k, v in headers.items()})
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in fields.items() if v is not None)
    return exchange(where, head.encode("latin-1") + b"\r\n" + (body or b""))


def asked():
    """What the relay was asked to do; notes follow answers."""
    with open(LOG) as f:
        return [m for m in map(json.loads, f) if m["op"] != "session.note"]


def candidates(answer):
    return re.findall(r"a=candidate:\S+ 1 (\w+) \d+ (\S+) (\d+) typ host", answer.text)


def statuses(port):
    offer = sdp("chromium-whip")
    play = sdp("chromium-whep")
    bare = sdp("recipe-whip")
    nomux = offer.replace(b"a=rtcp-mux\r\n", b"")
    rows = [
        # name, method, path, body, headers, status, words in the body or a header
        ("a publisher", "POST", WHIP, offer, {}, 201, "a=recvonly"),
        ("without the slash", "POST", WHIP[:-1], offer, {}, 201, "a=ice-lite"),
        ("a player at action=play", "POST", WHIP + "?action=play", play, {}, 201, "a=sendonly"),
        ("a player at whip-play", "POST", "/rtc/v1/whip-play/", play, {}, 201, "a=ssrc-group:FID 1000"),
        ("type with parameters", "POST", WHIP, offer,
         {"Content_Type": "Application/SDP; charset=utf-8"}, 201, "v=0"),
        ("accept anything", "POST", WHIP, offer, {"Accept": "text/html, */*;q=0.1"}, 201, "v=0"),
        ("FFmpeg 8", "POST", WHIP, sdp("ffmpeg8-whip"), {}, 201, "a=setup:active"),
        ("OBS simulcast", "POST", WHIP, sdp("obs-like-simulcast-whip"), {}, 201,
         "a=simulcast:recv 0;1;2"),
        ("no such path", "POST", "/rtc/v1/nothing", offer, {}, 404, "not-found"),
        ("no such session", "DELETE", WHIP + "session/" + "x" * 43, None, {}, 404, "no-such-session"),
        ("a session that is none", "DELETE", WHIP + "session/abc", None, {}, 404, "no-such-session"),
        ("a session without a name", "DELETE", WHIP + "session", None, {}, 404, "no-such-session"),
        ("GET", "GET", WHIP, None, {}, 204, "No Content"),
        ("GET of the players' path", "GET", "/rtc/v1/whip-play", None, {}, 204, "No Content"),
        ("PUT", "PUT", WHIP, offer, {}, 405, "POST, OPTIONS, GET, HEAD"),
        ("DELETE of the endpoint", "DELETE", WHIP, None, {}, 405, "POST"),
        ("PATCH of the endpoint", "PATCH", WHIP, b"a=x", {}, 405, "POST"),
        ("GET of no session", "GET", WHIP + "session/" + "x" * 43, None, {}, 404, "no-such-session"),
        ("HEAD of the publishers' path", "HEAD", WHIP, None, {}, 204, "No Content"),
        ("PUT of a session", "PUT", WHIP + "session/" + "x" * 43, offer, {}, 405, "PATCH, DELETE"),
        ("the relay's limit of one client", "POST", WHIP + "?stream=crowd", offer, {}, 429, "crowd"),
        ("POST to a session", "POST", WHIP + "session/" + "x" * 43, offer, {}, 405, "DELETE"),
        ("not acceptable", "POST", WHIP, offer, {"Accept": "text/html"}, 406, "Accept field"),
        ("a busy stream", "POST", WHIP + "?stream=busy", offer, {}, 409, "words of busy"),
        ("a busy ufrag", "POST", WHIP + "?stream=ufrag", offer, {}, 409, "ufrag-busy"),
        ("no length", "POST", WHIP, None, {"Content_Type": "application/sdp"}, 411, "Content-Length"),
        ("too long", "POST", WHIP, offer + b"a=x\r\n" * 20000, {}, 413, "too"),
        ("no type", "POST", WHIP, offer, {"Content_Type": None}, 415, "application/sdp"),
        ("another type", "POST", WHIP, offer, {"Content_Type": "application/json"}, 415,
         "application/json"),
        ("no body", "POST", WHIP, b"", {}, 400, "empty"),
        ("no SDP", "POST", WHIP, b"hello", {}, 400, "v=0"),
        ("NUL in the SDP", "POST", WHIP, b"v=0\r\ns=a\0b\r\n", {}, 400, "control character"),
        ("no m-line", "POST", WHIP, b"v=0\r\n", {}, 400, "no m= line"),
        ("17 m-lines", "POST", WHIP, b"v=0\r\n" + b"m=audio 9 RTP/SAVPF 0\r\n" * 17, {}, 413,
         "16 media sections"),
        ("no fingerprint", "POST", WHIP, bare, {}, 422, "no a=fingerprint line"),
        ("no rtcp-mux", "POST", WHIP, nomux, {}, 422, "a=rtcp-mux"),
        ("a player at the publishers' path", "POST", WHIP, play, {}, 422, "a=sendonly"),
        ("a publisher who would play", "POST", WHIP + "?action=play", offer, {}, 422, "a=recvonly"),
        ("a codec that is not offered", "POST", WHIP + "?codec=hevc", offer, {}, 422, "codec=hevc"),
        ("an unknown codec", "POST", WHIP + "?codec=mp3", offer, {}, 422, "h264"),
        ("no codec in common", "POST", WHIP + "?stream=nocodec&action=play", play, {}, 422,
         "words of nocodec"),
        ("the relay's limit", "POST", WHIP + "?stream=full", offer, {}, 503, "words of full"),
        ("the relay's failure", "POST", WHIP + "?stream=broken", offer, {}, 503, "relay-failed"),
        ("an error of a later relay", "POST", WHIP + "?stream=new", offer, {}, 503, "relay-failed"),
        ("a request that the relay refuses", "POST", WHIP + "?stream=bad", offer, {}, 400, "words of bad"),
        ("encrypt=off", "POST", WHIP + "?encrypt=false", offer, {}, 400, "parameter encrypt"),
        ("a bad app", "POST", WHIP + "?app=a%2Fb", offer, {}, 400, "parameter app"),
        ("a bad stream", "POST", WHIP + "?stream=a%20b", offer, {}, 400, "parameter stream"),
        ("a bad eip", "POST", WHIP + "?eip=host.example.com", offer, {}, 400, "parameter eip"),
        ("a bad ufrag", "POST", WHIP + "?ice-ufrag=abc", offer, {}, 400, "parameter ice-ufrag"),
        ("a bad action", "POST", WHIP + "?action=x", offer, {}, 400, "parameter action"),
        ("CR and LF in the query", "POST", WHIP + "?stream=a%0d%0aX-Evil:%201", offer, {}, 400, "quer"),
        ("NUL in the query", "POST", WHIP + "?stream=a%00", offer, {}, 400, "quer"),
        ("a thousand parameters", "POST",
         WHIP + "?" + "&".join(f"x{i}=1" for i in range(1000)), offer, {}, 400, "quer"),
        ("a bad escape", "POST", WHIP + "?stream=%zz", offer, {}, 400, "quer"),
        ("dots in the path", "POST", "/rtc/v1/../v1/whip/", offer, {}, 400, "path|target"),
        ("escaped dots", "POST", "/rtc/v1/%2e%2e/whip/", offer, {}, 400, "path|target"),
        ("dots in a session", "DELETE", WHIP + "session/../../x", None, {}, 400, "path|target"),
        ("a Host that is none", "POST", WHIP, offer, {"Host": "a\"b<c>"}, 201, "Location: /rtc"),
    ]
    for name, method, path, body, headers, status, words in rows:
        a = request(port, method, path, body, **headers)
        detail = f"{a.status}, wanted {status} with {words}\n{a.raw[:700].decode('latin-1')}"
        good = a.status == status and re.search(words, a.raw.decode("latin-1"))
        if good and status >= 400 and method != "HEAD":
            good = a.problem() is not None and a.headers.get("access-control-allow-origin") == "*"
        if good and status == 405:
            good = "allow" in a.headers
        if good and status in (429, 503):
            good = "retry-after" in a.headers
        if good and status == 415:
            good = a.headers.get("accept-post") == "application/sdp"
        ok(good, f"{status} {name}", detail)


def created(port):
    a = request(port, "POST", WHIP + "?app=a&stream=b&eip=203.0.113.5:18000", sdp("chromium-whip"),
                User_Agent="Tester\x01/1", Host="198.51.100.9:1985", X_Forwarded_For="9.9.9.9",
                X_Forwarded_Host="evil.example.com", X_Forwarded_Proto="https")
    ok(a.status == 201 and a.headers["content-type"] == "application/sdp", "201 carries SDP", a.raw)
    location = a.headers.get("location", "")
    ok(re.fullmatch(r"http://198\.51\.100\.9:1985/rtc/v1/whip/session/[\w-]{43}", location),
       "its Location is absolute, of the Host, not of X-Forwarded-Host of a stranger", location)
    ok(a.headers.get("etag") == '"relayU"', "it has an ETag", a.headers)
    ok({"location", "link", "etag"} <= set(
        re.split(", *", a.headers["access-control-expose-headers"].lower())),
       "pages may read Location, Link and ETag", a.headers)
    found = candidates(a)
    half = len(found) // 2
    ok(half > 0 and found[:half] == found[half:], "each m-line has every candidate", found)
    ok(found[0] == ("udp", "203.0.113.5", "18000") and found[1] == ("udp", "198.51.100.9", "8000"),
       "eip first, then the URL's host", found)
    kinds = [p for p, _, _ in found[:half]]
    ok(kinds == sorted(kinds, reverse=True) and "tcp" in kinds, "UDP before TCP", kinds)
    ok(a.text.count("a=end-of-candidates") == 2 and a.text.endswith("\r\n"), "no more will come")
    said = asked()[-1]
    ok(said["client"] == {"address": "127.0.0.1", "agent": "Tester?/1"} and said["stream"] == "a/b",
       "the relay is told who asks, from the connection", said)
    path = location.split(":1985")[1]
    for method in ("GET", "HEAD"):
        d = request(port, method, path)
        ok(d.status == 204 and not d.body, f"{method} of the Location is 204", d.raw)
    d = request(port, "DELETE", path)
    ok(d.status == 200, "DELETE of the Location is 200", d.raw)
    d = request(port, "DELETE", path)
    ok(d.status == 404 and d.problem(), "a second one is 404", d.raw)
    o = request(port, "OPTIONS", WHIP, Origin="http://x", Access_Control_Request_Method="POST",
                Access_Control_Request_Headers="content-type,authorization")
    ok(o.status == 200 and o.headers["access-control-allow-origin"] == "*" and
       "POST" in o.headers["access-control-allow-methods"] and
       "authorization" in o.headers["access-control-allow-headers"], "preflight of POST", o.raw)
    o = request(port, "OPTIONS", path, Origin="http://x", Access_Control_Request_Method="DELETE")
    ok(o.status == 200 and "DELETE" in o.headers["access-control-allow-methods"],
       "preflight of DELETE", o.raw)


FRAGMENT = "application/trickle-ice-sdpfrag"
LOGIN = b"a=ice-ufrag:%s\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
HOST = (b"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
        b"a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n")


def patches(port):
    """PATCH: every status of RFC 9725 s.4.3."""
    offer = sdp("chromium-whip")
    ours = re.search(rb"a=ice-ufrag:(\S+)", offer).group(1)
    made = request(port, "POST", WHIP + "?eip=203.0.113.5:18000", offer)
    path = urlsplit(made.headers["location"]).path

    def patch(body, match, where=path, type=FRAGMENT):
        return request(port, "PATCH", where, body, Content_Type=type, If_Match=match)

    now, old = '"relayU"', '"other"'
    rows = [
        # name, body, If-Match, status
        ("a candidate", LOGIN % ours + HOST, now, 204),
        ("a candidate without credentials", HOST, now, 204),
        ("one tag of several", HOST, f'{old}, {now}', 204),
        ("the end of candidates, any tag", HOST + b"a=end-of-candidates\r\n", "*", 204),
        ("our credentials and a candidate, any tag", LOGIN % ours + HOST, "*", 204),
        ("no If-Match", HOST, None, 428),
        ("another tag", HOST, old, 412),
        ("a weak tag", HOST, "W/" + now, 412),
        ("a tag without quotes", HOST, "relayU", 412),
        ("a restart under another tag", LOGIN % b"fresh0", old, 412),
        ("words", b"hello", now, 400),
        ("a whole description", offer, now, 400),
        ("nothing", b"", now, 400),
        ("a broken candidate", HOST.replace(b"61764", b"99999"), now, 400),
        ("a ufrag without a pwd", b"a=ice-ufrag:fresh0\r\n", "*", 400),
    ]
    for name, body, match, status in rows:
        a = patch(body, match)
        good = a.status == status and (status == 204 or a.problem() is not None)
        ok(good and "etag" not in a.headers, f"PATCH: {name} is {status}", a.raw)
    a = patch(HOST, now, type="application/sdp")
    ok(a.status == 415 and a.headers.get("accept-patch") == FRAGMENT and a.problem(),
       "PATCH: another type is 415 and says which", a.raw)
    a = patch(HOST, now, where=WHIP + "session/" + "x" * 43)
    ok(a.status == 404 and a.problem(), "PATCH: no session is 404", a.raw)
    ok(not [m for m in asked() if m["op"] == "session.update"], "none of these restarted ICE")
    a = patch(LOGIN % b"fresh1", "*")
    ok(a.status == 200 and a.headers["content-type"] == FRAGMENT and
       a.headers["etag"] == '"again1"' and "a=ice-ufrag:again1\r\n" in a.text and
       "a=ice-pwd:againpasswordagainpass\r\n" in a.text and "a=ice-lite\r\n" in a.text,
       "PATCH: other credentials restart ICE: 200, a fragment, a new ETag", a.raw)
    named = candidates(made)
    ok(candidates(a) == named[:len(named) // 2] and named[0][1] == "203.0.113.5" and
       "a=group:BUNDLE 0 1\r\n" in a.text and re.search(r"m=\w+ 9 \S+ \d+\r\na=mid:0\r\na=cand", a.text) and
       a.text.endswith("a=end-of-candidates\r\n"), "with the candidates of the 201 answer, once", a.raw)
    ok(asked()[-1]["ice"] == {"ufrag": "fresh1", "pwd": "P2uYro0UCOQ4zxjKXaWCBui1"},
       "the relay gets them", asked()[-1])
    ok(patch(HOST, now).status == 412 and patch(HOST, '"again1"').status == 204,
       "the former tag does not match any more, the new one does")
    a = patch(LOGIN % b"fresh2" + HOST, '"again1"')
    ok(a.status == 200 and a.headers["etag"] == '"again2"', "a restart under the present tag", a.raw)
    a = patch(LOGIN % b"fresh2", "*")
    ok(a.status == 200 and a.headers["etag"] == '"again3"', "a repeated restart is one", a.raw)
    a = request(port, "POST", WHIP + "?stream=norestart", offer)
    path = urlsplit(a.headers["location"]).path
    a = patch(LOGIN % b"fresh1", "*", where=path)
    ok(a.status == 503 and a.problem(), "a failed restart says so", a.raw)
    ok(patch(HOST, now, where=path).status == 204, "and the session lives on under its tag")
    d = request(port, "DELETE", path, If_Match=old)
    ok(d.status == 200, "DELETE does not look at If-Match", d.raw)


def options(port):
    o = request(port, "OPTIONS", WHIP)
    ok(o.status == 200 and o.headers.get("accept-post") == "application/sdp" and
       o.headers["allow"] == "POST, OPTIONS, GET, HEAD" == o.headers["access-control-allow-methods"],
       "OPTIONS of the endpoint has Accept-Post", o.raw)
    o = request(port, "OPTIONS", WHIP + "session/" + "x" * 43)
    ok(o.status == 200 and o.headers.get("accept-patch") == FRAGMENT and
       "PATCH" in o.headers["access-control-allow-methods"],
       "OPTIONS of a session has Accept-Patch", o.raw)


def ice_servers():
    name = TMP.name + "/ice-servers"
    with open(name, "w") as f:
        f.write("# ours\nturn:turn.example.com:3478?transport=udp user-1 pass+word\n\n"
                "stun:[2001:db8::1]:3478\n")
    tokens = TMP.name + "/ice-tokens"
    with open(tokens, "w") as f:
        f.write("right\n")
    whip = Program("rtc-whip", "--ice-server", "stun:stun.example.com", "--ice-server-file", name)
    want = [b"<stun:stun.example.com>; rel=\"ice-server\"",
            b"<turn:turn.example.com:3478?transport=udp>; rel=\"ice-server\"; username=\"user-1\"; "
            b"credential=\"pass+word\"; credential-type=\"password\"",
            b"<stun:[2001:db8::1]:3478>; rel=\"ice-server\""]

    def links(answer):
        return re.findall(rb"\r\nLink: ([^\r]*)", answer.raw)

    a = request(whip.port, "POST", WHIP, sdp("chromium-whip"))
    ok(a.status == 201 and links(a) == want, "201 has a Link per ICE server", a.raw)
    ok(links(request(whip.port, "OPTIONS", WHIP)) == want, "a plain OPTIONS has them too")
    o = request(whip.port, "OPTIONS", WHIP, Origin="http://x", Access_Control_Request_Method="POST")
    ok(o.status == 200 and not links(o), "a preflight has none", o.raw)
    with open(name, "w") as f:
        f.write("turn:other.example.com user\n")
    whip.p.send_signal(signal.SIGHUP)
    ok(links(request(whip.port, "POST", WHIP, sdp("chromium-whip"))) == want,
       "a wrong file leaves the former ones")
    ok("pass+word" not in whip.log(), "no credential is logged", whip.log())
    whip.stop()
    with open(name, "w") as f:
        f.write("turns:turn.example.com user-1 pass+word\n")
    whip = Program("rtc-whip", "--ice-server-file", name, "--token-file", tokens)
    ok(not links(request(whip.port, "OPTIONS", WHIP)), "where tokens are needed, none without one")
    ok(len(links(request(whip.port, "OPTIONS", WHIP, Authorization="Bearer right"))) == 1,
       "and all with one")
    whip.stop()


def redirects():
    far = "http://198.51.100.3:1985/base"
    whip = Program("rtc-whip", "--redirect", "self", "--redirect", far + "/", "--candidate", "192.0.2.1")
    whep = Program("rtc-whep", "--redirect", far + "/", "--redirect", "self", "--candidate", "192.0.2.1")
    offer, play = sdp("chromium-whip"), sdp("chromium-whep")
    there = set()
    agree = same = True
    for i in range(32):
        query = f"?app=live&stream=s{i}&token=a%20b"
        a = request(whip.port, "POST", WHIP + query, offer)
        b = request(whep.port, "POST", WHEP + query, play)
        agree = agree and a.status == b.status and a.status in (201, 307)
        if a.status == 307:
            there.add(i)
            same = same and a.headers["location"] == far + WHIP + query and \
                b.headers["location"] == far + WHEP + query and a.problem() is not None
    ok(4 < len(there) < 28, "two servers share the streams", there)
    ok(agree, "publisher and player of one are sent to the same")
    ok(same, "307 keeps path and query")
    ok(request(whip.port, "DELETE", WHIP + "session/" + "x" * 43).status == 404,
       "a session's URL is not redirected")
    whip.stop()
    whep.stop()


def limits():
    whip = Program("rtc-whip", "--rate", "5", "--trusted-proxy", "127.0.0.1")
    offer = sdp("chromium-whip")
    from_a = [request(whip.port, "POST", WHIP, offer, X_Forwarded_For="192.0.2.8") for _ in range(12)]
    late = [a for a in from_a if a.status == 429]
    ok(len([a for a in from_a if a.status == 201]) >= 5 and late and
       all(a.headers.get("retry-after") == "1" and a.problem() for a in late),
       "--rate: one more is 429 with Retry-After", [a.status for a in from_a])
    ok(request(whip.port, "POST", WHIP, offer, X_Forwarded_For="192.0.2.9").status == 201,
       "another client is served")
    whip.stop()
    whip = Program("rtc-whip")
    idle = [socket.create_connection(("127.0.0.1", whip.port)) for _ in range(600)]
    late = socket.create_connection(("127.0.0.1", whip.port), DEADLINE_S, ("127.0.0.2", 0))
    late.sendall(b"OPTIONS /rtc/v1/whip/ HTTP/1.1\r\nHost: x\r\n\r\n")
    late.settimeout(DEADLINE_S)
    ok(late.recv(4096).startswith(b"HTTP/1.1 200 "), "600 idle connections of one address leave room for another")
    idle[-1].settimeout(DEADLINE_S)
    a = Answer(idle[-1].recv(4096))
    ok(a.status == 503 and a.headers.get("retry-after") == "1" and a.problem() and
       a.headers.get("access-control-allow-origin") == "*", "the one too many is told so: 503 with Retry-After", a.raw)
    for s in [late, *idle]:
        s.close()
    whip.stop()
    whip = Program("rtc-whip", "--trusted-proxy", "127.0.0.1")
    raw = (b"POST /rtc/v1/whip/?stream=mute HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n"
           b"Content-Length: %d\r\n\r\n" % len(offer)) + offer
    held = []
    for _ in range(256):
        s = socket.create_connection(("127.0.0.1", whip.port))
        s.sendall(raw)
        held.append(s)
    limit = time.monotonic() + DEADLINE_S
    while time.monotonic() < limit and len([m for m in asked() if m.get("stream") == "live/mute"]) < 256:
        time.sleep(0.01)
    a = request(whip.port, "POST", WHIP, offer)
    ok(a.status == 503 and a.headers.get("retry-after") == "1" and "256" in a.text,
       "the 257th request under way is 503 with Retry-After", a.raw)
    for s in held:
        s.close()
    whip.stop()


def heads(port):
    for path in (WHEP, WHEP[:-1], "/rtc/v1/whip-play/"):
        a = request(port, "HEAD", path)
        ok(a.status == 200 and a.headers["content-type"] == "application/sdp" and not a.body,
           f"HEAD of {path} says what a POST would answer with", a.raw)
    a = request(port, "GET", WHEP)
    ok(a.status == 204 and not a.body, "GET is 204", a.raw)
    a = request(port, "PUT", WHEP)
    ok(a.status == 405 and a.headers["allow"] == "HEAD, POST, OPTIONS, GET" and a.problem(), "PUT is 405", a.raw)


def json_api(whip, whep):
    """POST /rtc/v1/publish/ and /rtc/v1/play/: always 200, the code in the body."""
    offer, play = sdp("chromium-whip").decode(), sdp("chromium-whep").decode()

    def call(port, path, type=None, **members):
        members = {k: v for k, v in members.items() if v != ""}
        return request(port, "POST", path, json.dumps(members).encode(), Content_Type=type)

    url = "webrtc://example.net/app1/s1?vhost=a.b&eip=192.0.2.7:18000&schema=https"
    page = {"api": "http://example.net:1985/rtc/v1/publish/", "clientip": None, "tid": "2fff9d9",
            "streamurl": url, "sdp": offer}
    for type in (None, "text/plain", "application/json"):
        a = call(whip, "/rtc/v1/publish/", type, **page)
        j = json.loads(a.text)
        ok(a.status == 200 and j["code"] == 0 and j["sdp"].startswith("v=0") and
           all(isinstance(j[k], str) for k in ("server", "service", "pid", "sessionid")) and
           a.headers["content-type"] == "application/json" and
           a.headers["access-control-allow-origin"] == "*", f"publish: code 0, type {type}", a.raw)
    ours = re.search(r"a=ice-ufrag:(\S+)", offer).group(1)
    ok(j["sessionid"] == f"relayU:{ours}", "the session is named by both ufrags", j["sessionid"])
    ok(" 192.0.2.7 18000 " in j["sdp"] and "a=recvonly" in j["sdp"], "eip of the URL counts", j["sdp"])
    said = asked()[-1]
    ok(said["kind"] == "publish" and said["stream"] == "app1/s1", "so do app and stream", said)
    a = call(whip, "/rtc/v1/publish?eip=192.0.2.8&codec=h264", streamurl="webrtc://h:1985/a/b", sdp=offer)
    ok(json.loads(a.text)["code"] == 0 and "192.0.2.8" in a.text and "VP8" not in a.text,
       "and the request's own query", a.raw)
    for port in (whip, whep):
        a = call(port, "/rtc/v1/play/", streamurl="webrtc://h/live/x", sdp=play)
        j = json.loads(a.text)
        ok(j["code"] == 0 and "a=sendonly" in j["sdp"] and asked()[-1]["kind"] == "play", "play", a.raw)
    good = {"streamurl": "webrtc://h/live/x", "sdp": offer}
    rows = [
        ("no streamurl", {"sdp": offer}, 400), ("no sdp", {"streamurl": good["streamurl"]}, 400),
        ("sdp that is none", {**good, "sdp": "hello"}, 400), ("sdp of another type", {**good, "sdp": 7}, 400),
        ("no URL", {**good, "streamurl": "h/live/x"}, 400),
        ("no stream", {**good, "streamurl": "webrtc://h/live"}, 400),
        ("no host", {**good, "streamurl": "webrtc:///live/x"}, 400),
        ("three parts", {**good, "streamurl": "webrtc://h/a/b/c"}, 400),
        ("dots", {**good, "streamurl": "webrtc://h/../x"}, 400),
        ("an escaped slash", {**good, "streamurl": "webrtc://h/a%2fb/x"}, 400),
        ("CR and LF", {**good, "streamurl": "webrtc://h/live/x%0d%0ay"}, 400),
        ("NUL", {**good, "streamurl": "webrtc://h/live/x\0"}, 400),
        ("a bad query", {**good, "streamurl": "webrtc://h/live/x?eip=%zz"}, 400),
        ("a bad eip", {**good, "streamurl": "webrtc://h/live/x?eip=name"}, 400),
        ("a busy stream", {**good, "streamurl": "webrtc://h/live/busy"}, 409),
        ("a player's offer", {**good, "sdp": play}, 422),
        ("the relay's limit", {**good, "streamurl": "webrtc://h/live/full"}, 503),
    ]
    for name, members, code in rows:
        a = call(whip, "/rtc/v1/publish/", **members)
        good_answer = a.status == 200 and json.loads(a.text).get("code") == code and \
            json.loads(a.text)["detail"]
        ok(good_answer, f"JSON: {name} is code {code}", a.raw)
    for name, body in (("words", b"hello"), ("an array", b"[]"), ("nothing", b""),
                       ("deep nesting", b'{"a":' * 9000), ("a doubled member", b'{"sdp":"a","sdp":"b"}')):
        a = request(whip, "POST", "/rtc/v1/publish/", body)
        ok(a.status == 200 and json.loads(a.text)["code"] == 400, f"JSON: {name} is code 400", a.raw)
    a = request(whip, "POST", "/rtc/v1/publish/", b"x" * 70000)
    ok(a.status == 413, "JSON: too long is 413", a.raw)
    a = request(whip, "GET", "/rtc/v1/publish/")
    ok(a.status == 405 and a.problem(), "JSON: GET is 405", a.raw)
    ok(request(whep, "POST", "/rtc/v1/publish/", b"{}").status == 404, "rtc-whep publishes nothing")


def recipe(port):
    query = "?ice-ufrag=6pk11386&ice-pwd=l91z529147ri9163933p51c4&app=live&stream=recipe"
    a = request(port, "POST", WHIP + query, sdp("recipe-whip"))
    ok(a.status == 201 and candidates(a) and "a=ice-ufrag:6pk11386\r\n" in a.text and
       "a=ice-pwd:l91z529147ri9163933p51c4\r\n" in a.text, "the connectivity test is answered", a.raw)
    said = asked()[-1]
    ok("dtls" not in said and said["ice"] == {
        "ufrag": "J8X7", "pwd": "Dpq7/fW/osYcPeLsCW2Ek1JH", "local_ufrag": "6pk11386",
        "local_pwd": "l91z529147ri9163933p51c4"}, "and has no DTLS", said)


def names(port):
    began = time.monotonic()
    a = request(port, "POST", WHIP, sdp("obs-like-whip"), Host="nothing-here.invalid")
    took = time.monotonic() - began
    ok(a.status == 201 and took < 3, "a Host that does not resolve does not hold it up", f"{took} s")
    ok("nothing-here" not in a.text, "nor stands in the answer", a.text)


def forwarded():
    whip = Program("rtc-whip", tcp=False)
    path = RUN + "/whip.sock"
    a = request(path, "POST", WHIP, sdp("chromium-whip"), Host="whip.sock",
                X_Forwarded_For="8.8.8.8, 198.51.100.77", X_Forwarded_Host="media.example.com",
                X_Forwarded_Proto="https", X_Forwarded_Prefix="/rtc-kit")
    ok(a.headers.get("location", "").startswith(
        "https://media.example.com/rtc-kit/rtc/v1/whip/session/"),
       "the Unix peer says how the request came", a.headers)
    ok(asked()[-1]["client"]["address"] == "198.51.100.77", "and from whom")
    ok(oct(os.stat(path).st_mode & 0o777) == "0o600", "the socket is its user's alone")
    second = subprocess.run([f"{BIN}/rtc-whip"], env=ENV, capture_output=True, timeout=DEADLINE_S)
    ok(second.returncode == 69 and b"another instance" in second.stderr,
       "a second instance does not take the socket", second)
    ok(request(path, "POST", WHIP, sdp("chromium-whip")).status == 201, "the first goes on")
    return whip, a


def stateless(whip, made):
    path = made.headers["location"].split("/rtc-kit")[1]
    whip.stop(signal.SIGKILL)
    again = Program("rtc-whip", tcp=False)
    ok(again.ready, "after SIGKILL the socket is taken again", again.log())
    whep = Program("rtc-whep")
    other = Program("rtc-whip")
    d = request(other.port, "DELETE", path)
    ok(d.status == 200, "another instance ends the session", d.raw)
    for name, where in (("whep", WHEP), ("whip-play", "/rtc/v1/whip-play")):
        a = request(whep.port, "POST", where, sdp("firefox-whep"))
        ok(a.status == 201 and "/rtc/v1/whep/session/" in a.headers["location"] and
           "a=sendonly" in a.text, f"rtc-whep serves {name}", a.raw)
    ok(request(whep.port, "POST", WHIP, sdp("chromium-whip")).status == 404, "and no WHIP")
    heads(whep.port)
    json_api(other.port, whep.port)
    for p in (again, whep, other):
        began = time.monotonic()
        code = p.stop()
        ok(code == 0 and time.monotonic() - began < 2, "SIGTERM stops it within 2 s", p.log())


def tokens():
    name = TMP.name + "/tokens"
    with open(name, "w") as f:
        f.write("# comment\nright-token\n")
    whip = Program("rtc-whip", "--token-file", name)
    offer = sdp("obs-like-whip")
    rows = [
        ("none", WHIP, {}, 401), ("a wrong one", WHIP, {"Authorization": "Bearer wrong"}, 401),
        ("another scheme", WHIP, {"Authorization": "Basic right-token"}, 401),
        ("a wrong secret", WHIP + "?secret=x", {}, 401),
        ("Bearer", WHIP, {"Authorization": "Bearer right-token"}, 201),
        ("bearer", WHIP, {"Authorization": "bearer right-token"}, 201),
        ("?secret=", WHIP + "?secret=right-token", {}, 201),
        ("?token=", WHIP + "?token=right-token", {}, 201),
    ]
    for what, path, headers, status in rows:
        a = request(whip.port, "POST", path, offer, **headers)
        good = a.status == status and (status == 201 or (
            a.problem() and a.headers.get("www-authenticate", "").startswith("Bearer")))
        ok(good, f"token: {what} is {status}", a.raw)
    ok(asked()[-1]["credential"] == "right-token", "the relay gets it as the credential")
    location = a.headers["location"]
    with open(name, "w") as f:
        f.write("new-token\n")
    whip.p.send_signal(signal.SIGHUP)
    limit = time.monotonic() + DEADLINE_S
    while time.monotonic() < limit:
        a = request(whip.port, "POST", WHIP, offer, Authorization="Bearer new-token")
        if a.status == 201:
            break
    old = request(whip.port, "POST", WHIP, offer, Authorization="Bearer right-token")
    ok(a.status == 201 and old.status == 401, "SIGHUP reads the file again")
    os.unlink(name)
    whip.p.send_signal(signal.SIGHUP)
    a = request(whip.port, "POST", WHIP, offer, Authorization="Bearer new-token")
    ok(a.status == 201, "without the file the former tokens stay")
    a = request(whip.port, "POST", "/rtc/v1/publish/", json.dumps(
        {"streamurl": "webrtc://h/live/x?token=new-token", "sdp": offer.decode()}).encode())
    b = request(whip.port, "POST", "/rtc/v1/publish/", json.dumps(
        {"streamurl": "webrtc://h/live/x", "sdp": offer.decode()}).encode())
    ok(json.loads(a.text)["code"] == 0 and json.loads(b.text)["code"] == 401, "tokens of streamurl", b.raw)
    log = whip.log()
    leaks = [x for x in ("right-token", "new-token", "secret=", location[-43:]) if x in log]
    ok(not leaks, "no token, query or session's secret is logged", f"{leaks}\n{log}")
    whip.stop()


def tokens_to_play():
    names = [TMP.name + "/" + x for x in ("to-publish", "to-play")]
    for name, token in zip(names, ("pub", "watch")):
        with open(name, "w") as f:
            f.write(token + "\n")
    both = ["--token-file", names[0], "--play-token-file", names[1]]
    pub, play = sdp("obs-like-whip"), sdp("chromium-whep")
    rows = [
        ("rtc-whip", both, WHIP + "?token=pub", pub, 201), ("rtc-whip", both, WHIP + "?token=watch", pub, 401),
        ("rtc-whip", both, WHIP + "?action=play&token=watch", play, 201),
        ("rtc-whip", both, WHIP + "?action=pla%79&token=pub", play, 401),
        ("rtc-whip", both[2:], WHIP, pub, 201), ("rtc-whip", both[2:], WHIP + "?action=play", play, 401),
        ("rtc-whip", both[:2], WHIP + "?action=play", play, 401),
        ("rtc-whep", both[2:], WHEP, play, 401), ("rtc-whep", both[2:], WHEP + "?token=watch", play, 201),
        ("rtc-whep", [], WHEP + "?action=publish", pub, 400),
        ("rtc-whep", [], WHIP + "?action=publish", pub, 404),
    ]
    running = {}
    for i, (name, args, path, offer, status) in enumerate(rows):
        key = (name, *args)
        if key not in running:
            running[key] = Program(name, *args)
        path += ("&" if "?" in path else "?") + f"stream=t{i}"
        a = request(running[key].port, "POST", path, offer)
        ok(a.status == status, f"{name} {' '.join(args[::2])} {path} is {status}", a.raw)
    for p in running.values():
        p.stop()


def hostile(whip):
    offer = sdp("chromium-whip")
    size = str(len(offer)).encode()
    head = b"POST /rtc/v1/whip/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n"
    rows = [
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", (400, 505)),
        ("two lengths", head + b"Content-Length: " + size + b"\r\nContent-Length: 5\r\n\r\n" + offer,
         (400,)),
        ("a length beside chunks", head + b"Content-Length: " + size +
         b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
        ("a length that is none", head + b"Content-Length: 12x\r\n\r\n", (400,)),
        ("a huge length", head + b"Content-Length: 99999999999\r\n\r\n", (413,)),
        ("a huge field", head + b"X: " + b"a" * 40000 + b"\r\n\r\n", (431, 400, 413)),
        ("a huge target", b"POST /rtc/v1/whip/?x=" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
         (414, 431, 400)),
        ("CR LF in the target", b"POST /rtc/v1/whip/\r\nX: y HTTP/1.1\r\nHost: x\r\n\r\n",
         (400, 404, 505)),
        ("chunks", head + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(offer) + offer +
         b"\r\n0\r\n\r\n", (201,)),
        ("chunks without an end", head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", (400, 413)),
        ("Expect: 100-continue", head + b"Expect: 100-continue\r\nContent-Length: " + size +
         b"\r\n\r\n" + offer, (201,)),
    ]
    for name, raw, allowed in rows:
        a = exchange(whip.port, raw)
        ok(a.status in allowed, f"hostile: {name} is answered {allowed[0]}", a.raw[:500])
    for cut in (0, 1, 20, len(head), len(head) + 40):
        s = socket.create_connection(("127.0.0.1", whip.port))
        s.sendall((head + b"Content-Length: " + size + b"\r\n\r\n" + offer)[:cut])
        s.close()
    ok(request(whip.port, "POST", WHIP, offer).status == 201, "and it goes on serving", whip.log())


def gone(whip):
    """A client that leaves while the relay thinks leaves no session behind."""
    before = len([m for m in asked() if m["op"] == "session.delete"])
    offer = sdp("chromium-whip")
    s = socket.create_connection(("127.0.0.1", whip.port))
    s.sendall(b"POST /rtc/v1/whip/?stream=slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n"
              b"Content-Length: %d\r\n\r\n" % len(offer) + offer)
    limit = time.monotonic() + DEADLINE_S
    while time.monotonic() < limit and not any(m.get("stream") == "live/slow" for m in asked()):
        time.sleep(0.01)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()
    while time.monotonic() < limit:
        if len([m for m in asked() if m["op"] == "session.delete"]) > before:
            break
        time.sleep(0.01)
    ok(len([m for m in asked() if m["op"] == "session.delete"]) > before,
       "a client that leaves during the POST leaves no session", asked()[-2:])


def relay_trouble(whip, relay):
    offer = sdp("chromium-whip")
    began = time.monotonic()
    a = request(whip.port, "POST", WHIP + "?stream=mute", offer)
    took = time.monotonic() - began
    ok(a.status == 503 and a.problem() and took < 8, "a mute relay is 503 before OBS gives up",
       f"{took} s\n{a.raw}")
    relay.kill()
    relay.wait()
    began = time.monotonic()
    a = request(whip.port, "POST", WHIP, offer)
    ok(a.status == 503 and "retry-after" in a.headers and "rtc-relay" in a.text and
       time.monotonic() - began < 2, "no relay is 503 at once, with Retry-After", a.raw)
    d = request(whip.port, "DELETE", WHIP + "session/" + "x" * 43)
    ok(d.status == 503 and d.problem(), "for DELETE too", d.raw)
    relay = start_relay()
    ok(request(whip.port, "POST", WHIP, offer).status == 201, "and when it is back, it is used")
    return relay


def command_lines():
    rows = [
        (["--help"], 0, "usage: rtc-whip"), (["-V"], 0, "rtc-whip "), (["--nonsense"], 64, "usage"),
        (["x"], 64, "unexpected argument"), (["--candidate", "a/b"], 64, "candidate"),
        (["--ip-family", "ipv5"], 64, "ip-family"), (["--stun-timeout", "0"], 64, "stun-timeout"),
        (["--listen", "nonsense"], 64, "listen"), (["--token-file", "/nonexistent"], 78, "token"),
        (["--play-token-file", "/nonexistent"], 78, "token"),
        (["--log-level", "loud"], 64, "log-level"), (["--trusted-proxy", "host"], 64, "trusted-proxy"),
        (["--ice-server", "turn:host"], 64, "ice-server"), (["--ice-server", "http://x"], 64, "ice-server"),
        (["--ice-server-file", "/nonexistent"], 78, "ICE servers"),
        (["--redirect", "ftp://x"], 64, "redirect"), (["--redirect", "http://x/?a"], 64, "redirect"),
        (["--rate", "0"], 64, "rate"),
    ]
    for args, code, words in rows:
        p = subprocess.run([f"{BIN}/rtc-whip", *args], env=ENV, capture_output=True, timeout=DEADLINE_S)
        out = (p.stdout if code == 0 else p.stderr).decode()
        ok(p.returncode == code and words in out, f"{' '.join(args)} exits {code}", p)
    whip = Program("rtc-whip", "--candidate", "10.0.0.1")
    ok("every address is private" in whip.log(), "private addresses alone are warned of", whip.log())
    whip.stop()
    whip = Program("rtc-whip", env={**ENV, "CANDIDATE": "203.0.113.77"})
    a = request(whip.port, "POST", WHIP, sdp("obs-like-whip"))
    ok("private" not in whip.log() and [c[1] for c in candidates(a)[:1]] == ["203.0.113.77"],
       "CANDIDATE of the environment is named", whip.log() + a.text)
    whip.stop()


def main():
    relay = start_relay()
    whip = Program("rtc-whip")
    ok(whip.ready and whip.port > 0, "rtc-whip is ready", whip.log())
    statuses(whip.port)
    created(whip.port)
    patches(whip.port)
    options(whip.port)
    recipe(whip.port)
    names(whip.port)
    stateless(*forwarded())
    tokens()
    tokens_to_play()
    ice_servers()
    redirects()
    limits()
    hostile(whip)
    gone(whip)
    relay = relay_trouble(whip, relay)
    command_lines()
    ok(whip.stop() == 0, "it ends cleanly", whip.log())
    print(f"1..{count}")
    return 1 if failed else 0


try:
    sys.exit(main())
finally:
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
    TMP.cleanup()
