package rtc

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"
)

// relayOnly is the configuration of a client that may use TURN at uri only.
func relayOnly(s *Server, uri string) webrtc.Configuration {
	user, password := s.Credentials(time.Hour)
	return webrtc.Configuration{
		ICETransportPolicy: webrtc.ICETransportPolicyRelay,
		ICEServers:         []webrtc.ICEServer{{URLs: []string{uri}, Username: user, Credential: password}},
	}
}

// serveTLS is the TLS listener, which is not this package's in the product.
func serveTLS(t testing.TB, s *Server) net.Addr {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{s.cert}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.ServeTURN(c)
		}
	}()
	return l.Addr()
}

// wrapTLS listens for plain TCP and speaks TLS to addr: PeerConnection offers no way to trust a test's certificate.
func wrapTLS(t testing.TB, addr net.Addr) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			plain, err := l.Accept()
			if err != nil {
				return
			}
			secure, err := tls.Dial("tcp", addr.String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Error(err)
				return
			}
			pipe := func(to, from net.Conn) { _, _ = io.Copy(to, from); _ = to.Close(); _ = from.Close() }
			go pipe(secure, plain)
			go pipe(plain, secure)
		}
	}()
	return l.Addr()
}

func TestTURN_Call(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := startServer(t)
			uri := fmt.Sprintf("turn:%s?transport=%s", s.Addr(), transport)
			if transport == "tls" {
				uri = fmt.Sprintf("turn:%s?transport=tcp", wrapTLS(t, serveTLS(t, s)))
			}
			c := newClient(t, relayOnly(s, uri))
			sess, h := join(t, s, c)
			talk(t, s, sess, h, c)
			if !sess.Relayed() {
				t.Error("the path is not relayed")
			}
			if st := s.Stats(); st.TURNAllocations != 1 {
				t.Errorf("%d allocations", st.TURNAllocations)
			}
			c.close()
			if reason := wait(t, "gone", h.gone); reason != ReasonClosedByPeer {
				t.Errorf("gone: %s", reason)
			}
			eventually(t, "the allocation is gone", func() bool {
				st := s.Stats()
				return st.TURNAllocations == 0 && st.TURNConnections == 0
			})
		})
	}
}

// turnClient makes a bare TURN client over UDP or TCP.
func turnTestClient(t testing.TB, s *Server, network, user, password string) *turn.Client {
	t.Helper()
	var conn net.PacketConn
	if network == "tcp" {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(c)
	} else {
		conn = udpSocket(t)
	}
	c, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: s.Addr().String(), TURNServerAddr: s.Addr().String(), Conn: conn,
		Username: user, Password: password, Realm: "carillon", RTO: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); _ = conn.Close() })
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	return c
}

// allocate closes the allocation, and with it the client's timers, when the test ends.
func allocate(t testing.TB, c *turn.Client) (net.PacketConn, error) {
	r, err := c.Allocate()
	if err == nil {
		t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}

func TestTURN_IsNoOpenRelay(t *testing.T) {
	s := startServer(t)
	user, password := s.Credentials(time.Hour)
	for _, network := range []string{"udp", "tcp"} {
		c := turnTestClient(t, s, network, user, password)
		relayed, err := allocate(t, c)
		if err != nil {
			t.Fatal(err)
		}
		foreign := &net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 53}
		err = c.CreatePermission(foreign)
		if err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: permission for a foreign peer: %v", network, err)
		}
		if err := c.CreatePermission(net.UDPAddrFromAddrPort(s.Addr())); err != nil {
			t.Errorf("%s: permission for the media address: %v", network, err)
		}
		// The same machine, but another port: the permission is for the IP address, the packet must not pass.
		victim := udpSocket(t)
		before := s.Stats().Dropped
		if _, err := relayed.WriteTo([]byte("hello"), victim.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the packet is dropped", func() bool { return s.Stats().Dropped > before })
		_ = victim.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, _, err := victim.ReadFrom(make([]byte, 100)); err == nil {
			t.Errorf("%s: %d bytes reached a foreign port", network, n)
		}
		_ = relayed.Close()
	}
}

func TestTURN_Credentials(t *testing.T) {
	s := startServer(t)
	user, password := s.Credentials(time.Hour)
	if strings.Contains(user, "#") {
		t.Errorf("user name %q", user)
	}
	expired, expiredPassword := s.Credentials(-time.Hour)
	for name, c := range map[string][2]string{
		"wrong password": {user, "wrong"}, "unknown user": {"somebody", password},
		"expired": {expired, expiredPassword}, "longer life": {strings.Replace(user, ":", "0:", 1), password},
	} {
		if _, err := allocate(t, turnTestClient(t, s, "udp", c[0], c[1])); err == nil {
			t.Errorf("%s: got an allocation", name)
		}
	}
	if _, err := allocate(t, turnTestClient(t, s, "udp", user, password)); err != nil {
		t.Errorf("right credentials: %v", err)
	}
}

func TestTURN_Quota(t *testing.T) {
	s := startServer(t, func(c *Config) { c.TURN.MaxPerCredential = 2 })
	user, password := s.Credentials(time.Hour)
	var kept []net.PacketConn
	for range 2 {
		r, err := allocate(t, turnTestClient(t, s, "udp", user, password))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, r)
	}
	if _, err := allocate(t, turnTestClient(t, s, "udp", user, password)); err == nil || !strings.Contains(err.Error(), "486") {
		t.Errorf("third allocation: %v", err)
	}
	other, otherPassword := s.Credentials(time.Hour)
	if _, err := allocate(t, turnTestClient(t, s, "udp", other, otherPassword)); err != nil {
		t.Errorf("another credential: %v", err)
	}
	_ = kept[0].Close()
	eventually(t, "there is room again", func() bool {
		_, err := allocate(t, turnTestClient(t, s, "udp", user, password))
		return err == nil
	})
	if s.Stats().TURNRefused == 0 {
		t.Error("the refusal is not counted")
	}
}

func TestTURN_GarbageOnTCP(t *testing.T) {
	s := startServer(t)
	for name, b := range map[string][]byte{
		"HTTP":          []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"no cookie":     append([]byte{0, 1, 0, 8}, make([]byte, 40)...),
		"huge message":  {0, 3, 0xff, 0xec, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		"huge channel":  {0x40, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0},
		"reserved byte": {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s: the connection was not closed: %v", name, err)
		}
		_ = c.Close()
	}
	eventually(t, "no connection is left", func() bool { return s.Stats().TURNConnections == 0 })
}

func TestTURN_PlainBinding(t *testing.T) {
	s := startServer(t)
	for _, network := range []string{"udp", "tcp"} {
		user, password := s.Credentials(time.Hour)
		c := turnTestClient(t, s, network, user, password)
		mapped, err := c.SendBindingRequest()
		if err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		if addrPortOf(mapped).Addr() != s.Addr().Addr() {
			t.Errorf("%s: mapped address %v", network, mapped)
		}
	}
}

func TestForbid(t *testing.T) {
	build := func(setters ...stun.Setter) []byte { return stun.MustBuild(setters...).Raw }
	errorType := stun.NewType(stun.MethodChannelBind, stun.ClassErrorResponse)
	unauthorized := &stun.ErrorCodeAttribute{Code: stun.CodeUnauthorized}
	for name, c := range map[string]struct {
		in   []byte
		want stun.ErrorCode
	}{
		"foreign peer":    {build(stun.TransactionID, errorType, unauthorized), stun.CodeForbidden},
		"asks for a name": {build(stun.TransactionID, errorType, unauthorized, stun.NewNonce("n")), stun.CodeUnauthorized},
		"bad request":     {build(stun.TransactionID, errorType, &stun.ErrorCodeAttribute{Code: stun.CodeBadRequest}), stun.CodeBadRequest},
	} {
		m := &stun.Message{Raw: forbid(c.in)}
		var code stun.ErrorCodeAttribute
		if err := errors.Join(m.Decode(), code.GetFrom(m)); err != nil || code.Code != c.want {
			t.Errorf("%s: code %d, %v; want %d", name, code.Code, err, c.want)
		}
	}
}

func TestRelayedAddress_Distinct(t *testing.T) {
	seen := make(map[string]bool)
	for n := range uint32(100_000) {
		a := relayedAddress(true, n, 0)
		if seen[a.String()] || a.Port() < 1024 {
			t.Fatalf("address %d is %v", n, a)
		}
		seen[a.String()] = true
	}
}

func TestRelayPeer_Indication(t *testing.T) {
	for _, addr := range []string{"203.0.113.7:3478", "[2001:db8::7]:3478"} {
		p := &relayPeer{addr: netip.MustParseAddrPort(addr)}
		for n := range 9 {
			slot := make([]byte, slotSize)
			copy(slot[headroom:], "12345678"[:n])
			from, to := p.wrap(slot, n)
			m := &stun.Message{Raw: slot[from:to]}
			if err := m.Decode(); err != nil {
				t.Fatalf("%s, %d bytes: %v", addr, n, err)
			}
			var peer stun.XORMappedAddress
			if err := peer.GetFromAs(m, stun.AttrXORPeerAddress); err != nil {
				t.Fatal(err)
			}
			data, err := m.Get(stun.AttrData)
			if err != nil || string(data) != "12345678"[:n] {
				t.Errorf("data %q: %v", data, err)
			}
			if got := netip.MustParseAddrPort(peer.String()); got != p.addr {
				t.Errorf("peer %v, want %v", got, p.addr)
			}
			if m.Type != stun.NewType(stun.MethodData, stun.ClassIndication) {
				t.Errorf("type %v", m.Type)
			}
		}
	}
}

// TestTURN_UnknownClientsReachNobody: what needs an allocation does not even reach pion without one.
func TestTURN_UnknownClientsReachNobody(t *testing.T) {
	s := idleServer(t)
	for _, m := range []stun.MessageType{
		stun.NewType(stun.MethodSend, stun.ClassIndication), stun.NewType(stun.MethodRefresh, stun.ClassRequest),
		stun.NewType(stun.MethodChannelBind, stun.ClassRequest), stun.NewType(stun.MethodConnect, stun.ClassRequest),
	} {
		before := s.Stats().Dropped
		s.take(stun.MustBuild(stun.TransactionID, m).Raw, clientAddr(1), time.Now())
		if s.Stats().Dropped != before+1 {
			t.Errorf("%v was not dropped", m)
		}
	}
}
