// Package signalingtest is a signalling client for tests and load generators.
//
// It speaks the protocol as the JavaScript SDK does: it joins, offers, pings
// and leaves, and keeps what it is told. Media is the caller's business: it
// brings an SDP offer and takes the answer.
//
//	c, err := signalingtest.Dial(ctx, meeting.SignalingURL, attendee.JoinToken, nil)
//	ack, index, err := c.Join(ctx, signalingtest.Join{SessionID: 1})
//	answer, err := c.Subscribe(ctx, signalingtest.Subscribe{Offer: offer, AudioHost: meeting.AudioHostURL})
//	_, err = c.Await(ctx, frame.Signal_AUDIO_STREAM_ID_INFO)
//	err = c.Leave(ctx)
package signalingtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/carillon-rtc/carillon/internal/signaling/frame"
)

// Options change how a client connects. The zero value is a current
// JavaScript SDK.
type Options struct {
	TLS     *tls.Config // for wss URLs
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	Native bool          // authenticate as C++ clients do, by cookie
	Old    bool          // an SDK before 1.19, which does not look at close codes
	Ping   time.Duration // between pings; 0: 10 s, negative: none
	Keep   int           // frames kept for Next and Await, the oldest go first; 0: 1024
}

// Client is one connection. It is safe for concurrent use.
type Client struct {
	conn *websocket.Conn
	keep int

	writing sync.Mutex // one writer at a time
	ping    uint32

	done chan struct{} // closed when the socket has ended
	wg   sync.WaitGroup

	mu     sync.Mutex
	news   chan struct{} // closed and replaced with each frame
	inbox  []*frame.Signal
	err    error // why the socket ended
	status uint32
	roster map[uint32]Attendee
	levels map[uint32]frame.Volume
	index  *frame.Index
}

// Attendee is one entry of the roster.
type Attendee struct {
	ID, ExternalUserID string
	Muted              bool
}

// Dial opens the socket. signalingURL is MediaPlacement.SignalingUrl, without a
// query. Close must be called.
func Dial(ctx context.Context, signalingURL, joinToken string, o *Options) (*Client, error) {
	if o == nil {
		o = &Options{}
	}
	dialer := websocket.Dialer{TLSClientConfig: o.TLS, NetDialContext: o.NetDial, HandshakeTimeout: 10 * time.Second}
	header := http.Header{}
	query := "?X-Chime-Control-Protocol-Version=3&X-Amzn-Version=0.0.0&X-Amzn-User-Agent=go"
	switch {
	case o.Native:
		dialer.Subprotocols = []string{"Signaling-SDK"}
		header.Set("Cookie", "_aws_wt_session="+joinToken)
		header.Set("X-Chime-Control-Protocol-Version", "3")
		query = ""
	case o.Old:
		dialer.Subprotocols = []string{"_aws_wt_session", joinToken}
	default:
		dialer.Subprotocols = []string{"_aws_wt_session", joinToken}
		query += "&X-Amzn-Chime-Send-Close-On-Error=1"
	}
	conn, response, err := dialer.DialContext(ctx, signalingURL+query, header)
	if err != nil {
		return nil, fmt.Errorf("signalingtest: %w", err)
	}
	_ = response.Body.Close()
	if conn.Subprotocol() != dialer.Subprotocols[0] {
		_ = conn.Close()
		return nil, fmt.Errorf("signalingtest: server selected subprotocol %q", conn.Subprotocol())
	}
	c := &Client{
		conn: conn, keep: o.Keep, done: make(chan struct{}), news: make(chan struct{}),
		roster: make(map[uint32]Attendee), levels: make(map[uint32]frame.Volume),
	}
	if c.keep == 0 {
		c.keep = 1024
	}
	c.wg.Go(c.read)
	if o.Ping >= 0 {
		every := o.Ping
		if every == 0 {
			every = 10 * time.Second
		}
		c.wg.Go(func() { c.keepAlive(every) })
	}
	return c, nil
}

func (c *Client) read() {
	defer close(c.done)
	for {
		_, b, err := c.conn.ReadMessage()
		if err != nil {
			c.fail(err)
			return
		}
		s, err := frame.Decode(b)
		if err != nil {
			c.fail(fmt.Errorf("signalingtest: %w", err))
			return
		}
		c.receive(s)
	}
}

func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.news)
	c.news = make(chan struct{})
}

// receive keeps a frame and what it says.
func (c *Client) receive(s *frame.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s.GetType() {
	case frame.Signal_AUDIO_STREAM_ID_INFO:
		for _, a := range s.GetAudioStreamIdInfo().GetStreams() {
			c.updateRoster(a)
		}
	case frame.Signal_AUDIO_METADATA:
		clear(c.levels)
		for _, v := range s.GetAudioMetadata().GetAttendeeStates() {
			c.levels[v.GetAudioStreamId()] = frame.Volume{AudioStreamID: v.GetAudioStreamId(), Volume: v.GetVolume(), SignalStrength: v.GetSignalStrength()}
		}
	case frame.Signal_INDEX:
		c.index = s.GetIndex()
	case frame.Signal_AUDIO_STATUS:
		c.status = s.GetAudioStatus().GetAudioStatus()
	}
	if len(c.inbox) >= c.keep {
		c.inbox = slices.Delete(c.inbox, 0, 1)
	}
	c.inbox = append(c.inbox, s)
	close(c.news)
	c.news = make(chan struct{})
}

// updateRoster follows signaling spec 5.1: `muted` tells a change from a leave.
func (c *Client) updateRoster(a *frame.AudioStream) {
	id := a.GetAudioStreamId()
	switch {
	case a.AttendeeId != nil:
		c.roster[id] = Attendee{a.GetAttendeeId(), a.GetExternalUserId(), a.GetMuted()}
	case a.Muted != nil:
		entry := c.roster[id]
		entry.Muted = a.GetMuted()
		c.roster[id] = entry
	default:
		delete(c.roster, id)
	}
}

func (c *Client) keepAlive(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if c.Ping() != nil {
			return
		}
		select {
		case <-t.C:
		case <-c.done:
			return
		}
	}
}

// Ping sends the next PING.
func (c *Client) Ping() error {
	c.mu.Lock()
	c.ping++
	id := c.ping
	c.mu.Unlock()
	return c.Send(frame.Signal_PING_PONG, &frame.Signal{PingPong: &frame.PingPong{Type: frame.PingPong_PING.Enum(), PingId: &id}})
}

// Send sends a frame of any kind, with byte 0 as browsers send it.
func (c *Client) Send(kind frame.Signal_Type, s *frame.Signal) error {
	b, err := frame.Append(nil, time.Now(), kind, s)
	if err != nil {
		return err
	}
	b[0] = 0x05
	return c.SendRaw(websocket.BinaryMessage, b)
}

// SendRaw sends a WebSocket message of any kind and content.
func (c *Client) SendRaw(messageType int, b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	return c.conn.WriteMessage(messageType, b)
}

// PingSocket sends a WebSocket ping, the keep-alive of C++ clients.
func (c *Client) PingSocket() error {
	return c.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
}

// Next returns the oldest frame that nobody has taken yet.
func (c *Client) Next(ctx context.Context) (*frame.Signal, error) {
	return c.AwaitFunc(ctx, func(*frame.Signal) bool { return true })
}

// Await takes the oldest frame of one of the given types, and leaves the others
// in their order. An AUDIO_STATUS of 300 and more, if it was not asked for,
// and the end of the socket are errors.
func (c *Client) Await(ctx context.Context, types ...frame.Signal_Type) (*frame.Signal, error) {
	s, err := c.AwaitFunc(ctx, func(s *frame.Signal) bool { return slices.Contains(types, s.GetType()) })
	if err != nil {
		return nil, fmt.Errorf("signalingtest: waiting for %v: %w", types, err)
	}
	return s, nil
}

// AwaitFunc takes the oldest frame for which match is true. match is called with
// the client locked.
func (c *Client) AwaitFunc(ctx context.Context, match func(*frame.Signal) bool) (*frame.Signal, error) {
	for {
		c.mu.Lock()
		if i := slices.IndexFunc(c.inbox, match); i >= 0 {
			s := c.inbox[i]
			c.inbox = slices.Delete(c.inbox, i, i+1)
			c.mu.Unlock()
			return s, nil
		}
		err, status, news := c.err, c.status, c.news
		c.mu.Unlock()
		if status >= 300 {
			return nil, &StatusError{Status: status, Description: "AUDIO_STATUS"}
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// StatusError is an `error` on a frame, or an AUDIO_STATUS.
type StatusError struct {
	Status      uint32
	Description string
}

func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Description) }

// Roster returns who is present, by audio stream id.
func (c *Client) Roster() map[uint32]Attendee {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[uint32]Attendee, len(c.roster))
	for id, a := range c.roster {
		out[id] = a
	}
	return out
}

// Levels returns the last volumes and signal strengths, by audio stream id.
func (c *Client) Levels() map[uint32]frame.Volume {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[uint32]frame.Volume, len(c.levels))
	for id, v := range c.levels {
		out[id] = v
	}
	return out
}

// Index returns the last INDEX, or nil. It must not be changed.
func (c *Client) Index() *frame.Index {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index
}

// AudioStatus returns the last AUDIO_STATUS, 0 if there was none.
func (c *Client) AudioStatus() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// AwaitRoster waits until the roster satisfies want.
func (c *Client) AwaitRoster(ctx context.Context, want func(map[uint32]Attendee) bool) error {
	for {
		c.mu.Lock()
		ok, err, news := want(c.roster), c.err, c.news
		c.mu.Unlock()
		if ok {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("signalingtest: waiting for the roster: %w", ctx.Err())
		}
	}
}

// Done is closed when the socket has ended; CloseCode then tells how.
func (c *Client) Done() <-chan struct{} { return c.done }

// CloseCode returns the code and reason of the server's close frame: 1006 when
// the socket ended without one, 0 while it is open.
func (c *Client) CloseCode() (int, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return 0, ""
	}
	if e, ok := errors.AsType[*websocket.CloseError](c.err); ok {
		return e.Code, e.Text
	}
	return websocket.CloseAbnormalClosure, ""
}

// Close closes the socket as browsers do, without a code, waits for the server
// and then for the client's goroutines. Without [Client.Leave] before it, the
// server takes it for a loss.
func (c *Client) Close() {
	_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNoStatusReceived, ""), time.Now().Add(time.Second))
	select {
	case <-c.done:
	case <-time.After(2 * time.Second):
	}
	c.Cut()
}

// Cut ends the connection without a word, as a lost network does.
func (c *Client) Cut() {
	_ = c.conn.NetConn().Close()
	c.wg.Wait()
}
