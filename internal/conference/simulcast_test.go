package conference

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// three are the encodings as a client with simulcast declares them.
func three() []SendStream {
	return []SendStream{{MaxBitrateKbps: 300}, {MaxBitrateKbps: 600}, {MaxBitrateKbps: 1200}}
}

func TestSimulcast(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		b.take()
		r := a.negotiate(simulcastOffer(), three())
		want := []Allocation{{"", 2, 2}, {"", 3, 2}, {"", 4, 2}}
		if len(r.Allocations) != 3 || r.Allocations[0] != want[0] || r.Allocations[1] != want[1] || r.Allocations[2] != want[2] {
			t.Fatalf("allocations %v, want %v", r.Allocations, want)
		}
		s.settle()
		b.tells() // nothing flows yet
		number := [3]uint16{}
		flow := func(d time.Duration, layers ...int) {
			for range int(d / (50 * time.Millisecond)) {
				for _, i := range layers {
					number[i]++
					h := rtp.Header{Version: 2, PayloadType: 96, SSRC: uint32(300 + i), SequenceNumber: number[i], Timestamp: uint32(number[i]) * 4500}
					if err := h.SetExtension(4, []byte([]string{"low", "mid", "hi"}[i])); err != nil {
						t.Fatal(err)
					}
					a.media.RTP(&h, []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 1}, time.Now())
				}
				s.wait(50 * time.Millisecond)
			}
		}
		flow(500*time.Millisecond, 0, 2)
		b.tells("index n=2 full=false [a=2/2 a=4/2]")
		b.subscribe(nil, 4)
		flow(500*time.Millisecond, 0, 2)
		rx := b.receivers["2"]
		if got := rx.down.Layer(); got != 2 {
			t.Errorf("layer %d is sent, want 2", got)
		}
		b.UpdateVideos([]VideoSubscription{{MID: "2", StreamID: 2}}, nil)
		flow(500*time.Millisecond, 0, 2)
		if got := rx.down.Layer(); got != 0 {
			t.Errorf("layer %d is sent, want 0", got)
		}
		b.UpdateVideos([]VideoSubscription{{MID: "2", GroupID: 2, TargetBitrateKbps: 1500}}, nil)
		flow(500*time.Millisecond, 0, 2)
		if got := rx.down.Layer(); got != 2 {
			t.Errorf("layer %d is sent for a group, want 2", got)
		}
		b.take()
		flow(4*time.Second, 0) // the sender's network has got worse
		b.tells("index n=2 full=false [a=2/2]")
		if got := rx.down.Layer(); got != 0 {
			t.Errorf("layer %d is sent when the best has stopped, want 0", got)
		}
		off := three()
		off[2].MaxBitrateKbps = 0
		if r = a.negotiate(simulcastOffer(), off); r.Allocations[2] != want[2] {
			t.Errorf("allocations moved: %v", r.Allocations)
		}
		r = a.subscribe(oneCamera()) // simulcast off: another camera
		if r.Allocations[0] != (Allocation{"AmazonChimeExpressVideo", 5, 5}) {
			t.Errorf("allocations %v", r.Allocations)
		}
	})
}

// simulcastOffer offers the camera with three encodings by RID.
func simulcastOffer() string {
	text := offer(true, 0)
	before, after, _ := strings.Cut(text, "a=ssrc-group:FID 200 201\r\na=ssrc:200 cname:c\r\na=ssrc:201 cname:c\r\n")
	return before + "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" +
		"a=rid:low send\r\na=rid:mid send\r\na=rid:hi send\r\na=simulcast:send low;mid;hi\r\n" + after
}

// A simulcast camera that was off for a while goes on without its RIDs, which
// Chromium stops sending with the first receiver report.
func TestSimulcast_OffAndOn(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		number := uint16(0)
		flow := func(rids bool) {
			for range 10 {
				number++
				for i, rid := range []string{"low", "mid", "hi"} {
					h := rtp.Header{Version: 2, PayloadType: 96, SSRC: uint32(300 + i), SequenceNumber: number, Timestamp: uint32(number) * 4500}
					if rids {
						if err := h.SetExtension(4, []byte(rid)); err != nil {
							t.Fatal(err)
						}
					}
					a.media.RTP(&h, []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 1}, time.Now())
				}
				s.wait(50 * time.Millisecond)
			}
		}
		a.negotiate(simulcastOffer(), three())
		flow(true)
		a.subscribe(nil)
		s.settle()
		b.take()
		a.negotiate(simulcastOffer(), three())
		flow(false)
		b.tells("index n=2 full=false [a=5/5 a=6/5 a=7/5]")
		b.subscribe(nil, 6)
		flow(false)
		if got := b.receivers["2"].down.Layer(); got != 1 {
			t.Errorf("layer %d is sent, want 1", got)
		}
	})
}

// A tile that was paused on one layer is resumed on another.
func TestSimulcast_PauseMeansTheTile(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.negotiate(simulcastOffer(), three())
		b.subscribe(nil, 4)
		rx := b.receivers["2"]
		b.Pause([]uint32{4})
		b.UpdateVideos([]VideoSubscription{{MID: "2", StreamID: 2}}, nil)
		if !rx.paused || rx.layer.id != 2 {
			t.Errorf("after pause and switch: %+v", rx)
		}
		b.subscribe(nil, 3) // a pause outlives a renegotiation
		if !rx.paused || rx.layer.id != 3 {
			t.Errorf("after a renegotiation: %+v", rx)
		}
		b.Resume([]uint32{4})
		if rx.paused {
			t.Error("still paused")
		}
		b.Pause([]uint32{4})
		a.subscribe(nil)
		b.Resume([]uint32{4})
		if a.negotiate(simulcastOffer(), three()); rx.paused {
			t.Error("the pause outlived its camera")
		}
	})
}
