// A client of the matrix on Pion, the stack of most servers and WHIP clients in Go. It has no
// coders: what it publishes comes from ffmpeg, with a keyframe a second, and is cut into packets
// here; what it plays it puts together, and counts pictures that are whole.
// Orders as in client_base.py.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media"
	"github.com/pion/webrtc/v3/pkg/media/samplebuilder"
)

const (
	rtxType   = 97
	lateMax   = 256 // packets that a picture is waited for
	soundMs   = 20
	answerMax = 10 * time.Second
)

type picture struct {
	Width, Height, Fps, Bps int
}

type order struct {
	Op, ID, URL, Codec, Kind string
	Picture                  *picture
}

type peer struct {
	pc       *webrtc.PeerConnection
	frames   int64
	lock     sync.Mutex
	failure  *string
	location string
	context  context.Context // until stop
	cancel   context.CancelFunc
}

func (p *peer) fail(err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.failure == nil && p.context.Err() == nil {
		text := err.Error()
		p.failure = &text
	}
}

// engine: what is offered.
func (p *peer) make(engine *webrtc.MediaEngine) error {
	var registry interceptor.Registry
	var settings webrtc.SettingEngine

	if err := webrtc.RegisterDefaultInterceptors(engine, &registry); err != nil {
		return err
	}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	p.lock.Lock()
	defer p.lock.Unlock()
	p.pc = pc
	return err
}

// The answer, and the URL of the session.
func post(to, offer string) (string, string, error) {
	client := http.Client{Timeout: answerMax}
	response, err := client.Post(to, "application/sdp", strings.NewReader(offer))
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusCreated {
		return "", "", fmt.Errorf("%d %s", response.StatusCode, body)
	}
	location, err := response.Location() // made absolute
	if err != nil {
		return "", "", err
	}
	return string(body), location.String(), nil
}

func (p *peer) exchange(to string) error {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err = p.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	answer, location, err := post(to, p.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	p.lock.Lock()
	p.location = location
	p.lock.Unlock()
	return p.pc.SetRemoteDescription(webrtc.SessionDescription{
		Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// Over and over, each at its time.
func (p *peer) feed(all [][]byte, duration time.Duration, to *webrtc.TrackLocalStaticSample) error {
	begun := time.Now()

	for i := 0; ; i++ {
		select {
		case <-time.After(time.Until(begun.Add(time.Duration(i) * duration))):
		case <-p.context.Done():
			return nil
		}
		sample := media.Sample{Data: all[i%len(all)], Duration: duration}
		if err := to.WriteSample(sample); err != nil {
			return err
		}
		atomic.AddInt64(&p.frames, 1)
	}
}

// That codec alone is offered, and RTX for pictures.
func only(engine *webrtc.MediaEngine, c codec, kind webrtc.RTPCodecType) error {
	if kind == webrtc.RTPCodecTypeVideo {
		rtx := webrtc.RTPCodecCapability{MimeType: "video/rtx", ClockRate: 90000,
			SDPFmtpLine: fmt.Sprintf("apt=%d", c.payload)}
		err := engine.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: rtx, PayloadType: rtxType}, kind)
		if err != nil {
			return err
		}
	}
	return engine.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: c.capability, PayloadType: c.payload}, kind)
}

// Interceptors see reports and NACKs as they are read.
func drain(sender *webrtc.RTPSender) {
	for {
		if _, _, err := sender.ReadRTCP(); err != nil {
			return
		}
	}
}

func (p *peer) publish(o order) error {
	var engine webrtc.MediaEngine
	kind, duration := webrtc.RTPCodecTypeAudio, soundMs*time.Millisecond
	c := published[o.Codec]

	if o.Picture != nil {
		kind, duration = webrtc.RTPCodecTypeVideo, time.Second/time.Duration(o.Picture.Fps)
	}
	all, err := samples(p.context, c, o.Picture)
	if err != nil {
		return err
	}
	if err := only(&engine, c, kind); err != nil {
		return err
	}
	if err := p.make(&engine); err != nil {
		return err
	}
	track, err := webrtc.NewTrackLocalStaticSample(c.capability, "track", "stream")
	if err != nil {
		return err
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	connected := make(chan struct{})
	var once sync.Once
	p.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	if err = p.exchange(o.URL); err != nil {
		return err
	}
	select {
	case <-connected:
	case <-p.context.Done():
		return nil
	}
	go drain(transceiver.Sender())
	return p.feed(all, duration, track)
}

func depacketizer(mime string) rtp.Depacketizer {
	switch strings.ToLower(mime) {
	case "video/h264":
		return &codecs.H264Packet{}
	case "video/vp8":
		return &codecs.VP8Packet{}
	case "video/vp9":
		return &codecs.VP9Packet{}
	}
	return nil
}

func (p *peer) count(track *webrtc.TrackRemote) {
	var whole *samplebuilder.SampleBuilder

	if d := depacketizer(track.Codec().MimeType); d != nil {
		whole = samplebuilder.New(lateMax, d, track.Codec().ClockRate)
	}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if whole == nil {
			atomic.AddInt64(&p.frames, 1)
			continue
		}
		whole.Push(packet)
		for whole.Pop() != nil {
			atomic.AddInt64(&p.frames, 1)
		}
	}
}

func (p *peer) play(o order) error {
	var engine webrtc.MediaEngine

	if err := engine.RegisterDefaultCodecs(); err != nil {
		return err
	}
	if err := p.make(&engine); err != nil {
		return err
	}
	p.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.count(track) })
	init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if _, err := p.pc.AddTransceiverFromKind(webrtc.NewRTPCodecType(o.Kind), init); err != nil {
		return err
	}
	return p.exchange(o.URL)
}

func (p *peer) stop() {
	p.cancel()
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.pc != nil {
		_ = p.pc.Close()
	}
	if p.location == "" {
		return
	}
	if request, err := http.NewRequest(http.MethodDelete, p.location, nil); err == nil {
		client := http.Client{Timeout: answerMax}
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
		}
	}
}

func tell(peers map[string]*peer, begun time.Time) {
	type count struct {
		Frames int64   `json:"frames"`
		At     float64 `json:"at"`
		Error  *string `json:"error"`
	}
	all := map[string]count{}
	at := float64(time.Since(begun).Microseconds()) / 1000 // ms

	for id, p := range peers {
		p.lock.Lock()
		all[id] = count{atomic.LoadInt64(&p.frames), at, p.failure}
		p.lock.Unlock()
	}
	_ = json.NewEncoder(os.Stdout).Encode(all)
}

func main() {
	begun := time.Now()
	peers := map[string]*peer{}

	for orders := json.NewDecoder(os.Stdin); ; {
		var o order

		if err := orders.Decode(&o); err != nil {
			break
		}
		switch o.Op {
		case "counts":
			tell(peers, begun)
		case "stop":
			if p := peers[o.ID]; p != nil {
				go p.stop()
			}
			delete(peers, o.ID)
		case "publish", "play":
			p := &peer{}
			p.context, p.cancel = context.WithCancel(context.Background())
			peers[o.ID] = p
			go func() {
				run := p.play
				if o.Op == "publish" {
					run = p.publish
				}
				if err := run(o); err != nil {
					p.fail(err)
				}
			}()
		}
	}
	for _, p := range peers {
		p.cancel()
	}
}
