package rtc

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// relay is one TURN allocation. To pion it is the net.PacketConn of the relayed address; there is no such socket.
type relay struct {
	t      *turnServer
	addr   netip.AddrPort // the relayed address
	user   string
	peers  []*relayPeer // one for each of our own addresses
	client atomic.Pointer[turnClient]
	once   sync.Once
	done   chan struct{}
}

// turnClient is where a relay's client is: on the UDP socket, or on a connection.
type turnClient struct {
	addr netip.AddrPort
	udp  *net.UDPAddr // nil: conn
	conn *turnConn
}

// relayPeer is a relay's way to one of our own addresses. An answer must seem to come from the address that the client
// sent to, so that address is part of the path.
type relayPeer struct {
	relay    *relay
	addr     netip.AddrPort
	channel  atomic.Uint32 // 0: none is bound
	endpoint atomic.Pointer[endpoint]
}

func newRelay(t *turnServer, addr netip.AddrPort, user string) *relay {
	r := &relay{t: t, addr: addr, user: user, done: make(chan struct{})}
	for _, own := range t.s.own {
		r.peers = append(r.peers, &relayPeer{relay: r, addr: own})
	}
	return r
}

// peer finds the way to one of our own addresses; nil for any other.
func (r *relay) peer(a net.Addr) *relayPeer {
	ap := addrPortOf(a)
	for _, p := range r.peers {
		if p.addr == ap {
			return p
		}
	}
	return nil
}

// channelData hands the payload of a ChannelData message to the dispatcher. The dispatch lock is held.
//
//	 0               2               4
//	+---------------+---------------+----------
//	| channel number| length        | data …      (over TCP padded to a multiple of 4)
//	+---------------+---------------+----------
func (r *relay) channelData(b []byte, now time.Time) {
	number, length := uint32(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
	if 4+length <= len(b) {
		for _, p := range r.peers {
			if p.channel.Load() == number {
				r.t.s.packet(b[4:4+length], source{addr: r.addr, peer: p}, now)
				return
			}
		}
	}
	r.t.s.stats.dropped.Add(1)
}

// WriteTo takes what the client sends in Send indications; pion has checked the permission, which is for an IP address,
// so the port is checked here.
func (r *relay) WriteTo(b []byte, to net.Addr) (int, error) {
	p := r.peer(to)
	if p == nil {
		r.t.s.stats.dropped.Add(1)
		return len(b), nil
	}
	s := r.t.s
	s.dispatch.Lock()
	s.packet(b, source{addr: r.addr, peer: p}, time.Now())
	s.dispatch.Unlock()
	s.out.flush()
	return len(b), nil
}

// ReadFrom never brings anything: what goes to the client is wrapped by post. It returns when the relay is closed, and
// pion deletes the allocation then.
func (r *relay) ReadFrom([]byte) (int, net.Addr, error) {
	<-r.done
	return 0, nil, net.ErrClosed
}

// Close ends the relay. It is called by pion when the allocation ends, and by us when its connection does.
func (r *relay) Close() error {
	r.once.Do(func() {
		close(r.done)
		r.t.forget(r)
		if c := r.client.Swap(nil); c != nil && c.conn != nil {
			c.conn.relay.CompareAndSwap(r, nil)
		}
	})
	return nil
}

func (r *relay) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(r.addr) }
func (r *relay) SetDeadline(time.Time) error      { return nil }
func (r *relay) SetReadDeadline(time.Time) error  { return nil }
func (r *relay) SetWriteDeadline(time.Time) error { return nil }

// post sends the n bytes behind the headroom of an acquired slot to the client.
func (p *relayPeer) post(out *outbox, slot []byte, n int) {
	c := p.relay.client.Load()
	if c == nil {
		out.release()
		out.stats.dropped.Add(1)
		return
	}
	from, to := p.wrap(slot, n)
	if c.conn == nil {
		out.commit(c.udp, from, to)
		return
	}
	for (to-from)%4 != 0 { // RFC 8656 section 12.5
		slot[to] = 0
		to++
	}
	ok := c.conn.enqueue(slot[from:to])
	out.release()
	if !ok {
		out.stats.dropped.Add(1)
	}
}

// wrap puts TURN's header in front of the packet in its slot, and says where the message begins and ends.
func (p *relayPeer) wrap(slot []byte, n int) (from, to int) {
	if ch := p.channel.Load(); ch != 0 {
		from = headroom - 4
		binary.BigEndian.PutUint16(slot[from:], uint16(ch))
		binary.BigEndian.PutUint16(slot[from+2:], uint16(n))
		return from, headroom + n
	}
	return p.indication(slot, n)
}

// indication makes the packet a Data indication (RFC 8656 section 11.3):
//
//	+------------------+-----------------------------+---------------+--------------+
//	| STUN header (20) | XOR-PEER-ADDRESS (12 or 24) | DATA head (4) | packet, pad  |
//	+------------------+-----------------------------+---------------+--------------+
func (p *relayPeer) indication(slot []byte, n int) (from, to int) {
	const cookie = 0x2112A442
	ip := p.addr.Addr().AsSlice()
	from, to = headroom-4-8-len(ip)-20, headroom+n
	for (to-headroom)%4 != 0 {
		slot[to] = 0
		to++
	}
	b := slot[from:to]
	binary.BigEndian.PutUint16(b, dataIndication)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20))
	binary.BigEndian.PutUint32(b[4:], cookie)
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	binary.BigEndian.PutUint32(b[16:], rand.Uint32())
	a := b[20:]
	binary.BigEndian.PutUint16(a, 0x0012) // XOR-PEER-ADDRESS
	binary.BigEndian.PutUint16(a[2:], uint16(4+len(ip)))
	family := byte(1)
	if len(ip) == 16 {
		family = 2
	}
	a[4], a[5] = 0, family
	binary.BigEndian.PutUint16(a[6:], p.addr.Port()^cookie>>16)
	for i := range ip {
		a[8+i] = ip[i] ^ b[4+i] // the cookie, then the transaction id
	}
	d := a[8+len(ip):]
	binary.BigEndian.PutUint16(d, 0x0013) // DATA
	binary.BigEndian.PutUint16(d[2:], uint16(n))
	return from, to
}
