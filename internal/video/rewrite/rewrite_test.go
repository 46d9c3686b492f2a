package rewrite

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestExtend16(t *testing.T) {
	tests := []struct {
		near uint64
		seq  uint16
		want uint64
	}{
		{65536, 0, 65536},
		{65536, 65535, 65535},
		{65535, 0, 65536},
		{65536 + 40000, 100, 131072 + 100},
		{131072 + 100, 65500, 131072 - 36},
		{131072, 32767, 131072 + 32767},
		{131072, 32768, 131072 - 32768},
	}
	for _, tt := range tests {
		if got := Extend16(tt.near, tt.seq); got != tt.want {
			t.Errorf("Extend16(%d, %d) = %d, want %d", tt.near, tt.seq, got, tt.want)
		}
	}
}

func TestExtendBits(t *testing.T) {
	tests := []struct {
		near uint32
		v    uint16
		bits uint8
		want uint32
	}{
		{65536, 1, 15, 65537},
		{65536, 0x7fff, 15, 65535},
		{65536 + 127, 0, 7, 65536 + 128},
		{65536 + 128, 127, 7, 65536 + 127},
		{65536 + 127, 128, 15, 65536 + 128}, // from 7 to 15 bits
		{98303, 0, 15, 98304},
	}
	for _, tt := range tests {
		if got := ExtendBits(tt.near, tt.v, tt.bits); got != tt.want {
			t.Errorf("ExtendBits(%d, %d, %d) = %d, want %d", tt.near, tt.v, tt.bits, got, tt.want)
		}
	}
}

// Whatever the distance, as long as it is less than half the range, the extended
// number is the one that was meant.
func TestExtend_Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.Uint64Range(1<<16, 1<<40).Draw(t, "near")
		want := near + uint64(rapid.Int64Range(-1<<15, 1<<15-1).Draw(t, "delta"))
		if got := Extend16(near, uint16(want)); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
		bits := rapid.SampledFrom([]uint8{7, 15}).Draw(t, "bits")
		half := int64(1) << (bits - 1)
		near32 := rapid.Uint32().Draw(t, "near32")
		want32 := near32 + uint32(rapid.Int64Range(-half, half-1).Draw(t, "delta32"))
		if got := ExtendBits(near32, uint16(want32&(1<<bits-1)), bits); got != want32 {
			t.Fatalf("got %d, want %d", got, want32)
		}
	})
}

func TestOutput(t *testing.T) {
	start := time.Unix(1000, 0)
	o := NewOutput(65534)
	type step struct {
		name   string
		source int // index of the source; a new one begins a segment
		in     Position
		after  int64    // ms
		want   Position // numbers as on the wire
	}
	pos := func(seq uint64, ts, pid uint32, tl0 uint8) Position {
		return Position{Seq: seq, Timestamp: ts, PictureID: pid, TL0: tl0, HasPictureID: true, HasTL0: true}
	}
	steps := []step{
		{"first packet keeps its clock and picture ids", 0, pos(70000, 500, 65536+10, 3), 0, pos(65534, 500, 10, 3)},
		{"next", 0, pos(70001, 3500, 65536+11, 4), 33, pos(65535, 3500, 11, 4)},
		{"sequence number wraps, a gap stays", 0, pos(70003, 9500, 65536+13, 6), 100, pos(1, 9500, 13, 6)},
		{"reordered into the gap", 0, pos(70002, 6500, 65536+12, 5), 101, pos(0, 6500, 12, 5)},
		{"switch: numbers follow, the clock advances by 900 ms", 1, pos(65600, 1<<32-100, 65536+0x7fff, 255), 1000, pos(2, 9500+81000, 14, 7)},
		{"after the switch, the source's numbers wrap", 1, pos(65601, 2900, 65536+0x8000, 0), 1033, pos(3, 9500+84000, 15, 8)},
		{"switch at once: at least one millisecond", 2, pos(80000, 7, 65536+5, 5), 1033, pos(4, 9500+84090, 16, 9)},
		{"a source without picture numbers", 3, Position{Seq: 90000, Timestamp: 1}, 2033, Position{Seq: 5, Timestamp: 9500 + 84090 + 90000}},
		{"and back", 4, pos(75000, 9, 65536+100, 50), 3033, pos(6, 9500+84090+180000, 17, 10)},
	}
	source, seg := -1, Segment{}
	for _, s := range steps {
		at := start.Add(time.Duration(s.after) * time.Millisecond)
		if s.source != source {
			source, seg = s.source, o.Begin(s.in, at)
		}
		out := seg.Map(s.in)
		if seg.SourceSeq(out.Seq) != s.in.Seq || seg.OutputSeq(s.in.Seq) != out.Seq {
			t.Errorf("%s: %d does not map back", s.name, out.Seq)
		}
		o.Sent(out, at)
		got := out
		got.Seq, got.PictureID = uint64(uint16(out.Seq)), out.PictureID&0x7fff
		if got != s.want {
			t.Errorf("%s: got %+v, want %+v", s.name, got, s.want)
		}
	}
}

func TestOutput_ResumeKeepsTheClock(t *testing.T) {
	start := time.Unix(1000, 0)
	o := NewOutput(0)
	seg := o.Begin(Position{Seq: 70000, Timestamp: 1000}, start)
	o.Sent(seg.Map(Position{Seq: 70000, Timestamp: 1000}), start)
	in := Position{Seq: 70500, Timestamp: 901000}
	again := o.Resume(in, seg)
	if out := again.Map(in); out.Timestamp != 901000 || uint16(out.Seq) != 1 || again.First != 70500 {
		t.Errorf("resumed at %+v", out)
	}
}

func TestOutput_TimestampAt(t *testing.T) {
	start := time.Unix(1000, 0)
	o := NewOutput(0)
	o.Sent(Position{Seq: 65536, Timestamp: 1<<32 - 45000}, start)
	o.Sent(Position{Seq: 65537, Timestamp: 1<<32 - 45000}, start.Add(time.Second)) // same picture, later packet
	if got := o.TimestampAt(start.Add(time.Second)); got != 45000 {
		t.Errorf("timestamp %d a second later, want 45000", got)
	}
}

func TestTicks_LongMeeting(t *testing.T) {
	const days = 40 * 24 * time.Hour
	if got := Ticks(days+time.Second) - Ticks(days); got != ClockRate {
		t.Errorf("a second after 40 days is %d ticks", got)
	}
}
