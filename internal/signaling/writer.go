package signaling

import (
	"net"
	"time"

	"github.com/gorilla/websocket"

	"github.com/carillon-rtc/carillon/internal/signaling/frame"
)

// write sends what is queued, until the farewell is out or the socket is gone.
func (c *client) write() {
	var batch []*[]byte
	for {
		var bye *farewell
		batch, bye = c.out.take(batch[:0])
		for _, b := range batch {
			if err := c.writeFrame(b); err != nil {
				c.cut()
				return
			}
		}
		var due <-chan time.Time
		if bye != nil {
			wait := time.Until(bye.at)
			if wait <= 0 {
				c.sayGoodbye(bye)
				return
			}
			due = time.After(wait)
		}
		select {
		case <-c.out.wake:
		case <-due:
		case <-c.gone:
			return
		}
	}
}

func (c *client) writeFrame(b *[]byte) error {
	defer c.server.buffers.put(b)
	c.server.stats.framesOut.Add(1)
	c.server.stats.bytesOut.Add(uint64(len(*b)))
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.server.limits.WriteWait))
	return c.conn.WriteMessage(websocket.BinaryMessage, *b)
}

// sayGoodbye sends the close frame and gives the client a moment to answer it.
func (c *client) sayGoodbye(bye *farewell) {
	c.out.close()
	l := &c.server.limits
	err := c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(bye.code, bye.reason), time.Now().Add(l.WriteWait))
	if err != nil {
		c.cut()
		return
	}
	c.deadline.Lock()
	defer c.deadline.Unlock()
	c.closing = true
	_ = c.conn.SetReadDeadline(time.Now().Add(l.CloseWait))
}

// cut ends the socket at once, without a word. It never blocks, so the room may
// call it. Closing the connection here could block, because TLS has a last word
// to send to a peer that does not read; deadlines in the past make reader and
// writer give up, and the reader then closes it.
func (c *client) cut() {
	c.out.close()
	c.deadline.Lock()
	defer c.deadline.Unlock()
	c.closing, c.isCut = true, true
	_ = c.conn.NetConn().SetDeadline(time.Unix(1, 0))
}

func (c *client) wasCut() bool {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	return c.isCut
}

// closeBelow closes the innermost connection that can be got at, to spare the
// five seconds that crypto/tls gives its last word.
func closeBelow(conn net.Conn) {
	for {
		layer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			_ = conn.Close()
			return
		}
		conn = layer.NetConn()
	}
}

// send queues a frame for the client.
func (c *client) send(kind frame.Signal_Type, s *frame.Signal) {
	b := c.server.buffers.get()
	encoded, err := frame.Append(*b, time.Now(), kind, s)
	if err != nil { // only for text that is not UTF-8; nobody else must suffer
		c.server.log.Error("frame cannot be encoded", "meeting", c.meeting, "attendee", c.id.AttendeeID, "type", kind.String(), "error", err)
		return
	}
	*b = encoded
	c.queue(b)
}

// queue hands an encoded frame to the writer, or cuts a client that is too slow.
func (c *client) queue(b *[]byte) {
	if !c.out.put(b) {
		c.server.stats.cutSlow.Add(1)
		c.trace.Warn("slow-reader-cut")
		c.cut()
	}
}
