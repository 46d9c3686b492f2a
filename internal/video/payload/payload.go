// Package payload reads the few bits of a video RTP payload that a forwarder
// must understand: where a keyframe begins, how large its picture is, and the
// picture numbering that has to continue when the source changes.
//
// The codecs are VP8 (RFC 7741), VP9 (RFC 9628), H264 (RFC 6184) and AV1 (AOM's
// "RTP Payload Format For AV1"). Nothing is decoded, and nothing allocates. A
// payload that does not parse is no error for the forwarder: it passes untouched.
package payload

import "strings"

// Format is a payload format that the package can read.
type Format uint8

// The payload formats. Of Unknown nothing can be told, so every packet counts
// as a place where a receiver may begin.
const (
	Unknown Format = iota
	VP8
	VP9
	H264
	AV1
)

// FormatOf is the format of an encoding name of SDP (a=rtpmap), in any case.
func FormatOf(name string) Format {
	switch strings.ToUpper(name) {
	case "VP8":
		return VP8
	case "VP9":
		return VP9
	case "H264":
		return H264
	case "AV1":
		return AV1
	}
	return Unknown
}

// Info is what one packet's payload says.
type Info struct {
	// Keyframe: the packet begins a picture that needs no earlier one.
	Keyframe bool
	// Width and Height of the picture in pixels; 0 when the packet does not tell.
	Width, Height uint16

	// PictureIDBits is 0 (no picture id), 7 or 15.
	PictureIDBits uint8
	PictureID     uint16
	// HasTL0: TL0PICIDX, the running number of base layer pictures, is present.
	HasTL0    bool
	TL0PICIDX uint8

	pidAt, tl0At uint8 // offsets of the two fields in the payload
}

// Parse reads the payload of one packet. It answers false when the payload is
// too short or breaks the rules of its format; Info is then zero.
func Parse(f Format, b []byte) (Info, bool) {
	switch f {
	case VP8:
		return parseVP8(b)
	case VP9:
		return parseVP9(b)
	case H264:
		return parseH264(b)
	case AV1:
		return parseAV1(b)
	default:
		return Info{Keyframe: true}, true
	}
}

// Numbered tells whether the payload carries numbers that Rewrite would set.
func (i Info) Numbered() bool { return i.PictureIDBits != 0 || i.HasTL0 }

// Rewrite appends to dst the payload src, of which i was parsed, with its picture
// id and TL0PICIDX replaced; a field that src does not have is not added. A 7-bit
// picture id that does not hold the new number is widened to 15 bits, so the
// result can be one byte longer than src.
func (i Info) Rewrite(dst, src []byte, pictureID uint16, tl0 uint8) []byte {
	start := len(dst)
	grown := 0
	switch {
	case i.PictureIDBits == 15:
		dst = append(dst, src...)
		dst[start+int(i.pidAt)] = 0x80 | byte(pictureID>>8)
		dst[start+int(i.pidAt)+1] = byte(pictureID)
	case i.PictureIDBits == 7 && pictureID > 0x7f:
		dst = append(dst, src[:i.pidAt]...)
		dst = append(dst, 0x80|byte(pictureID>>8), byte(pictureID))
		dst = append(dst, src[i.pidAt+1:]...)
		grown = 1
	case i.PictureIDBits == 7:
		dst = append(dst, src...)
		dst[start+int(i.pidAt)] = byte(pictureID)
	default:
		dst = append(dst, src...)
	}
	if i.HasTL0 {
		dst[start+int(i.tl0At)+grown] = tl0
	}
	return dst
}

// readPictureID reads the M bit and the 7 or 15 bits after it, the same in VP8
// and VP9. It answers the offset after the field, 0 when b is too short.
//
//	+-+-+-+-+-+-+-+-+
//	|M| PICTURE ID  |
//	+-+-+-+-+-+-+-+-+
//	|   (if M = 1)  |
//	+-+-+-+-+-+-+-+-+
func (i *Info) readPictureID(b []byte, at int) int {
	if at >= len(b) {
		return 0
	}
	i.pidAt = uint8(at)
	if b[at]&0x80 == 0 {
		i.PictureIDBits, i.PictureID = 7, uint16(b[at])
		return at + 1
	}
	if at+1 >= len(b) {
		return 0
	}
	i.PictureIDBits = 15
	i.PictureID = uint16(b[at]&0x7f)<<8 | uint16(b[at+1])
	return at + 2
}
