#!/bin/sh
# runs beside others
# rtc-server with the real programs: ready, served through the gate, each part back within 2 s after
# SIGKILL and working again, a clean stop. On a machine that is busy: within as much more as asking it takes.
. tests/support/tap.sh
. tests/support/server.sh
media=$(free_port) api=$(free_port) web=$(free_port)
least=2000
[ -z "${RTC_SANITIZER-}" ] || least=10000

mkfifo "$dir/ready"
echo stun:192.0.2.1 >"$dir/servers"
cp conf/rtc.conf "$dir/rtc.conf"
"$RTC_BIN/rtc-server" -c "$dir/rtc.conf" -s "rtc_server.listen=$media" -s "http_api.listen=$api" \
    -s "http_server.listen=$web" -s rtc_signal.listen=0 \
    -s "rtc_server.ice_server_file=$dir/servers" -R 7 7>"$dir/ready" 2>"$dir/log" &
server=$!
read -r _ <"$dir/ready"
is $? 0 "becomes ready" || sed 's/^/# /' "$dir/log"

pid_of() { cat "$RTC_RUN/pid/$1" 2>/dev/null; }
changed() { now=$(pid_of "$1") && [ -n "$now" ] && [ "$now" != "$2" ] && kill -0 "$now"; }
status() { curl -s -m 3 -o "$dir/body" -w '%{http_code}' "$@"; }
answers() {	# the code that is wanted, curl's arguments
	want=$1
	shift
	[ "$(status "$@")" = "$want" ]
}
all_gone() { for p in $pids; do kill -0 "$p" 2>/dev/null && return 1; done; return 0; }

# How each part shows that it works.
works() {
	case $1 in
	rtc-relay) "$RTC_BIN/rtc-ctl" stats && "$RTC_BIN/rtc-stun-probe" -t 2 "127.0.0.1:$media" ;;
	rtc-whip) answers 400 -X POST -H 'Content-Type: application/sdp' -d x \
	    "http://127.0.0.1:$api/rtc/v1/whip/?app=live&stream=a" ;;
	rtc-whep) answers 400 -X POST -H 'Content-Type: application/sdp' -d x \
	    "http://127.0.0.1:$web/rtc/v1/whep/?app=live&stream=a" ;;
	rtc2rtmp) answers 404 "http://127.0.0.1:$web/live/none.ts?segment=1" ;;
	rtc-signal) answers 426 "http://127.0.0.1:$web/sig/v1/rtc" ;;
	rtc-web) answers 200 "http://127.0.0.1:$web/players/whep.html" ;;
	rtc-gate) answers 404 "http://127.0.0.1:$api/nothing/here" ;;
	esac
}

for p in rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web rtc-gate; do
	began_ms=$(now_ms)
	ok "$p works" works $p
	most=$((least + 20 * ($(now_ms) - began_ms)))
	old=$(pid_of $p)
	began_ms=$(now_ms)
	kill -KILL "$old"
	ok "$p is another process after SIGKILL" waits $most changed $p "$old"
	ok "$p works again" waits $most works $p
	took_ms=$(($(now_ms) - began_ms))
	ok "$p is back within $most ms ($took_ms)" [ "$took_ms" -lt $most ]
done
for p in rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web rtc-gate; do
	ok "$p works at the end" works $p
done
is "$(grep -c 'restarting after' "$dir/log")" 7 "each was restarted once" || sed 's/^/# /' "$dir/log"
is "$(sed 's/: .*//' "$dir/log" | sort -u | grep -cv '^rtc[-2]')" 0 "every line of the log names its program"

# What the relay takes while it runs: the session that is there stays.
"$RTC_BIN/rtc-publish" -q --test --duration 300 "http://127.0.0.1:$api/rtc/v1/whip/?app=live&stream=kept" &
publisher=$!
kept() { "$RTC_BIN/rtc-ctl" -j sessions live/kept | jq -r 'select(.state == "connected").session'; }
has_kept() { [ -n "$(kept)" ]; }
ok "somebody publishes" waits 30000 has_kept
session=$(kept) relay=$(pid_of rtc-relay)
sed 's/nack .*on;/nack off; stun_timeout 2;/; /^vhost/s/$/ play { gop_cache off; }/' conf/rtc.conf >"$dir/rtc.conf"
kill -HUP "$server"
ok "SIGHUP with other settings of the relay" waits 60000 grep -q 'new sessions get the new settings' "$dir/log"
ok "and that is all" waits 60000 sh -c "[ \$(grep -c ' ready:' '$dir/log') = 2 ]"
is "$(kept)" "$session" "the session is the same"
is "$(pid_of rtc-relay)" "$relay" "and the relay"
is "$(grep -c 'waits for a restart' "$dir/log")" 0 "nothing waits for a restart"
whip=$(pid_of rtc-whip)
echo stun:192.0.2.2 >"$dir/servers"
kill -HUP "$server"
named() { curl -s -m 3 -X OPTIONS -D - "http://127.0.0.1:$api/rtc/v1/whip/" | grep -q '<stun:192.0.2.2>'; }
ok "SIGHUP with other lines in a file that is named" waits 60000 named
is "$(pid_of rtc-whip)" "$whip" "has rtc-whip read it again"
kill "$publisher"
wait "$publisher"

pids=$(cat "$RTC_RUN/pid/"*)
began_ms=$(now_ms)
kill -TERM "$server"
wait "$server"
is $? 0 "SIGTERM ends it with 0"
server=
took_ms=$(($(now_ms) - began_ms))
ok "within $most ms ($took_ms)" [ "$took_ms" -lt $most ]
ok "nothing is left" all_gone
done_testing
