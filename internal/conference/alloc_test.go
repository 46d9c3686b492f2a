package conference

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// TestPackets_DoNotAllocate pins the way of a packet from the network through
// the routes to the mixer and to a receiver of video.
func TestPackets_DoNotAllocate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Limits{}, "a", "b")
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.subscribe(oneCamera())
		b.subscribe(nil, 2)
		routes := *a.media.routes.Load()
		routes.twccID = 3
		a.media.routes.Store(&routes)

		now := time.Now()
		sound := rtp.Header{Version: 2, PayloadType: 111, SSRC: 100}
		picture := rtp.Header{Version: 2, PayloadType: 96, SSRC: 200, Marker: true}
		numbers := []byte{0, 0}
		for _, h := range []*rtp.Header{&sound, &picture} {
			if err := h.SetExtension(3, numbers); err != nil {
				t.Fatal(err)
			}
		}
		if err := sound.SetExtension(1, []byte{127}); err != nil {
			t.Fatal(err)
		}
		frame := []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 1}
		silence := []byte{0xf8, 0xff, 0xfe}
		one := func() {
			numbers[1]++
			sound.SequenceNumber++
			sound.Timestamp += 960
			a.media.RTP(&sound, silence, now)
			picture.SequenceNumber++
			picture.Timestamp += 3000
			a.media.RTP(&picture, frame, now)
		}
		for range 2000 { // until histories and lists have their size
			one()
		}
		if n := testing.AllocsPerRun(500, one); n != 0 {
			t.Errorf("%v allocations for two packets", n)
		}
		if rx := b.receivers["2"]; rx.down.Stats(now).Packets < 2000 {
			t.Errorf("receiver got %+v", rx.down.Stats(now))
		}
	})
}

// BenchmarkTick is the housekeeping of one second in a meeting of two silent
// attendees.
func BenchmarkTick(b *testing.B) {
	r := newRoom(&Rooms{limits: DefaultLimits(), log: quiet()}, "m", time.Now())
	for _, name := range []string{"a", "b"} {
		p := newParticipant(r, Identity{MeetingID: "m", AttendeeID: name, Capabilities: everything()}, JoinOptions{}, &recorder{})
		p.begun, p.rosterID = true, 1
		r.sessions = append(r.sessions, p)
	}
	now := time.Now()
	r.nextRefresh = now.Add(time.Hour * 1000)
	b.ReportAllocs()
	for b.Loop() {
		for range 10 {
			now = now.Add(tickEvery)
			r.tick(now)
		}
	}
}
