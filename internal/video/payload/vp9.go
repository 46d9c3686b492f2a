package payload

import "encoding/binary"

// parseVP9 reads the payload descriptor of RFC 9628 section 4.2.
//
//	      0 1 2 3 4 5 6 7
//	     +-+-+-+-+-+-+-+-+
//	     |I|P|L|F|B|E|V|Z| (REQUIRED)
//	     +-+-+-+-+-+-+-+-+
//	I:   |M| PICTURE ID  | (REQUIRED)
//	M:   | EXTENDED PID  | (RECOMMENDED)
//	L:   | TID |U| SID |D| (CONDITIONALLY RECOMMENDED)
//	     |   TL0PICIDX   | (non-flexible mode only)
//	P,F: | P_DIFF      |N| (flexible mode, up to 3 times)
//	V:   | SS            |
func parseVP9(b []byte) (Info, bool) {
	var i Info
	if len(b) < 1 {
		return i, false
	}
	first := b[0]
	at, spatial := 1, byte(0)
	if first&0x80 != 0 {
		if at = i.readPictureID(b, at); at == 0 {
			return Info{}, false
		}
	}
	if first&0x20 != 0 {
		if at >= len(b) {
			return Info{}, false
		}
		spatial = b[at] >> 1 & 0x07
		at++
		if first&0x10 == 0 {
			if at >= len(b) {
				return Info{}, false
			}
			i.HasTL0, i.TL0PICIDX, i.tl0At = true, b[at], uint8(at)
			at++
		}
	}
	if first&0x50 == 0x50 {
		for n := 0; n < 3; n++ {
			if at >= len(b) {
				return Info{}, false
			}
			at++
			if b[at-1]&0x01 == 0 {
				break
			}
		}
	}
	// Not predicted from an earlier picture (P = 0), at the beginning of a frame
	// (B = 1) of the lowest spatial layer.
	i.Keyframe = first&0x48 == 0x08 && spatial == 0
	if first&0x02 != 0 {
		i.readVP9Structure(b, at)
	}
	return i, true
}

// readVP9Structure takes the size of the highest spatial layer from the
// scalability structure: N_S (3 bits), Y (sizes follow), G, then the sizes.
func (i *Info) readVP9Structure(b []byte, at int) {
	if at >= len(b) || b[at]&0x10 == 0 {
		return
	}
	highest := int(b[at] >> 5)
	size := at + 1 + 4*highest
	if size+4 > len(b) {
		return
	}
	i.Width = binary.BigEndian.Uint16(b[size:])
	i.Height = binary.BigEndian.Uint16(b[size+2:])
}
