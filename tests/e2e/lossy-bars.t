#!/usr/bin/env python3
# runs under: address
"""What a loss on both sides of the relay may cost rtc-publish and rtc-play: with 5 % and 10 % lost at
random, or 5 % in bursts of five, or 5 % with a round trip of 200 ms, 98 % of the pictures arrive: what is
missing of them is asked for and sent again; lost sound is not. The same of a path with delay, jitter,
doubled and reordered datagrams, little room and some loss. After two seconds of 30 % the picture is back
within two more. A keyframe whose parameter sets were lost, unnoticed since they came first, is not what a
recording begins with."""
import atexit
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from linklib import Link  # noqa: E402
from relaylib import BIN, Relay, Tap, wait_for  # noqa: E402

tap = Tap()
SEED = int(os.environ.get('RTC_SEED', '20260101'))
PATIENCE_S = 60
PLAY_S = 10
BAD_S, BACK_S = 2.0, 2.0
LOST_MIN = 5   # of some 40; one burst
H264_PT = 102   # of rtc-play's offer
children = []


@atexit.register
def clean_up():
    for p in children + [relay.proc]:
        if p.poll() is None:
            p.kill()
            p.wait()


def service(name, link, stream):
    """rtc-whip or rtc-whep that names the link as the relay's address; its URL."""
    r, w = os.pipe()
    log = open(os.path.join(relay.dir, f'{name}-{stream}.log'), 'w+')
    children.append(subprocess.Popen(
        [f'{BIN}/{name}', '-l', '127.0.0.1:0', '-c', f'127.0.0.1:{link.port}', '--no-detect',
         '--no-api-candidate', '-R', str(w)], pass_fds=[w], stderr=log,
        env={**os.environ, 'RTC_RUN': relay.dir}))
    os.close(w)
    os.read(r, 1)
    os.close(r)
    log.seek(0)
    port = log.read().split('port ')[1].split(')')[0]
    return f'http://127.0.0.1:{port}/rtc/v1/{name[4:]}/?app=live&stream={stream}'


class Scenario(threading.Thread):
    def __init__(self, stream, **link):
        super().__init__(daemon=True)
        self.stream, self.links = stream, []
        self.record = os.path.join(relay.dir, stream + '.mkv')
        for i in range(2):
            self.links.append(Link(server, SEED + i, **link))
        self.urls = [service(name, link, stream)
                     for name, link in zip(('rtc-whip', 'rtc-whep'), self.links)]

    def publish(self):
        self.pub = subprocess.Popen(
            [f'{BIN}/rtc-publish', '-q', '-j', '--test', '--video-bitrate', '800000',
             self.urls[0]], stdout=subprocess.PIPE)
        children.append(self.pub)

    def run(self):
        play = subprocess.run([f'{BIN}/rtc-play', '-q', '-j', '--duration', str(PLAY_S),
                               '--expect-card', '--expect-audio', self.urls[1], self.record],
                              capture_output=True, timeout=PATIENCE_S)
        self.report = json.loads(play.stdout)
        self.pub.terminate()
        self.sent = json.loads(self.pub.communicate(timeout=PATIENCE_S)[0])

    def hold(self):
        """Bad for a while, in the middle."""
        time.sleep(3)
        for link in self.links:
            link.bad = True
        time.sleep(BAD_S)
        for link in self.links:
            link.bad = False


def through_links(s):
    """Both ends name their link as the other side."""
    tap.equal([s.sent['times']['remote'], s.report['network']['remote']],
              [f'127.0.0.1:{link.port}' for link in s.links], f'{s.stream}: it went through the links')


relay = Relay()
admin = relay.connect('admin')
server = ('127.0.0.1', admin.hello['listen'][0]['port'])
print('# seed', SEED)
steady = [Scenario('five', loss=0.05, late=0.02), Scenario('ten', loss=0.10), Scenario('bursts', loss=0.05, burst=5),
          Scenario('far', loss=0.05, delay_s=0.1)]
worst = Scenario('thirty', loss=0.30, bad=False)
headless = Scenario('headless', first_of=H264_PT)
everyone = steady + [worst, headless]
for s in everyone:
    s.publish()
tap.ok(wait_for(lambda: [s['state'] for s in admin.ask('streams.list')['streams']] == ['live'] * len(everyone), 30),
       'all streams are live')
for s in everyone:
    s.start()
worst.hold()
for s in everyone:
    s.join(PATIENCE_S)
for s in everyone:
    video, network = s.report['video'], s.report['network']
    if not tap.ok(video and video['card'], f'{s.stream}: it plays', s.report):
        tap.done()
    through_links(s)
    print('#', s.stream, json.dumps({'lost': [link.lost for link in s.links], 'video': video,
                                     'network': network, 'sent': s.sent}))
for s in steady:
    card = s.report['video']['card']
    share = card['count'] / (card['count'] + card['missing'])
    tap.ok(min(link.lost for link in s.links) >= LOST_MIN, f'{s.stream}: datagrams were lost on both sides')
    tap.ok(share >= 0.98 and card['count'] > PLAY_S * 20 and card['disordered'] == 0,
           f'{s.stream}: {100 * share:.1f} % of the pictures arrived, in order', s.report)
r, sent = steady[0].report, steady[0].sent
tap.ok(r['network']['repaired'] > 10 and r['network']['nacks'] > 10, 'rtc-play asks and is answered', r)
tap.ok(sent['resent'] > 10 and sent['nacks'] > 10, 'rtc-publish is asked and answers', sent)
tap.ok(r['audio']['seconds'] > PLAY_S - 1, 'the sound went on', r['audio'])
p = subprocess.run(['ffmpeg', '-v', 'error', '-xerror', '-i', steady[0].record,
                    '-enc_time_base', '-1', '-f', 'null', '-'],
                   capture_output=True, timeout=PATIENCE_S)
tap.ok(p.returncode == 0 and not p.stderr, 'the recording decodes without error', p.stderr)
card, video = worst.report['video']['card'], worst.report['video']
tap.ok(min(link.lost for link in worst.links) > 30, 'thirty: datagrams were lost on both sides')
tap.ok(video['freeze_max_ms'] <= (BAD_S + BACK_S) * 1000, f'thirty: the picture stood still for '
       f'{video["freeze_max_ms"]} ms at most', worst.report)
tap.ok(card['count'] > (PLAY_S - BAD_S - BACK_S) * 25 and card['last'] - card['first'] > PLAY_S * 20,
       'thirty: it went on to the end', worst.report)
r = headless.report
tap.ok(headless.links[1].lost == 1 and r['code'] == 0 and r['video']['frames'] > PLAY_S * 20 and
       r['video']['skipped'] > 0, 'headless: it waits for a keyframe with parameter sets', r)

rough = Scenario('rough', loss=0.02, late=0.03, delay_s=0.03, jitter_s=0.01, double=0.05, rate_bps=2000000)
rough.publish()
tap.ok(wait_for(lambda: admin.ask('streams.list', stream='live/rough')['streams'], 30), 'rough: it is live')
rough.start()
rough.join(PATIENCE_S)
through_links(rough)
told = [{k: getattr(link, k) for k in ('lost', 'doubled', 'overtaken', 'waited')} for link in rough.links]
print('# rough', json.dumps([told, rough.report, rough.sent]))
tap.ok(min(n for link in told for n in link.values()) > 5, 'rough: datagrams were lost, doubled, overtaken, held back',
       told)
card = rough.report['video']['card']
tap.ok(card['missing'] <= 0.02 * card['count'] and card['count'] > PLAY_S * 20 and card['disordered'] == 0,
       f'rough: {card["count"]} pictures arrived in order, {card["missing"]} did not', rough.report)
tap.done()
