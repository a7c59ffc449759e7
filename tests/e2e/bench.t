#!/bin/sh
# rtc-bench against the relay: counts, joining times, verdicts, exit statuses.
# runs under: address thread
set -u
. tests/support/tap.sh

bin=${RTC_BIN:-build/bin}
dir=$(mktemp -d)
RTC_RUN=$dir
export RTC_RUN
pids=

cleanup() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
	wait
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

serve() {
	mkfifo "$dir/ready"
	"$@" -R 3 3>"$dir/ready" 2>>"$dir/log" &
	pids="$pids $!"
	read -r _ <"$dir/ready"
	rm "$dir/ready"
}

media=$(free_port) whip=$(free_port) whep=$(free_port)
serve "$bin/rtc-relay" --udp "127.0.0.1:$media"
relay=${pids##* }
serve "$bin/rtc-whip" --listen "127.0.0.1:$whip" --candidate 127.0.0.1
serve "$bin/rtc-whep" --listen "127.0.0.1:$whep" --candidate 127.0.0.1
publish="http://127.0.0.1:$whip/rtc/v1/whip/?app=live&stream=bench"
play="http://127.0.0.1:$whep/rtc/v1/whep/?app=live&stream=bench"

# get FILTER: of the last report.
get() {
	jq -r "$1" "$dir/report"
}
# run ARGUMENT...: its status is left in $status, the report in the file.
run() {
	"$bin/rtc-bench" "$@" >"$dir/report" 2>"$dir/errors"
	status=$?
}

# Many at once: a session's first check may overtake the news of it, which must not refuse it.
run -j -n 40 -r 200 -d 2 -s 0.5 -p "$relay" "--publish=$publish" "$play"
is "$status" 0 "40 players that join within 0.2 s get everything"
[ "$status" -eq 0 ] || sed 's/^/# /' "$dir/errors" "$dir/log"
is "$(get '"\(.ok) \(.joined) \(.ended) \(.silent) \(.lost)"')" "true 40 0 0 0" \
    "all joined, none ended, nothing was lost"
is "$(get '.publisher.packets_per_s > 130 and .publisher.packets_per_s < 200')" true \
    "the publisher sends some 168 packets a second"
is "$(get '.publisher.packets_per_wake >= 1 and .publisher.packets_per_wake < 4')" true \
    "in small groups, as browsers do"
is "$(get '.publisher.delivered_percent > 90 and .publisher.delivered_percent < 110')" true \
    "each of its packets reached each player"
is "$(get '.join.answer.players == 40 and .join.answer.p50_ms > 0 and
    .join.keys.p50_ms > .join.answer.p50_ms and .join.first_packet.p50_ms > .join.keys.p50_ms')" \
    true "the times of joining are in order"
is "$(get '.join.first_keyframe.players == 2')" true "two players decrypted and saw a keyframe"
is "$(get '.processes[0].alive and .processes[0].us_per_packet > 0 and .processes[0].rss_mb > 1')" \
    true "the relay's use was measured"

is "$(get '.delay.packets > 100 and .delay.p50_ms > 0 and .delay.p50_ms <= .delay.max_ms and
    .jitter.players == 2')" true "how long its packets were under way, and how evenly they came"

run -j -n 4 -M 3 -r 200 -d 1 -s 0.5 -p "$relay" \
    "--publish=http://127.0.0.1:$whip/rtc/v1/whip/?app=live&stream=b[s]" \
    "http://127.0.0.1:$whep/rtc/v1/whep/?app=live&stream=b[s]"
is "$status $(get '"\(.joined) \(.publisher.connected) \(.lost)"')" "0 12 3 0" \
    "three streams with four players each"
is "$(get '.publisher.delivered_percent > 90 and .publisher.delivered_percent < 110')" true \
    "each stream's packets reached its players"
like "$(cat "$dir/log")" 'play live/b3 ' "the number stands in the URL"
run -j -n 0 -M 5 -r 200 -d 1.5 -s 0.2 -p "$relay" \
    "--publish=http://127.0.0.1:$whip/rtc/v1/publish/?app=live&stream=p[s]" "$play&x=[s]"
is "$status $(get '.publisher.connected == 5 and .publisher.loss_told_percent == 0 and
    .processes[0].us_per_packet > 0 and .join.answer == null')" "0 true" \
    "publishers alone, by the older JSON interface"
run -n 3 -d 0.5 -s 0.5 -D none "--publish=$publish" "http://127.0.0.1:$whep/rtc/v1/play/?app=live&stream=bench"
is "$status" 0 "the text form, headers only, by the older JSON interface"
like "$(cat "$dir/report")" '^loss +0\.0000 %' "says the loss"
run -n 3 -d 0.5 -s 0.2 -D all -j "--publish=$publish" "$play"
is "$(get '.join.first_keyframe.players')" 3 "with everything decrypted every player saw a keyframe"

ffmpeg -v error -f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=r=48000 -t 1 -c:v libx264 -g 25 -bf 2 \
    -c:a aac "$dir/card.mp4"
run -j -n 3 -d 2.5 -s 0.3 -D all --file "$dir/card.mp4" "--publish=$publish" "$play"
is "$status $(get '.lost == 0 and .publisher.packets_per_s > 100 and .join.first_keyframe.players == 3 and
    .delay == null')" "0 true" "a file with B-frames and AAC, a second long, again and again"
run -n 1 -d 0.1 --file "$dir/nothing.mp4" "--publish=$publish" "$play"
is "$status" 66 "a file that is not there: exit 66"
run -j -n 5 -d 4 -s 0.5 -x 5 -m 3 "--publish=$publish" "$play"
is "$status $(get '.repaired > 20 and .video_loss_percent < 0.7')" "0 true" \
    "one packet in twenty thrown away: the relay repairs the video"
run -j -n 5 -d 2 -s 0.5 -x 10 -D none "--publish=$publish" "$play"
is "$status $(get '.repaired == 0 and .loss_percent > 5 and .loss_percent < 15')" "1 true" \
    "without repair the loss is what was thrown away, and too much"

run -j -n 2 -d 0.5 -s 0 "$play"
is "$status $(get .silent)" "1 2" "players of a stream without a publisher are silent: exit 1"
run -n 2 "http://127.0.0.1:$(free_port)/"
is "$status" 69 "nobody there: exit 69"
like "$(cat "$dir/errors")" 'no player joined' "and why"
run -n 1 "--publish=http://127.0.0.1:$whip/nowhere" "$play"
is "$status" 69 "a publisher that is refused: exit 69"
like "$(cat "$dir/errors")" 'publisher ended' "and why"

for bad in "" "-n 0 $play" "-D some $play" "--publish $play" "ftp://x/" "-p x $play" \
    "--file x $play" "-M 2 $play" "-M 0 $play" "-n 0 $play" "-M 2000 -n 11 $play[s]" \
    "$play more"; do
	# shellcheck disable=SC2086
	run $bad
	is "$status" 64 "usage: '$bad'"
done
run --help
is "$status" 0 "--help"
like "$(cat "$dir/report")" '--publish' "on standard output"

three_play() {
	[ "$("$bin/rtc-ctl" sessions | grep -c connected)" -ge 3 ]
}
"$bin/rtc-bench" -n 5 -d 60 "$play" >"$dir/report" 2>"$dir/errors" &
long=$!
waits 10000 three_play
kill -INT $long
wait $long
is "$?" 1 "interrupted: it leaves and reports"
done_testing
