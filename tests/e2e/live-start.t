#!/usr/bin/env python3
# runs under: address
# runs beside others
"""Sound and picture together from the first second of a stream on: the picture comes 0.7 s later than
the sound, as of an encoder that is slow to begin, and the first report of both clocks is lost."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cardlib import FPS, PATIENCE_S, numbers_of, skews_by_frame  # noqa: E402
from linklib import Link  # noqa: E402
from livelib import BIN, SKEW_MS, admin, is_live, path, relay, service, start, tap  # noqa: E402
from relaylib import wait_for  # noqa: E402

LATE_S, READ_S = 0.7, 5
OPUS, SR = 111, 200


class LateLink(Link):
    """Of what the publisher sends, the picture comes late, and the first reports do not come."""

    def __init__(self, server, lost_reports):
        super().__init__(server, 1, bad=False)
        self.reports, self.lost_reports = 0, lost_reports

    def forward(self, sock, data, to, direction):
        media = direction == 'up' and len(data) > 12 and data[0] >> 6 == 2
        if media and data[1] == SR:
            self.reports += 1
            if self.reports <= self.lost_reports:
                return
        elif media and not 192 <= data[1] < 224 and data[1] & 0x7f != OPUS:
            self.hold(LATE_S, sock, data, to, direction)
            return
        super().forward(sock, data, to, direction)


link = LateLink(('127.0.0.1', admin.hello['listen'][0]['port']), 1)
whip = service('rtc-whip', '-c', f'127.0.0.1:{link.port}', '--no-detect', '--no-api-candidate')
files = [path(f'card.{ext}') for ext in ('mkv', 'flv')]
recorder = start(f'{BIN}/rtc2rtmp', '-q', '--wait', '30', '--duration', str(READ_S), 'live/card', *files)
pub = start(f'{BIN}/rtc-publish', '-q', '--test', f'http://127.0.0.1:{whip}/rtc/v1/whip/?app=live&stream=card')
tap.ok(wait_for(lambda: is_live('card'), 30), 'the test card is published')
tap.equal(recorder.wait(PATIENCE_S), 0, 'and recorded from its beginning')
for file in files:
    numbers, skews = numbers_of(file), skews_by_frame(file)
    name = file.rsplit('.', 1)[1]
    tap.ok(numbers and numbers[0] < FPS // 2 and min(skews, default=FPS * 9) == FPS and
           all(abs(ms) <= SKEW_MS for ms in skews.values()),
           f'{name}: from frame {numbers[0] if numbers else None} on, sound within {SKEW_MS} ms from the first step on',
           skews)
tap.ok(link.reports > link.lost_reports == 1, 'a report was lost')
pub.terminate()
tap.equal(pub.wait(PATIENCE_S), 0, 'the publisher ends')
tap.equal(relay.stop(), 0, 'the relay ends')
tap.done()
