package rtc

import (
	"crypto"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/trace"
)

func TestSession_Direct(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	sess, h := join(t, s, c)
	talk(t, s, sess, h, c)
	if sess.Relayed() {
		t.Error("a direct path is said to be relayed")
	}
	if time.Since(sess.LastReceived()) > 5*time.Second {
		t.Errorf("LastReceived is %v", sess.LastReceived())
	}

	if err := sess.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2}}); err != nil {
		t.Fatal(err)
	}
	s.Flush()
	_ = c.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 3, Bitrate: 1000, SSRCs: []uint32{serverSSRC}}})
	for {
		if _, ok := wait(t, "RTCP at the server", h.rtcp)[0].(*rtcp.ReceiverEstimatedMaximumBitrate); ok {
			break
		}
	}
}

func TestSession_ClientGoesAway(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	_, h := join(t, s, c)
	c.close()
	if reason := wait(t, "gone", h.gone); reason != ReasonClosedByPeer {
		t.Errorf("gone: %s", reason)
	}
	if n := s.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestSession_WeClose(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	sess, h := join(t, s, c)
	sess.Close()
	sess.Close()
	eventually(t, "the client knows", func() bool {
		return c.pc.ConnectionState() == webrtc.PeerConnectionStateClosed
	})
	if len(h.gone) != 0 {
		t.Error("Gone after Close")
	}
}

func TestServer_CloseSaysGoodbye(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	_, h := join(t, s, c)
	s.Close()
	eventually(t, "the client knows", func() bool {
		return c.pc.ConnectionState() == webrtc.PeerConnectionStateClosed
	})
	if len(h.gone) != 0 {
		t.Error("Gone after Close")
	}
}

func TestSession_WeAreDTLSClient(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	h := newHeard()
	sess, err := s.NewSession(h)
	if err != nil {
		t.Fatal(err)
	}
	r := c.remote()
	r.Setup = "passive"
	if err := sess.SetRemote(r); err != nil {
		t.Fatal(err)
	}
	c.answer(t, sess.Local(), "active")
	wait(t, "connected", h.connected)
	talk(t, s, sess, h, c)
}

func TestSession_WrongFingerprint(t *testing.T) {
	for _, setup := range []string{"actpass", "passive"} {
		t.Run(setup, func(t *testing.T) {
			s := startServer(t)
			c := newClient(t, webrtc.Configuration{})
			rec := trace.NewRecorder(discard)
			h := newHeard()
			sess, err := s.NewSession(h, WithTrace(rec.For("m", "a")))
			if err != nil {
				t.Fatal(err)
			}
			r := c.remote()
			r.Setup = setup
			r.Fingerprint = fingerprint(crypto.SHA256, []byte("another certificate"))
			if err := sess.SetRemote(r); err != nil {
				t.Fatal(err)
			}
			c.answer(t, sess.Local(), map[string]string{"actpass": "passive", "passive": "active"}[setup])
			if reason := wait(t, "gone", h.gone); reason != ReasonDTLSFailed {
				t.Errorf("gone: %s", reason)
			}
			if st := s.Stats(); st.HandshakeFailures != 1 || st.Handshakes != 0 {
				t.Errorf("stats %+v", st)
			}
			select {
			case <-h.connected:
				t.Error("connected")
			default:
			}
			if err := sess.WriteRTP(&rtp.Header{Version: 2}, nil); !errors.Is(err, ErrNotConnected) {
				t.Errorf("WriteRTP: %v", err)
			}
			var names []string
			for _, st := range rec.Steps("m", "a") {
				names = append(names, st.Name)
			}
			if got := strings.Join(names, " "); !strings.Contains(got, "ice-first-binding") || !strings.HasSuffix(got, "dtls-failed gone") {
				t.Errorf("trace: %s", got)
			}
		})
	}
}

func TestSession_RemoteIsFixed(t *testing.T) {
	s := idleServer(t)
	sess, err := s.NewSession(newHeard())
	if err != nil {
		t.Fatal(err)
	}
	r := sdp.Remote{Ufrag: "u", Pwd: "p", FingerprintAlgorithm: "sha-256", Fingerprint: "AA", Setup: "actpass"}
	for i, change := range []func(){func() {}, func() {}, func() { r.Setup = "active" }} {
		change()
		if err := sess.SetRemote(r); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	r.Fingerprint = "BB"
	if err := sess.SetRemote(r); !errors.Is(err, ErrRemoteChanged) {
		t.Errorf("another fingerprint: %v", err)
	}
	r.FingerprintAlgorithm = "md5"
	if err := sess.SetRemote(r); err == nil {
		t.Error("md5 was accepted")
	}
}

// TestSession_AddressChange puts a NAT between client and server that gives the client another port in mid-call.
func TestSession_AddressChange(t *testing.T) {
	s := startServer(t)
	nat := newNAT(t, s.Addr())
	c := newClient(t, webrtc.Configuration{})
	h := newHeard()
	sess, err := s.NewSession(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := sess.SetRemote(c.remote()); err != nil {
		t.Fatal(err)
	}
	local := sess.Local()
	local.Candidates[0].Port = addressOf(nat.inside).Port()
	c.answer(t, local, "passive")
	wait(t, "connected", h.connected)
	talk(t, s, sess, h, c)
	before := sess.path.Load().addr
	nat.rebind(t)
	eventually(t, "the path has moved", func() bool { return sess.path.Load().addr != before })
	for len(h.rtp) > 0 {
		<-h.rtp
	}
	for len(c.rtp) > 0 {
		<-c.rtp
	}
	_ = c.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 1000, Timestamp: 5}, Payload: []byte("again")})
	if p := wait(t, "RTP at the server", h.rtp); string(p.Payload) != "again" {
		t.Errorf("server got %q", p.Payload)
	}
	_ = sess.WriteRTP(&rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: 1000, SSRC: serverSSRC}, []byte("too"))
	s.Flush()
	if p := wait(t, "RTP at the client", c.rtp); string(p.Payload) != "too" {
		t.Errorf("client got %q", p.Payload)
	}
}

// nat forwards one client to a server from a port of its own.
type nat struct {
	inside  *net.UDPConn
	server  *net.UDPAddr
	outside atomic.Pointer[net.UDPConn]
	client  atomic.Pointer[net.UDPAddr]
}

func newNAT(t testing.TB, server netip.AddrPort) *nat {
	n := &nat{inside: udpSocket(t), server: net.UDPAddrFromAddrPort(server)}
	n.rebind(t)
	go func() {
		buf := make([]byte, 2048)
		for {
			k, from, err := n.inside.ReadFromUDP(buf)
			if err != nil {
				return
			}
			n.client.Store(from)
			_, _ = n.outside.Load().WriteToUDP(buf[:k], n.server)
		}
	}()
	return n
}

// rebind takes another port; the old one is dead.
func (n *nat) rebind(t testing.TB) {
	out := udpSocket(t)
	if old := n.outside.Swap(out); old != nil {
		_ = old.Close()
	}
	go func() {
		buf := make([]byte, 2048)
		for {
			k, err := out.Read(buf)
			if err != nil {
				return
			}
			_, _ = n.inside.WriteToUDP(buf[:k], n.client.Load())
		}
	}()
}

// TestServer_Crowd joins, talks in all directions and leaves in disorder: the race detector's test.
func TestServer_Crowd(t *testing.T) {
	s := startServer(t)
	const clients = 8
	room := &crowd{}
	var wg sync.WaitGroup
	for i := range clients {
		uri := webrtc.Configuration{}
		switch i % 4 {
		case 2:
			uri = relayOnly(s, "turn:"+s.Addr().String()+"?transport=udp")
		case 3:
			uri = relayOnly(s, "turn:"+s.Addr().String()+"?transport=tcp")
		}
		c := newClient(t, uri)
		wg.Go(func() {
			h := &member{heard: newHeard(), room: room}
			sess, err := s.NewSession(h)
			if err != nil {
				t.Error(err)
				return
			}
			defer sess.Close()
			if err := sess.SetRemote(c.remote()); err != nil {
				t.Error(err)
			}
			c.answer(t, sess.Local(), "passive")
			<-h.connected
			h.sess = sess
			room.enter(h)
			defer room.leave(h)
			for seq := uint16(0); h.count.Load() < 50 && seq < 5000; seq++ {
				_ = c.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq}, Payload: []byte("x")})
				time.Sleep(2 * time.Millisecond)
			}
			for range 20 {
				wait(t, "packets of the others", c.rtp)
			}
			if i%2 == 0 {
				c.close()
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Sessions != 0 || st.DecryptErrors != 0 || st.SendErrors != 0 {
		t.Errorf("stats %+v", st)
	}
}

// crowd forwards everything to everybody.
type crowd struct {
	mu      sync.Mutex
	members []*member
	seq     uint16
}

type member struct {
	*heard
	room *crowd
	sess *Session // before enter
}

func (m *member) RTP(*rtp.Header, []byte, time.Time) {
	m.count.Add(1)
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.room.seq++
	for _, o := range m.room.members {
		_ = o.sess.WriteRTP(&rtp.Header{Version: 2, PayloadType: 111, SSRC: serverSSRC, SequenceNumber: m.room.seq}, []byte("y"))
	}
}

func (c *crowd) enter(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = append(c.members, m)
}

func (c *crowd) leave(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = slices.DeleteFunc(c.members, func(o *member) bool { return o == m })
}
