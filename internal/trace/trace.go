// Package trace remembers, for each attendee, the steps of its joins, so that
// one command answers why a join failed (`carillon trace MEETING ATTENDEE`).
//
// A step is one thing that happened (socket opened, token refused, offer
// answered, ICE connected, first audio packet …). Each step also goes to the
// log. Memory is bounded: the newest attendees are kept, each with its newest
// steps. Tokens and other secrets must never be given as attributes.
package trace

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	maxAttendees = 4096
	maxSteps     = 64
)

// Step is one thing that happened to one attendee.
type Step struct {
	Time  time.Time      `json:"time"`            // real time, UTC
	Name  string         `json:"step"`            // e.g. "dtls-connected"
	Attrs map[string]any `json:"attrs,omitempty"` // details, never secrets
}

// Recorder keeps the traces of all attendees. It is safe for concurrent use,
// and a nil Recorder drops everything.
type Recorder struct {
	log   *slog.Logger
	mu    sync.Mutex
	byKey map[key]*Trace
	order []key // oldest first
}

type key struct{ meeting, attendee string }

// NewRecorder returns an empty Recorder that also writes each step to log at
// debug level (warnings at warn level).
func NewRecorder(log *slog.Logger) *Recorder {
	return &Recorder{log: log, byKey: make(map[key]*Trace)}
}

// For returns the trace of one attendee, made on first use. The attendee id
// may carry the suffix "#content"; a connection that never got as far as
// telling who it is uses "?".
func (r *Recorder) For(meeting, attendee string) *Trace {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key{meeting, attendee}
	if t, ok := r.byKey[k]; ok {
		return t
	}
	if len(r.order) >= maxAttendees {
		delete(r.byKey, r.order[0])
		r.order = r.order[1:]
	}
	t := &Trace{log: r.log.With("meeting", meeting, "attendee", attendee)}
	r.byKey[k] = t
	r.order = append(r.order, k)
	return t
}

// Steps returns a copy of what is remembered of one attendee, oldest first.
func (r *Recorder) Steps(meeting, attendee string) []Step {
	r.mu.Lock()
	t := r.byKey[key{meeting, attendee}]
	r.mu.Unlock()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Step(nil), t.steps...)
}

// Trace is the record of one attendee. A nil Trace drops everything.
type Trace struct {
	log   *slog.Logger
	mu    sync.Mutex
	steps []Step
}

// Step records that something went as it should. args are slog key-value pairs.
func (t *Trace) Step(name string, args ...any) { t.record(slog.LevelDebug, name, args) }

// Warn records that something went wrong.
func (t *Trace) Warn(name string, args ...any) { t.record(slog.LevelWarn, name, args) }

func (t *Trace) record(level slog.Level, name string, args []any) {
	if t == nil {
		return
	}
	rec := slog.NewRecord(time.Now().UTC(), level, name, 0)
	rec.Add(args...)
	step := Step{Time: rec.Time, Name: name}
	rec.Attrs(func(a slog.Attr) bool {
		if step.Attrs == nil {
			step.Attrs = make(map[string]any)
		}
		v := a.Value.Resolve().Any()
		if err, ok := v.(error); ok {
			v = err.Error()
		}
		step.Attrs[a.Key] = v
		return true
	})
	t.mu.Lock()
	if len(t.steps) == maxSteps {
		t.steps = append(t.steps[:0], t.steps[1:]...)
	}
	t.steps = append(t.steps, step)
	t.mu.Unlock()
	t.log.Log(context.Background(), level, name, args...)
}
