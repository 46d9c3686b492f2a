package rtc

import (
	"errors"
	"net"
	"sync"

	"golang.org/x/net/ipv4"
)

// A slot is one outgoing datagram. The packet starts behind a headroom that is large enough for what TURN puts in
// front: 4 bytes of ChannelData, or the 48 bytes of a Data indication with an IPv6 peer.
//
//	 0        48                                2048
//	+--------+----------------------+-----------+
//	|headroom| packet               | tailroom  |  tailroom: SRTP's tag and index, TURN's padding
//	+--------+----------------------+-----------+
const (
	headroom   = 48
	tailroom   = 32
	slotSize   = 2048
	maxPacket  = slotSize - headroom - tailroom
	batchSlots = 64
)

// burst is a batch of datagrams that leave with one system call.
type burst struct {
	n     int
	msgs  [batchSlots]ipv4.Message
	vecs  [batchSlots][1][]byte
	slots [batchSlots][slotSize]byte
}

// outbox collects outgoing datagrams. Two bursts take turns: one is filled while the other one is being sent.
type outbox struct {
	conn  *ipv4.PacketConn
	stats *counters

	mu  sync.Mutex // guards cur and its contents
	cur *burst

	sendMu sync.Mutex // held while sending, taken before mu; guards spare
	spare  *burst
}

func newOutbox(conn *ipv4.PacketConn, stats *counters) *outbox {
	return &outbox{conn: conn, stats: stats, cur: new(burst), spare: new(burst)}
}

// acquire locks the outbox and returns the next free slot; commit or release must follow.
func (o *outbox) acquire() []byte {
	for {
		o.mu.Lock()
		if o.cur.n < batchSlots {
			return o.cur.slots[o.cur.n][:]
		}
		o.mu.Unlock()
		o.flush()
	}
}

// commit makes bytes from to to of the acquired slot a datagram to dst, which must never change, and unlocks.
func (o *outbox) commit(dst *net.UDPAddr, from, to int) {
	b := o.cur
	b.vecs[b.n][0] = b.slots[b.n][from:to]
	b.msgs[b.n].Buffers = b.vecs[b.n][:]
	b.msgs[b.n].Addr = dst
	b.n++
	o.mu.Unlock()
	o.stats.packetsOut.Add(1)
	o.stats.bytesOut.Add(uint64(to - from))
}

// release gives an acquired slot back unused and unlocks.
func (o *outbox) release() { o.mu.Unlock() }

// sendTo adds a copy of b.
func (o *outbox) sendTo(dst *net.UDPAddr, b []byte) {
	if len(b) > maxPacket {
		o.stats.dropped.Add(1)
		return
	}
	slot := o.acquire()
	n := copy(slot[headroom:], b)
	o.commit(dst, headroom, headroom+n)
}

// flush sends what has been collected.
func (o *outbox) flush() {
	o.sendMu.Lock()
	defer o.sendMu.Unlock()
	o.mu.Lock()
	full := o.cur
	if full.n == 0 {
		o.mu.Unlock()
		return
	}
	o.cur = o.spare
	o.mu.Unlock()
	o.send(full.msgs[:full.n])
	full.n = 0
	o.spare = full
}

// send writes all messages. A message that the kernel refuses is skipped: sendmmsg(2) stops in front of it, so the
// error that it returns next concerns the first message that is left.
func (o *outbox) send(msgs []ipv4.Message) {
	for len(msgs) > 0 {
		n, err := o.conn.WriteBatch(msgs, 0)
		if err != nil {
			o.stats.sendErrors.Add(1)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			n = max(n, 0) + 1
		}
		msgs = msgs[min(n, len(msgs)):]
	}
}
