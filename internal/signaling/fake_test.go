package signaling

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/signaling/signalingtest"
	"github.com/carillon-rtc/carillon/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRooms is the conference side: it knows who may come and writes down what
// is asked of it.
type fakeRooms struct {
	mu     sync.Mutex
	tokens map[string]error // by "<meeting>/<token>"; nil: welcome
	full   bool             // Join answers ErrContentCapacity
	subErr error
	sub    conference.SubscribeResult
	hangup bool
	broken bool // SetMuted panics
	joined []*fakeParticipant
	came   chan *fakeParticipant
}

func newFakeRooms() *fakeRooms {
	return &fakeRooms{
		tokens: map[string]error{
			"m1/alice": nil, "m1/bob": nil, "m1/alice#content": nil,
			"m1/deleted": conference.ErrAttendeeUnavailable,
			"over/alice": conference.ErrMeetingEnded,
			"m1/broken":  fmt.Errorf("disk on fire"),
		},
		sub:  conference.SubscribeResult{AnswerSDP: "v=0\r\nanswer"},
		came: make(chan *fakeParticipant, 16),
	}
}

func (f *fakeRooms) Authenticate(_ context.Context, meeting, token string) (conference.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, known := f.tokens[meeting+"/"+token]
	if !known {
		err = conference.ErrAttendeeUnavailable
	}
	return conference.Identity{MeetingID: meeting, AttendeeID: "id-" + token, ExternalUserID: "ext-" + token}, err
}

func (f *fakeRooms) Join(_ context.Context, id conference.Identity, o conference.JoinOptions, c conference.Client) (Participant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return nil, conference.ErrContentCapacity
	}
	p := &fakeParticipant{rooms: f, id: id, options: o, Client: c, calls: make(chan string, 1024)}
	f.joined = append(f.joined, p)
	f.came <- p
	return p, nil
}

// fakeParticipant sends calls as text to a channel.
type fakeParticipant struct {
	rooms   *fakeRooms
	id      conference.Identity
	options conference.JoinOptions
	conference.Client
	calls    chan string
	requests []conference.SubscribeRequest
	messages []conference.DataMessage
}

func (p *fakeParticipant) call(format string, args ...any) { p.calls <- fmt.Sprintf(format, args...) }

func (p *fakeParticipant) Begin() { p.Index(conference.Index{NumParticipants: 1}) }

func (p *fakeParticipant) Subscribe(_ context.Context, q conference.SubscribeRequest, reply func(conference.SubscribeResult)) error {
	if p.rooms.subErr != nil {
		return p.rooms.subErr
	}
	p.requests = append(p.requests, q)
	reply(p.rooms.sub)
	p.Roster([]conference.RosterChange{{AudioStreamID: 1, AttendeeID: p.id.AttendeeID, ExternalUserID: p.id.ExternalUserID, Muted: q.AudioMuted}})
	p.call("subscribe")
	return nil
}

func (p *fakeParticipant) SetMuted(muted bool) {
	if p.rooms.broken {
		panic("broken on purpose")
	}
	p.call("muted %v", muted)
}
func (p *fakeParticipant) Send(m []conference.DataMessage) bool {
	p.messages = append(p.messages, m...)
	p.call("send %d", len(m))
	return p.rooms.hangup
}
func (p *fakeParticipant) Pause(ids []uint32)  { p.call("pause %v", ids) }
func (p *fakeParticipant) Resume(ids []uint32) { p.call("resume %v", ids) }
func (p *fakeParticipant) UpdateVideos(added []conference.VideoSubscription, removed []string) {
	p.call("update %v %v", added, removed)
}
func (p *fakeParticipant) Leave() { p.call("leave") }
func (p *fakeParticipant) Drop()  { p.call("drop") }

// bench is a server on a network of pipes, so that it can live in a synctest
// bubble, where time passes at once.
type bench struct {
	t      *testing.T
	ctx    context.Context
	rooms  *fakeRooms
	server *Server
	trace  *trace.Recorder
	http   *http.Server
	conns  chan net.Conn
	closed chan struct{}
	tls    *tls.Config // nil: plain
	hide   bool        // the type of connections, as a listener that wraps them does
}

// inBubble runs a test against a server. Nothing of it may be left behind.
func inBubble(t *testing.T, configure func(*Config), test func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, configure)
		defer b.stop()
		test(b)
	})
}

func newBench(t *testing.T, configure func(*Config)) *bench {
	log := slog.New(slog.DiscardHandler)
	b := &bench{t: t, ctx: t.Context(), rooms: newFakeRooms(), trace: trace.NewRecorder(log),
		conns: make(chan net.Conn), closed: make(chan struct{})}
	config := Config{Rooms: b.rooms, Trace: b.trace, Log: log}
	if configure != nil {
		configure(&config)
	}
	b.server = New(config)
	mux := http.NewServeMux()
	mux.Handle("GET /control/{meetingId}", b.server)
	b.http = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = b.http.Serve(b) }()
	return b
}

func (b *bench) stop() {
	b.server.Close()
	_ = b.http.Close()
	synctest.Wait()
}

// Accept, Close and Addr make bench a net.Listener.
func (b *bench) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		if b.tls != nil {
			c = tls.Server(c, b.tls)
		}
		if b.hide {
			c = struct{ net.Conn }{c}
		}
		return c, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

func (b *bench) Close() error {
	close(b.closed)
	return nil
}

func (b *bench) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (b *bench) netDial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	b.conns <- server
	return client, nil
}

// dial connects; options may be nil.
func (b *bench) dial(meeting, token string, o *signalingtest.Options) *signalingtest.Client {
	b.t.Helper()
	if o == nil {
		o = &signalingtest.Options{}
	}
	o.NetDial = b.netDial
	c, err := signalingtest.Dial(b.ctx, "ws://meet.example:8080/control/"+meeting, token, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// join connects and joins.
func (b *bench) join(token string, o *signalingtest.Options) (*signalingtest.Client, *fakeParticipant) {
	b.t.Helper()
	c := b.dial("m1", token, o)
	if _, _, err := c.Join(b.ctx, signalingtest.Join{SessionID: 7}); err != nil {
		b.t.Fatal(err)
	}
	return c, <-b.rooms.came
}

// wantClose waits for the end of the socket and checks its code.
func (b *bench) wantClose(c *signalingtest.Client, code int, reason string) {
	b.t.Helper()
	<-c.Done()
	if gotCode, gotReason := c.CloseCode(); gotCode != code || gotReason != reason {
		b.t.Errorf("closed with %d %q, want %d %q", gotCode, gotReason, code, reason)
	}
	c.Cut()
}

// wantCall checks the next call that the participant got.
func (b *bench) wantCall(p *fakeParticipant, want string) {
	b.t.Helper()
	synctest.Wait()
	select {
	case got := <-p.calls:
		if got != want {
			b.t.Errorf("the room was told %q, want %q", got, want)
		}
	default:
		b.t.Errorf("the room was told nothing, want %q", want)
	}
}

func (b *bench) wantNoCall(p *fakeParticipant) {
	b.t.Helper()
	synctest.Wait()
	select {
	case got := <-p.calls:
		b.t.Errorf("the room was told %q, want nothing", got)
	default:
	}
}
