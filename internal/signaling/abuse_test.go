package signaling

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/carillon-rtc/carillon/internal/signaling/frame"
	"github.com/carillon-rtc/carillon/internal/signaling/signalingtest"
)

// upgrade opens a WebSocket by hand on conn, for a client that then does not
// read.
func upgrade(t *testing.T, conn net.Conn, token string) {
	t.Helper()
	_, err := fmt.Fprintf(conn, "GET /control/m1?X-Amzn-Chime-Send-Close-On-Error=1 HTTP/1.1\r\nHost: meet.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: _aws_wt_session, %s\r\n\r\n", token)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || r.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(r, err)
	}
}

// One client's garbage is its own trouble: some is tolerated, a flood closes it,
// and nobody else notices.
func TestGarbage(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		good, q := b.join("bob", nil)
		defer good.Close()
		bad, p := b.join("alice", nil)
		garbage := [][]byte{nil, {5}, []byte("garbage"), {5, 0x08, 1}, make([]byte, 4096)}
		for i := range 100 {
			if err := bad.SendRaw(websocket.BinaryMessage, garbage[i%len(garbage)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := bad.SendRaw(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := bad.Mute(true); err != nil {
			t.Fatal(err)
		}
		b.wantCall(p, "muted true")
		if n := b.server.Stats().FramesBad; n != 101 {
			t.Errorf("FramesBad = %d, want 101", n)
		}
		for range 3000 {
			if bad.SendRaw(websocket.BinaryMessage, []byte("garbage")) != nil {
				break
			}
		}
		b.wantClose(bad, websocket.ClosePolicyViolation, "too many undecodable frames")
		b.wantCall(p, "drop")
		if err := good.Mute(true); err != nil {
			t.Fatal(err)
		}
		b.wantCall(q, "muted true")
	})
}

func TestFlood(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		for range 6000 {
			if c.Mute(true) != nil {
				break
			}
			select {
			case <-p.calls:
			default:
			}
		}
		b.wantClose(c, websocket.ClosePolicyViolation, "too many frames")
	})
}

func TestTooLarge(t *testing.T) {
	inBubble(t, func(c *Config) { c.Limits.MessageBytes = 1000 }, func(b *bench) {
		c, p := b.join("alice", nil)
		_ = c.SendRaw(websocket.BinaryMessage, make([]byte, 2000))
		<-c.Done()
		b.wantCall(p, "drop")
		c.Cut()
	})
}

// A failure in a handler costs one client its socket, no more.
func TestPanic(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.rooms.broken = true
		c, p := b.join("alice", nil)
		_ = c.Mute(true)
		b.wantClose(c, 4500, "internal error")
		b.wantCall(p, "drop")
		if n := b.server.Stats().Panics; n != 1 {
			t.Errorf("Panics = %d", n)
		}
	})
}

// The room never waits for a client: one that does not read is cut when its
// queue is full. Over TLS too, where an orderly close would wait for the peer.
func TestSlowReader(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	web.Close()
	config := &tls.Config{Certificates: web.TLS.Certificates}
	t.Run("Plain", func(t *testing.T) { testSlowReader(t, nil, false) })
	t.Run("TLS", func(t *testing.T) { testSlowReader(t, config, false) })
	t.Run("WrappedTLS", func(t *testing.T) { testSlowReader(t, config, true) })
}

func testSlowReader(t *testing.T, config *tls.Config, hide bool) {
	inBubble(t, func(c *Config) { c.Limits.QueueFrames = 50 }, func(b *bench) {
		b.tls, b.hide = config, hide
		conn, err := b.netDial(b.ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if config != nil {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		}
		upgrade(t, conn, "alice")
		synctest.Wait()
		join, _ := frame.Append(nil, time.Now(), frame.Signal_JOIN, &frame.Signal{Join: &frame.Join{}})
		// A masked frame, with a mask of zeros.
		if _, err := conn.Write(append([]byte{0x82, 0x80 | byte(len(join)), 0, 0, 0, 0}, join...)); err != nil {
			t.Fatal(err)
		}
		p := <-b.rooms.came
		synctest.Wait()
		start := time.Now()
		for range 60 {
			p.Volumes(nil)
		}
		b.wantCall(p, "drop")
		if st := b.server.Stats(); time.Since(start) != 0 || st.CutSlow != 1 || st.Sockets != 0 && !hide {
			t.Errorf("after %v: %+v", time.Since(start), st)
		}
	})
}

// The same for one whose queue never fills: a frame must leave in time.
func TestStuckReader(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		conn, err := b.netDial(b.ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		upgrade(t, conn, "deleted")
		time.Sleep(9 * time.Second)
		if n := b.server.Stats().Sockets; n != 1 {
			t.Fatalf("%d sockets", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := b.server.Stats().Sockets; n != 0 {
			t.Errorf("%d sockets are left", n)
		}
	})
}

// Sockets that have not joined are bounded, whoever opens them; those in a
// meeting do not count.
func TestUnjoinedSockets(t *testing.T) {
	inBubble(t, func(c *Config) { c.Limits.UnjoinedSockets = 2 }, func(b *bench) {
		joined, _ := b.join("alice", nil)
		defer joined.Close()
		first, second := b.dial("m1", "bob", nil), b.dial("m1", "bob", nil)
		defer second.Close()
		o := &signalingtest.Options{NetDial: b.netDial}
		if _, err := signalingtest.Dial(b.ctx, "ws://meet.example:8080/control/m1", "bob", o); err == nil {
			t.Error("a third one was let in")
		}
		if n := b.server.Stats().RefusedBusy; n != 1 {
			t.Errorf("RefusedBusy = %d, want 1", n)
		}
		first.Close()
		synctest.Wait()
		b.dial("m1", "bob", nil).Close()
		synctest.Wait()
		for range 3 { // strangers give their place back when they are refused
			b.wantClose(b.dial("m1", "mallory", nil), 4403, "attendee unavailable")
			synctest.Wait()
		}
	})
}

// One token does not open sockets without end: the oldest that has not joined
// gives way, and when all have joined, the new one has to wait.
func TestAttendeeSockets(t *testing.T) {
	inBubble(t, func(c *Config) { c.Limits.AttendeeSockets = 2 }, func(b *bench) {
		joined, p := b.join("alice", nil)
		oldest := b.dial("m1", "alice", nil)
		other := b.dial("m1", "bob", nil)
		share := b.dial("m1", "alice#content", nil) // counts apart
		newest := b.dial("m1", "alice", nil)
		b.wantClose(oldest, websocket.ClosePolicyViolation, "too many sockets of this attendee")
		if _, _, err := newest.Join(b.ctx, signalingtest.Join{SessionID: 8}); err != nil {
			t.Fatal(err)
		}
		b.wantClose(b.dial("m1", "alice", nil), 4500, "too many sockets of this attendee")
		b.wantNoCall(p)
		joined.Close()
		synctest.Wait()
		again := b.dial("m1", "alice", nil)
		synctest.Wait()
		if st := b.server.Stats(); st.CutCrowd != 2 || st.Sockets != 4 {
			t.Errorf("got %+v", st)
		}
		for _, c := range []*signalingtest.Client{other, share, newest, again} {
			c.Close()
		}
		synctest.Wait()
		if w := &b.server.crowd; w.unjoined != 0 || len(w.attendees) != 0 {
			t.Errorf("%d unjoined, %d attendees are left", w.unjoined, len(w.attendees))
		}
	})
}
