#!/bin/sh
# Debian packages that a job needs: tools/deps.sh build|demo|bench|test|long
# Silent when all are present.  With DEPS=1, as root or with passwordless sudo, prints the apt-get
# line and runs it; otherwise prints the line to run and exits 1.
set -u

build="gcc make pkg-config libuv1-dev libssl-dev libsrtp2-dev libcurl4-openssl-dev libopus-dev
libavcodec-dev libavformat-dev libavfilter-dev libavutil-dev libswresample-dev libswscale-dev
libmicrohttpd-dev libwebsockets-dev libwebsockets-evlib-uv libjansson-dev uthash-dev"
demo="$build"
bench="$build jq gnuplot-nox"
test="$build
libcmocka-dev clang clang-format clang-tidy libclang-rt-14-dev mandoc perl socat curl jq busybox
netcat-openbsd iproute2 procps python3 openssl
ffmpeg chromium firefox-esr python3-aioice python3-aiortc
gstreamer1.0-tools gstreamer1.0-nice gstreamer1.0-plugins-base gstreamer1.0-plugins-good
gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
python3-gst-1.0 gir1.2-gst-plugins-bad-1.0
rtmpdump nginx-light libnginx-mod-rtmp haproxy coturn systemd"
# 526 MB more, and only for `make check-long`.
pion="golang-go golang-github-pion-webrtc.v3-dev"
# Node.js and npm from elsewhere are as good as Debian's.
command -v node >/dev/null 2>&1 || test="$test nodejs"
command -v npm >/dev/null 2>&1 || test="$test npm"

case "${1-}" in
build) want=$build ;;
demo) want=$demo ;;
bench) want=$bench ;;
test) want=$test ;;
long) want="$test $pion" ;;
*) echo "usage: deps.sh build|demo|bench|test|long" >&2; exit 64 ;;
esac

command -v dpkg-query >/dev/null 2>&1 || exit 0	# not Debian: the compiler will tell
have=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
	sed -n 's/^installed //p' | tr '\n' ' ') "
missing=
for p in $want; do
	case "$have" in *" $p "*) ;; *) missing="$missing $p" ;; esac
done
[ -n "$missing" ] || exit 0

as=
if [ "$(id -u)" != 0 ]; then
	as="sudo "
fi
line="${as}apt-get install -y --no-install-recommends$missing"
if [ "${DEPS:-0}" != 1 ] || { [ -n "$as" ] && ! sudo -n true 2>/dev/null; }; then
	echo "rtckit needs Debian packages. Run:" >&2
	echo "  ${as}apt-get update && $line" >&2
	exit 1
fi
echo "installing: $line"
# shellcheck disable=SC2086
$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $line
