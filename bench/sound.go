package main

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

const (
	frameSamples = 960 // 20 ms at 48 kHz
	clipFrames   = 100 // frames of a recording that is sent over and over
)

// clip is sound as a sender sends it: Opus packets of 20 ms at 48 kHz, encoded
// beforehand so that the generator does not have to, and the level that goes
// along (RFC 6464: -dBov).
type clip struct {
	frames [][]byte
	level  uint8
}

// silence is what a browser sends for a muted microphone: silence, continuous.
func silence() (clip, error) { return record(func(int) float64 { return 0 }, 127) }

// tone is a sine of a whole number of Hz, so that it goes on without a step
// when the clip begins anew.
func tone(hz int) (clip, error) {
	return record(func(i int) float64 {
		return 8000 * math.Sin(2*math.Pi*float64(hz)*float64(i)/opus.SampleRate)
	}, 15)
}

// noise is a quiet open microphone.
func noise() (clip, error) {
	dice := rand.New(rand.NewPCG(1, 2))
	return record(func(int) float64 { return 33 * dice.NormFloat64() }, 60)
}

// record encodes with 32 kbit/s and complexity 5.
func record(sample func(i int) float64, level uint8) (clip, error) {
	enc, err := opus.NewEncoder(opus.EncoderConfig{Channels: 1, Application: opus.Audio, Bitrate: 32000, Complexity: 5})
	if err != nil {
		return clip{}, err
	}
	c := clip{level: level}
	pcm, out := make([]int16, frameSamples), make([]byte, opus.MaxFrameBytes)
	for n := range clipFrames {
		for i := range pcm {
			pcm[i] = int16(math.Round(sample(n*frameSamples + i)))
		}
		size, err := enc.Encode(pcm, out)
		if err != nil {
			return clip{}, err
		}
		c.frames = append(c.frames, append([]byte(nil), out[:size]...))
	}
	return c, nil
}

// ear decodes a stream and keeps its newest second.
type ear struct {
	mu     sync.Mutex
	dec    *opus.Decoder
	pcm    []int16
	ring   [opus.SampleRate]int16
	at     int // where the next sample goes
	filled int
}

func newEar() (*ear, error) {
	dec, err := opus.NewDecoder(1)
	if err != nil {
		return nil, err
	}
	return &ear{dec: dec, pcm: make([]int16, opus.MaxSamples)}, nil
}

func (e *ear) listen(packet []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, err := e.dec.Decode(packet, e.pcm)
	if err != nil {
		return
	}
	for _, v := range e.pcm[:n] {
		e.ring[e.at] = v
		e.at = (e.at + 1) % len(e.ring)
	}
	e.filled = min(e.filled+n, len(e.ring))
}

// amplitude of a frequency in the newest second, by Goertzel's algorithm: a
// single bin of a Fourier transform, 1 Hz wide.
func (e *ear) amplitude(hz int) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.filled < len(e.ring) {
		return 0
	}
	return goertzel(append(e.ring[e.at:len(e.ring):len(e.ring)], e.ring[:e.at]...), hz)
}

func goertzel(pcm []int16, hz int) float64 {
	k := 2 * math.Cos(2*math.Pi*float64(hz)/opus.SampleRate)
	var s1, s2 float64
	for _, v := range pcm {
		s1, s2 = float64(v)+k*s1-s2, s1
	}
	return 2 * math.Sqrt(max(0, s1*s1+s2*s2-k*s1*s2)) / float64(len(pcm))
}
