"""The offers of a publisher and of a player, and what answers consist of."""
import re

UFRAG, PWD = "oFFr", "uYw3hLQpVnmNk8ocZBUfBNyQ"
HEAD = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:{UFRAG}
a=ice-pwd:{PWD}
a=ice-options:trickle
a=fingerprint:sha-256 """ + ":".join(["3A"] * 32) + "\n"
AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=msid:stream audio
a=ssrc:1001 cname:conformance
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1;stereo=1
"""
VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=msid:stream video
%sa=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
"""
SSRC = "a=ssrc:2001 cname:conformance\n"
LAYERS = "a=rid:0 send\na=rid:1 send\na=rid:2 send\na=simulcast:send 0;1;2\n"
CANDIDATE = ("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
             "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n")


def crlf(text):
    return text.replace("\n", "\r\n").encode()


def publisher(video=SSRC):
    return crlf(HEAD + AUDIO + VIDEO % video)


def player():
    """Of a player: it has no media of its own to name, and takes the video codecs that are most common."""
    text = re.sub(r"a=(msid|ssrc):.*\n", "", HEAD + AUDIO + VIDEO % "").replace("sendonly", "recvonly")
    return crlf(text.replace("SAVPF 96", "SAVPF 96 97") + "a=rtpmap:97 VP8/90000\na=rtcp-fb:97 nack pli\n")


class Kind:
    """One of the two protocols, as far as their offers and answers differ."""

    def __init__(self, offer, direction, answered):
        self.offer, self.direction, self.answered = offer, direction, answered

    def turned(self, direction):
        return self.offer().replace(self.direction.encode(), direction.encode())


WHIP, WHEP = Kind(publisher, "sendonly", "recvonly"), Kind(player, "recvonly", "sendonly")


def login(ufrag):
    return f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:w{ufrag}5LmwG4yPe6dPPozAP9\r\n"


def section(text, mid):
    for part in re.split(r"(?m)^(?=m=)", text)[1:]:
        if f"a=mid:{mid}\r\n" in part:
            return part
    return ""
