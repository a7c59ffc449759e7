#!/bin/sh
# runs under: address
exec "${0%/*}/lib/run" srs-talk.mjs
