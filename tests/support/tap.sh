# tap.sh - TAP for shell tests: ok, is, like, exits, waits; done_testing at the end.
tap_count=0
tap_failed=0

# pass|fail NAME [DIAGNOSTIC]
tap_result() {
	tap_count=$((tap_count + 1))
	if [ "$1" = pass ]; then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
		[ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/#   /'
	fi
}

# ok NAME COMMAND...: the command succeeds.
ok() {
	tap_name=$1
	shift
	if tap_out=$("$@" 2>&1); then
		tap_result pass "$tap_name"
	else
		tap_result fail "$tap_name" "$* -> $?
$tap_out"
	fi
}

# is GOT EXPECTED NAME
is() {
	if [ "$1" = "$2" ]; then
		tap_result pass "$3"
	else
		tap_result fail "$3" "got:      $1
expected: $2"
	fi
}

# like TEXT PATTERN NAME: an extended regular expression matches a line.
like() {
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		tap_result pass "$3"
	else
		tap_result fail "$3" "no match of $2 in:
$1"
	fi
}

# exits CODE NAME COMMAND...: its output is left in $out.
exits() {
	tap_want=$1 tap_name=$2
	shift 2
	out=$("$@" 2>&1)
	is "$?" "$tap_want" "$tap_name"
}

# Milliseconds of the clock that only goes forward.
now_ms() {
	read -r tap_up _ </proc/uptime
	echo "$((${tap_up%.*} * 1000 + 1${tap_up#*.} * 10 - 1000))"
}

# waits MS COMMAND...: until it succeeds or the time is over; polls, for want of an event.
waits() {
	tap_deadline=$(($(now_ms) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$tap_deadline" ] || return 1
		sleep 0.02
	done
}

# A UDP and TCP port that is free now, and not of those that the kernel deals out: nobody gets it by
# chance before the program that is told it.
free_port() {
	perl -MIO::Socket::INET -e '
		open my $f, "<", "/proc/sys/net/ipv4/ip_local_port_range" or die;
		my ($top) = split " ", <$f>;
		for (1 .. 1000) {
			my $p = $top > 11000 ? 10000 + int rand($top - 10000) : 0;
			my $t = IO::Socket::INET->new(Listen => 1, LocalAddr => "0.0.0.0",
			    LocalPort => $p) or next;
			$p = $t->sockport;
			next unless IO::Socket::INET->new(Proto => "udp", LocalAddr => "0.0.0.0",
			    LocalPort => $p);
			print "$p\n"; exit }
		exit 1'
}

done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
}
