package conference

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-rtc/carillon/internal/rtc"
)

// TestRooms_Concurrent lets many clients do what they like at once, and checks
// what must hold for each of them whatever the others do.
func TestRooms_Concurrent(t *testing.T) {
	const clients, rounds = 12, 25
	s := newStage(t, Limits{ResumeGrace: 50 * time.Millisecond}, attendees(clients)...)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(1, uint64(i)))
			for range rounds {
				token := strconv.Itoa(dice.IntN(clients))
				if dice.IntN(4) == 0 {
					token += "#content"
				}
				a, err := s.tryJoin(token, dice.Uint64N(3))
				if errors.Is(err, ErrContentCapacity) {
					continue
				}
				if err != nil {
					t.Errorf("join: %v", err)
					return
				}
				visit(t, a, dice)
				a.checkRoster(t)
			}
		})
	}
	wg.Go(func() { // rights come and go
		for range 20 {
			s.records.change(func() {
				c := s.records.caps["1"]
				c.Video.Send = !c.Video.Send
				s.records.caps["1"] = c
			})
			_ = s.bus.Publish("meeting.m.attendee.capabilities", []byte(`{}`))
			_ = s.Stats()
			time.Sleep(10 * time.Millisecond)
		}
	})
	wg.Wait()
	for deadline := time.Now().Add(10 * time.Second); s.Stats().Rooms != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("left over: %+v", s.Stats())
		}
	}
}

// visit is one session of a client without a plan.
func visit(t *testing.T, a *actor, dice *rand.Rand) {
	subscribe := func(send []SendStream, receive ...uint32) {
		err := a.Subscribe(context.Background(), SubscribeRequest{
			OfferSDP: offer(len(send) > 0, len(receive)), Audio: true, Sends: len(send) > 0, SendStreams: send,
			ReceiveStreamIDs: append([]uint32{0}, receive...),
		}, func(SubscribeResult) {})
		if err != nil && !errors.Is(err, ErrLeft) {
			t.Errorf("subscribe: %v", err)
		}
	}
	subscribe(nil)
	if dice.IntN(5) > 0 {
		a.media.Connected()
	}
	for range dice.IntN(8) {
		switch dice.IntN(7) {
		case 0:
			a.SetMuted(dice.IntN(2) == 0)
		case 1:
			a.Send([]DataMessage{{Topic: "x", LifetimeMs: 100, Data: []byte("y")}})
		case 2:
			subscribe(oneCamera())
		case 3:
			subscribe(oneCamera(), dice.Uint32N(20), dice.Uint32N(20))
		case 4:
			a.UpdateVideos([]VideoSubscription{{MID: "2", StreamID: dice.Uint32N(20)}}, []string{"3"})
		case 5:
			a.Pause([]uint32{dice.Uint32N(20)})
		case 6:
			time.Sleep(time.Duration(dice.IntN(20)) * time.Millisecond)
		}
	}
	switch dice.IntN(4) {
	case 0:
		a.media.Gone(rtc.ReasonSilent)
		a.Drop()
	case 1:
		a.Drop()
	default:
		a.Leave()
	}
}

// checkRoster looks for what clients choke on.
func (a *actor) checkRoster(t *testing.T) {
	for _, e := range a.take() {
		if strings.HasPrefix(e, "UNKNOWN") {
			t.Errorf("%s was told of an id that it did not know: %s", a.id.AttendeeID, e)
		}
	}
}

// BenchmarkJoinLeave is what a session costs without its packets.
func BenchmarkJoinLeave(b *testing.B) {
	s := newStage(b, Limits{}, "a")
	text := offer(false, 0)
	b.ReportAllocs()
	for b.Loop() {
		a, err := s.tryJoin("a", 1)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Subscribe(context.Background(), SubscribeRequest{OfferSDP: text, Audio: true}, func(SubscribeResult) {}); err != nil {
			b.Fatal(err)
		}
		a.Leave()
	}
}
