#!/usr/bin/env python3
# runs under: none
# runs with the servers
"""rtmp2rtc: 50 publish at once, 20 of them are killed at random moments, then the parent: the rest
lose nothing, and memory and descriptors come back."""
import atexit
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import BIN, admin, free_port, path, relay, start, tap  # noqa: E402
from relaylib import Peer, wait_for  # noqa: E402
from rtmplib import Client, flv_tags  # noqa: E402

COUNT, KILLED, FPS, SECONDS = 50, 20, 10, 3
VIDEO_PT, STEP = 96, 90000 // FPS
SEED = int(os.environ.get('SEED', random.randrange(1 << 32)))
random.seed(SEED)
print(f'# seed {SEED}', flush=True)

subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', f'testsrc=size=160x90:rate={FPS}',
                '-f', 'lavfi', '-i', 'sine=1000:sample_rate=44100', '-t', '30', '-c:v', 'libx264',
                '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g',
                str(FPS), '-c:a', 'aac', '-b:a', '32k', '-f', 'flv', path('clip.flv')], check=True,
               timeout=60)
CLIP = flv_tags(path('clip.flv'))
publishers = {}


@atexit.register
def end_publishers():
    for pid in publishers.values():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def server(port):
    r, w = os.pipe()
    p = start(f'{BIN}/rtmp2rtc', '-l', f'127.0.0.1:{port}', '-R', str(w), pass_fds=[w],
              stderr=open(path(f'log-{len(publishers)}-{time.time()}'), 'w'))
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return p


def publish(name, port):
    """A process of its own that publishes the clip."""
    pid = os.fork()
    if pid == 0:
        try:
            client = Client(port)
            client.sock.settimeout(60)
            client.obs('live', name)
            client.feed(CLIP)
        finally:
            os._exit(0)
    publishers[name] = pid


def kill(name):
    pid = publishers.pop(name)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def live():
    reply = admin.ask('streams.list', start=0, count=200)
    return {s['name'][5:] for s in reply['streams'] if s['publisher'] and s['rx_packets'] > 0}


class Watcher:
    """A local subscriber of one stream: are packets or pictures missing?"""

    def __init__(self, name):
        self.peer = Peer(os.path.join(relay.dir, 'relay/media.sock'))
        assert self.peer.ask('attach', **{'as': 'subscriber', 'stream': f'live/{name}'})['ok']
        self.numbers, self.pictures, self.missing, self.ended = {}, 0, [], False
        self.last_ts = None

    def take(self):
        msg = self.peer.sock.recv(70000)
        if msg[:1] == b'{':
            event = json.loads(msg).get('event')
            if event == 'gap':
                self.missing.append(msg)
            return
        pt, number = msg[1] & 127, int.from_bytes(msg[2:4], 'big')
        if msg == b'' or 64 <= pt < 96:     # RTCP
            self.ended |= msg == b''
            return
        ssrc = msg[8:12]
        if ssrc in self.numbers and number != (self.numbers[ssrc] + 1) & 0xffff:
            self.missing.append((pt, number, self.numbers[ssrc]))
        self.numbers[ssrc] = number
        if pt == VIDEO_PT and msg[1] & 128:
            ts = int.from_bytes(msg[4:8], 'big')
            step = STEP if self.last_ts is None else (ts - self.last_ts) & 0xffffffff
            if abs(step - STEP) > 180:
                self.missing.append(('picture', step))
            self.last_ts = ts
            self.pictures += 1


watchers, done = {}, False


def watch_all():
    poll = select.poll()
    known = {}
    while not done:
        for name, w in list(watchers.items()):
            if w.peer.sock.fileno() not in known:
                known[w.peer.sock.fileno()] = w
                poll.register(w.peer.sock, select.POLLIN)
        for fd, _ in poll.poll(50):
            known[fd].take()
            if known[fd].ended:
                poll.unregister(fd)


def children_of(p):
    return open(f'/proc/{p.pid}/task/{p.pid}/children').read().split()


def memory_kb(pid):
    """What a process has written."""
    return sum(int(line.split()[1]) for line in open(f'/proc/{pid}/smaps_rollup')
               if line.startswith('Private_Dirty'))


def descriptors(p):
    return len(os.listdir(f'/proc/{p.pid}/fd'))


def cpu_s(pid):
    return sum(map(int, open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[11:13])) / 100


port = free_port()
parent = server(port)
before = descriptors(parent), relay.descriptors(), memory_kb(parent.pid)
names = [f's{i}' for i in range(COUNT)]
began = time.monotonic()
for name in names:
    publish(name, port)
tap.ok(wait_for(lambda: set(names) <= live(), 60), f'{COUNT} publish at once',
       set(names) - live())
print(f'# all live after {time.monotonic() - began:.1f} s', flush=True)
each = sorted(memory_kb(pid) for pid in children_of(parent))
survivors = set(names[KILLED:])
for name in survivors:
    watchers[name] = Watcher(name)
thread = threading.Thread(target=watch_all)
thread.start()
busy = {pid: cpu_s(pid) for pid in children_of(parent)}
began = time.monotonic()
for at, name in sorted((random.uniform(0.2, SECONDS - 0.5), n) for n in names[:KILLED]):
    time.sleep(max(0, began + at - time.monotonic()))
    kill(name)
tap.ok(wait_for(lambda: live() == survivors and len(children_of(parent)) == COUNT - KILLED, 10),
       f'{KILLED} killed: they are gone, the rest is live', live() ^ survivors)
tap.ok(wait_for(lambda: all(w.pictures >= SECONDS * FPS - 2 for w in watchers.values()), 30),
       'the others go on', sorted(w.pictures for w in watchers.values()))
spent = [(cpu_s(pid) - busy[pid]) / (time.monotonic() - began) for pid in children_of(parent)]
print(f'# a process per stream: {each[len(each) // 2]} kB of its own, '
      f'{100 * sum(spent) / len(spent):.2f} % of a core for {FPS} pictures/s', flush=True)
orphans = children_of(parent)
parent.kill()
parent.wait()
at_kill = {name: w.pictures for name, w in watchers.items()}
again = server(port)
publish('after', port)
tap.ok(wait_for(lambda: 'after' in live(), 20), 'the parent killed: the port is taken again')
tap.ok(wait_for(lambda: all(w.pictures >= at_kill[n] + 2 * FPS for n, w in watchers.items()), 30),
       'the processes of its connections go on')
missing = {name: w.missing for name, w in watchers.items() if w.missing}
tap.ok(not missing and len(watchers) == COUNT - KILLED,
       f'none of {len(watchers)} misses a packet or a picture', missing)
for name in list(publishers):
    kill(name)
tap.ok(wait_for(lambda: not live() and not children_of(again) and
                not any(os.path.exists(f'/proc/{pid}') for pid in orphans), 10),
       'no process is left')
done = True
thread.join()
for w in watchers.values():
    w.peer.close()
first = relay.status('VmRSS')
for name in names:
    publish(name, port)
wait_for(lambda: set(names) <= live(), 60)
for name in names:
    kill(name)
tap.ok(wait_for(lambda: not live() and not children_of(again), 10), 'a second wave comes and goes')
tap.ok(wait_for(lambda: descriptors(again) <= before[0] and relay.descriptors() == before[1], 5),
       'descriptors are as before', (descriptors(again), relay.descriptors(), before))
after = memory_kb(again.pid), relay.status('VmRSS')
print(f'# parent {before[2]} kB before, {after[0]} kB after; relay {first} kB after the first wave, '
      f'{after[1]} kB after the second', flush=True)
tap.ok(after[0] < before[2] + 500 and after[1] < first + 4000, 'memory is as before', (before, after))
again.terminate()
tap.equal(again.wait(10), 0, 'SIGTERM ends the parent')
tap.equal(relay.stop(), 0, 'the relay is well')
tap.done()
