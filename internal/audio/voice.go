package audio

import (
	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

const (
	hangover = 50  // ticks that a talker stays one after its last sound
	fadeSize = 240 // samples of a cross-fade, 5 ms
)

// voice is what a leg needs while it talks: packets to come, a decoder, and
// decoded sound. It is pooled, for it is large and most legs are silent.
// Apart from the ring, which the leg's lock guards, it belongs to the tick.
type voice struct {
	ring ring

	dec   *opus.Decoder // nil where there is no codec
	pcm   [opus.MaxSamples + 2*frameSize]int16
	n     int             // samples of pcm that wait to be played
	tail  [fadeSize]int16 // start of a dropped frame, to fade from
	fade  bool
	frame [frameSize]int16 // this tick's sound
	level uint8            // of frame

	asleep  bool // packets have passed by undecoded
	silent  bool // the last packet was silence
	quiet   int  // silent ticks in a row
	idle    int  // ticks in a row without anything to play
	primed  bool // the decoder has been given a start
	ended   bool // has been faded out
	errors  uint64
	decoded uint64
}

// reset makes a used voice like new.
func (v *voice) reset() {
	for i := range v.ring.meta {
		v.ring.meta[i].used = false
	}
	v.n, v.fade, v.silent, v.quiet, v.idle = 0, false, false, 0, 0
	v.asleep, v.primed, v.ended = false, false, false
	v.level = muteLevel
	v.errors, v.decoded = 0, 0
}

// prime readies the decoder for a stream whose past it has not heard. A fresh
// decoder takes the past for loud: its first predicted frame could be 27 dB
// too strong. After a silence frame it errs on the quiet side.
func (v *voice) prime() {
	if v.dec == nil {
		return
	}
	_ = v.dec.Reset()
	_, _ = v.dec.Decode(silenceFrame[:], v.pcm[v.n:v.n+frameSize])
	v.primed, v.asleep = true, false
}

// apply carries out a step and appends what it gives to pcm.
func (v *voice) apply(s step) {
	out := v.pcm[v.n:]
	var n int
	var err error
	switch {
	case v.dec == nil:
		n = min(s.samples, len(out))
		clear(out[:n])
	case s.op == opConceal:
		n, err = v.dec.Decode(nil, out[:s.samples])
	case s.op == opRecover:
		n, err = v.dec.DecodeFEC(s.payload, out[:s.samples])
	default:
		v.decoded++
		n, err = v.dec.Decode(s.payload, out)
	}
	if err != nil { // foreign bytes that are no Opus: as good as lost
		v.errors++
		n = min(max(s.samples/120*120, 120), opus.MaxSamples)
		if n, err = v.dec.Decode(nil, out[:n]); err != nil {
			return
		}
	}
	if s.op == opDrop {
		v.fade = n >= fadeSize && !v.fade
		copy(v.tail[:], out[:min(n, fadeSize)])
		return
	}
	if v.fade && n >= fadeSize {
		// The dropped frame went on from what was played; go over from it.
		for i, from := range v.tail {
			out[i] = int16((int32(from)*int32(fadeSize-i) + int32(out[i])*int32(i)) / fadeSize)
		}
		v.fade = false
	}
	v.n += n
}

// take moves one frame from pcm to frame, filled up with silence.
func (v *voice) take() {
	n := copy(v.frame[:], v.pcm[:min(v.n, frameSize)])
	clear(v.frame[n:])
	v.n = copy(v.pcm[:], v.pcm[n:v.n])
}

// end makes a last frame for a voice that is muted in the middle of a sound,
// so that the others hear no click: 5 ms, fading out, made up from what has
// been heard before. Nothing that is said after muting is in it.
func (v *voice) end() bool {
	v.ended = true
	if v.dec == nil || !v.primed || v.asleep || v.n > 0 {
		return false
	}
	if _, err := v.dec.Decode(nil, v.frame[:fadeSize]); err != nil {
		return false
	}
	for i := range fadeSize {
		v.frame[i] = int16(int32(v.frame[i]) * int32(fadeSize-i) / fadeSize)
	}
	clear(v.frame[fadeSize:])
	return true
}
