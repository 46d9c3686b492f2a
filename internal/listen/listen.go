// Package listen opens the server's TCP ports. On the TLS port, HTTP and TURN
// over TLS share one address: the first byte inside TLS tells them apart, since
// every STUN message begins with two zero bits (RFC 8489 section 5) and no HTTP
// request begins with a byte below 0x20.
package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// TCP listens on addr. The error for a port in use names the flag that sets it.
func TCP(flag, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	return l, Explain(err, flag, addr)
}

// Explain makes the error of binding addr one that a person can act on: it
// names the flag. A nil error stays nil.
func Explain(err error, flag, addr string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s %s: another program uses this port; stop it, or give %s another one (port 0 takes any free port)", flag, addr, flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s %s: no permission for this port; ports below 1024 need root or CAP_NET_BIND_SERVICE", flag, addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s %s: no network interface of this machine has this address", flag, addr)
	}
	return fmt.Errorf("%s %s: %w", flag, addr, err)
}

// helloTimeout bounds the TLS handshake and the wait for the first byte.
const helloTimeout = 10 * time.Second

// Shared is a TLS listener whose HTTP connections are accepted and whose TURN
// connections are handed to a function. It is safe for concurrent use.
type Shared struct {
	inner  net.Listener
	config *tls.Config
	turn   func(net.Conn)
	http   chan net.Conn
	ctx    context.Context // ends when the listener closes
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Share starts accepting on inner. turn owns the connection it is given and
// runs on a goroutine of its own.
func Share(inner net.Listener, config *tls.Config, turn func(net.Conn)) *Shared {
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"} // connections are handed over as plain net.Conn, without HTTP/2
	ctx, cancel := context.WithCancel(context.Background())
	s := &Shared{inner: inner, config: config, turn: turn, http: make(chan net.Conn), ctx: ctx, cancel: cancel}
	s.wg.Go(s.acceptAll)
	return s
}

// Accept returns the next HTTP connection, decrypted.
func (s *Shared) Accept() (net.Conn, error) {
	select {
	case c := <-s.http:
		return c, nil
	case <-s.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr is where it listens.
func (s *Shared) Addr() net.Addr { return s.inner.Addr() }

// Close stops listening and waits for connections that were still being told
// apart. Accepted connections stay open.
func (s *Shared) Close() error {
	s.cancel()
	err := s.inner.Close()
	s.wg.Wait()
	return err
}

func (s *Shared) acceptAll() {
	for {
		raw, err := s.inner.Accept()
		if err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, most likely: try again, as net/http does.
			select {
			case <-time.After(50 * time.Millisecond):
			case <-s.ctx.Done():
			}
			continue
		}
		s.wg.Go(func() { s.tellApart(tls.Server(raw, s.config)) })
	}
}

func (s *Shared) tellApart(c *tls.Conn) {
	ctx, cancel := context.WithTimeout(s.ctx, helloTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		c.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	var first [1]byte
	_, err := c.Read(first[:])
	if !stop() || err != nil {
		c.Close()
		return
	}
	conn := &peeked{Conn: c, first: first[:]}
	if first[0] < 0x20 {
		go s.turn(conn) // turn owns its goroutine's end: closing its server closes conn
		return
	}
	select {
	case s.http <- conn:
	case <-s.ctx.Done():
		c.Close()
	}
}

// peeked gives back the byte that was read.
type peeked struct {
	net.Conn
	first []byte
}

// NetConn returns the TLS connection, so that a socket's owner can reach the
// deadlines below it.
func (p *peeked) NetConn() net.Conn { return p.Conn }

func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) > 0 && len(b) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
