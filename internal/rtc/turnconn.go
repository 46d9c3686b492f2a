package rtc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

const (
	controlQueue = 256       // TURN messages that wait for pion
	maxFrame     = 4096      // over TCP; nothing that we relay is larger than a datagram of 2 KiB
	connOutLimit = 512 << 10 // bytes that wait for a slow TCP client, about a second of video; the rest is dropped

	// A connection must get somewhere soon; one with an allocation lives as long as TURN's refreshes come.
	firstIdle  = 10 * time.Second
	bareIdle   = 30 * time.Second
	relayIdle  = 11 * time.Minute
	writeLimit = 10 * time.Second
)

// turnFront is the net.PacketConn from which pion reads TURN messages; one each for UDP, TCP and TLS, since pion knows
// clients by their address.
type turnFront struct {
	t     *turnServer
	local net.Addr // its pointer tells the fronts apart
	queue chan turnMessage
	once  sync.Once
	done  chan struct{}
	conns map[netip.AddrPort]*turnConn // guarded by turnServer.mu; not for UDP
}

type turnMessage struct {
	b    []byte
	from net.Addr
}

func newTURNFront(t *turnServer, local net.Addr) *turnFront {
	return &turnFront{
		t: t, local: local, queue: make(chan turnMessage, controlQueue), done: make(chan struct{}),
		conns: make(map[netip.AddrPort]*turnConn),
	}
}

// offer queues a copy of b; it says whether there was room.
func (f *turnFront) offer(b []byte, from net.Addr) bool {
	select {
	case f.queue <- turnMessage{bytes.Clone(b), from}:
		return true
	default:
		return false
	}
}

// put queues a copy of b and waits for room: over TCP nobody repeats a lost request.
func (f *turnFront) put(b []byte, from net.Addr) {
	select {
	case f.queue <- turnMessage{bytes.Clone(b), from}:
	case <-f.done:
	}
}

func (f *turnFront) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case m := <-f.queue:
		return copy(b, m.b), m.from, nil
	case <-f.done:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends pion's answers.
func (f *turnFront) WriteTo(b []byte, to net.Addr) (int, error) {
	b = forbid(b)
	if udp, ok := to.(*net.UDPAddr); ok {
		f.t.s.out.sendTo(udp, b)
		f.t.s.out.flush()
		return len(b), nil
	}
	f.t.mu.RLock()
	c := f.conns[addrPortOf(to)]
	f.t.mu.RUnlock()
	if c == nil || !c.enqueue(b) {
		return 0, net.ErrClosed
	}
	return len(b), nil
}

// forbid turns pion's 401 for a ChannelBind to a foreign peer into the 403 of RFC 8656 section 12.2. A 401 that asks for
// credentials has a NONCE; this one has not, and a client would try again.
func forbid(b []byte) []byte {
	if len(b) < 20 || binary.BigEndian.Uint16(b) != channelBindError {
		return b
	}
	m := &stun.Message{Raw: bytes.Clone(b)}
	var code stun.ErrorCodeAttribute
	if m.Decode() != nil || m.Contains(stun.AttrNonce) || code.GetFrom(m) != nil || code.Code != stun.CodeUnauthorized {
		return b
	}
	r, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), m.Type,
		&stun.ErrorCodeAttribute{Code: stun.CodeForbidden, Reason: []byte("Forbidden")})
	if err != nil {
		return b
	}
	return r.Raw
}

func (f *turnFront) Close() error {
	f.once.Do(func() { close(f.done) })
	return nil
}

func (f *turnFront) LocalAddr() net.Addr              { return f.local }
func (f *turnFront) SetDeadline(time.Time) error      { return nil }
func (f *turnFront) SetReadDeadline(time.Time) error  { return nil }
func (f *turnFront) SetWriteDeadline(time.Time) error { return nil }

// turnConn is a TURN client over TCP or TLS. One goroutine reads and dispatches; another one writes, so that a slow
// client never holds up a packet of somebody else.
type turnConn struct {
	net.Conn
	front *turnFront
	addr  *net.TCPAddr
	key   netip.AddrPort
	relay atomic.Pointer[relay]

	mu   sync.Mutex
	out  []byte
	over bool
	wake chan struct{}
}

// accept takes TURN connections from the TCP port.
func (t *turnServer) accept() {
	for {
		c, err := t.s.tcp.Accept()
		switch {
		case err == nil:
			if tc := t.tcp.admit(c); tc != nil {
				go tc.serve() // counted by admit
			}
		case errors.Is(err, net.ErrClosed):
			return
		default: // out of files: wait for some to be closed
			select {
			case <-t.s.ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// ServeTURN serves a TURN client on a connection that somebody else accepted, TLS as a rule, until it ends. The
// connection is closed then.
func (s *Server) ServeTURN(c net.Conn) {
	if tc := s.turn.tls.admit(c); tc != nil {
		tc.serve()
	}
}

// admit makes a client of a connection, or closes it. The server's WaitGroup has been raised for serve.
func (f *turnFront) admit(c net.Conn) *turnConn {
	addr, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		_ = c.Close()
		return nil
	}
	tc := &turnConn{Conn: c, front: f, addr: addr, key: addrPortOf(addr), wake: make(chan struct{}, 1)}
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.nConns >= t.c.MaxConnections || f.conns[tc.key] != nil {
		_ = c.Close()
		return nil
	}
	f.conns[tc.key] = tc
	t.nConns++
	t.s.wg.Add(1)
	return tc
}

// serve reads until the connection ends, and cleans up.
func (c *turnConn) serve() {
	defer c.front.t.s.wg.Done()
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	c.read()
	c.end()
	<-written
}

func (c *turnConn) end() {
	_ = c.Conn.Close()
	c.mu.Lock()
	c.over = true
	close(c.wake)
	c.mu.Unlock()
	t := c.front.t
	t.mu.Lock()
	delete(c.front.conns, c.key)
	t.nConns--
	t.mu.Unlock()
	if r := c.relay.Load(); r != nil {
		_ = r.Close()
	}
}

// read takes frames off the stream until it ends or makes no sense.
func (c *turnConn) read() {
	buf := make([]byte, 4*maxFrame)
	last, deadline := time.Now(), time.Time{}
	for have, first := 0, true; ; {
		// The time allowed may have grown while Read waited: pion makes the allocation on its own goroutine.
		if d := last.Add(c.idle(first)); d.Sub(deadline).Abs() > time.Second {
			deadline = d
			_ = c.Conn.SetReadDeadline(d)
		}
		n, err := c.Conn.Read(buf[have:])
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(last.Add(c.idle(first))) {
			continue
		}
		if err != nil {
			return
		}
		last, first = time.Now(), false
		have += n
		used, ok := c.frames(buf[:have], last)
		if !ok {
			return
		}
		have = copy(buf, buf[used:have])
	}
}

func (c *turnConn) idle(first bool) time.Duration {
	switch {
	case first:
		return firstIdle
	case c.relay.Load() == nil:
		return bareIdle
	}
	return relayIdle
}

// frames handles the complete frames in b; it returns how many bytes they are, and false when b is neither STUN nor
// ChannelData.
func (c *turnConn) frames(b []byte, now time.Time) (used int, ok bool) {
	s := c.front.t.s
	defer s.out.flush()
	for {
		rest := b[used:]
		n, ok := frameSize(rest)
		if !ok || n == 0 || n > len(rest) {
			return used, ok
		}
		s.stats.packetsIn.Add(1)
		s.stats.bytesIn.Add(uint64(n))
		if rest[0] <= 3 {
			c.front.put(rest[:n], c.addr)
		} else if r := c.relay.Load(); r != nil {
			s.dispatch.Lock()
			r.channelData(rest[:n], now)
			s.dispatch.Unlock()
		} else {
			s.stats.dropped.Add(1)
		}
		used += n
	}
}

// frameSize is the size of the frame at the start of b, 0 while too little of it is there; false if it is none, or too
// large.
func frameSize(b []byte) (n int, ok bool) {
	if len(b) < 4 {
		return 0, len(b) == 0 || b[0] <= 3 || b[0] >= 64 && b[0] <= 79
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case b[0] <= 3 && length%4 == 0:
		n = 20 + length
		if len(b) >= 20 && !stun.IsMessage(b) {
			return 0, false
		}
	case b[0] >= 64 && b[0] <= 79:
		n = 4 + (length+3)&^3
	default:
		return 0, false
	}
	return n, n <= maxFrame
}

// enqueue gives a copy of b to the writer; false if it is too far behind, or gone.
func (c *turnConn) enqueue(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || len(c.out)+len(b) > connOutLimit {
		return false
	}
	c.out = append(c.out, b...)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	s := &c.front.t.s.stats
	s.packetsOut.Add(1)
	s.bytesOut.Add(uint64(len(b)))
	return true
}

func (c *turnConn) write() {
	var spare []byte
	for range c.wake {
		c.mu.Lock()
		b := c.out
		c.out = spare[:0]
		c.mu.Unlock()
		_ = c.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
		if _, err := c.Conn.Write(b); err != nil {
			_ = c.Conn.Close() // read ends, and with it all of this
		}
		spare = b
		if cap(spare) > 64<<10 {
			spare = nil
		}
	}
}
