#!/bin/sh
# runs under: none
exec "${0%/*}/lib/run" turn-browser.mjs
