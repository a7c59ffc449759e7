#!/bin/sh
# runs under: address thread
# runs with the browsers
exec "${0%/*}/lib/run" restart.mjs
