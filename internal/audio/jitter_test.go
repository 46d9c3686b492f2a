package audio

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

// line is a simulated network in front of one jitter buffer. Payloads carry
// the number of the packet.
type line struct {
	j       jitter
	size    int // samples of a packet
	coming  []arriving
	now     int64
	sent    int
	seq     uint16
	ts      uint32
	ssrc    uint32
	level   uint8
	played  []int // packets in the order they were played
	ops     map[op]int
	held    int
	buf     [slotSize]byte
	maxWait int64 // longest time from sending to playing, in samples
}

type arriving struct {
	arrival
	n int
}

func newLine(size int) *line {
	l := &line{size: size, seq: 65500, ts: 1<<32 - 20000, ssrc: 1, level: 20, ops: map[op]int{}}
	l.j.ring = new(ring)
	l.j.delay.reset()
	return l
}

const lost = -1

// send puts a packet on its way that takes late samples; lost never comes.
func (l *line) send(late int64) {
	a := arrival{ssrc: l.ssrc, seq: l.seq, ts: l.ts, now: l.now + late, samples: l.size, level: l.level}
	l.seq++
	l.ts += uint32(l.size)
	l.sent++
	if late != lost {
		l.coming = append(l.coming, arriving{a, l.sent - 1})
	}
}

// deliver pushes what has come by now, in the order of coming.
func (l *line) deliver() {
	slices.SortStableFunc(l.coming, func(a, b arriving) int { return int(a.now - b.now) })
	for len(l.coming) > 0 && l.coming[0].now <= l.now {
		a := l.coming[0]
		l.coming = l.coming[1:]
		if seq, ts, ok := l.j.observe(a.arrival); ok {
			l.j.store(seq, ts, a.arrival, binary.BigEndian.AppendUint32(nil, uint32(a.n)))
		}
	}
}

// play is one tick.
func (l *line) play() {
	for l.held < frameSize {
		s := l.j.next(l.now, l.held, l.buf[:])
		l.ops[s.op]++
		switch s.op {
		case opNone:
			l.held = frameSize
			continue
		case opDecode, opDrop:
			n := int(binary.BigEndian.Uint32(s.payload))
			l.played = append(l.played, n)
			if l.maxWait = max(l.maxWait, l.now-int64(n*l.size)); s.op == opDrop {
				continue
			}
		}
		l.held += s.samples
	}
	l.held -= frameSize
}

// run sends packets for n ticks, late as says, and plays.
func (l *line) run(n int, late func(packet int) int64) {
	for range n {
		for int64(l.sent*l.size) <= l.now-int64(l.size)+frameSize {
			l.send(late(l.sent))
		}
		l.now += frameSize
		l.deliver()
		l.play()
	}
}

func never(int) int64 { return 0 }

func TestJitter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name      string
		size      int
		late      func(int) int64
		lost      int // packets that may be missing
		conceal   int // stretches that may be concealed
		delay     int64
		wantDelay int64 // at least
	}{
		{"steady", 960, never, 0, 0, 40 * millisecond, 20 * millisecond},
		{"10 ms packets", 480, never, 0, 0, 40 * millisecond, 20 * millisecond},
		{"40 ms packets", 1920, never, 0, 2, 40 * millisecond, 20 * millisecond},
		{"60 ms packets", 2880, never, 0, 2, 40 * millisecond, 20 * millisecond},
		{"120 ms packets", 5760, never, 0, 2, 40 * millisecond, 20 * millisecond},
		{"jitter of 60 ms", 960, func(int) int64 { return rnd.Int64N(60 * millisecond) }, 10, 30, 100 * millisecond, 60 * millisecond},
		{"every tenth reordered", 960, func(n int) int64 {
			if n%10 == 9 {
				return 25 * millisecond
			}
			return 0
		}, 3, 6, 60 * millisecond, 30 * millisecond},
		{"every tenth lost", 960, func(n int) int64 {
			if n%10 == 9 {
				return lost
			}
			return 0
		}, 100, 110, 40 * millisecond, 20 * millisecond},
		{"a spike of 300 ms", 960, func(n int) int64 {
			if n >= 500 && n < 515 {
				return int64(515-n) * frameSize
			}
			return 0
		}, 10, 12, 400 * millisecond, 20 * millisecond},
		{"a clock 0.1 % fast", 960, func(n int) int64 { return int64(1000-n) * 960 / 1000 }, 0, 2, 60 * millisecond, 20 * millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(c.size)
			l.run(1000, c.late)
			last := l.sent
			l.run(50, func(int) int64 { return lost })
			if !slices.IsSorted(l.played) || len(slices.Compact(slices.Clone(l.played))) != len(l.played) {
				t.Error("packets were played out of order or twice")
			}
			if missing := last - len(l.played); missing > c.lost {
				t.Errorf("%d of %d packets were not played, want at most %d", missing, last, c.lost)
			}
			if n := l.ops[opConceal] + l.ops[opRecover] - maxStarve/frameSize; n > c.conceal {
				t.Errorf("%d stretches concealed, want at most %d", n, c.conceal)
			}
			if d := l.j.delay.target; d > c.delay || d < c.wantDelay {
				t.Errorf("target delay %d ms, want %d to %d", d/millisecond, c.wantDelay/millisecond, c.delay/millisecond)
			}
			t.Logf("target %d ms, longest wait %d ms, %+v", l.j.delay.target/millisecond, l.maxWait/millisecond, l.j.count)
		})
	}
}

// After a bad time, the delay falls back when there is quiet to drop.
func TestJitter_DelayComesDown(t *testing.T) {
	l := newLine(960)
	rnd := rand.New(rand.NewPCG(3, 4))
	l.run(300, func(int) int64 { return rnd.Int64N(150 * millisecond) })
	high := l.now - l.j.nextTS
	l.level = 60
	l.run(700, never)
	if low := l.now - l.j.nextTS; high-low < 80*millisecond {
		t.Errorf("delay went from %d to %d ms", high/millisecond, low/millisecond)
	}
	if l.j.count.dropped == 0 {
		t.Error("nothing was dropped")
	}
}

func TestJitter_Streams(t *testing.T) {
	for name, change := range map[string]func(*line){
		"another SSRC":            func(l *line) { l.ssrc, l.seq, l.ts = 9, 7, 7 },
		"sequence number jumps":   func(l *line) { l.seq += 20000 },
		"timestamp jumps":         func(l *line) { l.ts += 1 << 30 },
		"timestamp jumps back":    func(l *line) { l.ts -= 5 * second },
		"a pause of a minute":     func(l *line) { l.pause(3000, true) },
		"a pause, timestamp held": func(l *line) { l.pause(200, false) },
		"a short DTX pause":       func(l *line) { l.pause(20, true) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(960)
			l.run(100, never)
			change(l)
			before := len(l.played)
			l.run(100, never)
			if got := len(l.played) - before; got < 90 {
				t.Errorf("%d of the next 100 packets were played", got)
			}
			if l.j.delay.target > 60*millisecond {
				t.Errorf("target delay %d ms", l.j.delay.target/millisecond)
			}
		})
	}
}

// pause lets ticks pass without packets, and without sequence numbers.
func (l *line) pause(ticks int, timestamps bool) {
	for range ticks {
		l.now += frameSize
		l.play()
		l.sent++
		if timestamps {
			l.ts += frameSize
		}
	}
}

func TestJitter_Duplicates(t *testing.T) {
	l := newLine(960)
	for range 100 {
		l.send(0)
		l.coming = append(l.coming, l.coming[0], l.coming[0])
		l.now += frameSize
		l.deliver()
		l.play()
	}
	if len(slices.Compact(slices.Clone(l.played))) != len(l.played) {
		t.Error("a packet was played twice")
	}
	if c := l.j.count; c.duplicate+c.late < 190 {
		t.Errorf("counts %+v, want 200 duplicates", c)
	}
}

// FuzzJitter feeds packets and ticks of any kind: nothing must break, and
// what comes out must fit a decoder.
func FuzzJitter(f *testing.F) {
	f.Add([]byte{1, 0, 1, 3, 192, 0, 5, 0, 0, 2, 7, 128})
	f.Add([]byte{1, 255, 255, 255, 255, 9, 0, 0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7})
	f.Fuzz(func(t *testing.T, in []byte) {
		l := newLine(960)
		var now, held int64
		for len(in) >= 6 {
			a := arrival{
				ssrc: uint32(in[0] >> 6), seq: binary.BigEndian.Uint16(in[1:]), ts: uint32(in[3]) << (in[0] & 31), now: now,
				samples: 120 * (1 + int(in[4])%48), level: in[5] & 127, silent: in[5] > 240, fec: in[5]&1 == 1,
			}
			if in[4]&1 == 0 { // in a row
				a.seq, a.ts = uint16(l.j.maxSeq)+uint16(in[1]&3), uint32(l.j.maxTS)+uint32(a.samples)
			}
			if seq, ts, ok := l.j.observe(a); ok {
				l.j.store(seq, ts, a, in[:min(len(in), slotSize+1)])
			}
			now += int64(in[2]) * 30
			for range 20 {
				s := l.j.next(now, int(held), l.buf[:])
				if s.op == opNone {
					held = 0
					break
				}
				if s.samples <= 0 || s.samples > opus.MaxSamples || s.samples%120 != 0 || len(s.payload) > slotSize {
					t.Fatalf("step %+v", s)
				}
				if held += int64(s.samples); held >= frameSize {
					held -= frameSize
					break
				}
			}
			in = in[6:]
		}
	})
}
