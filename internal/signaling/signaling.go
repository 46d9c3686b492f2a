// Package signaling is one client's WebSocket: frames in, frames out.
//
// [Server] answers `GET /control/{meetingId}`. Each socket has two goroutines:
// a reader, which checks the token, decodes frames and calls the client's
// [Participant] in its live room, and a writer, which sends what the reader and
// the room have put into the socket's bounded queue. The room calls the socket
// through conference.Client and never waits for it: a client that does not
// keep up with its queue is cut off. Both goroutines end with the socket;
// [Server.Close] waits for them.
//
//	socket ──▶ reader ──▶ Participant (conference) ──▶ Client methods
//	                └────────────▶ outbox ◀──────────────────┘
//	socket ◀── writer ◀────────────┘
//
// A token is refused by a close code after the upgrade, never by an HTTP
// status, which browsers hide from the page (signaling spec 1.5). A session
// that the room ends is told so by an AUDIO_STATUS frame, because clients in a
// call ignore close codes below 4500 (signaling spec 1.6).
//
// Compressed SDP is not negotiated: JOIN_ACK says so, and clients then send
// plain offers (signaling spec 2.6).
//
// The two small HTTP endpoints that belong to a client's session live here
// too: TURN credentials and client events.
package signaling

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/carillon-rtc/carillon/internal/trace"
)

// Credentials let a client use the TURN server.
type Credentials struct {
	Username, Password string
	TTL                time.Duration
	URIs               []string // with an explicit transport: "turn:host:port?transport=udp"
}

// Config is what a [Server] is made of. Only Rooms must be given.
type Config struct {
	Rooms Rooms

	// TURN makes the credentials that JOIN_ACK carries. A client that gets
	// some relays all its media. host is the host name, without port, by which
	// the client reached this server. Nil, or a nil result: clients send media
	// directly.
	TURN func(host string) *Credentials

	// TURNSessions makes the credentials of the HTTP endpoint, which SDKs up to
	// 3.19 ask when JOIN_ACK had none, and which always need an answer. Nil: TURN.
	TURNSessions func(host string) *Credentials

	Limits Limits // zero fields take DefaultLimits
	Trace  *trace.Recorder
	Log    *slog.Logger // nil: slog.Default
}

// Limits bound what one socket may cost, and how many there may be. Times are
// real time.
type Limits struct {
	UnjoinedSockets        int           // sockets at once that have not joined, token checked or not; more get 503
	AttendeeSockets        int           // sockets at once with one attendee's token, content share apart
	MessageBytes           int64         // largest WebSocket message from a client
	QueueFrames            int           // frames that may wait for a slow reader
	QueueBytes             int           // bytes that may wait for a slow reader
	FrameRate, FrameBurst  int           // frames per second from one client; a large one counts for several
	OfferRate, OfferBurst  int           // SUBSCRIBEs per second from one client; more have to wait
	BadRate, BadBurst      int           // undecodable frames per second from one client
	VideoSubscriptions     uint32        // videos that a client may receive, told in JOIN_ACK
	DataBytes              int           // payload of one data message
	EventBytes             int64         // body of one post of client events
	Idle                   time.Duration // without frame or ping, once joined
	UnjoinedIdle           time.Duration // the same, before JOIN
	Unjoined               time.Duration // from the upgrade to JOIN, pings or not
	Leaving                time.Duration // from LEAVE to the client's close
	EndGrace               time.Duration // from AUDIO_STATUS to the close frame
	CloseWait              time.Duration // from our close frame to the client's
	WriteWait              time.Duration // for one frame to leave
	CallWait               time.Duration // for one call of the room
	TracedRemoteStringSize int           // bytes of a foreign string that go to the trace
}

// DefaultLimits are what a public server can live with. A client is dropped
// after a minute of silence (signaling spec 1.4 recommends 45 to 60 s); a
// socket that was opened for later use may wait for half an hour (section 1.7).
func DefaultLimits() Limits {
	return Limits{
		UnjoinedSockets: 4096,
		AttendeeSockets: 8,

		MessageBytes: 1 << 20,
		QueueFrames:  1024, QueueBytes: 4 << 20,
		FrameRate: 1000, FrameBurst: 5000,
		OfferRate: 10, OfferBurst: 50,
		BadRate: 20, BadBurst: 200,
		VideoSubscriptions: 25,
		DataBytes:          2048,
		EventBytes:         1 << 20,
		Idle:               time.Minute,
		UnjoinedIdle:       5 * time.Minute,
		Unjoined:           30 * time.Minute,
		Leaving:            15 * time.Second,
		EndGrace:           2 * time.Second,
		CloseWait:          2 * time.Second,
		WriteWait:          10 * time.Second,
		CallWait:           10 * time.Second,

		TracedRemoteStringSize: 128,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	or(&l.UnjoinedSockets, d.UnjoinedSockets)
	or(&l.AttendeeSockets, d.AttendeeSockets)
	or(&l.MessageBytes, d.MessageBytes)
	or(&l.QueueFrames, d.QueueFrames)
	or(&l.QueueBytes, d.QueueBytes)
	or(&l.FrameRate, d.FrameRate)
	or(&l.FrameBurst, d.FrameBurst)
	or(&l.OfferRate, d.OfferRate)
	or(&l.OfferBurst, d.OfferBurst)
	or(&l.BadRate, d.BadRate)
	or(&l.BadBurst, d.BadBurst)
	or(&l.VideoSubscriptions, d.VideoSubscriptions)
	or(&l.DataBytes, d.DataBytes)
	or(&l.EventBytes, d.EventBytes)
	or(&l.Idle, d.Idle)
	or(&l.UnjoinedIdle, d.UnjoinedIdle)
	or(&l.Unjoined, d.Unjoined)
	or(&l.Leaving, d.Leaving)
	or(&l.EndGrace, d.EndGrace)
	or(&l.CloseWait, d.CloseWait)
	or(&l.WriteWait, d.WriteWait)
	or(&l.CallWait, d.CallWait)
	or(&l.TracedRemoteStringSize, d.TracedRemoteStringSize)
	return l
}

// or gives *v its default when it is zero.
func or[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

// Server is the http.Handler of `GET /control/{meetingId}`. It is safe for
// concurrent use.
type Server struct {
	config   Config
	limits   Limits
	log      *slog.Logger
	upgrader websocket.Upgrader
	buffers  buffers
	stats    counters

	ctx    context.Context // of the calls that sockets make
	cancel context.CancelFunc
	wg     sync.WaitGroup

	crowd crowd

	mu       sync.Mutex
	draining bool
	closed   bool
	clients  map[*client]struct{}
	empty    chan struct{} // closed when draining and no client is left; nil before
}

// New returns a server. Close must be called.
func New(c Config) *Server {
	s := &Server{config: c, limits: c.Limits.withDefaults(), log: c.Log, clients: make(map[*client]struct{})}
	s.crowd = newCrowd(s.limits)
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.config.TURNSessions == nil {
		s.config.TURNSessions = c.TURN
	}
	s.upgrader = websocket.Upgrader{
		HandshakeTimeout: s.limits.WriteWait,
		// Sockets are idle most of the time, so they keep little: reads are
		// small, and a write buffer is borrowed for one frame.
		ReadBufferSize:  1024,
		WriteBufferSize: 1024,
		WriteBufferPool: new(sync.Pool),
		Subprotocols:    []string{tokenProtocol, nativeProtocol},
		// Pages of applications come from anywhere (signaling spec 1.2); the
		// token, which no browser adds by itself, is what protects.
		CheckOrigin: func(*http.Request) bool { return true },
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// ServeHTTP upgrades the request and hands the socket to its own goroutines.
// Whether the client may stay is decided after the upgrade.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	meeting, ok := meetingOf(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if closed {
		http.Error(w, "server is closed", http.StatusServiceUnavailable)
		return
	}
	if !s.crowd.admit() {
		s.wg.Done()
		s.stats.refusedBusy.Add(1)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many sockets wait to join", http.StatusServiceUnavailable)
		return
	}
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.crowd.turnBack()
		s.wg.Done()
		s.stats.notWebSocket.Add(1)
		return
	}
	c := newClient(s, conn, r, meeting)
	s.mu.Lock()
	s.clients[c] = struct{}{}
	if s.closed { // while it was upgraded
		c.cut()
	}
	s.mu.Unlock()
	s.stats.opened.Add(1)
	go func() {
		defer s.wg.Done()
		defer s.forget(c)
		c.run()
	}()
}

// meetingOf finds the meeting id in a path like /control/<id>. Native clients
// require just this form (signaling spec 1.1).
func meetingOf(path string) (string, bool) {
	_, id, ok := strings.Cut(path, "/control/")
	id = strings.TrimSuffix(id, "/")
	return id, ok && id != "" && len(id) <= 64 && !strings.Contains(id, "/")
}

func (s *Server) forget(c *client) {
	s.crowd.leave(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.signalEmpty()
}

// signalEmpty wakes Drain when nobody is left. s.mu is held.
func (s *Server) signalEmpty() {
	if s.empty != nil && len(s.clients) == 0 {
		close(s.empty)
		s.empty = nil
	}
}

func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Drain closes all sockets with code 4500, by which clients come back to the
// same address within about a second (signaling spec 1.6), and waits until they
// are gone. New ones get 4500 as well. When ctx ends first, the rest is cut
// off and its error returned. Drain may be called once.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	empty := make(chan struct{})
	s.empty = empty
	for c := range s.clients {
		c.out.finish(farewell{code: closeRetry, reason: reasonDraining, at: time.Now()})
	}
	s.signalEmpty()
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.cutAll()
		return ctx.Err()
	}
}

func (s *Server) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c.cut()
	}
}

// Close cuts off all sockets, refuses new ones and waits for the goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.cutAll()
	s.wg.Wait()
}
