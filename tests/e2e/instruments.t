#!/bin/sh
# runs under: none
# runs with the servers
exec "${0%/*}/lib/run" instruments.mjs
