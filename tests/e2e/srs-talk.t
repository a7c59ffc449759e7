#!/bin/sh
# runs under: address
# runs with the servers
exec "${0%/*}/lib/run" srs-talk.mjs
