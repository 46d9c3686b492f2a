//go:build cgo

package opus_test

import (
	"errors"
	"math"
	"testing"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

func tone(hz float64, at, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(at+i)/opus.SampleRate))
	}
	return pcm
}

func rms(pcm []int16) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func mustEncoder(t testing.TB, c opus.EncoderConfig) *opus.Encoder {
	t.Helper()
	e, err := opus.NewEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustDecoder(t testing.TB, channels int) *opus.Decoder {
	t.Helper()
	d, err := opus.NewDecoder(channels)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRoundTrip(t *testing.T) {
	for _, channels := range []int{1, 2} {
		for _, app := range []opus.Application{opus.VoIP, opus.Audio, opus.LowDelay} {
			e := mustEncoder(t, opus.EncoderConfig{Channels: channels, Application: app, Bitrate: 32000, Complexity: 5})
			d := mustDecoder(t, channels)
			out := make([]byte, opus.MaxFrameBytes)
			pcm := make([]int16, opus.MaxSamples*channels)
			var got float64
			for f := range 20 {
				n, err := e.Encode(tone(440, f*960*channels, 960*channels), out)
				if err != nil {
					t.Fatal(err)
				}
				if s, err := opus.Samples(out[:n]); err != nil || s != 960 {
					t.Fatalf("Samples = %d, %v, want 960", s, err)
				}
				s, err := d.Decode(out[:n], pcm)
				if err != nil || s != 960 {
					t.Fatalf("Decode = %d, %v, want 960", s, err)
				}
				got = rms(pcm[:960*channels])
			}
			if got < 4500 || got > 6800 {
				t.Errorf("app %d, %d channels: rms %.0f, want about 5657", app, channels, got)
			}
		}
	}
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   int
	}{
		{[]byte{0xF8, 0xFF, 0xFE}, 960},
		{[]byte{0x78, 0}, 960},      // hybrid fullband 20 ms
		{[]byte{0x70, 0}, 480},      // hybrid fullband 10 ms
		{[]byte{0x18, 0}, 2880},     // SILK 60 ms
		{[]byte{0x10, 0}, 1920},     // SILK 40 ms
		{[]byte{0xE1, 0}, 240},      // two CELT frames of 2.5 ms
		{[]byte{0xFB, 3}, 2880},     // three of 20 ms
		{[]byte{0xFB, 0}, 0},        // no frame at all
		{[]byte{0xFB, 63}, 0},       // more than 120 ms
		{[]byte{0xFB}, 0}, {nil, 0}, // cut off
	} {
		got, err := opus.Samples(c.packet)
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("Samples(% x) = %d, %v, want %d", c.packet, got, err, c.want)
		}
	}
}

// The flags read without decoding are what the encoder really writes.
func TestFlags(t *testing.T) {
	out := make([]byte, opus.MaxFrameBytes)
	e := mustEncoder(t, opus.EncoderConfig{Channels: 1, Application: opus.LowDelay, Bitrate: 32000, Complexity: 5})
	n, _ := e.Encode(make([]int16, 960), out)
	if !opus.IsSilent(out[:n]) {
		t.Errorf("encoded zeros % x are not seen as silence", out[:n])
	}
	n, _ = e.Encode(tone(440, 0, 960), out)
	if opus.IsSilent(out[:n]) {
		t.Error("a tone is seen as silence")
	}
	for _, fec := range []bool{false, true} {
		e := mustEncoder(t, opus.EncoderConfig{Channels: 1, Application: opus.VoIP, Bitrate: 24000, Complexity: 5, FEC: fec, PacketLoss: 20})
		seen := false
		for f := range 50 {
			n, _ := e.Encode(tone(300, f*960, 960), out)
			seen = seen || opus.HasFEC(out[:n])
		}
		if seen != fec {
			t.Errorf("FEC %v: HasFEC saw %v", fec, seen)
		}
	}
}

// A lost packet comes back from the redundancy in the next one.
func TestFEC(t *testing.T) {
	e := mustEncoder(t, opus.EncoderConfig{Channels: 1, Application: opus.VoIP, Bitrate: 24000, Complexity: 5, FEC: true, PacketLoss: 20})
	d := mustDecoder(t, 1)
	pcm := make([]int16, opus.MaxSamples)
	var next []byte
	for f := range 40 {
		out := make([]byte, opus.MaxFrameBytes)
		n, err := e.Encode(tone(300, f*960, 960), out)
		if err != nil {
			t.Fatal(err)
		}
		if next = out[:n]; f < 38 {
			if _, err := d.Decode(next, pcm); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := d.DecodeFEC(next, pcm[:960]); err != nil || n != 960 {
		t.Fatalf("DecodeFEC = %d, %v", n, err)
	}
	if got := rms(pcm[:960]); got < 1500 {
		t.Errorf("recovered frame has rms %.0f, want something like 5657", got)
	}
	if n, err := d.Decode(nil, pcm[:960]); err != nil || n != 960 {
		t.Errorf("concealment = %d, %v", n, err)
	}
}

func TestErrors(t *testing.T) {
	if _, err := opus.NewEncoder(opus.EncoderConfig{Channels: 3}); err == nil {
		t.Error("an encoder with 3 channels was made")
	}
	if _, err := opus.NewEncoder(opus.EncoderConfig{Channels: 1, Complexity: 11}); err == nil {
		t.Error("complexity 11 was accepted")
	}
	d := mustDecoder(t, 1)
	if _, err := d.Decode([]byte{0xFB, 0x00}, make([]int16, opus.MaxSamples)); !errors.Is(err, opus.ErrPacket) {
		t.Errorf("garbage: %v, want ErrPacket", err)
	}
	if _, err := d.Decode(opus.Silence(), make([]int16, 10)); err == nil {
		t.Error("a decode into ten samples went well")
	}
}

// A copied encoder writes the very bytes that its original would have written.
func TestCopyFrom(t *testing.T) {
	c := opus.EncoderConfig{Channels: 1, Bitrate: 32000, Complexity: 5}
	a, b := mustEncoder(t, c), mustEncoder(t, c)
	x, y := make([]byte, opus.MaxFrameBytes), make([]byte, opus.MaxFrameBytes)
	for f := range 7 {
		if _, err := a.Encode(tone(500, f*960, 960), x); err != nil {
			t.Fatal(err)
		}
	}
	b.CopyFrom(a)
	for f := 7; f < 20; f++ {
		n, _ := a.Encode(tone(500, f*960, 960), x)
		m, _ := b.Encode(tone(500, f*960, 960), y)
		if string(x[:n]) != string(y[:m]) {
			t.Fatalf("frame %d differs", f)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	e := mustEncoder(t, opus.EncoderConfig{Channels: 1, Bitrate: 32000, Complexity: 5})
	d := mustDecoder(t, 1)
	in, out, pcm := tone(440, 0, 960), make([]byte, opus.MaxFrameBytes), make([]int16, opus.MaxSamples)
	if n := testing.AllocsPerRun(20, func() {
		n, _ := e.Encode(in, out)
		_, _ = d.Decode(out[:n], pcm)
		_, _ = d.DecodeFEC(out[:n], pcm[:960])
		_, _ = d.Decode(nil, pcm[:960])
		_ = e.Independent(true)
	}); n != 0 {
		t.Errorf("%v allocations per round, want 0", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(opus.Silence(), false)
	f.Add([]byte{0x78, 0x80, 0x12, 0x33, 0xff}, true)
	f.Add([]byte{0xFB, 0x83, 0x01}, false)
	f.Fuzz(func(t *testing.T, packet []byte, fec bool) {
		d := mustDecoder(t, 1)
		pcm := make([]int16, opus.MaxSamples)
		want, bad := opus.Samples(packet)
		_ = opus.HasFEC(packet)
		_ = opus.IsSilent(packet)
		for range 3 {
			var n int
			var err error
			if fec {
				n, err = d.DecodeFEC(packet, pcm[:960])
			} else {
				n, err = d.Decode(packet, pcm)
			}
			if err == nil && !fec && len(packet) > 0 && (bad != nil || n != want) {
				t.Fatalf("decoded %d samples, Samples says %d, %v", n, want, bad)
			}
		}
	})
}
