package twcc

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"pgregory.net/rapid"
)

// epoch is when tests begin.
func epoch() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

func ms(n int) time.Time { return epoch().Add(time.Duration(n) * time.Millisecond) }

// report is what a sender reads from feedback: arrival in ticks, -1 for lost, by sequence number.
type report map[uint16]int64

// read decodes feedback as a sender does, checking its form.
func read(t rapid.TB, packets []rtcp.Packet) (all report, decoded []rtcp.TransportLayerCC) {
	t.Helper()
	all = make(report)
	for _, p := range packets {
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 1200 || len(b)%4 != 0 {
			t.Fatalf("a packet of %d bytes", len(b))
		}
		var cc rtcp.TransportLayerCC
		if err := cc.Unmarshal(b); err != nil {
			t.Fatalf("%v in %x", err, b)
		}
		// A whole datagram of it parses too.
		if parsed, err := rtcp.Unmarshal(b); err != nil || len(parsed) != 1 {
			t.Fatalf("%v, %d packets", err, len(parsed))
		}
		decoded = append(decoded, cc)

		at, deltas, n := int64(cc.ReferenceTime)*256, cc.RecvDeltas, 0
		for _, s := range statuses(cc) {
			sequence := cc.BaseSequenceNumber + uint16(n)
			n++
			if s == rtcp.TypeTCCPacketNotReceived {
				all[sequence] = -1
				continue
			}
			at += deltas[0].Delta / 250
			deltas = deltas[1:]
			all[sequence] = at
		}
		if len(deltas) != 0 || n != int(cc.PacketStatusCount) {
			t.Fatalf("%d deltas left, %d of %d statuses", len(deltas), n, cc.PacketStatusCount)
		}
	}
	return all, decoded
}

func statuses(cc rtcp.TransportLayerCC) []uint16 {
	var all []uint16
	for _, c := range cc.PacketChunks {
		switch c := c.(type) {
		case *rtcp.RunLengthChunk:
			for range c.RunLength {
				all = append(all, c.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			all = append(all, c.SymbolList...)
		}
	}
	return all[:min(len(all), int(cc.PacketStatusCount))]
}

// ticksOf is the tick at which a packet that arrives at ms(n) is reported, in a test that begins at ms(0).
func ticksOf(n int) int64 { return int64(n)*4 + 4000 }

func TestRecorder(t *testing.T) {
	type arrival struct {
		sequence uint16
		ms       int
	}
	for name, c := range map[string]struct {
		before, after []arrival // the second part after a first feedback
		want          report    // of the last feedback
	}{
		"in order":     {nil, []arrival{{10, 0}, {11, 20}, {12, 40}}, report{10: ticksOf(0), 11: ticksOf(20), 12: ticksOf(40)}},
		"lost":         {nil, []arrival{{10, 0}, {13, 20}}, report{10: ticksOf(0), 11: -1, 12: -1, 13: ticksOf(20)}},
		"wrap-around":  {nil, []arrival{{65535, 0}, {1, 20}}, report{65535: ticksOf(0), 0: -1, 1: ticksOf(20)}},
		"reordered":    {nil, []arrival{{10, 0}, {12, 5}, {11, 9}}, report{10: ticksOf(0), 11: ticksOf(9), 12: ticksOf(5)}},
		"first late":   {nil, []arrival{{10, 0}, {9, 5}}, report{9: ticksOf(5), 10: ticksOf(0)}},
		"duplicate":    {nil, []arrival{{10, 0}, {10, 300}}, report{10: ticksOf(0)}},
		"delta 256":    {nil, []arrival{{10, 0}, {11, 64}}, report{10: ticksOf(0), 11: ticksOf(64)}},
		"nine seconds": {nil, []arrival{{10, 0}, {11, 9000}}, report{10: ticksOf(0), 11: ticksOf(9000)}},
		"an hour":      {nil, []arrival{{10, 0}, {12, 3600_000}}, report{10: ticksOf(0), 11: -1, 12: ticksOf(3600_000)}},
		"nothing new":  {[]arrival{{10, 0}}, nil, report{}},
		"once":         {[]arrival{{10, 0}}, []arrival{{11, 20}}, report{11: ticksOf(20)}},
		"loss between": {[]arrival{{10, 0}}, []arrival{{13, 20}}, report{11: -1, 12: -1, 13: ticksOf(20)}},
		// What was reported as lost is corrected, together with what followed it.
		"late":           {[]arrival{{10, 0}, {12, 5}}, []arrival{{11, 90}}, report{11: ticksOf(90), 12: ticksOf(5)}},
		"late duplicate": {[]arrival{{10, 0}, {11, 5}}, []arrival{{10, 90}}, report{}},
		// A gap of more than a window: nothing can be said of what is outside.
		"too late": {[]arrival{{3000, 0}}, []arrival{{10, 20}}, report{}},
	} {
		r := NewRecorder(1)
		for _, a := range c.before {
			r.Record(a.sequence, ms(a.ms))
		}
		r.Build(2, nil)
		for _, a := range c.after {
			r.Record(a.sequence, ms(a.ms))
		}
		got, _ := read(t, r.Build(2, nil))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestRecorder_Gap(t *testing.T) {
	r := NewRecorder(1)
	r.Record(10, ms(0))
	r.Record(10+5000, ms(20))
	got, packets := read(t, r.Build(2, nil))
	if got[5010] != ticksOf(20) || len(got) != window || packets[0].BaseSequenceNumber != 5010-window+1 {
		t.Errorf("%d numbers from %d", len(got), packets[0].BaseSequenceNumber)
	}
}

// TestRecorder_FullWindow: the worst a window can hold is split into packets that fit a datagram (read checks that).
func TestRecorder_FullWindow(t *testing.T) {
	r := NewRecorder(1)
	for i := range window {
		if i%8 != 3 {
			r.Record(uint16(i), ms(100*i))
		}
	}
	got, packets := read(t, r.Build(2, nil))
	if len(got) != window || len(packets) < 2 {
		t.Errorf("%d numbers in %d packets", len(got), len(packets))
	}
	for i := range window {
		want := ticksOf(100 * i)
		if i%8 == 3 {
			want = -1
		}
		if got[uint16(i)] != want {
			t.Fatalf("number %d: %d, want %d", i, got[uint16(i)], want)
		}
	}
}

// TestRecorder_BeginsAnew: a sender that starts over with far smaller numbers is believed after a while.
func TestRecorder_BeginsAnew(t *testing.T) {
	r := NewRecorder(1)
	r.Record(30000, ms(0))
	r.Build(2, nil)
	for i := range strayLimit {
		r.Record(uint16(100+i), ms(20*i))
	}
	got, _ := read(t, r.Build(2, nil))
	if d := cmp.Diff(report{100 + strayLimit - 1: ticksOf(20 * (strayLimit - 1))}, got); d != "" {
		t.Error(d)
	}
}

func TestRecorder_Header(t *testing.T) {
	r := NewRecorder(0x01020304)
	for i := range 3 {
		r.Record(uint16(i), ms(i))
		_, packets := read(t, r.Build(0x0a0b0c0d, nil))
		p := packets[0]
		if p.SenderSSRC != 0x01020304 || p.MediaSSRC != 0x0a0b0c0d || int(p.FbPktCount) != i || p.ReferenceTime != 15 {
			t.Errorf("feedback %d: %+v", i, p)
		}
	}
}

// reference is the obvious recorder: it keeps everything, and knows nothing of packets and chunks.
type reference struct {
	arrived       map[int64]int64 // extended number to tick
	highest, next int64
	started       bool
}

func (r *reference) record(number, tick int64) {
	if !r.started {
		r.started, r.highest, r.next = true, number, number
	}
	if number <= r.highest-window {
		return
	}
	r.highest = max(r.highest, number)
	r.next = max(r.next, r.highest-window+1)
	if _, again := r.arrived[number]; !again {
		r.arrived[number] = tick
		r.next = min(r.next, number)
	}
}

func (r *reference) report() report {
	all := make(report)
	for ; r.started && r.next <= r.highest; r.next++ {
		if at, ok := r.arrived[r.next]; ok {
			all[uint16(r.next)] = at
		} else {
			all[uint16(r.next)] = -1
		}
	}
	return all
}

// TestRecorder_Property compares with the reference over loss, reordering, duplicates, gaps, pauses and wrap-around.
func TestRecorder_Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, ref := NewRecorder(1), &reference{arrived: make(map[int64]int64)}
		number := rapid.Int64Range(65000, 66000).Draw(t, "first")
		now := time.Duration(0)
		steps := rapid.IntRange(1, 200).Draw(t, "steps")
		step := rapid.OneOf(rapid.Int64Range(1, 1), rapid.Int64Range(1, 1), rapid.Int64Range(-20, 20),
			rapid.Int64Range(-1100, 1500))
		pause := rapid.OneOf(rapid.IntRange(0, 30), rapid.IntRange(0, 300), rapid.IntRange(0, 50_000))
		for i := range steps {
			if i > 0 {
				number = max(number+step.Draw(t, "step"), ref.highest-window+1) // strays are another test's
				now += time.Duration(pause.Draw(t, "ticks")) * tick
			}
			r.Record(uint16(number), epoch().Add(now))
			ref.record(number, int64((now+time.Second)/tick))
			if i == steps-1 || rapid.IntRange(0, 20).Draw(t, "build") == 0 {
				got, _ := read(t, r.Build(2, nil))
				if want := ref.report(); !maps.Equal(want, got) {
					t.Fatalf("after %d packets (-want +got):\n%s", i+1, cmp.Diff(want, got))
				}
			}
		}
	})
}

// TestRecorder_Allocations: the path of every packet does not allocate.
func TestRecorder_Allocations(t *testing.T) {
	r := NewRecorder(1)
	n := 0
	if got := testing.AllocsPerRun(5000, func() { n++; r.Record(uint16(n), ms(n)) }); got != 0 {
		t.Errorf("%v allocations per packet", got)
	}
}
