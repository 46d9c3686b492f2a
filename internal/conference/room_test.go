package conference

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/rtc"
)

// play runs a story in a synctest bubble.
func play(t *testing.T, name string, l Limits, attendees []string, story func(t *testing.T, s *stage)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { story(t, newStage(t, l, attendees...)) })
	})
}

func TestRoster(t *testing.T) {
	ab := []string{"a", "b", "c"}
	play(t, "JoinMuteLeave", Limits{}, ab, func(t *testing.T, s *stage) {
		a := s.join("a", 1)
		a.tells("index n=1 full=false []")
		a.subscribe(nil)
		s.settle()
		a.tells("ack", "roster 1+a", "index n=1 full=false []") // only VP8 is left
		b := s.join("b", 2)
		s.settle()
		a.tells("index n=2 full=false []")
		b.SetMuted(true) // before it is in the roster: nobody is told
		b.SetMuted(false)
		b.subscribe(nil)
		a.tells("roster 2+b")
		b.tells("index n=2 full=false []", "ack", "roster 1+a 2+b")
		b.SetMuted(true)
		b.SetMuted(true)
		a.tells("roster 2muted=true")
		b.tells("roster 2muted=true")
		b.Leave()
		s.settle()
		a.tells("roster 2left", "index n=1 full=false []")
		b.SetMuted(false)
		b.Leave()
		b.tells()
	})
	play(t, "Dropped", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.take()
		b.Drop()
		s.wait(11 * time.Second)
		a.tells()
		s.wait(2 * time.Second)
		a.tells("roster 2dropped", "index n=1 full=false []")
	})
	play(t, "DropBeforeSubscribe", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.join("b", 2)
		s.settle()
		a.take()
		b.Drop()
		s.settle()
		a.tells("index n=1 full=false []")
	})
	play(t, "ResumeWithinGrace", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.take()
		b.Drop()
		s.wait(5 * time.Second)
		b2 := s.enter("b", 2)
		a.tells("roster 3+b 2left")
		b2.tells("index n=2 full=false []", "ack", "roster 1+a 3+b")
		s.wait(20 * time.Second)
		a.tells()
	})
	play(t, "ResumeOverLiveSocket", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.take()
		b.take()
		s.enter("b", 2)
		a.tells("roster 3+b 2left")
		b.tells("end 0 1000")
	})
	play(t, "OtherDevice", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.take()
		b.take()
		b2 := s.join("b", 7)
		b.tells() // not before the new one is in
		b2.subscribe(nil)
		a.tells("roster 3+b 2left")
		b.tells("end 301 1000")
		b.Drop() // its socket closes
		s.wait(20 * time.Second)
		a.tells()
	})
	play(t, "OldClientsAreOtherDevices", Limits{}, ab, func(t *testing.T, s *stage) {
		a := s.enter("a", 0)
		a.take()
		s.enter("a", 0)
		a.tells("end 301 1000")
	})
	play(t, "PendingIsSuperseded", Limits{}, ab, func(t *testing.T, s *stage) {
		first := s.join("a", 1)
		first.take()
		s.join("a", 2)
		first.tells("end 301 1000")
		if err := first.Subscribe(context.Background(), SubscribeRequest{OfferSDP: offer(false, 0)}, nil); !errors.Is(err, ErrLeft) {
			t.Errorf("subscribe after the end: %v", err)
		}
	})
	play(t, "MediaGone", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		b.subscribe(oneCamera())
		s.settle()
		a.take()
		b.take()
		b.media.Gone("nothing received")
		s.settle()
		a.tells("index n=2 full=false []") // its video goes at once
		s.wait(4 * time.Second)
		a.tells("roster 2dropped", "index n=1 full=false []")
		b.tells("end 0 4500")
	})
	play(t, "MediaClosedByPeer", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.take()
		b.media.Gone(rtc.ReasonClosedByPeer) // as when it reconnects
		b.Drop()
		s.wait(11 * time.Second)
		a.tells()
		s.wait(2 * time.Second)
		a.tells("roster 2dropped", "index n=1 full=false []")
	})
	play(t, "IDsAreNeverReused", Limits{}, ab, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		for i := range 3 {
			b := s.enter("b", uint64(10+i))
			b.Leave()
		}
		s.enter("c", 5)
		var ids []uint32
		for id := range a.roster {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		if want := []uint32{1, 5}; !slices.Equal(ids, want) {
			t.Errorf("roster %v, want %v", ids, want)
		}
	})
}

func TestEnding(t *testing.T) {
	ab := []string{"a", "b"}
	play(t, "AttendeeDeleted", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b, share := s.enter("a", 1), s.enter("b", 2), s.enter("b#content", 3)
		a.take()
		b.take()
		share.take()
		s.records.change(func() { delete(s.records.caps, "b") })
		s.publish("meeting.m.attendee.deleted", `{"AttendeeId":"b"}`)
		b.tells("end 411 4403")
		share.tells("end 411 4403")
		a.tells("roster 3left", "roster 2left", "index n=1 full=false []")
		if _, err := s.tryJoin("b", 2); !errors.Is(err, ErrAttendeeUnavailable) {
			t.Errorf("join of the deleted: %v", err)
		}
	})
	play(t, "MeetingEnded", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.join("b", 2)
		a.take()
		b.take()
		s.records.change(func() { s.records.ended = true })
		s.publish("meeting.m.ended", `{}`)
		a.tells("end 410 4410")
		b.tells("end 410 4410")
		if n := s.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms are open", n)
		}
		if _, err := s.tryJoin("b", 2); !errors.Is(err, ErrMeetingEnded) {
			t.Errorf("join of the ended: %v", err)
		}
	})
	play(t, "LostCommandsHeal", Limits{}, ab, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.take()
		b.take()
		s.records.change(func() { delete(s.records.caps, "b") })
		s.wait(11 * time.Second)
		b.tells("end 411 4403")
		a.tells("roster 2left", "index n=1 full=false []")
		s.records.change(func() { s.records.ended = true })
		s.wait(11 * time.Second)
		a.tells("end 410 4410")
	})
	play(t, "Drain", Limits{}, ab, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		a.take()
		s.Drain()
		a.tells("end 0 4500")
		if _, err := s.tryJoin("b", 2); !errors.Is(err, ErrDraining) {
			t.Errorf("join while draining: %v", err)
		}
	})
	play(t, "EndBeforeBegin", Limits{}, ab, func(t *testing.T, s *stage) {
		id, err := s.Authenticate(context.Background(), "m", "a")
		if err != nil {
			t.Fatal(err)
		}
		c := &recorder{}
		p, err := s.Join(context.Background(), id, JoinOptions{}, c)
		if err != nil {
			t.Fatal(err)
		}
		s.publish("meeting.m.ended", `{}`)
		if got := c.take(); len(got) != 0 {
			t.Errorf("told before it had begun: %v", got)
		}
		p.Begin()
		if got := c.take(); !slices.Equal(got, []string{"end 410 4410"}) {
			t.Errorf("told %v", got)
		}
	})
	play(t, "ShareEndsWithItsAttendee", Limits{}, ab, func(t *testing.T, s *stage) {
		a, share := s.enter("a", 1), s.enter("a#content", 2)
		share.take()
		a.Leave()
		share.tells("end 411 4403")
		s.settle()
		if n := s.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms are open", n)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Limits{}, "a", "viewer")
		s.records.caps["viewer"] = Capabilities{Audio: Capability{Receive: true}, Video: Capability{Receive: true}}
		for _, test := range []struct {
			meeting, token string
			want           error
			attendee       string
		}{
			{"m", "a", nil, "a"},
			{"m", "a#content", nil, "a#content"},
			{"m", "a#", ErrAttendeeUnavailable, ""},
			{"m", "a#contents", ErrAttendeeUnavailable, ""},
			{"m", "a#content#content", ErrAttendeeUnavailable, ""},
			{"m", "x", ErrAttendeeUnavailable, ""},
			{"m", "viewer#content", ErrAttendeeUnavailable, ""},
			{"other", "a", ErrMeetingEnded, ""},
		} {
			id, err := s.Authenticate(context.Background(), test.meeting, test.token)
			if !errors.Is(err, test.want) || id.AttendeeID != test.attendee {
				t.Errorf("%s %s: %q, %v", test.meeting, test.token, id.AttendeeID, err)
			}
			if err == nil && (id.BaseAttendeeID() != "a" || id.Content != strings.HasSuffix(test.token, "#content")) {
				t.Errorf("%s: %+v", test.token, id)
			}
		}
	})
}

func TestPresence(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		var got []string
		stop, err := s.bus.Subscribe("conference.m.presence", func(_ string, data []byte) { got = append(got, string(data)) })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		expect := func(counts ...int) {
			t.Helper()
			synctest.Wait()
			var want []string
			for _, n := range counts {
				data, err := json.Marshal(bus.Presence{Meeting: "m", AudioConnections: n, Connections: n})
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, string(data))
			}
			if !slices.Equal(got, want) {
				t.Errorf("published %v, want %v", got, want)
			}
			got = nil
		}
		a := s.join("a", 1)
		a.subscribe(nil)
		s.settle()
		expect() // no media yet
		a.media.Connected()
		s.settle()
		expect(1)
		b := s.enter("b", 2)
		share := s.enter("b#content", 3)
		expect(2)
		share.Leave()
		b.media.Gone(rtc.ReasonSilent)
		s.settle()
		expect(1)
		a.Leave()
		s.settle()
		expect(0)
	})
}

// A refused offer names its kind, so that the client can be told not to come
// back with it, and leaves everything as it was (signaling spec 9.1).
func TestSubscribe_BadOffer(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a"}, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		a.subscribe(oneCamera())
		a.take()
		for _, text := range []string{"v=0", "no SDP at all", strings.ReplaceAll(offer(true, 0), "a=ice-ufrag:abcd", "a=x:y")} {
			err := a.Subscribe(context.Background(), SubscribeRequest{OfferSDP: text, Sends: true, SendStreams: oneCamera()}, func(SubscribeResult) {
				t.Error("answered")
			})
			if !errors.Is(err, ErrBadOffer) {
				t.Errorf("%q: %v, want ErrBadOffer", text, err)
			}
		}
		s.settle()
		a.tells()
		if a.camera == nil || s.find("m").promised != 0 {
			t.Error("a refused offer took the camera off the air")
		}
	})
}

// A slow read of the records that began before an attendee was created must
// not throw the attendee out when it comes back after the attendee has joined.
func TestRead_OvertakenByYounger(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a"}, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		s.records.change(func() { s.records.delay = time.Second })
		s.wait(10 * time.Second) // the room's own read is under way
		s.records.change(func() {
			s.records.delay = 0
			s.records.caps["b"] = everything()
		})
		b := s.enter("b", 2)
		a.take()
		b.take()
		s.wait(3 * time.Second)
		a.tells()
		b.tells()
	})
}

// A room that opens again, on a server that was killed meanwhile even, has ids
// that no client has seen before: one that reconnects would take their new
// owners for their old ones (signaling spec 5.1).
func TestFirstID(t *testing.T) {
	if got := firstID(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); got != 1 {
		t.Errorf("with a clock that is wrong: %d, want 1", got)
	}
	if a, b := firstID(time.Date(2059, 12, 31, 0, 0, 0, 0, time.UTC)), firstID(time.Date(2059, 12, 31, 0, 0, 1, 0, time.UTC)); b-a != 4 {
		t.Errorf("%d and, a second later, %d", a, b)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)))
		s := newStage(t, Limits{}, "a", "b")
		var last, lastStream uint32
		for range 2 {
			a, b := s.enter("a", 1), s.enter("b", 2)
			r := a.subscribe(oneCamera())
			if a.rosterID <= last || b.rosterID != a.rosterID+1 || r.Allocations[0].StreamID <= lastStream {
				t.Errorf("ids %d, %d, %v after %d, %d", a.rosterID, b.rosterID, r.Allocations, last, lastStream)
			}
			last, lastStream = b.rosterID, r.Allocations[0].StreamID
			a.Leave()
			b.Leave()
			s.wait(time.Second)
		}
	})
}
