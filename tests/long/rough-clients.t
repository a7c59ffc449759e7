#!/bin/sh
# The clients on a rough network (tests/e2e/rough-clients.t), with H264 as well.
RTC_MATRIX=long exec "${0%/*}/../e2e/lib/run" rough-clients.mjs
