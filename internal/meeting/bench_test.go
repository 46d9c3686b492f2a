package meeting_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/meeting"
)

// BenchmarkCreate is one CreateMeeting and two CreateAttendee, from 32 callers
// at once, each waiting for its fsync. One round is three durable requests.
func BenchmarkCreate(b *testing.B) {
	s := newStage(b, meeting.Limits{Meetings: 1 << 30}, meeting.Ends{})
	var seq atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(16) // × GOMAXPROCS
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			in := request(fmt.Sprint("token-", seq.Add(1)))
			out, err := try(s, s.ctx, api.CreateMeeting, in)
			if err != nil {
				b.Error(err)
				return
			}
			for _, user := range []string{"user-1", "user-2"} {
				if _, err := try(s, s.ctx, api.CreateAttendee, api.CreateAttendeeRequest{MeetingId: out.Meeting.MeetingId, ExternalUserId: &user}); err != nil {
					b.Error(err)
				}
			}
		}
	})
	b.ReportMetric(3*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	st := s.store.Stats()
	b.ReportMetric(float64(st.Callers)/float64(max(1, st.Batches)), "callers/batch")
}

// BenchmarkIdentify is what a live room reads at each join.
func BenchmarkIdentify(b *testing.B) {
	s := newStage(b, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("m")
	token := *s.attendee(id, "user").JoinToken
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Identify(s.ctx, id, token); err != nil {
			b.Fatal(err)
		}
	}
}
