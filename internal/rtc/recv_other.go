//go:build !linux

package rtc

import (
	"net"
	"net/netip"
)

// recvSlots is how many datagrams one read may bring: no more than one here, so
// that waiting for more would only hold them up.
const recvSlots = 1

// inbox reads datagrams one by one where there is no recvmmsg(2).
type inbox struct {
	conn *net.UDPConn
	buf  [slotSize]byte
	n    int
	from netip.AddrPort
}

func newInbox(conn *net.UDPConn) (*inbox, error) { return &inbox{conn: conn}, nil }

// read waits for a datagram and returns how many came.
func (in *inbox) read() (int, error) {
	n, from, err := in.conn.ReadFromUDPAddrPort(in.buf[:])
	in.n, in.from = n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, err
}

// packet returns the i-th datagram of the last read and its source; the bytes are valid until the next read.
func (in *inbox) packet(int) ([]byte, netip.AddrPort) { return in.buf[:in.n], in.from }
