//go:build cgo

package audio

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// void is a sink that does nothing.
type void struct{ n int }

func (v *void) WriteRTP(*rtp.Header, []byte) error { v.n++; return nil }

// clip is a second and a bit of recorded packets, to be pushed over and over.
type clip struct {
	leg      *Leg
	payloads [][]byte
	levels   []uint8
	header   rtp.Header
	i        int
}

func (c *clip) push(arrival time.Time) {
	c.leg.Push(&c.header, c.payloads[c.i], c.levels[c.i], true, arrival)
	c.i = (c.i + 1) % len(c.payloads)
	c.header.SequenceNumber++
	c.header.Timestamp += frameSize
}

// crowd is a bench with talkers and silent listeners, all of whom send.
func crowd(t testing.TB, b *bench, room *Room, talkers, listeners int) []*clip {
	var clips []*clip
	for n := range talkers + listeners {
		hz := 0.0
		if n < talkers {
			hz = 300 + 200*float64(n)
		}
		p := &person{b: b, hz: hz, gain: 6000, header: rtp.Header{Version: 2, PayloadType: 111, SSRC: 77}}
		if n <= talkers { // all listeners send the same
			src := b.add(hz, nil)
			src.leg.Close()
			b.people = b.people[:len(b.people)-1]
			p.enc = src.enc
		}
		c := &clip{header: p.header}
		if n > talkers {
			c.payloads, c.levels = clips[talkers].payloads, clips[talkers].levels
		} else {
			for range 60 {
				_, payload, level := p.next()
				c.payloads, c.levels = append(c.payloads, payload), append(c.levels, level)
			}
		}
		c.leg = room.Add(LegConfig{Sink: &void{}, SSRC: uint32(n), PayloadType: 111, Hears: true, Speaks: true})
		clips = append(clips, c)
	}
	return clips
}

func (b *bench) replay(clips []*clip) {
	at := b.now.Add(5 * time.Millisecond)
	for _, c := range clips {
		c.push(at)
	}
	b.tick()
}

// A room of 3 talkers and 100 listeners: one tick with its 103 pushes.
func BenchmarkTick_3Talkers100Listeners(b *testing.B) {
	e := newBench(b, EngineConfig{})
	clips := crowd(b, e, e.room, 3, 100)
	for range 20 {
		e.replay(clips)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.replay(clips)
	}
}

// 50 rooms of two silent attendees: one tick with its 100 pushes.
func BenchmarkTick_50SilentRooms(b *testing.B) {
	e := newBench(b, EngineConfig{})
	var clips []*clip
	for range 50 {
		clips = append(clips, crowd(b, e, e.engine.NewRoom(), 0, 2)...)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.replay(clips)
	}
}

func TestNoAllocations(t *testing.T) {
	e := newBench(t, EngineConfig{})
	clips := crowd(t, e, e.room, 3, 10)
	for range 40 {
		e.replay(clips)
	}
	if n := testing.AllocsPerRun(100, func() { e.replay(clips) }); n != 0 {
		t.Errorf("%v allocations per tick with its pushes, want 0", n)
	}
	// Talkers that come and go take their voices from the pool.
	for range 3 {
		for _, muted := range []bool{true, false} {
			clips[0].leg.SetMuted(muted)
			if n := testing.AllocsPerRun(20, func() { e.replay(clips) }); n != 0 {
				t.Errorf("muted %v: %v allocations per tick, want 0", muted, n)
			}
		}
	}
}
