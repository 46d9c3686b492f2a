//go:build cgo

package audio

import (
	"math"
	"testing"
)

// deviation takes a stretch that should be a steady tone apart: the worst
// root mean square over 10 ms of what is not that tone, and the largest
// difference between neighbouring samples.
func deviation(pcm []int16, hz float64) (worst float64, jump int) {
	const window = 480
	for o := 0; o+window <= len(pcm); o += window {
		var s, c, rest float64
		for i, x := range pcm[o : o+window] {
			phase := 2 * math.Pi * hz * float64(o+i) / 48000
			s += float64(x) * math.Sin(phase) * 2 / window
			c += float64(x) * math.Cos(phase) * 2 / window
		}
		for i, x := range pcm[o : o+window] {
			phase := 2 * math.Pi * hz * float64(o+i) / 48000
			d := float64(x) - s*math.Sin(phase) - c*math.Cos(phase)
			rest += d * d
		}
		worst = max(worst, math.Sqrt(rest/window))
	}
	for i := 1; i < len(pcm); i++ {
		jump = max(jump, int(abs(int64(pcm[i])-int64(pcm[i-1]))))
	}
	return worst, jump
}

// A listener who talks now and then hears the background without a click,
// though each time it gets another encoder's packets. Steepest slope of the
// background: 461 per sample.
func TestSwitch_NoClick(t *testing.T) {
	for _, companions := range []int{0, 2} {
		b := newBench(t, EngineConfig{})
		b.add(440, nil)
		talker := b.add(0, nil)
		for range companions {
			b.add(0, nil)
		}
		b.run(30)
		talker.heard = nil
		switches, was := 0, talker.leg.now
		for i := range 12 {
			for _, hz := range []float64{1000, 0} {
				talker.hz = hz
				for range 70 + i {
					b.run(1)
					if talker.leg.now != was {
						switches, was = switches+1, talker.leg.now
					}
				}
			}
		}
		if switches < 20 {
			t.Fatalf("only %d switches", switches)
		}
		worst, jump := deviation(talker.heard, 440)
		t.Logf("%d switches: worst deviation %.0f of 5657, jump %d", switches, worst, jump)
		if worst > 250 { // 27 dB below the tone; without switches it is 180
			t.Errorf("%d companions: deviation %.0f", companions, worst)
		}
		if jump > 540 {
			t.Errorf("%d companions: a jump of %d between samples", companions, jump)
		}
	}
}

// Muting in the middle of a tone does not click either: what is left right
// after it is small in the high frequencies that a click is made of.
func TestMute_NoClick(t *testing.T) {
	b := newBench(t, EngineConfig{Bitrate: 128000})
	talker, ear := b.add(440, nil), b.add(0, nil)
	for i := range 12 {
		b.run(20 + i)
		ear.heard = nil
		talker.leg.SetMuted(true)
		b.run(5)
		for k := 1; k < len(ear.heard); k++ {
			if d := abs(int64(ear.heard[k]) - int64(ear.heard[k-1])); d > 700 {
				t.Fatalf("round %d: a jump of %d between samples, the tone's own is 461", i, d)
			}
		}
		talker.leg.SetMuted(false)
	}
}

// Who comes while others talk hears them at once, not too loud.
func TestSwitch_Newcomer(t *testing.T) {
	b := newBench(t, EngineConfig{})
	b.add(440, nil)
	old := b.add(0, nil)
	b.run(33)
	old.heard = nil
	late := b.add(0, nil)
	b.run(10)
	for i, x := range late.heard {
		if abs(int64(x)) > 8800 {
			t.Fatalf("sample %d is %d, want at most about 8000", i, x)
		}
	}
	if got := amplitude(late.heard[960:], 440); got < 7000 {
		t.Errorf("amplitude %.0f, want about 8000", got)
	}
	if worst, jump := deviation(old.heard, 440); worst > 400 || jump > 560 {
		t.Errorf("the others notice: deviation %.0f, jump %d", worst, jump)
	}
}

// Two people alone: the encoder goes with its only listener.
func TestSwitch_TwoPeople(t *testing.T) {
	b := newBench(t, EngineConfig{})
	a, c := b.add(440, nil), b.add(1000, nil)
	b.run(30)
	a.heard = nil
	a.hz = 0
	b.run(100)
	if a.leg.now != shared || b.room.shared.enc == nil || a.leg.private.enc != nil {
		t.Error("the listener is not on the shared stream with the only encoder")
	}
	if worst, _ := deviation(a.heard, 1000); worst > 250 {
		t.Errorf("deviation %.0f", worst)
	}
	c.hz = 0
	b.run(100)
	if b.room.shared.enc != nil || c.leg.private.enc != nil {
		t.Error("encoders are held in silence")
	}
	n := b.engine.Stats().Encoded
	b.listen(20)
	if got := b.engine.Stats().Encoded; got != n {
		t.Errorf("%d frames encoded in silence", got-n)
	}
}

func TestSaturate(t *testing.T) {
	var sum [frameSize]int32
	var out [frameSize]int16
	if !saturate(&out, &sum) {
		t.Error("zeros are not silence")
	}
	last := int16(-32768)
	for i := range sum {
		sum[i] = int32(i-frameSize/2) * 400
	}
	saturate(&out, &sum)
	for i, x := range out {
		if x < last {
			t.Fatalf("sample %d: %d after %d", i, x, last)
		}
		if v := sum[i]; v <= knee && v >= -knee && int32(x) != v {
			t.Fatalf("%d became %d", v, x)
		}
		last = x
	}
	sum = [frameSize]int32{math.MaxInt32, math.MinInt32 + 1}
	saturate(&out, &sum)
	if out[0] < 32000 || out[1] > -32000 {
		t.Errorf("extremes became %d and %d", out[0], out[1])
	}
}
