/* doctor_cause.c - every cause: its name, the exit status, whom it stops, and the cure. */
#include "doctor/doctor.h"

#define FAIL_ALL(NAME, CODE, FIX)                                                                  \
	{                                                                                          \
		NAME, CODE, DOCTOR_FAIL, DOCTOR_ALL, FIX                                           \
	}
#define WARN_SOME(NAME, CODE, STOPS, FIX)                                                          \
	{                                                                                          \
		NAME, CODE, DOCTOR_WARN, STOPS, FIX                                                \
	}

static const struct doctor_row rows[DOCTOR_CAUSES] = {
    /* ---- dns ---- */
    [DOCTOR_DNS_NONE] = FAIL_ALL(
	"dns-none", CLIENT_DNS,
	"nobody knows the name {host}: check its spelling in the server address, or add an "
	"A record for it at your domain's provider"),
    [DOCTOR_DNS_SILENT] =
	FAIL_ALL("dns-silent", CLIENT_DNS,
		 "this machine's name server does not answer: check the network connection and "
		 "/etc/resolv.conf"),
    /* ---- tcp ---- */
    [DOCTOR_TCP_REFUSED] = FAIL_ALL(
	"tcp-refused", CLIENT_TCP,
	"nothing listens on that port of {host}: start the server (rtc-server), or correct "
	"the port in the address (rtckit and SRS: 1985)"),
    [DOCTOR_TCP_SILENT] =
	FAIL_ALL("tcp-silent", CLIENT_TCP,
		 "a firewall drops the connection: open the TCP port of the address on {host} and "
		 "in the cloud provider's security group"),
    [DOCTOR_TCP_NO_ROUTE] =
	FAIL_ALL("tcp-no-route", CLIENT_TCP,
		 "this network has no way to the addresses of {host}; if they are IPv6 only, give "
		 "the server an A record with an IPv4 address"),
    [DOCTOR_TCP_SOME] = WARN_SOME(
	"tcp-some", CLIENT_TCP, 0,
	"one address of {host} does not answer, and clients lose time on it: remove its A "
	"or AAAA record, or let the server listen there too"),
    /* ---- tls ---- */
    [DOCTOR_TLS_EXPIRED] = FAIL_ALL("tls-expired", CLIENT_TLS,
				    "the certificate is over: renew it (certbot renew) and restart "
				    "what serves https; check this machine's clock too"),
    [DOCTOR_TLS_EARLY] = FAIL_ALL("tls-early", CLIENT_TLS,
				  "the certificate is not valid yet: set the clock of this machine "
				  "(timedatectl), or wait"),
    [DOCTOR_TLS_NAME] =
	FAIL_ALL("tls-name", CLIENT_TLS,
		 "the certificate is for another name: use the name that it was made for, or make "
		 "one for {host} (certbot -d {host})"),
    [DOCTOR_TLS_SELF_SIGNED] =
	FAIL_ALL("tls-self-signed", CLIENT_TLS,
		 "the certificate vouches for itself, which OBS and browsers do not accept: get a "
		 "free one (certbot -d {host}), or use http:// inside your own network"),
    [DOCTOR_TLS_CHAIN] =
	FAIL_ALL("tls-chain", CLIENT_TLS,
		 "the server sends its certificate without the intermediate ones: serve "
		 "fullchain.pem in place of cert.pem"),
    [DOCTOR_TLS_UNTRUSTED] =
	FAIL_ALL("tls-untrusted", CLIENT_TLS,
		 "no authority that this machine trusts has signed the certificate: get one from "
		 "a public authority (certbot), or name yours with --ca-file"),
    [DOCTOR_TLS_VERSION] =
	FAIL_ALL("tls-version", CLIENT_TLS,
		 "the server speaks only old TLS: enable TLS 1.2 and 1.3 on it (nginx: "
		 "ssl_protocols TLSv1.2 TLSv1.3)"),
    [DOCTOR_TLS_PLAIN] =
	FAIL_ALL("tls-plain", CLIENT_TLS,
		 "that port does not speak TLS: write http:// in place of https://, "
		 "or use the server's https port"),
    [DOCTOR_TLS_HANDSHAKE] =
	FAIL_ALL("tls-handshake", CLIENT_TLS,
		 "the server refuses the TLS handshake: look at its log; it may "
		 "have no certificate for {host}"),
    [DOCTOR_TLS_SILENT] =
	FAIL_ALL("tls-silent", CLIENT_TLS,
		 "the port takes the connection and says nothing: is it the https port? Something "
		 "on the way may hold TLS back (a proxy, an inspecting firewall)"),
    [DOCTOR_TLS_SOON] =
	WARN_SOME("tls-soon", CLIENT_TLS, 0,
		  "the certificate ends soon: renew it (certbot renew) and make sure "
		  "that this happens by itself"),
    [DOCTOR_TLS_IGNORED] =
	WARN_SOME("tls-ignored", CLIENT_TLS, DOCTOR_ALL,
		  "the certificate is not valid and only --insecure goes on: OBS and browsers "
		  "refuse it; run without --insecure for the reason"),
    /* ---- http ---- */
    [DOCTOR_HTTP_SILENT] =
	FAIL_ALL("http-silent", CLIENT_HTTP,
		 "the server takes the request and does not answer in time: look at its log and "
		 "load; a proxy before it may wait for a server that is down"),
    [DOCTOR_HTTP_CLOSED] = FAIL_ALL(
	"http-closed", CLIENT_HTTP,
	"the server hangs up without an answer: SRS does so when the stream has a publisher "
	"already, when a hook refuses, or rtc is off in its vhost; look at its log"),
    [DOCTOR_HTTP_WANTS_TLS] =
	FAIL_ALL("http-wants-tls", CLIENT_HTTP,
		 "that port speaks https: write https:// in place of http://"),
    [DOCTOR_HTTP_GARBAGE] =
	FAIL_ALL("http-garbage", CLIENT_HTTP,
		 "what listens there does not speak HTTP: correct the port (rtckit "
		 "and SRS: 1985)"),
    [DOCTOR_HTTP_LARGE] =
	FAIL_ALL("http-large", CLIENT_HTTP,
		 "the answer is larger than any WHIP answer: the address leads to "
		 "something else; correct the path (/rtc/v1/whip/)"),
    [DOCTOR_HTTP_SLOW] =
	WARN_SOME("http-slow", CLIENT_HTTP, DOCTOR_OBS,
		  "OBS gives up after 8 seconds: find what makes the server slow (a hook, a name "
		  "that it looks up, load)"),
    [DOCTOR_HTTP_200] =
	FAIL_ALL("http-200", CLIENT_HTTP,
		 "the server must answer 201 Created: the address is no WHIP or WHEP endpoint "
		 "(rtckit and SRS: /rtc/v1/whip/ or /rtc/v1/whep/), or a proxy changes the status"),
    [DOCTOR_HTTP_REDIRECT] = FAIL_ALL(
	"http-redirect", CLIENT_HTTP,
	"this redirect makes clients ask again without the offer: use the address it leads "
	"to, or let the server redirect with 307 or 308 (nginx: return 308 ...)"),
    [DOCTOR_HTTP_REDIRECT_NOWHERE] =
	FAIL_ALL("http-redirect-nowhere", CLIENT_HTTP,
		 "the redirect names no usable address: the server must send Location with it"),
    [DOCTOR_HTTP_REDIRECT_LOOP] = FAIL_ALL(
	"http-redirect-loop", CLIENT_HTTP,
	"the server redirects in circles: look at the rules of the proxy (http to https and "
	"back?)"),
    [DOCTOR_HTTP_404] =
	FAIL_ALL("http-404", CLIENT_HTTP,
		 "there is no endpoint at this path: correct it (rtckit and SRS: "
		 "/rtc/v1/whip/?app=live&stream=NAME to publish, /rtc/v1/whep/ to play)"),
    [DOCTOR_HTTP_405] = FAIL_ALL(
	"http-405", CLIENT_HTTP,
	"the path takes no POST: it leads to a page or a static file, not to the endpoint; "
	"correct the path, or the proxy's rule for it"),
    [DOCTOR_HTTP_415] =
	FAIL_ALL("http-415", CLIENT_HTTP,
		 "the endpoint does not take application/sdp: it is another API; use "
		 "the server's WHIP or WHEP address"),
    [DOCTOR_HTTP_BUSY] =
	FAIL_ALL("http-busy", CLIENT_HTTP,
		 "somebody publishes this stream already: choose another stream name, or end the "
		 "other (rtc-ctl sessions, rtc-ctl kick SESSION)"),
    [DOCTOR_HTTP_REFUSED] =
	FAIL_ALL("http-refused", CLIENT_HTTP,
		 "the server refuses the request: read its reason above; are the addresses for "
		 "publishing (whip) and playing (whep) mixed up?"),
    [DOCTOR_HTTP_GATEWAY] = FAIL_ALL(
	"http-gateway", CLIENT_HTTP,
	"a proxy answers, but not the server behind it: start that server (rtc-server), or "
	"correct the proxy's address of it (nginx: proxy_pass http://127.0.0.1:1985)"),
    [DOCTOR_HTTP_OVERLOAD] =
	FAIL_ALL("http-overload", CLIENT_HTTP,
		 "the server is not ready or at its limit: wait, then look at its "
		 "log and at rtc-ctl stats"),
    [DOCTOR_HTTP_STATUS] =
	FAIL_ALL("http-status", CLIENT_HTTP,
		 "no WHIP or WHEP endpoint answers like this: check the address, then the server's "
		 "log"),
    [DOCTOR_HTTP_INSECURE] =
	WARN_SOME("http-insecure", CLIENT_HTTP, DOCTOR_BROWSER,
		  "browsers give the camera to https pages only, and such a page may not call an "
		  "http:// address: serve https, or test on localhost"),
    /* ---- auth ---- */
    [DOCTOR_AUTH_WANTED] =
	FAIL_ALL("auth-wanted", CLIENT_AUTH,
		 "the server wants a token: write it into OBS's field Bearer Token; here: "
		 "RTC_TOKEN=... rtc-doctor URL, or --token-file FILE"),
    [DOCTOR_AUTH_REFUSED] =
	FAIL_ALL("auth-refused", CLIENT_AUTH,
		 "the server does not accept this token: copy it again without blanks; is it for "
		 "this stream, and for publishing?"),
    [DOCTOR_AUTH_OPEN] =
	WARN_SOME("auth-open", CLIENT_AUTH, 0,
		  "the server takes anybody, with or without the token: set one (rtckit: "
		  "rtc-server -a rtc-whip=--token-file -a rtc-whip=FILE)"),
    /* ---- headers ---- */
    [DOCTOR_LOCATION_MISSING] = FAIL_ALL(
	"location-missing", CLIENT_HEADERS,
	"the answer has no Location header, so the session cannot be ended and OBS refuses "
	"it: update the server, or let the proxy pass the header on"),
    [DOCTOR_LOCATION_BAD] =
	FAIL_ALL("location-bad", CLIENT_HEADERS,
		 "the Location header is no address: the server must send /path or a whole URL"),
    [DOCTOR_LOCATION_OBS] =
	WARN_SOME("location-obs", CLIENT_HEADERS, DOCTOR_OBS,
		  "OBS reads this Location otherwise than the standard and will not end its "
		  "session, so the stream stays busy: let the server send a whole URL or /path "
		  "without a query"),
    [DOCTOR_LOCATION_SPACE] =
	WARN_SOME("location-space", CLIENT_HEADERS, DOCTOR_OBS,
		  "OBS needs the blank after \"Location:\": let the server or proxy write it"),
    [DOCTOR_LOCATION_LOST] =
	WARN_SOME("location-lost", CLIENT_HEADERS, 0,
		  "the session's address leads nowhere: the proxy strips a prefix that Location "
		  "lacks; pass X-Forwarded-Prefix on, or rewrite it (nginx: proxy_redirect)"),
    [DOCTOR_CORS] =
	WARN_SOME("cors", CLIENT_HEADERS, DOCTOR_BROWSER,
		  "pages of other addresses may not use this endpoint: answer OPTIONS with 200 or "
		  "204 and Access-Control-Allow-Origin, -Methods (POST, DELETE) and -Headers "
		  "(content-type, authorization)"),
    [DOCTOR_CORS_EXPOSE] = WARN_SOME(
	"cors-expose", CLIENT_HEADERS, 0,
	"pages of other addresses cannot read Location, so they cannot end their session: "
	"send Access-Control-Expose-Headers: Location"),
    [DOCTOR_CONTENT_TYPE] =
	WARN_SOME("content-type", CLIENT_HEADERS, 0,
		  "let the server answer with Content-Type: application/sdp; strict "
		  "clients refuse others"),
    [DOCTOR_LINK_BAD] =
	WARN_SOME("link-bad", CLIENT_HEADERS, 0,
		  "write the Link as RFC 9725 has it: <turn:HOST:PORT?transport=udp>; "
		  "rel=\"ice-server\"; username=\"U\"; credential=\"C\"; "
		  "credential-type=\"password\" (rtc-whip: --ice-server-file)"),
    [DOCTOR_ICE_SERVER_SILENT] = WARN_SOME(
	"ice-server-silent", CLIENT_HEADERS, 0,
	"clients behind a strict firewall will find no way: start that server (turnserver), open "
	"its port, or name it no more (rtc-whip and rtc-whep: --ice-server-file)"),
    [DOCTOR_ICE_SERVER_REFUSED] = WARN_SOME(
	"ice-server-refused", CLIENT_HEADERS, 0,
	"give clients the user name and credential that the TURN server knows (rtc-whip and "
	"rtc-whep: --ice-server-file, turnserver: --user); those that expire must be renewed"),
    [DOCTOR_ICE_SERVER_FAILED] = WARN_SOME(
	"ice-server-failed", CLIENT_HEADERS, 0,
	"look at the log of the STUN or TURN server that the Link names: it answers, or its name "
	"should lead to it, but clients cannot use it"),
    /* ---- sdp ---- */
    [DOCTOR_SDP_EMPTY] =
	FAIL_ALL("sdp-empty", CLIENT_SDP,
		 "the answer has no content: a proxy drops it, or the server's WHIP "
		 "support is too old; ask the server directly, without the proxy"),
    [DOCTOR_SDP_HTML] = FAIL_ALL(
	"sdp-html", CLIENT_SDP,
	"a web page answers in place of the media server: correct the path, or the proxy's "
	"rule for it"),
    [DOCTOR_SDP_MALFORMED] =
	FAIL_ALL("sdp-malformed", CLIENT_SDP,
		 "what answers is not a WebRTC server (its answer is no SDP): check the address, "
		 "then the server's log"),
    [DOCTOR_SDP_LINE] = FAIL_ALL(
	"sdp-line", CLIENT_SDP,
	"the answer has a line that clients refuse (it is named above): update the server"),
    [DOCTOR_SDP_SECTIONS] =
	FAIL_ALL("sdp-sections", CLIENT_SDP,
		 "the answer leaves out parts of the offer, which no client accepts: update the "
		 "server; it must answer every m-line"),
    [DOCTOR_SDP_MIDS] = FAIL_ALL("sdp-mids", CLIENT_SDP,
				 "the answer's a=mid lines are not those of the offer: update the "
				 "server; it must repeat them"),
    [DOCTOR_SDP_INACTIVE] =
	FAIL_ALL("sdp-inactive", CLIENT_SDP,
		 "the server accepts neither picture nor sound: are the addresses for publishing "
		 "(whip) and playing (whep) mixed up?"),
    [DOCTOR_SDP_DIRECTION] =
	WARN_SOME("sdp-direction", CLIENT_SDP, 0,
		  "the answer does not say its direction, and GStreamer refuses it: let the server "
		  "write a=recvonly (or a=sendonly) in every section"),
    [DOCTOR_SDP_CODEC] =
	FAIL_ALL("sdp-codec", CLIENT_SDP,
		 "client and server have no codec in common: set OBS to x264 or another H.264 "
		 "encoder and Opus, and enable H.264 on the server"),
    [DOCTOR_SDP_HALF] = WARN_SOME("sdp-half", CLIENT_SDP, 0,
				  "the server takes only picture or only sound: enable both codecs "
				  "(H.264 and Opus) on it"),
    [DOCTOR_SDP_ICE] =
	FAIL_ALL("sdp-ice", CLIENT_SDP,
		 "the answer has no usable a=ice-ufrag and a=ice-pwd: update the server"),
    [DOCTOR_SDP_FINGERPRINT] = FAIL_ALL(
	"sdp-fingerprint", CLIENT_SDP,
	"the answer has no a=fingerprint, so media cannot be encrypted: turn encryption on "
	"(SRS: rtc_server { encrypt on; }, and no encrypt=false in the address)"),
    [DOCTOR_SDP_HASH] = FAIL_ALL("sdp-hash", CLIENT_SDP,
				 "the fingerprint is not of SHA-256: update the server; clients no "
				 "longer accept SHA-1"),
    [DOCTOR_SDP_SETUP] =
	FAIL_ALL("sdp-setup", CLIENT_SDP,
		 "the answer does not decide who begins DTLS (a=setup must be passive "
		 "or active): update the server (SRS: rtc { dtls_role passive; })"),
    [DOCTOR_SDP_BUNDLE] =
	WARN_SOME("sdp-bundle", CLIENT_SDP, DOCTOR_OBS | DOCTOR_FFMPEG,
		  "picture and sound are not on one port (no a=group:BUNDLE with both, or no "
		  "a=rtcp-mux): let the server bundle them"),
    /* ---- candidates ---- */
    [DOCTOR_CAND_NONE] =
	FAIL_ALL("cand-none", CLIENT_CANDIDATE,
		 "the answer names no address for the media: tell the server its own: "
		 "CANDIDATE={address} rtc-server, or rtc_server { candidate {address}; }"),
    [DOCTOR_CAND_TCP_ONLY] =
	{"cand-tcp-only", CLIENT_TCP_ONLY, DOCTOR_FAIL, DOCTOR_OBS | DOCTOR_FFMPEG,
	 "the server offers media over TCP only: browsers will work, OBS will "
	 "not: use RTMP in OBS, or enable UDP (SRS: rtc_server { protocol all; })"},
    [DOCTOR_CAND_LOOPBACK] =
	FAIL_ALL("cand-loopback", CLIENT_CANDIDATE,
		 "the server names 127.0.0.1, which is everybody's own machine: tell it its "
		 "address: CANDIDATE={address} rtc-server, or rtc_server { candidate {address}; }"),
    [DOCTOR_CAND_PRIVATE] =
	FAIL_ALL("cand-private", CLIENT_CANDIDATE,
		 "the server is behind NAT and names its private address: tell it the public one: "
		 "CANDIDATE={address} rtc-server, or rtc_server { candidate {address}; }, and "
		 "forward UDP {port} to it"),
    [DOCTOR_CAND_DOCKER] =
	FAIL_ALL("cand-docker", CLIENT_CANDIDATE,
		 "the server names its address inside Docker: docker run -e CANDIDATE={address} "
		 "-p {port}:{port}/udp ..., or --network host"),
    [DOCTOR_CAND_NAME] = FAIL_ALL(
	"cand-name", CLIENT_CANDIDATE,
	"the server names a host that nobody knows: correct rtc_server { candidate ...; } or "
	"CANDIDATE=, or use its address {address}"),
    [DOCTOR_CAND_MDNS] =
	FAIL_ALL("cand-mdns", CLIENT_CANDIDATE,
		 "the server hides its address behind a .local name, which only browsers of the "
		 "same network can find: let it name {address}"),
    [DOCTOR_CAND_ROUTE] = FAIL_ALL(
	"cand-route", CLIENT_CANDIDATE,
	"this network has no way to the server's media addresses (IPv6 only?): let it name "
	"an IPv4 address too: rtc_server { ip_family all; } or CANDIDATE="),
    [DOCTOR_CAND_ANY] =
	FAIL_ALL("cand-any", CLIENT_CANDIDATE,
		 "the server names no host's address (0.0.0.0, ::, multicast): tell it its own: "
		 "CANDIDATE={address} rtc-server"),
    [DOCTOR_CAND_SOME] = WARN_SOME(
	"cand-some", CLIENT_CANDIDATE, 0,
	"some addresses of the answer are of no use from here and cost clients time: name "
	"only the reachable one: CANDIDATE={address}"),
    [DOCTOR_CAND_OTHER] =
	WARN_SOME("cand-other", CLIENT_CANDIDATE, 0,
		  "media goes to another machine than the one that answers HTTP: right if you have "
		  "two; else CANDIDATE={address} rtc-server"),
    [DOCTOR_CAND_FIRST] =
	WARN_SOME("cand-first", CLIENT_CANDIDATE, DOCTOR_FFMPEG,
		  "ffmpeg uses only the first UDP address of the answer, and that one is of no use "
		  "from here: let the server name the reachable one first (?eip={address} in the "
		  "address, or CANDIDATE={address})"),
    /* ---- ice-udp ---- */
    [DOCTOR_UDP_SILENT] = FAIL_ALL(
	"udp-silent", CLIENT_UDP,
	"UDP does not get through: open UDP {port} on the server (ufw allow {port}/udp, the "
	"cloud provider's security group, docker -p {port}:{port}/udp); if this network "
	"blocks UDP, use RTMP"),
    [DOCTOR_UDP_CLOSED] =
	FAIL_ALL("udp-closed", CLIENT_UDP,
		 "nothing listens on UDP {port} there: start the media server (rtc-relay), publish "
		 "the port (docker -p {port}:{port}/udp), or correct the address (CANDIDATE=)"),
    [DOCTOR_UDP_LOCAL] =
	FAIL_ALL("udp-local", CLIENT_UDP,
		 "this machine's own firewall refuses to send UDP: allow it for OBS "
		 "and the browser (iptables -L OUTPUT, ufw status)"),
    [DOCTOR_UDP_INTEGRITY] =
	FAIL_ALL("udp-integrity", CLIENT_UDP,
		 "the answer to the check is signed with another password than the SDP's: another "
		 "server, or an older instance of it, has the UDP port; stop it and restart"),
    [DOCTOR_UDP_REFUSED] = FAIL_ALL(
	"udp-refused", CLIENT_UDP,
	"the media port does not know the session: HTTP and UDP lead to different servers; "
	"behind a load balancer each needs its own address (CANDIDATE=)"),
    [DOCTOR_UDP_GARBAGE] =
	FAIL_ALL("udp-garbage", CLIENT_UDP,
		 "something else answers on UDP {port}: correct the port of the media server"),
    [DOCTOR_UDP_SOME] =
	WARN_SOME("udp-some", CLIENT_UDP, 0,
		  "one media address does not answer: open UDP {port} for it too (IPv6 has its own "
		  "firewall rules), or leave it out (CANDIDATE=)"),
    [DOCTOR_UDP_LOSS] = WARN_SOME(
	"udp-loss", CLIENT_UDP, 0,
	"the way loses packets: use a cable in place of wireless, lower the bitrate, or a "
	"server nearer to you"),
    /* ---- ice-tcp ---- */
    [DOCTOR_TCP_ONLY] = {"tcp-only", CLIENT_TCP_ONLY, DOCTOR_FAIL, DOCTOR_OBS | DOCTOR_FFMPEG,
			 "UDP is blocked, TCP works: browsers will work, OBS will not: use RTMP in "
			 "OBS, or open UDP {port}"},
    [DOCTOR_ICE_TCP_DEAD] =
	WARN_SOME("ice-tcp-dead", CLIENT_UDP, 0,
		  "the server offers TCP for networks without UDP, but it does not work: open that "
		  "TCP port (docker -p {port}:{port})"),
    /* ---- mtu ---- */
    [DOCTOR_MTU_SMALL] = WARN_SOME(
	"mtu-small", CLIENT_DTLS, 0,
	"packets of 1200 octets do not get through, which video needs: lower the tunnel's "
	"or VPN's overhead, or clamp (ip link set dev IF mtu 1280 is the least)"),
    /* ---- dtls ---- */
    [DOCTOR_DTLS_SILENT] = FAIL_ALL(
	"dtls-silent", CLIENT_DTLS,
	"the port answers checks, but not DTLS: a firewall that inspects UDP lets only STUN "
	"through, or the media server hangs; restart it, then look at the firewall"),
    [DOCTOR_DTLS_ROLE] =
	FAIL_ALL("dtls-role", CLIENT_DTLS,
		 "client and server both wait for the other to begin DTLS: let the server answer "
		 "a=setup:passive (SRS: rtc { dtls_role passive; })"),
    [DOCTOR_DTLS_FINGERPRINT] =
	FAIL_ALL("dtls-fingerprint", CLIENT_DTLS,
		 "the certificate is not the one of the SDP: HTTP and media lead to different "
		 "servers or instances; restart the server, or correct the load balancer"),
    [DOCTOR_DTLS_PROFILE] =
	FAIL_ALL("dtls-profile", CLIENT_DTLS,
		 "server and client have no SRTP profile in common: update the server; "
		 "AES128_CM_SHA1_80 is the one that every client has"),
    [DOCTOR_DTLS_FAILED] = FAIL_ALL(
	"dtls-failed", CLIENT_DTLS,
	"the encryption of the media could not be agreed: update the server; it needs DTLS "
	"1.2, ECDHE and a P-256 certificate (SRS: ecdsa on)"),
    [DOCTOR_DTLS_PATH] =
	FAIL_ALL("dtls-path", CLIENT_UDP,
		 "the way for media was found and lost again: a NAT or firewall cuts UDP off; try "
		 "another network, else use RTMP"),
    /* ---- media ---- */
    [DOCTOR_MEDIA_UNREPORTED] = FAIL_ALL(
	"media-unreported", CLIENT_NO_MEDIA,
	"the test picture was sent, but the server reports no packet of it: a firewall lets "
	"only small or few packets through, or the server ignores the stream; look at its "
	"log"),
    [DOCTOR_MEDIA_NONE] = FAIL_ALL(
	"media-none", CLIENT_NO_MEDIA,
	"connected, but nothing comes: is somebody publishing this stream, in a codec that "
	"the client plays? (rtc-ctl streams)"),
    [DOCTOR_MEDIA_ENDED] =
	FAIL_ALL("media-ended", CLIENT_NO_MEDIA,
		 "the server ended the session in the middle: look at its log (rtc-ctl "
		 "events)"),
    [DOCTOR_MEDIA_LOSS] = FAIL_ALL(
	"media-loss", CLIENT_BAD_MEDIA,
	"too many packets are lost: lower the bitrate, use a cable in place of wireless, or "
	"a server nearer to you"),
    [DOCTOR_MEDIA_KEYFRAME] =
	FAIL_ALL("media-keyframe", CLIENT_BAD_MEDIA,
		 "packets come, but no keyframe to begin the picture with: set the publisher's "
		 "keyframe interval to 2 s (OBS: Settings, Output, Keyframe Interval)"),
    [DOCTOR_MEDIA_SRTP] =
	FAIL_ALL("media-srtp", CLIENT_BAD_MEDIA,
		 "packets come that cannot be decrypted: the server mixes sessions up; update it"),
    /* ---- delete ---- */
    [DOCTOR_DELETE_STATUS] =
	FAIL_ALL("delete-status", CLIENT_DELETE,
		 "the session cannot be ended, so the stream stays busy after OBS stops: let the "
		 "server (and the proxy before it) take DELETE at the address of Location"),
    [DOCTOR_DELETE_LOST] =
	FAIL_ALL("delete-lost", CLIENT_DELETE,
		 "the address in Location leads nowhere: the proxy strips a prefix that Location "
		 "lacks, or sends it to another server; pass X-Forwarded-Prefix on, or rewrite it "
		 "(nginx: proxy_redirect)"),
    [DOCTOR_DELETE_NOT_200] =
	WARN_SOME("delete-not-200", CLIENT_DELETE, 0,
		  "OBS logs every answer to DELETE but 200 as a failure: let the server say 200"),
    [DOCTOR_DELETE_GHOST] =
	FAIL_ALL("delete-ghost", CLIENT_DELETE,
		 "the server keeps the old publisher after DELETE, so a restart of OBS is refused: "
		 "update the server; until then wait before starting again"),
    [DOCTOR_INTERNAL] =
	FAIL_ALL("internal", CLIENT_INTERNAL,
		 "this machine cannot check: it has no memory, socket or file left"),
};

const struct doctor_row *
doctor_row(enum doctor_cause cause)
{
	return cause > DOCTOR_NO_CAUSE && cause < DOCTOR_CAUSES ? &rows[cause] : NULL;
}
