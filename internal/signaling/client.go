package signaling

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/signaling/frame"
	"github.com/carillon-rtc/carillon/internal/trace"
)

// state is how far a client has come.
type state int

const (
	connected state = iota // token checked, no JOIN yet
	joined
	left // LEAVE acknowledged; the client is about to close
	over // the server closes; nothing is listened to any more
)

// client is one socket. Its reader goroutine (run) owns the fields without a
// remark; others may use out, cut and the conference.Client methods.
type client struct {
	server *Server
	conn   *websocket.Conn
	out    *outbox
	gone   chan struct{} // closed when the reader has ended

	meeting     string
	token       string // cleared once checked
	host        string // by which the client reached us, without port
	remote      string // address
	agent       string // SDK and browser, as the URL says
	needsStatus bool   // does not look at close codes while joining

	id          conference.Identity
	trace       *trace.Trace // set before Join, so the room may use it
	state       state
	participant Participant   // nil before JOIN
	frames, bad *rate.Limiter // closes a client that exceeds it
	offers      *rate.Limiter // has a client wait
	stayUntil   time.Time     // when a client that is not in the meeting has to be gone
	message     bytes.Buffer

	ended atomic.Bool // the room has ended the session

	place place // in the crowd, which guards it

	deadline sync.Mutex // guards the socket's deadlines and the fields below
	closing  bool       // our close frame is out, or the socket was cut
	isCut    bool
}

func newClient(s *Server, conn *websocket.Conn, r *http.Request, meeting string) *client {
	query := r.URL.Query()
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	c := &client{
		server: s, conn: conn, out: newOutbox(s.limits), gone: make(chan struct{}),
		meeting: meeting, token: tokenOf(r), host: host, remote: r.RemoteAddr,
		agent:       s.clip(query.Get("X-Amzn-Version") + " " + query.Get("X-Amzn-User-Agent")),
		needsStatus: ignoresCloseCodes(r),
		frames:      rate.NewLimiter(rate.Limit(s.limits.FrameRate), s.limits.FrameBurst),
		bad:         rate.NewLimiter(rate.Limit(s.limits.BadRate), s.limits.BadBurst),
		offers:      rate.NewLimiter(rate.Limit(s.limits.OfferRate), s.limits.OfferBurst),
		stayUntil:   time.Now().Add(s.limits.Unjoined),
	}
	conn.SetReadLimit(s.limits.MessageBytes)
	conn.SetPingHandler(c.pinged)
	return c
}

// clip bounds a foreign string for the trace.
func (s *Server) clip(text string) string {
	return text[:min(len(text), s.limits.TracedRemoteStringSize)]
}

// run lives as long as the socket.
func (c *client) run() {
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	c.authenticate()
	err := c.read()
	c.depart(err)
	close(c.gone)
	// Chromium reports a close only when TCP ends, so end it at once
	// (signaling spec 1.5). Closing also frees a writer that is stuck.
	if c.wasCut() {
		closeBelow(c.conn.NetConn())
	}
	_ = c.conn.Close()
	<-written
}

// authenticate checks the token, or has the client closed.
func (c *client) authenticate() {
	token := c.token
	c.token = ""
	ctx, cancel := context.WithTimeout(c.server.ctx, c.server.limits.CallWait)
	defer cancel()
	var err error
	switch {
	case c.server.isDraining():
		err = conference.ErrDraining
	case token == "":
		err = conference.ErrAttendeeUnavailable
	default:
		c.id, err = c.server.config.Rooms.Authenticate(ctx, c.meeting, token)
	}
	if err != nil {
		c.refuseToken(err)
		return
	}
	c.trace = c.server.config.Trace.For(c.meeting, c.id.AttendeeID)
	c.trace.Step("socket-opened", "remote", c.remote, "agent", c.agent)
	oldest, ok := c.server.crowd.enter(c, c.meeting+"/"+c.id.AttendeeID)
	if oldest != nil {
		oldest.crowdedOut(websocket.ClosePolicyViolation)
	}
	if !ok {
		c.state = over
		c.crowdedOut(closeRetry)
	}
}

// crowdedOut closes a socket because its attendee has too many. Other sockets'
// readers may call it.
func (c *client) crowdedOut(code int) {
	c.server.stats.cutCrowd.Add(1)
	c.out.finish(farewell{code: code, reason: "too many sockets of this attendee", at: time.Now()})
}

// refuseToken turns a client away whose token is no good. Only meetings that
// exist get a trace of it: made-up ids would push real traces out.
func (c *client) refuseToken(err error) {
	meeting := "?"
	if errors.Is(err, conference.ErrAttendeeUnavailable) {
		meeting = c.meeting
	}
	c.trace = c.server.config.Trace.For(meeting, "?")
	c.trace.Step("token-refused", "error", err, "remote", c.remote, "agent", c.agent, "path_meeting", c.meeting)
	if refusalOf(err).code == closeRetry && !errors.Is(err, conference.ErrDraining) {
		c.server.log.Error("token could not be checked", "meeting", c.meeting, "error", err)
	}
	c.refuse(err)
}

// refuse closes a client that is not in the meeting yet, so that it knows why.
func (c *client) refuse(err error) {
	r := refusalOf(err)
	c.server.stats.countRefusal(r)
	at := time.Now()
	switch {
	case r.code == closeAtCapacity:
		c.send(frame.Signal_JOIN_ACK, &frame.Signal{
			Error:   &frame.Error{Status: &r.status, Description: &r.reason},
			Joinack: &frame.JoinAck{},
		})
		at = at.Add(c.server.limits.EndGrace)
	case c.needsStatus:
		c.send(frame.Signal_AUDIO_STATUS, &frame.Signal{AudioStatus: &frame.AudioStatus{AudioStatus: &r.status}})
		at = at.Add(c.server.limits.EndGrace)
	}
	c.finish(r.code, r.reason, at)
}

// finish has the client closed and stops listening to it.
func (c *client) finish(code int, reason string, at time.Time) {
	c.state = over
	c.out.finish(farewell{code: code, reason: reason, at: at})
}

// maxIdle is the memory that a socket keeps for its next message: enough for
// all but offers.
const maxIdle = 4 << 10

// read handles messages until the socket fails, which it always does in the
// end: by the client's close, by silence, or by a deadline after our own close.
func (c *client) read() error {
	for {
		c.extend()
		kind, r, err := c.conn.NextReader()
		if err != nil {
			return err
		}
		c.message.Reset()
		if _, err := c.message.ReadFrom(r); err != nil {
			return err
		}
		c.receive(kind, c.message.Bytes())
		if c.message.Cap() > maxIdle {
			c.message = bytes.Buffer{}
		}
	}
}

// receive judges one message by its rate and form and handles it.
func (c *client) receive(kind int, b []byte) {
	stats := &c.server.stats
	stats.framesIn.Add(1)
	stats.bytesIn.Add(uint64(len(b)))
	if c.state == over {
		return
	}
	// Large frames count for several: what they cost grows with their size.
	if !c.frames.AllowN(time.Now(), 1+len(b)/4096) {
		c.flooded("frames")
		return
	}
	err := errText
	if kind == websocket.BinaryMessage {
		err = c.guard(b)
	}
	if err == nil {
		return
	}
	stats.framesBad.Add(1)
	if !c.bad.Allow() {
		c.trace.Warn("garbage", "error", err)
		c.flooded("undecodable frames")
	}
}

var errText = errors.New("text message")

// flooded closes a client that sends too much. The others are not to notice.
func (c *client) flooded(what string) {
	c.server.stats.cutFlood.Add(1)
	c.trace.Warn("flood-closed", "what", what)
	c.finish(websocket.ClosePolicyViolation, "too many "+what, time.Now())
}

// guard handles a frame and keeps a failure of the program to this one client.
func (c *client) guard(b []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.stats.panics.Add(1)
			c.server.log.Error("panic while handling a frame", "meeting", c.meeting, "attendee", c.id.AttendeeID,
				"panic", p, "stack", string(debug.Stack()))
			c.finish(closeRetry, "internal error", time.Now())
		}
	}()
	return c.handle(b)
}

// extend gives the client time for its next message.
func (c *client) extend() {
	l := &c.server.limits
	at := time.Now()
	switch c.state {
	case connected:
		at = at.Add(l.UnjoinedIdle)
		if c.stayUntil.Before(at) {
			at = c.stayUntil
		}
	case left:
		at = c.stayUntil
	default:
		at = at.Add(l.Idle)
	}
	c.deadline.Lock()
	defer c.deadline.Unlock()
	if !c.closing {
		_ = c.conn.SetReadDeadline(at)
	}
}

// pinged answers a WebSocket ping, the only keep-alive of C++ clients
// (signaling spec 1.4). It runs in the reader.
func (c *client) pinged(data string) error {
	if !c.frames.Allow() {
		c.server.stats.cutFlood.Add(1)
		return errors.New("too many pings")
	}
	c.extend()
	// A pong that does not get out is no reason to end: the writer will tell.
	_ = c.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	return nil
}

// depart settles what the end of the socket means for the session. Whoever did
// not LEAVE may come back, even after a clean close: a client that reconnects
// closes its old socket without a word.
func (c *client) depart(err error) {
	code := 0
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		code = closed.Code
	}
	timeout, ok := errors.AsType[net.Error](err)
	idle := ok && timeout.Timeout() && c.state != over && !c.ended.Load() && !c.isClosing()
	if idle {
		c.server.stats.cutIdle.Add(1)
	}
	c.trace.Step("socket-closed", "code", code, "idle", idle, "left", c.state == left, "error", err)
	if c.participant == nil {
		return
	}
	if c.state != left {
		c.server.stats.joined.Add(-1)
		if c.ended.Load() {
			return
		}
		c.server.stats.lost.Add(1)
		c.participant.Drop()
	}
}

func (c *client) isClosing() bool {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	return c.closing
}
