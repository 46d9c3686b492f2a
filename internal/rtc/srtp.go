package rtc

import (
	"fmt"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	// maxSources bounds the SSRCs that a client may send with: a camera with three layers and their retransmissions,
	// audio, and what a few changes of camera bring. Each costs a replay window.
	maxSources = 256
	// replayWindow is how many packets late a packet may come. Retransmissions have an SSRC of their own.
	replayWindow = 512
)

// transport is a session's SRTP: one context for each direction, since pion's contexts are not for concurrent use.
type transport struct {
	// Guarded by the dispatch lock.
	rx       *srtp.Context
	rxHeader rtp.Header // reused
	sources  int
	reports  int

	mu       sync.Mutex // guards what follows; taken before the outbox's
	tx       *srtp.Context
	txHeader rtp.Header // reused
}

// newTransport derives the keys from a finished handshake (RFC 5764 section 4.2).
func newTransport(conn *dtls.Conn, client bool) (*transport, string, error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, "", fmt.Errorf("rtc: the client negotiated no SRTP profile")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, "", fmt.Errorf("rtc: no DTLS state to take keys from")
	}
	c := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return nil, "", err
	}
	k := c.Keys
	rx, err := srtp.CreateContext(k.RemoteMasterKey, k.RemoteMasterSalt, c.Profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(64))
	if err != nil {
		return nil, "", err
	}
	tx, err := srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, c.Profile)
	if err != nil {
		return nil, "", err
	}
	return &transport{rx: rx, tx: tx}, c.Profile.String(), nil
}

// isRTCP tells SRTCP from SRTP on one port by the packet type (RFC 5761 section 4).
func isRTCP(b []byte) bool { return b[1] >= 192 && b[1] <= 223 }

// secured handles an SRTP or SRTCP packet from a proven address. The dispatch lock is held.
func (s *Session) secured(b []byte, ep *endpoint, now time.Time) {
	t := s.keys.Load()
	if t == nil || s.closed.Load() {
		s.server.stats.dropped.Add(1)
		return
	}
	if isRTCP(b) {
		s.srtcp(t, b, ep, now)
		return
	}
	s.srtp(t, b, ep, now)
}

func (s *Session) srtp(t *transport, b []byte, ep *endpoint, now time.Time) {
	h := &t.rxHeader
	if len(b) < 12 {
		s.server.stats.dropped.Add(1)
		return
	}
	_, known := t.rx.ROC(uint32(b[8])<<24 | uint32(b[9])<<16 | uint32(b[10])<<8 | uint32(b[11]))
	if !known && t.sources == maxSources {
		s.server.stats.dropped.Add(1)
		return
	}
	plain, err := t.rx.DecryptRTP(b[:0], b, h)
	if err != nil {
		s.server.stats.decryptErrors.Add(1)
		return
	}
	ep.heard.Store(s.server.clock(now))
	if !known {
		t.sources++
	}
	if !s.rtpSeen {
		s.rtpSeen = true
		s.trace.Step("first-rtp", "ssrc", h.SSRC, "payload-type", h.PayloadType)
	}
	payload, ok := cutPadding(h, plain)
	if !ok {
		s.server.stats.dropped.Add(1)
		return
	}
	s.handler.RTP(h, payload, now)
}

// cutPadding returns the payload of an opened packet; h is filled from it again, since its extensions may have been
// read from ciphertext when header encryption is on.
func cutPadding(h *rtp.Header, packet []byte) ([]byte, bool) {
	n, err := h.Unmarshal(packet)
	if err != nil {
		return nil, false
	}
	payload := packet[n:]
	h.PaddingSize = 0
	if h.Padding {
		if len(payload) == 0 {
			return nil, false
		}
		h.PaddingSize = payload[len(payload)-1]
		if h.PaddingSize == 0 || int(h.PaddingSize) > len(payload) {
			return nil, false
		}
		payload = payload[:len(payload)-int(h.PaddingSize)]
	}
	return payload, true
}

func (s *Session) srtcp(t *transport, b []byte, ep *endpoint, now time.Time) {
	if len(b) < 8 {
		s.server.stats.dropped.Add(1)
		return
	}
	_, known := t.rx.Index(uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7]))
	if !known && t.reports == maxSources {
		s.server.stats.dropped.Add(1)
		return
	}
	plain, err := t.rx.DecryptRTCP(b[:0], b, nil)
	if err != nil {
		s.server.stats.decryptErrors.Add(1)
		return
	}
	ep.heard.Store(s.server.clock(now))
	if !known {
		t.reports++
	}
	pkts, err := rtcp.Unmarshal(plain)
	if err != nil {
		s.server.stats.dropped.Add(1)
		return
	}
	s.measureRTT(pkts, now)
	s.handler.RTCP(pkts)
}

// measureRTT computes the round-trip time as RFC 3550 section 6.4.1 says: now - LSR - DLSR, in units of 1/65536 s.
func (s *Session) measureRTT(pkts []rtcp.Packet, now time.Time) {
	for _, p := range pkts {
		var reports []rtcp.ReceptionReport
		switch p := p.(type) {
		case *rtcp.ReceiverReport:
			reports = p.Reports
		case *rtcp.SenderReport:
			reports = p.Reports
		}
		for _, r := range reports {
			if r.LastSenderReport == 0 {
				continue
			}
			if d := int32(compactNTP(now) - r.LastSenderReport - r.Delay); d >= 0 && d < 10<<16 {
				s.rtt.Store(max(1, int64(d)*int64(time.Second)>>16))
			}
		}
	}
}

// compactNTP is the middle 32 bits of the NTP time (RFC 3550 section 4).
func compactNTP(t time.Time) uint32 {
	const epoch = 2208988800 // 1970 in seconds since 1900
	seconds := uint64(t.Unix()) + epoch
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return uint32(seconds<<16 | fraction>>16)
}

// WriteRTP seals a packet and adds it to the outgoing batch; [Server.Flush] or the end of the input batch sends it.
// Neither h nor payload is kept. With h.Padding, h.PaddingSize bytes of padding are added. It does not allocate.
// The errors are ErrNotConnected, ErrTooLarge, and those of a header that cannot be written.
func (s *Session) WriteRTP(h *rtp.Header, payload []byte) error {
	t, ep, err := s.outgoing()
	if err != nil {
		return err
	}
	size := h.MarshalSize() + len(payload)
	if h.Padding {
		size += int(h.PaddingSize)
	}
	if size > maxPacket {
		return ErrTooLarge
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	slot := s.server.out.acquire()
	packet := slot[headroom : headroom+size]
	n, err := h.MarshalTo(packet)
	if err != nil {
		s.server.out.release()
		return err
	}
	n += copy(packet[n:], payload)
	if h.Padding && h.PaddingSize > 0 {
		clear(packet[n:])
		packet[size-1] = h.PaddingSize
	}
	sealed, err := t.tx.EncryptRTP(slot[headroom:headroom], packet, &t.txHeader)
	if err != nil {
		s.server.out.release()
		return err
	}
	s.server.post(ep, slot, len(sealed))
	return nil
}

// WriteRTCP seals a compound packet and adds it to the outgoing batch. The errors are those of WriteRTP.
func (s *Session) WriteRTCP(pkts []rtcp.Packet) error {
	raw, err := rtcp.Marshal(pkts)
	if err != nil {
		return err
	}
	return s.WriteRawRTCP(raw)
}

// WriteRawRTCP is WriteRTCP for a compound packet that is marshalled already; it does not allocate, and raw is not
// kept.
func (s *Session) WriteRawRTCP(raw []byte) error {
	t, ep, err := s.outgoing()
	if err != nil {
		return err
	}
	if len(raw) > maxPacket {
		return ErrTooLarge
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	slot := s.server.out.acquire()
	n := copy(slot[headroom:], raw)
	sealed, err := t.tx.EncryptRTCP(slot[headroom:headroom], slot[headroom:headroom+n], nil)
	if err != nil {
		s.server.out.release()
		return err
	}
	s.server.post(ep, slot, len(sealed))
	return nil
}

// outgoing returns what a packet needs to leave.
func (s *Session) outgoing() (*transport, *endpoint, error) {
	t, ep := s.keys.Load(), s.path.Load()
	if t == nil || ep == nil || s.closed.Load() {
		return nil, nil, ErrNotConnected
	}
	return t, ep, nil
}
