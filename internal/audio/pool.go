package audio

import (
	"log/slog"
	"sync"

	"github.com/carillon-rtc/carillon/internal/audio/opus"
)

// pool keeps things for reuse, up to a number. Unlike a sync.Pool it is not
// emptied by the garbage collector, so that a steady state never allocates.
type pool[T any] struct {
	mu   sync.Mutex
	free []T
}

const poolSize = 128

func (p *pool[T]) get() (v T, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return v, false
	}
	v = p.free[n-1]
	p.free = p.free[:n-1]
	return v, true
}

func (p *pool[T]) put(v T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < poolSize {
		p.free = append(p.free, v)
	}
}

// pools are the codecs and buffers of one engine.
type pools struct {
	encoders pool[*opus.Encoder]
	voices   pool[*voice]
	config   opus.EncoderConfig
	log      *slog.Logger
	complain sync.Once
}

// encoder returns a fresh encoder, or nil where there is no codec.
func (p *pools) encoder() *opus.Encoder {
	if e, ok := p.encoders.get(); ok {
		_ = e.Reset()
		return e
	}
	e, err := opus.NewEncoder(p.config)
	if err != nil {
		p.complain.Do(func() { p.log.Error("audio is silent: no encoder", "err", err) })
		return nil
	}
	return e
}

// voice returns a voice for a leg that begins to talk.
func (p *pools) voice() *voice {
	if v, ok := p.voices.get(); ok {
		return v
	}
	v := new(voice)
	v.level = muteLevel
	dec, err := opus.NewDecoder(1)
	if err != nil {
		p.complain.Do(func() { p.log.Error("audio is silent: no decoder", "err", err) })
		return v
	}
	v.dec = dec
	return v
}

func (p *pools) putVoice(v *voice) {
	v.reset()
	p.voices.put(v)
}
