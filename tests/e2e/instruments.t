#!/bin/sh
exec "${0%/*}/lib/run" instruments.mjs
