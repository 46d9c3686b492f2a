package video

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func TestCodec_Key(t *testing.T) {
	h264 := func(fmtp string) Codec { return Codec{Name: "H264", Fmtp: fmtp} }
	tests := []struct {
		name  string
		a, b  Codec
		equal bool
	}{
		{"case of the name", Codec{Name: "VP8"}, Codec{Name: "vp8"}, true},
		{"different names", Codec{Name: "VP8"}, Codec{Name: "VP9"}, false},
		{"parameters that do not matter", Codec{Name: "VP8", Fmtp: "x-google-start-bitrate=1000"}, Codec{Name: "VP8"}, true},
		{"VP9 profile 0 is the default", Codec{Name: "VP9"}, Codec{Name: "VP9", Fmtp: "profile-id=0;x-google-start-bitrate=1000"}, true},
		{"VP9 profiles", Codec{Name: "VP9", Fmtp: "profile-id=0"}, Codec{Name: "VP9", Fmtp: "profile-id=2"}, false},
		{"AV1 with Chromium's parameters", Codec{Name: "AV1"}, Codec{Name: "AV1", Fmtp: "level-idx=5;profile=0;tier=0"}, true},
		{"H264 levels", h264("packetization-mode=1;profile-level-id=42e01f"), h264("profile-level-id=42e034; packetization-mode=1"), true},
		{"H264 baseline is not constrained baseline", h264("packetization-mode=1;profile-level-id=42001f"), h264("packetization-mode=1;profile-level-id=42e01f"), false},
		{"H264 constrained baseline, written as main", h264("profile-level-id=4d801f"), h264("profile-level-id=42e01f"), true},
		{"H264 constrained baseline, written as extended", h264("profile-level-id=58c01f"), h264("profile-level-id=42e01f"), true},
		{"H264 packetization modes", h264("packetization-mode=0;profile-level-id=42e01f"), h264("packetization-mode=1;profile-level-id=42e01f"), false},
		{"H264 packetization mode 0 is the default", h264("profile-level-id=42e01f"), h264("packetization-mode=0;profile-level-id=42e01f"), true},
		{"H264 main and high", h264("profile-level-id=4d001f"), h264("profile-level-id=640c1f"), false},
		{"H264 case of the profile", h264("profile-level-id=42E01F"), h264("profile-level-id=42e01f"), true},
		{"H264 nonsense", h264("profile-level-id=zz"), h264("profile-level-id=42e01f"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a, b := tt.a.key(), tt.b.key(); (a == b) != tt.equal {
				t.Errorf("%q and %q", a, b)
			}
		})
	}
}

// A codec that nobody here has heard of is forwarded from the first packet on,
// byte for byte.
func TestForward_UnknownCodec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{Codecs: []Codec{{PayloadType: 96, Name: "X-FUTURE"}}})
		run(1, false, c)
		w := &wire{}
		d := NewDownTrack(DownTrackConfig{Sink: w, SSRC: outSSRC, Codecs: []Codec{{PayloadType: 50, Name: "x-future"}}})
		d.Attach(c.pub, Best)
		s := c.make(false)
		s.payload = bytes.Repeat([]byte{0xff}, 40)
		c.deliver(s)
		if p := w.last(t); !bytes.Equal(p.Payload, s.payload) || p.PayloadType != 50 {
			t.Errorf("sent %+v", p)
		}
	})
}

// Payloads of a known codec that make no sense pass untouched once the stream flows.
func TestForward_NotUnderstood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		run(1, true, c)
		s := c.make(false)
		s.payload = []byte{0x90, 0x80, 0x92} // cut inside the picture id
		c.deliver(s)
		if p := w.last(t); !bytes.Equal(p.Payload, s.payload) {
			t.Errorf("sent %x", p.Payload)
		}
	})
}

func TestRate(t *testing.T) {
	var r rate
	for i := range 20 {
		r.add(1000, time.Duration(i)*100*time.Millisecond)
	}
	if got := r.bitsPerSecond(1950 * time.Millisecond); got != 80000 {
		t.Errorf("%d bit/s, want 80000", got)
	}
	if got := r.bitsPerSecond(2450 * time.Millisecond); got != 40000 {
		t.Errorf("%d bit/s half a second later, want 40000", got)
	}
	if got := r.bitsPerSecond(time.Hour); got != 0 {
		t.Errorf("%d bit/s in silence", got)
	}
	r.add(1, 0) // a clock going back is no reason to fail
}
