#!/usr/bin/env python3
# runs under: address
# runs beside others
"""A publisher that the system lets stand still for longer than it makes up for: what it sends after
that is later, sound and picture alike, so that they stay together in what rtc2rtmp gives."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import PATIENCE_S, skews_by_frame, times_of  # noqa: E402
from livelib import SKEW_MS, BIN, is_live, path, publish, relay, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402

# Before a report is due and after it, while it has been silent for longer than between two reports, too.
STOPS = ((0.3, 0.8), (1.3, 1.2), (1.7, 0.8))
READ_S = 12

pub = publish('card')
tap.ok(wait_for(lambda: is_live('card'), 20), 'the test card is published')
out = path('card.mkv')
recorder = start(f'{BIN}/rtc2rtmp', '-q', '--duration', str(READ_S), 'live/card', out)
tap.ok(wait_for(lambda: os.path.exists(out), 20), 'it is recorded')
for runs_s, stands_s in STOPS:
    time.sleep(runs_s)
    pub.send_signal(signal.SIGSTOP)
    time.sleep(stands_s)
    pub.send_signal(signal.SIGCONT)
tap.equal(recorder.wait(PATIENCE_S), 0, 'the recording ends')
skews, times = skews_by_frame(out), sorted(times_of(out))
steps = [b - a for a, b in zip(times, times[1:])]
stood = sum(s - 0.04 for s in steps if s > 0.3)
want = sum(s for _, s in STOPS)
tap.ok(stood > want - 0.3, f'pictures stand still for {stood:.2f} s, the publisher did for {want:.1f} s', steps)
tap.ok(len(skews) >= READ_S - 6 and all(abs(ms) <= SKEW_MS for ms in skews.values()),
       f'sound within {SKEW_MS} ms of the picture, before and after', skews)
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
