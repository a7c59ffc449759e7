#!/bin/sh
# runs under: none
# runs with the servers
# Each file of conf/ makes a server: started by rtc-server -c, what it says it serves, stopped. All ports are
# others.
. tests/support/tap.sh
. tests/support/server.sh

start_server() {	# file, further arguments
	conf_file=$1
	shift
	media=$(free_port) tcp=$(free_port) api=$(free_port) web=$(free_port) rtmp=$(free_port)
	signal=$(free_port) api_tls=$(free_port) web_tls=$(free_port)
	mkfifo "$dir/ready"
	"$RTC_BIN/rtc-server" -c "$conf_file" -s "listen=$rtmp" -s "rtc_server.listen=$media" \
	    -s "rtc_server.tcp.listen=$tcp" -s "http_api.listen=$api" -s "http_server.listen=$web" \
	    -s "http_api.https.listen=$api_tls" -s "http_server.https.listen=$web_tls" \
	    -s "rtc_signal.listen=$signal" -R 7 "$@" 7>"$dir/ready" 2>"$dir/log" &
	server=$!
	read -r _ <"$dir/ready"
	is $? 0 "$conf_file: becomes ready" || sed 's/^/# /' "$dir/log"
	rm "$dir/ready"
	is "$(cd "$RTC_RUN/pid" && LC_ALL=C ls)" "$("$RTC_BIN/rtc-conf" -q -c "$conf_file" programs | LC_ALL=C sort)" \
	    "$conf_file: its programs"
}

stop_server() {
	# That every address of a machine is private is said, but not of the file.
	is "$(grep -E ': (warn|error|warning): ' "$dir/log" | grep -v ': candidate: ')" "" \
	    "$conf_file: nothing to complain about"
	kill -TERM "$server"
	wait "$server"
	is $? 0 "$conf_file: stops"
	server=
}

status() { curl -sk -m 3 -o "$dir/body" -w '%{http_code}' "$@"; }
offer() {	# url: an answer to Chromium's offer to publish
	curl -sk -m 5 -H 'Content-Type: application/sdp' \
	    --data-binary @tests/vectors/sdp/chromium-whip-offer.sdp "$1"
}
open_port() { perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => $ARGV[0])' "127.0.0.1:$1"; }

whip="rtc/v1/whip/?app=live&stream=a"

start_server conf/rtc.conf
is "$(status "http://127.0.0.1:$web/players/whep.html")" 200 "pages"
like "$(offer "http://127.0.0.1:$api/$whip")" " $media typ host" "WHIP"
is "$(status "http://127.0.0.1:$web/live/none.ts?segment=1")" 404 "HLS"
stop_server

start_server conf/rtc.tcp.conf
like "$(offer "http://127.0.0.1:$api/$whip")" "(TCP|tcp) .* $tcp typ host tcptype passive" "WHIP names TCP"
ok "and it is there" open_port "$tcp"
stop_server

start_server conf/rtmp2rtc.conf
ok "ffmpeg publishes by RTMP" timeout 20 ffmpeg -v error -f lavfi -i testsrc=size=160x90:rate=25 -t 1 \
    -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -f flv "rtmp://127.0.0.1:$rtmp/live/a"
stop_server

start_server conf/rtc2rtmp.conf
"$RTC_BIN/rtc-publish" -q --test "http://127.0.0.1:$api/$whip" &
publisher=$!
flv() { curl -s -m 1 "http://127.0.0.1:$web/live/a.flv" | head -c 3 | grep -q FLV; }
ok "HTTP-FLV of what is published by WHIP" waits 10000 flv
kill "$publisher"
wait "$publisher"
stop_server

start_server conf/https.rtc.conf
is "$(status "https://127.0.0.1:$web_tls/players/whep.html")" 200 "pages by https"
like "$(offer "https://127.0.0.1:$api_tls/$whip")" " $media typ host" "WHIP by https"
stop_server

start_server conf/full.conf
for port in $rtmp $signal $api $web; do
	ok "port $port is open" open_port "$port"
done
stop_server
is "$("$RTC_BIN/rtc-conf" -q -c conf/full.conf -j |
    jq -r 'to_entries[] | select(.value.origin | test("full.conf") | not) | .key')" "" \
    "full.conf names every directive"
is "$("$RTC_BIN/rtc-conf" -q -c conf/full.conf -n 2>&1)" "" "and no other"
done_testing
