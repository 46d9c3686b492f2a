package rtc

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startServer runs a server on loopback until the test ends.
func startServer(t testing.TB, change ...func(*Config)) *Server {
	t.Helper()
	c := Config{Address: "127.0.0.1:0"}
	for _, fn := range change {
		fn(&c)
	}
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// heard is a Handler that keeps what it is told.
type heard struct {
	connected chan struct{}
	gone      chan string
	rtp       chan rtp.Packet
	rtcp      chan []rtcp.Packet
	count     atomic.Int64
	onRTP     func(h *rtp.Header, payload []byte)
}

func newHeard() *heard {
	return &heard{connected: make(chan struct{}), gone: make(chan string, 1), rtp: make(chan rtp.Packet, 1000),
		rtcp: make(chan []rtcp.Packet, 1000)}
}

func (h *heard) Connected() { close(h.connected) }
func (h *heard) RTP(hd *rtp.Header, payload []byte, _ time.Time) {
	h.count.Add(1)
	if h.onRTP != nil {
		h.onRTP(hd, payload)
		return
	}
	kept := hd.Clone()
	kept.PaddingSize = hd.PaddingSize // Clone forgets it
	select {
	case h.rtp <- rtp.Packet{Header: kept, Payload: append([]byte(nil), payload...)}:
	default:
	}
}
func (h *heard) RTCP(p []rtcp.Packet) {
	select {
	case h.rtcp <- p:
	default:
	}
}
func (h *heard) Gone(reason string) { h.gone <- reason }

// client is a PeerConnection that offers one audio stream both ways.
type client struct {
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	offer string
	rtp   chan *rtp.Packet
	rtcp  chan []rtcp.Packet
	wg    sync.WaitGroup
}

func newClient(t testing.TB, config webrtc.Configuration, change ...func(*webrtc.SettingEngine)) *client {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetICETimeouts(5*time.Second, 10*time.Second, 500*time.Millisecond)
	se.SetRelayAcceptanceMinWait(0)
	for _, fn := range change {
		fn(&se)
	}
	var me webrtc.MediaEngine
	if err := me.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me)).NewPeerConnection(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{pc: pc, rtp: make(chan *rtp.Packet, 1000), rtcp: make(chan []rtcp.Packet, 1000)}
	t.Cleanup(func() { c.close() })
	c.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "audio")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := pc.AddTrack(c.track)
	if err != nil {
		t.Fatal(err)
	}
	c.wg.Go(func() {
		for {
			pkts, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			c.rtcp <- pkts
		}
	})
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		c.wg.Go(func() {
			for {
				p, _, err := tr.ReadRTP()
				if err != nil {
					return
				}
				select {
				case c.rtp <- p:
				default:
				}
			}
		})
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	c.offer = pc.LocalDescription().SDP
	return c
}

func (c *client) close() {
	_ = c.pc.Close()
	c.wg.Wait()
}

func attribute(sdp, name string) string {
	m := regexp.MustCompile(`(?m)^a=` + name + `:(.*?)\r?$`).FindStringSubmatch(sdp)
	if m == nil {
		return ""
	}
	return m[1]
}

func (c *client) remote() sdp.Remote {
	hash, print, _ := strings.Cut(attribute(c.offer, "fingerprint"), " ")
	return sdp.Remote{
		Ufrag: attribute(c.offer, "ice-ufrag"), Pwd: attribute(c.offer, "ice-pwd"),
		FingerprintAlgorithm: hash, Fingerprint: print, Setup: attribute(c.offer, "setup"),
	}
}

const serverSSRC = 1001

// answer writes the server's answer by hand.
func (c *client) answer(t testing.TB, l sdp.Transport, setup string) {
	t.Helper()
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{
		Type: webrtc.SDPTypeAnswer, SDP: answerFor(l, setup),
	}); err != nil {
		t.Fatal(err)
	}
}

func answerFor(l sdp.Transport, setup string) string {
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=ice-lite",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendrecv", "a=rtcp-mux",
		"a=ice-ufrag:" + l.Ufrag, "a=ice-pwd:" + l.Pwd, "a=fingerprint:" + l.Fingerprint, "a=setup:" + setup,
		"a=rtpmap:111 opus/48000/2", "a=msid:server audio", fmt.Sprintf("a=ssrc:%d cname:server", serverSSRC),
	}
	for i, cand := range l.Candidates {
		lines = append(lines, fmt.Sprintf("a=candidate:%d 1 udp %d %s %d typ host", i+1, 2130706431-i, cand.Address, cand.Port))
	}
	return strings.Join(append(lines, "a=end-of-candidates", ""), "\r\n")
}

// join connects a client to a new session.
func join(t testing.TB, s *Server, c *client, opts ...Option) (*Session, *heard) {
	t.Helper()
	h := newHeard()
	sess, err := s.NewSession(h, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sess.Close)
	if err := sess.SetRemote(c.remote()); err != nil {
		t.Fatal(err)
	}
	c.answer(t, sess.Local(), "passive")
	wait(t, "connected", h.connected)
	eventually(t, "the client is connected", func() bool {
		return c.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
	})
	return sess, h
}

func wait[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("timed out: %s", what)
		panic("unreachable")
	}
}

// talk sends packets both ways until ten have arrived at each end.
func talk(t testing.TB, s *Server, sess *Session, h *heard, c *client) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(65530); ; seq++ { // over the wrap
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			hd := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: seq, Timestamp: uint32(seq) * 960, SSRC: serverSSRC}
			if err := sess.WriteRTP(&hd, []byte("from the server")); err != nil {
				t.Errorf("WriteRTP: %v", err)
			}
			s.Flush()
			_ = c.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960},
				Payload: []byte("from the client")})
		}
	})
	for range 10 {
		if p := wait(t, "RTP at the server", h.rtp); string(p.Payload) != "from the client" {
			t.Fatalf("server got %q", p.Payload)
		}
		if p := wait(t, "RTP at the client", c.rtp); string(p.Payload) != "from the server" || p.SSRC != serverSSRC {
			t.Fatalf("client got %q", p.Payload)
		}
	}
	if st := s.Stats(); st.DecryptErrors != 0 || st.SendErrors != 0 {
		t.Errorf("stats %+v", st)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// udpSocket is a bare socket on loopback.
func udpSocket(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
