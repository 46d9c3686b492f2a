package rtc

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvSlots is how many datagrams one system call may bring.
const recvSlots = 32

// inbox reads datagrams in batches with recvmmsg(2). x/net's ReadBatch does the same but makes a new net.UDPAddr for
// each packet; on this path nothing may allocate.
type inbox struct {
	raw  syscall.RawConn
	recv func(fd uintptr) bool // bound once, so that a read makes no closure

	hdrs  [recvSlots]mmsghdr
	iovs  [recvSlots]unix.Iovec
	names [recvSlots]unix.RawSockaddrInet6 // large enough for both families
	bufs  [recvSlots][slotSize]byte

	n   int
	err syscall.Errno
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

func newInbox(conn *net.UDPConn) (*inbox, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	in := &inbox{raw: raw}
	in.recv = in.recvmmsg
	for i := range in.hdrs {
		in.iovs[i].Base = &in.bufs[i][0]
		in.iovs[i].SetLen(slotSize)
		in.hdrs[i].hdr.Iov = &in.iovs[i]
		in.hdrs[i].hdr.SetIovlen(1)
		in.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&in.names[i]))
	}
	return in, nil
}

// read waits for datagrams and returns how many came: at least one.
func (in *inbox) read() (int, error) {
	for i := range in.hdrs {
		in.hdrs[i].hdr.Namelen = unix.SizeofSockaddrInet6
	}
	if err := in.raw.Read(in.recv); err != nil {
		return 0, err
	}
	if in.err != 0 {
		return 0, os.NewSyscallError("recvmmsg", in.err)
	}
	return in.n, nil
}

func (in *inbox) recvmmsg(fd uintptr) bool {
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&in.hdrs[0])), recvSlots,
		unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return false // the poller calls again when there is something
	}
	in.n, in.err = int(n), errno
	return true
}

// packet returns the i-th datagram of the last read and its source; the bytes are valid until the next read. A
// datagram that did not fit is returned as nil.
func (in *inbox) packet(i int) ([]byte, netip.AddrPort) {
	h := &in.hdrs[i]
	if h.hdr.Flags&unix.MSG_TRUNC != 0 {
		return nil, netip.AddrPort{}
	}
	return in.bufs[i][:h.n], addrPort(&in.names[i])
}

func addrPort(sa *unix.RawSockaddrInet6) netip.AddrPort {
	port := (*[2]byte)(unsafe.Pointer(&sa.Port)) // network order
	p := uint16(port[0])<<8 | uint16(port[1])
	if sa.Family == unix.AF_INET {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(sa4.Addr), p)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), p)
}
