package audio

import (
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

const (
	// FrameDuration is the length of a tick and of every packet sent.
	FrameDuration = 20 * time.Millisecond

	// catchUp is how many ticks that are overdue are still carried out. What
	// is older is left out: the streams' timestamps jump over it.
	catchUp = 5
)

// EngineConfig is how an engine works. Zero values mean the defaults.
type EngineConfig struct {
	// Flush is called once after each tick, for sinks that collect packets. May be nil.
	Flush func()
	// Log gets the rare news; nil for none.
	Log *slog.Logger
	// Bitrate of outgoing streams in bit/s; default 32000.
	Bitrate int
	// Complexity of encoding, 1 to 10; default 5.
	Complexity int
	// Application of the encoders; default [opus.LowDelay]. At 32 kbit/s it
	// codes speech as well as [opus.Audio] and better than [opus.VoIP] (14, 14
	// and 11 dB of SNR), takes a third of VoIP's time, and is 4 ms faster than
	// both. It has no in-band FEC: receivers conceal what they lose.
	Application opus.Application
	// PacketLoss is the loss to expect on the way out, in percent; default 0.
	// Higher values make streams sturdier, at 1.5 dB for 5 %.
	PacketLoss int
	// MaxTalkers is how many voices of a room are mixed at once; default 16.
	// The loudest are, and 6 dB are needed to take another's place.
	MaxTalkers int
}

func (c *EngineConfig) defaults() {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Bitrate == 0 {
		c.Bitrate = 32000
	}
	if c.Complexity == 0 {
		c.Complexity = 5
	}
	if c.Application == 0 {
		c.Application = opus.LowDelay
	}
	if c.MaxTalkers == 0 {
		c.MaxTalkers = 16
	}
}

// Engine mixes the rooms of one server. Methods are safe for concurrent use.
type Engine struct {
	config EngineConfig
	pools  pools
	epoch  time.Time
	count  counters

	mu      sync.Mutex
	active  []*Room // with somebody to send to
	running bool
	closed  bool
	stop    chan struct{}
	done    sync.WaitGroup

	// The rest belongs to the ticking goroutine, and in a tick to its helpers.
	rooms   []*Room
	cursor  atomic.Int64 // the next of rooms
	scratch []*scratch   // one for each goroutine
	last    time.Duration
	heavy   time.Duration // a tick that took so long gets helpers the next time
	helpers sync.WaitGroup
	told    time.Time     // when a stall was last logged
	stalls  int           // since then
	worst   time.Duration // of them
}

// counters are [Stats] in the making.
type counters struct {
	rooms, legs                                        atomic.Int64
	ticks, skipped, encoded, decoded, packets, silence atomic.Uint64
	refused, unreadable                                atomic.Uint64
	busy                                               atomic.Int64 // nanoseconds
}

// Stats are counters of an engine since it was made, and a few gauges.
type Stats struct {
	Rooms      int64         // open now
	Active     int64         // rooms that tick now
	Legs       int64         // in rooms now
	Ticks      uint64        // 20 ms each
	Skipped    uint64        // ticks left out after a stall
	Encoded    uint64        // frames
	Decoded    uint64        // packets, added when a talker falls silent
	Packets    uint64        // given to sinks
	Silence    uint64        // of Packets, silence frames
	Refused    uint64        // packets of muted legs, without the right to speak, or of another payload type
	Unreadable uint64        // packets that are no Opus
	Busy       time.Duration // spent in ticks
}

// NewEngine makes an engine. It does nothing until a room has a leg.
func NewEngine(c EngineConfig) *Engine {
	c.defaults()
	return &Engine{
		config: c,
		epoch:  time.Now(),
		stop:   make(chan struct{}),
		heavy:  FrameDuration / 10,
		pools: pools{
			log: c.Log,
			config: opus.EncoderConfig{
				Channels: 1, Application: c.Application, Bitrate: c.Bitrate, Complexity: c.Complexity, PacketLoss: c.PacketLoss,
			},
		},
	}
}

// Close stops ticking and waits for the last tick. Rooms stay as they are, silent.
func (e *Engine) Close() {
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		close(e.stop)
	}
	e.mu.Unlock()
	e.done.Wait()
}

// NewRoom opens a room. It costs nothing until it has a leg.
func (e *Engine) NewRoom() *Room {
	e.count.rooms.Add(1)
	return &Room{engine: e}
}

// Stats returns the engine's counters.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	active := len(e.active)
	e.mu.Unlock()
	c := &e.count
	return Stats{
		Rooms: c.rooms.Load(), Active: int64(active), Legs: c.legs.Load(), Ticks: c.ticks.Load(), Skipped: c.skipped.Load(),
		Encoded: c.encoded.Load(), Decoded: c.decoded.Load(), Packets: c.packets.Load(), Silence: c.silence.Load(),
		Refused: c.refused.Load(), Unreadable: c.unreadable.Load(), Busy: time.Duration(c.busy.Load()),
	}
}

// samplesAt is a time in samples since the engine's start.
func (e *Engine) samplesAt(t time.Time) int64 {
	return int64(t.Sub(e.epoch)) * 6 / 125000
}

// update lets a room tick while it has somebody to send to, and rest otherwise.
func (e *Engine) update(r *Room) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.mu.Lock()
	needed := r.sinks > 0 && !e.closed
	r.mu.Unlock()
	i := slices.Index(e.active, r)
	switch {
	case needed && i < 0:
		e.active = append(e.active, r)
	case !needed && i >= 0:
		e.active = slices.Delete(e.active, i, i+1)
	}
	if needed && !e.running {
		e.running = true
		e.done.Add(1)
		go e.run()
	}
}

// run ticks on an absolute schedule until there is nothing to do.
func (e *Engine) run() {
	defer e.done.Done()
	next := time.Now().Add(FrameDuration)
	timer := time.NewTimer(FrameDuration)
	defer timer.Stop()
	for {
		select {
		case <-e.stop:
			return
		case <-timer.C:
		}
		ticks := uint32(1)
		if late := time.Since(next); late > catchUp*FrameDuration {
			skip := int64(late / FrameDuration)
			next = next.Add(late.Truncate(FrameDuration))
			ticks += uint32(skip)
			e.count.skipped.Add(uint64(skip))
			e.tellStall(time.Now(), late)
		}
		if !e.next() {
			return
		}
		e.tick(e.samplesAt(next), ticks)
		next = next.Add(FrameDuration)
		timer.Reset(time.Until(next))
	}
}

// stallPause is the least time between two log lines about stalls, of which a
// machine that is too busy has many each second.
const stallPause = 10 * time.Second

// tellStall logs a stall, together with those that were not worth a line.
func (e *Engine) tellStall(now time.Time, late time.Duration) {
	e.stalls++
	e.worst = max(e.worst, late)
	if !e.told.IsZero() && now.Sub(e.told) < stallPause {
		return
	}
	e.config.Log.Warn("audio stalled", "for", e.worst, "times", e.stalls)
	e.told, e.stalls, e.worst = now, 0, 0
}

// next takes the rooms to tick; false ends the goroutine.
func (e *Engine) next() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.rooms)
	e.rooms = append(e.rooms[:0], e.active...)
	e.running = len(e.rooms) > 0
	return e.running
}

// tick gives every leg of the rooms taken its next packet.
func (e *Engine) tick(now int64, ticks uint32) {
	start := time.Now()
	workers := 1
	if e.last > e.heavy {
		workers = min(runtime.GOMAXPROCS(0), len(e.rooms))
	}
	for len(e.scratch) < workers {
		e.scratch = append(e.scratch, new(scratch))
	}
	e.cursor.Store(0)
	for _, s := range e.scratch[1:workers] {
		e.helpers.Go(func() { e.work(s, now, ticks) })
	}
	e.work(e.scratch[0], now, ticks)
	e.helpers.Wait()
	e.last = time.Since(start)
	if e.config.Flush != nil {
		e.config.Flush()
	}
	e.count.ticks.Add(1)
	e.count.busy.Add(int64(time.Since(start)))
}

// work mixes one room after another until all have been taken.
func (e *Engine) work(s *scratch, now int64, ticks uint32) {
	s.encodes, s.packets, s.silent = 0, 0, 0
	for {
		i := int(e.cursor.Add(1)) - 1
		if i >= len(e.rooms) {
			break
		}
		e.rooms[i].mix(now, ticks, s)
	}
	e.count.encoded.Add(uint64(s.encodes))
	e.count.packets.Add(uint64(s.packets))
	e.count.silence.Add(uint64(s.silent))
}
