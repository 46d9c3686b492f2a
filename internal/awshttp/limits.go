package awshttp

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-rtc/carillon/api"
)

// Rate is how often an account may call each operation: a token bucket
// (meetings spec section 12: 10 per second, 20 at once).
type Rate struct {
	PerSecond float64
	Burst     int
}

type limiter struct {
	rate    *Rate
	mu      sync.Mutex
	buckets map[bucket]*rate.Limiter
}

// bucket is the key of a token bucket. There are no more of them than accounts
// times operations.
type bucket struct {
	account   string
	operation *operation
}

func (l *limiter) take(account string, op *operation) error {
	if l.rate == nil {
		return nil
	}
	l.mu.Lock()
	b := l.buckets[bucket{account, op}]
	if b == nil {
		if l.buckets == nil {
			l.buckets = make(map[bucket]*rate.Limiter)
		}
		b = rate.NewLimiter(rate.Limit(l.rate.PerSecond), l.rate.Burst)
		l.buckets[bucket{account, op}] = b
	}
	l.mu.Unlock()
	if !b.Allow() {
		return api.Errorf(api.Throttled, "Rate exceeded")
	}
	return nil
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
