package audio

import (
	"slices"
	"sync"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

// Room is the legs that hear one another. Methods are safe for concurrent use.
type Room struct {
	engine *Engine

	mu     sync.Mutex // held during a tick
	legs   []*Leg
	sinks  int // legs that need packets
	closed bool

	// The rest belongs to the tick, under mu.
	tick   int64
	shared stream
	awake  []*Leg // scratch
}

// scratch is what one goroutine needs to mix; rooms use it one after another.
type scratch struct {
	total   [frameSize]int32 // sum of all voices
	own     [frameSize]int32 // total without some
	pcm     [frameSize]int16
	packet  [slotSize]byte // incoming
	shared  [opus.MaxFrameBytes]byte
	private [opus.MaxFrameBytes]byte
	encodes int
	packets int
	silent  int // of packets
}

// Add puts a leg into the room. Its stream begins with the next tick. In a
// closed room, or after the engine's Close, the leg gets no packets.
func (r *Room) Add(c LegConfig) *Leg {
	l := newLeg(r, c)
	r.mu.Lock()
	if r.closed {
		l.gone = true
		r.mu.Unlock()
		return l
	}
	if l.owner != "" {
		for _, k := range r.legs {
			if k.owner == l.owner {
				k.kin = append(k.kin, l)
				l.kin = append(l.kin, k)
			}
		}
	}
	r.legs = append(r.legs, l)
	first := false
	if l.sink != nil {
		r.sinks++
		first = r.sinks == 1
	}
	r.mu.Unlock()
	r.engine.count.legs.Add(1)
	if first {
		r.engine.update(r)
	}
	return l
}

// remove is Leg.Close.
func (r *Room) remove(l *Leg) {
	r.mu.Lock()
	i := slices.Index(r.legs, l)
	if i < 0 {
		r.mu.Unlock()
		return
	}
	r.legs = slices.Delete(r.legs, i, i+1)
	for _, k := range l.kin {
		k.kin = slices.DeleteFunc(k.kin, func(x *Leg) bool { return x == l })
	}
	r.retire(l)
	last := false
	if l.sink != nil {
		r.sinks--
		last = r.sinks == 0
	}
	if last {
		r.hush()
	}
	r.mu.Unlock()
	if last {
		r.engine.update(r)
	}
}

// retire returns what a leg holds.
func (r *Room) retire(l *Leg) {
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
	l.sleep()
	l.private.stop(&r.engine.pools)
	l.kin = nil
	r.engine.count.legs.Add(-1)
}

// hush makes a room without listeners hold nothing.
func (r *Room) hush() {
	r.shared.stop(&r.engine.pools)
	for _, l := range r.legs {
		l.sleep()
	}
}

// Close removes all legs. Their sinks are not called after that.
func (r *Room) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	for _, l := range r.legs {
		r.retire(l)
	}
	r.legs, r.awake, r.sinks = nil, nil, 0
	r.shared.stop(&r.engine.pools)
	r.mu.Unlock()
	r.engine.update(r)
	r.engine.count.rooms.Add(-1)
}

// mix is one tick of the room: now in samples, and how many ticks have gone by
// since the last one.
func (r *Room) mix(now int64, ticks uint32, s *scratch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tick++
	voices := r.collect(now, s)
	listeners, newcomers := r.route()

	payload, sound := silenceFrame[:], false
	if listeners == 0 {
		r.shared.stop(&r.engine.pools)
	} else {
		silent := s.prepare(&s.total, voices)
		payload, sound = r.shared.encode(&r.engine.pools, &s.pcm, silent, newcomers, s.shared[:])
		s.tally(sound)
	}
	for _, l := range r.legs {
		switch {
		case l.sink == nil:
		case l.now == shared:
			s.send(l, payload, sound, ticks)
		case l.now == private:
			r.sendPrivate(l, voices, ticks, s)
		default:
			s.send(l, silenceFrame[:], false, ticks)
		}
	}
}

// prepare makes pcm of a sum, which is only valid if there were voices. It
// reports whether the frame is digital silence.
func (s *scratch) prepare(sum *[frameSize]int32, voices int) (silent bool) {
	if voices == 0 {
		clear(s.pcm[:])
		return true
	}
	return saturate(&s.pcm, sum)
}

func (s *scratch) tally(encoded bool) {
	if encoded {
		s.encodes++
	}
}

func (s *scratch) send(l *Leg, payload []byte, sound bool, ticks uint32) {
	s.packets++
	if !sound {
		s.silent++
	}
	l.send(payload, sound, ticks)
}

// collect sums up the voices and returns how many there are.
func (r *Room) collect(now int64, s *scratch) (voices int) {
	r.awake = r.awake[:0]
	ears := 0
	for _, l := range r.legs {
		if l.awake.Load() {
			r.awake = append(r.awake, l)
		}
		ears += l.ears()
	}
	if len(r.awake) == 0 {
		return 0
	}
	r.pick(ears)
	for _, l := range r.awake {
		if !l.pull(now, r.tick, s.packet[:]) {
			continue
		}
		if voices == 0 {
			clear(s.total[:])
		}
		voices++
		l.mixed = r.tick
		add(&s.total, &l.voice.frame)
	}
	return voices
}

// holdPlace is by how many dB a talker must be louder to take another's place.
const holdPlace = 6

// ears is 1 for a leg that hears.
func (l *Leg) ears() int {
	if l.sink != nil && l.hears.Load() {
		return 1
	}
	return 0
}

// pick chooses who is mixed: the loudest where there are too many talkers, and
// nobody whom no other leg hears.
func (r *Room) pick(ears int) {
	most := r.engine.config.MaxTalkers
	if len(r.awake) > most {
		slices.SortStableFunc(r.awake, func(a, b *Leg) int {
			switch x, y := a.rank(), b.rank(); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
	}
	for i, l := range r.awake {
		l.picked = i < most && ears > l.ears()
	}
}

// rank is lower the more a talker is to be heard.
func (l *Leg) rank() float32 {
	if l.picked {
		return l.loudness - holdPlace
	}
	return l.loudness
}

// route decides who hears what. It reports how many listen to the shared mix,
// and whether some of them have not heard what its encoder said before.
func (r *Room) route() (listeners int, newcomers bool) {
	p := &r.engine.pools
	joining := 0
	for _, l := range r.legs {
		if l.sink == nil {
			continue
		}
		want := nothing
		switch {
		case !l.hears.Load():
		case l.wantsPrivate(r.tick):
			want = private
		default:
			want = shared
			listeners++
			if l.now != shared {
				joining++
				continue // below, once all who leave have left
			}
		}
		if want == l.now {
			continue
		}
		if want == private && l.now == shared {
			l.private.follow(p, &r.shared)
		} else {
			l.private.stop(p)
		}
		l.now = want
	}
	if joining > 0 {
		newcomers = r.join(listeners)
	}
	return listeners, newcomers
}

// join moves legs to the shared stream. It reports whether some of its
// listeners cannot follow it: those who have been hearing silence. Whoever
// comes from a private mix can, for it has been the same as the shared one for
// a while, and a decoder takes the one for the other (measured: prediction
// from the other encoder's past does less harm than doing without).
func (r *Room) join(listeners int) (newcomers bool) {
	p := &r.engine.pools
	for _, l := range r.legs {
		if l.sink == nil || l.now == shared || !l.hears.Load() || l.wantsPrivate(r.tick) {
			continue
		}
		switch {
		case l.private.enc == nil:
			newcomers = true
		case r.shared.enc == nil:
			// Nobody is served by a shared encoder: this leg's goes on as it.
			r.shared, l.private = l.private, stream{}
			newcomers = newcomers || listeners > 1
		default:
			l.private.stop(p)
		}
		l.now = shared
	}
	return newcomers
}

// sendPrivate mixes, encodes and sends what leg l hears: everybody but itself
// and its kin.
func (r *Room) sendPrivate(l *Leg, voices int, ticks uint32, s *scratch) {
	if voices > 0 {
		s.own = s.total
		r.without(l, s)
		for _, k := range l.kin {
			r.without(k, s)
		}
	}
	silent := s.prepare(&s.own, voices)
	payload, sound := l.private.encode(&r.engine.pools, &s.pcm, silent, false, s.private[:])
	s.tally(sound)
	s.send(l, payload, sound, ticks)
}

func (r *Room) without(l *Leg, s *scratch) {
	if l.mixed == r.tick {
		subtract(&s.own, &l.voice.frame)
	}
}
