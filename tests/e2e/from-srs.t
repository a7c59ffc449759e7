#!/bin/sh
# runs under: none
# runs beside others
# docs/from-srs.md: each line of our column does what it says, on ports that the environment names; the table of
# directives has all of them; a file as SRS has it makes a server.
. tests/support/tap.sh
. tests/support/server.sh

SRS_LISTEN=$(free_port) SRS_HTTP_API_LISTEN=$(free_port) SRS_HTTP_SERVER_LISTEN=$(free_port)
SRS_HTTP_API_HTTPS_LISTEN=$(free_port) SRS_HTTP_SERVER_HTTPS_LISTEN=$(free_port)
SRS_RTC_SERVER_LISTEN=$(free_port) SRS_RTC_SERVER_TCP_LISTEN=$(free_port) SRS_RTC_SIGNAL_LISTEN=$(free_port)
export SRS_LISTEN SRS_HTTP_API_LISTEN SRS_HTTP_SERVER_LISTEN SRS_HTTP_API_HTTPS_LISTEN
export SRS_HTTP_SERVER_HTTPS_LISTEN SRS_RTC_SERVER_LISTEN SRS_RTC_SERVER_TCP_LISTEN SRS_RTC_SIGNAL_LISTEN
api=http://127.0.0.1:$SRS_HTTP_API_LISTEN web=http://127.0.0.1:$SRS_HTTP_SERVER_LISTEN

start_server() {	# a line of shell
	mkfifo "$dir/ready"
	sh -c "exec env $1 -f -R 7" 7>"$dir/ready" 2>"$dir/log" &
	server=$!
	read -r _ <"$dir/ready"
	is $? 0 "$1: becomes ready" || sed 's/^/# /' "$dir/log"
	rm "$dir/ready"
}

stop_server() {
	kill -TERM "$server"
	wait "$server"
	is $? 0 "and it stops"
	server=
}

offer() {
	curl -s -m 5 -H 'Content-Type: application/sdp' \
	    --data-binary @tests/vectors/sdp/chromium-whip-offer.sdp "$api/rtc/v1/whip/?app=live&stream=livestream"
}
status() { curl -s -m 5 -o "$dir/body" -w '%{http_code}' "$@"; }
flv() { [ "$(curl -s -m 2 "$web/live/livestream.flv" | head -c 3)" = FLV ]; }

# The second column, but for what is not a line of this server's.
sed -n 's/^| `[^|]* | `\([^`]*build\/bin[^`]*\)` |$/\1/p' docs/from-srs.md | sed "s,build/bin,$RTC_BIN,g" >"$dir/lines"
ok "the page has lines to run" [ "$(grep -c rtc-server "$dir/lines")" -ge 10 ]
while IFS= read -r line <&8; do
	case $line in
	*rtc-conf* | *' -V')
		exits 0 "$line" sh -c "$line"
		continue
		;;
	*rtc-server*) ;;
	*) continue ;;
	esac
	start_server "${line#env }"
	answer=$(offer)
	like "$answer" "candidate:.* 192.168.1.10 $SRS_RTC_SERVER_LISTEN typ host" "its answers name the candidate"
	case $line in
	*PROTOCOL=all* | *rtc.tcp.conf*)
		like "$answer" "192.168.1.10 $SRS_RTC_SERVER_TCP_LISTEN typ host tcptype passive" "and that of TCP" ;;
	*rtmp2rtc.conf*)
		ok "ffmpeg publishes as it does there" timeout 60 \
		    ffmpeg -v error -f lavfi -i testsrc=size=160x90:rate=25 -t 1 -c:v libx264 -preset ultrafast \
		    -tune zerolatency -pix_fmt yuv420p -f flv \
		    "rtmp://127.0.0.1:$SRS_LISTEN/live/another" ;;
	*https.rtc.conf*)
		is "$(status -k "https://127.0.0.1:$SRS_HTTP_SERVER_HTTPS_LISTEN/players/whip.html")" 200 "https" ;;
	esac
	stop_server
done 8<"$dir/lines"

# A file as it is found with SRS: no error, a warning for what is not here, all else in effect.
cat >"$dir/srs.conf" <<EOF
listen 1935;
max_connections 1000;
daemon off;
srs_log_tank console;
srs_log_level_v2 warn;
pid $dir/objs/srs.pid;
http_server {
    enabled on;
    listen 8080;
    dir ./objs/nginx/html;
}
http_api { enabled on; listen 1985; }
stats { network 0; }
rtc_server { enabled on; listen 8000; ecdsa off; candidate \$CANDIDATE; }
vhost __defaultVhost__ {
    hls { enabled on; }
    dvr { enabled off; }
    http_remux { enabled on; mount [vhost]/[app]/[stream].flv; }
    rtc { enabled on; rtmp_to_rtc on; rtc_to_rtmp on; }
}
EOF
start_server "CANDIDATE=127.0.0.1 $RTC_BIN/rtc-server -c $dir/srs.conf"
is "$(grep -o 'srs.conf:[0-9]*:[0-9]*: [a-z]*' "$dir/log" | sed 's/.*srs.conf//' | paste -sd' ')" \
    ":13:1: warning :17:5: warning :10:5: warning" "stats, dvr and dir are warnings, nothing else is" ||
	sed 's/^/# /' "$dir/log"
is "$(grep -c ': info: ' "$dir/log")" 0 "and the log level keeps the rest quiet" || sed 's/^/# /' "$dir/log"
ok "the process id is in its file" kill -0 "$(cat "$dir/objs/srs.pid")"
for path in players/whip.html players/whep.html players/rtc_publisher.html players/rtc_player.html \
    players/srs_player.html demos/one2one.html demos/room.html metrics api/v1/streams/ api/v1/clients/; do
	is "$(status "$web/$path")" 200 "/$path"
done
is "$(curl -s "$api/api/v1/versions" | jq -r '.code, (.data | has("major"))' | paste -sd' ')" "0 true" \
    "the API's version"
like "$(grep -A3 job_name conf/prometheus.yml)" 'metrics_path: /metrics' "conf/prometheus.yml asks for that path"
like "$(curl -s "$web/metrics")" '^srs_clients ' "which has the names of SRS"
ffmpeg -v error -re -f lavfi -i testsrc=size=160x90:rate=25 -t 60 -c:v libx264 -preset ultrafast -tune zerolatency \
    -g 25 -pix_fmt yuv420p -f flv "rtmp://127.0.0.1:$SRS_LISTEN/live/livestream" &
publisher=$!
ok "RTMP in, HTTP-FLV out" waits 30000 flv
kill "$publisher"
wait "$publisher"
stop_server
ok "the file of the process id is gone" [ ! -e "$dir/objs/srs.pid" ]

# The table of directives: each known one is in it, and each of it is known.
sed -n '/^## Every directive/,$p' docs/from-srs.md | sed -n 's/^| \(`[^|]*`\) |.*/\1/p' | tr -d '`' | tr ',' ' ' |
    awk '{
	depth = 0
	for (i = 1; i <= NF; i++) {
		if ($(i + 1) == "{") { block[++depth] = $i; i++; continue }
		if ($i == "}") { depth--; continue }
		name = ""
		for (k = 1; k <= depth; k++) name = name block[k] "."
		print name $i
	}
    }' | sort >"$dir/listed"
"$RTC_BIN/rtc-conf" -q -j | jq -r 'keys[]' | sort >"$dir/known"
is "$(diff "$dir/listed" "$dir/known")" "" "the table has every directive"
done_testing
