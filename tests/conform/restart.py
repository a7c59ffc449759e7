"""PATCH: candidates of the client, restarts of ICE, and whether media would get through after them."""
import re

from .ask import FRAGMENT, SDP, ask
from .offers import CANDIDATE, PWD, UFRAG, login
from .stun import Agent
from .tap import row, unjudged

CHECKS = "RFC 8445 s.7.3"


def said(answer):
    """What of ICE stays the same over restarts."""
    return sorted(set(re.findall(r"a=ice-(?:lite|options|pacing)\S*", answer.text)))


class Checks:
    """Rows about checks by UDP, as long as the session can be reached at all."""

    def __init__(self, answer):
        self.agent = Agent(answer.text, UFRAG)
        self.reached, self.why = False, "the answer names no UDP candidate"
        if not self.agent.places:
            unjudged("connectivity checks under the answer's credentials and after restarts", self.why)
            return
        self.why = "the answer's own candidates do not answer from here"
        self.reached = self.agent.answers()
        row(CHECKS, "a candidate of the answer answers a check under its ufrag and pwd", self.reached, answer,
            self.agent.why() + "\nDo UDP and the candidates' addresses work from here?")
        if self.reached:
            believes = self.agent.believes_anybody()
            row("RFC 8489 s.9.1.3", "and not one under another password", not believes, answer, self.agent.why())

    def still(self, name, answer):
        if self.reached:
            row(CHECKS, name, self.agent.answers(), answer, self.agent.why())
        elif self.agent.places:
            unjudged(name, self.why)

    def restarted(self, answer, client):
        """The fragment of a restart may leave out the candidates: they are the former then."""
        if answer.status == 200:
            places = self.agent.places
            self.agent = Agent(answer.text, client)
            self.agent.places = self.agent.places or places


class Session:
    def __init__(self, url, etag, answer):
        self.url, self.etag, self.answer = url, etag, answer

    def patch(self, body, match, type=FRAGMENT):
        return ask(self.url, "PATCH", body.encode(), type, If_Match=match)

    def is_answered(self, status, name, body, match, rule="s.4.3"):
        a = self.patch(body, match)
        row(rule, name, a.status == status, a)


def candidates(s):
    etag = s.etag
    a = s.patch(f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PWD}\r\n" + CANDIDATE, etag)
    row("s.4.3", "PATCH with a candidate is 204 without a body", a.status == 204 and not a.text, a)
    row("s.4.3", "and without an ETag", not a.get("ETag"), a)
    s.is_answered(204, "one whose address cannot be resolved too", CANDIDATE.replace("192.0.2.1", "x-1.local"), etag)
    s.is_answered(428, "without If-Match it is 428", CANDIDATE, None)
    s.is_answered(412, "with another ETag it is 412", CANDIDATE, '"no-such-tag"')
    s.is_answered(204, "and with a list of them that has the right one it is 204", CANDIDATE, f'"no-such-tag", {etag}')
    s.is_answered(412, "If-Match compares strongly: a weak tag is 412", CANDIDATE, "W/" + etag, "RFC 9110 s.13.1.1")
    a = s.patch(CANDIDATE, etag, SDP)
    row("s.4.3", "of another type it is 415", a.status == 415, a)
    row("RFC 5789 s.2.2", "which says what would be taken, in Accept-Patch", FRAGMENT in a.get("Accept-Patch"), a)
    s.is_answered(204, "the end of candidates alone is 204", "a=end-of-candidates\r\n", etag)
    s.is_answered(400, "malformed it is 400", "hello", etag)


def restarts(s, checks):
    etag = s.etag
    a = s.patch("a=ice-ufrag:half\r\n", "*")
    row("s.4.3", "a restart that cannot be done is refused", 400 <= a.status < 600, a)
    s.is_answered(204, "and the session lives on", CANDIDATE, etag)
    checks.still("and answers checks under the former credentials", a)
    a = s.patch(login("nEw1"), "*")
    fresh = a.get("ETag")
    row("s.4.3", "If-Match: * and other credentials restart ICE: 200", a.status == 200, a)
    row("s.4.3", "with a fragment of new credentials", a.type() == FRAGMENT and
        re.search(r"a=ice-ufrag:\S{4}", a.text) and re.search(r"a=ice-pwd:\S{22}", a.text), a)
    named = set(re.findall(r"a=candidate:\S+ \d+ \w+ \d+ \S+ \d+ typ", a.text))
    row("s.4.3", "with the server's candidates, for who restarts forgets the former", named, a)
    row("s.4.3", "in a section of the bundle",
        re.search(r"(?s)m=(audio|video) .*a=mid:[01]\r\n.*a=candidate", a.text), a)
    row("s.4.3", "and the ice-lite and ice-options of the answer", said(a) == said(s.answer), a,
        f"{said(a)}, and of the answer {said(s.answer)}")
    row("s.4.3", "and another ETag", re.fullmatch(r'"[^"]+"', fresh) and fresh != etag, a)
    checks.restarted(a, "nEw1")
    checks.still("a check under the new credentials is answered", a)
    s.is_answered(412, "the former ETag is 412 from now on", CANDIDATE, etag)
    s.is_answered(204, "the new one is 204", CANDIDATE, fresh)
    a = s.patch(login("nEw2") + CANDIDATE, '"*"')
    row("s.4.3", "a restart that brings candidates, If-Match in quotes as in the RFC's example, is 200",
        a.status == 200 and a.get("ETag") not in ("", fresh, etag), a)
    checks.restarted(a, "nEw2")
    a = s.patch(login("nEw3"), '"no-such-tag"')
    row("s.4.3", "a restart under another ETag is 412", a.status == 412, a)
    checks.still("and those of the last restart are, though another was refused", a)


def patches(url, answer):
    s = Session(url, answer.get("ETag"), answer)
    checks = Checks(answer)
    candidates(s)
    restarts(s, checks)
