"""A session: what its answer has, what browsers need, how it ends."""
import re
from urllib.parse import urljoin

from . import offers
from .ask import FRAGMENT, SDP, ask
from .offers import CANDIDATE, section
from .tap import row

REDIRECTS_MAX = 5
TURN = re.compile(r'<turns?:[^>]+>(?=.*; *username="[^"]+")(?=.*; *credential="[^"]+").*; *rel="?ice-server"?')
STUN = re.compile(r'<stuns?:[^>]+>.*; *rel="?ice-server"?')


def redirection(url, kind, is_judged=True):
    """Where the offer is taken, and what the answer to it is."""
    a = ask(url, "POST", kind.offer(), SDP)
    for _ in range(REDIRECTS_MAX):
        if a.status not in (301, 302, 303, 307, 308):
            break
        if is_judged:
            row("s.4.5", "a redirect keeps the method, so it is 307 or 308, and has a Location",
                a.status in (307, 308) and a.get("Location"), a)
        url = urljoin(url, a.get("Location"))
        a = ask(url, "POST", kind.offer(), SDP)
    return url, a


def creation(a, kind):
    location = a.get("Location")
    row("s.4.2", "an offer is answered 201", a.status == 201, a)
    row("OBS 7", "though it has no candidates", a.status == 201, a)
    row("s.4.2", "with application/sdp", a.type() == SDP and a.text.startswith("v=0"), a)
    row("s.4.2", "with the session's URL in Location", location != "", a)
    row("s.4.2", "whose last part cannot be guessed", len(re.split(r"[/=]", location)[-1]) >= 16, a)
    row("s.4.3", "with a strong ETag", re.fullmatch(r'"[^"]+"', a.get("ETag")), a)
    both = [section(a.text, m) for m in "01"]
    row("s.4.4", "the answer keeps the bundle", re.search(r"a=group:BUNDLE 0 1\r\n", a.text), a)
    row("s.4.4", "and rtcp-mux in each section", all("a=rtcp-mux\r\n" in s for s in both), a)
    row("s.4.2", f"and says {kind.answered} in each", all(f"a={kind.answered}\r\n" in s for s in both), a)
    row("s.4.4", "its setup is active or passive",
        set(re.findall(r"a=setup:(\w+)", a.text)) in ({"passive"}, {"active"}), a)
    row("s.4.3", "it names every candidate of the server",
        all(re.search(r"a=candidate:\S+ \d+ \w+ \d+ \S+ \d+ typ", s) for s in both[:1]), a)
    if kind is offers.WHEP:
        streams = [re.findall(r"a=msid:(\S+)", s) for s in both]
        row("s.4.4", "both sections are of one stream (msid)", streams[0] and streams[0] == streams[1], a)


def obs(a, kind):
    """What OBS's client needs, and any other client as well."""
    row("OBS 2", "201 with a body within 8 s", a.status == 201 and a.text, a)
    row("OBS 4", "Location has a blank after its colon and no other inside",
        a.get("Location") and not re.search(r"\s", a.get("Location")), a)
    row("OBS 5", "Location is an absolute URL or a path",
        re.match(r"https?://|/", a.get("Location")), a)
    links = a.headers.get_all("Link") or []
    row("OBS 6", "a Link names one STUN or TURN server", all(x.count("rel=") == 1 for x in links), a)
    row("s.4.6", "as an ice-server, TURN with username and credential",
        all(STUN.match(x) or TURN.match(x) for x in links if re.match("<(stun|turn)s?:", x)), a)
    for what, pattern in (("ufrag", r"a=ice-ufrag:\S{4,}\r\n"), ("pwd", r"a=ice-pwd:\S{22,}\r\n"),
                          ("fingerprint", r"a=fingerprint:sha-256 (\w\w:){31}\w\w\r\n"),
                          ("an active section", r"m=(audio|video) [1-9]")):
        row("OBS 9", f"the answer has {what}", re.search(pattern, a.text), a)
    row("OBS 9", "and every mid of the offer", section(a.text, "0") and section(a.text, "1"), a)
    video = "96" if kind is offers.WHIP else "9[67](?: 9[67])?"
    row("OBS 10", "payload types stay those of the offer",
        re.search(r"m=audio \d+ \S+ 111\r\n", a.text) and re.search(rf"m=video \d+ \S+ {video}\r\n", a.text), a)


def words(text):
    return {w.strip().lower() for w in text.split(",")}


def preflight(what, where, method):
    o = ask(where, "OPTIONS", Origin="https://example.com", Access_Control_Request_Method=method,
            Access_Control_Request_Headers="authorization, content-type, if-match")
    row("CORS", f"a preflight of {method} of the {what} passes", o.status in (200, 204) and
        o.get("Access-Control-Allow-Origin") in ("*", "https://example.com") and
        method.lower() in words(o.get("Access-Control-Allow-Methods")) and
        words("authorization, content-type, if-match") <= words(o.get("Access-Control-Allow-Headers")), o)
    row("s.4.6", "and names no credentials", "credential" not in o.get("Link"), o)


def options(url):
    o = ask(url, "OPTIONS")
    row("end", "OPTIONS is 2xx and has Accept-Post", o.status in (200, 204) and SDP in o.get("Accept-Post"), o)
    preflight("endpoint", url, "POST")


def browsers(url, session):
    preflight("session", session, "PATCH")
    preflight("session", session, "DELETE")
    o = ask(session, "OPTIONS")
    row("RFC 5789 s.3.1", "OPTIONS of the session has Accept-Patch", FRAGMENT in o.get("Accept-Patch"), o)
    a = ask(url, "POST", b"hello", SDP, Origin="https://example.com")
    row("CORS", "pages can read what was wrong", a.get("Access-Control-Allow-Origin"), a)
    row("CORS", "and Location, Link and ETag",
        words("location, link, etag") <= words(a.get("Access-Control-Expose-Headers")), a)


def nothing(url, what):
    for rule, method in (("s.4.1", "GET"), ("RFC 9110 s.9.3.2", "HEAD")):
        a = ask(url, method)
        row(rule, f"{method} of {what} is 2xx without content", 200 <= a.status < 300 and not a.text, a)


def ending(session, etag, kind):
    nothing(session, "a session")
    for method in ("PUT", "POST", "PROPFIND"):
        a = ask(session, method, kind.offer() if method in ("PUT", "POST") else None, SDP)
        row("s.4.2", f"{method} of a session is 405 with Allow", a.status == 405 and a.get("Allow"), a)
    a = ask(session, "DELETE", If_Match='"no-such-tag"')
    row("OBS 8", "DELETE is 200, whatever If-Match says", a.status == 200, a)
    a = ask(session, "DELETE")
    row("end", "a second DELETE is 404", a.status == 404, a)
    a = ask(session, "PATCH", CANDIDATE.encode(), FRAGMENT, If_Match=etag)
    row("end", "PATCH of a session that ended is 404", a.status == 404, a)
