"""Programs beside the relay of a test: started here, ended with the test."""
import atexit
import os
import subprocess

from relaylib import BIN, free_port

children = []


@atexit.register
def end_all():
    for p in children:
        if p.poll() is None:
            p.kill()
            p.wait()


def start(*argv, **kw):
    p = subprocess.Popen(argv, **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **kw})
    children.append(p)
    return p


def endpoint(relay, name, candidate='127.0.0.1', *more):
    """rtc-whip or rtc-whep on a port of its own; its URL up to the stream's name."""
    r, w = os.pipe()
    port = free_port()
    if relay.proc not in children:
        children.append(relay.proc)
    start(f'{BIN}/{name}', '-l', f'127.0.0.1:{port}', '-c', candidate, *more, '-R', str(w), pass_fds=[w],
          env={**os.environ, 'RTC_RUN': relay.dir}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return f'http://127.0.0.1:{port}/rtc/v1/{name[4:]}/?app=live&stream='
