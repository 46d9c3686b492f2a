package sdp

import (
	"strconv"
	"strings"
)

// URIs of the header extensions that we understand.
const (
	uriAudioLevel       = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	uriAbsSendTime      = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	uriTransportCC      = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriMID              = "urn:ietf:params:rtp-hdrext:sdes:mid"
	uriRID              = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	uriRepairedRID      = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	uriVideoOrientation = "urn:3gpp:video-orientation"
)

// maxExtensionID is the largest id of the one-byte header form (RFC 8285 section 4.2), the only form that we send.
const maxExtensionID = 14

// slot finds where the id of an extension is kept, nil for one that is declined. What the first answer declines is
// gone for the whole session, since the client offers it never again (signaling spec 3.4). Declined on purpose:
// video-layers-allocation, because the client then stops telling of layer changes by SUBSCRIBE, and the dependency
// descriptor, because nothing here reads it.
func (ids *ExtensionIDs) slot(uri, kind string, o Options) *uint8 {
	video := kind == "video"
	switch {
	case uri == uriAbsSendTime:
		return &ids.AbsSendTime
	case uri == uriTransportCC:
		return &ids.TransportCC
	case uri == uriMID:
		return &ids.MID
	case uri == uriAudioLevel && !video:
		return &ids.AudioLevel
	case uri == uriRID && video:
		return &ids.RID
	case uri == uriRepairedRID && video:
		return &ids.RepairedRID
	case uri == uriVideoOrientation && video && o.VideoOrientation:
		return &ids.VideoOrientation
	}
	return nil
}

// uses says whether id already stands for an extension.
func (ids *ExtensionIDs) uses(id uint8) bool {
	switch id {
	case ids.AudioLevel, ids.AbsSendTime, ids.TransportCC, ids.MID, ids.RID, ids.RepairedRID, ids.VideoOrientation:
		return true
	}
	return false
}

// accept lists the section's extensions that are answered and notes their ids. In a BUNDLE one id means one extension
// in every section (RFC 9143 section 14); a line that contradicts an earlier one is declined.
func (ids *ExtensionIDs) accept(s *section, o Options) []extension {
	var accepted []extension
	here := make(map[uint8]bool)
	for _, e := range s.extensions {
		at := ids.slot(e.uri, s.kind, o)
		switch {
		case at == nil || here[e.id]:
			continue
		case *at == 0 && !ids.uses(e.id):
			*at = e.id
		case *at != e.id:
			continue
		}
		here[e.id] = true
		accepted = append(accepted, e)
	}
	return accepted
}

// parseExtension reads an a=extmap value: id, optional direction, URI, attributes.
func parseExtension(v string) (extension, bool) {
	words := strings.Fields(v)
	if len(words) < 2 {
		return extension{}, false
	}
	number, direction, _ := strings.Cut(words[0], "/")
	id, err := strconv.ParseUint(number, 10, 8)
	e := extension{id: uint8(id), direction: Direction(direction), uri: words[1]}
	return e, err == nil && id >= 1 && id <= maxExtensionID && (direction == "" || e.direction.valid())
}

func (d Direction) valid() bool {
	return d == SendRecv || d == SendOnly || d == RecvOnly || d == Inactive
}

// reversed is the same direction seen from the other side.
func (d Direction) reversed() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	}
	return d
}
