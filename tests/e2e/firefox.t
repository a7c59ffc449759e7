#!/bin/sh
# runs under: none
# runs with the browsers
exec "${0%/*}/lib/run" firefox.mjs
