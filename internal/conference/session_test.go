package conference

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// film sends VP8 of one layer for a while, 20 packets a second.
func (a *actor) film(d time.Duration) {
	for range int(d / (50 * time.Millisecond)) {
		a.number++
		h := rtp.Header{Version: 2, PayloadType: 96, SSRC: 200, SequenceNumber: a.number, Timestamp: uint32(a.number) * 4500}
		a.media.RTP(&h, append([]byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0}, make([]byte, 600)...), time.Now())
		a.stage.wait(50 * time.Millisecond)
	}
}

// BITRATES comes every four seconds to everybody, with what each could receive
// (signaling spec 4.2); third-party clients take 15 s without a frame for death.
func TestBitrates(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		share := s.enter("a#content", 3)
		a.subscribe(oneCamera())
		a.film(9 * time.Second)
		for _, p := range []*actor{a, b, share} {
			if p.rates != 2 {
				t.Errorf("%s was told %d times in 9 s, want 2", p.id.AttendeeID, p.rates)
			}
		}
		if len(a.rated) != 0 || len(share.rated) != 0 {
			t.Errorf("the sender was told %v, the share %v", a.rated, share.rated)
		}
		if len(b.rated) != 1 || b.rated[0].StreamID != 2 || b.rated[0].AvgBitrateBps < 90_000 || b.rated[0].AvgBitrateBps > 110_000 {
			t.Errorf("told %v, want about 100 kbit/s of stream 2", b.rated)
		}
		a.subscribe(nil)
		s.wait(4 * time.Second)
		if len(b.rated) != 0 {
			t.Errorf("told %v of a camera that is off", b.rated)
		}
	})
}

// A content share has a session of its own: it goes on when its attendee's
// socket is replaced (signaling spec 8, 9.3).
func TestContent_OutlivesResume(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a, b, share := s.enter("a", 1), s.enter("b", 2), s.enter("a#content", 3)
		share.subscribe(oneCamera())
		s.settle()
		share.take()
		b.take()
		a.Drop()
		s.wait(2 * time.Second)
		a2 := s.enter("a", 1)
		share.tells("roster 4+a 1left")
		b.tells("roster 4+a 1left")
		if len(a2.index.Sources) != 1 || len(a2.roster) != 3 {
			t.Errorf("the resumed session has sources %v and roster %v", a2.index.Sources, a2.roster)
		}
		// The share itself resumes, too, under a larger group.
		share2 := s.join("a#content", 3)
		share2.subscribe(oneCamera())
		s.settle()
		b.tells("roster 5+a#content 3left", "index n=2 full=false [a#content=3/3]")
		share.tells("end 0 1000")
	})
}

// A server may forbid content shares.
func TestContent_None(t *testing.T) {
	play(t, "OK", Limits{ContentShares: -1}, []string{"a"}, func(t *testing.T, s *stage) {
		s.enter("a", 1)
		if _, err := s.tryJoin("a#content", 2); !errors.Is(err, ErrContentCapacity) {
			t.Errorf("joined: %v", err)
		}
	})
}

// Content senders are asked for a keyframe every ten seconds while somebody
// watches, unless JOIN said otherwise (signaling spec 3.9).
func TestContent_PeriodicKeyframes(t *testing.T) {
	for name, spared := range map[string]bool{"Asked": false, "Spared": true} {
		play(t, name, Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
			b := s.enter("b", 2)
			share := s.join("a#content", 3)
			share.options.NoPeriodicKeyframes = spared
			share.subscribe(oneCamera())
			b.subscribe(nil, 2)
			share.filmKeyless(time.Second, true)
			before := share.media.session.(*fakeSession).keyframes.Load()
			share.filmKeyless(25*time.Second, false)
			got := share.media.session.(*fakeSession).keyframes.Load() - before
			if spared && got != 0 || !spared && got < 2 {
				t.Errorf("asked %d times in 25 s", got)
			}
		})
	}
}

// filmKeyless is film with inter frames, after one keyframe if key is set.
func (a *actor) filmKeyless(d time.Duration, key bool) {
	for range int(d / (50 * time.Millisecond)) {
		a.number++
		h := rtp.Header{Version: 2, PayloadType: 96, SSRC: 200, SequenceNumber: a.number, Timestamp: uint32(a.number) * 4500}
		payload := []byte{0x10, 1, 0, 0}
		if key {
			payload, key = []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0}, false
		}
		a.media.RTP(&h, payload, time.Now())
		a.stage.wait(50 * time.Millisecond)
	}
}

// A subscription, a resume and a change of the source each ask for a keyframe
// (signaling spec 3.9, checklist 21).
func TestKeyframes(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.subscribe(oneCamera())
		a.filmKeyless(time.Second, true)
		asked := &a.media.session.(*fakeSession).keyframes
		for name, do := range map[string]func(){
			"subscribe": func() { b.subscribe(nil, 2) },
			"resume":    func() { b.Pause([]uint32{2}); b.Resume([]uint32{2}) },
			"removed and back": func() {
				b.UpdateVideos(nil, []string{"2"})
				b.UpdateVideos([]VideoSubscription{{MID: "2", StreamID: 2}}, nil)
			},
		} {
			b.subscribe(nil, 2)
			a.filmKeyless(time.Second, true)
			if name == "subscribe" {
				b.subscribe(nil, 0)
			}
			before := asked.Load()
			do()
			if asked.Load() == before {
				t.Errorf("%s: no keyframe was asked for", name)
			}
			a.filmKeyless(time.Second, true)
		}
	})
}

// Pause stops the packets of a stream, and only of that one.
func TestPause_OnlyThatStream(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b", "c"}, func(t *testing.T, s *stage) {
		a, b, c := s.enter("a", 1), s.enter("b", 2), s.enter("c", 3)
		a.subscribe(oneCamera())
		b.subscribe(oneCamera())
		c.subscribe(nil, 2, 3)
		flow := func() (first, second uint64) {
			before := [2]uint64{c.receivers["2"].down.Stats(time.Now()).Packets, c.receivers["3"].down.Stats(time.Now()).Packets}
			a.film(500 * time.Millisecond)
			b.film(500 * time.Millisecond)
			return c.receivers["2"].down.Stats(time.Now()).Packets - before[0], c.receivers["3"].down.Stats(time.Now()).Packets - before[1]
		}
		if x, y := flow(); x != 10 || y != 10 {
			t.Errorf("%d and %d packets, want 10 of each", x, y)
		}
		c.Pause([]uint32{2})
		if x, y := flow(); x != 0 || y != 10 {
			t.Errorf("%d and %d packets, want none of the first", x, y)
		}
		c.Resume([]uint32{2})
		if x, y := flow(); x != 10 || y != 10 {
			t.Errorf("%d and %d packets after resume, want 10 of each", x, y)
		}
	})
}

// Messages live as long as they say, and the sender does not get its own again.
func TestData_Lifetime(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b", "c"}, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.Send([]DataMessage{
			{Topic: "x", Data: []byte("short"), LifetimeMs: 1000},
			{Topic: "x", Data: []byte("long"), LifetimeMs: 3_600_000},
			{Topic: "x", Data: []byte("now")},
		})
		if len(b.data) != 3 || len(a.data) != 0 {
			t.Errorf("b got %d, a got %d of its own", len(b.data), len(a.data))
		}
		s.wait(2 * time.Second)
		late := s.enter("c", 3)
		if len(late.data) != 1 || string(late.data[0].Data) != "long" {
			t.Errorf("late, c got %v", late.data)
		}
		late.Leave()
		s.wait(5 * time.Minute)
		if later := s.enter("c", 4); len(later.data) != 0 {
			t.Errorf("after five minutes c got %v", later.data)
		}
	})
}

// Messages outlive the room that everybody has left, but not the meeting.
func TestData_OutlivesTheRoom(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		a.Send([]DataMessage{{Topic: "x", Data: []byte("note"), LifetimeMs: 60_000}})
		a.Leave()
		s.wait(30 * time.Second)
		if s.Stats().Rooms != 0 {
			t.Fatal("the room is still open")
		}
		b := s.enter("b", 2)
		if len(b.data) != 1 || string(b.data[0].Data) != "note" {
			t.Errorf("b got %v", b.data)
		}
		b.Leave()
		s.wait(time.Minute)
		if len(s.mail) != 0 {
			t.Errorf("dead messages are kept: %v", s.mail)
		}
		b = s.enter("b", 3)
		if len(b.data) != 0 {
			t.Errorf("b got a dead message: %v", b.data)
		}
		b.Send([]DataMessage{{Topic: "x", Data: []byte("last"), LifetimeMs: 60_000}})
		s.publish("meeting.m.ended", `{}`)
		if len(s.mail) != 0 {
			t.Errorf("messages of an ended meeting are kept: %v", s.mail)
		}
	})
}

// Who has no audio host is in the roster without an audio connection, and an
// attendee without rights is served what is left (signaling spec 2.4, 10).
func TestSubscribe_WithoutAudio(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a"}, func(t *testing.T, s *stage) {
		a := s.join("a", 1)
		err := a.Subscribe(context.Background(), SubscribeRequest{OfferSDP: offer(false, 0)}, func(SubscribeResult) {})
		if err != nil {
			t.Fatal(err)
		}
		a.media.Connected()
		s.settle()
		if ids := a.roster; len(ids) != 1 {
			t.Errorf("roster %v", ids)
		}
		if p := s.find("m").presence; p.AudioConnections != 0 || p.Connections != 1 {
			t.Errorf("presence %+v", p)
		}
	})
}

func keyframesIn(pkts []rtcp.Packet) (n int64) {
	for _, p := range pkts {
		if _, ok := p.(*rtcp.PictureLossIndication); ok {
			n++
		}
	}
	return n
}
