package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// maxLayers bounds the encodings of one camera. The client uses at most three.
const maxLayers = 6

// sources are the lines of a section that name what the client sends in it.
type sources struct {
	ssrcs     []uint32          // of a=ssrc, in order, without repeats
	simulcast []uint32          // the first a=ssrc-group:SIM
	rtx       map[uint32]uint32 // a=ssrc-group:FID: media to retransmission
	rids      []string          // of a=rid:… send, in order
	layers    []Layer           // of a=simulcast:send, in order
}

// add takes one a=ssrc, a=ssrc-group, a=rid or a=simulcast line.
func (s *sources) add(key, value string) {
	words := strings.Fields(value)
	if len(words) == 0 {
		return
	}
	switch key {
	case "ssrc":
		if n, ok := parseSSRC(words[0]); ok && len(s.ssrcs) < 4*maxLayers && !slices.Contains(s.ssrcs, n) {
			s.ssrcs = append(s.ssrcs, n)
		}
	case "ssrc-group":
		s.addGroup(words[0], words[1:])
	case "rid":
		if len(words) >= 2 && words[1] == "send" && isRID(words[0]) && len(s.rids) < maxLayers {
			s.rids = append(s.rids, words[0])
		}
	case "simulcast":
		if len(words) >= 2 && words[0] == "send" {
			s.layers = parseSimulcast(words[1])
		} else if len(words) >= 4 && words[2] == "send" {
			s.layers = parseSimulcast(words[3])
		}
	}
}

func (s *sources) addGroup(semantics string, members []string) {
	var ssrcs []uint32
	for _, m := range members[:min(len(members), maxLayers)] {
		if n, ok := parseSSRC(m); ok {
			ssrcs = append(ssrcs, n)
		}
	}
	switch {
	case semantics == "FID" && len(ssrcs) == 2 && len(s.rtx) < 2*maxLayers:
		if s.rtx == nil {
			s.rtx = make(map[uint32]uint32)
		}
		s.rtx[ssrcs[0]] = ssrcs[1]
	case semantics == "SIM" && s.simulcast == nil:
		s.simulcast = ssrcs
	}
}

// parseSimulcast reads the list of a=simulcast (RFC 8853 section 5.1): "low;~mid;hi,alternative".
func parseSimulcast(list string) []Layer {
	var layers []Layer
	for item := range strings.SplitSeq(list, ";") {
		first, _, _ := strings.Cut(item, ",")
		rid, paused := strings.CutPrefix(first, "~")
		if isRID(rid) && len(layers) < maxLayers {
			layers = append(layers, Layer{RID: rid, Paused: paused})
		}
	}
	return layers
}

// encodings lists what the client sends: its RIDs, else the members of the SIM group of older clients and Safari, else
// its one stream.
func (s *sources) encodings() []Layer {
	if len(s.rids) > 0 {
		return s.ridLayers()
	}
	primary := s.simulcast
	if len(primary) == 0 {
		primary = s.first()
	}
	layers := make([]Layer, 0, len(primary))
	for _, ssrc := range primary {
		layers = append(layers, Layer{SSRC: ssrc, RTXSSRC: s.rtx[ssrc]})
	}
	return layers
}

// ridLayers orders the RIDs as a=simulcast does; without it they stand as declared.
func (s *sources) ridLayers() []Layer {
	var layers []Layer
	for _, l := range s.layers {
		again := slices.ContainsFunc(layers, func(k Layer) bool { return k.RID == l.RID })
		if slices.Contains(s.rids, l.RID) && !again {
			layers = append(layers, l)
		}
	}
	if len(layers) == 0 {
		for _, rid := range s.rids {
			layers = append(layers, Layer{RID: rid})
		}
	}
	return layers
}

// first is the first SSRC that does not retransmit another.
func (s *sources) first() []uint32 {
	for _, ssrc := range s.ssrcs {
		retransmits := false
		for _, rtx := range s.rtx {
			retransmits = retransmits || rtx == ssrc
		}
		if !retransmits {
			return []uint32{ssrc}
		}
	}
	return nil
}

func parseSSRC(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != 0
}

// isRID says whether s is a rid-id (RFC 8851 section 10): letters, digits, "-" and "_".
func isRID(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		return !letter && (c < '0' || c > '9') && c != '-' && c != '_'
	})
}
