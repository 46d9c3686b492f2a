package audio

import "math"

const (
	silentLevel = 86 // -dBov (RFC 6464): this and anything quieter is silence; 16-bit samples end at 90
	quietLevel  = 50 // this and anything quieter is background: frames may be dropped or inserted
	muteLevel   = 127

	knee = 28672 // -1.2 dBov: the mix is linear up to here, and bends above
	span = 32767 - knee
)

// add adds a frame to a sum.
func add(sum *[frameSize]int32, frame *[frameSize]int16) {
	for i, s := range frame {
		sum[i] += int32(s)
	}
}

// subtract takes a frame out of a sum again.
func subtract(sum *[frameSize]int32, frame *[frameSize]int16) {
	for i, s := range frame {
		sum[i] -= int32(s)
	}
}

// saturate makes 16-bit samples of a sum. What would be too loud is bent
// towards the limit rather than cut, with a steady slope at the knee. It
// reports whether the frame is digital silence.
func saturate(out *[frameSize]int16, sum *[frameSize]int32) (silent bool) {
	var any int32
	for i, s := range sum {
		any |= s
		switch {
		case s > knee:
			s = knee + bend(s-knee)
		case s < -knee:
			s = -knee - bend(-s-knee)
		}
		out[i] = int16(s)
	}
	return any == 0
}

// bend maps [0, inf) onto [0, span).
func bend(over int32) int32 {
	return int32(int64(over) * span / (int64(over) + span))
}

// levelOf is the loudness of a frame as RFC 6464 has it: 0 is the loudest, 127
// silence, in -dBov.
func levelOf(frame *[frameSize]int16) uint8 {
	var energy int64
	for _, s := range frame {
		energy += int64(s) * int64(s)
	}
	if energy == 0 {
		return muteLevel
	}
	db := 10 * math.Log10(float64(energy)/(frameSize*32768*32768))
	return uint8(min(max(-db, 0), 126))
}
