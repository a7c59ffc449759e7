#!/bin/sh
# runs under: none
# runs with the servers
# rtc-server, the mechanism: order, readiness, restart, back-off, stop, configuration faults, its own
# sudden death. The programs are stand-ins that note what happens to them; server_parts.t has the
# real ones. Every shell that is installed runs it.
. tests/support/tap.sh
dir=$(mktemp -d)
bin=$dir/bin
run=$dir/run
server=
mkdir "$bin"

cleanup() {
	[ -z "$server" ] || kill -KILL "$server" 2>/dev/null
	for f in "$run/pid/"*; do
		[ ! -f "$f" ] || kill -KILL "$(cat "$f")" 2>/dev/null
	done
	rm -rf "$dir"
}
trap cleanup EXIT

cp "$RTC_BIN/rtc-server" "$RTC_BIN/rtc-conf" "$bin"
cat >"$bin/stand-in" <<'EOF'
#!/bin/sh
# Notes its start, becomes ready, lives until SIGTERM. $dir/NAME.does changes that.
name=${0##*/}
echo "$name $*" >>"$NOTES"
does=$(cat "$(dirname "$NOTES")/$name.does" 2>/dev/null)
case $does in
exit*) exit "${does#exit }" ;;
refuse*) case " $* " in *" ${does#refuse } "*) exit 69 ;; esac ;;
deaf) trap '' TERM ;;
slow) sleep 1 ;;
esac
echo >&3
exec 3>&-
[ "$does" = deaf ] && while :; do sleep 0.2; done
exec sleep 600
EOF
chmod +x "$bin/stand-in"
for p in rtc-relay rtc-whip rtc-whep rtmp2rtc rtc2rtmp rtc-signal rtc-web rtc-gate; do
	ln "$bin/stand-in" "$bin/$p"
done
export NOTES="$dir/notes"
cat >"$bin/rtc-ctl" <<'EOF'
#!/bin/sh
echo "rtc-ctl $*" >>"$NOTES"
EOF
chmod +x "$bin/rtc-ctl"

start_server() {	# shell, arguments; returns when it is ready or dead
	shell=$1
	shift
	: >"$NOTES"
	mkfifo "$dir/ready"
	# shellcheck disable=SC2086
	perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' $shell "$bin/rtc-server" -r "$run" \
	    -c "${file:-conf/rtc.conf}" -R 7 "$@" 7>"$dir/ready" 2>"${log:-$dir/log}" &
	server=$!
	read -r _ <"$dir/ready"
	ready=$?
	rm -f "$dir/ready"
	return $ready
}

stop_server() {		# signal; leaves the time it took in $took_ms and the exit code in $code
	began_ms=$(now_ms)
	kill "-$1" "$server"
	wait "$server" 2>/dev/null
	code=$?
	took_ms=$(($(now_ms) - began_ms))
	server=
}

pid_of() { cat "$run/pid/$1" 2>/dev/null; }
changed() { now=$(pid_of "$1") && [ -n "$now" ] && [ "$now" != "$2" ] && kill -0 "$now"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
all_gone() { for p in $pids; do kill -0 "$p" 2>/dev/null && return 1; done; return 0; }

shells="dash"
command -v busybox >/dev/null && shells="$shells busybox_sh"
command -v bash >/dev/null && shells="$shells bash"
for s in $shells; do
	shell=$(echo "$s" | tr _ ' ')
	start_server "$shell"
	is "$?" 0 "$shell: becomes ready"
	is "$(cut -d' ' -f1 "$NOTES" | paste -sd' ')" \
	    "rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web rtc-gate" "$shell: starts in order"
	like "$(cat "$NOTES")" '^rtc-relay --udp 8000 .*-R 3$' "$shell: arguments come from rtc-conf"
	pids=$(cat "$run/pid/"*)
	for p in rtc-relay rtc-gate; do
		old=$(pid_of $p)
		began_ms=$(now_ms)
		kill -KILL "$old"
		ok "$shell: $p comes back after SIGKILL" waits 2000 changed $p "$old"
		took_ms=$(($(now_ms) - began_ms))
		ok "$shell: $p within 1 s ($took_ms ms)" [ "$took_ms" -lt 1000 ]
	done
	like "$(cat "$dir/log")" 'rtc-gate: killed by signal 9: restarting after 100 ms' "$shell: and says so"
	pids=$(cat "$run/pid/"*)
	stop_server TERM
	is "$code" 0 "$shell: SIGTERM ends it with 0"
	ok "$shell: within 1 s ($took_ms ms)" [ "$took_ms" -lt 1000 ]
	ok "$shell: nothing is left" all_gone
	is "$(ls "$run/pid")" "" "$shell: no pid file is left"

	start_server "$shell"
	pids=$(cat "$run/pid/"*)
	stop_server KILL
	ok "$shell: killed by SIGKILL, it leaves nothing" waits 2500 all_gone
done

echo deaf >"$dir/rtc-whip.does"
start_server dash
pids=$(cat "$run/pid/"*)
stop_server INT
ok "a program that ignores SIGTERM is killed within 2 s ($took_ms ms)" [ "$took_ms" -lt 2100 ]
ok "and nothing is left" all_gone
like "$(cat "$dir/log")" 'killing what has not stopped: rtc-whip' "and named"

for code_wanted in 64 78; do
	echo "exit $code_wanted" >"$dir/rtc-whip.does"
	start_server dash
	wait "$server" 2>/dev/null
	is "$?" $code_wanted "a program that exits with $code_wanted at start ends the server with it"
	server=
	is "$(grep -c rtc-whip "$NOTES")" 1 "and is not restarted"
done
echo "exit 71" >"$dir/rtc-whip.does"
start_server dash
wait "$server"
is "$?" 71 "a program that cannot be started ends the server with its code"
is "$(grep -c rtc-whip "$NOTES")" 3 "after three attempts"
server=
rm "$dir/rtc-whip.does"

start_server dash
echo "exit 1" >"$dir/rtc-whip.does"
kill -KILL "$(pid_of rtc-whip)"
ok "a program that keeps failing is tried again" waits 3000 \
    sh -c "[ \$(grep -c rtc-whip '$NOTES') -ge 5 ]"
like "$(cat "$dir/log")" 'rtc-whip: exited with code 1: restarting after 800 ms' "with a growing pause"
rm "$dir/rtc-whip.does"
ok "and comes back" waits 4000 sh -c "read -r p <'$run/pid/rtc-whip' && kill -0 \$p"
exits 75 "a second server in the same folder is refused" "$bin/rtc-server" -r "$run" -c conf/rtc.conf
stop_server TERM

printf 'rtc_server {\n listen x;\n}\n' >"$dir/bad.conf"
exits 78 "a wrong configuration" "$bin/rtc-server" -r "$run" -c "$dir/bad.conf"
like "$out" 'bad.conf:2:2: error' "is named with its place"
exits 78 "a configuration that is not there" "$bin/rtc-server" -r "$run" -c "$dir/none.conf"
exits 64 "an unknown option" "$bin/rtc-server" --nonsense
exits 64 "an option without its value" "$bin/rtc-server" -c
exits 0 "--version" "$bin/rtc-server" --version
like "$out" '^rtc-server [0-9]+\.[0-9]+\.[0-9]+$' "prints the version"

exits 64 "--arg for a program that is not run" "$bin/rtc-server" -r "$run" -c conf/rtc.conf \
    -a rtc-wihp=--token-file
like "$out" 'rtc-wihp.*rtc-whip' "is told which there are"
exits 64 "--arg without a program" "$bin/rtc-server" -r "$run" -c conf/rtc.conf -a --token-file
long=$dir/$(printf '%0100d' 0)
exits 73 "a run directory too long for sockets" "$bin/rtc-server" -r "$long" -c conf/rtc.conf
like "$out" 'at most 80' "is told the limit"
exits 73 "a run directory that cannot be made" "$bin/rtc-server" -r "$dir/bad.conf/run" -c conf/rtc.conf
like "$out" 'bad.conf.*-r DIR or RTC_RUN' "is told what to do"

for s in $shells; do
	# Its log goes to a reader that leaves after the first line.
	shell=$(echo "$s" | tr _ ' ')
	log=$dir/log-pipe
	mkfifo "$log"
	head -n 1 "$log" >/dev/null &
	reader=$!
	start_server "$shell"
	wait "$reader"
	pids=$(cat "$run/pid/"*)
	stop_server TERM
	is "$code" 0 "$shell: with nobody to read its log, SIGTERM ends it with 0"
	ok "$shell: and nothing is left" all_gone
	rm "$log"
	log=
done

start_server dash -s rtc_server.listen=8123 --arg "rtc-whip=--token-file" --arg="rtc-whip=/a b"
like "$(cat "$NOTES")" '^rtc-relay --udp 8123 ' "--set reaches the program"
like "$(cat "$NOTES")" '^rtc-whip .*--token-file /a b -R 3$' "--arg reaches the program"
stop_server TERM

# In the background: ready or not before it returns; log and pid in files.
behind() { "$shell" "$bin/rtc-server" -r "$run" "$@"; }	# shell is one word: what the rest runs is #!/bin/sh
for s in dash bash; do
	command -v "$s" >/dev/null || continue
	shell=$s
	: >"$NOTES"
	rm -rf "$dir/var"
	cat >"$dir/behind.conf" <<-EOF
	daemon on; pid $dir/var/run/pid; srs_log_tank file; srs_log_file $dir/var/log/rtc.log;
	rtc_server { enabled on; }
	vhost __defaultVhost__ { rtc { enabled on; } }
	EOF
	exits 0 "$s: daemon on" behind -c "$dir/behind.conf"
	is "$out" "" "$s: without a word"
	is "$(cut -d' ' -f1 "$NOTES" | paste -sd' ')" "rtc-relay rtc-whip rtc-whep rtc-web rtc-gate" \
	    "$s: everything is up"
	server=$(cat "$dir/var/run/pid")
	ok "$s: the pid file names it" kill -0 "$server"
	is "$(ps -o sid= -p "$server" | tr -d ' ')" "$server" "$s: it has a session of its own"
	like "$(cat "$dir/var/log/rtc.log")" '^rtc-server: info: ready: rtc-relay' "$s: its log is in the file"
	exits 75 "$s: a second one" behind -c "$dir/behind.conf"
	like "$out" 'another rtc-server runs' "$s: is told why not"
	pids=$(cat "$run/pid/"*)
	kill -HUP "$server"
	ok "$s: SIGHUP is a wish" waits 4000 grep -q 'SIGHUP: reading' "$dir/var/log/rtc.log"
	kill -TERM "$server"
	ok "$s: it stops" waits 4000 gone "$server"
	ok "$s: with all of it" all_gone
	ok "$s: and its pid file" [ ! -e "$dir/var/run/pid" ]
	server=
	echo "exit 71" >"$dir/rtc-whip.does"
	exits 71 "$s: one that cannot be started ends with that code" behind -c "$dir/behind.conf"
	like "$out" 'rtc-whip: exited with code 71: could not be started' "$s: and says so"
	rm "$dir/rtc-whip.does"
	ok "$s: leaves no pid file" [ ! -e "$dir/var/run/pid" ]
	exits 73 "$s: a log that cannot be written" behind -c "$dir/behind.conf" --log-file /proc/none/log
done
exits 64 "a level that there is not" "$bin/rtc-server" -r "$run" -c conf/rtc.conf --log-level loud
start_server dash -f --log-level warn -s daemon=on
is "$(cat "$dir/log")" "" "-f: in the foreground, and without what is only said"
stop_server TERM
is "$code" 0 "and it ends with 0"

# SIGHUP reads the configuration again; what carries media stays as it is.
said() { [ "$(grep -cE "$1" "$dir/log")" -ge "${2:-1}" ]; }
hup() {		# how often it was ready before
	kill -HUP "$server"
	waits 60000 said 'ready:' $(($1 + 1))
}
edit() { sed "$1" "$file" >"$file.new" && mv "$file.new" "$file"; }
pids_of() { for p do pid_of "$p"; done | paste -sd' '; }
file=$dir/again.conf
for s in $shells; do
	shell=$(echo "$s" | tr _ ' ')
	cp conf/rtc.conf "$file"
	start_server "$shell"
	all=$(pids_of rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web rtc-gate)
	hup 1
	is "$(pids_of rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web rtc-gate)" "$all" \
	    "$shell: SIGHUP without a change leaves all as it is"
	held=$(pids_of rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web)
	gate=$(pid_of rtc-gate)
	edit 's/1985;/1986;/; s/rtmp_to_rtc .*off;/rtmp_to_rtc on;/; s/8000;/8001;/'
	hup 2
	is "$(pids_of rtc-relay rtc-whip rtc-whep rtc2rtmp rtc-signal rtc-web)" "$held" \
	    "$shell: a change of the gate leaves the others as they are"
	ok "$shell: the gate is another process" changed rtc-gate "$gate"
	like "$(tail -n 2 "$NOTES")" '^rtc-gate .*--listen 1986 ' "$shell: with the new port"
	like "$(tail -n 2 "$NOTES")" '^rtmp2rtc --listen 1935 -R 3' "$shell: what was off is on"
	like "$(cat "$dir/log")" 'rtc-relay: waits for a restart of rtc-server: rtc_server.listen$' \
	    "$shell: the relay's change is told"
	is "$(pids_of rtc-relay)" "${held%% *}" "$shell: and waits"
	echo slow >"$dir/rtc-gate.does"
	edit 's/max_connections .*;/max_connections 1001;/'
	kill -HUP "$server"
	ok "$shell: while a program starts" waits 60000 grep -q '^rtc-gate --max-connections 1001' "$NOTES"
	hup 4
	ok "$shell: another SIGHUP is taken when the first is done" [ $? = 0 ]
	rm "$dir/rtc-gate.does"
	edit '/^vhost/s/$/ play { gop_cache on; }/'
	edit 's/nack .*on;/nack off;/; s/8001;/8000;/; s/aac_bitrate 128000;/aac_bitrate 64000;/'
	hup 5
	like "$(cat "$NOTES")" '^rtc-ctl set stun_timeout=30 nack=off twcc=on gop_cache=on$' \
	    "$shell: the relay is told what it can take"
	like "$(cat "$dir/log")" 'rtc2rtmp: waits for a restart of rtc-server: vhost.rtc.aac_bitrate$' \
	    "$shell: another waits"
	is "$(pids_of rtc-relay)" "${held%% *}" "$shell: the relay is the same"
	kill -KILL "$(pid_of rtc-relay)"
	ok "$shell: it comes back" waits 4000 changed rtc-relay "${held%% *}"
	like "$(tail -n 1 "$NOTES")" '^rtc-relay --udp 8000 .*--gop-cache on --no-nack -R 3$' \
	    "$shell: with the new settings"
	gate=$(pid_of rtc-gate)
	echo nonsense >>"$file"
	kill -HUP "$server"
	ok "$shell: a broken file is told" waits 60000 said 'again.conf:.*error' 1
	ok "$shell: and nothing is changed" waits 60000 said 'nothing was changed'
	is "$(pid_of rtc-gate)" "$gate" "$shell: the gate is the same"
	if [ "$s" != dash ]; then	# what follows is the same for all
		stop_server TERM
		is "$code" 0 "$shell: and it ends with 0"
		continue
	fi
	edit '$d; s/8080;/8082;/'
	echo 'refuse 8082' >"$dir/rtc-gate.does"
	hup 6
	like "$(cat "$dir/log")" 'rtc-gate: does not start with the new arguments: the old ones' \
	    "$shell: arguments that the gate cannot live with"
	like "$(tail -n 1 "$NOTES")" '^rtc-gate .*--listen 1986 .*--listen 8080 ' "$shell: it has its old ones"
	ok "$shell: and runs" changed rtc-gate "$gate"
	rm "$dir/rtc-gate.does"
	gate=$(pid_of rtc-gate)
	edit '/^http_/,/^}/s/enabled .*on;/enabled off;/'
	hup 7
	ok "$shell: without a port the gate is stopped" waits 4000 gone "$gate"
	whip=$(pid_of rtc-whip)
	kill -KILL "$whip"
	ok "$shell: programs are restarted as before" waits 3000 changed rtc-whip "$whip"
	stop_server TERM
	is "$code" 0 "$shell: and it ends with 0"
	is "$(ls "$run/pid")" "" "$shell: with nothing left"
done
done_testing
