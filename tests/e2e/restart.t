#!/bin/sh
# runs under: address thread
exec "${0%/*}/lib/run" restart.mjs
