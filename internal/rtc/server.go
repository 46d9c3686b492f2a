package rtc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"golang.org/x/net/ipv4"

	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
)

// Errors of a server.
var (
	// ErrClosed is returned by what a closed server or session cannot do any more.
	ErrClosed = errors.New("rtc: closed")
	// ErrWildcard: Config.Address stands for all addresses of the machine.
	ErrWildcard = errors.New("rtc: the media address is a wildcard")
	// ErrAdvertised: a host of Config.Advertise has no address that can be used.
	ErrAdvertised = errors.New("rtc: advertised address")
)

// Config says where a server listens and how it is reached.
type Config struct {
	// Address is the host and port of the UDP socket and of TURN's TCP listener, "127.0.0.1:3478". With port 0 a port
	// is chosen that is free for both. A wildcard address is refused: answers must leave from the address that was
	// asked, and candidates must name it.
	Address string
	// Advertise are the addresses or names (resolved once, in Listen) at which clients reach this server, in order of
	// preference; the port stays the same. Empty: the address of Address.
	Advertise []string
	TURN      TURN
	Log       *slog.Logger // nil: nothing is logged
}

// Server is all media of one process. Its methods are safe for concurrent use.
type Server struct {
	log    *slog.Logger
	pion   logging.LoggerFactory
	start  time.Time // monotonic base of all clocks in here
	udp    *net.UDPConn
	tcp    net.Listener
	in     *inbox
	out    *outbox
	addr   netip.AddrPort
	own    []netip.AddrPort // the addresses that relays may reach: advertised first, then the bound one
	local  []sdp.Candidate
	cert   tls.Certificate
	print  string // the certificate's fingerprint, as in SDP
	tables *tables
	turn   *turnServer
	stats  counters

	dispatch sync.Mutex // held while a packet is handled and while a Handler is called
	request  stun.Message
	response stun.Message // both reused; guarded by dispatch

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // the server's goroutines
	calls  sync.WaitGroup // the sessions' goroutines
	once   sync.Once
	closed atomic.Bool
}

// Listen binds the UDP socket first and the TCP port of the same number after it. Nothing is read until [Server.Run].
func Listen(c Config) (*Server, error) {
	host, err := bindHost(c.Address)
	if err != nil {
		return nil, err
	}
	cert, print, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("rtc: certificate: %w", err)
	}
	udp, tcp, err := bindPair(host)
	if err != nil {
		return nil, err
	}
	s := &Server{
		log: c.Log, udp: udp, tcp: tcp, cert: cert, print: print, tables: newTables(), start: time.Now(),
		addr: addrPortOf(udp.LocalAddr()),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.pion = pionLog{s.log}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.setUp(c); err != nil {
		s.cancel()
		return nil, errors.Join(err, udp.Close(), tcp.Close())
	}
	return s, nil
}

func (s *Server) setUp(c Config) (err error) {
	advertised, err := resolve(c.Advertise, s.addr)
	if err != nil {
		return err
	}
	for _, a := range advertised {
		s.local = append(s.local, sdp.Candidate{Address: a.Addr().String(), Port: a.Port()})
	}
	if s.own = advertised; !slices.Contains(s.own, s.addr) {
		s.own = append(s.own, s.addr)
	}
	if s.in, err = newInbox(s.udp); err != nil {
		return err
	}
	s.out = newOutbox(ipv4.NewPacketConn(s.udp), &s.stats)
	s.turn, err = newTURNServer(s, c.TURN)
	return err
}

// bindHost checks that address is concrete.
func bindHost(address string) (*net.UDPAddr, error) {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("rtc: media address %q: %w", address, err)
	}
	if len(a.IP) == 0 || a.IP.IsUnspecified() {
		return nil, fmt.Errorf("%w: %q: name one address of this machine, such as %s, since media must leave from the "+
			"address that clients send to", ErrWildcard, address, net.JoinHostPort(ownAddress(), strconv.Itoa(a.Port)))
	}
	return a, nil
}

// ownAddress is an address of this machine that others can reach, as an example.
func ownAddress() string {
	addrs, _ := net.InterfaceAddrs() // without any, the example is just less to the point
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return "192.0.2.10"
}

// bindPair binds the same port number for UDP and TCP. With port 0 the number that UDP got may be taken on TCP; then
// another one is tried.
func bindPair(a *net.UDPAddr) (*net.UDPConn, net.Listener, error) {
	const tries = 20
	for try := 1; ; try++ {
		udp, err := net.ListenUDP("udp", a)
		if err != nil {
			return nil, nil, fmt.Errorf("rtc: media port: %w", err)
		}
		tcp, err := new(net.ListenConfig).Listen(context.Background(), "tcp", udp.LocalAddr().String())
		if err == nil {
			// Bursts of hundreds of packets are normal here. The kernel caps what it grants, and less is no error.
			_ = udp.SetReadBuffer(4 << 20)
			_ = udp.SetWriteBuffer(4 << 20)
			return udp, tcp, nil
		}
		_ = udp.Close()
		if a.Port != 0 || try == tries {
			return nil, nil, fmt.Errorf("rtc: media port, TCP: %w", err)
		}
	}
}

// resolve turns the advertised hosts into addresses of the socket's family, without repetition; none is the bound one.
func resolve(hosts []string, bound netip.AddrPort) ([]netip.AddrPort, error) {
	if len(hosts) == 0 {
		return []netip.AddrPort{bound}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var found []netip.AddrPort
	for _, host := range hosts {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // an address stands for itself
		if err != nil {
			return nil, fmt.Errorf("%w %q: %w", ErrAdvertised, host, err)
		}
		for _, ip := range ips {
			a := netip.AddrPortFrom(ip.Unmap(), bound.Port())
			if a.Addr().Is4() == bound.Addr().Is4() && !slices.Contains(found, a) {
				found = append(found, a)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w %v: none is of the family of %v", ErrAdvertised, hosts, bound.Addr())
	}
	return found, nil
}

// Addr is the address of the UDP socket, and of TURN's TCP listener.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Run reads packets until ctx ends or Close is called, then closes everything and waits for it. It must be called once.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.shut)
	defer stop()
	s.wg.Go(s.turn.accept)
	s.wg.Go(s.sweepLoop)
	err := s.readLoop()
	ended := s.closed.Load()
	s.Close()
	if ended {
		return nil
	}
	return err
}

// Close ends all sessions without telling their handlers, and waits until every goroutine has ended. It must not be
// called from a Handler.
func (s *Server) Close() {
	s.shut()
	s.wg.Wait()
}

// shut ends everything but does not wait for the server's own goroutines. Whoever calls it second waits for the first.
func (s *Server) shut() {
	s.once.Do(func() {
		s.closed.Store(true)
		for _, sess := range s.tables.sessions() {
			sess.Close()
		}
		s.calls.Wait() // the goodbyes are in the outbox then
		s.out.flush()
		s.turn.close()
		s.cancel()
		_ = s.tcp.Close()
		_ = s.udp.Close()
	})
}

// Flush sends the outgoing batch now.
func (s *Server) Flush() { s.out.flush() }

func (s *Server) readLoop() error {
	var pace pace
	for {
		n, err := s.in.read()
		if err != nil {
			if s.closed.Load() || errors.Is(err, net.ErrClosed) {
				return err
			}
			s.log.Warn("media socket", "error", err)
			continue
		}
		now := time.Now()
		s.batch(n, now)
		if wait := pace.wait(n, now); wait > 0 {
			time.Sleep(wait)
		}
	}
}

// batch handles what one read brought and sends what came of it.
func (s *Server) batch(n int, now time.Time) {
	var bytes uint64
	s.dispatch.Lock()
	for i := range n {
		b, from := s.in.packet(i)
		bytes += uint64(len(b))
		s.packet(b, source{addr: from}, now)
	}
	s.dispatch.Unlock()
	s.stats.packetsIn.Add(uint64(n))
	s.stats.bytesIn.Add(bytes)
	s.out.flush()
}

// packet tells a packet by its first byte and handles it in place. The dispatch lock is held.
func (s *Server) packet(b []byte, src source, now time.Time) {
	if len(b) < 4 {
		s.stats.dropped.Add(1)
		return
	}
	switch c := b[0]; {
	case c <= 3:
		s.stun(b, src, now)
	case c >= 128 && c <= 191:
		if ep := s.tables.lookup(src); ep != nil {
			ep.session.secured(b, ep, now)
			return
		}
		s.stats.dropped.Add(1)
	case c >= 64 && c <= 79 && src.peer == nil:
		s.turn.channelData(b, src.addr, now)
	case c >= 20 && c <= 63:
		if ep := s.tables.lookup(src); ep != nil {
			ep.session.dtls.deliver(b)
			return
		}
		s.stats.dropped.Add(1)
	default:
		s.stats.dropped.Add(1)
	}
}

// send posts a copy of b to ep. Nothing leaves before the next flush.
func (s *Server) send(ep *endpoint, b []byte) {
	if len(b) > maxPacket {
		s.stats.dropped.Add(1)
		return
	}
	slot := s.out.acquire()
	s.post(ep, slot, copy(slot[headroom:], b))
}

// post sends the n bytes behind the headroom of an acquired slot.
func (s *Server) post(ep *endpoint, slot []byte, n int) {
	if ep.peer != nil {
		ep.peer.post(s.out, slot, n)
		return
	}
	s.out.commit(ep.dst, headroom, headroom+n)
}

// clock turns a time into nanoseconds since the server's start, on the monotonic clock.
func (s *Server) clock(t time.Time) int64 { return int64(t.Sub(s.start)) }
