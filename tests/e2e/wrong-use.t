#!/bin/sh
# runs beside others
# What a program says when it is called wrongly: one line that names what is wrong, or what is wanted.
. tests/support/tap.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
PATH=$RTC_BIN:$PATH
unset CANDIDATE

refused() {	# code, pattern, command...
	refused_code=$1 refused_words=$2
	shift 2
	exits "$refused_code" "$*" timeout 20 "$@"
	like "$out" "$refused_words" "says: $refused_words"
}

refused 64 'want --workers 1 to 16$' rtc-relay -w 99
refused 64 'want --gop-cache auto, on or off$' rtc-relay --gop-cache maybe
refused 64 '4 and -6 exclude each other' rtc-relay -46
refused 64 'takes options only' rtc-relay 9000
refused 64 'which command' rtc-ctl
refused 64 'bogus: no such command' rtc-ctl bogus
refused 64 'kick takes more operands' rtc-ctl kick
refused 64 'stats takes fewer operands' rtc-ctl stats live/demo
refused 64 'wants a URL and a file' rtc-publish http://localhost/rtc/v1/whip/
refused 64 'wants a URL and no file' rtc-publish --test http://localhost/rtc/v1/whip/ x.mp4
refused 64 'wants a URL' rtc-play
refused 64 'there is none' rtc-bench
refused 64 'wants a stream' rtc2rtmp live/demo
refused 64 'wants streams and an output' rtc-mix live/demo
refused 64 'cannot be a member of itself' rtc-mix live/a live/b live/a
refused 64 'given twice' rtc-mix live/a live/a live/b
refused 64 'both even' rtc-mix --size 641x360 live/a live/b

# What is wrong stands at the top of a few lines, not above a screen of options.
for program in "$RTC_BIN"/rt*; do
	exits 64 "${program##*/} --bogus" timeout 20 "$program" --bogus
	like "$out" bogus "it names the option"
	ok "and says little more" [ "$(printf '%s\n' "$out" | wc -l)" -le 8 ]
done

# Nobody could bind a socket there: each program names the path, not stray memory.
for program in rtc-relay rtc-whip rtc-web; do
	set -- $program
	[ $program != rtc-relay ] || set -- rtc-relay --udp 127.0.0.1:0
	exits 69 "$program: no run directory" env RTC_RUN=/proc/none timeout 20 "$@"
	like "$out" 'listen on (/proc/none/(relay/signal|whip)|web).sock: ' "$program: names the socket"
done
long=$dir/$(printf '%0100d' 0)
RTC_RUN=$long
export RTC_RUN
refused 69 'RTC_RUN must be shorter' rtc-ctl streams
refused 69 'RTC_RUN must be shorter' rtc-relay --udp 127.0.0.1:0
RTC_RUN=$dir/none
refused 69 "is not running: nothing listens on $dir/none/relay/admin.sock" rtc-ctl streams
exits 69 "rtc2rtmp without a relay" timeout 20 rtc2rtmp --wait 1 live/demo "$dir/x.flv"
ok "clients make no run directory" [ ! -e "$dir/none" ]
done_testing
