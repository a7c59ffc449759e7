"""
Servers that break rules, for the test of rtc-conformance. Some know no rule at all; a Spoiler passes
requests on to a server that keeps them and breaks a few on the way.
"""
import http.client
import http.server
import re
import socket
import threading

import stunlib


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def chunks(self):
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self):
        try:
            self.body = b''.join(self.chunks()) if 'Transfer-Encoding' in self.headers else \
                self.rfile.read(int(self.headers.get('Content-Length') or 0))
        except ValueError:
            return self.reply(400)
        return self.server.answer(self)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = do_PROPFIND = answer

    def reply(self, status, headers=(), body=b''):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header('Content-Length', str(len(body)))
        self.send_header('Connection', 'close')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    """On a port of 127.0.0.1 until it is closed."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def url(self, path='/'):
        return f'http://127.0.0.1:{self.server_port}{path}'

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.shutdown()
        self.server_close()


class Monotonous(Server):
    """Has one answer to everything."""

    def __init__(self, status, headers=(), body=b''):
        self.said = status, headers, body
        super().__init__()

    def answer(self, handler):
        handler.reply(*self.said)


class HangsUp(Server):
    """Says nothing, also to what is no HTTP."""

    def finish_request(self, request, client_address):
        request.recv(65536)


class Answer:
    """What the real server said, to be changed; fields: name (in small letters) to value."""

    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.fields = {k.lower(): v for k, v in response.getheaders() if k.lower() not in
                       ('content-length', 'connection', 'date', 'server')}

    def sub(self, pattern, by):
        self.body = re.sub(pattern, by, self.body.decode()).encode()


class Spoiler(Server):
    """
    Passes requests on to rtc-whip or rtc-whep, of which the ports are given, by their paths.
    spoils: functions(self, request, answer) that change answers.
    """

    def __init__(self, ports, *spoils):
        self.ports, self.spoils = ports, spoils
        self.lock = threading.Lock()
        self.live, self.refuses = [], False
        super().__init__()

    def pass_on(self, method, path, body=b'', headers=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.ports['/whep/' in path], timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def answer(self, handler):
        with self.lock:
            handler.path = re.sub('(/rtc/v1/wh.p)(?!/session/|/?$|/?[?]).*/session/', r'\1/session/', handler.path)
            fields = {k: v for k, v in handler.headers.items()
                      if k.lower() not in ('transfer-encoding', 'content-length', 'expect')}
            a = self.pass_on(handler.command, handler.path, handler.body, fields)
            for spoil in self.spoils:
                spoil(self, handler, a)
        handler.reply(a.status, a.fields.items(), a.body)


def is_restart(request):
    return request.command == 'PATCH' and b'a=ice-ufrag:nEw' in request.body


# What can be broken, one by one.

def floods_badly(server, request, a):
    """The fourth session at a time ends the third; from then on nobody gets one, and is not told why."""
    if request.command == 'DELETE' and request.path in server.live:
        server.live.remove(request.path)
        a.status = 500 if server.refuses else a.status
    if request.command != 'POST' or a.status != 201:
        return
    path = re.sub('^http://[^/]*', '', a.fields['location'])
    if server.refuses or len(server.live) >= 3:
        server.pass_on('DELETE', path)
        if not server.refuses:
            server.pass_on('DELETE', server.live[-1])
        server.refuses = True
        a.status, a.fields, a.body = 500, {'retry-after': 'soon'}, b''
    else:
        server.live.append(path)


def believes_any_prefix(server, request, a):
    """Where it does not belong, and whatever it is."""
    prefix = request.headers.get('X-Forwarded-Prefix')
    if prefix and 'location' in a.fields:
        a.fields['location'] = a.fields['location'].replace('/session/', prefix + '/session/')


def restarts_without_media(server, request, a):
    """Says 200, but its credentials are not those that the relay has."""
    if is_restart(request) and a.status == 200:
        a.sub(r'a=ice-pwd:\S{8}', 'a=ice-pwd:xxxxxxxx')


def ends_at_a_failed_restart(server, request, a):
    if b'a=ice-ufrag:half' in request.body:
        server.pass_on('DELETE', request.path)


def answers_without_media(server, request, a):
    """What it creates has other credentials than it says."""
    if request.command == 'POST' and a.status == 201:
        a.sub(r'a=ice-pwd:\S{8}', 'a=ice-pwd:xxxxxxxx')


def is_rude(server, request, a):
    """Small things."""
    if request.command == 'POST' and a.status == 201:
        a.fields['link'] = '<turn:192.0.2.4>; rel="ice-server", <stun:192.0.2.3>; rel="ice-server"'
    elif request.command == 'OPTIONS':
        a.fields['link'] = '<turn:192.0.2.4>; rel="ice-server"; username="a"; credential="b"'
    elif request.command == 'PATCH' and a.status == 204:
        a.fields['etag'] = '"more"'
    elif is_restart(request) and a.status == 200:
        a.sub('a=ice-lite\r\n', '')


def renames(server, request, a, port):
    """Another port in each candidate."""
    a.sub(r'(a=candidate:\S+ \d+ \w+ \d+ \S+) \d+', rf'\1 {port}')


class Gullible(threading.Thread):
    """Answers every check by success, signed with the first password that an answer had."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.pwd = None
        self.start()

    def run(self):
        while True:
            data, place = self.socket.recvfrom(2048)
            if self.pwd and stunlib.kind_of(data) == stunlib.BINDING:
                self.socket.sendto(stunlib.message(stunlib.SUCCESS, data[8:20], pwd=self.pwd), place)

    def spoil(self, server, request, a):
        if request.command == 'POST' and a.status == 201:
            self.pwd = re.search(rb'a=ice-pwd:(\S+)', a.body).group(1).decode()
        renames(server, request, a, self.socket.getsockname()[1])


class Mute:
    """Candidates at a port that does not answer."""

    def __init__(self):
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))

    def spoil(self, server, request, a):
        renames(server, request, a, self.socket.getsockname()[1])
