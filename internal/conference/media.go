package conference

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/rtc"
	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/rtc/twcc"
	"github.com/carillon-rtc/carillon/internal/video"
)

// feedbackEvery is how often senders are told which of their packets arrived.
const feedbackEvery = 100 * time.Millisecond

// session is what a participant needs of an rtc.Session.
type session interface {
	Local() sdp.Transport
	SetRemote(sdp.Remote) error
	WriteRTP(h *rtp.Header, payload []byte) error
	WriteRTCP(pkts []rtcp.Packet) error
	LastReceived() time.Time
	Close()
}

// States of a participant's media connection.
const (
	mediaNew = iota
	mediaConnected
	mediaClosed // by the client, which is about to leave or to come back
	mediaLost   // nothing was heard of it for long, or it never connected
)

// media is the packets of one participant: it implements rtc.Handler, whose
// calls come one at a time from the network and take no room lock. What they
// need is behind atomic pointers that Subscribe replaces.
type media struct {
	participant *Participant

	mu       sync.Mutex // guards opening against closing
	closed   bool
	session  session
	answerer *sdp.Answerer     // guarded by Participant.negotiation
	audio    *sdp.AudioSection // as negotiated; guarded by the room's lock
	layers   knownLayers       // of the last simulcast camera; guarded by the room's lock

	state     atomic.Int32 // mediaNew ...
	leg       atomic.Pointer[audio.Leg]
	publisher atomic.Pointer[video.Publisher]
	routes    atomic.Pointer[routes]
	loss      atomic.Uint32 // of our audio, as the client reported last; of 256
	lossTime  atomic.Int64  // when; Unix ms

	// The rest belongs to the handler's calls.

	reception   reception
	recorder    *twcc.Recorder
	feedback    []rtcp.Packet // reused
	feedbackDue time.Time
	heard, seen bool // the first packets were traced
}

// routes say where packets go. They are immutable.
type routes struct {
	audioPT   uint8
	audioSSRC uint32 // of what we send
	levelID   uint8  // header extension ids; 0: not negotiated
	twccID    uint8
	downs     map[uint32]*video.DownTrack // by SSRC
}

// answer answers an offer; the session opens with the first one.
func (m *media) answer(offer string, g grant) (*sdp.Answer, error) {
	if err := m.open(); err != nil {
		return nil, err
	}
	a, err := m.answerer.Answer(offer, sdp.Request{
		Transport:   m.session.Local(),
		SendsCamera: g.sends,
		Subscribed:  g.videos,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadOffer, err)
	}
	return a, m.session.SetRemote(a.Remote)
}

func (m *media) open() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return ErrLeft
	case m.session != nil:
		return nil
	}
	s, err := m.participant.room.rooms.newSession(m, m.participant.trace)
	if err != nil {
		return err
	}
	m.session = s
	// Video orientation stays declined: a phone then turns its pictures itself,
	// and every receiver sees them upright, one without the extension too.
	m.answerer = sdp.NewAnswerer(sdp.Options{Video: m.participant.room.rooms.kinds})
	m.recorder = twcc.NewRecorder(1)
	return nil
}

// close ends the session and the leg. The room's lock is not held.
func (m *media) close() {
	m.mu.Lock()
	m.closed = true
	s := m.session
	m.mu.Unlock()
	if leg := m.leg.Swap(nil); leg != nil {
		leg.Close()
	}
	if s != nil {
		s.Close()
	}
}

// Connected implements rtc.Handler.
func (m *media) Connected() { m.turn(mediaConnected) }

// Gone implements rtc.Handler. The session itself traces the reason.
func (m *media) Gone(reason string) {
	if reason == rtc.ReasonClosedByPeer {
		m.turn(mediaClosed)
		return
	}
	m.turn(mediaLost)
}

// turn notes a new state for the housekeeper, which takes the room's lock that
// the network's loop must not wait for.
func (m *media) turn(state int32) {
	m.state.Store(state)
	m.participant.room.rooms.stir(m.participant)
}

// RTP implements rtc.Handler.
func (m *media) RTP(h *rtp.Header, payload []byte, arrival time.Time) {
	to := m.routes.Load()
	if to == nil {
		return
	}
	if to.twccID != 0 {
		m.recordArrival(h, to.twccID, arrival)
	}
	if h.PayloadType != to.audioPT {
		if p := m.publisher.Load(); p != nil {
			m.firstVideo(h)
			p.RTP(h, payload, arrival)
		}
		return
	}
	if m.reception.packet(h, arrival) {
		m.report(to.audioSSRC, arrival)
	}
	leg := m.leg.Load()
	if leg == nil {
		return
	}
	if !m.heard {
		m.heard = true
		m.participant.trace.Step("first-audio", "ssrc", h.SSRC)
	}
	level, ok := audioLevel(h, to.levelID)
	leg.Push(h, payload, level, ok, arrival)
}

func (m *media) firstVideo(h *rtp.Header) {
	if !m.seen {
		m.seen = true
		m.participant.trace.Step("first-video", "payload_type", h.PayloadType, "ssrc", h.SSRC)
	}
}

// audioLevel reads RFC 6464's extension: one bit for voice, seven for the level
// in -dBov.
func audioLevel(h *rtp.Header, id uint8) (level uint8, ok bool) {
	if id == 0 {
		return 0, false
	}
	ext := h.GetExtension(id)
	if len(ext) == 0 {
		return 0, false
	}
	return ext[0] & 0x7f, true
}
