package rtc

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/turn/v5"
)

// TURN configures the TURN server. It is always there; whether clients are told of it is not decided here.
type TURN struct {
	Realm  string // "" is "carillon"
	Secret []byte // key of the credentials; nil: a random one, so that credentials end with the process

	MaxAllocations   int // in all; 0 is 20,000
	MaxPerCredential int // allocations of one user name; 0 is 24: a client makes some per network and reconnect
	MaxConnections   int // TCP and TLS; 0 is 20,000
}

var errQuota = errors.New("rtc: too many TURN allocations")

// turnServer joins pion's TURN control to the dispatcher.
type turnServer struct {
	s      *Server
	c      TURN
	pion   *turn.Server
	udp    *turnFront
	tcp    *turnFront // the TCP port
	tls    *turnFront // connections given to ServeTURN
	mu     sync.RWMutex
	relays map[netip.AddrPort]*relay // by relayed address
	byUDP  map[netip.AddrPort]*relay // by client address, over UDP
	users  map[string]int            // allocations of each user name
	nConns int
	last   uint32 // counts relayed addresses
	closed bool
}

func newTURNServer(s *Server, c TURN) (*turnServer, error) {
	if c.Realm == "" {
		c.Realm = "carillon"
	}
	if c.Secret == nil {
		c.Secret = []byte(rand.Text())
	}
	setDefault(&c.MaxAllocations, 20000)
	setDefault(&c.MaxPerCredential, 24)
	setDefault(&c.MaxConnections, 20000)
	t := &turnServer{
		s: s, c: c, relays: make(map[netip.AddrPort]*relay), byUDP: make(map[netip.AddrPort]*relay),
		users: make(map[string]int),
	}
	t.udp = newTURNFront(t, net.UDPAddrFromAddrPort(s.addr))
	t.tcp = newTURNFront(t, net.TCPAddrFromAddrPort(s.addr))
	t.tls = newTURNFront(t, net.TCPAddrFromAddrPort(s.addr))
	var fronts []turn.PacketConnConfig
	for _, f := range []*turnFront{t.udp, t.tcp, t.tls} {
		fronts = append(fronts, turn.PacketConnConfig{
			PacketConn: f, RelayAddressGenerator: relayMaker{t}, PermissionHandler: t.mayReach,
		})
	}
	var err error
	t.pion, err = turn.NewServer(turn.ServerConfig{
		Realm: c.Realm, AuthHandler: t.authenticate, QuotaHandler: t.mayAllocate, LoggerFactory: s.pion,
		PacketConnConfigs: fronts,
		EventHandler: turn.EventHandler{
			OnAllocationCreated: func(client, front net.Addr, _, _, _ string, relayed net.Addr, _ int) {
				t.allocated(relayed, client, front)
			},
			OnChannelCreated: func(_, _ net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
				t.bind(relayed, peer, uint32(number))
			},
			OnChannelDeleted: func(_, _ net.Addr, _, _, _ string, relayed, peer net.Addr, _ uint16) {
				t.bind(relayed, peer, 0)
			},
		},
	})
	return t, err
}

func setDefault(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}

// Credentials makes a TURN user name that is valid for ttl, and its password, as draft-uberti-behave-turn-rest says:
// the name begins with the second at which it ends, the password is its HMAC. The name tells nothing of its owner, and
// has no '#', which attendee ids of content shares do. A client keeps its credentials for as long as the meeting lasts.
func (s *Server) Credentials(ttl time.Duration) (username, password string) {
	username = fmt.Sprintf("%d:%s", time.Now().Add(ttl).Unix(), rand.Text()[:16])
	return username, s.turn.password(username)
}

func (t *turnServer) password(username string) string {
	mac := hmac.New(sha1.New, t.c.Secret) // as the draft has it
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate returns the key by which pion checks a request's MESSAGE-INTEGRITY.
func (t *turnServer) authenticate(r *turn.RequestAttributes) (string, []byte, bool) {
	ends, _, ok := strings.Cut(r.Username, ":")
	at, err := strconv.ParseInt(ends, 10, 64)
	if !ok || err != nil || at < time.Now().Unix() {
		return "", nil, false
	}
	return r.Username, turn.GenerateAuthKey(r.Username, t.c.Realm, t.password(r.Username)), true
}

// mayReach is the rule that keeps this from being an open relay: our own media address, and nothing else.
func (t *turnServer) mayReach(_ net.Addr, peer net.IP) bool {
	ip, ok := netip.AddrFromSlice(peer)
	for _, own := range t.s.own {
		if ok && own.Addr() == ip.Unmap() {
			return true
		}
	}
	return false
}

// mayAllocate bounds what one credential may take; pion answers 486 otherwise.
func (t *turnServer) mayAllocate(user, _ string, _ net.Addr) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	ok := t.users[user] < t.c.MaxPerCredential && len(t.relays) < t.c.MaxAllocations
	if !ok {
		t.s.stats.turnRefused.Add(1)
	}
	return ok
}

// relayMaker makes relayed addresses for pion.
type relayMaker struct{ t *turnServer }

func (relayMaker) Validate() error { return nil }

func (m relayMaker) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	if (c.Network == "udp4") != m.t.s.own[0].Addr().Is4() {
		return nil, nil, fmt.Errorf("rtc: no relay for %s", c.Network)
	}
	r, err := m.t.allocate(c.UserID, uint16(c.RequestedPort))
	if err != nil {
		return nil, nil, err
	}
	return r, r.LocalAddr(), nil
}

// RFC 6062, TCP to the peer, is not offered.
func (relayMaker) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errors.ErrUnsupported
}

func (relayMaker) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// allocate makes a relay with an address of its own; with port 0 any port will do.
func (t *turnServer) allocate(user string, port uint16) (*relay, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.relays) >= t.c.MaxAllocations {
		return nil, errQuota
	}
	for {
		t.last++
		addr := relayedAddress(t.s.own[0].Addr().Is4(), t.last, port)
		if t.relays[addr] != nil {
			continue
		}
		r := newRelay(t, addr, user)
		t.relays[addr] = r
		t.users[user]++
		return r, nil
	}
}

// relayedAddress is the n-th made-up address: 198.51.100.1 to .254 (RFC 5737), or 2001:db8::1 to ::fe
// (RFC 3849), ports from 1024. It never leaves this process but as the client's candidate.
func relayedAddress(v4 bool, n uint32, port uint16) netip.AddrPort {
	const ports = 1<<16 - 1024
	host := byte(1 + n%254)
	if port == 0 {
		port = uint16(1024 + n/254%ports)
	}
	if v4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, host}), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: host}), port)
}

// allocated joins a relay to its client. front is the local address of the front that the client spoke to.
func (t *turnServer) allocated(relayed, client, front net.Addr) {
	t.mu.Lock()
	r := t.relays[addrPortOf(relayed)]
	c := &turnClient{addr: addrPortOf(client)}
	orphan := false
	switch {
	case r == nil:
	case front == t.udp.local:
		c.udp = net.UDPAddrFromAddrPort(c.addr)
		t.byUDP[c.addr] = r
		r.client.Store(c)
	default:
		f := t.tcp
		if front == t.tls.local {
			f = t.tls
		}
		if c.conn = f.conns[c.addr]; c.conn == nil { // closed meanwhile
			orphan = true
			break
		}
		r.client.Store(c)
		c.conn.relay.Store(r)
	}
	t.mu.Unlock()
	if orphan {
		_ = r.Close() // pion learns of it from ReadFrom
	}
}

// bind notes the channel number (0: none) that stands for one of our own addresses.
func (t *turnServer) bind(relayed, peer net.Addr, number uint32) {
	t.mu.RLock()
	r := t.relays[addrPortOf(relayed)]
	t.mu.RUnlock()
	if r == nil {
		return
	}
	if p := r.peer(peer); p != nil {
		p.channel.Store(number)
	}
}

// forget removes a closed relay.
func (t *turnServer) forget(r *relay) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.relays, r.addr)
	if t.users[r.user]--; t.users[r.user] <= 0 {
		delete(t.users, r.user)
	}
	if c := r.client.Load(); c != nil && c.udp != nil && t.byUDP[c.addr] == r {
		delete(t.byUDP, c.addr)
	}
}

// Types of the STUN messages that a TURN server takes (RFC 8656 section 17, RFC 8489 section 5).
const (
	allocateRequest         = 0x0003
	refreshRequest          = 0x0004
	createPermissionRequest = 0x0008
	channelBindRequest      = 0x0009
	channelBindError        = 0x0119
	sendIndication          = 0x0016
	dataIndication          = 0x0017
)

// control queues a TURN message from the UDP socket for pion; only Allocate makes sense without an allocation. The
// dispatch lock is held.
func (t *turnServer) control(b []byte, from netip.AddrPort) {
	wanted := false
	switch binary.BigEndian.Uint16(b) {
	case allocateRequest:
		wanted = true
	case refreshRequest, createPermissionRequest, channelBindRequest, sendIndication:
		t.mu.RLock()
		wanted = t.byUDP[from] != nil
		t.mu.RUnlock()
	}
	if !wanted || !t.udp.offer(b, net.UDPAddrFromAddrPort(from)) {
		t.s.stats.dropped.Add(1)
	}
}

// channelData handles ChannelData from the UDP socket (RFC 8656 section 12.4), past pion. The dispatch lock is held.
func (t *turnServer) channelData(b []byte, from netip.AddrPort, now time.Time) {
	t.mu.RLock()
	r := t.byUDP[from]
	t.mu.RUnlock()
	if r == nil {
		t.s.stats.dropped.Add(1)
		return
	}
	r.channelData(b, now)
}

func (t *turnServer) counts() (allocations, conns int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.relays), t.nConns
}

// close ends all relays and connections; the connections' goroutines belong to the server's WaitGroup.
func (t *turnServer) close() {
	t.mu.Lock()
	t.closed = true
	var relays []*relay
	for _, r := range t.relays {
		relays = append(relays, r)
	}
	for _, f := range []*turnFront{t.tcp, t.tls} {
		for _, c := range f.conns {
			_ = c.Conn.Close()
		}
	}
	t.mu.Unlock()
	for _, r := range relays {
		_ = r.Close()
	}
	_ = t.pion.Close()
}

func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
