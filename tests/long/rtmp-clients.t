#!/bin/sh
RTMP_SECONDS=60 exec "${0%/*}/../e2e/rtmp-clients.t"
