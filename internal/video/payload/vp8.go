package payload

import "encoding/binary"

// parseVP8 reads the payload descriptor of RFC 7741 section 4.2 and, at the
// start of a keyframe, the frame header of RFC 6386 section 9.1.
//
//	      0 1 2 3 4 5 6 7
//	     +-+-+-+-+-+-+-+-+
//	     |X|R|N|S|R| PID | (REQUIRED)
//	     +-+-+-+-+-+-+-+-+
//	X:   |I|L|T|K| RSV   | (OPTIONAL)
//	     +-+-+-+-+-+-+-+-+
//	I:   |M| PictureID   | (OPTIONAL)
//	     |   PictureID   | (if M)
//	L:   |   TL0PICIDX   | (OPTIONAL)
//	T/K: |TID|Y| KEYIDX  | (OPTIONAL)
func parseVP8(b []byte) (Info, bool) {
	var i Info
	if len(b) < 1 {
		return i, false
	}
	first := b[0]
	at := 1
	if first&0x80 != 0 {
		if len(b) < 2 {
			return Info{}, false
		}
		ext := b[1]
		at = 2
		if ext&0x80 != 0 {
			if at = i.readPictureID(b, at); at == 0 {
				return Info{}, false
			}
		}
		if ext&0x40 != 0 {
			if at >= len(b) {
				return Info{}, false
			}
			i.HasTL0, i.TL0PICIDX, i.tl0At = true, b[at], uint8(at)
			at++
		}
		if ext&0x30 != 0 {
			at++
		}
	}
	if at >= len(b) {
		return Info{}, false
	}
	// S set and PID 0: the first packet of the first partition, which begins
	// with the frame header. Its lowest bit, P, is 0 in keyframes.
	if first&0x17 == 0x10 && b[at]&0x01 == 0 {
		i.Keyframe = true
		i.readVP8Size(b[at:])
	}
	return i, true
}

// readVP8Size reads width and height behind the three bytes of the frame tag
// and the start code 9d 01 2a. The upper two bits of each are a scale.
func (i *Info) readVP8Size(frame []byte) {
	if len(frame) < 10 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return
	}
	i.Width = binary.LittleEndian.Uint16(frame[6:]) & 0x3fff
	i.Height = binary.LittleEndian.Uint16(frame[8:]) & 0x3fff
}
