#!/bin/sh
# runs under: none
exec "${0%/*}/lib/run" gop-browser.mjs
