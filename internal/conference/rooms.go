package conference

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/rtc"
	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/trace"
)

// Config is what live rooms are made of. Records, Bus, Media and Audio must be
// given; the caller closes them after [Rooms.Close].
type Config struct {
	Records Records
	Bus     bus.Bus
	Media   *rtc.Server
	Audio   *audio.Engine
	Limits  Limits          // zero fields take the published limits
	Codecs  []Codec         // video codecs that are negotiated; nil: VP8 and constrained baseline H264
	Trace   *trace.Recorder // may be nil
	Log     *slog.Logger    // nil: slog.Default
}

// Rooms is the live rooms of this machine. It is safe for concurrent use.
//
// One goroutine, which sleeps while there is no room, does what comes with time
// (volumes, bit rates, drops). Reads of the records that a room asks for run in
// goroutines of their own; Close waits for all of them.
type Rooms struct {
	records    Records
	bus        bus.Bus
	newSession func(rtc.Handler, *trace.Trace) (session, error)
	flush      func() // sends what sessions have written
	audio      *audio.Engine
	limits     Limits
	codecs     []Codec    // negotiated ones
	kinds      []sdp.Kind // the same, as the answerer wants them
	traces     *trace.Recorder
	log        *slog.Logger
	stats      counters

	draining    atomic.Bool
	unsubscribe []func()
	stop        context.CancelFunc
	ctx         context.Context // of the goroutines below
	wg          sync.WaitGroup
	awake       chan struct{}     // a room was opened
	stirred     chan *Participant // whose media connection changed

	// mu guards the table and the rooms' use counts. It may be taken while a
	// room is locked, never the other way round.
	mu     sync.Mutex
	closed bool
	rooms  map[string]*room
	mail   map[string]mailbox // of rooms that everybody has left, while messages live in them
}

// New returns rooms that follow the bus. Close must be called.
func New(c Config) (*Rooms, error) {
	s := &Rooms{
		records: c.Records, bus: c.Bus, audio: c.Audio,
		limits:  c.Limits.withDefaults(),
		flush:   func() { c.Media.Flush() },
		codecs:  c.Codecs,
		traces:  c.Trace,
		log:     or(c.Log, slog.Default()),
		awake:   make(chan struct{}, 1),
		stirred: make(chan *Participant, 256),
		rooms:   make(map[string]*room),
		mail:    make(map[string]mailbox),
	}
	if len(s.codecs) == 0 {
		s.codecs = []Codec{VP8, H264Constrained}
	}
	for _, codec := range s.codecs {
		s.kinds = append(s.kinds, sdp.Kind(codec)) // equal numbers, those of the wire
	}
	s.newSession = func(h rtc.Handler, t *trace.Trace) (session, error) {
		return c.Media.NewSession(h, rtc.WithTrace(t))
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.follow(); err != nil {
		s.stop()
		return nil, err
	}
	s.wg.Go(s.keepHouse)
	return s, nil
}

// Authenticate tells who holds a token. The token may carry the suffix
// "#content"; its base must belong to an attendee of this very meeting. Errors
// are [ErrDraining], [ErrMeetingEnded], [ErrAttendeeUnavailable] (also for
// content without any right to it) or a failure of the store.
func (s *Rooms) Authenticate(ctx context.Context, meetingID, token string) (Identity, error) {
	if s.draining.Load() {
		return Identity{}, ErrDraining
	}
	base, suffix, marked := strings.Cut(token, "#")
	if marked && suffix != "content" {
		return Identity{}, ErrAttendeeUnavailable
	}
	id, err := s.records.Identify(ctx, meetingID, base)
	if err != nil {
		return Identity{}, err
	}
	if marked {
		if id.Capabilities.Content == (Capability{}) {
			return Identity{}, ErrAttendeeUnavailable
		}
		id.AttendeeID += "#content"
		id.Content = true
	}
	return id, nil
}

// Join lets a client into its meeting, whose room opens if this is the first.
// The client is not called before [Participant.Begin]. Errors are those of
// [Rooms.Authenticate] and [ErrContentCapacity].
func (s *Rooms) Join(ctx context.Context, id Identity, o JoinOptions, c Client) (*Participant, error) {
	tr := s.traces.For(id.MeetingID, id.AttendeeID)
	p, err := s.join(ctx, id, o, c)
	if err != nil {
		tr.Warn("join-refused", "error", err, "remote", o.RemoteAddress)
		return nil, err
	}
	tr.Step("join", "remote", o.RemoteAddress, "client", o.ClientName, "info", o.ClientInfo)
	s.stats.joins.Add(1)
	return p, nil
}

func (s *Rooms) join(ctx context.Context, id Identity, o JoinOptions, c Client) (*Participant, error) {
	r, err := s.open(id.MeetingID)
	if err != nil {
		return nil, err
	}
	defer s.release(r)
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	p := newParticipant(r, id, o, c)
	r.lock()
	defer r.unlock()
	return p, r.admit(p)
}

// open returns the room of a meeting, in use.
func (s *Rooms) open(meetingID string) (*room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.draining.Load() {
		return nil, ErrDraining
	}
	r := s.rooms[meetingID]
	if r == nil {
		r = newRoom(s, meetingID, time.Now())
		if m, ok := s.mail[meetingID]; ok {
			r.mail = m
			delete(s.mail, meetingID)
		}
		s.rooms[meetingID] = r
		select {
		case s.awake <- struct{}{}:
		default:
		}
	}
	r.uses++
	return r, nil
}

func (s *Rooms) use(r *room) {
	s.mu.Lock()
	r.uses++
	s.mu.Unlock()
}

// release gives up one use of a room, which closes with the last one.
func (s *Rooms) release(r *room) {
	s.mu.Lock()
	r.uses--
	last := r.uses == 0
	if last {
		delete(s.rooms, r.id)
	}
	s.mu.Unlock()
	if last {
		r.close()
	}
}

// keepMail keeps the messages that outlive a room, for who comes later.
func (s *Rooms) keepMail(meetingID string, m mailbox) {
	if m.expire(time.Now()); len(m.kept) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[meetingID] == nil && !s.closed {
		s.mail[meetingID] = m
	}
}

// expireMail lets go of mailboxes whose messages have all died, and says
// whether some are left.
func (s *Rooms) expireMail(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, m := range s.mail {
		if m.expire(now); len(m.kept) == 0 {
			delete(s.mail, id)
			continue
		}
		s.mail[id] = m
	}
	return len(s.mail) > 0
}

// stir wakes the housekeeper for a change of p's media connection. It never
// blocks: what finds no place in the queue is found by the next tick.
func (s *Rooms) stir(p *Participant) {
	select {
	case s.stirred <- p:
	default:
	}
}

// find returns a live room, or nil.
func (s *Rooms) find(meetingID string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[meetingID]
}

// live appends the live rooms to list.
func (s *Rooms) live(list []*room) []*room {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		list = append(list, r)
	}
	return list
}

// Drain refuses new joins with [ErrDraining] and sends everybody away with
// close code 4500, so that they come back to whoever answers next.
func (s *Rooms) Drain() {
	s.draining.Store(true)
	for _, r := range s.live(nil) {
		r.lock()
		r.finish(ErrDraining, Ending{CloseCode: closeRetry, Reason: "server is draining"})
		r.unlock()
	}
}

// Close ends everything and waits for the goroutines. Clients that are still
// here are drained.
func (s *Rooms) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Drain()
	for _, stop := range s.unsubscribe {
		stop()
	}
	s.stop()
	s.wg.Wait()
}

// read takes over what the records say of the meeting now. A read that a
// command on the bus overtook is done again; one that a younger read overtook
// knows less than the room does and is left aside: it may not know of an
// attendee who was created, and has joined, in the meantime.
func (r *room) read(ctx context.Context) error {
	for range 4 {
		r.lock()
		before := r.version
		r.reads++
		turn := r.reads
		r.unlock()
		caps, err := r.rooms.records.Attendees(ctx, r.id)
		r.lock()
		if err != nil {
			if errors.Is(err, ErrMeetingEnded) {
				r.finish(ErrMeetingEnded, endMeeting)
			}
			r.unlock()
			return err
		}
		current := r.version == before
		if current && r.ended == nil && turn > r.readDone {
			r.readDone = turn
			r.apply(caps)
		}
		r.unlock()
		if current {
			return nil
		}
	}
	return errors.New("conference: meeting changes faster than it can be read")
}
