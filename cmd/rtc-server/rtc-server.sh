#!/bin/sh
# rtc-server - starts the programs of the set in order, keeps them running, stops them together.
# POSIX sh. See rtc-server(1).
#
# Processes: this one; for each program one supervising subshell; one leash, a subshell that reads a
# FIFO whose only writer is this process, so that it learns of our end whatever its cause and stops
# the rest. Descriptors: 4 the FIFO on which supervisors report their first start, 5 the leash,
# 6 our own readiness, 9 the lock. Programs inherit none of them, and get their readiness on 3.
set -u
# Whoever reads our log or output may go first (`| head`, a terminal that is closed): that must not
# keep us from stopping what we started. Every process here inherits it.
trap '' PIPE

version=@VERSION@
run_max=80		# octets of the run directory: a socket's whole name has at most 107
stop_ms=1700		# from SIGTERM to SIGKILL: leaves room within the promised 2 s
backoff_min_ms=100
backoff_max_ms=5000
steady_ms=10000		# up for so long: the next failure starts at backoff_min_ms again
attempts_max=3		# first starts of a program that may fail before we give up

usage() {
	cat <<-'EOF'
	usage: rtc-server [-df] [-c file] [-s name=value] [-a program=argument] [-r dir] [-R fd]
	                  [--pid file] [--log-file file] [--log-level level] [--demo]
	EOF
}

help() {
	usage
	cat <<-'EOF'
	  -c, --config FILE           configuration (default: conf/rtc.conf of this installation)
	  -s, --set NAME=VALUE        override a directive; may be repeated
	  -a, --arg PROGRAM=ARGUMENT  append an argument to a program's; may be repeated
	  -r, --run DIR               where sockets and pid files live (RTC_RUN)
	  -R, --ready-fd FD           write a newline to FD when everything is up
	  -d, --daemon                go on in the background; end with 0 when everything is up
	  -f, --foreground            do not, whatever the configuration says
	      --pid FILE              write our process id there
	      --log-file FILE         append the log to it
	      --log-level LEVEL       error, warn, info (the default), debug
	      --demo                  publish a test picture and print what to open
	  -h, --help                  this text
	  -V, --version               the version
	EOF
}

say() {		# level text
	case $log_level:$1 in
	error:info | error:warn | warn:info) return ;;
	esac
	printf 'rtc-server: %s: %s\n' "$1" "$2" >&2
}

die() {		# code text
	say error "$2"
	exit "$1"
}

quote() {	# one argument as a word that eval reads back
	printf "'%s' " "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"
}

# Milliseconds since boot, into $now_ms, without a process.
clock() {
	read -r up _ </proc/uptime
	now_ms=$((${up%.*} * 1000 + 1${up#*.} * 10 - 1000))
}

# --- command line -----------------------------------------------------------------------------

config=
demo=
daemon=		# 1: yes; 0: no, whatever the configuration says
pid_file=
log_file=
log_level=${RTC_LOG-}
ready_fd=
again=		# this command line, quoted
for word do
	again="$again$(quote "$word")"
done
conf_args=
extra=		# lines of PROGRAM=ARGUMENT
run=${RTC_RUN-}

need() {	# option and how many words are left: the option wants a value
	[ "$2" -ge 2 ] || { echo "rtc-server: $1 needs a value" >&2; usage >&2; exit 64; }
}

while [ $# -gt 0 ]; do
	case $1 in
	--config=* | --set=* | --arg=* | --run=* | --ready-fd=* | --pid=* | --log-file=* | \
	    --log-level=*)
		option=${1%%=*} value=${1#*=}
		shift
		set -- "$option" "$value" "$@"
		;;
	-[csarR]?*)
		option=$(printf %.2s "$1") value=${1#-?}
		shift
		set -- "$option" "$value" "$@"
		;;
	esac
	case $1 in
	-c | --config) need "$1" $#; config=$2; shift 2 ;;
	-s | --set) need "$1" $#; conf_args="$conf_args-s $(quote "$2")"; shift 2 ;;
	-a | --arg) need "$1" $#; extra="$extra$2
"; shift 2 ;;
	-r | --run) need "$1" $#; run=$2; shift 2 ;;
	-R | --ready-fd) need "$1" $#; ready_fd=$2; shift 2 ;;
	-d | --daemon) daemon=1; shift ;;
	-f | --foreground) daemon=0; shift ;;
	--pid) need "$1" $#; pid_file=$2; shift 2 ;;
	--log-file) need "$1" $#; log_file=$2; shift 2 ;;
	--log-level) need "$1" $#; log_level=$2; shift 2 ;;
	--demo) demo=1; shift ;;
	-h | --help) help; exit 0 ;;
	-V | --version) echo "rtc-server $version"; exit 0 ;;
	*) echo "rtc-server: $1: unknown" >&2; usage >&2; exit 64 ;;
	esac
done
case $ready_fd in
*[!0-9]*) echo "rtc-server: --ready-fd takes a number" >&2; exit 64 ;;
?*)
	eval "exec 6>&$ready_fd" 2>/dev/null || exit 64
	[ "$ready_fd" = 6 ] || eval "exec $ready_fd>&-"
	;;
*) exec 6>/dev/null ;;
esac

# --- where things are -------------------------------------------------------------------------

self=$(readlink -f "$(command -v "$0")")
bin=${self%/*}
prefix=${bin%/*}
if [ -n "$config" ]; then
	[ -r "$config" ] || die 78 "$config: cannot be read"
else
	for config in "${prefix%/*}/conf/rtc.conf" /etc/rtckit/rtc.conf \
	    "$prefix/share/rtckit/conf/rtc.conf" /dev/null; do
		[ ! -r "$config" ] || break
	done
fi
conf_args="-c $(quote "$config")$conf_args"
if [ -z "$run" ]; then
	run=/run/rtckit
	case ${prefix##*/} in
	build*) run=${prefix%/*}/run ;;
	esac
fi

conf() {
	eval "\"\$bin/rtc-conf\" $conf_args \"\$@\""
}

conf -n || exit
programs=$(conf -q programs) || exit

# What the configuration says of ourselves; the command line comes first.
option=
while IFS= read -r line; do
	case $option$line in
	--daemon) daemon=${daemon:-1} ;;
	--pid | --log-file | --log-level) option="$line " ;;
	'--pid '*) pid_file=${pid_file:-$line} option='' ;;
	'--log-file '*) log_file=${log_file:-$line} option='' ;;
	'--log-level '*) log_level=${log_level:-$line} option='' ;;
	esac
done <<EOF
$(conf -q argv rtc-server)
EOF
case $log_level in
'' | error | warn | info | debug) ;;
*) die 64 "$log_level: log levels are error, warn, info and debug" ;;
esac
[ -z "$log_level" ] || export RTC_LOG="$log_level"

# Every --arg reaches a program: a token that protects nothing must not pass in silence.
while IFS= read -r line; do
	name=${line%%=*}
	case $line in
	'') continue ;;
	*=*) ;;
	*) die 64 "--arg $line: want PROGRAM=ARGUMENT" ;;
	esac
	printf '%s\n' "$programs" | grep -qxF -e "$name" ||
		die 64 "--arg $line: no program $name here, but: $(printf '%s ' $programs)"
done <<EOF
$extra
EOF

fault=$( (umask 077 && mkdir -p "$run/pid" "$run/server") 2>&1) ||
	die 73 "no run directory: ${fault##*mkdir: } (name another with -r DIR or RTC_RUN)"
run=$(cd "$run" && pwd -P) || exit 73
[ ${#run} -le $run_max ] || die 73 \
    "$run: ${#run} characters are too many for sockets in it (-r DIR or RTC_RUN: at most $run_max)"
export RTC_RUN="$run"

open_file() {	# file: it can be appended to
	fault=$( (mkdir -p "$(dirname "$1")" && : >>"$1") 2>&1) ||
		die 73 "$1: cannot be written: ${fault##*: }"
}

# This script again in a session of its own. We end when it is ready, or with its code; what it
# wrote into its log meanwhile says why.
go_behind() {
	fifo=$run/server/daemon.$$
	rm -f "$fifo"
	mkfifo "$fifo" || exit 73
	logged=0
	if [ -n "$log_file" ]; then
		open_file "$log_file"
		logged=$(wc -c <"$log_file")
	fi
	session=
	! command -v setsid >/dev/null 2>&1 || session=setsid
	eval "exec $session \"\$self\" $again -f -R 8" 8>"$fifo" 6>&- </dev/null >/dev/null &
	child=$!
	trap 'kill -TERM $child; wait $child; rm -f "$fifo"; exit 130' INT TERM HUP
	if read -r _ <"$fifo"; then
		rm -f "$fifo"
		echo >&6
		exit 0
	fi
	rm -f "$fifo"
	wait "$child"
	code=$?
	[ -z "$log_file" ] || tail -c +$((logged + 1)) "$log_file" >&2
	exit "$code"
}
if [ "$daemon" = 1 ] && [ -z "$demo" ]; then
	go_behind
fi

exec 9>"$run/server/lock" || exit 73

# The lock is also held by what cleans up after a killed predecessor: give it time.
take_lock() {
	command -v flock >/dev/null 2>&1 || return 0
	tries=30
	until flock -n 9; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}
take_lock || die 75 "another rtc-server runs in $run"
if [ -n "$log_file" ]; then
	open_file "$log_file"
	exec 2>>"$log_file"
fi
if [ -n "$pid_file" ]; then
	open_file "$pid_file"
	echo $$ >"$pid_file"
fi
rm -f "$run/pid/"* "$run/server/"*.pid "$run/server/"*.fifo
mkfifo "$run/server/status.fifo" "$run/server/leash.fifo" || exit 73
exec 4<>"$run/server/status.fifo"

# --- one program ------------------------------------------------------------------------------

# The code of a dead program in words, into $why.
explain() {
	if [ "$1" -gt 128 ]; then
		why="killed by signal $(($1 - 128))"
	else
		why="exited with code $1"
	fi
}

# The traps of a supervisor: end the program, or the pause before its next start.
end_supervision() {
	stopping=1
	[ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}

# Run it once: started, ready, ended. Leaves $code and $was_ready.
run_once() {
	was_ready=
	if [ "$readiness" = fd ]; then
		"$@" -R 3 3>"$fifo" 4>&- 5>&- 6>&- 9>&- </dev/null &
	else
		"$@" 4>&- 5>&- 6>&- 9>&- </dev/null &
	fi
	child=$!
	echo "$child" >"$run/pid/$name"
	[ -z "$stopping" ] || kill -TERM "$child" 2>/dev/null
	if [ "$readiness" = none ] || read -r _ <"$fifo"; then
		was_ready=1
		[ -n "$announced" ] || echo "ready $name 0" >&4
		announced=1
	fi
	# A trapped signal ends a wait early. Some shells also remark on a killed child: not here.
	wait "$child" 2>/dev/null
	code=$?
	while kill -0 "$child" 2>/dev/null; do
		wait "$child" 2>/dev/null
		code=$?
	done
	rm -f "$run/pid/$name"
	child=
}

# Wait before the next start; a signal ends the wait.
pause() {	# ms
	[ "$1" -gt 0 ] || return 0
	seconds=$(($1 / 1000)).$(($1 % 1000 / 100))
	sleep "$seconds" 4>&- 5>&- 6>&- 9>&- &
	child=$!
	wait "$child" 2>/dev/null
	child=
}

# Decide after an end: 0 goes on after a pause, 1 gives up.
may_restart() {
	explain "$code"
	case $code in
	64 | 78 | 126 | 127)
		say error "$name: $why: not restarted"
		return 1
		;;
	esac
	if [ -z "$announced" ]; then
		attempts=$((attempts + 1))
		if [ "$attempts" -ge "$attempts_max" ]; then
			say error "$name: $why: could not be started"
			return 1
		fi
	fi
	clock
	[ $((now_ms - began_ms)) -lt $steady_ms ] || delay_ms=$backoff_min_ms
	# A Ctrl-C reaches the programs too: said only if we are not told to stop in the meantime.
	pause $backoff_min_ms
	[ -z "$stopping" ] || return 1
	say warn "$name: $why: restarting after $delay_ms ms"
}

# supervise NAME fd|none COMMAND...
supervise() {
	name=$1 readiness=$2
	shift 2
	stopping='' announced='' attempts=0 child='' delay_ms=$backoff_min_ms
	fifo=$run/server/$name.fifo
	trap end_supervision TERM
	trap '' HUP INT
	exec 5>&- 6>&- 9>&-
	while [ -z "$stopping" ]; do
		clock
		began_ms=$now_ms
		if [ "$readiness" = fd ]; then	# its arguments may be others by now
			set -- "$1"
			while IFS= read -r line; do
				[ -z "$line" ] || set -- "$@" "$line"
			done <"$run/server/$name.argv"
		fi
		run_once "$@"
		[ -z "$stopping" ] || break
		if ! may_restart; then
			[ -n "$announced$stopping" ] || echo "failed $name $code" >&4
			break
		fi
		pause $((delay_ms - backoff_min_ms))
		delay_ms=$((delay_ms * 2))
		[ "$delay_ms" -le $backoff_max_ms ] || delay_ms=$backoff_max_ms
	done
	rm -f "$run/server/$name.pid"
	exit 0
}

# --- all of them ------------------------------------------------------------------------------

started=	# names, in order
reloading=	# the configuration is being read again
supervisors=	# their pids

# start NAME fd|none COMMAND...: returns when it is ready. If it cannot be started that ends
# everything, but while the configuration is read again.
start() {
	rm -f "$run/server/$1.fifo"
	mkfifo "$run/server/$1.fifo" || exit 73
	is_one_of "$1" "$started" || started="$started $1"
	(supervise "$@") &
	supervisors="$supervisors $!"
	echo $! >"$run/server/$1.pid"
	while :; do
		heard=$hups
		if ! read -r event who code <&4; then	# a SIGHUP cuts it short
			[ "$hups" != "$heard" ] || break
			continue
		fi
		[ "$who" = "$1" ] || continue
		[ "$event" = ready ] && return 0
		rm -f "$run/server/$1.pid"
		[ -z "$reloading" ] || return 1
		leave "$code"
	done
	leave 70
}

# Signal what is left of the files' processes.
signal_pids() {	# signal file...
	signal=$1
	shift
	for file do
		if read -r pid 2>/dev/null <"$file"; then
			kill "-$signal" "$pid" 2>/dev/null
		fi
	done
}

none_left() {
	set -- "$run/pid/"* "$run/server/"*.pid
	[ ! -e "$1" ] && [ ! -e "${2-}" ]
}

# Wait until none is left, at most so long.
drain() {	# ms
	clock
	limit_ms=$((now_ms + $1))
	until none_left; do
		[ "$now_ms" -lt "$limit_ms" ] || return 1
		sleep 0.05
		clock
	done
}

# Ask, wait, insist: on the programs first, since their supervisors then end by themselves.
stop() {
	signal_pids TERM "$run/server/"*.pid
	drain $stop_ms && return
	say warn "killing what has not stopped: $(cd "$run/pid" && echo *)"
	signal_pids KILL "$run/pid/"*
	drain 200 || signal_pids KILL "$run/server/"*.pid "$run/pid/"*
	rm -f "$run/pid/"* "$run/server/"*.pid
}

leave() {	# code
	trap '' TERM INT HUP
	stop
	echo bye >&5
	rm -f "$run/server/"*.fifo ${pid_file:+"$pid_file"}
	exit "$1"
}

finish() {
	say info "stopping"
	leave 0
}

# The leash: our end without a goodbye ends the others.
(
	trap '' TERM INT HUP
	exec 4>&- 6>&-
	read -r word <"$run/server/leash.fifo" && [ "$word" = bye ] && exit 0
	say error "the supervisor is gone: stopping the programs"
	stop
	rm -f ${pid_file:+"$pid_file"}
) &
exec 5>"$run/server/leash.fifo"
trap finish TERM INT HUP

# The arguments of a program, one a line: configuration, then --arg.
argv_of() {	# program
	conf -q argv "$1" || return
	while IFS= read -r line; do
		case $line in
		"$1="*) printf '%s\n' "${line#*=}" ;;
		esac
	done <<-EOF
	$extra
	EOF
}

start_program() {	# program arguments, one a line
	printf '%s\n' "$2" >"$run/server/$1.argv"
	conf -q settings "$1" >"$run/server/$1.settings"
	start "$1" fd "$bin/$1"
}

# --- the configuration again ------------------------------------------------------------------

# Programs that hold nobody's media are started anew when their arguments change; the rest would
# drop it.
stateless="rtc-whip rtc-whep rtc-web rtc-gate"
readers="rtc-whip rtc-whep rtc-gate"	# of files, which they read again on SIGHUP

is_one_of() {	# word list
	case " $2 " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

stop_program() {	# program
	signal_pids TERM "$run/server/$1.pid"
	clock
	limit_ms=$((now_ms + stop_ms + 800))
	while [ -e "$run/server/$1.pid" ] && [ "$now_ms" -lt "$limit_ms" ]; do
		sleep 0.02
		clock
	done
	[ ! -e "$run/server/$1.pid" ] || signal_pids KILL "$run/pid/$1" "$run/server/$1.pid"
	rm -f "$run/server/$1.pid" "$run/pid/$1"
}

drop_name() {	# program
	names=
	for word in $started; do
		[ "$word" = "$1" ] || names="$names $word"
	done
	started=$names
}

forget() {	# program
	say error "$1: does not start; it is tried again with the next SIGHUP"
	drop_name "$1"
}

# New arguments; if it cannot live with them, the old ones.
replace_program() {	# program arguments
	before=$(cat "$run/server/$1.argv")
	say info "$1: started anew with other arguments"
	stop_program "$1"
	start_program "$1" "$2" && return
	say error "$1: does not start with the new arguments: the old ones again"
	start_program "$1" "$before" || forget "$1"
}

# Name what has changed since the program began, other than what is given.
tell_waiting() {	# program names
	changed=
	for word in $(conf -q settings "$1" | grep -vxF -f "$run/server/$1.settings" |
	    cut -d' ' -f1); do
		is_one_of "$word" "${2-}" || changed="$changed $word"
	done
	say warn "$1: waits for a restart of rtc-server:${changed:- other arguments}"
}

# The relay takes some of it for sessions that come.
relay_live="vhost.rtc.stun_timeout vhost.rtc.nack vhost.rtc.twcc vhost.play.gop_cache"

without_live() {
	sed '/^--stun-timeout$/{
		N
		d
	}
	/^--gop-cache$/{
		N
		d
	}
	/^--no-nack$/d
	/^--no-twcc$/d'
}

reload_relay() {	# arguments
	"$bin/rtc-ctl" set "stun_timeout=$(conf -q get vhost.rtc.stun_timeout)" \
	    "nack=$(conf -q get vhost.rtc.nack)" "twcc=$(conf -q get vhost.rtc.twcc)" \
	    "gop_cache=$(conf -q get vhost.play.gop_cache)" \
	    4>&- 5>&- 6>&- 9>&- || {
		tell_waiting rtc-relay
		return
	}
	say info "rtc-relay: new sessions get the new settings"
	if [ "$(without_live <"$run/server/rtc-relay.argv")" = \
	    "$(printf '%s\n' "$1" | without_live)" ]; then
		printf '%s\n' "$1" >"$run/server/rtc-relay.argv"
		conf -q settings rtc-relay >"$run/server/rtc-relay.settings"
	else
		tell_waiting rtc-relay "$relay_live"
	fi
}

reload_program() {	# program: one that runs and goes on
	new=$(argv_of "$1") || return
	if [ "$new" = "$(cat "$run/server/$1.argv")" ]; then
		# Certificates, tokens and ICE servers may have changed.
		! is_one_of "$1" "$readers" || signal_pids HUP "$run/pid/$1"
	elif is_one_of "$1" "$stateless"; then
		replace_program "$1" "$new"
	elif [ "$1" = rtc-relay ]; then
		reload_relay "$new"
	else
		tell_waiting "$1"
	fi
}

reload() {
	say info "SIGHUP: reading $config again"
	if ! conf -n || ! wanted=$(conf -q programs); then
		say error "nothing was changed"
		return
	fi
	wanted=$(echo $wanted)
	[ "$(conf -q settings rtc-server)" = "$(cat "$run/server/rtc-server.settings")" ] ||
		tell_waiting rtc-server
	for each in $wanted; do
		if is_one_of "$each" "$started"; then
			reload_program "$each"
		elif [ "$each" = rtc-relay ]; then
			say warn "rtc-relay: restart rtc-server to begin with it"
		else
			say info "$each: started"
			start_program "$each" "$(argv_of "$each")" || forget "$each"
		fi
	done
	for each in $started; do
		if is_one_of "$each" "$stateless" && ! is_one_of "$each" "$wanted"; then
			say info "$each: stopped"
			stop_program "$each"
			drop_name "$each"
		elif ! is_one_of "$each" "$wanted rtc-publish"; then
			say warn "$each: restart rtc-server to be rid of it"
		fi
	done
	say info "ready:$started"
}

# One that comes while another is at work is not lost.
hups=0
on_hup() {
	hups=$((hups + 1))
	[ -z "$reloading" ] || return 0
	reloading=0
	until [ "$hups" = "$reloading" ]; do
		reloading=$hups
		reload
	done
	reloading=
}

port_of() {	# directive
	value=$(conf -q get "$1")
	echo "${value##*:}"
}

print_addresses() {
	api=$(port_of http_api.listen) web=$(port_of http_server.listen)
	host=$(hostname -I 2>/dev/null | tr ' ' '\n' | sed -n '/\./{p;q;}')
	secure=
	if [ "$(conf -q get http_server.https.enabled)" = on ]; then
		port=$(port_of http_server.https.listen)
		secure="
  From other hosts:        https://${host:-localhost}:$port/players/whip.html"
	fi
	here=http://localhost:$web/players there=http://${host:-localhost}:$api/rtc/v1
	cat <<-EOF

	  Watch the test picture:  $here/whep.html?stream=demo&autostart=true
	  Publish your camera:     $here/whip.html
	  and watch that:          $here/whep.html?autostart=true$secure
	  OBS (service WHIP):      $there/whip/?app=live&stream=livestream
	  Any WHEP player:         $there/whep/?app=live&stream=livestream

	  Ctrl-C stops everything.

	EOF
}

conf -q settings rtc-server >"$run/server/rtc-server.settings"
for each in $programs; do
	arguments=$(argv_of "$each") || leave 78
	start_program "$each" "$arguments"
done
if [ -n "$demo" ]; then
	api=$(port_of http_api.listen)
	# The addresses are printed when there is something to see, and after the first log lines.
	"$bin/rtc-ctl" -t 5 -e session.connected events >/dev/null 2>&1 4>&- 5>&- 6>&- 9>&- &
	connected=$!
	start rtc-publish none "$bin/rtc-publish" --test \
	    "http://127.0.0.1:$api/rtc/v1/whip/?app=live&stream=demo"
	wait "$connected"
fi
# Without a terminal SIGHUP is a wish; with one it is the terminal's end.
[ -t 0 ] || trap on_hup HUP
say info "ready:$started"
[ -z "$demo" ] || print_addresses
echo >&6
exec 6>&-

# Supervisors end only when told to or when their program must not be restarted; a signal ends a
# wait.
while :; do
	before=$hups
	# shellcheck disable=SC2086
	wait $supervisors
	[ "$hups" != "$before" ] || break
done
say error "nothing is left to supervise"
leave 70
