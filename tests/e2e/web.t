#!/bin/sh
# runs beside others
# rtc-web: files, types, ETag, what must not be reachable, versions; alone and behind rtc-gate.
. tests/support/tap.sh
web=$RTC_BIN/rtc-web
dir=$(mktemp -d)
export RTC_RUN="$dir/run"
mkdir -p "$dir/run" "$dir/site/sub dir" "$dir/site/.well-known" "$dir/outside"
pids=
trap 'kill $pids 2>/dev/null; wait; rm -rf "$dir"' EXIT

echo '<p>home' >"$dir/site/index.html"
echo '<p>sub' >"$dir/site/sub dir/index.html"
echo 'js' >"$dir/site/x.js"
echo 'wk' >"$dir/site/.well-known/x.txt"
echo 'secret' >"$dir/outside/secret"
echo 'secret' >"$dir/site/.hidden"
head -c 3000000 /dev/urandom >"$dir/site/big.bin"
: >"$dir/site/empty.txt"
ln -s x.js "$dir/site/inside.js"
ln -s "$dir/outside/secret" "$dir/site/absolute"
ln -s ../outside/secret "$dir/site/upward"
ln -s ../outside "$dir/site/tree"
mkfifo "$dir/site/fifo"

# start NAME ARGS...: run a program and wait until it serves; its process is $pid.
start() {
	name=$1
	shift
	mkfifo "$dir/ready"
	"$RTC_BIN/$name" -R 9 "$@" 9>"$dir/ready" 2>"$dir/$name.log" &
	pid=$!
	pids="$pids $pid"
	read -r _ <"$dir/ready"
	rm "$dir/ready"
}
status() { curl -s -o /dev/null -w '%{http_code}' --path-as-is "$@"; }
header() { name=$1; shift; curl -s -o /dev/null -D - --path-as-is "$@" | tr -d '\r' | sed -n "s/^$name: //Ip"; }

start rtc-web -l 127.0.0.1:0 -d "$dir/site"
port=$(sed -n 's/.*listening on port //p' "$dir/rtc-web.log")
u=http://127.0.0.1:$port

is "$(curl -s $u/)" '<p>home' "index.html of the top"
is "$(header Content-Type $u/)" 'text/html; charset=utf-8' "type of a page"
is "$(header Content-Type $u/x.js)" 'text/javascript; charset=utf-8' "type of a script"
is "$(header Content-Type $u/big.bin)" 'application/octet-stream' "type of anything else"
is "$(header X-Content-Type-Options $u/x.js)" nosniff "types are meant"
is "$(curl -s "$u/sub%20dir/")" '<p>sub' "index.html of a folder, escaped once"
is "$(header Location "$u/sub%20dir?a=b")" '/sub%20dir/?a=b' "a folder without its slash redirects"
is "$(status "$u/sub%20dir")" 308 "by 308"
is "$(curl -s "$u/big.bin" | cmp - "$dir/site/big.bin" && echo same)" same "3 MB arrive whole"
is "$(status $u/empty.txt)" 200 "an empty file"
is "$(curl -sI $u/x.js | tr -d '\r' | sed -n 's/^Content-Length: //p')" 3 "HEAD"
is "$(curl -s $u/inside.js)" js "a link inside is followed"
is "$(curl -s $u/.well-known/x.txt)" wk ".well-known is public"

etag=$(header ETag $u/x.js)
is "$(status -H "If-None-Match: $etag" $u/x.js)" 304 "304 for the same ETag"
is "$(status -H "If-None-Match: \"a\", W/$etag" $u/x.js)" 304 "in a list, weakly"
is "$(status -H 'If-None-Match: "other"' $u/x.js)" 200 "200 for another"
echo changed >"$dir/site/x.js"
is "$(status -H "If-None-Match: $etag" $u/x.js)" 200 "200 after a change"

for path in /absolute /upward /tree/secret /.hidden /fifo /nothing /x.js/ /sub%20dir/nothing; do
	is "$(status "$u$path")" 404 "404 for $path"
done
for path in /../outside/secret /%2e%2e/outside/secret /a/..%2f..%2foutside/secret '/..\outside' \
    //outside /x.js%00.html /%ff%zz; do
	is "$(status "$u$path")" 400 "400 for $path"
done
like "$(curl -s $u/nothing)" '"type":"urn:rtckit:problem:not-found"' "404 has a problem body"
is "$(header Content-Type $u/nothing)" application/problem+json "and its type"
is "$(status -X POST $u/x.js)" 405 "405 for POST"
is "$(header Allow -X POST $u/x.js)" 'GET, HEAD, OPTIONS' "with Allow"
is "$(curl -s $u/api/v1/versions | jq -r '.code, .server, .data.major' | paste -sd' ')" "0 rtckit 0" \
    "versions"
is "$(curl -s $u/api/v1/versions/ | jq -r .data.version)" "$("$web" -V | cut -d' ' -f2)" "the version"
is "$(status $u/index.html)" 200 "after all that it serves"
kill -TERM "$pid"
wait "$pid"
is $? 0 "SIGTERM ends it well"

start rtc-web -d "$dir/site"
webpid=$pid
is "$(curl -s --unix-socket "$RTC_RUN/web.sock" http://h/x.js)" changed "on its own socket"
"$web" -d "$dir/site" 2>/dev/null
is $? 69 "a second instance is refused"
kill -KILL "$webpid"
wait "$webpid" 2>/dev/null
start rtc-web -d "$dir/site"
is "$(curl -s --unix-socket "$RTC_RUN/web.sock" http://h/x.js)" changed "back after SIGKILL"
start rtc-gate -l 127.0.0.1:0
port=$(sed -n 's/.*listening on .*://p' "$dir/rtc-gate.log")
u=http://127.0.0.1:$port
is "$(curl -s "$u/big.bin" | cmp - "$dir/site/big.bin" && echo same)" same "3 MB through the gate"
is "$(curl -sI $u/x.js | tr -d '\r' | sed -n 's/^Content-Length: //p')" 8 "HEAD through the gate"
is "$(header Location "$u/sub%20dir")" '/sub%20dir/' "redirect through the gate"
is "$(curl -s $u/x.js $u/x.js $u/api/v1/versions -o /dev/null -o /dev/null -o /dev/null \
    -w '%{num_connects}\n' | paste -sd+)" 1+0+0 "three requests on one connection"
is "$(status -X OPTIONS -H 'Origin: http://x' $u/x.js)" 200 "OPTIONS through the gate"

"$web" --nonsense 2>/dev/null
is $? 64 "usage"
"$web" -d "$dir/none" 2>/dev/null
is $? 66 "a folder that is not there"
done_testing
