#!/usr/bin/env python3
# runs under: address
# runs beside others
"""rtmp2rtc with TLS: ffmpeg publishes and plays by rtmps://; renewed, wrong and missing files."""
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import BIN, admin, free_port, path, relay, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402

HANDSHAKE_S = 15  # RTMP_SETUP_TIMEOUT_US


def certificate(name):
    """A pair of files; the path of the first."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', f'/CN={name}',
                    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', path(f'{name}.key'),
                    '-out', path(f'{name}.pem')], check=True, stderr=subprocess.DEVNULL)
    return path(f'{name}.pem')


def exits(*args):
    p = subprocess.run([f'{BIN}/rtmp2rtc', *args], capture_output=True, text=True, timeout=10)
    return p.returncode, p.stderr


def is_live(stream):
    reply = admin.ask('streams.list', start=0, count=100)
    return any(s['name'] == stream and s['publisher'] and s['rx_packets'] > 0
               for s in reply['streams'])


def logged(words):
    return words in open(path('log')).read()


first, second = certificate('first'), certificate('second')
shutil.copy(first, path('cert'))
shutil.copy(path('first.key'), path('key'))
FILES = ['--cert', path('cert'), '--key', path('key')]
plain, secure = free_port(), free_port()
start(f'{BIN}/rtc2rtmp', stderr=subprocess.DEVNULL)
wait_for(lambda: os.path.exists(os.path.join(relay.dir, 'live.sock')), 10)
r, w = os.pipe()
server = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{plain}', '--tls', f'127.0.0.1:{secure}',
               *FILES, '-R', str(w), pass_fds=[w], stderr=open(path('log'), 'w'))
os.close(w)
os.read(r, 1)
lazy = socket.create_connection(('127.0.0.1', secure))
lazy.sendall(b'\x16\3\1\2\0\1\0\1\xfc')    # as a ClientHello begins
# The same without TLS: whoever drips octets has no more time than whoever is silent.
SLOW = {'silence': (b'', b''), 'a handshake that drips': (b'\x03' + bytes(100), b'\0'),
        'zeros behind it': (b'\x03' + bytes(3072), b'\0'),
        'a message that drips': (b'\x03' + bytes(3072) + b'\x03\0\0\0\0\x70\0\x14\0\0\0\0', b'x')}
slow = {name: socket.create_connection(('127.0.0.1', plain)) for name in SLOW}


def drip():
    for name, s in slow.items():
        s.sendall(SLOW[name][0])
    while slow:
        time.sleep(0.3)
        for name, s in list(slow.items()):
            try:
                s.sendall(SLOW[name][1])
            except OSError:
                del slow[name]


threading.Thread(target=drip, daemon=True).start()


def push(url):
    return start('ffmpeg', '-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=25',
                 '-f', 'lavfi', '-i', 'sine=1000:sample_rate=44100', '-c:v', 'libx264', '-preset',
                 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g', '25', '-c:a',
                 'aac', '-f', 'flv', url, stderr=subprocess.DEVNULL)


def frames(url, *options):
    """Decoded frames of two seconds and what ffmpeg complained of."""
    p = subprocess.run(['ffmpeg', '-v', 'error', '-stats', *options, '-i', url, '-t', '2', '-an',
                        '-f', 'null', '-'], capture_output=True, text=True, timeout=40)
    counts = [part.split()[0] for part in p.stderr.split('frame=')[1:]]
    errors = [line for line in p.stderr.splitlines() if line and 'frame=' not in line]
    return int(counts[-1]) if counts else 0, errors


# ---- publish and play ----

publisher = push(f'rtmps://127.0.0.1:{secure}/live/a')
tap.ok(wait_for(lambda: is_live('live/a'), 20), 'ffmpeg publishes by rtmps://')
n, errors = frames(f'rtmps://127.0.0.1:{secure}/live/a', '-tls_verify', '1', '-ca_file', first)
tap.ok(n >= 45 and not errors, 'and plays by it, the certificate verified', (n, errors))
n, errors = frames(f'rtmp://127.0.0.1:{plain}/live/a')
tap.ok(n >= 45 and not errors, 'the plain port beside it serves the same', (n, errors))

# ---- the files change ----

shutil.copy(second, path('cert'))
shutil.copy(path('second.key'), path('key'))
pem = ssl.get_server_certificate(('127.0.0.1', secure))
tap.ok(pem.split() == open(second).read().split(), 'the next connection has the renewed certificate')
os.truncate(path('key'), 10)
try:
    ssl.get_server_certificate(('127.0.0.1', secure), timeout=10)
    closed = False
except (ConnectionError, ssl.SSLEOFError):
    closed = True
tap.ok(closed, 'with a broken key a connection is closed')
tap.ok(wait_for(lambda: logged('ended with status 78') and logged(path('key')), 5),
       'and the log names the file', open(path('log')).read())
shutil.copy(path('second.key'), path('key'))

# ---- hostile bytes ----


def answer(data):
    with socket.create_connection(('127.0.0.1', secure)) as s:
        s.settimeout(10)
        try:
            s.sendall(data)
            while s.recv(4096):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
    return True


tap.ok(answer(b'\x03' + bytes(1536)), 'RTMP without TLS is closed')
tap.ok(answer(b'\x16\x03\x01\xff\xff' + bytes(70000)), 'so is a record of 65535 octets')
tap.ok(answer(bytes([22, 3, 1, 0, 4, 1, 0, 0, 0])), 'and a ClientHello of nothing')
tap.ok(wait_for(lambda: open(path('log')).read().count(' TLS: ') >= 3, 5),
       'each with its reason in the log', open(path('log')).read())
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with socket.create_connection(('127.0.0.1', secure)) as raw:
    with context.wrap_socket(raw) as s:
        s.settimeout(10)
        s.sendall(b'GET / HTTP/1.1\r\n\r\n' + bytes(2000))
        try:
            closed = s.recv(1) == b''
        except (ConnectionResetError, ssl.SSLEOFError):
            closed = True
tap.ok(closed and wait_for(lambda: logged('this is no RTMP'), 5), 'HTTPS is no RTMP')
lazy.settimeout(2 * HANDSHAKE_S)
tap.ok(lazy.recv(1) == b'' and wait_for(lambda: logged('no TLS handshake in time'), 5),
       'a handshake that never ends is ended')
lazy.close()
tap.ok(wait_for(lambda: open(path('log')).read().count('silent for too long') == len(SLOW), 5),
       'so are those without TLS that drip their octets', open(path('log')).read())
tap.ok(publisher.poll() is None and is_live('live/a') and server.poll() is None,
       'the stream beside them goes on')

# ---- wrong use ----

code, words = exits('--tls', '1936', '--cert', '/nowhere.pem', '--key', path('key'))
tap.ok(code == 78 and '/nowhere.pem' in words, 'no certificate: 78 and its name', (code, words))
code, words = exits('--tls', '1936', '--cert', first, '--key', path('second.key'))
tap.ok(code == 78 and 'second.key' in words, 'a key of another: 78 and its name', (code, words))
code, words = exits('--tls', '1936')
tap.ok(code == 64 and '--cert' in words, '--tls without files: 64', (code, words))
code, words = exits('--cert', first, '--key', path('first.key'))
tap.ok(code == 64 and '--tls' in words, 'files without --tls: 64', (code, words))
tap.done()
