"""What an endpoint refuses, what it has to take, and what proxies tell it."""
import re
from urllib.parse import urljoin, urlsplit

from . import ask as http
from . import offers
from .ask import SDP, ask, end, say
from .offers import AUDIO, HEAD, LAYERS, VIDEO, crlf, publisher
from .session import nothing, options
from .tap import row


def refusals(url, kind):
    offer = kind.offer()
    opposite = kind.turned("recvonly" if kind is offers.WHIP else "sendonly")
    would = "receive" if kind is offers.WHIP else "send"
    unknown = re.sub(rb"opus|H264|VP8", lambda m: b"x-" + m.group()[:1], offer)
    rows = [("another type is 415", offer, "application/json", (415,)),
            ("no type is a 4xx", offer, None, (400, 415)),
            ("words are 400", b"hello", SDP, (400,)),
            ("nothing is a 4xx", b"", SDP, (400, 411, 422)),
            ("a description without sections is a 4xx", crlf(HEAD), SDP, (400, 422)),
            (f"an offer that would {would} is a 4xx", opposite, SDP, (400, 422)),
            ("an inactive one too", kind.turned("inactive"), SDP, (400, 422)),
            ("no codec that is known is a 4xx", unknown, SDP, (400, 422))]
    for name, body, type, allowed in rows:
        a = ask(url, "POST", body, type)
        row("s.4.2", "POST: " + name, a.status in allowed, a)
        end(url, a)
    a = ask(url, "POST", offer, "application/json")
    row("RFC 9110 s.15.5.16", "a 415 says what would be taken, in Accept-Post", SDP in a.get("Accept-Post"), a)


def methods(url, kind):
    """What is no POST."""
    options(url)
    nothing(url, "the endpoint")
    for method in ("PUT", "PATCH", "DELETE", "PROPFIND"):
        a = ask(url, method, kind.offer() if method in ("PUT", "PATCH") else None, SDP)
        row("s.4.2", f"{method} of the endpoint is 405 with Allow", a.status == 405 and a.get("Allow"), a)


def two_videos(url):
    two = crlf(VIDEO % "a=ssrc:2002 cname:conformance\n").replace(b"a=mid:1", b"a=mid:2")
    a = ask(url, "POST", publisher().replace(b"BUNDLE 0 1", b"BUNDLE 0 1 2") + two, SDP)
    row("s.4.4", "POST: two videos are 400 or 422, not half served", a.status in (400, 422), a)
    end(url, a)


def broken(url):
    """What no server can make sense of: it says so, and does not only hang up."""
    to = urlsplit(url)
    start = f"POST {to.path}?{to.query} HTTP/1.1\r\n".encode()
    host = f"Host: {to.netloc}\r\n".encode()
    for rule, name, octets in (
            ("RFC 9112 s.3", "what is no HTTP", b"NONSENSE\r\n\r\n"),
            ("RFC 9112 s.3.2", "a request without Host", start + b"Content-Length: 0\r\n\r\n"),
            ("RFC 9112 s.6.3", "a length that is none", start + host + b"Content-Length: x\r\n\r\n"),
            ("RFC 9112 s.6.1", "a length beside chunks",
             start + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ("RFC 9112 s.7.1", "a chunk without a size",
             start + host + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n")):
        text = say(url, octets)
        row(rule, name + " is answered 4xx, not only closed", re.match(r"HTTP/1\.\d 4\d\d ", text),
            text or "closed without an answer")


def authentication(url, kind):
    if not http.token:
        return
    for name, given in (("no token", ""), ("another token", "Bearer x" + http.token), ("another scheme", "Basic eDp5")):
        a = ask(url, "POST", kind.offer(), SDP, Authorization=given)
        row("s.4.7", f"POST with {name} is 401", a.status == 401, a)
        row("RFC 6750 s.3", "which says that a Bearer token is wanted",
            a.get("WWW-Authenticate").lower().startswith("bearer"), a)
        end(url, a)


def tolerance(url, kind):
    """Offers that a server has to take; each session is deleted again."""
    offer = kind.offer()
    mux = b"a=rtcp-mux\r\n"
    wrong = "recv" if kind is offers.WHEP else "send"
    alone = re.sub(b"m=video(?s:.*)", b"", offer).replace(b"BUNDLE 0 1", b"BUNDLE 0")
    rows = [("s.4.2", f"sendrecv is answered {kind.answered}", kind.turned("sendrecv"), SDP,
             rf"(?s)^(?!.*a={wrong})(.*a={kind.answered}\r\n){{2}}"),
            ("s.4.2", "a type in other letters, with a parameter", offer, "Application/SDP; charset=utf-8", "v=0"),
            ("s.4.4", "setup:active is answered passive", offer.replace(b"setup:actpass", b"setup:active"), SDP,
             r"a=setup:passive\r\n"),
            ("s.4.4", "bundle-only and rtcp-mux-only are served",
             offer.replace(mux, b"a=bundle-only\r\na=rtcp-mux\r\na=rtcp-mux-only\r\n"), SDP,
             r"m=audio [1-9](?s:.*)m=video [1-9]"),
            ("RFC 8858 s.4", "and the answer does not say rtcp-mux-only",
             offer.replace(mux, mux + b"a=rtcp-mux-only\r\n"), SDP,
             r"(?s)^(?!.*rtcp-mux-only)v=0.*a=rtcp-mux\r\n"),
            ("s.4.2", "sound alone", alone, SDP, r"m=audio [1-9]"),
            ("RFC 9112 s.7.1", "an offer in chunks", offer, SDP, "v=0", {"chunked": True}),
            ("RFC 9110 s.10.1.1", "one whose client would wait for leave to send it", offer, SDP, "v=0",
             {"Expect": "100-continue"})]
    for rule, name, body, type, pattern, *more in rows:
        a = ask(url, "POST", body, type, **(more[0] if more else {}))
        row(rule, "POST: " + name, a.status == 201 and re.search(pattern, a.text), a)
        end(url, a)


def simulcast(url):
    a = ask(url, "POST", publisher(LAYERS), SDP)
    row("OBS 32.1", "three layers are answered with three, the line ending in CRLF",
        re.search(r"a=simulcast:recv 0;1;2\r\n", a.text), a)
    end(url, a)


def folder(url, answer):
    """Scheme, host and path of the session's URL, but for what is its own."""
    location = answer.get("Location")
    return location and urljoin(url, location).rpartition("/")[0]


def forwarded(url, first, kind, prefix):
    """
    What a proxy that serves us under a prefix tells of it. Strangers may say so, too: a server that does
    not know them leaves it alone, and none takes for a prefix what is no path. With prefix, the server has
    been told that this host is a proxy.
    """
    usual, rule, value = folder(url, first), "X-Forwarded-Prefix", prefix or "/conformance"
    path = urlsplit(usual).path
    below = urlsplit(usual)._replace(path=value + path).geturl()
    a = ask(url, "POST", kind.offer(), SDP, X_Forwarded_Prefix=value)
    got = folder(url, a)
    if prefix:
        row(rule, "the prefix of a proxy stands before Location's path, once", got == below, a, f"wanted {below}/...")
    else:
        row(rule, "Location is below the prefix, or as it is without: never something between",
            got in (usual, below), a, f"wanted {usual}/... or {below}/...")
    end(url, a, value)
    for value in ("//example.com", "https://example.com", "/a/../../b", '/a"b<'):
        a = ask(url, "POST", kind.offer(), SDP, X_Forwarded_Prefix=value)
        got = folder(url, a)
        row(rule, f"{value} is no prefix", got == usual, a, f"wanted {usual}/...")
        end(url, a)
