#!/bin/sh
# runs with the servers
# Every paragraph of README.md's shell block runs as it stands (ports and folders apart) against a
# running demo.
. tests/support/tap.sh
. tests/support/server.sh
media=$(free_port) api=$(free_port) web=$(free_port)
PATH=$RTC_BIN:$PATH

mkfifo "$dir/ready"
rtc-server --demo -c conf/rtc.conf -s "rtc_server.listen=$media" -s "http_api.listen=$api" \
    -s "http_server.listen=$web" -s rtc_signal.listen=0 -R 7 7>"$dir/ready" >"$dir/addresses" 2>"$dir/log" &
server=$!
read -r _ <"$dir/ready"
is $? 0 "the demo becomes ready"
like "$(cat "$dir/addresses")" "http://localhost:$web/players/whep.html\?stream=demo" \
    "it prints what to open"
playing() { [ "$(rtc-ctl -j streams | jq -r 'select(.name == "live/demo").keyframes')" -ge 1 ]; }
ok "it publishes a test picture" waits 15000 playing

# Paragraphs as files, with the ports of this run.
sed -n '/^```sh$/,/^```$/p' README.md | sed '/^```/d' |
	sed -e "s/localhost:1985/localhost:$api/g" -e "s,run/pid,$RTC_RUN/pid,g" \
	    -e "s/9000/$(free_port)/; s/9080/$(free_port)/; s/9081/$(free_port)/" |
	awk -v dir="$dir" 'BEGIN { n = 101 } /^$/ { n++; next } { print > (dir "/" n ".sh") }'

for f in "$dir"/*.sh; do
	name=$(sed -n '1s/^# //p' "$f")
	want=0 limit=20
	case $(cat "$f") in
	*'while read'* | *wait*) want=124 limit=2 ;;	# goes on until it is ended
	esac
	(cd "$dir" && timeout $limit sh -e "$f" >"$f.out" 2>"$f.err" </dev/null)
	code=$?
	is "$code" $want "$name"
	[ "$code" = "$want" ] || sed 's/^/#   /' "$f" "$f.out" "$f.err"
done
ok "the recording has a picture" sh -c "ffprobe -v error -select_streams v -show_entries \
    stream=codec_name -of csv=p=0 '$dir/out.mkv' | grep -qx h264"
ok "what was killed is back" waits 3000 sh -c "kill -0 \$(cat '$RTC_RUN/pid/rtc-whip')"
done_testing
