#!/bin/sh
# runs beside others
# rtc-conf: order of sources, faults with their place, suggestions, argv of each program.
. tests/support/tap.sh
conf=$RTC_BIN/rtc-conf
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset CANDIDATE

cat >"$dir/a.conf" <<'EOF'
rtc_server {
    enabled on;
    listen 8100;
    candidate $TEST_CANDIDATE;
}
vhost __defaultVhost__ { rtc { enabled on; nack off; } }
EOF
get() { "$conf" -q "$@"; }

is "$(get get rtc_server.listen)" 8000 "a default"
is "$(get -c "$dir/a.conf" get rtc_server.listen)" 8100 "the file before the default"
is "$(SRS_RTC_SERVER_LISTEN=8200 get -c "$dir/a.conf" get rtc_server.listen)" 8200 \
    "the environment before the file"
is "$(SRS_RTC_SERVER_LISTEN=8200 get -c "$dir/a.conf" -s rtc_server.listen=8300 get rtc_server.listen)" \
    8300 "a flag before the environment"
is "$(SRS_RTC_SERVER_LISTEN='' get -c "$dir/a.conf" get rtc_server.listen)" 8100 \
    "an empty variable is not set"
is "$(get -c "$dir/a.conf" get rtc_server.candidate)" '*' "a variable in the file that is not set"
is "$(TEST_CANDIDATE=192.0.2.1 get -c "$dir/a.conf" get rtc_server.candidate)" 192.0.2.1 \
    "a variable in the file"
printf 'http_api { listen $TEST_PORT; https { enabled $TEST_HTTPS; } }' >"$dir/env.conf"
is "$(TEST_PORT=1986 get -c "$dir/env.conf" get http_api.listen)" 1986 "any directive may have one"
is "$(get -c "$dir/env.conf" get http_api.listen)" 1985 "and its default otherwise"
exits 78 "a variable whose value does not fit" env TEST_PORT=x "$conf" -n -c "$dir/env.conf"
like "$out" "env.conf:1:12: error: http_api.listen: 'x' is not a port" "is named with its place"
is "$(CANDIDATE='192.0.2.1 a.example' get get rtc_server.candidate | paste -sd+)" \
    192.0.2.1+a.example "CANDIDATE with two values"
is "$(CANDIDATE=192.0.2.1 SRS_RTC_SERVER_CANDIDATE=192.0.2.2 get get rtc_server.candidate)" \
    192.0.2.2 "the long name wins"

is "$(get -c "$dir/a.conf" programs | paste -sd' ')" \
    "rtc-relay rtc-whip rtc-whep rtc-web rtc-gate" "programs of a usual file"
is "$(get -c conf/rtc.conf programs | paste -sd' ')" \
    "rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web rtc-gate" \
    "programs of the file of the set"
is "$(get -c conf/rtc.conf argv rtc-signal | paste -sd' ')" "--listen 1989" "argv of rtc-signal"
like "$(get -c conf/rtc.conf argv rtc2rtmp | paste -sd' ')" \
    '^--hls-fragment 2 --hls-window 20 --keyframe 6.0 --aac-bitrate 128000$' "argv of rtc2rtmp"
like "$(SRS_VHOST_HLS_HLS_PATH=/srv/hls get -c conf/rtc.conf -s vhost.hls.hls_use_fmp4=on argv rtc2rtmp |
    paste -sd' ')" '--hls-format=fmp4 --hls-path /srv/hls ' "argv of rtc2rtmp with HLS files in MP4"
like "$(get argv rtc2rtmp | paste -sd' ')" '^--no-flv --no-hls' "argv of rtc2rtmp by default"
is "$(get -s http_api.enabled=off -s http_server.enabled=off programs)" rtc-web \
    "without a port there is no gate"
is "$(get programs | paste -sd' ')" "rtc-web rtc-gate" "programs without any"
is "$(SRS_VHOST_RTC_RTMP_TO_RTC=on get -c "$dir/a.conf" programs | paste -sd' ')" \
    "rtc-relay rtc-whip rtc-whep rtmp2rtc rtc-web rtc-gate" "programs with RTMP"
is "$(SRS_LISTEN=1940 get argv rtmp2rtc | paste -sd' ')" "--listen 1940" "argv of rtmp2rtc"
echo 'rtmp { listen 1941; chunk_size 60000; }' >"$dir/rtmp.conf"
is "$(get -c "$dir/rtmp.conf" argv rtmp2rtc | paste -sd' ')" "--listen 1941" "in newer files it has a block"
is "$(SRS_RTMP_LISTEN=1942 get -c "$dir/rtmp.conf" argv rtmp2rtc | paste -sd' ')" "--listen 1942" \
    "and its variable"
cat >"$dir/rtmps.conf" <<'EOF'
listen 1935;
rtmps { enabled on; listen 1444; key /k.pem; cert /c.pem; }
vhost __defaultVhost__ { rtc { bframes transcode; h265_to_h264 on; keep_avc_nalu_sei off; } }
EOF
is "$(get -c "$dir/rtmps.conf" argv rtmp2rtc | paste -sd' ')" \
    "--listen 1935 --tls 1444 --cert /c.pem --key /k.pem --bframes transcode --h265-to-h264 --no-sei" \
    "argv of rtmp2rtc with RTMPS"
is "$(get -c "$dir/rtmps.conf" -s rtmps.enabled=off argv rtmp2rtc | paste -sd' ')" \
    "--listen 1935 --bframes transcode --h265-to-h264 --no-sei" "and without"
exits 78 "an unknown way with B-frames" "$conf" -s vhost.rtc.bframes=some
sed 's/key .*pem; }/}/' "$dir/rtmps.conf" >"$dir/bare.conf"
exits 78 "RTMPS without a certificate" "$conf" -n -c "$dir/bare.conf"
like "$out" 'bare.conf:2:9: error: rtmps.enabled on: rtmps.key and rtmps.cert are missing' "is told with its place"
exits 0 "but not while it is off" "$conf" -n -c "$dir/bare.conf" -s rtmps.enabled=off
exits 78 "RTMPS without a key" "$conf" -n -c "$dir/bare.conf" -s rtmps.cert=/c.pem
like "$out" 'error: rtmps.cert is set, but rtmps.key is not' "is told"
is "$(get -c "$dir/a.conf" -s vhost.rtc.h264_for_rtmp=on argv rtc2rtmp | paste -sd' ')" \
    "$(get -c "$dir/a.conf" argv rtc2rtmp | paste -sd' ') --transcode" "argv of rtc2rtmp that makes H264"
relay=$(get -c "$dir/a.conf" argv rtc-relay | paste -sd' ')
like "$relay" '--udp 8100' "argv of the relay has its port"
like "$relay" '--no-nack' "argv of the relay has the switch"
like "$(CANDIDATE=192.0.2.9 get argv rtc-whip | paste -sd' ')" '--candidate 192.0.2.9' \
    "argv of rtc-whip has the candidate"
exits 64 "argv of an unknown program" "$conf" argv rtc-nothing

is "$(get -c conf/rtc.tcp.conf argv rtc-relay | paste -sd' ')" \
    "--udp 8000 --workers 1 --stun-timeout 30 --tcp 8000" "argv of the relay with TCP"
like "$(get -c conf/rtc.tcp.conf argv rtc-whep | paste -sd' ')" '--protocol all' "argv of rtc-whep with it"
like "$(SRS_RTC_SERVER_TCP_ENABLED=on SRS_RTC_SERVER_TCP_LISTEN=8001 SRS_RTC_SERVER_PROTOCOL=tcp \
    get -c "$dir/a.conf" argv rtc-relay | paste -sd' ')" '--udp 8100 .*--tcp 8001$' "the same by environment"
like "$(get -c "$dir/a.conf" argv rtc-whip | paste -sd' ')" '--protocol udp' "UDP alone by default"

one() { get -c conf/rtc.tcp.conf "$@" -s rtc_server.tcp.listen=0.0.0.0:1985 argv "$program" | paste -sd' '; }
program=rtc-relay
is "$(one)" "--udp 8000 --workers 1 --stun-timeout 30 --tcp-gate" "TCP on a port of the gate: the relay"
program=rtc-gate
is "$(one)" "--max-connections 1000 --ice-tcp --listen 1985 --listen 8080" "the gate"
program=rtc-whip
like "$(one)" '--protocol all .*--gate-tcp$' "the endpoint"
is "$(one -s rtc_server.tcp.enabled=off -s rtc_server.protocol=udp)" \
    "--candidate * --protocol udp" "and without TCP"

cat >"$dir/hooks.conf" <<'EOF'
rtc_server { enabled on; }
vhost __defaultVhost__ {
    rtc { enabled on; rtmp_to_rtc on; }
    http_hooks { enabled on; on_publish http://a/1 http://b/2; on_stop http://a/3; }
}
EOF
is "$(get -c "$dir/hooks.conf" argv rtc-hook | paste -sd' ')" \
    "--on-publish http://a/1 --on-publish http://b/2 --on-stop http://a/3" "argv of rtc-hook"
like "$(get -c "$dir/hooks.conf" programs | paste -sd' ')" 'rtc-hook rtc-whip rtc-whep' "which runs first"
like "$(get -c "$dir/hooks.conf" argv rtc-whip | paste -sd' ')" '--hook' "and is asked by rtc-whip"
like "$(get -c "$dir/hooks.conf" argv rtmp2rtc | paste -sd' ')" '--hook' "and by rtmp2rtc"
is "$(get -c "$dir/hooks.conf" -s vhost.http_hooks.enabled=off argv rtc-whep | grep -c hook)" 0 "or not"

gate() { get -c "$dir/a.conf" "$@" argv rtc-gate | paste -sd' '; }
is "$(gate)" "--max-connections 1000 --listen 1985 --listen 8080" "argv of the gate"
is "$(RTC_RUN=/r gate -s http_api.https.enabled=on)" \
    "--max-connections 1000 --listen 1985 --tls-listen 1990 --listen 8080 --self-signed /r/tls" \
    "with https, without a certificate"
is "$(SRS_HTTP_API_HTTPS_ENABLED=on SRS_HTTP_API_HTTPS_LISTEN=443 SRS_HTTP_API_HTTPS_KEY=/k \
    SRS_HTTP_API_HTTPS_CERT=/c SRS_HTTP_SERVER_HTTPS_ENABLED=on SRS_HTTP_SERVER_HTTPS_LISTEN=8080 \
    SRS_HTTP_SERVER_HTTPS_REDIRECT=on SRS_HTTP_SERVER_HOST='a.example b.example' gate)" \
    "--max-connections 1000 --host a.example --host b.example --redirect --listen 1985 \
--tls-listen 443 --both-listen 8080 --cert /c --key /k" "with one, by environment; one port for both"
is "$(gate -s http_server.https.enabled=on -s http_server.enabled=off)" \
    "--max-connections 1000 --listen 1985" "https of a block that is off"
exits 78 "a certificate without its key" "$conf" -n --set http_api.https.cert=/c
like "$out" 'error: http_api.https.cert is set, but http_api.https.key is not' "is told"
exits 78 "a redirect to nowhere" "$conf" -n --set http_server.https.redirect=on

get -c "$dir/a.conf" >"$dir/b.conf"
is "$(get -c "$dir/b.conf" | sed 's/;.*/;/')" "$(sed 's/;.*/;/' "$dir/b.conf")" \
    "what --show prints reads back as the same"
ok "JSON is valid and typed" sh -c \
    "'$conf' -q -c '$dir/a.conf' -j | jq -e '.\"vhost.rtc.nack\".value == false and
    .\"rtc_server.candidate\".values == [\"*\"] and .\"rtc_server.listen\".value == \"8100\"'"

# Tokens, other servers, limits.
printf '# two\nto-publish\nanother\n' >"$dir/tokens"
echo to-play >"$dir/play"
printf 'stun:192.0.2.2\nturn:192.0.2.2 user pass\n' >"$dir/servers"
cat >"$dir/more.conf" <<EOF
max_per_address 20;
rtmp { rate 5; }
http_api { token_file $dir/tokens; }
http_server {
    route /a=9000 /b=b.sock;
    route /c=192.0.2.1:80;
    handshake_timeout 1; head_timeout 2; body_timeout 3; answer_timeout 4; idle_timeout 5.5;
}
rtc_server {
    enabled on;
    ice_server stun:192.0.2.1 stun:a.example:3479;
    ice_server stun:[2001:db8::1];
    ice_server_file $dir/servers;
    redirect http://192.0.2.7:1985;
    rate 8;
}
rtc_signal { enabled on; max_connections 10; max_per_address 9; max_rooms 8; max_participants 7; }
vhost __defaultVhost__ {
    rtc { enabled on; rtmp_to_rtc on; }
    publish { token_file $dir/tokens; }
    play { token_file $dir/play; gop_cache on; }
    http_hooks { enabled on; ca_file /ca.pem; }
}
EOF
more() { get -c "$dir/more.conf" "$@" argv "$program" | paste -sd' '; }
program=rtc-relay
like "$(more)" ' --gop-cache on$' "argv of the relay: gop_cache"
like "$(SRS_VHOST_PLAY_GOP_CACHE=off more)" ' --gop-cache off$' "by environment"
is "$(more -s vhost.play.gop_cache=auto)" "$(get argv rtc-relay | paste -sd' ')" "the default is not named"
echo 'vhost __defaultVhost__ { gop_cache off; }' >"$dir/older.conf"
like "$(get -c "$dir/older.conf" argv rtc-relay | paste -sd' ')" ' --gop-cache off$' "where older files have it"
program=rtc-whep
shared="--ice-server stun:192.0.2.1 --ice-server stun:a.example:3479 --ice-server stun:[2001:db8::1] \
--ice-server-file $dir/servers --redirect http://192.0.2.7:1985 --rate 8 --hook"
is "$(more)" "--token-file $dir/play --candidate * --protocol udp $shared" "argv of rtc-whep"
is "$(SRS_RTC_SERVER_REDIRECT='self http://192.0.2.8' SRS_RTC_SERVER_ICE_SERVER=stun:192.0.2.3 \
    SRS_VHOST_PLAY_TOKEN_FILE="$dir/tokens" more -s rtc_server.ice_server_file= -s rtc_server.rate=0)" \
    "--token-file $dir/tokens --candidate * --protocol udp --ice-server stun:192.0.2.3 --redirect self \
--redirect http://192.0.2.8 --hook" "by environment and flags"
is "$(more -s rtc_server.redirect=self -s rtc_server.redirect=http://192.0.2.9 | grep -o 'redirect.*9 ')" \
    "redirect self --redirect http://192.0.2.9 " "flags add up to another list"
program=rtc-whip
is "$(more)" "--token-file $dir/tokens --play-token-file $dir/play --candidate * --protocol udp $shared" \
    "argv of rtc-whip"
program=rtmp2rtc
like "$(more)" "^--hook --listen 1935 --max-per-address 20 --rate 5 --token-file $dir/tokens\$" "argv of rtmp2rtc"
program=rtc-gate
is "$(more)" "--max-connections 1000 --max-per-address 20 --handshake-timeout 1 --head-timeout 2 --body-timeout 3 \
--answer-timeout 4 --idle-timeout 5.5 --route /a=9000 --route /b=b.sock --route /c=192.0.2.1:80 --listen 1985 \
--listen 8080" "argv of the gate"
program=rtc-signal
is "$(more)" "--listen 1989 --max-connections 10 --max-per-address 9 --max-rooms 8 --max-participants 7" \
    "argv of rtc-signal"
program=rtc-web
is "$(more)" "--api-token-file $dir/tokens" "argv of rtc-web"
program=rtc-hook
is "$(more)" "--ca-file /ca.pem" "argv of rtc-hook"

# The endpoint takes them so.
mkfifo "$dir/ready"
get -c "$dir/more.conf" -s vhost.http_hooks.enabled=off argv rtc-whip >"$dir/argv"
set --
while IFS= read -r word; do set -- "$@" "$word"; done <"$dir/argv"
RTC_RUN=$dir "$RTC_BIN/rtc-whip" "$@" -S "$dir/whip.sock" -R 7 7>"$dir/ready" 2>"$dir/log" &
whip=$!
read -r _ <"$dir/ready"
is $? 0 "rtc-whip lives with its arguments" || sed 's/^/# /' "$dir/log"
ask() { curl -s -m 20 -o /dev/null -D - --unix-socket "$dir/whip.sock" "$@" | tr -d '\r'; }
like "$(ask -X POST http://h/rtc/v1/whip/)" '^HTTP/1.1 401 ' "without a token 401"
like "$(ask -X POST 'http://h/rtc/v1/whip/?action=play&token=to-publish')" '^HTTP/1.1 401 ' \
    "one of publishers is none of players"
like "$(ask -X POST 'http://h/rtc/v1/whip/?stream=a&token=another')" \
    '^Location: http://192.0.2.7:1985/rtc/v1/whip/\?stream=a&token=another$' "with one to the server of the stream"
links=$(ask -X OPTIONS 'http://h/rtc/v1/whip/?token=to-play' | grep -i '^link:')
is "$(printf '%s\n' "$links" | grep -o '<[^>]*>' | paste -sd' ')" \
    "<stun:192.0.2.1> <stun:a.example:3479> <stun:[2001:db8::1]> <stun:192.0.2.2> <turn:192.0.2.2>" \
    "all ICE servers are named"
kill "$whip"
wait "$whip"
is $? 0 "and it ends"

# Each directive, changed alone in a configuration in which everything is on, changes what some program is
# told or which programs run, or is said to have no effect.
cat >"$dir/on.conf" <<'EOF'
listen 1935;
srs_log_tank file;
rtmps { enabled on; key /rk; cert /rc; }
http_api { enabled on; https { enabled on; key /k1; cert /c1; } }
http_server { enabled on; https { enabled on; key /k2; cert /c2; } }
rtc_server { enabled on; tcp { enabled on; listen 8001; } protocol all; candidate 192.0.2.1; }
rtc_signal { enabled on; }
vhost __defaultVhost__ {
    rtc { enabled on; rtmp_to_rtc on; rtc_to_rtmp on; }
    http_remux { enabled on; }
    hls { enabled on; hls_path /h; }
    http_hooks { enabled on; on_publish http://192.0.2.1/; }
}
EOF
outcome() {	# flags
	"$conf" -n -c "$dir/on.conf" "$@" 2>&1
	for p in rtc-server $(get -c "$dir/on.conf" "$@" programs); do
		echo "$p"
		get -c "$dir/on.conf" "$@" argv "$p"
	done
}
other() {	# a directive and its value: another that fits
	case $1=$2 in
	*=true) echo off ;;
	*=false) echo on ;;
	*.protocol=*) echo tcp ;;
	*_tank=*) echo console ;;
	*log_level*=*) echo warn ;;
	*ip_family=*) echo ipv6 ;;
	*dtls_role=*) echo active ;;
	*dtls_version=*) echo dtls1.0 ;;
	*bframes=*) echo keep ;;
	*gop_cache=*) echo off ;;
	*token_file=*) echo "$dir/tokens" ;;
	*ice_server_file=*) echo "$dir/servers" ;;
	*ice_server=*) echo stun:192.0.2.9 ;;
	*rtc_server.redirect=*) echo http://192.0.2.9 ;;
	*.route=*) echo /x=9000 ;;
	*http_hooks*) echo http://192.0.2.9/x ;;
	*listen=*) echo 12345 ;;
	*candidate=* | *_prox*=*) echo 192.0.2.9 ;;
	*=[0-9]*) echo $((${2%%.*} + 1)) ;;
	http_server.dir=*) echo "$dir" ;;
	*http_remux.mount=*) echo "/x/[stream].flv" ;;
	*) echo /x.example ;;
	esac
}
before=$(outcome)
like "$before" '^--on-publish' "everything is on"
get -c "$dir/on.conf" -j | jq -r 'to_entries[] | .key + " " + (.value |
    if has("values") then .values[0] else .value end | tostring)' >"$dir/all"
silent=$(while read -r name value; do
	after=$(outcome -s "$name=$(other "$name" "$value")")
	[ "$after" != "$before" ] || echo "$name"
	printf '%s\n' "$after" | grep ' error: ' | grep -v 'dtls1.0: refused'
done <"$dir/all")
is "$silent" "" "no directive is without effect and without a word about it"
ok "all of them were changed" [ "$(wc -l <"$dir/all")" -ge 95 ]

is "$(get argv rtc-server)" "" "rtc-server gets nothing by default"
server() { get argv rtc-server "$@" | paste -sd' '; }
is "$(SRS_DAEMON=on SRS_PID=/p server -s srs_log_tank=file -s srs_log_level=warn)" \
    "--daemon --pid /p --log-file ./objs/srs.log --log-level warn" "or what the file says of it"
is "$(server -s srs_log_file=/l)" "" "a log file alone is not used"
level() { server "$@" | sed 's/^--log-level //'; }
for row in verbose=debug info=debug trace= warn=warn error=error; do
	is "$(level -s "srs_log_level=${row%=*}")" "${row#*=}" "srs_log_level ${row%=*}"
done
for row in trace=debug debug=debug info= warn=warn error=error; do
	is "$(level -s srs_log_level=error -s "srs_log_level_v2=${row%=*}")" "${row#*=}" \
	    "srs_log_level_v2 ${row%=*}"
done
is "$(get settings rtc-relay | paste -sd+)" "rtc_server.listen 8000+rtc_server.workers 1+rtc_server.tcp.enabled \
off+rtc_server.tcp.listen 8000+rtc_server.ecdsa on+vhost.rtc.nack on+vhost.rtc.twcc on+vhost.rtc.stun_timeout 30+\
vhost.play.gop_cache auto" \
    "what decides the relay's arguments"
exits 64 "settings of an unknown program" "$conf" settings rtc-nothing

bad() {
	printf '%b' "$1" >"$dir/bad.conf"
	exits 78 "$3: exit 78" "$conf" -n -c "$dir/bad.conf"
	like "$out" "$2" "$3"
}
bad 'rtc_server {\n  listen 8000\n}\n' 'bad.conf:3:1: error: .*before the' "a missing semicolon"
bad 'rtc_server { listen 99999; }' "bad.conf:1:14: error: .*'99999' is not a port" "a port out of range"
bad 'vhost __defaultVhost__ { rtc {\n nack yes; } }' \
    "bad.conf:2:2: error: vhost.rtc.nack: 'yes' is not on or off" "a switch that is none"
bad 'rtc_server { tcp on; }' 'rtc_server.tcp is a block' "a value for a block"
bad 'rtc_server { listen 1 2; }' "takes one value, 2 given" "two values for one"
bad 'rtc_server {\n ice_server turn:h; }' "bad.conf:2:2: error: .*'turn:h' is not stun:.*ice_server_file" \
    "a TURN server without credentials"
bad 'rtc_server {\n redirect self;\n redirect ftp://h; }' "bad.conf:3:2: error: .*'ftp://h' is not self or http" \
    "a server that is none"
bad 'rtc_server { rate 10001; }' "bad.conf:1:14: error: .*is not a number from 0 to 10000" "a rate out of range"
bad 'vhost __defaultVhost__ {\n play {\n  gop_cache yes; } }' \
    "bad.conf:3:3: error: vhost.play.gop_cache: 'yes' is not one of: auto on off" "a mode that is none"
bad 'http_server { route x=1; }' "bad.conf:1:15: error: .*'x=1' is not /PREFIX=UPSTREAM" "a route without a path"
bad 'rtc_server { ice_server stun:1 stun:2 stun:3 stun:4 stun:5;\n ice_server stun:6 stun:7 stun:8 stun:9; }' \
    'bad.conf:2:2: error: rtc_server.ice_server: at most 8' "nine ICE servers"
bad 'rtc_server { candidate 1 2 3 4 5 6 7 8 9;\n candidate 1 2 3 4 5 6 7 8; }' \
    'bad.conf:2:2: error: rtc_server.candidate takes 16 values' "more values than are taken"
for block in publish play; do
	bad "vhost __defaultVhost__ { $block {\\n token_file /none; } }" \
	    "bad.conf:2:2: error: vhost.$block.token_file /none: No such file" "tokens to $block that are not there"
	bad "vhost __defaultVhost__ { $block {\\n token s3cret; } }" \
	    "bad.conf:2:2: error: vhost.$block.token: .*name that with vhost.$block.token_file" "a token to $block"
done
is "$(printf '%s' "$out" | grep -c s3cret)" 0 "which is not shown"
exits 78 "a token in the environment" env SRS_HTTP_API_TOKEN=s3cret "$conf" -n
like "$out" '^rtc-conf: SRS_HTTP_API_TOKEN: error: .*SRS_HTTP_API_TOKEN_FILE$' "is refused, too"
: >"$dir/empty"
exits 78 "a file without a token" "$conf" -n -s "http_api.token_file=$dir/empty"
like "$out" 'flag: error: http_api.token_file .*one token a line' "is told"
printf 'stun:a\nturn:b user\n' >"$dir/half"
exits 78 "ICE servers without a credential" "$conf" -n -s "rtc_server.ice_server_file=$dir/half"
like "$out" 'error: rtc_server.ice_server_file .*turn:HOST.* USERNAME CREDENTIAL' "are told"
printf 'rtc_server { ice_server stun:1 stun:2 stun:3 stun:4 stun:5 stun:6 stun:7; }' >"$dir/seven.conf"
exits 78 "more than 8 in both" "$conf" -n -c "$dir/seven.conf" -s "rtc_server.ice_server_file=$dir/servers"
like "$out" 'error: rtc_server.ice_server_file .*: at most 8 servers' "are too many"
exits 0 "tokens that players by RTMP do not need" "$conf" -n -c "$dir/more.conf" -s vhost.rtc.rtc_to_rtmp=on
like "$out" 'more.conf:21:12: warning: vhost.play.token_file: .*by RTMP, HTTP-FLV or HLS do not' "are a warning"
exits 0 "while nobody plays so" "$conf" -n -c "$dir/more.conf"
is "$out" "" "there is none"
printf 'vhost __defaultVhost__ {\n play { queue_length 10; }\n publish { mr off; }\n}\n' >"$dir/srs.conf"
exits 0 "other settings of players and publishers" "$conf" -n -c "$dir/srs.conf"
is "$(echo "$out" | grep -c 'srs.conf:[23]:[0-9]*: warning: vhost.p[a-z.]*_*[a-z]* is known but has no effect')" 2 \
    "are known to have no effect"

printf 'rtc_server {\n lisetn 1; }\nrtc_servr { }\nwork_dir on;\n' >"$dir/odd.conf"
exits 0 "unknown directives do not stop the server" "$conf" -n -c "$dir/odd.conf"
like "$out" 'odd.conf:2:2: warning: .*did you mean rtc_server.listen\?' "a misspelled directive"
like "$out" 'odd.conf:3:1: warning: .*did you mean rtc_server\?' "a misspelled block"
like "$out" 'odd.conf:4:1: warning: work_dir is known but has no effect' "a directive without effect"
exits 0 "a variable that nobody reads" env SRS_RTC_SERVR_LISTEN=1 "$conf" -n
like "$out" 'SRS_RTC_SERVR_LISTEN: warning' "it is named"
exits 78 "a variable with a bad value" env SRS_RTC_SERVER_LISTEN=x "$conf" -n
exits 78 "an unknown name in --set" "$conf" -n --set rtc_server.listn=1
like "$out" 'did you mean rtc_server.listen\?' "with a suggestion"
exits 78 "a file that is not there" "$conf" -n -c "$dir/none.conf"
exits 64 "an unknown option" "$conf" --nonsense
exits 0 "what is always so may be written" "$conf" -n -s vhost.rtc.dtls_version=dtls1.2 \
    -s vhost.http_remux.mount='[vhost]/[app]/[stream].flv'
is "$out" "" "without a word"
printf 'vhost __defaultVhost__ {\n  rtc {\n    dtls_version dtls1.0;\n  }\n}\n' >"$dir/dtls.conf"
exits 78 "DTLS 1.0 is refused" "$conf" -n -c "$dir/dtls.conf"
like "$out" 'dtls.conf:3:5: error: vhost.rtc.dtls_version dtls1.0: refused' "with its place"
is "$(get -s rtc_server.ecdsa=off argv rtc-relay | paste -sd' ')" \
    "--udp 8000 --workers 1 --stun-timeout 30 --rsa" "ecdsa off: an RSA certificate"
like "$(get -s 'vhost.http_remux.mount=/tv/[app]/[stream].ts' argv rtc2rtmp | paste -sd' ')" \
    '--mount /tv/\[app\]/\[stream\].ts' "another mount of HTTP-FLV"
exits 0 "a folder of pages that is not there" "$conf" -n -s http_server.dir=./objs/nginx/html
like "$out" 'flag: warning: http_server.dir ./objs/nginx/html: no such folder' "is a warning"
is "$(get -s http_server.dir=/none argv rtc-web)" "" "and left out"
is "$(get -s "http_server.dir=$dir" argv rtc-web | paste -sd' ')" "--dir $dir" "one that is there is not"
exits 78 "one that cannot be had" "$conf" -n -s 'vhost.http_remux.mount=/tv/[app]/[stream].mp3'
like "$out" 'error: vhost.http_remux.mount /tv/.*must end in one of these' "is told why"
printf 'rtc_server {\n  encrypt off;\n}\n' >"$dir/effect.conf"
for row in rtc_server.encrypt=off vhost.rtc.stun_strict_check=off vhost.rtc.nack_prefer_rtx=off; do
	exits 0 "$row" "$conf" -n -s "$row"
	like "$out" "^rtc-conf: flag: warning: ${row%%=*} " "is told to have no effect"
done
exits 0 "the same in a file" "$conf" -n -c "$dir/effect.conf"
like "$out" 'effect.conf:2:3: warning: rtc_server.encrypt off' "with its place"
exits 0 "TCP that no answer names" "$conf" -n --set rtc_server.tcp.enabled=on
like "$out" '^rtc-conf: flag: warning: .*no client learns of it' "is a warning"
exits 0 "answers that name what does not listen" "$conf" -n --set rtc_server.protocol=all
like "$out" 'warning: .*nothing listens on TCP' "are one, too"
for f in conf/*.conf; do
	[ "$f" != conf/nginx.conf ] || continue
	exits 0 "$f" "$conf" -n -c "$f"
	is "$out" "" "has nothing to complain about"
done
done_testing
