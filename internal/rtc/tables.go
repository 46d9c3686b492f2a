package rtc

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxEndpoints bounds the addresses that one session may have proven; a client has a handful of candidates.
	maxEndpoints = 8
	// takeoverSilence is how long an address must have been silent before another session may have it.
	takeoverSilence = 3 * time.Second
)

// source is where a packet came from: an address on the UDP socket, or the relay of a TURN client.
type source struct {
	addr netip.AddrPort // for a relay its relayed address
	peer *relayPeer     // nil: the UDP socket
}

// endpoint is an address from which a session's client has passed a connectivity check. It doubles as the path on which
// packets go back, and never changes but for its clocks.
type endpoint struct {
	session *Session
	addr    netip.AddrPort
	dst     *net.UDPAddr // direct; nil: by way of peer
	peer    *relayPeer

	heard atomic.Int64 // when the last authenticated packet came; nanoseconds of the server's clock
	left  int64        // when the path moved away from here, 0 never; guarded by the dispatch lock
}

// tables find the session of a packet. They are safe for concurrent use.
type tables struct {
	mu     sync.RWMutex
	ufrags map[string]*Session
	addrs  map[netip.AddrPort]*endpoint // direct ones; a relay knows its endpoint itself
}

func newTables() *tables {
	return &tables{ufrags: make(map[string]*Session), addrs: make(map[netip.AddrPort]*endpoint)}
}

func (t *tables) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.ufrags)
}

func (t *tables) add(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ufrags[s.ufrag] = s
}

func (t *tables) sessions() []*Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*Session, 0, len(t.ufrags))
	for _, s := range t.ufrags {
		all = append(all, s)
	}
	return all
}

func (t *tables) byUfrag(ufrag []byte) *Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.ufrags[string(ufrag)]
}

// lookup returns the endpoint that has been proven for src, or nil.
func (t *tables) lookup(src source) *endpoint {
	if src.peer != nil {
		return src.peer.endpoint.Load()
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.addrs[src.addr]
}

// prove notes that src belongs to s and returns its endpoint; nil if the session is closed, or if the address is in
// use by another session: whoever can forge a source address shall not cut off its owner.
func (t *tables) prove(s *Session, src source, now int64) *endpoint {
	if ep := t.lookup(src); ep != nil {
		if ep.session == s {
			return ep
		}
		if !ep.session.closed.Load() && now-ep.heard.Load() < int64(takeoverSilence) {
			return nil
		}
	}
	ep := &endpoint{session: s, addr: src.addr, peer: src.peer}
	if src.peer == nil {
		ep.dst = net.UDPAddrFromAddrPort(src.addr)
	}
	ep.heard.Store(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ufrags[s.ufrag] != s {
		return nil // closed meanwhile
	}
	if len(s.endpoints) == maxEndpoints {
		t.evict(s)
	}
	s.endpoints = append(s.endpoints, ep)
	if src.peer == nil {
		t.addrs[src.addr] = ep
	} else {
		src.peer.endpoint.Store(ep)
	}
	return ep
}

// evict forgets the endpoint of s that has been silent the longest and is not its path.
func (t *tables) evict(s *Session) {
	oldest, path := -1, s.path.Load()
	for i, ep := range s.endpoints {
		if ep != path && (oldest < 0 || ep.heard.Load() < s.endpoints[oldest].heard.Load()) {
			oldest = i
		}
	}
	t.forget(s.endpoints[oldest])
	s.endpoints = append(s.endpoints[:oldest], s.endpoints[oldest+1:]...)
}

func (t *tables) forget(ep *endpoint) {
	if ep.peer != nil {
		ep.peer.endpoint.CompareAndSwap(ep, nil)
	} else if t.addrs[ep.addr] == ep {
		delete(t.addrs, ep.addr)
	}
}

// remove forgets s and everything that was proven for it.
func (t *tables) remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ufrags[s.ufrag] == s {
		delete(t.ufrags, s.ufrag)
	}
	for _, ep := range s.endpoints {
		s.heardGone = max(s.heardGone, ep.heard.Load())
		t.forget(ep)
	}
	s.endpoints = nil
}

// lastHeard is when s was last heard on any of its addresses; 0 never.
func (t *tables) lastHeard(s *Session) int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	last := s.heardGone
	for _, ep := range s.endpoints {
		last = max(last, ep.heard.Load())
	}
	return last
}
