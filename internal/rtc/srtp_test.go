package rtc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// keyed is a session that is connected without a handshake, and the client's end of its keys.
type keyed struct {
	*Session
	from   netip.AddrPort
	client *srtp.Context // seals what the client sends
	opener *srtp.Context // opens what the client receives
}

func newKeyed(t testing.TB, s *Server, h Handler, from netip.AddrPort, p srtp.ProtectionProfile) *keyed {
	t.Helper()
	sess, err := s.NewSession(h)
	if err != nil {
		t.Fatal(err)
	}
	keyLen, _ := p.KeyLen()
	saltLen, _ := p.SaltLen()
	context := func(fill byte, opts ...srtp.ContextOption) *srtp.Context {
		c, err := srtp.CreateContext(bytes.Repeat([]byte{fill}, keyLen), bytes.Repeat([]byte{fill + 1}, saltLen), p, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	sess.keys.Store(&transport{
		rx: context(1, srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(64)), tx: context(9),
	})
	s.take(checkFor(sess.ufrag+":x", sess.pwd, nominate()), from, time.Now())
	return &keyed{Session: sess, from: from, client: context(1), opener: context(9)}
}

func (k *keyed) seal(t testing.TB, p *rtp.Packet) []byte {
	t.Helper()
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.client.EncryptRTP(nil, raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func audioPacket(ssrc uint32, seq uint16, payload []byte) *rtp.Packet {
	p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SSRC: ssrc, SequenceNumber: seq}, Payload: payload}
	_ = p.SetExtension(1, []byte{0x90})
	_ = p.SetExtension(3, []byte{0, byte(seq)})
	return p
}

func clientAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(9000+i))
}

func TestSRTP_RefusesWhatIsForged(t *testing.T) {
	for _, p := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80} {
		t.Run(p.String(), func(t *testing.T) {
			s := idleServer(t)
			h := newHeard()
			k := newKeyed(t, s, h, clientAddr(1), p)
			now := time.Now()
			good := k.seal(t, audioPacket(7, 100, []byte("hello")))
			flipped := bytes.Clone(good)
			flipped[len(flipped)-1] ^= 1
			header := bytes.Clone(good)
			header[1] ^= 0x80
			for name, b := range map[string][]byte{
				"changed tag": flipped, "changed header": header, "cut": good[:14], "noise": append([]byte{0x80, 111}, make([]byte, 60)...),
				"RTCP noise": append([]byte{0x80, 200}, make([]byte, 60)...), "short": {0x80, 111, 0, 1},
			} {
				s.take(bytes.Clone(b), k.from, now)
				if len(h.rtp) != 0 || len(h.rtcp) != 0 {
					t.Fatalf("%s was delivered", name)
				}
			}
			s.take(bytes.Clone(good), clientAddr(2), now) // from an address that proved nothing
			if len(h.rtp) != 0 {
				t.Fatal("a packet from a stranger's address was delivered")
			}
			before := s.Stats().DecryptErrors
			s.take(bytes.Clone(good), k.from, now)
			s.take(bytes.Clone(good), k.from, now) // replayed
			if len(h.rtp) != 1 || s.Stats().DecryptErrors != before+1 {
				t.Fatalf("%d packets delivered, %+v", len(h.rtp), s.Stats())
			}
			got := <-h.rtp
			if string(got.Payload) != "hello" || !bytes.Equal(got.GetExtension(1), []byte{0x90}) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestSRTP_SourcesAreBounded(t *testing.T) {
	s := idleServer(t)
	h := newHeard()
	k := newKeyed(t, s, h, clientAddr(1), srtp.ProtectionProfileAeadAes128Gcm)
	for ssrc := range uint32(2 * maxSources) {
		s.take(k.seal(t, audioPacket(ssrc, 1, []byte("x"))), k.from, time.Now())
	}
	if got := h.count.Load(); got != maxSources {
		t.Errorf("%d sources, want %d", got, maxSources)
	}
	s.take(k.seal(t, audioPacket(0, 2, []byte("x"))), k.from, time.Now())
	if got := h.count.Load(); got != maxSources+1 {
		t.Error("a known source is refused")
	}
}

func TestSRTP_Padding(t *testing.T) {
	s := idleServer(t)
	h := newHeard()
	sock := udpSocket(t)
	k := newKeyed(t, s, h, addressOf(sock), srtp.ProtectionProfileAeadAes128Gcm)
	p := audioPacket(7, 1, []byte("payload"))
	p.Header.Padding, p.Header.PaddingSize = true, 20
	s.take(k.seal(t, p), k.from, time.Now())
	got := <-h.rtp
	if string(got.Payload) != "payload" || got.Header.PaddingSize != 20 {
		t.Errorf("received %q with padding %d", got.Payload, got.Header.PaddingSize)
	}
	if err := k.WriteRTP(&p.Header, p.Payload); err != nil {
		t.Fatal(err)
	}
	s.Flush()
	buf := make([]byte, 2048)
	_ = sock.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		n, err := sock.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if buf[0] < 128 {
			continue // the answer to the check
		}
		raw, err := k.opener.DecryptRTP(nil, buf[:n], nil)
		if err != nil {
			t.Fatal(err)
		}
		var q rtp.Packet
		if err := q.Unmarshal(raw); err != nil || string(q.Payload) != "payload" || q.Header.PaddingSize != 20 {
			t.Errorf("sent %q with padding %d: %v", q.Payload, q.Header.PaddingSize, err)
		}
		return
	}
}

func TestSession_WriteRTPErrors(t *testing.T) {
	s := idleServer(t)
	k := newKeyed(t, s, newHeard(), clientAddr(1), srtp.ProtectionProfileAeadAes128Gcm)
	if err := k.WriteRTP(&rtp.Header{Version: 2}, make([]byte, maxPacket)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := k.WriteRawRTCP(make([]byte, maxPacket+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("RTCP too large: %v", err)
	}
	if err := k.WriteRTP(&rtp.Header{Version: 2}, make([]byte, maxPacket-12)); err != nil {
		t.Errorf("largest: %v", err)
	}
	if err := k.WriteRawRTCP([]byte{0x80, 200}); err == nil {
		t.Error("a cut RTCP packet was sent")
	}
	k.Close()
	if err := k.WriteRTP(&rtp.Header{Version: 2}, nil); !errors.Is(err, ErrNotConnected) {
		t.Errorf("closed: %v", err)
	}
}

func TestSession_RTT(t *testing.T) {
	s := idleServer(t)
	k := newKeyed(t, s, newHeard(), clientAddr(1), srtp.ProtectionProfileAeadAes128Gcm)
	now := time.Now()
	sent := compactNTP(now.Add(-150 * time.Millisecond))
	rr := &rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2, LastSenderReport: sent, Delay: 65536 / 10}}}
	raw, err := rtcp.Marshal([]rtcp.Packet{rr})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.client.EncryptRTCP(nil, raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.take(sealed, k.from, now)
	if got := k.RTT().Round(time.Millisecond); got != 50*time.Millisecond {
		t.Errorf("RTT %v, want 50ms", got)
	}
}

func TestSession_GoneWhenSilent(t *testing.T) {
	s := idleServer(t)
	h := newHeard()
	k := newKeyed(t, s, h, clientAddr(1), srtp.ProtectionProfileAeadAes128Gcm)
	k.remoteSet.Store(1)
	now := time.Now()
	s.sweep(now.Add(silenceLimit - time.Second))
	s.take(k.seal(t, audioPacket(7, 1, nil)), k.from, now.Add(10*time.Second)) // media counts as well as checks
	s.sweep(now.Add(silenceLimit + 5*time.Second))
	if len(h.gone) != 0 {
		t.Fatal("gone too early")
	}
	s.sweep(now.Add(10*time.Second + silenceLimit))
	if got := wait(t, "gone", h.gone); got != ReasonSilent {
		t.Errorf("gone: %s", got)
	}
	if s.Stats().Sessions != 0 {
		t.Error("the session is still in the table")
	}
}

// forwarder sends each packet of one session to all others.
type forwarder struct {
	heard
	to []*Session
}

func (f *forwarder) RTP(h *rtp.Header, payload []byte, _ time.Time) {
	for _, s := range f.to {
		_ = s.WriteRTP(h, payload)
	}
}

func forwarding(t testing.TB, s *Server, receivers int, p srtp.ProtectionProfile) *keyed {
	f := &forwarder{}
	for i := range receivers {
		sink := udpSocket(t)
		_ = i
		f.to = append(f.to, newKeyed(t, s, newHeard(), addressOf(sink), p).Session)
	}
	return newKeyed(t, s, f, clientAddr(0), p)
}

// relayed gives the path of a session a relay with a bound channel, as TURN over UDP does.
func relayed(t testing.TB, s *Server, k *keyed, bound bool) []byte {
	t.Helper()
	r, err := s.turn.allocate("user", 0)
	if err != nil {
		t.Fatal(err)
	}
	client := udpSocket(t)
	s.turn.allocated(r.LocalAddr(), client.LocalAddr(), s.turn.udp.local)
	head := []byte{0x40, 0, 0, 0}
	if bound {
		s.turn.bind(r.LocalAddr(), client.LocalAddr(), 0x4001) // not our address: ignored
		s.turn.bind(r.LocalAddr(), s.udp.LocalAddr(), 0x4000)
	}
	check := checkFor(k.ufrag+":x", k.pwd, nominate())
	s.dispatch.Lock()
	s.packet(check, source{addr: r.addr, peer: r.peers[0]}, time.Now())
	s.dispatch.Unlock()
	k.from = addressOf(client)
	if !k.Relayed() {
		t.Fatal("the path has not moved to the relay")
	}
	return head
}

func TestPaths_DoNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	const runs = 500
	for _, p := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80} {
		for _, mode := range []string{"direct", "channel", "indication"} {
			t.Run(p.String()+"/"+mode, func(t *testing.T) {
				s := idleServer(t)
				k := forwarding(t, s, 3, p)
				var head []byte
				if mode != "direct" {
					for _, r := range k.handler.(*forwarder).to {
						relayed(t, s, &keyed{Session: r}, mode == "channel")
					}
					if mode == "channel" {
						head = relayed(t, s, k, true)
					}
				}
				var in [][]byte
				for i := range runs + 2 {
					b := k.seal(t, audioPacket(7, uint16(i), make([]byte, 100)))
					if head != nil {
						b = append(binary.BigEndian.AppendUint16(head[:2:2], uint16(len(b))), b...)
					}
					in = append(in, b)
				}
				next, now := 0, time.Now()
				one := func() {
					s.dispatch.Lock()
					s.packet(in[next], source{addr: k.from}, now)
					s.dispatch.Unlock()
					s.out.flush()
					next++
				}
				one()
				before := s.Stats()
				if n := testing.AllocsPerRun(runs, one); n != 0 {
					t.Errorf("%v allocations for a packet in and three out", n)
				}
				after := s.Stats()
				if out := after.PacketsOut - before.PacketsOut; out != 3*(runs+1) || after.Dropped != before.Dropped || after.SendErrors != 0 {
					t.Errorf("%d packets out, %+v", out, after)
				}
			})
		}
	}
}

func TestInbox_DoesNotAllocate(t *testing.T) {
	s := idleServer(t)
	sock := udpSocket(t)
	send := func() {
		if _, err := sock.WriteToUDPAddrPort([]byte("hello"), s.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	read := func() {
		send()
		n, err := s.in.read()
		if err != nil || n != 1 {
			t.Fatalf("read %d: %v", n, err)
		}
		if b, from := s.in.packet(0); string(b) != "hello" || from != addressOf(sock) {
			t.Fatalf("read %q from %v", b, from)
		}
	}
	read()
	if n := testing.AllocsPerRun(200, read); n != 0 && !raceDetector {
		t.Errorf("%v allocations for each read", n)
	}
	send()
	send()
	if n, err := s.in.read(); err != nil || n != 2 {
		t.Errorf("a batch of %d: %v", n, err)
	}
	if _, err := sock.WriteToUDPAddrPort(make([]byte, slotSize+1), s.Addr()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.in.read(); err != nil {
		t.Fatal(err)
	}
	if b, _ := s.in.packet(0); b != nil {
		t.Errorf("a cut datagram of %d bytes was returned", len(b))
	}
}

// BenchmarkForward forwards one sender's packets to 100 receivers; each iteration is one packet out.
func BenchmarkForward(b *testing.B) {
	for _, size := range []int{120, 1000} {
		for _, p := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80} {
			b.Run(p.String()+map[int]string{120: "/120B", 1000: "/1000B"}[size], func(b *testing.B) {
				s := idleServer(b)
				const receivers = 100
				k := forwarding(b, s, receivers, p)
				now, payload := time.Now(), make([]byte, size)
				h := rtp.Header{Version: 2, PayloadType: 111, SSRC: 7}
				b.ReportAllocs()
				b.ResetTimer()
				for range (b.N + receivers - 1) / receivers {
					h.SequenceNumber++
					k.handler.RTP(&h, payload, now)
					s.out.flush()
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
			})
		}
	}
}
