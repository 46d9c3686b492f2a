package rtc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"

	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/trace"
)

const (
	// silenceLimit is the silence after which a connected session is gone. Chromium checks its path about every second,
	// with gaps of up to 2.7 s; pion's default is 2 s. RFC 7675 allows 30 s, which is long to look at a frozen face.
	silenceLimit = 12 * time.Second
	// connectLimit is the time from SetRemote until the session must be connected.
	connectLimit = 20 * time.Second
	// A path that was left this recently gets back only when the present one is silent: clients with two working
	// pairs may nominate both in turn, and the path would flip with each check.
	returnDamping = 5 * time.Second
	returnSilence = time.Second
	// A path this silent is given up for any address that is heard: a client that was moved by its NAT does not know,
	// and some nominate only once.
	deadPath = 4 * time.Second
)

// Reasons given to Handler.Gone.
const (
	ReasonSilent         = "nothing received"
	ReasonNeverConnected = "never connected"
	ReasonClosedByPeer   = "closed by peer"
	ReasonDTLSFailed     = "DTLS handshake failed"
)

// Errors of a session.
var (
	ErrNotConnected  = errors.New("rtc: session is not connected")
	ErrTooLarge      = errors.New("rtc: packet is too large")
	ErrRemoteChanged = errors.New("rtc: the client's ICE or DTLS parameters changed within a session")
)

// Handler is told what happens to a session. Its methods are called one at a time, over all sessions of a server, from
// the goroutine that handles a packet: they must not block, and must not call [Server.Close]. Headers, payloads and
// packets are valid only during the call. Calling any method of the session, Close too, is fine.
type Handler interface {
	// Connected is called once, before any packet: from now on the session can send.
	Connected()
	// RTP brings a packet that has been authenticated; padding is cut off.
	RTP(h *rtp.Header, payload []byte, arrival time.Time)
	// RTCP brings a compound packet that has been authenticated.
	RTCP(pkts []rtcp.Packet)
	// Gone is called at most once, with one of the reasons of this package; the session is closed then. It is not
	// called after [Session.Close].
	Gone(reason string)
}

// Session is one client's transport. Its methods are safe for concurrent use.
type Session struct {
	server    *Server
	handler   Handler
	trace     *trace.Trace
	ufrag     string
	pwd       string
	integrity stun.MessageIntegrity

	path      atomic.Pointer[endpoint] // nil until the first valid check
	keys      atomic.Pointer[transport]
	remote    atomic.Pointer[sdp.Remote]
	remoteSet atomic.Int64 // when SetRemote was called, on the server's clock
	rtt       atomic.Int64 // nanoseconds
	closed    atomic.Bool

	dtls  *dtlsPipe
	begun sync.Once
	ctx   context.Context // ends with the session
	end   context.CancelFunc

	endpoints []*endpoint // guarded by tables.mu
	heardGone int64       // when forgotten endpoints were last heard; guarded by tables.mu

	// Guarded by the dispatch lock.
	nominated, badCheckSeen, rtpSeen bool
}

// Option changes a new session.
type Option func(*Session)

// WithTrace records the steps of the session: ice-first-binding, path-nominated, path-moved, dtls-connected,
// dtls-failed, first-rtp, gone.
func WithTrace(t *trace.Trace) Option { return func(s *Session) { s.trace = t } }

// NewSession makes a session; its owner closes it.
func (s *Server) NewSession(h Handler, opts ...Option) (*Session, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	sess := &Session{server: s, handler: h, ufrag: rand.Text()[:16], pwd: rand.Text()}
	sess.integrity = stun.NewShortTermIntegrity(sess.pwd)
	sess.dtls = newDTLSPipe(sess)
	sess.ctx, sess.end = context.WithCancel(s.ctx)
	for _, o := range opts {
		o(sess)
	}
	s.tables.add(sess)
	if s.closed.Load() { // closed meanwhile, perhaps without having seen us
		sess.Close()
		return nil, ErrClosed
	}
	return sess, nil
}

// Local is our side of the transport, for the SDP answer. It stays the same.
func (s *Session) Local() sdp.Transport {
	return sdp.Transport{
		Ufrag: s.ufrag, Pwd: s.pwd, Fingerprint: s.server.print,
		Candidates: append([]sdp.Candidate(nil), s.server.local...),
	}
}

// SetRemote tells the client's side, from its offer. Later offers repeat it, which does nothing; if they differ, the
// error is ErrRemoteChanged.
func (s *Session) SetRemote(r sdp.Remote) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if _, err := fingerprintHash(r.FingerprintAlgorithm); err != nil {
		return err
	}
	s.remoteSet.CompareAndSwap(0, max(1, s.server.clock(time.Now())))
	if !s.remote.CompareAndSwap(nil, &r) {
		old := s.remote.Load()
		if old.Ufrag != r.Ufrag || old.Pwd != r.Pwd || old.FingerprintAlgorithm != r.FingerprintAlgorithm ||
			old.Fingerprint != r.Fingerprint {
			return ErrRemoteChanged
		}
		return nil
	}
	s.begin()
	return nil
}

// knows says whether a check's remote ufrag is the client's, as far as that is known yet.
func (s *Session) knows(ufrag []byte) bool {
	r := s.remote.Load()
	return r == nil || subtle.ConstantTimeCompare([]byte(r.Ufrag), ufrag) == 1
}

// heardCheck notes an authenticated check and moves the path as it asks. It returns nil when the address cannot be had.
// The dispatch lock is held.
func (s *Session) heardCheck(src source, nominate bool, now time.Time) *endpoint {
	at := s.server.clock(now)
	ep := s.server.tables.prove(s, src, at)
	if ep == nil {
		return nil
	}
	cur := s.path.Load()
	switch {
	case cur == nil:
		// Chromium sends DTLS before it nominates, so the first valid check must do.
		s.path.Store(ep)
		s.trace.Step("ice-first-binding", "from", src.addr.String(), "relayed", src.peer != nil)
		s.begin()
	case cur != ep && s.mayMove(cur, ep, nominate, at):
		cur.left = at
		s.path.Store(ep)
		s.trace.Step("path-moved", "from", cur.addr.String(), "to", ep.addr.String(), "relayed", src.peer != nil)
	}
	ep.heard.Store(at)
	if nominate && !s.nominated && s.path.Load() == ep {
		s.nominated = true
		s.trace.Step("path-nominated", "address", ep.addr.String(), "relayed", src.peer != nil)
	}
	return ep
}

// mayMove says whether a check moves the path. It damps the flapping between two addresses that are nominated in turn.
func (s *Session) mayMove(cur, next *endpoint, nominate bool, at int64) bool {
	silence := at - cur.heard.Load()
	switch {
	case !nominate:
		return silence >= int64(deadPath)
	case !s.nominated || next.left == 0 || at-next.left >= int64(returnDamping):
		return true
	}
	return silence >= int64(returnSilence)
}

// begin starts the handshake once there are a path and a remote side.
func (s *Session) begin() {
	if s.path.Load() == nil || s.remote.Load() == nil {
		return
	}
	s.begun.Do(func() {
		if !s.closed.Load() {
			s.server.calls.Go(s.runDTLS)
		}
	})
}

// once runs fn when *seen is still false. The dispatch lock is held.
func (s *Session) once(seen *bool, fn func()) {
	if !*seen {
		*seen = true
		fn()
	}
}

// Close ends the session and tells the client by DTLS's close_notify. No call of the handler begins after it, though
// one may be under way. It may be called any number of times.
func (s *Session) Close() { s.finish() }

// finish does the closing; it says whether this call was the first.
func (s *Session) finish() bool {
	if !s.closed.CompareAndSwap(false, true) {
		return false
	}
	s.server.tables.remove(s)
	s.end() // lets runDTLS say goodbye, if it runs
	s.begun.Do(func() {})
	return true
}

// gone closes the session for a reason that its owner does not know yet.
func (s *Session) gone(reason string, args ...any) {
	if !s.finish() {
		return
	}
	args = append([]any{"reason", reason}, args...)
	if reason == ReasonClosedByPeer {
		s.trace.Step("gone", args...)
	} else {
		s.trace.Warn("gone", args...)
	}
	s.server.dispatch.Lock()
	defer s.server.dispatch.Unlock()
	s.handler.Gone(reason)
}

// LastReceived is when the last authenticated packet came; zero if none did.
func (s *Session) LastReceived() time.Time {
	if at := s.server.tables.lastHeard(s); at != 0 {
		return s.server.start.Add(time.Duration(at))
	}
	return time.Time{}
}

// RTT is the latest round-trip time that the client's receiver reports tell (RFC 3550 section 6.4.1), 0 while unknown.
// It needs sender reports of ours whose NTP time is the real one.
func (s *Session) RTT() time.Duration { return time.Duration(s.rtt.Load()) }

// Relayed says whether the path leads through TURN.
func (s *Session) Relayed() bool {
	ep := s.path.Load()
	return ep != nil && ep.peer != nil
}

// sweepLoop looks after the silence of all sessions; one ticker for all is cheap with thousands of them.
func (s *Server) sweepLoop() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.sweep(now)
		}
	}
}

// sweep ends the sessions whose time is over.
func (s *Server) sweep(now time.Time) {
	at := s.clock(now)
	for _, sess := range s.tables.sessions() {
		set := sess.remoteSet.Load()
		switch last := s.tables.lastHeard(sess); {
		case set == 0: // its owner has not answered the client yet
		case sess.keys.Load() == nil:
			if at-set >= int64(connectLimit) {
				sess.gone(ReasonNeverConnected, "ice", last != 0)
			}
		case at-last >= int64(silenceLimit):
			sess.gone(ReasonSilent, "seconds", fmt.Sprintf("%.1f", time.Duration(at-last).Seconds()))
		}
	}
}
