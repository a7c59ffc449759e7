#!/bin/sh
# Rooms: each program of the server killed while four are in a room.
RTC_ROOMS_KILL='rtc-relay rtc-whip rtc-whep rtc-gate rtc-web rtc-signal'
export RTC_ROOMS_KILL
exec tests/e2e/lib/run rooms.mjs
