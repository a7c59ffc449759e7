// What is published: made by ffmpeg, taken apart into pictures and packets of sound.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media/h264reader"
	"github.com/pion/webrtc/v3/pkg/media/ivfreader"
	"github.com/pion/webrtc/v3/pkg/media/oggreader"
)

const (
	soundOctets   = 160 // 20 ms of G.711 and G.722
	sourceSeconds = 4
)

// Whole pictures or packets of sound, one by one, as ffmpeg makes them.
type reader func() ([]byte, error)

type codec struct {
	capability webrtc.RTPCodecCapability
	payload    webrtc.PayloadType
	ffmpeg     string // what makes it
	open       func(io.Reader) (reader, error)
}

const (
	x264 = "-c:v libx264 -profile:v baseline -preset ultrafast -tune zerolatency " +
		"-x264-params sliced-threads=0:aud=1 -f h264"
	libvpx = "-c:v libvpx -deadline realtime -cpu-used 8 -f ivf"
	h264   = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
)

var feedback = []webrtc.RTCPFeedback{
	{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"},
}

// What can be published. Played is what Pion takes by itself.
var published = map[string]codec{
	"H264": {webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: h264, RTCPFeedback: feedback}, 96, x264, accessUnits},
	"VP8": {webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: feedback}, 96, libvpx, ivfFrames},
	"opus": {webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000,
		Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}, 111,
		"-ac 2 -c:a libopus -b:a 64k -page_duration 20000 -f ogg", oggPages},
	"PCMU": {webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, 0,
		"-ac 1 -ar 8000 -f mulaw", pieces},
	"PCMA": {webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, 8,
		"-ac 1 -ar 8000 -f alaw", pieces},
	"G722": {webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeG722, ClockRate: 8000}, 9,
		"-ac 1 -ar 16000 -c:a g722 -f g722", pieces},
}

func accessUnits(from io.Reader) (reader, error) {
	nalus, err := h264reader.NewReader(from)

	return func() ([]byte, error) {
		var unit []byte

		for {
			nalu, err := nalus.NextNAL()
			if err != nil && unit == nil {
				return nil, err
			}
			if err != nil || (nalu.UnitType == h264reader.NalUnitTypeAUD && unit != nil) {
				return unit, nil
			}
			if nalu.UnitType != h264reader.NalUnitTypeAUD {
				unit = append(append(unit, 0, 0, 0, 1), nalu.Data...)
			}
		}
	}, err
}

func ivfFrames(from io.Reader) (reader, error) {
	ivf, _, err := ivfreader.NewWith(from)

	return func() ([]byte, error) {
		frame, _, err := ivf.ParseNextFrame()
		return frame, err
	}, err
}

func oggPages(from io.Reader) (reader, error) {
	ogg, _, err := oggreader.NewWith(from)

	return func() ([]byte, error) {
		for {
			page, _, err := ogg.ParseNextPage()
			if err != nil || !bytes.HasPrefix(page, []byte("OpusTags")) {
				return page, err
			}
		}
	}, err
}

func pieces(from io.Reader) (reader, error) {
	return func() ([]byte, error) {
		piece := make([]byte, soundOctets)
		_, err := io.ReadFull(from, piece)
		return piece, err
	}, nil
}

func source(c codec, picture *picture) []string {
	from := "sine=frequency=440:sample_rate=48000"

	if picture != nil {
		from = fmt.Sprintf("testsrc2=size=%dx%d:rate=%d -pix_fmt yuv420p -g %d -b:v %d",
			picture.Width, picture.Height, picture.Fps, picture.Fps, picture.Bps)
	}
	return strings.Fields(fmt.Sprintf("-v error -nostdin -f lavfi -i %s -t %d %s -", from,
		sourceSeconds, c.ffmpeg))
}

// Some seconds of them, made before they are due: an encoder that is late would send in bursts.
func samples(ctx context.Context, c codec, picture *picture) ([][]byte, error) {
	var all [][]byte
	var errors bytes.Buffer
	ffmpeg := exec.CommandContext(ctx, "ffmpeg", source(c, picture)...)

	ffmpeg.Stderr = &errors
	made, err := ffmpeg.Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, errors.String())
	}
	next, err := c.open(bytes.NewReader(made))
	for err == nil {
		var data []byte

		if data, err = next(); err == nil {
			all = append(all, data)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing of ffmpeg: %w", err)
	}
	return all, nil
}
