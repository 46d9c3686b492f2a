//go:build cgo

package audio

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// timed is a sink that notes when packets came. Not safe for two rooms.
type timed struct {
	mu sync.Mutex
	at []time.Time
	ts []uint32
}

func (s *timed) WriteRTP(h *rtp.Header, _ []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.ts = append(s.at, time.Now()), append(s.ts, h.Timestamp)
	return nil
}

func (s *timed) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at)
}

// The bubble fails the test if a goroutine is left at its end.
func TestEngine_TicksWhileNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flushes atomic.Int64
		e := NewEngine(EngineConfig{Flush: func() { flushes.Add(1) }})
		for range 1000 {
			e.NewRoom().Close()
		}
		r := e.NewRoom()
		r.Add(LegConfig{Speaks: true}).Close() // nobody to send to
		time.Sleep(time.Second)
		if n := e.Stats().Ticks; n != 0 {
			t.Fatalf("%d ticks without a listener", n)
		}
		sink := new(timed)
		l := r.Add(LegConfig{Sink: sink, Hears: true})
		start := time.Now()
		time.Sleep(10*time.Second + time.Millisecond)
		if n := sink.len(); n != 500 || flushes.Load() != 500 {
			t.Errorf("%d packets and %d flushes in 10 s, want 500", n, flushes.Load())
		}
		for i, at := range sink.at {
			if want := start.Add(time.Duration(i+1) * FrameDuration); !at.Equal(want) {
				t.Fatalf("packet %d at %v, want %v", i, at.Sub(start), want.Sub(start))
			}
		}
		l.Close()
		time.Sleep(time.Second)
		if n := sink.len(); n != 500 {
			t.Errorf("%d packets after Close", n-500)
		}
		if e.Stats().Ticks != 500 {
			t.Error("ticks without a listener")
		}
		r.Add(LegConfig{Sink: sink}) // and on again
		time.Sleep(time.Second + time.Millisecond)
		if n := sink.len(); n != 550 {
			t.Errorf("%d packets in the second after a rest, want 50", n-500)
		}
		e.Close()
		e.Close()
		r.Add(LegConfig{Sink: sink}) // of no effect any more
		r.Close()
		time.Sleep(time.Second)
		if n := sink.len(); n != 550 {
			t.Errorf("%d packets after the engine's Close", n-550)
		}
	})
}

func TestEngine_Stall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stall atomic.Int64
		e := NewEngine(EngineConfig{Flush: func() { time.Sleep(time.Duration(stall.Swap(0))) }})
		defer e.Close()
		sink := new(timed)
		e.NewRoom().Add(LegConfig{Sink: sink})
		time.Sleep(101 * time.Millisecond)
		stall.Store(int64(70 * time.Millisecond)) // caught up with
		time.Sleep(time.Second)
		if n := sink.len(); n != 55 || e.Stats().Skipped != 0 {
			t.Errorf("%d packets, %d skipped; want 55 and none", n, e.Stats().Skipped)
		}
		stall.Store(int64(500 * time.Millisecond)) // left out
		time.Sleep(time.Second)
		s := e.Stats()
		if n := sink.len(); uint64(n)+s.Skipped != 105 || s.Skipped < 15 {
			t.Errorf("%d packets, %d skipped; want 105 together", n, s.Skipped)
		}
		if got := sink.ts[len(sink.ts)-1] - sink.ts[0]; got != 104*frameSize {
			t.Errorf("timestamps advanced by %d frames, want 104", got/frameSize)
		}
	})
}

// A machine that is too busy stalls many times a second; its log does not.
func TestEngine_StallsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := NewEngine(EngineConfig{
			Flush: func() { time.Sleep(200 * time.Millisecond) },
			Log:   slog.New(slog.NewTextHandler(&log, nil)),
		})
		e.NewRoom().Add(LegConfig{Sink: new(timed)})
		time.Sleep(25 * time.Second)
		e.Close()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "times=1") || strings.Contains(lines[1], "times=1 ") {
			t.Errorf("25 s of stalls: %d lines\n%s", len(lines), log.String())
		}
	})
}

// Everything at once, for the race detector; the engine helps itself with
// more goroutines.
func TestEngine_Concurrent(t *testing.T) {
	b := newBench(t, EngineConfig{})
	clips := crowd(t, b, b.room, 2, 1)
	e := b.engine
	e.running = false
	e.heavy = 0
	var wg sync.WaitGroup
	var stop atomic.Bool
	for n := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(n)))
			for !stop.Load() {
				r := e.NewRoom()
				var legs []*Leg
				for i := range 5 {
					legs = append(legs, r.Add(LegConfig{Sink: new(timed), SSRC: uint32(i), PayloadType: 111, Owner: "x", Hears: true, Speaks: true}))
				}
				for f := range 30 {
					for _, l := range legs {
						c := clips[rnd.IntN(len(clips))]
						h := rtp.Header{PayloadType: 111, SequenceNumber: uint16(f), Timestamp: uint32(f * frameSize)}
						l.Push(&h, c.payloads[f], c.levels[f], rnd.IntN(2) == 0, time.Now())
						l.SetMuted(rnd.IntN(8) == 0)
						l.SetRights(rnd.IntN(8) > 0, rnd.IntN(8) > 0)
						l.Level()
						l.Stats()
					}
					if rnd.IntN(4) == 0 {
						legs[rnd.IntN(len(legs))].Close()
					}
					e.Stats()
					time.Sleep(time.Millisecond)
				}
				r.Close()
			}
		})
	}
	time.Sleep(400 * time.Millisecond)
	stop.Store(true)
	wg.Wait()
	e.Close()
	b.room.Close()
	if s := e.Stats(); s.Legs != 0 || s.Rooms != 0 || s.Active != 0 {
		t.Errorf("left over: %+v", s)
	}
}
