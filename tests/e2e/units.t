#!/bin/sh
# runs under: none
# runs beside others
# The units of conf/ for systemd: it understands them, they leave little open, and what they start starts.
. tests/support/tap.sh
. tests/support/server.sh

for unit in rtckit.service rtckit@.service; do
	sed -e "s,/usr/local/bin,$RTC_BIN,g" -e "s,/etc/rtckit/rtc.conf,$PWD/conf/rtc.conf,g" "conf/$unit" >"$dir/$unit"
done
verify() { systemd-analyze verify --man=no "$@" 2>&1 | grep -F "$dir"; }
is "$(verify "$dir/rtckit.service")" "" "systemd has nothing to say about the server's unit"
for name in rtc-relay rtc-whip rtc-gate rtmp2rtc rtc2rtmp; do
	is "$(verify "$dir/rtckit@$name.service")" "" "nor about the one of $name"
done
sed 's/^RestrictNamespaces=yes/RestrictNamespaces=what/' "$dir/rtckit.service" >"$dir/bad.service"
like "$(verify "$dir/bad.service")" 'bad.service:[0-9]+: .*namespace' "it would say so"
exits 0 "the server's exposure is 2.5 at most" systemd-analyze security --offline=true --threshold=25 \
    "$dir/rtckit.service"
like "$out" 'Overall exposure level' "as systemd counts it"
[ "$tap_failed" = 0 ] || printf '%s\n' "$out" | tail -n 3 | sed 's/^/# /'

# The line of one program, as the shell gets it.
line=$(sed -n "s/^ExecStart=\/bin\/sh -c '\(.*\)'$/\1/p" "$dir/rtckit@.service" |
    sed -e 's/%i/rtc-relay/g' -e 's/\\\\n/\\n/')
media=$(free_port)
SRS_RTC_SERVER_LISTEN=$media sh -c "$line" 2>"$dir/log" &
server=$!
ok "a single program runs with the arguments of the configuration" \
    waits 8000 "$RTC_BIN/rtc-stun-probe" -t 1 "127.0.0.1:$media"
relay=$("$RTC_BIN/rtc-ctl" -j version | jq .pid)
kill -TERM "$relay"
wait "$server"
is $? 0 "and ends as it should"
server=
done_testing
