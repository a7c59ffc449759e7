#!/usr/bin/env python3
# runs under: address
# runs beside others
"""Media over other paths than loopback: a relay with several interfaces answers from the address that
was asked; IPv6; a path of 1280 octets behind a router, by GSO and with packets of 1400, in both
families. In network namespaces of its own."""
import atexit
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ownnet  # noqa: E402
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

ownnet.inside(['--net'])

tap = Tap()
PATIENCE_S = 60
children, relays = [], []


@atexit.register
def clean_up():
    for p in children + [r.proc for r in relays]:
        if p.poll() is None:
            p.kill()
            p.wait()


def sh(*argv, ns=None):
    subprocess.run([*(['nsenter', '-t', str(ns), '-n'] if ns else []), *argv], check=True)


def namespace():
    """The id of a process that keeps one."""
    p = subprocess.Popen(['unshare', '--net', 'sh', '-c', 'echo; exec sleep 600'], stdout=subprocess.PIPE)
    children.append(p)
    p.stdout.readline()
    sh('ip', 'link', 'set', 'lo', 'up', ns=p.pid)
    return p.pid


def wire(number, here, there, mtu):
    """A veth pair of namespaces (None: our own) with the addresses .1 and .2 of network number."""
    names = f'w{number}a', f'w{number}b'
    sh('ip', 'link', 'add', names[0], 'mtu', str(mtu), 'type', 'veth', 'peer', 'name', names[1], 'mtu', str(mtu))
    for i, (name, ns) in enumerate(zip(names, (here, there)), 1):
        if ns:
            sh('ip', 'link', 'set', name, 'netns', str(ns))
        sh('ip', 'link', 'set', name, 'up', ns=ns)
        sh('ip', 'address', 'add', f'10.98.{number}.{i}/24', 'dev', name, ns=ns)
        sh('ip', 'address', 'add', f'fd98:{number}::{i}/64', 'dev', name, 'nodad', ns=ns)


def far_network():
    """Ours -1- clients, ours -2- clients: two interfaces; ours -3- router -4- clients: 1280 behind it."""
    sh('ip', 'link', 'set', 'lo', 'up')
    clients, router = namespace(), namespace()
    wire(1, None, clients, 1500)
    # Two addresses of one interface: which one answers is not for the route to say.
    sh('ip', 'address', 'add', '10.98.1.99/24', 'dev', 'w1a')
    sh('ip', 'address', 'add', 'fd98:1::99/64', 'dev', 'w1a', 'nodad')
    wire(2, None, clients, 1500)
    wire(3, None, router, 1500)
    wire(4, router, clients, 1280)
    sh('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', ns=router)
    for family, ours, theirs, via_ours, via_theirs in (
            ('-4', '10.98.4.0/24', '10.98.3.0/24', '10.98.3.2', '10.98.4.1'),
            ('-6', 'fd98:4::/64', 'fd98:3::/64', 'fd98:3::2', 'fd98:4::1')):
        sh('ip', family, 'route', 'add', ours, 'via', via_ours)
        sh('ip', family, 'route', 'add', theirs, 'via', via_theirs, ns=clients)
    return clients


def service(relay, name, *args):
    r, w = os.pipe()
    log = open(os.path.join(relay.dir, f'{name}.log'), 'w+')
    children.append(subprocess.Popen(
        [f'{BIN}/{name}', '-l', '0', '-R', str(w), *args], pass_fds=[w],
        stderr=log, env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    os.read(r, 1)
    os.close(r)
    log.seek(0)
    return int(log.read().split('(port ')[1].split(')')[0])


def in_clients(*argv, **options):
    return subprocess.Popen(['nsenter', '-t', str(clients), '-n', *argv], stdout=subprocess.PIPE, **options)


def play(host, stream):
    return in_clients(f'{BIN}/rtc-play', '-q', '-j', '--duration', '4',
                      f'http://{host}:{whep}/rtc/v1/whep/?app=live&stream={stream}')


def judge(process, what, host, least):
    """It saw least pictures of a still whole stream, from the address that it asked."""
    report = json.loads(process.communicate(timeout=PATIENCE_S)[0])
    video, network = report['video'] or {}, report['network']
    tap.ok(report['code'] == 0 and video.get('frames', 0) >= least and video.get('damaged') == 0 and
           video.get('skipped') == 0, f'{what}: {video.get("frames")} pictures', report)
    tap.ok(network.get('remote', '').startswith(host + ':'), f'{what}: from {network.get("remote")}', network)


class Gst:
    """GStreamer publishes, its packets as large as a wire of 1500 takes."""

    def __init__(self):
        self.proc = in_clients('/usr/bin/python3', os.path.join(os.path.dirname(__file__), 'lib/client_gst.py'),
                               stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        children.append(self.proc)

    def order(self, **order):
        self.proc.stdin.write(json.dumps(order).encode() + b'\n')
        self.proc.stdin.flush()


clients = far_network()
relay = Relay(bind='0')
relays.append(relay)
admin = relay.connect('admin')
whip = service(relay, 'rtc-whip')
whep = service(relay, 'rtc-whep')
pub = in_clients(f'{BIN}/rtc-publish', '-q', '--test=640x360@25', '--video-bitrate', '1500000',
                 f'http://[fd98:1::1]:{whip}/rtc/v1/whip/?app=live&stream=six')
children.append(pub)
large = Gst()
large.order(op='publish', id='x', codec='H264', url=f'http://10.98.1.1:{whip}/rtc/v1/whip/?app=live&stream=large',
            picture={'width': 640, 'height': 360, 'fps': 25, 'bps': 1500000,
                     'pattern': 'snow'})


def live():
    streams = admin.ask('streams.list')['streams']
    return len(streams) == 2 and all(m['frames'] > 10 for s in streams for m in s['media'] if 'frames' in m) and \
        all(s['media'] for s in streams)


tap.ok(wait_for(live, 30), 'published over IPv6 and over IPv4', admin.ask('streams.list'))
address = [s['address'] for s in admin.ask('sessions.list')['sessions'] if s['stream'] == 'live/six']
tap.ok(address[0].startswith('[fd98:1::2]'), 'the publisher came over IPv6', address)
players = [(play(host, stream), f'{stream} {what}', host) for stream in ('six', 'large') for host, what in (
    ('10.98.1.1', 'over one interface'), ('10.98.2.1', 'over another'), ('[fd98:2::1]', 'over it by IPv6'),
    ('10.98.3.1', 'over 1280 octets'), ('[fd98:3::1]', 'over 1280 octets by IPv6'))]
players += [(play(host, 'six'), f'six at {what}', host) for host, what in (
    ('10.98.1.99', 'a second address'), ('[fd98:1::1]', 'one of two by IPv6'), ('[fd98:1::99]', 'the other'))]
for process, what, host in players:
    judge(process, what, host, 80)     # the first waits for a keyframe, at most half a second
sizes = admin.ask('streams.list', stream='live/large')['streams'][0]
tap.ok(sizes['rx_octets'] / sizes['rx_packets'] > 1000, 'the large packets were large', sizes)
for to in '10.98.4.2', 'fd98:4::2':
    route = subprocess.run(['ip', 'route', 'get', to], capture_output=True, text=True).stdout
    tap.ok('mtu 1280' in route, f'the path to {to} was too narrow for them', route)
tap.done()
