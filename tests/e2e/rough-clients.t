#!/bin/sh
# runs under: none
exec "${0%/*}/lib/run" rough-clients.mjs
