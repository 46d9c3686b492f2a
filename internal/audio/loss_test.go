//go:build cgo

package audio

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

// dips counts the 10 ms windows of got that have less than a quarter of the
// amplitude that want has there, where want is loud.
func dips(got, want []int16) (n int) {
	rms := func(pcm []int16) float64 {
		var sum float64
		for _, x := range pcm {
			sum += float64(x) * float64(x)
		}
		return math.Sqrt(sum / float64(len(pcm)))
	}
	for o := 0; o+480 <= min(len(got), len(want)); o += 480 {
		if w := rms(want[o : o+480]); w > 1000 && rms(got[o:o+480]) < w/4 {
			n++
		}
	}
	return n
}

// vowel is something like speech: a pitch of 120 Hz with two formants, louder
// and softer three times a second.
func vowel(i int) int16 {
	t := float64(i) / 48000
	var x float64
	for h := 1; h <= 20; h++ {
		f := 120 * float64(h)
		x += (math.Exp(-math.Pow((f-600)/200, 2)) + 0.5*math.Exp(-math.Pow((f-1400)/250, 2)) + 0.05) * math.Sin(2*math.Pi*f*t)
	}
	return int16(3000 * x * (0.7 + 0.3*math.Sin(2*math.Pi*3*t)))
}

// speech is what a listener hears of 10 s of vowel, with some of it lost.
func speech(t *testing.T, c opus.EncoderConfig, lossPercent int) ([]int16, LegStats) {
	b := newBench(t, EngineConfig{})
	talker, ear := b.add(0, nil), b.add(0, nil)
	enc, err := opus.NewEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	second := make([]int16, 50*frameSize) // the vowel repeats itself after that
	for i := range second {
		second[i] = vowel(i)
	}
	out := make([]byte, opus.MaxFrameBytes)
	for f := range 500 {
		n, err := enc.Encode(second[f%50*frameSize:][:frameSize], out)
		if err != nil {
			t.Fatal(err)
		}
		late, gone := time.Duration(rnd.IntN(15))*time.Millisecond, rnd.IntN(100) < lossPercent
		if f < 10 || !gone {
			talker.leg.Push(&talker.header, out[:n], 20, true, b.now.Add(late))
		}
		talker.header.SequenceNumber++
		talker.header.Timestamp += frameSize
		b.tick()
	}
	return ear.heard, talker.leg.Stats()
}

func TestLoss_StaysContinuous(t *testing.T) {
	for _, c := range []struct {
		name    string
		encoder opus.EncoderConfig
		fec     bool
	}{
		{"speech modes with FEC", opus.EncoderConfig{Channels: 1, Application: opus.VoIP, Bitrate: 24000, Complexity: 5, FEC: true, PacketLoss: 20}, true},
		{"CELT without", opus.EncoderConfig{Channels: 1, Application: opus.Audio, Bitrate: 32000, Complexity: 5}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, clean := speech(t, c.encoder, 0)
			if clean.Lost != 0 || clean.Concealed != 0 {
				t.Errorf("without loss: %+v", clean)
			}
			got, s := speech(t, c.encoder, 10)
			t.Logf("%d dips of 1000, %+v", dips(got, want), s)
			if n := dips(got, want); n > 10 {
				t.Errorf("%d of 1000 windows have no sound", n)
			}
			if s.Lost < 30 || s.Lost > 70 {
				t.Errorf("%d packets lost, want about 50", s.Lost)
			}
			if c.fec && s.Recovered < s.Lost/3 { // half of the packets carry FEC, and some losses are double
				t.Errorf("only %d of %d lost packets recovered", s.Recovered, s.Lost)
			}
		})
	}
}

func TestPacketDurations(t *testing.T) {
	for _, samples := range []int{120, 480, 1920, 2880} {
		b := newBench(t, EngineConfig{})
		talker, ear := b.add(440, nil), b.add(0, nil)
		at, out := 0, make([]byte, opus.MaxFrameBytes)
		for tick := range 150 {
			for at+samples <= (tick+1)*frameSize {
				pcm := make([]int16, samples)
				for i := range pcm {
					pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(at+i)/48000))
				}
				at += samples
				n, err := talker.enc.Encode(pcm, out)
				if err != nil {
					t.Fatal(err)
				}
				talker.leg.Push(&talker.header, out[:n], 15, true, b.now)
				talker.header.SequenceNumber++
				talker.header.Timestamp += uint32(samples)
			}
			b.tick()
		}
		pcm := ear.heard[50*frameSize:]
		if worst, jump := deviation(pcm, 440); worst > 350 || jump > 540 || amplitude(pcm, 440) < 7500 { // 120 samples: coarse in itself
			t.Errorf("%d samples: deviation %.0f, jump %d, amplitude %.0f", samples, worst, jump, amplitude(pcm, 440))
		}
	}
}

// Stereo is heard too; garbage is not, and harms nobody.
func TestOddPackets(t *testing.T) {
	b := newBench(t, EngineConfig{})
	talker, noise, ear := b.add(440, nil), b.add(0, nil), b.add(0, nil)
	stereo, err := opus.NewEncoder(opus.EncoderConfig{Channels: 2, Bitrate: 64000, Complexity: 5})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(7, 8))
	out := make([]byte, opus.MaxFrameBytes)
	for f := range 150 {
		pcm := make([]int16, 2*frameSize)
		for i := range frameSize {
			x := int16(8000 * math.Sin(2*math.Pi*440*float64(f*frameSize+i)/48000))
			pcm[2*i], pcm[2*i+1] = x, x
		}
		n, _ := stereo.Encode(pcm, out)
		talker.leg.Push(&talker.header, out[:n], 15, true, b.now)
		talker.header.SequenceNumber++
		talker.header.Timestamp += frameSize
		junk := make([]byte, rnd.IntN(60))
		for i := range junk {
			junk[i] = byte(rnd.Uint32())
		}
		if len(junk) > 1 {
			junk[0], junk[1] = 0xFB, 0x3F // never a packet
		}
		noise.leg.Push(&noise.header, junk, 3, true, b.now)
		noise.header.PayloadType = 96
		noise.leg.Push(&noise.header, silenceFrame[:], 3, true, b.now)
		noise.header.PayloadType = 111
		b.tick()
	}
	if worst, _ := deviation(ear.heard[50*frameSize:], 440); worst > 250 || amplitude(ear.heard[50*frameSize:], 440) < 7500 {
		t.Errorf("deviation %.0f, amplitude %.0f", worst, amplitude(ear.heard[50*frameSize:], 440))
	}
	if s := b.engine.Stats(); s.Unreadable < 140 || s.Refused != 150 {
		t.Errorf("counted %d unreadable, %d refused", s.Unreadable, s.Refused)
	}
}

// FuzzPush gives a leg any packets; everybody still gets theirs.
func FuzzPush(f *testing.F) {
	f.Add(uint32(1), uint16(1), uint32(960), []byte{0x78, 1, 2, 3, 4, 5}, uint8(20), true)
	f.Add(uint32(2), uint16(65535), uint32(0), []byte{0xFB, 0x83, 1, 2}, uint8(200), false)
	f.Fuzz(func(t *testing.T, ssrc uint32, seq uint16, ts uint32, payload []byte, level uint8, hasLevel bool) {
		b := newBench(t, EngineConfig{})
		leg := b.room.Add(LegConfig{Sink: &void{}, PayloadType: 111, Hears: true, Speaks: true})
		ear := b.add(0, nil)
		h := rtp.Header{PayloadType: 111, SSRC: ssrc, SequenceNumber: seq, Timestamp: ts}
		for range 4 {
			leg.Push(&h, payload, level, hasLevel, b.now)
			h.SequenceNumber++
			h.Timestamp += uint32(len(payload)) * 120
			b.tick()
		}
		if len(ear.packets) != 4 {
			t.Fatalf("%d packets in 4 ticks", len(ear.packets))
		}
	})
}
