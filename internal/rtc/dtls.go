package rtc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	_ "crypto/sha1" // fingerprints in SDP may use it (RFC 8122 section 5)
	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/pion/dtls/v3"
	"github.com/pion/transport/v4/packetio"
)

// errFingerprint: the certificate is not the one that the SDP promised.
var errFingerprint = errors.New("rtc: certificate does not match the fingerprint in the offer")

// newCertificate makes the certificate that all sessions of a server show. Its fingerprint travels in the SDP, which is
// what makes it trusted (RFC 8827 section 6.5); nobody looks at its name or dates.
func newCertificate() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetInt64(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.AddDate(0, 0, -1),
		NotAfter:     now.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	print := "sha-256 " + fingerprint(crypto.SHA256, der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, print, nil
}

// fingerprint is a certificate's hash as SDP writes it: upper-case hex bytes with colons.
func fingerprint(h crypto.Hash, der []byte) string {
	hash := h.New()
	hash.Write(der)
	sum := hash.Sum(nil)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.ToUpper(strings.Join(parts, ":"))
}

// fingerprintHash finds the hash function of an a=fingerprint line.
func fingerprintHash(name string) (crypto.Hash, error) {
	switch strings.ToLower(name) {
	case "sha-1":
		return crypto.SHA1, nil
	case "sha-224":
		return crypto.SHA224, nil
	case "sha-256":
		return crypto.SHA256, nil
	case "sha-384":
		return crypto.SHA384, nil
	case "sha-512":
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("rtc: fingerprint hash %q is not known: want sha-256, sha-384, sha-512, sha-224 or sha-1", name)
}

// verifyPeer compares the peer's certificate with the fingerprint of its offer.
func (s *Session) verifyPeer(certs [][]byte, _ [][]*x509.Certificate) error {
	r := s.remote.Load()
	h, err := fingerprintHash(r.FingerprintAlgorithm)
	if err != nil || len(certs) == 0 {
		return errFingerprint
	}
	got, want := fingerprint(h, certs[0]), strings.ToUpper(strings.TrimSpace(r.Fingerprint))
	if subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return errFingerprint
	}
	return nil
}

// dtlsPipe is the net.PacketConn that pion's DTLS sees: what the dispatcher delivers, and the session's path.
type dtlsPipe struct {
	s  *Session
	in *packetio.Buffer // its read deadlines work, which pion/dtls needs
}

func newDTLSPipe(s *Session) *dtlsPipe {
	p := &dtlsPipe{s: s, in: packetio.NewBuffer()}
	p.in.SetLimitCount(32) // a handshake has two flights of a few records each way
	return p
}

// deliver brings a record from the client; it is copied.
func (p *dtlsPipe) deliver(b []byte) {
	if _, err := p.in.Write(b); err != nil {
		p.s.server.stats.dropped.Add(1)
	}
}

func (p *dtlsPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.in.Read(b)
	return n, p.LocalAddr(), err
}

func (p *dtlsPipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	ep := p.s.path.Load()
	if ep == nil {
		return 0, ErrNotConnected
	}
	p.s.server.send(ep, b)
	p.s.server.out.flush()
	return len(b), nil
}

func (p *dtlsPipe) Close() error                      { return p.in.Close() }
func (p *dtlsPipe) LocalAddr() net.Addr               { return pipeAddr{} }
func (p *dtlsPipe) SetDeadline(t time.Time) error     { return p.in.SetReadDeadline(t) }
func (p *dtlsPipe) SetReadDeadline(t time.Time) error { return p.in.SetReadDeadline(t) }
func (p *dtlsPipe) SetWriteDeadline(time.Time) error  { return nil }

// pipeAddr stands for both ends of a pipe: the address may change under a session, which is nothing to DTLS.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "udp" }
func (pipeAddr) String() string  { return "ice" }

// runDTLS is the session's goroutine: it shakes hands, and then waits for the client's close_notify or for the
// session's end.
func (s *Session) runDTLS() {
	defer func() { _ = s.dtls.Close() }() // of memory: nothing can go wrong
	conn, keys, err := s.handshake()
	if err != nil {
		if s.closed.Load() { // ended by its owner
			return
		}
		s.server.stats.handshakeFailures.Add(1)
		s.trace.Warn("dtls-failed", "error", err)
		s.gone(ReasonDTLSFailed, "error", err)
		return
	}
	s.server.stats.handshakes.Add(1)
	closing := make(chan struct{})
	stop := context.AfterFunc(s.ctx, func() {
		defer close(closing)
		_ = conn.Close() // sends close_notify and wakes Read
	})
	s.connected(keys)
	buf := make([]byte, 2048)
	for err == nil {
		_, err = conn.Read(buf) // nobody speaks over DTLS: the offer has no data channel
	}
	if stop() {
		_ = conn.Close()
	} else {
		<-closing
	}
	s.gone(ReasonClosedByPeer)
}

// connected tells the handler, before any packet can be opened.
func (s *Session) connected(keys *transport) {
	s.server.dispatch.Lock()
	defer s.server.dispatch.Unlock()
	if !s.closed.Load() {
		s.keys.Store(keys)
		s.handler.Connected()
	}
	s.server.out.flush()
}

// handshake makes the keys.
func (s *Session) handshake() (*dtls.Conn, *transport, error) {
	client := s.remote.Load().DialsDTLS()
	conn, err := s.dtlsConn(client)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, connectLimit)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	keys, profile, err := newTransport(conn, client)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	s.trace.Step("dtls-connected", "profile", profile, "role", map[bool]string{true: "client", false: "server"}[client])
	return conn, keys, nil
}

func (s *Session) dtlsConn(client bool) (*dtls.Conn, error) {
	opts := []dtls.Option{
		dtls.WithCertificates(s.server.cert),
		dtls.WithInsecureSkipVerify(true), // there is no chain; verifyPeer checks the fingerprint
		dtls.WithVerifyPeerCertificate(s.verifyPeer),
		dtls.WithSRTPProtectionProfiles(
			// In our order of preference: AES-CM costs 2.3 µs more for each small packet.
			dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithLoggerFactory(s.server.pion),
		dtls.WithFlightInterval(200 * time.Millisecond), // a lost flight should not cost a second of silence
		dtls.WithMTU(1200),
	}
	if client {
		c := make([]dtls.ClientOption, len(opts))
		for i, o := range opts {
			c[i] = o
		}
		return dtls.ClientWithOptions(s.dtls, pipeAddr{}, c...)
	}
	c := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // no cookie round trip: ICE has proven the path
	}
	for _, o := range opts {
		c = append(c, o)
	}
	return dtls.ServerWithOptions(s.dtls, pipeAddr{}, c...)
}
