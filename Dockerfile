# docker build -t rtckit . && docker run --rm -p 1985:1985 -p 8080:8080 -p 8000:8000/udp \
#     -e CANDIDATE=192.168.1.10 rtckit
# CANDIDATE is the address at which clients reach this host.
FROM debian:12 AS build
WORKDIR /src
COPY tools/deps.sh tools/
RUN apt-get update -qq && DEPS=1 tools/deps.sh build
COPY . .
RUN make && make install DESTDIR=/out PREFIX=/usr

FROM debian:12
RUN apt-get update -qq && apt-get install -y --no-install-recommends \
    libuv1 libssl3 libsrtp2-1 libcurl4 libopus0 libavcodec59 libavformat59 libavfilter8 \
    libavutil57 libswresample4 libswscale6 libmicrohttpd12 libjansson4 \
    libwebsockets17 libwebsockets-evlib-uv && \
    rm -rf /var/lib/apt/lists/* && useradd --system --home-dir /run/rtckit rtckit && \
    install -d -o rtckit /run/rtckit
COPY --from=build /out /
USER rtckit
EXPOSE 1985 8080 8000/udp 8000
ENTRYPOINT ["rtc-server"]
