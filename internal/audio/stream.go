package audio

import "github.com/carillon-rtc/carillon/internal/audio/opus"

// silenceFrame is the standard Opus packet of 20 ms of silence.
var silenceFrame = [3]byte{0xF8, 0xFF, 0xFE}

// flush is how many frames of digital silence are still encoded, for the codec
// to give out its last sound.
const flush = 5

// stream is one encoded mix. It has an encoder only while there is sound.
type stream struct {
	enc   *opus.Encoder
	quiet int // frames of digital silence in a row
}

// encode gives the packet of one frame of the mix, in out, and whether there
// is sound in it. alone makes it decodable by those who have not heard the
// stream's past.
func (s *stream) encode(p *pools, pcm *[frameSize]int16, silent, alone bool, out []byte) (packet []byte, sound bool) {
	if !silent {
		s.quiet = 0
	} else if s.quiet++; s.quiet > flush || s.enc == nil {
		s.stop(p)
		return silenceFrame[:], false
	}
	if s.enc == nil {
		if s.enc = p.encoder(); s.enc == nil {
			return silenceFrame[:], false
		}
		alone = false // its first frame is
	}
	if alone {
		_ = s.enc.Independent(true)
	}
	n, err := s.enc.Encode(pcm[:], out)
	if alone {
		_ = s.enc.Independent(false)
	}
	if err != nil {
		return silenceFrame[:], false
	}
	return out[:n], true
}

// stop gives the encoder back: whoever listens hears silence from here on.
func (s *stream) stop(p *pools) {
	if s.enc != nil {
		p.encoders.put(s.enc)
		s.enc = nil
	}
}

// follow makes s continue from's stream.
func (s *stream) follow(p *pools, from *stream) {
	s.stop(p)
	s.quiet = from.quiet
	if from.enc == nil {
		return
	}
	if s.enc = p.encoder(); s.enc != nil {
		s.enc.CopyFrom(from.enc)
	}
}
