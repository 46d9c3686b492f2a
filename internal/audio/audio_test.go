//go:build cgo

package audio

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

// bench drives an engine by hand: no goroutine, no real time.
type bench struct {
	t      testing.TB
	engine *Engine
	room   *Room
	now    time.Time // of the last tick
	people []*person
}

// person is a client: it sends a tone, and decodes what it gets.
type person struct {
	b       *bench
	leg     *Leg
	enc     *opus.Encoder
	dec     *opus.Decoder
	hz      float64 // 0: silence
	gain    float64
	noLevel bool
	frame   int
	header  rtp.Header

	mu      sync.Mutex
	heard   []int16
	packets [][]byte
	headers []rtp.Header
	pcm     [opus.MaxSamples]int16
}

// idle engines are never started: activity is noted, but the goroutine that
// update would start is not wanted here.
func newBench(t testing.TB, c EngineConfig) *bench {
	e := NewEngine(c)
	e.running = true
	return &bench{t: t, engine: e, room: e.NewRoom(), now: e.epoch}
}

func (b *bench) add(hz float64, set func(*LegConfig)) *person {
	b.t.Helper()
	p := &person{b: b, hz: hz, gain: 8000}
	var err error
	if p.enc, err = opus.NewEncoder(opus.EncoderConfig{Channels: 1, Application: opus.Audio, Bitrate: 48000, Complexity: 5}); err != nil {
		b.t.Fatal(err)
	}
	if p.dec, err = opus.NewDecoder(1); err != nil {
		b.t.Fatal(err)
	}
	n := len(b.people)
	p.header = rtp.Header{Version: 2, PayloadType: 111, SSRC: 1000 + uint32(n), SequenceNumber: 65530, Timestamp: math.MaxUint32 - 4000}
	c := LegConfig{Sink: p, SSRC: 2000 + uint32(n), PayloadType: 111, Hears: true, Speaks: true}
	if set != nil {
		set(&c)
	}
	p.leg = b.room.Add(c)
	b.people = append(b.people, p)
	return p
}

func (p *person) WriteRTP(h *rtp.Header, payload []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.headers = append(p.headers, *h)
	p.packets = append(p.packets, append([]byte(nil), payload...))
	n, err := p.dec.Decode(payload, p.pcm[:])
	if err != nil {
		p.b.t.Errorf("a packet cannot be decoded: %v", err)
	}
	p.heard = append(p.heard, p.pcm[:n]...)
	return nil
}

// next is the person's next packet of 20 ms.
func (p *person) next() (rtp.Header, []byte, uint8) {
	pcm := make([]int16, frameSize)
	for i := range pcm {
		pcm[i] = int16(p.gain * math.Sin(2*math.Pi*p.hz*float64(p.frame*frameSize+i)/48000))
	}
	p.frame++
	out := make([]byte, opus.MaxFrameBytes)
	n, err := p.enc.Encode(pcm, out)
	if err != nil {
		p.b.t.Fatal(err)
	}
	h := p.header
	p.header.SequenceNumber++
	p.header.Timestamp += frameSize
	return h, out[:n], levelOf((*[frameSize]int16)(pcm))
}

func (p *person) say(arrival time.Time) {
	h, payload, level := p.next()
	p.leg.Push(&h, payload, level, !p.noLevel, arrival)
}

// tick is 20 ms without anybody sending.
func (b *bench) tick() {
	b.now = b.now.Add(FrameDuration)
	b.engine.next()
	b.engine.tick(b.engine.samplesAt(b.now), 1)
}

// run lets everybody send and hear for n ticks, then forgets what was heard
// before the last keep.
func (b *bench) run(n int) {
	for range n {
		for _, p := range b.people {
			p.say(b.now.Add(7 * time.Millisecond))
		}
		b.tick()
	}
}

// listen is run, with what is heard in it kept apart.
func (b *bench) listen(n int) {
	for _, p := range b.people {
		p.heard, p.packets, p.headers = nil, nil, nil
	}
	b.run(n)
}

// amplitude of one frequency (Goertzel).
func amplitude(pcm []int16, hz float64) float64 {
	w := 2 * math.Pi * hz / 48000
	var s1, s2 float64
	for _, x := range pcm {
		s1, s2 = float64(x)+2*math.Cos(w)*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - 2*math.Cos(w)*s1*s2
	return 2 * math.Sqrt(max(power, 0)) / float64(len(pcm))
}

func (p *person) hears(hz float64) bool    { return amplitude(p.heard, hz) > 4000 }
func (p *person) hearsNot(hz float64) bool { return amplitude(p.heard, hz) < 80 }

func (p *person) expect(name string, yes []float64, no []float64) {
	p.b.t.Helper()
	for _, hz := range yes {
		if !p.hears(hz) {
			p.b.t.Errorf("%s does not hear %.0f Hz: amplitude %.0f", name, hz, amplitude(p.heard, hz))
		}
	}
	for _, hz := range no {
		if !p.hearsNot(hz) {
			p.b.t.Errorf("%s hears %.0f Hz: amplitude %.0f", name, hz, amplitude(p.heard, hz))
		}
	}
}

func TestMix_RightPeopleHear(t *testing.T) {
	for _, noLevel := range []bool{false, true} {
		b := newBench(t, EngineConfig{})
		a, c, d := b.add(440, nil), b.add(1000, nil), b.add(0, nil)
		a.noLevel, c.noLevel, d.noLevel = noLevel, noLevel, noLevel
		b.run(25)
		b.listen(50)
		a.expect("the 440 Hz talker", []float64{1000}, []float64{440})
		c.expect("the 1000 Hz talker", []float64{440}, []float64{1000})
		d.expect("the listener", []float64{440, 1000}, nil)
		if l := d.leg.Stats(); l.Talking {
			t.Error("a silent leg holds a decoder")
		}
	}
}

func TestMix_Continuous(t *testing.T) {
	b := newBench(t, EngineConfig{})
	a := b.add(440, nil)
	content := b.add(0, func(c *LegConfig) { c.Hears = false })
	b.listen(50)
	for _, p := range []*person{a, content} {
		if len(p.packets) != 50 {
			t.Fatalf("%d packets in 50 ticks", len(p.packets))
		}
		for i, h := range p.headers {
			if string(p.packets[i]) != string(silenceFrame[:]) {
				t.Fatalf("packet %d is % x, want silence", i, p.packets[i])
			}
			if h.SSRC != 2000+p.header.SSRC-1000 || h.PayloadType != 111 || h.Version != 2 {
				t.Fatalf("header %+v", h)
			}
			if i > 0 && (h.SequenceNumber != p.headers[i-1].SequenceNumber+1 || h.Timestamp != p.headers[i-1].Timestamp+frameSize) {
				t.Fatalf("packet %d does not follow on: %+v after %+v", i, h, p.headers[i-1])
			}
		}
	}
	if n := b.engine.Stats().Encoded; n != 0 {
		t.Errorf("%d frames encoded for nobody", n)
	}
	b.engine.tick(b.engine.samplesAt(b.now.Add(5*FrameDuration)), 5)
	if h, last := a.headers[len(a.headers)-1], a.headers[len(a.headers)-2]; h.Timestamp-last.Timestamp != 5*frameSize || h.SequenceNumber != last.SequenceNumber+1 {
		t.Errorf("after a stall of five ticks: %+v after %+v", h, last)
	}
}

func TestMix_MuteAndRights(t *testing.T) {
	b := newBench(t, EngineConfig{})
	a, c := b.add(440, nil), b.add(0, nil)
	b.run(20)
	steps := []struct {
		name   string
		change func()
		heard  bool
	}{
		{"at first", func() {}, true},
		{"muted", func() { a.leg.SetMuted(true) }, false},
		{"not muted any more", func() { a.leg.SetMuted(false) }, true},
		{"without the right to speak", func() { a.leg.SetRights(true, false) }, false},
		{"with it again", func() { a.leg.SetRights(true, true) }, true},
		{"by one who may not hear", func() { c.leg.SetRights(false, true) }, false},
		{"by one who may again", func() { c.leg.SetRights(true, true) }, true},
	}
	for _, s := range steps {
		s.change()
		b.run(10)
		b.listen(25)
		if got := c.hears(440); got != s.heard || !got && !c.hearsNot(440) {
			t.Errorf("%s: amplitude %.0f, want heard %v", s.name, amplitude(c.heard, 440), s.heard)
		}
	}
}

func TestMix_OwnerDoesNotHearItself(t *testing.T) {
	b := newBench(t, EngineConfig{})
	own := func(hears bool) func(*LegConfig) {
		return func(c *LegConfig) { c.Owner, c.Hears = "A", hears }
	}
	main, content, other := b.add(0, own(true)), b.add(440, own(false)), b.add(1000, nil)
	b.run(25)
	b.listen(50)
	main.expect("the sharer", []float64{1000}, []float64{440})
	other.expect("another", []float64{440}, []float64{1000})
	content.expect("the content session", nil, []float64{440, 1000})
	content.leg.Close()
	b.people = []*person{main, other}
	b.run(50)
	if n := len(main.leg.kin); n != 0 {
		t.Errorf("%d kin left", n)
	}
}

// Nobody's work is done for one who talks to an empty room; who comes then
// hears at once.
func TestMix_Alone(t *testing.T) {
	b := newBench(t, EngineConfig{})
	a := b.add(440, nil)
	b.run(50)
	if v := a.leg.voice; v == nil || v.decoded != 0 || b.engine.Stats().Encoded != 0 {
		t.Errorf("work is done for nobody: %+v", b.engine.Stats())
	}
	if l := a.leg.Level(); l < 14 || l > 16 {
		t.Errorf("level %d, want about 15", l)
	}
	c := b.add(0, nil)
	b.run(5)
	b.listen(20)
	c.expect("the newcomer", []float64{440}, nil)
}

func TestLevel(t *testing.T) {
	b := newBench(t, EngineConfig{})
	a, c := b.add(440, nil), b.add(440, nil)
	c.noLevel = true
	b.run(20)
	for name, p := range map[string]*person{"told": a, "measured": c} {
		if got := p.leg.Level(); got < 14 || got > 16 { // 8000/sqrt 2 is -15.3 dBov
			t.Errorf("%s: level %d, want about 15", name, got)
		}
		if got := p.leg.Level(); got != 127 {
			t.Errorf("%s: level %d though nothing new came", name, got)
		}
	}
	b.run(1)
	a.leg.SetMuted(true)
	if got := a.leg.Level(); got != 127 {
		t.Errorf("level of a muted leg is %d", got)
	}
}

func TestMaxTalkers(t *testing.T) {
	b := newBench(t, EngineConfig{MaxTalkers: 2})
	for i, hz := range []float64{400, 800, 1200, 1600} {
		p := b.add(hz, nil)
		p.gain = []float64{8000, 500, 8000, 1000}[i]
	}
	ear := b.add(0, nil)
	b.run(50)
	b.listen(50)
	ear.expect("the listener", []float64{400, 1200}, []float64{800, 1600})
	b.people[1].gain = 20000
	b.people[0].gain = 1000
	b.run(50)
	b.listen(50)
	ear.expect("the listener, after a change", []float64{800, 1200}, []float64{400, 1600})
}

func TestRoom_Lifecycle(t *testing.T) {
	b := newBench(t, EngineConfig{})
	a, c := b.add(440, nil), b.add(0, nil)
	b.run(20)
	a.leg.Close()
	a.leg.Close()
	n := len(a.packets)
	b.run(5)
	if len(a.packets) != n {
		t.Error("packets after Close")
	}
	b.room.Close()
	b.room.Close()
	n = len(c.packets)
	b.run(5)
	if len(c.packets) != n {
		t.Error("packets after the room's Close")
	}
	late := b.add(0, nil)
	b.run(2)
	if len(late.packets) != 0 {
		t.Error("packets in a closed room")
	}
	if s := b.engine.Stats(); s.Rooms != 0 || s.Legs != 0 || s.Active != 0 {
		t.Errorf("left over: %+v", s)
	}
}
