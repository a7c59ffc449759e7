#!/bin/sh
# The matrix of clients (tests/e2e/matrix.t) with pictures of 1280x720 at 25, one publisher at a time.
RTC_MATRIX=long exec "${0%/*}/../e2e/lib/run" matrix.mjs
