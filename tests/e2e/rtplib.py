"""A WebRTC client that sends and gets packets as they are: ICE, DTLS and SRTP of aiortc, RTP by hand.
Its session is made at the relay's signal socket, so that no SDP is between the test and the relay."""
import asyncio
import atexit
import os
import struct
import time

import aioice.ice
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCIceCandidate, \
    RTCIceGatherer, RTCIceParameters, RTCIceTransport
from relaylib import Relay

aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ['127.0.0.1']
RR, RTPFB, PSFB, XR = 201, 205, 206, 207
TWCC_URI = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'
SDES = 'urn:ietf:params:rtp-hdrext:sdes:'
SLOW = 4 if os.environ.get('RTC_SANITIZER') else 1


def one_worker():
    """A relay of one worker, which ends with the test whatever happens, and its admin socket."""
    relay = Relay('-w', '1')
    atexit.register(relay.proc.kill)
    return relay, relay.connect('admin')


def extension(elements, two_byte=False):
    """A header extension block (RFC 8285) of [(id, octets)]."""
    body = b''
    for i, data in elements:
        body += bytes([i, len(data)] if two_byte else [i << 4 | len(data) - 1]) + data
    body += bytes(-len(body) % 4)
    return struct.pack('!HH', 0x1000 if two_byte else 0xbede, len(body) // 4) + body


def packet(pt, seq, ts, payload, ssrc, marker=0, ext=b'', pad=0):
    """pad: octets of padding, the count included."""
    first = 0x80 | (0x20 if pad else 0) | (0x10 if ext else 0)
    tail = bytes(pad - 1) + bytes([pad]) if pad else b''
    return struct.pack('!BBHII', first, marker << 7 | pt, seq & 0xffff, ts & 0xffffffff, ssrc) + ext + payload + tail


class Rtp:
    """A packet that came."""

    def __init__(self, data, at):
        self.at, self.data = at, data
        self.pt, self.marker = data[1] & 0x7f, data[1] >> 7
        self.seq, self.ts, self.ssrc = struct.unpack('!HII', data[2:12])
        begin = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10:
            begin += 4 + 4 * int.from_bytes(data[begin + 2:begin + 4], 'big')
        end = len(data) - (data[-1] if data[0] & 0x20 else 0)
        self.payload = data[begin:end]


class Client:
    """kind: publish or play; tracks as in session.create; agent: what its program calls itself."""

    def __init__(self, relay, kind, stream, tracks, agent=''):
        self.relay, self.kind, self.stream, self.tracks, self.agent = relay, kind, stream, tracks, agent
        self.rtp, self.rtcp = [], []    # what came: Rtp; (time, one RTCP packet)
        self.fingerprint = self.password = None     # told or used instead of the right ones

    async def start(self):
        gatherer = RTCIceGatherer()
        await gatherer.gather()
        self.ice = RTCIceTransport(gatherer)
        self.ice._connection.ice_controlling = True
        self.dtls = RTCDtlsTransport(self.ice, [RTCCertificate.generateCertificate()])
        self.dtls._set_role('client')
        self.dtls._handle_rtp_data, self.dtls._handle_rtcp_data = self._take_rtp, self._take_rtcp
        mine = self.dtls.getLocalParameters().fingerprints[0]
        local = gatherer.getLocalParameters()
        self.signal = self.relay.connect('signal')
        reply = self.signal.ask('session.create', kind=self.kind, stream=self.stream, credential='k',
                                ice={'ufrag': local.usernameFragment, 'pwd': local.password},
                                dtls={'role': 'server', 'fingerprint': {'hash': 'sha-256',
                                                                       'value': self.fingerprint or mine.value}},
                                tracks=self.tracks, client={'agent': self.agent})
        assert reply['ok'], reply
        self.id, self.reply = reply['session'], reply
        port = self.signal.hello['listen'][0]['port']
        await self.ice.addRemoteCandidate(RTCIceCandidate(
            component=1, foundation='1', ip='127.0.0.1', port=port, priority=2130706431, protocol='udp', type='host'))
        await self.ice.addRemoteCandidate(None)
        await self.ice.start(RTCIceParameters(usernameFragment=reply['ice']['ufrag'], iceLite=True,
                                              password=self.password or reply['ice']['pwd']))
        print_ = reply['dtls']['fingerprint']
        await self.dtls.start(RTCDtlsParameters([RTCDtlsFingerprint(print_['hash'], print_['value'])]))
        assert self.dtls.state == 'connected', self.dtls.state
        return self

    async def _take_rtp(self, data, arrival_time_ms):
        self.rtp.append(Rtp(data, time.monotonic()))

    async def _take_rtcp(self, data):
        while len(data) >= 4:
            size = 4 + 4 * int.from_bytes(data[2:4], 'big')
            self.rtcp.append((time.monotonic(), data[:size]))
            data = data[size:]

    def of_type(self, kind, count, since=0):
        """[(time, RTCP packet)] of a packet type and its count or format field."""
        return [(at, p) for at, p in self.rtcp if p[1] == kind and p[0] & 31 == count and at >= since]

    def nacked(self, since=0):
        """[(time, number)] that were asked for again (RFC 4585 s.6.2.1)."""
        out = []
        for at, p in self.of_type(RTPFB, 1, since):
            for i in range(12, len(p), 4):
                first, mask = struct.unpack('!HH', p[i:i + 4])
                out += [(at, first)] + [(at, first + k + 1 & 0xffff) for k in range(16) if mask >> k & 1]
        return out

    def plis(self, since=0):
        return [(at, int.from_bytes(p[8:12], 'big')) for at, p in self.of_type(PSFB, 1, since)]

    async def send(self, data):
        await self.dtls._send_rtp(data)

    async def stop(self):
        await self.dtls.stop()
        await self.ice.stop()
        self.signal.ask('session.delete', secret=self.reply['secret'])
        self.signal.close()


async def until(condition, seconds=10, tick=None):
    """Is it true in time? tick: awaited every 20 ms."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        if tick:
            await tick()
        await asyncio.sleep(0.02)
    return True
