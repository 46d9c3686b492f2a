package awshttp

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-rtc/carillon/api"
)

// Rate is how often an account may call each operation (meetings spec sections
// 12 and 16): PerSecond in the long run, and at most Burst in any one second.
type Rate struct {
	PerSecond float64
	Burst     int
}

type limiter struct {
	rate  *Rate
	mu    sync.Mutex
	gates map[gateKey]*gate
}

// gateKey finds a gate. There are no more of them than accounts times
// operations.
type gateKey struct {
	account   string
	operation *operation
}

// gate is a token bucket, and the times of the last calls: a bucket alone is
// filled again while it is being emptied, and would let more than a burst pass
// in a second.
type gate struct {
	mu     sync.Mutex
	bucket *rate.Limiter
	passed []time.Time // a ring of the last calls that passed, a burst long
	oldest int         // in passed
}

func (l *limiter) take(account string, op *operation) error {
	if l.rate == nil {
		return nil
	}
	if wait := l.gate(gateKey{account, op}).pass(time.Now()); wait > 0 {
		return &api.Error{Code: api.Throttled, Message: "Rate exceeded", RetryAfter: wait}
	}
	return nil
}

func (l *limiter) gate(key gateKey) *gate {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gates[key]
	if g == nil {
		burst := max(1, l.rate.Burst)
		g = &gate{bucket: rate.NewLimiter(rate.Limit(l.rate.PerSecond), burst), passed: make([]time.Time, burst)}
		if l.gates == nil {
			l.gates = make(map[gateKey]*gate)
		}
		l.gates[key] = g
	}
	return g
}

// pass lets a call pass, or returns how long to wait for the next one.
func (g *gate) pass(now time.Time) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if since := now.Sub(g.passed[g.oldest]); since < time.Second {
		return time.Second - since
	}
	r := g.bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait
	}
	g.passed[g.oldest] = now
	g.oldest = (g.oldest + 1) % len(g.passed)
	return 0
}

// callCounts counts the calls of one operation.
type callCounts struct {
	byClass [6]atomic.Uint64 // by the first digit of the status
	nanos   atomic.Int64
}

func (o *operation) count(status int, took time.Duration) {
	if class := status / 100; class < len(o.counts.byClass) {
		o.counts.byClass[class].Add(1)
	}
	o.counts.nanos.Add(int64(took))
}

// Stats are the numbers of a Handler since its start.
type Stats struct {
	InFlight   int64            // requests being served now
	Unrouted   uint64           // requests that no operation was found for, and those of the query protocol
	Refused    uint64           // requests with a missing, wrong or unknown signature
	Panics     uint64           // handlers that panicked
	Operations []OperationStats // those called at least once, by name
}

// OperationStats are the numbers of one operation, all services together.
type OperationStats struct {
	Operation string
	OK        uint64  // answers 2xx
	ClientErr uint64  // answers 4xx
	ServerErr uint64  // answers 5xx
	Seconds   float64 // sum of the calls' durations
}

// Stats returns the numbers so far.
func (h *Handler) Stats() Stats {
	s := Stats{InFlight: h.stats.inFlight.Load(), Unrouted: h.stats.unrouted.Load(), Refused: h.stats.refused.Load(), Panics: h.stats.panics.Load()}
	for _, o := range h.operations {
		c := &o.counts
		os := OperationStats{Operation: o.Name, OK: c.byClass[2].Load(), ClientErr: c.byClass[4].Load(), ServerErr: c.byClass[5].Load(), Seconds: float64(c.nanos.Load()) / 1e9}
		if os.OK+os.ClientErr+os.ServerErr > 0 {
			s.Operations = append(s.Operations, os)
		}
	}
	return s
}
