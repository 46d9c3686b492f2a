package rtc

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/trace"
)

// idleServer listens but does not read: tests hand it packets themselves.
func idleServer(t testing.TB, change ...func(*Config)) *Server {
	t.Helper()
	c := Config{Address: "127.0.0.1:0"}
	for _, fn := range change {
		fn(&c)
	}
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// take is what the read loop does with one packet.
func (s *Server) take(b []byte, from netip.AddrPort, now time.Time) {
	s.dispatch.Lock()
	s.packet(b, source{addr: from}, now)
	s.dispatch.Unlock()
	s.out.flush()
}

// checkFor builds a connectivity check.
func checkFor(user, pwd string, extra ...stun.Setter) []byte {
	setters := append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user)}, extra...)
	return stun.MustBuild(append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...).Raw
}

func attr(t stun.AttrType, v ...byte) stun.Setter { return stun.RawAttribute{Type: t, Value: v} }

func nominate() stun.Setter { return attr(stun.AttrUseCandidate) }

func controlled() stun.Setter { return attr(stun.AttrICEControlled, 1, 2, 3, 4, 5, 6, 7, 8) }

// answerTo reads the next STUN message from a socket; nil if none comes.
func answerTo(t testing.TB, c *net.UDPConn) *stun.Message {
	t.Helper()
	buf := make([]byte, 2048)
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := c.Read(buf)
	if err != nil {
		return nil
	}
	m := &stun.Message{Raw: buf[:n]}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	return m
}

func addressOf(c net.PacketConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

func TestCheck_Answers(t *testing.T) {
	s := idleServer(t)
	sess, err := s.NewSession(newHeard())
	if err != nil {
		t.Fatal(err)
	}
	if err := sess.SetRemote(sdp.Remote{Ufrag: "them", FingerprintAlgorithm: "sha-256"}); err != nil {
		t.Fatal(err)
	}
	good := sess.ufrag + ":them"
	flipped := checkFor(good, sess.pwd)
	flipped[25] ^= 1
	for name, c := range map[string]struct {
		check  []byte
		answer stun.MessageType // zero: none
		code   stun.ErrorCode
	}{
		"right":                 {checkFor(good, sess.pwd), stun.BindingSuccess, 0},
		"wrong password":        {check: checkFor(good, sess.pwd+"x")},
		"wrong remote ufrag":    {check: checkFor(sess.ufrag+":others", sess.pwd)},
		"unknown ufrag":         {check: checkFor("nobody:them", sess.pwd)},
		"changed on the way":    {check: flipped},
		"no integrity":          {check: stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(good), stun.Fingerprint).Raw},
		"no fingerprint":        {check: stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(good), sess.integrity).Raw},
		"trailing bytes":        {check: append(checkFor(good, sess.pwd), 0, 0, 0, 0)},
		"role conflict":         {checkFor(good, sess.pwd, controlled()), stun.BindingError, stun.CodeRoleConflict},
		"unknown, must be read": {checkFor(good, sess.pwd, attr(0x7abc, 1, 2, 3, 4)), stun.BindingError, stun.CodeUnknownAttribute},
		"unknown, optional":     {checkFor(good, sess.pwd, attr(0xc057, 1, 2, 3, 4)), stun.BindingSuccess, 0},
	} {
		t.Run(name, func(t *testing.T) {
			sock := udpSocket(t)
			s.take(c.check, addressOf(sock), time.Now())
			got := answerTo(t, sock)
			if c.answer == (stun.MessageType{}) {
				if got != nil {
					t.Fatalf("answered with %v", got)
				}
				if s.tables.lookup(source{addr: addressOf(sock)}) != nil {
					t.Fatal("the address entered the table")
				}
				return
			}
			if got == nil || got.Type != c.answer {
				t.Fatalf("got %v, want %v", got, c.answer)
			}
			if err := sess.integrity.Check(got); err != nil {
				t.Error(err)
			}
			if err := stun.Fingerprint.Check(got); err != nil {
				t.Error(err)
			}
			var code stun.ErrorCodeAttribute
			if _ = code.GetFrom(got); code.Code != c.code {
				t.Errorf("code %d, want %d", code.Code, c.code)
			}
			if c.code != 0 {
				return
			}
			var mapped stun.XORMappedAddress
			if err := mapped.GetFrom(got); err != nil || mapped.Port != int(addressOf(sock).Port()) {
				t.Errorf("mapped %v, %v", mapped, err)
			}
		})
	}
}

func TestCheck_Paths(t *testing.T) {
	a, b := netip.MustParseAddrPort("127.0.0.1:50001"), netip.MustParseAddrPort("127.0.0.1:50002")
	type step struct {
		at       time.Duration
		from     netip.AddrPort
		nominate bool
		path     netip.AddrPort // afterwards
	}
	for name, steps := range map[string][]step{
		"first valid check sets the path":         {{0, a, false, a}},
		"only a nomination moves it":              {{0, a, false, a}, {1 * time.Second, b, false, a}, {2 * time.Second, b, true, b}},
		"an address change moves it at once":      {{0, a, true, a}, {time.Millisecond, b, true, b}},
		"two nominated pairs do not make it flap": {{0, a, true, a}, {time.Millisecond, b, true, b}, {2 * time.Millisecond, a, true, b}, {time.Second, b, true, b}, {1100 * time.Millisecond, a, true, b}},
		"going back works when the new is silent": {{0, a, true, a}, {time.Millisecond, b, true, b}, {1500 * time.Millisecond, a, true, a}},
		"a dead path is left without nomination":  {{0, a, true, a}, {3 * time.Second, b, false, a}, {5 * time.Second, b, false, b}},
		"going back works after a while":          {{0, a, true, a}, {time.Millisecond, b, true, b}, {6 * time.Second, b, true, b}, {6001 * time.Millisecond, a, true, a}},
	} {
		t.Run(name, func(t *testing.T) {
			s := idleServer(t)
			sess, err := s.NewSession(newHeard())
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for i, st := range steps {
				var extra []stun.Setter
				if st.nominate {
					extra = append(extra, nominate())
				}
				s.take(checkFor(sess.ufrag+":x", sess.pwd, extra...), st.from, start.Add(st.at))
				if got := sess.path.Load().addr; got != st.path {
					t.Fatalf("after step %d the path is %v, want %v", i, got, st.path)
				}
			}
		})
	}
}

func TestCheck_ForgedSourceDoesNotCutOff(t *testing.T) {
	s := idleServer(t)
	victim, _ := s.NewSession(newHeard())
	attacker, _ := s.NewSession(newHeard())
	addr := netip.MustParseAddrPort("127.0.0.1:50001")
	now := time.Now()
	s.take(checkFor(victim.ufrag+":x", victim.pwd), addr, now)
	s.take(checkFor(attacker.ufrag+":x", attacker.pwd), addr, now.Add(time.Second))
	if ep := s.tables.lookup(source{addr: addr}); ep.session != victim {
		t.Fatal("the address went to another session while its owner was there")
	}
	s.take(checkFor(attacker.ufrag+":x", attacker.pwd), addr, now.Add(10*time.Second))
	if ep := s.tables.lookup(source{addr: addr}); ep.session != attacker {
		t.Fatal("an abandoned address cannot be used again")
	}
	attacker.Close()
	victim.Close()
	if n := len(s.tables.addrs) + len(s.tables.ufrags); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

func TestCheck_EndpointsAreBounded(t *testing.T) {
	s := idleServer(t)
	sess, _ := s.NewSession(newHeard())
	now := time.Now()
	for i := range 1000 {
		s.take(checkFor(sess.ufrag+":x", sess.pwd), netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", 20000+i)),
			now.Add(time.Duration(i)*time.Millisecond))
	}
	if n := len(s.tables.addrs); n != maxEndpoints {
		t.Errorf("%d addresses, want %d", n, maxEndpoints)
	}
	if got := sess.path.Load().addr.Port(); got != 20000 {
		t.Errorf("the path was evicted: %d", got)
	}
}

func TestSweep(t *testing.T) {
	rec := trace.NewRecorder(discard)
	s := idleServer(t)
	unanswered, never := newHeard(), newHeard()
	if _, err := s.NewSession(unanswered); err != nil {
		t.Fatal(err)
	}
	sess, err := s.NewSession(never, WithTrace(rec.For("m", "a")))
	if err != nil {
		t.Fatal(err)
	}
	if err := sess.SetRemote(sdp.Remote{FingerprintAlgorithm: "sha-256"}); err != nil {
		t.Fatal(err)
	}
	s.sweep(time.Now().Add(connectLimit - time.Second))
	if len(never.gone) != 0 {
		t.Fatal("gone too early")
	}
	s.sweep(time.Now().Add(connectLimit + time.Second))
	s.sweep(time.Now().Add(connectLimit + time.Hour))
	if got := wait(t, "gone", never.gone); got != ReasonNeverConnected || len(never.gone) != 0 {
		t.Errorf("gone: %s", got)
	}
	if len(unanswered.gone) != 0 || s.Stats().Sessions != 1 {
		t.Error("a session that has no offer yet must stay")
	}
	steps := rec.Steps("m", "a")
	if len(steps) != 1 || steps[0].Name != "gone" {
		t.Errorf("trace %v", steps)
	}
}
