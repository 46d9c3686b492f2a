package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// feedback lists the RTCP feedback of a video codec that we act on, in the order of answers. It is a function's value
// rather than a variable so that nobody can change it.
func feedback() []string { return []string{"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"} }

// opusFmtp is the answered format of the audio (signaling spec appendix B): mono, with in-band error correction.
const opusFmtp = "minptime=10;useinbandfec=1"

// kindOf tells what a video format is, 0 if it is nothing that the protocol has a name for. Names follow the client's
// own constants (signaling spec 3.6): of an H264 profile-level-id only the first four digits count.
func (f *format) kindOf() Kind {
	if f.clock != "90000" {
		return 0
	}
	switch f.name {
	case "vp8":
		return VP8
	case "vp9":
		if p := parameter(f.fmtp, "profile-id"); p == "" || p == "0" {
			return VP9
		}
	case "av1":
		if p := parameter(f.fmtp, "profile"); p == "" || p == "0" {
			return AV1
		}
	case "h264":
		if parameter(f.fmtp, "packetization-mode") == "1" {
			return h264Kind(parameter(f.fmtp, "profile-level-id"))
		}
	}
	return 0
}

// h264Kind reads a profile-level-id of RFC 6184 section 8.1.
func h264Kind(id string) Kind {
	if _, err := strconv.ParseUint(id, 16, 32); err != nil || len(id) != 6 {
		return 0
	}
	switch strings.ToLower(id[:4]) {
	case "4200":
		return H264Baseline
	case "42e0":
		return H264CBP
	case "4d00":
		return H264Main
	case "6400":
		return H264High
	case "640c":
		return H264CHP
	}
	return 0
}

// canonicalFmtp is the one text for a kind that the client compares equal to its own (signaling spec 3.6). AV1 has
// none although Chromium offers one: with it the client renegotiates on every INDEX.
func (k Kind) canonicalFmtp(offered string) string {
	switch k {
	case VP9:
		return "profile-id=0"
	case H264Baseline, H264CBP, H264Main, H264High, H264CHP:
		return "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" +
			strings.ToLower(parameter(offered, "profile-level-id"))
	default:
		return ""
	}
}

// name is the encoding name of a kind as the client compares it.
func (k Kind) name() string {
	switch k {
	case VP8:
		return "VP8"
	case VP9:
		return "VP9"
	case AV1:
		return "AV1"
	case H264Baseline, H264CBP, H264Main, H264High, H264CHP:
		return "H264"
	default:
		return ""
	}
}

// videoCodecs lists the section's codecs that are allowed, in the client's order, the first of each kind, each with its
// retransmission format.
func (s *section) videoCodecs(allowed []Kind) []Codec {
	var codecs []Codec
	for _, pt := range s.payloadTypes() {
		f := s.formatsByPT[pt]
		k := f.kindOf()
		have := slices.ContainsFunc(codecs, func(c Codec) bool { return c.Kind == k })
		if k == 0 || have || !slices.Contains(allowed, k) {
			continue
		}
		codecs = append(codecs, Codec{
			Kind:        k,
			PayloadType: pt,
			RTX:         s.rtxOf(pt),
			Name:        k.name(),
			Fmtp:        k.canonicalFmtp(f.fmtp),
			Feedback:    f.accepted(feedback()),
		})
	}
	return codecs
}

// rtxOf finds the RFC 4588 format that retransmits pt, 0 if there is none. Its fmtp may have more than apt: the client
// appends x-google-start-bitrate to every line, and Firefox has rtx-time.
func (s *section) rtxOf(pt uint8) uint8 {
	apt := strconv.Itoa(int(pt))
	for _, candidate := range s.payloadTypes() {
		f := s.formatsByPT[candidate]
		if f.name == "rtx" && candidate != 0 && parameter(f.fmtp, "apt") == apt {
			return candidate
		}
	}
	return 0
}

// opus finds the section's Opus format.
func (s *section) opus() (pt uint8, f *format, ok bool) {
	for _, pt := range s.payloadTypes() {
		if f := s.formatsByPT[pt]; f.name == "opus" && f.clock == "48000/2" {
			return pt, f, true
		}
	}
	return 0, nil, false
}

// accepted keeps of ours what the format offers.
func (f *format) accepted(ours []string) []string {
	return slices.DeleteFunc(ours, func(v string) bool { return !slices.Contains(f.feedback, v) })
}

// offeredVideo lists every kind that the client can receive in any live section.
func (o *offer) offeredVideo() []Kind {
	var kinds []Kind
	for _, s := range o.sections {
		// A sendonly section lists encoders.
		if !s.live || s.kind != "video" || s.direction == SendOnly {
			continue
		}
		for _, f := range s.formatsByPT {
			if k := f.kindOf(); k != 0 {
				kinds = append(kinds, k)
			}
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// parameter finds the value of one parameter in an a=fmtp value ("a=1;b=2", blanks around parameters allowed).
func parameter(fmtp, name string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		if k, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
