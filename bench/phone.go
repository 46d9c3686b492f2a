package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4/packetio"

	"github.com/carillon-rtc/carillon/internal/signaling/signalingtest"
)

// phone is a client in a meeting: the signalling of the JavaScript SDK, and of
// WebRTC what it takes to exchange audio with an ICE-lite server on one
// address: connectivity checks as the controlling side, DTLS, SRTP.
type phone struct {
	*line
	signal *signalingtest.Client
	m      meeting
	ufrag  string
	pwd    string
	answer answer

	dtls  *packetio.Buffer // records from the server
	bound chan struct{}    // closed when the server has answered a check
	once  sync.Once
	stop  chan struct{}
	wg    sync.WaitGroup

	latency time.Duration // from the dial of the socket to the first opened packet
}

// dialPhone joins and waits for the first audio packet. hangUp or cut must be
// called.
func dialPhone(ctx context.Context, media netip.AddrPort, m meeting, token string) (*phone, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cert, err := selfsign.GenerateSelfSigned() // browsers have theirs before they dial
	if err != nil {
		return nil, err
	}
	l, err := openLine()
	if err != nil {
		return nil, err
	}
	l.to = media
	p := &phone{
		line: l, m: m, ufrag: rand.Text()[:8], pwd: rand.Text(),
		dtls: packetio.NewBuffer(), bound: make(chan struct{}), stop: make(chan struct{}),
	}
	l.other = p.control
	if err := p.connect(ctx, cert, token); err != nil {
		p.cut()
		return nil, err
	}
	return p, nil
}

func (p *phone) connect(ctx context.Context, cert tls.Certificate, token string) (err error) {
	began := time.Now()
	if p.signal, err = signalingtest.Dial(ctx, p.m.MediaPlacement.SignalingURL, token, &signalingtest.Options{Keep: 32}); err != nil {
		return err
	}
	if _, _, err = p.signal.Join(ctx, signalingtest.Join{SessionID: 1 + uint64(p.port())}); err != nil {
		return err
	}
	print, err := certFingerprint(cert.Certificate[0])
	if err != nil {
		return err
	}
	answered, err := p.signal.Subscribe(ctx, signalingtest.Subscribe{
		Offer: offer(p.ufrag, p.pwd, print, p.port()), AudioHost: p.m.MediaPlacement.AudioHostURL, Receive: []uint32{0},
	})
	if err != nil {
		return err
	}
	if p.answer, err = parseAnswer(answered.SDP); err != nil {
		return err
	}
	p.levelExt = p.answer.levelExt
	p.begin()
	p.wg.Go(p.keepChecking)
	if err := p.await(ctx, "an answer to connectivity checks", p.bound); err != nil {
		return err
	}
	if err := p.shakeHands(ctx, cert); err != nil {
		return err
	}
	if err := p.await(ctx, "audio", p.first); err != nil {
		return err
	}
	p.latency = time.Since(began)
	return nil
}

func (p *phone) await(ctx context.Context, what string, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-p.signal.Done():
		code, reason := p.signal.CloseCode()
		return fmt.Errorf("waiting for %s: the server closed with %d %s", what, code, reason)
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
	}
}

// mute tells the server that the microphone is off.
func (p *phone) mute() error { return p.signal.Mute(true) }

// hangUp leaves the meeting.
func (p *phone) hangUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := p.signal.Leave(ctx)
	p.cut()
	return err
}

// cut ends everything without a word.
func (p *phone) cut() {
	close(p.stop)
	p.wg.Wait()
	_ = p.dtls.Close()
	p.close()
	if p.signal != nil {
		p.signal.Cut()
	}
}

// control takes what is not media.
func (p *phone) control(b []byte) {
	switch {
	case stun.IsMessage(b):
		if binary.BigEndian.Uint16(b) == stun.BindingSuccess.Value() {
			p.once.Do(func() { close(p.bound) })
		}
	case b[0] >= 20 && b[0] <= 63:
		_, _ = p.dtls.Write(b)
	}
}

// keepChecking sends connectivity checks: quickly until one is answered, and
// every 2.5 seconds from then on, as browsers do.
func (p *phone) keepChecking() {
	priority := stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0x6e, 0x7f, 0x1e, 0xff}}
	controlling := stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)}
	nominate := stun.RawAttribute{Type: stun.AttrUseCandidate}
	username := stun.NewUsername(p.answer.ufrag + ":" + p.ufrag)
	integrity := stun.NewShortTermIntegrity(p.answer.pwd)
	for {
		m, err := stun.Build(stun.TransactionID, stun.BindingRequest, username, priority, controlling, nominate, integrity, stun.Fingerprint)
		if err == nil {
			_, _ = p.conn.WriteToUDPAddrPort(m.Raw, p.to)
		}
		pause := 50 * time.Millisecond
		select {
		case <-p.bound:
			pause = 2500 * time.Millisecond
		default:
		}
		select {
		case <-p.stop:
			return
		case <-time.After(pause):
		}
	}
}

// shakeHands makes the keys (RFC 5764). The DTLS connection is then left
// alone: closing it would end the call.
func (p *phone) shakeHands(ctx context.Context, cert tls.Certificate) error {
	conn, err := dtls.ClientWithOptions(pipe{p}, net.UDPAddrFromAddrPort(p.to),
		dtls.WithCertificates(cert), dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(func(certs [][]byte, _ [][]*x509.Certificate) error {
			if print, err := certFingerprint(certs[0]); err != nil || !strings.EqualFold(print, p.answer.fingerprint) {
				return errors.New("certificate does not match the answer")
			}
			return nil
		}),
		dtls.WithFlightInterval(200*time.Millisecond),
		// What Chromium offers, in its order.
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80))
	if err != nil {
		return err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	profile, _ := conn.SelectedSRTPProtectionProfile()
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("no DTLS state")
	}
	c := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		return err
	}
	rx, err := srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile)
	if err != nil {
		return err
	}
	tx, err := srtp.CreateContext(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile)
	if err != nil {
		return err
	}
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	p.tx, p.rx = tx, rx
	return nil
}

// pipe is the connection that DTLS sees.
type pipe struct{ p *phone }

func (c pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.p.dtls.Read(b)
	return n, net.UDPAddrFromAddrPort(c.p.to), err
}
func (c pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	return c.p.conn.WriteToUDPAddrPort(b, c.p.to)
}
func (c pipe) Close() error                      { return c.p.dtls.Close() }
func (c pipe) LocalAddr() net.Addr               { return c.p.conn.LocalAddr() }
func (c pipe) SetDeadline(t time.Time) error     { return c.p.dtls.SetReadDeadline(t) }
func (c pipe) SetReadDeadline(t time.Time) error { return c.p.dtls.SetReadDeadline(t) }
func (c pipe) SetWriteDeadline(time.Time) error  { return nil }

func certFingerprint(der []byte) (string, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	return fingerprint.Fingerprint(cert, crypto.SHA256)
}

// offer is what Chromium offers under the JavaScript SDK: audio both ways, and
// a camera that is off. Codecs that no answer would take are left out.
func offer(ufrag, pwd, print string, port int) string {
	transport := []string{
		"a=ice-ufrag:" + ufrag, "a=ice-pwd:" + pwd, "a=ice-options:trickle", "a=fingerprint:sha-256 " + print, "a=setup:actpass",
	}
	lines := []string{
		"v=0", "o=- 7468828294999953383 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "a=extmap-allow-mixed", "a=msid-semantic: WMS stream",
		fmt.Sprintf("m=audio %d UDP/TLS/RTP/SAVPF 111 63", port), "c=IN IP4 127.0.0.1", "a=rtcp:9 IN IP4 0.0.0.0",
		fmt.Sprintf("a=candidate:1 1 udp 2122265343 127.0.0.1 %d typ host generation 0 network-id 1", port),
	}
	lines = append(append(lines, transport...),
		"a=mid:0", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=sendrecv",
		"a=msid:stream track", "a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1",
		"a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111", "a=ssrc:1 cname:bench", "a=ssrc:1 msid:stream track",
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0")
	lines = append(append(lines, transport...),
		"a=mid:1", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=inactive", "a=rtcp-mux", "a=rtcp-rsize",
		"a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 goog-remb", "a=rtcp-fb:96 ccm fir", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli",
		"a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "")
	return strings.Join(lines, "\r\n")
}

// answer is what a phone needs of the server's answer.
type answer struct {
	ufrag, pwd, fingerprint string
	levelExt                uint8
}

func parseAnswer(sdp string) (a answer, err error) {
	setup := ""
	for line := range strings.Lines(sdp) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "a=ice-ufrag":
			a.ufrag = value
		case "a=ice-pwd":
			a.pwd = value
		case "a=fingerprint":
			a.fingerprint = strings.TrimPrefix(value, "sha-256 ")
		case "a=setup":
			setup = value
		case "a=extmap":
			if id, ok := strings.CutSuffix(value, " urn:ietf:params:rtp-hdrext:ssrc-audio-level"); ok {
				n, _ := strconv.Atoi(id)
				a.levelExt = uint8(n)
			}
		}
	}
	if a.ufrag == "" || a.pwd == "" || a.fingerprint == "" || setup != "passive" {
		return a, fmt.Errorf("answer cannot be used:\n%s", sdp)
	}
	return a, nil
}
