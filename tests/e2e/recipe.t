#!/bin/sh
# The connectivity test that users paste: an offer that is hardly one, posted with credentials of
# their own, then one STUN packet of 100 octets through nc; and rtc-stun-probe on the same port.
# runs under: address thread
# runs beside others
. tests/support/tap.sh
check=$RTC_BUILD/tests/e2e/stun_check
probe=$RTC_BIN/rtc-stun-probe
ufrag=6pk11386
pwd=l91z529147ri9163933p51c4
dir=$(mktemp -d)
export RTC_RUN="$dir/run"
mkdir -m 700 "$RTC_RUN"
unset CANDIDATE RTC_STUN_PWD
relay= whip=
stop() {
	for pid in $whip $relay; do
		kill "$pid" 2>/dev/null
		wait "$pid"
	done
	relay= whip=
}
trap 'stop; rm -rf "$dir"' EXIT

http=$(free_port)
"$RTC_BIN/rtc-relay" -u 0 2>"$dir/relay.log" &
relay=$!
waits 10000 test -S "$RTC_RUN/relay/signal.sock"
"$RTC_BIN/rtc-whip" -l "127.0.0.1:$http" 2>"$dir/whip.log" &
whip=$!
waits 10000 curl -s -o /dev/null "http://127.0.0.1:$http/"

# No o=, s=, t=; no fingerprint; c= without an address; no line end at the end.
media() {
	printf 'm=%s\r\nc=IN IP4\r\na=rtcp:9 IN IP4\r\na=ice-ufrag:J8X7\r\n' "$1"
	printf 'a=ice-pwd:Dpq7/fW/osYcPeLsCW2Ek1JH\r\na=setup:actpass\r\na=mid:%s\r\n' "$2"
	printf 'a=sendonly\r\na=msid:- %s\r\na=rtcp-mux\r\na=rtpmap:%s\r\n' "$3" "$4"
	printf 'a=ssrc:%s cname:stream' "$5"
}
{
	printf 'v=0\r\na=group:BUNDLE 0 1\r\n'
	media 'audio 9 UDP/TLS/RTP/SAVPF 111' 0 audio '111 opus/48000/2' 3184534672
	printf '\r\n'
	media 'video 9 UDP/TLS/RTP/SAVPF 106' 1 video '106 H264/90000' 512761356
} >"$dir/offer"

# post STREAM: the status; the answer is left in $dir/answer, the head in $dir/head.
post() {
	curl -s -D "$dir/head" -o "$dir/answer" -w '%{http_code}' \
	    -H 'Content-type: application/sdp' --data-binary "@$dir/offer" \
	    "http://127.0.0.1:$http/rtc/v1/whip/?ice-ufrag=$ufrag&ice-pwd=$pwd&app=live&stream=$1"
}
# paste FILE: send it as users do, from a known port; the answer is left in $dir/reply.
paste_packet() {
	from=$(free_port)
	nc -u -w 1 -p "$from" 127.0.0.1 "$port" <"$1" >"$dir/reply"
	said=$("$check" read "$pwd" <"$dir/reply")
}

is "$(post one)" 201 "the offer is answered with 201"
answer=$(tr -d '\r' <"$dir/answer")
like "$answer" "^a=ice-ufrag:$ufrag\$" "the answer has the ufrag of the query"
like "$answer" "^a=ice-pwd:$pwd\$" "and its password"
like "$answer" '^a=ice-lite$' "and is ice-lite"
port=$(printf '%s\n' "$answer" | sed -n 's/^a=candidate:[^ ]* 1 udp [0-9]* [^ ]* \([0-9]*\) typ host.*/\1/p' |
    head -n 1)
like "$port" '^[1-9][0-9]+$' "and a candidate with the relay's port"
like "$(cat "$dir/head")" '^[Ll]ocation: ' "and a Location"

perl -ne 's/#.*//; s/\s//g; print pack("H*", $_)' "$RTC_VECTORS/stun/recipe-request.hex" \
    >"$dir/packet"
is "$(wc -c <"$dir/packet")" 100 "the packet has 100 octets"
paste_packet "$dir/packet"
like "$said" '^class success$' "its answer is a success"
like "$said" '^method 1$' "of Binding"
like "$said" '^txid 74796d7a41512b2f4a4b7752$' "with its transaction id"
like "$said" '^integrity right$' "MESSAGE-INTEGRITY verifies with the password of the query"
like "$said" '^fingerprint right$' "FINGERPRINT is right"
like "$said" "^mapped 127\\.0\\.0\\.1:$from\$" "the mapped address is where it came from"
like "$said" '^size 64$' "and nothing else came, octet for octet"
like "$(nc -u -w 1 127.0.0.1 "$port" <"$dir/packet" | od -Ax -c -t x1 | grep 000 && echo Success)" \
    '^Success$' "the pasted pipeline says Success"

"$check" make "$ufrag" J8X7 wrongwrongwrongwrongwrong >"$dir/wrong"
paste_packet "$dir/wrong"
like "$said" '^class error$' "a wrong password fails"
like "$said" '^error 401$' "with 401"
like "$said" '^integrity absent$' "and nothing that helps to guess it"

is "$(post two)" 201 "pasted again: 201"
is "$(post two)" 201 "and again for the same stream"
paste_packet "$dir/packet"
like "$said" '^class success$' "and the packet is answered again"
like "$said" '^integrity right$' "rightly"

exits 0 "rtc-stun-probe agrees, without credentials" "$probe" -t 5 "127.0.0.1:$port"
exits 0 "and with them" "$probe" -t 5 --ufrag "$ufrag" --pwd "$pwd" "127.0.0.1:$port"
like "$out" 'authenticated$' "authenticated"
exits 0 "and over IPv6" "$probe" -t 5 --ufrag "$ufrag" --pwd "$pwd" "[::1]:$port"
like "$out" 'seen as \[::1\]:[0-9]+, no NAT' "with the IPv6 address in the answer"
exits 0 "and by name" "$probe" -4 -t 5 "localhost:$port"
exits 0 "20 checks without loss" "$probe" -c 20 -i 0.02 -t 5 --ufrag "$ufrag" --pwd "$pwd" \
    "127.0.0.1:$port"
like "$out" '20 sent, 20 answered, 0\.0 % lost' "counted"
exits 21 "a wrong password is told" "$probe" -t 5 --ufrag "$ufrag" --pwd wrongwrongwrongwrongwrong \
    "127.0.0.1:$port"
exits 10 "an unresolvable name is told" "$probe" -t 5 no-such-host.invalid

session=$(tr -d '\r' <"$dir/head" | sed -n 's/^[Ll]ocation: //p')
is "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "$session")" 200 "the session is deleted"
exits 21 "its credentials are void" "$probe" -t 5 --ufrag "$ufrag" --pwd "$pwd" "127.0.0.1:$port"
for name in whip relay; do
	eval "pid=\$$name"
	kill "$pid"
	wait "$pid"
	is "$?" 0 "rtc-$name ends well"
done
relay= whip=
exits 41 "a closed port is told" "$probe" -t 5 "127.0.0.1:$port"
done_testing
