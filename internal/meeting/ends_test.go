package meeting_test

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/meeting"
)

// events spec section 5, both editions: who is connected for how long, and
// whether the meeting lives after that.
// Covers: CreateMeeting, GetMeeting
func TestRun_Ends(t *testing.T) {
	type step struct {
		audio, all int // connected from now on; audio < 0: no message
		wait       time.Duration
		lives      bool
	}
	const minute = time.Minute
	for _, c := range []struct {
		name  string
		ends  meeting.Ends
		steps []step
	}{
		{"Unused", meeting.GuideEnds(), []step{{-1, 0, 4*minute + 50*time.Second, true}, {-1, 0, 11 * time.Second, false}}},
		{"TwoStay", meeting.GuideEnds(), []step{{2, 2, 23 * time.Hour, true}, {-1, 0, 61 * minute, false}}},
		{"OneAlone", meeting.GuideEnds(), []step{{1, 1, 29 * minute, true}, {-1, 0, 2 * minute, false}}},
		{"SecondComesInTime", meeting.GuideEnds(), []step{{1, 1, 29 * minute, true}, {2, 2, 40 * minute, true}, {1, 1, 29 * minute, true}, {-1, 0, 2 * minute, false}}},
		{"AllLeave", meeting.GuideEnds(), []step{{2, 2, 60 * minute, true}, {0, 0, 4 * minute, true}, {-1, 0, 61 * time.Second, false}}},
		{"TheyComeBack", meeting.GuideEnds(), []step{{2, 2, minute, true}, {0, 0, 4 * minute, true}, {2, 2, 4 * minute, true}, {0, 0, 4 * minute, true}, {-1, 0, 2 * minute, false}}},
		{"ViewersDoNotCountInTheGuide", meeting.GuideEnds(), []step{{0, 3, 6 * minute, false}}},
		{"CurrentOneAlone", meeting.CurrentEnds(), []step{{1, 1, 23 * time.Hour, true}, {-1, 0, 61 * minute, false}}},
		{"CurrentViewersCount", meeting.CurrentEnds(), []step{{0, 1, 60 * minute, true}, {0, 0, 6 * minute, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, meeting.Limits{}, c.ends)
			id := s.meeting("m")
			defer s.run()()
			for i, step := range c.steps {
				if step.audio >= 0 {
					s.present(bus.Presence{Meeting: id, AudioConnections: step.audio, Connections: step.all})
					n := step.audio
					if c.ends.AnyConnection {
						n = max(n, step.all)
					}
					s.eventually("presence is written down", func() bool {
						return (s.column("idle_since_ms", id) == 0) == (n > 0) && (s.column("lonely_since_ms", id) == 0) == (n > 1)
					})
				}
				s.clock.Advance(step.wait)
				if step.lives {
					time.Sleep(20 * time.Millisecond) // a wrong end would come now
					if !s.lives(id) {
						t.Fatalf("step %d: the meeting has ended", i)
					}
					continue
				}
				s.hears("meeting." + id + ".ended {}")
				if s.lives(id) {
					t.Fatalf("step %d: the meeting lives", i)
				}
			}
			if st := s.Stats(); st.EndedByClock != 1 || st.ActiveMeetings != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// A replica ends with its primary, not by inactivity (meetings spec section 7).
// Covers: CreateMeeting
func TestRun_Replica(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.GuideEnds())
	primary := s.meeting("primary")
	in := request("replica")
	in.PrimaryMeetingId = &primary
	replica := *do(s, api.CreateMeeting, in).Meeting.MeetingId
	defer s.run()()
	s.present(bus.Presence{Meeting: primary, AudioConnections: 2})
	s.eventually("presence", func() bool { return s.column("idle_since_ms", primary) == 0 })
	s.clock.Advance(2 * time.Hour)
	time.Sleep(20 * time.Millisecond)
	if !s.lives(replica) {
		t.Fatal("a replica ended by inactivity")
	}
	s.present(bus.Presence{Meeting: primary})
	s.eventually("presence", func() bool { return s.column("idle_since_ms", primary) != 0 })
	s.clock.Advance(6 * time.Minute)
	s.hears("meeting." + primary + ".ended {}")
	s.hears("meeting." + replica + ".ended {}")
}

// After a restart nobody is connected, whatever was written down; those who
// were come back within seconds, and the meeting waits for them.
func TestRun_Restart(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.GuideEnds())
	id := s.meeting("m")
	a := s.attendee(id, "user")
	stop := s.run()
	s.present(bus.Presence{Meeting: id, AudioConnections: 2})
	s.eventually("presence", func() bool { return s.column("idle_since_ms", id) == 0 })
	stop()
	s.close()

	s.clock.Advance(time.Hour)
	s.open(meeting.Limits{}, meeting.GuideEnds())
	if _, _, err := s.Identify(s.ctx, id, *a.JoinToken); err != nil {
		t.Fatal(err)
	}
	defer s.run()()
	s.eventually("clocks start anew", func() bool { return s.column("idle_since_ms", id) != 0 })
	s.clock.Advance(4 * time.Minute)
	time.Sleep(20 * time.Millisecond)
	if !s.lives(id) {
		t.Fatal("the meeting ended before its people could come back")
	}
	s.clock.Advance(time.Hour)
	s.hears("meeting." + id + ".ended {}")
}

// Many meetings end at one moment; what they leave behind is removed.
func TestRun_Purge(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.GuideEnds())
	for i := range 230 {
		id := s.meeting("m" + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)))
		s.attendee(id, "user")
	}
	defer s.run()()
	s.clock.Advance(24 * time.Hour)
	s.eventually("everything is removed", func() bool {
		var n int
		err := s.store.QueryRow(context.Background(), `SELECT (SELECT COUNT(*) FROM meetings) + (SELECT COUNT(*) FROM attendees)
			+ (SELECT SUM(active) FROM meeting_counts)`).Scan(&n)
		return err == nil && n == 0
	})
	if st := s.Stats(); st.EndedByClock != 230 {
		t.Errorf("stats %+v", st)
	}
}
