// Package opus is a thin binding of libopus, and the few facts about an Opus
// packet that can be read without decoding it (RFC 6716 section 3).
//
// Everything runs at 48 kHz with 16-bit samples, interleaved when stereo. The
// library is linked statically, so that a program needs nothing but libc and
// libm to run; building needs the header and archive of libopus 1.1 or later
// (Debian: libopus-dev). Without cgo the package still builds, and
// [NewEncoder] and [NewDecoder] answer [ErrUnavailable].
//
// Codec states live in Go memory: there is nothing to close, and a state can
// be copied ([Encoder.CopyFrom]). Calls do not allocate. An Encoder or Decoder
// must not be used by two goroutines at once.
package opus

import "errors"

const (
	// SampleRate is the only rate used here, in Hz.
	SampleRate = 48000
	// MaxSamples is the longest packet, 120 ms, in samples per channel.
	MaxSamples = 5760
	// MaxFrameBytes bounds one compressed frame (RFC 6716 section 3.2.1).
	MaxFrameBytes = 1275
)

var (
	// ErrUnavailable says that the program was built without libopus.
	ErrUnavailable = errors.New("opus: built without cgo, so that libopus is missing; build with CGO_ENABLED=1 and libopus-dev installed")
	// ErrPacket says that bytes are not an Opus packet.
	ErrPacket = errors.New("opus: malformed packet")
)

// Application tunes an encoder (opus_encoder_create).
type Application int

const (
	// VoIP prefers speech: linear prediction (SILK) or hybrid at low rates,
	// able to carry in-band FEC.
	VoIP Application = 2048
	// Audio prefers faithfulness to the input.
	Audio Application = 2049
	// LowDelay is always CELT: no speech modes, 4 ms less delay.
	LowDelay Application = 2051
)

// EncoderConfig is how an encoder works; it holds for its life.
type EncoderConfig struct {
	Channels    int         // 1 or 2
	Application Application // 0: Audio
	Bitrate     int         // bit/s; 0: the library's choice
	Complexity  int         // 0 (cheapest) to 10
	FEC         bool        // in-band FEC, where the mode has it
	PacketLoss  int         // expected loss, percent; steers FEC and prediction
}

// Silence is the standard packet of 20 ms of mono silence: a fullband CELT
// frame with nothing but its silence flag.
func Silence() []byte { return []byte{0xF8, 0xFF, 0xFE} }

// frameSamples is the duration of one frame by configuration number, the
// upper five bits of the TOC byte (RFC 6716 table 2), in samples at 48 kHz.
func frameSamples(toc byte) int {
	config := toc >> 3
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		return 120 << (config & 3)
	}
}

// Samples is the duration of a packet in samples at 48 kHz. It reads the
// TOC and, for code 3, the frame count; the frames themselves go unchecked.
func Samples(packet []byte) (int, error) {
	if len(packet) == 0 {
		return 0, ErrPacket
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, ErrPacket
		}
		frames = int(packet[1] & 0x3F)
	}
	n := frames * frameSamples(packet[0])
	if n == 0 || n > MaxSamples {
		return 0, ErrPacket
	}
	return n, nil
}

// IsSilent reports whether a packet is silence for certain, without decoding:
// a DTX packet (a TOC and at most one byte), or a CELT frame with its silence
// flag set. That flag is the first symbol of the frame and has a probability
// of 2^-15 (RFC 6716 section 4.3), so it is 15 one bits at the range coder's
// start. False is no proof of sound.
func IsSilent(packet []byte) bool {
	switch {
	case len(packet) <= 2:
		return true
	case packet[0] < 0x80 || packet[0]&3 != 0: // not CELT, or several frames
		return false
	}
	return packet[1] == 0xFF && packet[2] >= 0xFE
}

// HasFEC reports whether a packet carries a redundant copy of the frame
// before it (LBRR, RFC 6716 section 4.2.4). CELT packets never do.
func HasFEC(packet []byte) bool {
	if len(packet) < 2 || packet[0] >= 0x80 || packet[0]&3 != 0 {
		return false
	}
	// The SILK layer begins, per channel, with one VAD bit for each of its
	// 20 ms frames, then the LBRR flag.
	frames := max(frameSamples(packet[0])/960, 1)
	mid := packet[1] >> (7 - frames) & 1
	if packet[0]&4 == 0 {
		return mid == 1
	}
	side := packet[1] >> max(6-2*frames, 0) & 1
	return mid == 1 || side == 1
}
