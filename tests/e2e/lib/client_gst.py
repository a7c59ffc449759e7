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
SOUND = {
    'opus': 'audioresample ! opusenc ! rtpopuspay name=pay pt=96',
    'PCMU': 'audioresample ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! '
            'rtppcmupay name=pay pt=0 min-ptime=20000000 max-ptime=20000000',
    'PCMA': 'audioresample ! audio/x-raw,rate=8000,channels=1 ! alawenc ! '
            'rtppcmapay name=pay pt=8 min-ptime=20000000 max-ptime=20000000',
    'G722': 'audioresample ! audio/x-raw,rate=16000,channels=1 ! avenc_g722 ! '
            'rtpg722pay name=pay pt=9 min-ptime=20000000 max-ptime=20000000',
}
NUMBERS = {'PCMU': 0, 'PCMA': 8, 'G722': 9}
DECODERS = {'OPUS': 'rtpopusdepay ! opusdec', 'PCMU': 'rtppcmudepay ! mulawdec',
            'PCMA': 'rtppcmadepay ! alawdec', 'G722': 'rtpg722depay ! avdec_g722',
            'H264': 'rtph264depay ! avdec_h264',
            'VP8': 'rtpvp8depay ! vp8dec',
            'VP9': 'rtpvp9depay ! vp9dec', 'H265': 'rtph265depay ! avdec_h265'}
OFFERS = {'H264': 'application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96,'
                  'packetization-mode=(string)1,profile-level-id=(string)42e01f',
          **{name: f'application/x-rtp,media=video,encoding-name={name},clock-rate=90000,payload={pt}'
             for name, pt in (('VP8', 97), ('VP9', 98), ('H265', 99))}}
HEARS = ['application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,payload=96,'
         'encoding-params=(string)2',
         *(f'application/x-rtp,media=audio,encoding-name={name},clock-rate=8000,payload={pt}'
           for name, pt in NUMBERS.items())]


class Peer:
    """One webrtcbin that offers; counts the pictures that leave its encoder or its decoder."""

    def __init__(self, url):
        self.url, self.frames, self.error, self.location = url, 0, None, None
        self.heard = None

    @staticmethod
    def repairs(transceiver, kind):
        """What is lost of a picture is asked for, and sent again by RTX."""
        transceiver.set_property('do-nack', kind != 'audio')

    def begin(self):
        self.bin.connect('on-negotiation-needed', self.negotiate)
        self.pipeline.set_state(Gst.State.PLAYING)

    def count(self, pad):
        def on_buffer(_pad, _info):
            self.frames += 1
            return Gst.PadProbeReturn.OK
        pad.add_probe(Gst.PadProbeType.BUFFER, on_buffer)

    def listen(self, pad):
        self.heard = False

        def on_buffer(_pad, info):
            data = info.get_buffer().extract_dup(0, 64)
            self.heard = self.heard or len(set(data)) > 4
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
        if codec in SOUND:
            rate = {'opus': 48000, 'G722': 8000}.get(codec, 8000)
            pt = NUMBERS.get(codec, 96)
            self.pipeline = Gst.parse_launch(
                f'audiotestsrc is-live=true samplesperbuffer=480 ! audioconvert ! {SOUND[codec]} ! '
                f'application/x-rtp,media=audio,encoding-name={codec.upper()},clock-rate={rate},'
                f'payload={pt} ! webrtcbin name=rtc bundle-policy=max-bundle')
            pad = 'src'
        else:
            self.pipeline = Gst.parse_launch(self.picture(codec, p))
            pad = 'sink'
        self.bin = self.pipeline.get_by_name('rtc')
        self.count(self.pipeline.get_by_name('pay').get_static_pad(pad))
        self.repairs(self.bin.emit('get-transceiver', 0), 'audio' if codec in SOUND else 'video')
        self.begin()

    @staticmethod
    def picture(codec, p):
        return (
            f'videotestsrc is-live=true pattern={p.get("pattern", "ball")} ! video/x-raw,format=I420,'
            f'width={p["width"]},height={p["height"]},framerate={p["fps"]}/1 ! videoconvert ! '
            f'{ENCODERS[codec].format(bps=p["bps"], kbps=p["bps"] // 1000)} ! '
            f'application/x-rtp,media=video,encoding-name={codec},payload=96 ! '
            'webrtcbin name=rtc bundle-policy=max-bundle')


class Player(Peer):
    def __init__(self, url, kind):
        super().__init__(url)
        self.pipeline = Gst.Pipeline.new()
        self.bin = Gst.ElementFactory.make('webrtcbin', 'rtc')
        self.bin.set_property('bundle-policy', GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.bin)
        self.bin.connect('pad-added', self.on_pad)
        self.repairs(self.bin.emit(
            'add-transceiver', GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
            Gst.Caps.from_string(';'.join(HEARS if kind == 'audio' else OFFERS.values()))), kind)
        self.begin()

    def on_pad(self, _bin, pad):
        name = pad.get_current_caps().get_structure(0).get_string('encoding-name')
        sink = Gst.parse_bin_from_description(
            f'queue ! {DECODERS[name]} ! fakesink name=end sync=false', True)
        if name in ('OPUS', *NUMBERS):
            self.listen(sink.get_by_name('end').get_static_pad('sink'))
            self.count(pad)     # packets
        else:
            self.count(sink.get_by_name('end').get_static_pad('sink'))
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad('sink'))


def obey(peers):
    for order in client_base.orders():
        op, name = order['op'], order.get('id')
        if op == 'publish':
            peers[name] = Publisher(order['url'], order['codec'], order.get('picture'))
        elif op == 'play':
            peers[name] = Player(order['url'], order['kind'])
        elif op == 'stop':
            peers.pop(name).stop()
        else:
            client_base.tell({k: (p.frames, p.error, p.heard) for k, p in peers.items()})


Gst.init(None)
threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
obey({})
os._exit(0)     # without waiting for the threads of its pipelines
