package sdp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
)

// Answerer answers the offers of one session in the order in which they arrive. It is not safe for concurrent use.
type Answerer struct {
	options Options
	newSSRC func() uint32
	version uint64            // of the last answer's o= line
	streams map[string]stream // by mid
}

// stream is what we promised to send on a section. A mid keeps it for as long as the mid lives, over pauses, codec
// and layer switches (signaling spec 3.7); a recycled slot has a new mid and so gets new numbers.
type stream struct{ ssrc, rtx uint32 }

// NewAnswerer makes the answerer of a new session.
func NewAnswerer(o Options) *Answerer {
	if o.Video == nil {
		o.Video = DefaultVideo()
	}
	return &Answerer{options: o, newSSRC: randomSSRC, streams: make(map[string]stream)}
}

// Answer answers an offer. An error leaves the Answerer as it was; its text can be shown to the client's developer.
func (a *Answerer) Answer(text string, r Request) (*Answer, error) {
	o, err := parseOffer(text)
	if err != nil {
		return nil, err
	}
	n := &negotiation{
		offer: o, request: r, options: a.options,
		newSSRC: a.newSSRC, before: a.streams, streams: make(map[string]stream),
	}
	n.reserve()
	n.negotiate()
	tagged := n.tagged()
	if tagged == nil {
		return nil, errors.New("sdp: offer has no section that can be answered: none is bundled audio with opus or " +
			"video with a codec in use")
	}
	if n.answer.Remote, err = o.remote(tagged.offered); err != nil {
		return nil, err
	}
	n.answer.OfferedVideo = o.offeredVideo()
	n.answer.SDP = n.write(tagged, a.version+1)
	a.version++
	a.streams = n.streams
	return &n.answer, nil
}

// negotiation is the work on one offer.
type negotiation struct {
	offer   *offer
	request Request
	options Options
	newSSRC func() uint32
	before  map[string]stream // of earlier answers
	streams map[string]stream // of this answer
	taken   map[uint32]bool   // SSRCs that a new stream must not get
	results []result
	answer  Answer
}

// result is the answer to one section: rejected, audio, or video.
type result struct {
	offered    *section
	direction  Direction
	extensions []extension
	audio      *AudioSection
	video      *VideoSection
	rids       []Layer // answered as a=rid and a=simulcast
	msid       string
}

func (r *result) rejected() bool { return r.audio == nil && r.video == nil }

// negotiate decides every section in turn. The first m=video section is the camera, wherever it stands: without audio
// it has mid 0 (signaling spec 3.2).
func (n *negotiation) negotiate() {
	videos, first := 0, true
	for i, s := range n.offer.sections {
		res := result{offered: s, direction: Inactive}
		switch {
		case s.live && s.kind == "audio":
			n.negotiateAudio(&res)
		case s.live && s.kind == "video":
			n.negotiateVideo(&res, n.index(i, videos), first)
		}
		if s.kind == "video" {
			videos++
			first = false
		}
		n.results = append(n.results, res)
	}
	// The caller gets copies, so that it cannot change what is written.
	for _, res := range n.results {
		switch {
		case res.audio != nil && res.audio.SSRC != 0:
			n.answer.Audio = new(*res.audio)
		case res.video == nil:
		case res.video.Label == "":
			n.answer.Camera = new(*res.video)
		default:
			n.answer.Receive = append(n.answer.Receive, *res.video)
		}
	}
}

// index is the position of a video section in Request.Subscribed, which counts video sections, or with the C++ client
// every section (signaling spec 2.4).
func (n *negotiation) index(section, video int) int {
	videos := 0
	for _, s := range n.offer.sections {
		if s.kind == "video" {
			videos++
		}
	}
	if len(n.request.Subscribed) > videos {
		return section
	}
	return video
}

// tagged is the first section of the answer's BUNDLE, in the offered order; it carries the transport.
func (n *negotiation) tagged() *result {
	for _, mid := range n.bundle() {
		for i := range n.results {
			if n.results[i].offered.mid == mid {
				return &n.results[i]
			}
		}
	}
	return nil
}

// bundle lists the mids of the answer's BUNDLE: those offered, without the rejected ones.
func (n *negotiation) bundle() []string {
	answered := make(map[string]bool, len(n.results))
	for i := range n.results {
		if res := &n.results[i]; !res.rejected() {
			answered[res.offered.mid] = true
		}
	}
	if len(n.offer.bundle) == 0 {
		return slices.Sorted(maps.Keys(answered)) // a lone section needs no group
	}
	var mids []string
	for _, mid := range n.offer.bundle {
		if answered[mid] {
			mids = append(mids, mid)
			delete(answered, mid)
		}
	}
	return mids
}

// negotiateAudio answers an audio section. The room mixes one stream, so a second audio section (no client offers one)
// stays inactive.
func (n *negotiation) negotiateAudio(res *result) {
	s := res.offered
	pt, f, ok := s.opus()
	if !ok {
		return
	}
	res.audio = &AudioSection{MID: s.mid, PayloadType: pt, Fmtp: opusFmtp}
	res.extensions = n.answer.Extensions.accept(s, n.options)
	if slices.ContainsFunc(n.results, func(r result) bool { return r.audio != nil }) {
		return
	}
	a := res.audio
	a.SSRC = n.stream(s.mid, false).ssrc
	a.OfferedStereo = parameter(f.fmtp, "stereo") == "1"
	a.MaxAverageBitrate, _ = strconv.Atoi(parameter(f.fmtp, "maxaveragebitrate"))
	a.Sends = s.direction == SendRecv || s.direction == SendOnly
	a.Receives = s.direction == SendRecv || s.direction == RecvOnly
	if layers := s.sources.encodings(); len(layers) > 0 {
		a.SendSSRC = layers[0].SSRC
	}
	res.direction = s.direction.reversed()
	// A track without a stream is dropped by the client (signaling spec 3.3).
	res.msid = "audio audio"
}

// negotiateVideo answers a video section, the first one as the camera, the others as remote videos. A first section
// that is recvonly cannot be a camera; old clients in plan-b style have no permanent camera section
// (signaling spec 12).
func (n *negotiation) negotiateVideo(res *result, index int, first bool) {
	s := res.offered
	codecs := s.videoCodecs(n.options.Video)
	if len(codecs) == 0 {
		return
	}
	res.extensions = n.answer.Extensions.accept(s, n.options)
	res.video = &VideoSection{MID: s.mid, Index: index, Direction: Inactive, Codecs: codecs}
	if first && s.direction != RecvOnly {
		n.negotiateCamera(res)
	} else {
		n.negotiateReceive(res)
	}
	res.direction = res.video.Direction
}

// negotiateCamera answers the camera's section. While it sends, the answer is sendrecv with the client's own msid, not
// recvonly: the client looks for a sendrecv section to learn which codecs it may prefer, and ignores the track that
// comes back (signaling spec 3.3).
func (n *negotiation) negotiateCamera(res *result) {
	s := res.offered
	// Simulcast is answered even while inactive: Chromium gives up layers for good when an answer leaves them out.
	if layers := s.sources.encodings(); len(layers) > 0 && layers[0].RID != "" {
		res.rids = layers
	}
	sends := s.direction == SendRecv || s.direction == SendOnly
	if !sends || !n.request.SendsCamera {
		res.msid = "inactive inactive"
		return
	}
	res.video.Direction = s.direction.reversed()
	res.video.Layers = s.sources.encodings()
	if res.video.Direction == SendRecv {
		res.msid = s.msid
	}
}

// negotiateReceive answers a section that carries a remote video. Its MediaStream must be named v_<mid>: the client
// finds the tile and the transceiver by that name (signaling spec 3.7).
func (n *negotiation) negotiateReceive(res *result) {
	s, v := res.offered, res.video
	v.Label = "v_" + s.mid
	subscribed := v.Index < len(n.request.Subscribed) && n.request.Subscribed[v.Index]
	wants := s.direction == RecvOnly || s.direction == SendRecv
	if !subscribed || !wants {
		n.keep(s.mid)
		return
	}
	retransmits := slices.ContainsFunc(v.Codecs, func(c Codec) bool { return c.RTX != 0 })
	promised := n.stream(s.mid, retransmits)
	v.Direction, v.SSRC, v.RTXSSRC = SendOnly, promised.ssrc, promised.rtx
	res.msid = v.Label + " track_" + s.mid
}

// reserve notes every SSRC that is in use on the transport, by us or by the client (RFC 3550 section 8.2).
func (n *negotiation) reserve() {
	n.taken = map[uint32]bool{0: true}
	for _, st := range n.before {
		n.taken[st.ssrc], n.taken[st.rtx] = true, true
	}
	for _, s := range n.offer.sections {
		for _, ssrc := range s.sources.ssrcs {
			n.taken[ssrc] = true
		}
	}
}

// keep carries a mid's promise over to the next answer.
func (n *negotiation) keep(mid string) {
	if st, ok := n.before[mid]; ok {
		n.streams[mid] = st
	}
}

// stream is the stream of a mid, made on first use.
func (n *negotiation) stream(mid string, rtx bool) stream {
	st := n.before[mid]
	if st.ssrc == 0 {
		st.ssrc = n.freeSSRC()
	}
	if st.rtx == 0 && rtx {
		st.rtx = n.freeSSRC()
	}
	n.streams[mid] = st
	return st
}

// freeSSRC makes a number that nothing on the transport has.
func (n *negotiation) freeSSRC() uint32 {
	for {
		if ssrc := n.newSSRC(); !n.taken[ssrc] {
			n.taken[ssrc] = true
			return ssrc
		}
	}
}

func randomSSRC() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint32(b[:])
}
