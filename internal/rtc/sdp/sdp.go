// Package sdp answers a Chime client's SDP offers for one media session.
//
// The client is always the offerer and sends its complete wish in every offer (signaling spec 2.4), so an answer is a
// function of the offer, of what the room grants (Request), and of a little memory (Answerer): the SSRC promised to
// each mid, and the count of answers. The answer has one section per offered section in the same order:
//
//	m=audio     one Opus stream both ways
//	m=video #1  the camera, whether it sends or not
//	m=video ... one section per remote video, or its remains (port 0)
//
// All sections share one transport (BUNDLE), whose credentials and candidates stand in the first bundled section.
// Nothing here touches a socket: the caller takes Answer.Remote to the transport and the sections to audio and video.
package sdp

import "slices"

// Limits of an offer. Chromium 156 on Linux writes 140 KiB for 25 remote videos, and half as much again on systems with
// more hardware codecs.
const (
	MaxOfferBytes = 512 << 10
	MaxSections   = 128
)

// Transport is our side of the bundled transport as written into every answer of a session.
type Transport struct {
	Ufrag, Pwd  string
	Fingerprint string // hash function and value as in a=fingerprint: "sha-256 AB:CD:…"
	Candidates  []Candidate
}

// Candidate is one address at which our ICE-lite agent can be reached. It is always written as typ host, public
// addresses too, because the client removes typ srflx from answers (signaling spec 3.1).
type Candidate struct {
	Address  string // IP address or host name
	Port     uint16
	Priority uint32 // 0: computed from the position in Transport.Candidates
}

// Remote is the client's side of the bundled transport as found in its offer.
type Remote struct {
	Ufrag, Pwd           string
	FingerprintAlgorithm string // lower case: "sha-256"
	Fingerprint          string // upper-case hex bytes with colons
	Setup                string // the offer's a=setup: "actpass", "active" or "passive"
}

// DialsDTLS says whether we start the DTLS handshake: only when the client insists on being the server.
func (r Remote) DialsDTLS() bool { return r.Setup == "passive" }

// ExtensionIDs are the RTP header extensions (RFC 8285) negotiated for the session; 0 means not negotiated. With
// BUNDLE one id means one extension in all sections.
type ExtensionIDs struct {
	AudioLevel       uint8 // RFC 6464
	AbsSendTime      uint8
	TransportCC      uint8 // transport-wide sequence number, draft-holmer-rmcat-transport-wide-cc-extensions-01
	MID              uint8 // RFC 9143
	RID              uint8 // RFC 8852
	RepairedRID      uint8 // RFC 8852
	VideoOrientation uint8 // 3GPP TS 26.114 CVO; only with Options.VideoOrientation
}

// AudioSection is the session's audio.
type AudioSection struct {
	MID         string
	PayloadType uint8  // Opus, both ways
	Fmtp        string // as answered
	SSRC        uint32 // of the stream that we send

	SendSSRC uint32 // of the client's stream; 0 if the offer does not say
	Sends    bool   // the client may send
	Receives bool   // the client wants to hear

	OfferedStereo     bool // the client can play stereo (stereo=1)
	MaxAverageBitrate int  // bit/s that the client wants to receive at most; 0 if it does not say
}

// Direction is the direction of an answered section, seen from us.
type Direction string

// The four directions of RFC 8866 section 6.7.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// VideoSection is one answered m=video section: the camera, or one that carries a remote video to the client.
type VideoSection struct {
	MID       string
	Index     int       // position in Request.Subscribed, and so in receive_stream_ids
	Direction Direction // as answered
	Codecs    []Codec   // as answered, in the offer's order

	// Camera: what the client sends; empty while it sends nothing.
	Layers []Layer

	// Receiving sections: what we send. The SSRCs stay the same for as long as the mid lives; RTXSSRC is 0 when no
	// codec has RTX. Label is the MediaStream id ("v_<mid>") that SUBSCRIBE_ACK must repeat as track_label.
	SSRC, RTXSSRC uint32
	Label         string
}

// Subscribed says whether the client receives video on this section.
func (s *VideoSection) Subscribed() bool { return s.SSRC != 0 && s.Direction == SendOnly }

// Codec finds a negotiated codec of the section by what it is.
func (s *VideoSection) Codec(k Kind) (Codec, bool) {
	i := slices.IndexFunc(s.Codecs, func(c Codec) bool { return c.Kind == k })
	if i < 0 {
		return Codec{}, false
	}
	return s.Codecs[i], true
}

// Layer is one encoding of the client's camera, lowest first for RIDs as the client lists them. Simulcast by RID names
// no SSRC in SDP (the RID header extension does); one stream, or simulcast by a SIM group, names SSRCs and no RID.
type Layer struct {
	RID           string
	SSRC, RTXSSRC uint32
	// Paused: offered as "~rid". Only a hint: Chromium starts the layer again when an answer comes without tilde, as
	// ours do, until the client's own policy stops it.
	Paused bool
}

// Codec is a negotiated video codec. Payload types are those of the offer and may differ from section to section.
type Codec struct {
	Kind             Kind
	PayloadType, RTX uint8    // RTX 0: no retransmission format
	Name             string   // encoding name: "VP8", "H264", "VP9", "AV1"
	Fmtp             string   // canonical (signaling spec 3.6), "" for VP8 and AV1
	Feedback         []string // accepted a=rtcp-fb values: "nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"
}

// Kind is a codec as the signaling protocol tells them apart: payload types of equal Kind can be mapped to each other
// packet by packet. The numbers are those of SdkVideoCodecCapability, so a Kind can be written into INDEX as it is.
type Kind uint8

// The kinds that a client can name. H264 kinds are packetization-mode 1.
const (
	VP8          Kind = 1
	H264Baseline Kind = 2
	H264CBP      Kind = 3 // constrained baseline, 42e0xx
	H264Main     Kind = 4
	H264High     Kind = 5
	H264CHP      Kind = 6 // constrained high, 640cxx
	VP9          Kind = 8 // profile 0
	AV1          Kind = 11
)

// DefaultVideo is the safe list of signaling spec 3.5, which every browser has.
func DefaultVideo() []Kind { return []Kind{VP8, H264CBP} }

// Options configure an Answerer.
type Options struct {
	// Video lists the codecs that may be answered; order does not matter, since the offer's order is kept. nil means
	// DefaultVideo.
	Video []Kind

	// VideoOrientation accepts the CVO header extension. A sender that has it does not turn its pixels upright, so set
	// this only if the forwarder copies the extension to receivers.
	VideoOrientation bool
}

// Request is what the room grants for one offer.
type Request struct {
	Transport Transport

	// SendsCamera is false when the camera is refused or SUBSCRIBE says that nothing is sent; its section is then
	// inactive whatever the offer says.
	SendsCamera bool

	// Subscribed says for each m=video section, in the offer's order, whether a video will be sent on it
	// (receive_stream_ids[i] != 0). Missing entries are false. A list that is longer than the number of m=video
	// sections counts audio sections too, as the C++ client does; VideoSection.Index follows.
	Subscribed []bool
}

// Answer is the answer to one offer together with what was negotiated.
type Answer struct {
	SDP        string
	Remote     Remote
	Audio      *AudioSection  // nil: video only
	Camera     *VideoSection  // nil: the offer has no live camera section
	Receive    []VideoSection // live receiving sections, in order, subscribed or not
	Extensions ExtensionIDs

	// OfferedVideo lists what the client can decode, whether answered or not, for INDEX's
	// supported_receive_codec_intersection. Ascending, without repeats.
	OfferedVideo []Kind
}
