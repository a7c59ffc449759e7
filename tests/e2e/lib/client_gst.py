#!/usr/bin/python3
"""A client of the matrix on GStreamer's webrtcbin. See client_base.py."""
import os
import sys
import threading

import gi
gi.require_version('Gst', '1.0')
gi.require_version('GstSdp', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client_base  # noqa: E402

ENCODERS = {
    'H264': 'x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate={kbps} ! '
            'video/x-h264,profile=constrained-baseline ! h264parse ! '
            'rtph264pay name=pay config-interval=-1 aggregate-mode=zero-latency pt=96',
    'VP8': 'vp8enc name=enc deadline=1 keyframe-max-dist=30 target-bitrate={bps} ! '
           'rtpvp8pay name=pay picture-id-mode=2 pt=96',
    'VP9': 'vp9enc deadline=1 cpu-used=8 keyframe-max-dist=30 target-bitrate={bps} ! '
           'rtpvp9pay name=pay picture-id-mode=2 pt=96',
    'H265': 'x265enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate={kbps} ! '
            'h265parse ! rtph265pay name=pay config-interval=-1 aggregate-mode=zero-latency pt=96',
}
DECODERS = {'H264': 'rtph264depay ! avdec_h264', 'VP8': 'rtpvp8depay ! vp8dec',
            'VP9': 'rtpvp9depay ! vp9dec', 'H265': 'rtph265depay ! avdec_h265'}
OFFERS = {'H264': 'application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96,'
                  'packetization-mode=(string)1,profile-level-id=(string)42e01f',
          **{name: f'application/x-rtp,media=video,encoding-name={name},clock-rate=90000,payload={pt}'
             for name, pt in (('VP8', 97), ('VP9', 98), ('H265', 99))}}


class Peer:
    """One webrtcbin that offers; counts the pictures that leave its encoder or its decoder."""

    def __init__(self, url):
        self.url, self.frames, self.error, self.location = url, 0, None, None

    def begin(self):
        self.bin.connect('on-negotiation-needed', self.negotiate)
        self.pipeline.set_state(Gst.State.PLAYING)

    def count(self, pad):
        def on_buffer(_pad, _info):
            self.frames += 1
            return Gst.PadProbeReturn.OK
        pad.add_probe(Gst.PadProbeType.BUFFER, on_buffer)

    def negotiate(self, _bin):
        self.bin.emit('create-offer', None, Gst.Promise.new_with_change_func(self.on_offer, None))

    def on_offer(self, promise, _arg):
        promise.wait()
        reply = promise.get_reply()     # the offer lives as long as it
        offer = reply.get_value('offer')
        self.bin.emit('set-local-description', offer, Gst.Promise.new())
        threading.Thread(target=self.exchange, args=(offer.sdp.as_text(),), daemon=True).start()

    def exchange(self, offer):
        try:
            answer, self.location = client_base.post(self.url, offer)
        except (RuntimeError, OSError) as e:
            self.error = str(e)
            return
        _, sdp = GstSdp.SDPMessage.new_from_text(answer)
        self.bin.emit('set-remote-description', GstWebRTC.WebRTCSessionDescription.new(
            GstWebRTC.WebRTCSDPType.ANSWER, sdp), Gst.Promise.new())

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)
        if self.location:
            client_base.delete(self.location)


class Publisher(Peer):
    def __init__(self, url, codec, p):
        super().__init__(url)
        self.pipeline = Gst.parse_launch(
            'videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,'
            f'width={p["width"]},height={p["height"]},framerate={p["fps"]}/1 ! videoconvert ! '
            f'{ENCODERS[codec].format(bps=p["bps"], kbps=p["bps"] // 1000)} ! '
            f'application/x-rtp,media=video,encoding-name={codec},payload=96 ! '
            'webrtcbin name=rtc bundle-policy=max-bundle')
        self.bin = self.pipeline.get_by_name('rtc')
        self.count(self.pipeline.get_by_name('pay').get_static_pad('sink'))
        self.begin()


class Player(Peer):
    def __init__(self, url):
        super().__init__(url)
        self.pipeline = Gst.Pipeline.new()
        self.bin = Gst.ElementFactory.make('webrtcbin', 'rtc')
        self.bin.set_property('bundle-policy', GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.bin)
        self.bin.connect('pad-added', self.on_pad)
        self.bin.emit('add-transceiver', GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
                      Gst.Caps.from_string(';'.join(OFFERS.values())))
        self.begin()

    def on_pad(self, _bin, pad):
        name = pad.get_current_caps().get_structure(0).get_string('encoding-name')
        sink = Gst.parse_bin_from_description(
            f'queue ! {DECODERS[name]} ! fakesink name=end sync=false', True)
        self.count(sink.get_by_name('end').get_static_pad('sink'))
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad('sink'))


def obey(peers):
    for order in client_base.orders():
        op, name = order['op'], order.get('id')
        if op == 'publish':
            peers[name] = Publisher(order['url'], order['codec'], order['picture'])
        elif op == 'play':
            peers[name] = Player(order['url'])
        elif op == 'stop':
            peers.pop(name).stop()
        else:
            client_base.tell({k: (p.frames, p.error) for k, p in peers.items()})


Gst.init(None)
threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
obey({})
os._exit(0)     # without waiting for the threads of its pipelines
