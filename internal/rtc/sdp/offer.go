package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	psdp "github.com/pion/sdp/v3"
)

// offer is a parsed offer: only what an answer depends on.
type offer struct {
	sections   []*section
	bundle     []string // mids of the first a=group:BUNDLE, in its order
	transport  attributes
	allowMixed bool // RFC 8285 section 6
}

// section is one m= section of an offer.
type section struct {
	kind, proto string   // "video", "UDP/TLS/RTP/SAVPF"
	formats     []string // payload types as written
	mid         string
	live        bool // not port 0, and part of the BUNDLE
	direction   Direction
	msid        string // value of the first a=msid
	rsize       bool   // RFC 5506
	transport   attributes
	formatsByPT map[uint8]*format
	extensions  []extension
	sources     sources
}

// format is one payload type of a section.
type format struct {
	name     string // encoding name, lower case
	clock    string // clock rate and channels, as written: "48000/2"
	fmtp     string
	feedback []string
}

// extension is one a=extmap line.
type extension struct {
	id        uint8
	direction Direction // "" when the line has none
	uri       string
}

// attributes are the transport lines of a section, or of the session for all sections.
type attributes struct {
	ufrag, pwd, setup string
	fingerprints      []string
}

// parseOffer reads an offer and finds out which of its sections live.
func parseOffer(text string) (*offer, error) {
	if len(text) > MaxOfferBytes {
		return nil, fmt.Errorf("sdp: offer has %d bytes, at most %d are allowed", len(text), MaxOfferBytes)
	}
	// Counted before parsing, so that a hostile offer costs one scan.
	if n := strings.Count(text, "\nm="); n > MaxSections {
		return nil, fmt.Errorf("sdp: offer has %d sections, at most %d are allowed", n, MaxSections)
	}
	var d psdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("sdp: offer cannot be parsed: %w", err)
	}
	if len(d.MediaDescriptions) == 0 {
		return nil, errors.New("sdp: offer has no section")
	}

	o := &offer{}
	for _, at := range d.Attributes {
		switch {
		case at.Key == "group" && strings.HasPrefix(at.Value, "BUNDLE") && o.bundle == nil:
			o.bundle = strings.Fields(at.Value)[1:]
		case at.Key == "extmap-allow-mixed":
			o.allowMixed = true
		default:
			o.transport.add(at)
		}
	}
	for _, m := range d.MediaDescriptions {
		s := parseSection(m)
		if !s.repeatable() {
			return nil, fmt.Errorf("sdp: offer has a malformed m= line: section %d", len(o.sections)+1)
		}
		o.sections = append(o.sections, s)
	}
	return o, o.findLive()
}

// findLive marks the sections that can carry media. Everything runs over one transport, so a section outside the
// BUNDLE can only be rejected. A port of 0 means a stopped section, except with a=bundle-only, which is how Firefox
// writes new sections under bundlePolicy max-bundle (RFC 9143 section 6).
func (o *offer) findLive() error {
	seen := make(map[string]bool, len(o.sections))
	for _, s := range o.sections {
		s.live = s.live && s.mid != "" && (slices.Contains(o.bundle, s.mid) || len(o.sections) == 1)
		if s.mid == "" {
			continue
		}
		if seen[s.mid] {
			return fmt.Errorf("sdp: offer has two sections with mid %q", s.mid)
		}
		seen[s.mid] = true
	}
	return nil
}

func parseSection(m *psdp.MediaDescription) *section {
	s := &section{
		kind:        m.MediaName.Media,
		proto:       strings.Join(m.MediaName.Protos, "/"),
		formats:     m.MediaName.Formats,
		direction:   SendRecv, // RFC 8866 section 6.7
		live:        m.MediaName.Port.Value != 0,
		formatsByPT: make(map[uint8]*format, len(m.MediaName.Formats)),
	}
	// Only payload types of the m= line count, whatever rtpmap lines there are.
	for _, f := range s.formats {
		if pt, err := strconv.ParseUint(f, 10, 7); err == nil {
			s.formatsByPT[uint8(pt)] = &format{}
		}
	}
	for _, at := range m.Attributes {
		s.add(at)
	}
	s.live = s.live && strings.HasSuffix(s.proto, "RTP/SAVPF") && (s.kind == "audio" || s.kind == "video")
	return s
}

// repeatable says whether the m= line is made of tokens, since an answer repeats it.
func (s *section) repeatable() bool {
	words := append([]string{s.kind}, s.formats...)
	words = append(words, strings.Split(s.proto, "/")...)
	return len(s.formats) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !isToken(w) })
}

// add takes one attribute line into the section; lines that no answer depends on are passed over.
func (s *section) add(at psdp.Attribute) {
	switch at.Key {
	case "mid":
		if isToken(at.Value) {
			s.mid = at.Value
		}
	case "bundle-only":
		s.live = true
	case "sendrecv", "sendonly", "recvonly", "inactive":
		s.direction = Direction(at.Key)
	case "msid":
		if s.msid == "" && isMSID(at.Value) {
			s.msid = at.Value
		}
	case "rtcp-rsize":
		s.rsize = true
	case "extmap":
		if e, ok := parseExtension(at.Value); ok {
			s.extensions = append(s.extensions, e)
		}
	case "rtpmap", "fmtp", "rtcp-fb":
		s.addFormat(at)
	case "ssrc", "ssrc-group", "rid", "simulcast":
		s.sources.add(at.Key, at.Value)
	default:
		s.transport.add(at)
	}
}

// addFormat takes an a=rtpmap, a=fmtp or a=rtcp-fb line: payload type, blank, value. rtcp-fb also knows "*".
func (s *section) addFormat(at psdp.Attribute) {
	number, value, _ := strings.Cut(at.Value, " ")
	if number == "*" && at.Key == "rtcp-fb" {
		for _, f := range s.formatsByPT {
			f.feedback = append(f.feedback, value)
		}
		return
	}
	pt, err := strconv.ParseUint(number, 10, 7)
	f := s.formatsByPT[uint8(pt)]
	if err != nil || f == nil {
		return
	}
	switch at.Key {
	case "rtpmap":
		f.name, f.clock, _ = strings.Cut(strings.ToLower(value), "/")
	case "fmtp":
		f.fmtp = value
	case "rtcp-fb":
		f.feedback = append(f.feedback, value)
	}
}

// payloadTypes are the section's payload types in the client's order of preference.
func (s *section) payloadTypes() []uint8 {
	pts := make([]uint8, 0, len(s.formats))
	for _, f := range s.formats {
		if pt, err := strconv.ParseUint(f, 10, 7); err == nil && !slices.Contains(pts, uint8(pt)) {
			pts = append(pts, uint8(pt))
		}
	}
	return pts
}

func (t *attributes) add(at psdp.Attribute) {
	switch at.Key {
	case "ice-ufrag":
		t.ufrag = at.Value
	case "ice-pwd":
		t.pwd = at.Value
	case "setup":
		t.setup = at.Value
	case "fingerprint":
		t.fingerprints = append(t.fingerprints, at.Value)
	}
}

// remote finds the client's side of the bundled transport: in the first bundled section (the tagged one of RFC 9143),
// else in the session part, else in any live section.
func (o *offer) remote(tagged *section) (Remote, error) {
	t := tagged.transport
	t.complete(o.transport)
	for _, s := range o.sections {
		if s.live {
			t.complete(s.transport)
		}
	}
	switch {
	case t.ufrag == "":
		return Remote{}, errors.New("sdp: offer has no ICE ufrag")
	case t.pwd == "":
		return Remote{}, errors.New("sdp: offer has no ICE pwd")
	case !isICE(t.ufrag) || !isICE(t.pwd):
		return Remote{}, errors.New("sdp: offer has an ICE ufrag or pwd that is not 1 to 256 characters of RFC 8839")
	case t.setup != "actpass" && t.setup != "active" && t.setup != "passive":
		return Remote{}, fmt.Errorf("sdp: offer has setup %q, allowed are actpass, active and passive", t.setup)
	}
	r := Remote{Ufrag: t.ufrag, Pwd: t.pwd, Setup: t.setup}
	for _, f := range t.fingerprints {
		if r.FingerprintAlgorithm, r.Fingerprint = parseFingerprint(f); r.Fingerprint != "" {
			return r, nil
		}
	}
	return Remote{}, errors.New("sdp: offer has no DTLS fingerprint by sha-256, sha-384 or sha-512")
}

// complete takes from u what t lacks. Ufrag and pwd belong together.
func (t *attributes) complete(u attributes) {
	if t.ufrag == "" && t.pwd == "" {
		t.ufrag, t.pwd = u.ufrag, u.pwd
	}
	if t.setup == "" {
		t.setup = u.setup
	}
	if len(t.fingerprints) == 0 {
		t.fingerprints = u.fingerprints
	}
}

// parseFingerprint reads an a=fingerprint value; a weak or malformed one gives "". (RFC 8122 section 5)
func parseFingerprint(v string) (algorithm, value string) {
	algorithm, value, _ = strings.Cut(v, " ")
	algorithm = strings.ToLower(algorithm)
	size := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[algorithm]
	value = strings.ToUpper(strings.TrimSpace(value))
	if size == 0 || len(value) != 3*size-1 {
		return "", ""
	}
	for i, c := range []byte(value) {
		hex := c >= '0' && c <= '9' || c >= 'A' && c <= 'F'
		if (i%3 == 2) != (c == ':') || i%3 != 2 && !hex {
			return "", ""
		}
	}
	return algorithm, value
}

// maxName bounds names that an answer repeats, so that an answer cannot be made much larger than its offer.
const maxName = 128

// isToken says whether s is a token of RFC 8866 section 9. What is repeated in an answer must pass, because a stray
// control character would end the line and let the offer write lines of its own into the answer.
func isToken(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]`, c)
	})
}

// isMSID says whether s is a value of a=msid that may be repeated: one or two words of printable ASCII.
func isMSID(s string) bool {
	words := strings.Fields(s)
	return len(words) >= 1 && len(words) <= 2 && len(s) <= 2*maxName && strings.Join(words, " ") == s &&
		!strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

// isICE says whether s is made of ice-char (RFC 8839 section 5.4). Short ones are let through: the client's own ICE
// agent chose them, and they only protect the client.
func isICE(s string) bool {
	return len(s) <= 256 && !strings.ContainsFunc(s, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		return !letter && (c < '0' || c > '9') && c != '+' && c != '/'
	})
}
