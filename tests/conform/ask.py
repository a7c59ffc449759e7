"""HTTP requests, and what is said about them; each over a connection of its own."""
import http.client
import ssl
from urllib.parse import urljoin, urlsplit

OBS_GIVES_UP_S = 8
SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
token = context = None
always = {}     # fields of every request


def trust_anybody():
    global context
    context = ssl._create_unverified_context()


def use_token(text):
    global token
    token = text


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers = status, headers
        self.text = body.decode("utf-8", "replace")

    def get(self, name):
        return ", ".join(self.headers.get_all(name) or [])

    def type(self):
        return self.get("Content-Type").split(";")[0].strip().lower()

    def __str__(self):
        return f"{self.status}\n{self.headers}{self.text[:800]}"


class NoAnswer(Answer):
    """The connection ended, or the time did."""

    def __init__(self, why):
        super().__init__(0, http.client.HTTPMessage(), f"no answer: {why!r}".encode())


def connect(to):
    if to.scheme == "https":
        return http.client.HTTPSConnection(to.hostname, to.port, timeout=OBS_GIVES_UP_S, context=context)
    return http.client.HTTPConnection(to.hostname, to.port, timeout=OBS_GIVES_UP_S)


def reach(url):
    """What keeps anybody from a connection to there; None if nothing does."""
    connection = connect(urlsplit(url))
    try:
        connection.connect()
    except OSError as fault:
        return fault
    finally:
        connection.close()
    return None


def ask(url, method, body=None, type=None, chunked=False, **headers):
    to = urlsplit(url)
    fields = {k.replace("_", "-"): v for k, v in {**always, **headers}.items() if v is not None}
    if type:
        fields["Content-Type"] = type
    if token and method != "OPTIONS" and "Authorization" not in fields:
        fields["Authorization"] = "Bearer " + token
    connection = connect(to)
    try:
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
            body = iter([body[:500], body[500:]])
        connection.request(method, (to.path or "/") + ("?" + to.query if to.query else ""),
                           body, fields, encode_chunked=chunked)
        r = connection.getresponse()
        return Answer(r.status, r.headers, r.read())
    except (OSError, http.client.HTTPException) as fault:
        return NoAnswer(fault)
    finally:
        connection.close()


def say(url, octets):
    """What comes back for octets that are no good request, until the connection ends."""
    connection = connect(urlsplit(url))
    out = b""
    try:
        connection.connect()
        connection.sock.sendall(octets)
        while b"\r\n" not in out:
            more = connection.sock.recv(4096)
            if not more:
                break
            out += more
    except OSError as fault:
        out += str(fault).encode()
    finally:
        connection.close()
    return out.decode("latin-1")


def end(url, answer, prefix=""):
    """Delete the session that the answer made. prefix: what its path begins with, and the server's not."""
    if answer.status != 201:
        return None
    to = urlsplit(urljoin(url, answer.get("Location")))
    if prefix and to.path.startswith(prefix + "/"):
        to = to._replace(path=to.path[len(prefix):])
    here = urlsplit(url)
    return ask(to._replace(scheme=here.scheme, netloc=here.netloc).geturl() if prefix else to.geturl(), "DELETE")
