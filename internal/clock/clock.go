// Package clock is the lifecycle clock: the time by which meetings end, tokens
// and retention expire and deliveries are retried.
//
// It stands apart from real time so that a test, or an operator in test mode,
// can drive a whole day in an instant (`carillon clock advance 24h`).
// Signatures, TLS, pings and media never use it; they run on real time.
package clock

import (
	"sync"
	"time"
)

// Clock tells the lifecycle time. Implementations are safe for concurrent use.
type Clock interface {
	// Now is the lifecycle time, in UTC.
	Now() time.Time
	// After delivers the lifecycle time once, when at least d has passed on
	// this clock: by waiting or by being advanced.
	After(d time.Duration) <-chan time.Time
}

// Lifecycle is real time plus an offset that only grows.
// The zero value is ready and equals real time.
type Lifecycle struct {
	mu      sync.Mutex
	offset  time.Duration
	waiters map[*waiter]struct{}
}

type waiter struct {
	due   time.Time
	timer *time.Timer
	ch    chan time.Time
}

// Now implements Clock.
func (l *Lifecycle) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now()
}

func (l *Lifecycle) now() time.Time { return time.Now().Add(l.offset).UTC() }

// After implements Clock.
func (l *Lifecycle) After(d time.Duration) <-chan time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &waiter{due: l.now().Add(d), ch: make(chan time.Time, 1)}
	if l.waiters == nil {
		l.waiters = make(map[*waiter]struct{})
	}
	l.waiters[w] = struct{}{}
	w.timer = time.AfterFunc(d, func() { l.fire(w) })
	return w.ch
}

// Advance moves the clock forward by d and wakes everybody whose time has
// come. A negative d is ignored: lifecycle time never runs back.
func (l *Lifecycle) Advance(d time.Duration) {
	if d <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offset += d
	now := l.now()
	for w := range l.waiters {
		if w.due.After(now) {
			w.timer.Reset(w.due.Sub(now))
			continue
		}
		w.timer.Stop()
		l.deliver(w)
	}
}

func (l *Lifecycle) fire(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deliver(w)
}

// deliver hands the time to w unless that has happened already.
func (l *Lifecycle) deliver(w *waiter) {
	if _, waiting := l.waiters[w]; !waiting {
		return
	}
	delete(l.waiters, w)
	w.ch <- l.now()
}
