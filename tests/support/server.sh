# For a test of a whole server: a folder of its own ($dir) with the run directory in it; what
# $server names is stopped at the end.
dir=$(mktemp -d)
RTC_RUN=$dir/run
export RTC_RUN
unset CANDIDATE
server=

cleanup() {
	[ -z "$server" ] || kill -TERM "$server" 2>/dev/null
	wait
	rm -rf "$dir"
}
trap cleanup EXIT
