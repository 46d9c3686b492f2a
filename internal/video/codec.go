package video

import (
	"strconv"
	"strings"

	"github.com/carillon-rtc/carillon/internal/video/payload"
)

// Codec is one negotiated video codec of a section.
type Codec struct {
	PayloadType uint8
	// RTX is the payload type of its retransmissions (RFC 4588, apt), 0 if none.
	RTX uint8
	// Name is the encoding name of a=rtpmap, such as "VP8", in any case.
	Name string
	// Fmtp is the text after the payload type of a=fmtp.
	Fmtp string
}

// key names what a decoder must be able to do, so that two sections' codecs with
// equal keys carry the same payloads although their payload types differ: the
// name, and H264's profile and packetization mode (RFC 6184 section 8.2.2) or the
// profile of VP9 and AV1 (signaling spec 3.5).
func (c Codec) key() string {
	name := strings.ToUpper(c.Name)
	switch name {
	case "H264":
		return name + "/" + h264Profile(c.parameter("profile-level-id", "420010")) +
			"/" + c.parameter("packetization-mode", "0")
	case "VP9":
		return name + "/" + c.parameter("profile-id", "0")
	case "AV1":
		return name + "/" + c.parameter("profile", "0")
	}
	return name
}

func (c Codec) parameter(name, missing string) string {
	for p := range strings.SplitSeq(c.Fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return missing
}

// h264Profile reduces a profile-level-id to the profile: RFC 6184 table 5 lists
// several profile_idc and constraint bits that mean the same one.
func h264Profile(profileLevelID string) string {
	v, err := strconv.ParseUint(profileLevelID, 16, 32)
	if err != nil || len(profileLevelID) != 6 {
		return strings.ToLower(profileLevelID)
	}
	idc, iop := byte(v>>16), byte(v>>8)
	switch {
	case idc == 0x42 && iop&0x4f == 0x40, idc == 0x4d && iop&0x8f == 0x80, idc == 0x58 && iop&0xcf == 0xc0:
		return "constrained-baseline"
	case idc == 0x42 && iop&0x4f == 0x00, idc == 0x58 && iop&0xcf == 0x80:
		return "baseline"
	case idc == 0x4d && iop&0xaf == 0x00:
		return "main"
	case idc == 0x64 && iop == 0x00:
		return "high"
	case idc == 0x64 && iop == 0x0c:
		return "constrained-high"
	}
	return strings.ToLower(profileLevelID[:4])
}

// sourceCodec is a sender's codec, prepared for the path of packets. It is
// immutable and compared by its address.
type sourceCodec struct {
	Codec
	format payload.Format
	key    string
}

// codecTable finds a sender's codec by payload type.
type codecTable struct {
	media [128]*sourceCodec
	rtx   [128]*sourceCodec // by the payload type of the retransmission
}

func newCodecTable(codecs []Codec) *codecTable {
	t := &codecTable{}
	for _, c := range codecs {
		sc := &sourceCodec{Codec: c, format: payload.FormatOf(c.Name), key: c.key()}
		t.media[c.PayloadType&0x7f] = sc
		if c.RTX != 0 {
			t.rtx[c.RTX&0x7f] = sc
		}
	}
	return t
}
