"""What the tests of rtc-gate share: upstreams of this process, the gate, raw clients."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN = os.environ.get("RTC_BIN", "build/bin")
DEADLINE_S = 10
RUN = tempfile.mkdtemp(prefix="gate.")
os.environ["RTC_RUN"] = RUN
tests = []


def test(fn):
    tests.append(fn)
    return fn


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


def until(fn, what):
    """Wait for fn() to be true."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if fn():
            return
        time.sleep(0.01)
    raise Failure("never: " + what)


class Upstream:
    """A server on a socket of the run directory; serve(self, connection, head, rest) answers."""

    def __init__(self, name, serve=None):
        self.name, self.serve = name, serve or Upstream.echo
        self.path = os.path.join(RUN, name)
        self.heads = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{self.path}.new")
        self.listener.listen(64)
        os.rename(f"{self.path}.new", self.path)  # as the programs do: the name is never missing
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(DEADLINE_S)
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            head, rest = data.split(b"\r\n\r\n", 1)
            self.heads.append(head.decode())
            self.serve(self, connection, head.decode(), rest)
        except (OSError, Failure):
            pass    # the gate or its client went away: many tests want that
        finally:
            connection.close()

    def echo(self, connection, head, rest):
        """Answer with what arrived, and with what came after the announced octets."""
        body, surplus = read_body(connection, head, rest)
        text = json.dumps({"socket": self.name, "head": head, "body": body.decode("latin-1"),
                           "surplus": surplus.decode("latin-1")}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                           b"X-Up: 1\r\nKeep-Alive: timeout=9\r\nConnection: close, x-drop\r\n"
                           b"X-Drop: 1\r\nContent-Length: %d\r\n\r\n%s" %
                           (len(text), b"" if head.startswith("HEAD") else text))

    def close(self):
        self.listener.close()
        os.unlink(self.path)


def field(head, name):
    for line in head.split("\r\n")[1:]:
        if line.lower().startswith(name.lower() + ":"):
            return line.split(":", 1)[1].strip()
    return None


def read_chunks(receive, data):
    """Decode chunked octets: the body and what follows it."""
    body = b""
    while True:
        while b"\r\n" not in data:
            data += need(receive)
        line, data = data.split(b"\r\n", 1)
        size = int(line, 16)
        while len(data) < size + 2:
            data += need(receive)
        body += data[:size]
        expect(data[size:size + 2] == b"\r\n", "no line end after a chunk")
        data = data[size + 2:]
        if size == 0:
            return body, data


def need(receive):
    piece = receive()
    if not piece:
        raise Failure("the connection ended early")
    return piece


def read_body(connection, head, data):
    def receive():
        return connection.recv(65536)

    if field(head, "Transfer-Encoding"):
        return read_chunks(receive, data)
    size, data = int(field(head, "Content-Length") or 0), bytearray(data)    # grown in place
    while len(data) < size:
        data += need(receive)
    return bytes(data[:size]), bytes(data[size:])


class Gate:
    """rtc-gate on a free port of each kind; `hosts` None leaves its rule for names alone."""

    all = []

    def __init__(self, *args, listen="127.0.0.1:0", hosts=("h",)):
        self.log = tempfile.NamedTemporaryFile(dir=RUN, suffix=".log", delete=False)
        ready, write = os.pipe()
        self.process = subprocess.Popen(
            [os.path.join(BIN, "rtc-gate"), "-R", str(write), *(["-l", listen] if listen else []),
             *[word for name in hosts or () for word in ("--host", name)], *args],
            stderr=self.log, pass_fds=[write])
        os.close(write)
        line = os.read(ready, 1)
        os.close(ready)
        Gate.all.append(self)
        expect(line == b"\n", "rtc-gate did not start: " + self.lines())
        self.ports = {}
        for line in self.lines().split("\n"):
            if "listening on" in line:
                speech = line.split("gate: ")[-1].split(": listening")[0]
                self.ports[speech] = self.port = int(line.rsplit(":", 1)[1])

    def lines(self):
        with open(self.log.name) as f:
            return f.read()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.settimeout(DEADLINE_S)
        return s

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.wait(sig)

    def wait(self, sig=signal.SIGTERM):
        code = self.process.wait(DEADLINE_S)
        if sig == signal.SIGTERM:
            expect(code == 0, "rtc-gate ended with %d: %s" % (code, self.lines()[-2000:]))
        return code


class Client:
    """A raw connection that reads answers by their framing."""

    def __init__(self, gate):
        self.s = gate.connect()
        self.data = b""

    def send(self, text):
        self.s.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))

    def receive(self):
        piece = self.s.recv(65536)
        self.data += piece
        return piece

    def answer(self, head_request=False):
        """The next answer: status, head, body."""
        while b"\r\n\r\n" not in self.data:
            need(self.receive)
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        head = head.decode("latin-1")
        status = int(head.split(" ")[1])
        body = b""
        if status < 200 or head_request:
            return status, head, body
        if field(head, "Transfer-Encoding"):
            body, self.data = read_chunks(lambda: self.s.recv(65536), self.data)
        elif field(head, "Content-Length") is not None:
            body, self.data = read_body(self.s, head, self.data)
        else:
            while self.receive():
                pass
            body, self.data = self.data, b""
        return status, head, body

    def ask(self, text, **kw):
        self.send(text)
        return self.answer(**kw)

    def at_end(self):
        """Wait for the end of the connection; true if nothing came before it."""
        try:
            return self.s.recv(1) == b""
        except ConnectionResetError:
            return False


def get(path, extra="", method="GET", version="1.1"):
    return "%s %s HTTP/%s\r\nHost: h:1\r\n%s\r\n" % (method, path, version, extra)


def post(path, body, extra=""):
    return get(path, "Content-Length: %d\r\n%s" % (len(body), extra), "POST") + body


def main(gate):
    """Run the tests, or those that are named, and leave."""
    failed, only = 0, sys.argv[1:]
    print("1..%d" % len(tests), flush=True)
    for number, fn in enumerate(tests, 1):
        if only and fn.__name__ not in only:
            continue
        try:
            fn()
            print("ok %d - %s" % (number, fn.__name__), flush=True)
        except Exception as error:
            failed += 1
            print("# %s: %s" % (type(error).__name__, error))
            print("not ok %d - %s" % (number, fn.__name__), flush=True)
    for each in Gate.all:   # those of a test that failed
        if each.process.poll() is None:
            each.process.kill()
    if failed:
        print("# the end of the log:\n# " + "\n# ".join(gate.lines().split("\n")[-12:]))
    shutil.rmtree(RUN, ignore_errors=True)
    os._exit(1 if failed else 0)
