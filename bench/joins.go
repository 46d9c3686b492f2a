package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	joinCount   = 200
	joinsAtOnce = 2
	joinsOfOne  = 10 // joins of each meeting
)

// joins is benchmark d: clients join one or two at a time, hear, and leave.
func (b *bench) joins(ctx context.Context, r *report) error {
	var p50, p99 []float64
	for n := range b.runs {
		took, err := b.joinRun(ctx)
		if err != nil {
			return err
		}
		p50, p99 = append(p50, milliseconds(percentile(took, 50))), append(p99, milliseconds(percentile(took, 99)))
		r.progress("run %d: p50 %.1f p99 %.1f max %.1f ms", n+1, p50[n], p99[n], milliseconds(took[len(took)-1]))
	}
	title := fmt.Sprintf("dial of the signalling socket to the first decrypted audio packet, %d joins, %d at a time: ", joinCount, joinsAtOnce)
	r.check(title+"p50, ms", "< 80", "%.1f", p50, atMost(80))
	r.check(title+"p99, ms", "< 250", "%.1f", p99, atMost(250))
	return nil
}

func (b *bench) joinRun(ctx context.Context) ([]time.Duration, error) {
	dir, remove, err := b.scratch()
	if err != nil {
		return nil, err
	}
	defer remove()
	s, err := b.serve(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	var mu sync.Mutex
	var took []time.Duration
	for range joinCount / joinsOfOne {
		m, err := s.createMeeting()
		if err != nil {
			return nil, err
		}
		var group errgroup.Group
		group.SetLimit(joinsAtOnce)
		for range joinsOfOne {
			group.Go(func() error {
				p, err := s.join(ctx, m)
				if err != nil {
					return err
				}
				mu.Lock()
				took = append(took, p.latency)
				mu.Unlock()
				return p.hangUp(ctx)
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}
