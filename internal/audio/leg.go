package audio

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

// Sink takes the packets of one leg. WriteRTP is called 50 times a second from
// the mixer with the room locked, for different legs also at once: it must not
// block, nor keep header or payload, which are reused. An rtc.Session is one.
type Sink interface {
	WriteRTP(h *rtp.Header, payload []byte) error
}

// LegConfig is one attendee's place in a room.
type LegConfig struct {
	// Sink gets the leg's stream; nil for a leg that only talks.
	Sink Sink
	// SSRC and PayloadType of outgoing packets; incoming ones of another
	// payload type are ignored.
	SSRC        uint32
	PayloadType uint8
	// Owner names whom the leg belongs to. Legs of one owner do not hear each
	// other; "" is an owner of its own.
	Owner string
	// Hears: the leg gets the mix; otherwise silence, as continuous.
	Hears bool
	// Speaks: the leg is heard.
	Speaks bool
}

// Leg is one attendee's audio in a room. Methods are safe for concurrent use.
type Leg struct {
	room   *Room
	sink   Sink
	owner  string
	pt     uint8
	header rtp.Header // of the next packet; belongs to the tick

	hears, speaks, muted atomic.Bool
	loudest              atomic.Uint32 // 127 minus the level, so that 0 is silence
	sent                 atomic.Uint64

	mu    sync.Mutex // guards in and voice's ring; held for moments only
	in    jitter
	voice *voice // nil while silent; set by Push, taken away by the tick
	awake atomic.Bool
	gone  bool // closed: no voice any more

	// The rest belongs to the tick.
	kin      []*Leg // other legs of the same owner
	now      source // what the sink was given last
	private  stream // encoder of the private mix
	active   int64  // tick of the last sound
	mixed    int64  // tick in which voice.frame was last part of the mix
	picked   bool   // among the loudest, where there are too many talkers
	loudness float32
	measured bool // talks without the level extension
	talking  bool // a spurt is going on: no marker
}

// linger is how many ticks a leg keeps its private mix after it was last heard.
const linger = 10

// source is what a leg is hearing.
type source uint8

const (
	nothing source = iota // the silence frame
	shared
	private
)

// LegStats are counters of one leg since it was added.
type LegStats struct {
	Received  uint64        // packets pushed and accepted as the leg's stream
	Lost      uint64        // packets that never came in time
	Late      uint64        // packets that came after their turn
	Duplicate uint64        // packets that came twice
	Recovered uint64        // lost packets rebuilt from in-band FEC
	Concealed uint64        // stretches made up for
	Dropped   uint64        // packets left out to play sooner
	Restarts  uint64        // new streams: another SSRC, or a jump
	Sent      uint64        // packets given to the sink
	Delay     time.Duration // how long packets are held back now
	Talking   bool          // holds a decoder now
}

func newLeg(r *Room, c LegConfig) *Leg {
	l := &Leg{room: r, sink: c.Sink, owner: c.Owner, pt: c.PayloadType, active: -hangover - 1, mixed: -linger - 1, loudness: muteLevel}
	l.header = rtp.Header{
		Version: 2, PayloadType: c.PayloadType, SSRC: c.SSRC,
		SequenceNumber: uint16(rand.Uint32()), Timestamp: rand.Uint32(), // RFC 3550 section 5.1
	}
	l.hears.Store(c.Hears)
	l.speaks.Store(c.Speaks)
	l.in.delay.reset()
	return l
}

// Push takes a packet from the network. level is the RFC 6464 level (0
// loudest, 127 silence), valid if hasLevel; arrival is when it came. Neither
// header nor payload is kept. It never blocks for long and, apart from the
// first packet of a talk spurt, allocates nothing.
func (l *Leg) Push(h *rtp.Header, payload []byte, level uint8, hasLevel bool, arrival time.Time) {
	level &= 0x7F
	if l.muted.Load() || !l.speaks.Load() || h.PayloadType != l.pt {
		l.room.engine.count.refused.Add(1)
		return
	}
	samples, err := opus.Samples(payload)
	if err != nil || len(payload) > slotSize {
		l.room.engine.count.unreadable.Add(1)
		return
	}
	a := arrived(h, payload, samples, l.room.engine.samplesAt(arrival))
	if hasLevel {
		l.hear(level)
		a.level = level
		a.silent = a.silent || level >= silentLevel
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, ts, ok := l.in.observe(a)
	if !ok || l.gone {
		return
	}
	if l.voice == nil {
		if a.silent {
			return
		}
		l.voice = l.room.engine.pools.voice()
		l.in.ring = &l.voice.ring
		l.awake.Store(true)
	}
	l.in.store(seq, ts, a, payload)
}

func arrived(h *rtp.Header, payload []byte, samples int, now int64) arrival {
	return arrival{
		ssrc: h.SSRC, seq: h.SequenceNumber, ts: h.Timestamp, now: now, samples: samples, level: noLevel,
		silent: opus.IsSilent(payload), fec: opus.HasFEC(payload),
	}
}

// hear keeps the loudest level until it is asked for.
func (l *Leg) hear(level uint8) {
	loud := uint32(muteLevel - level)
	for {
		old := l.loudest.Load()
		if loud <= old || l.loudest.CompareAndSwap(old, loud) {
			return
		}
	}
}

// Level is the loudest RFC 6464 level since the last call: 0 loudest, 127
// silence, and 127 for a muted leg.
func (l *Leg) Level() uint8 {
	loud := l.loudest.Swap(0)
	if l.muted.Load() || !l.speaks.Load() {
		return muteLevel
	}
	return muteLevel - uint8(loud)
}

// SetMuted mutes the leg or lets it be heard again, from the next tick on.
func (l *Leg) SetMuted(muted bool) { l.muted.Store(muted) }

// SetRights changes what the leg may do, from the next tick on.
func (l *Leg) SetRights(hears, speaks bool) {
	l.hears.Store(hears)
	l.speaks.Store(speaks)
}

// Stats returns the leg's counters.
func (l *Leg) Stats() LegStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.in.count
	return LegStats{
		Received: c.received, Lost: c.lost, Late: c.late, Duplicate: c.duplicate, Recovered: c.recovered,
		Concealed: c.concealed, Dropped: c.dropped, Restarts: c.restarts, Sent: l.sent.Load(),
		Delay: time.Duration(l.in.delay.target) * time.Second / opus.SampleRate, Talking: l.voice != nil,
	}
}

// Close takes the leg out of its room. Its sink is not called after that.
func (l *Leg) Close() { l.room.remove(l) }

// sleep gives the voice back.
func (l *Leg) sleep() {
	l.mu.Lock()
	v := l.voice
	l.voice, l.in.ring = nil, nil
	l.in.playing, l.in.quiet = false, false
	l.awake.Store(false)
	l.mu.Unlock()
	if v == nil {
		return
	}
	e := l.room.engine
	e.count.unreadable.Add(v.errors)
	e.count.decoded.Add(v.decoded)
	e.pools.putVoice(v)
	l.picked, l.measured, l.loudness = false, false, muteLevel
}

// pull readies this tick's frame of a leg that is awake, and reports whether it
// is to be mixed. The leg may fall asleep by it.
func (l *Leg) pull(now, tick int64, buf []byte) bool {
	v := l.voice
	if l.muted.Load() || !l.speaks.Load() {
		if l.mixed == tick-1 && !v.ended && v.end() {
			return true
		}
		l.sleep()
		return false
	}
	for v.n < frameSize {
		l.mu.Lock()
		s := l.in.next(now, v.n, buf)
		l.mu.Unlock()
		if s.op == opNone {
			v.silent, v.idle = true, v.idle+1
			break
		}
		l.decode(v, s)
	}
	decoded := l.picked || l.measured
	v.take()
	if !l.judge(v, tick) {
		l.sleep()
		return false
	}
	return decoded && l.picked && tick-l.active <= hangover
}

// decode carries out a step, or lets it pass by when the leg is not among the
// loudest. A leg without the level extension has to be decoded to be judged.
func (l *Leg) decode(v *voice, s step) {
	if s.op != opConceal {
		v.idle = 0
		v.silent = s.silent
		l.measured = s.level == noLevel
		if !l.measured {
			v.level = s.level
		}
	}
	if !l.picked && !l.measured {
		v.asleep = true
		if s.op != opDrop {
			clear(v.pcm[v.n : v.n+s.samples])
			v.n += s.samples
		}
		return
	}
	if v.asleep || !v.primed {
		v.prime()
	}
	v.apply(s)
}

// judge decides whether the leg is talking, and reports whether it is to stay
// awake.
func (l *Leg) judge(v *voice, tick int64) bool {
	if l.measured {
		v.level = levelOf(&v.frame)
		v.silent = v.level >= silentLevel
		l.hear(v.level)
	}
	// Quick to rise, slow to fall, so that a pause for breath costs no place.
	if d := float32(v.level) - l.loudness; d < 0 {
		l.loudness += d / 2
	} else {
		l.loudness += d / 50
	}
	if v.quiet++; !v.silent {
		v.quiet = 0
		l.active = tick
	}
	if v.quiet <= hangover || l.measured && v.idle <= hangover {
		if l.measured {
			l.mu.Lock()
			l.in.quiet = v.level >= quietLevel
			l.mu.Unlock()
		}
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in.sounds()
}

// wantsPrivate reports whether the leg's own voice, or its owner's other one,
// has just been part of the mix.
func (l *Leg) wantsPrivate(tick int64) bool {
	if tick-l.mixed <= linger {
		return true
	}
	for _, k := range l.kin {
		if tick-k.mixed <= linger {
			return true
		}
	}
	return false
}

// send gives the sink its packet of this tick; ticks is how many have gone by.
func (l *Leg) send(payload []byte, sound bool, ticks uint32) {
	l.header.Marker = sound && !l.talking // a talk spurt begins (RFC 3551 section 4.1)
	l.talking = sound
	l.header.Timestamp += frameSize * (ticks - 1)
	_ = l.sink.WriteRTP(&l.header, payload) // a sink that is gone is the session's affair
	l.header.SequenceNumber++
	l.header.Timestamp += frameSize
	l.sent.Add(1)
}
