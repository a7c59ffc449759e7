#!/bin/sh
# runs under: address
# runs with the browsers
exec "${0%/*}/lib/run" waiting.mjs
