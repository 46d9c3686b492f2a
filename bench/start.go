package main

import (
	"context"
	"path/filepath"
	"strconv"
	"time"
)

// start is benchmark f: from the start of the process to the first answer of
// /healthz, on a new data folder and on one that has been used; and memory.
func (b *bench) start(ctx context.Context, r *report) error {
	var first, later, resident, anonymous []float64
	for range b.runs {
		dir, remove, err := b.scratch()
		if err != nil {
			return err
		}
		defer remove()
		took, _, _, err := b.startOnce(ctx, dir, 0)
		if err != nil {
			return err
		}
		first = append(first, milliseconds(took))
		took, rss, anon, err := b.startOnce(ctx, dir, 3*time.Second)
		if err != nil {
			return err
		}
		later, resident, anonymous = append(later, milliseconds(took)), append(resident, rss), append(anonymous, anon)
	}
	r.check("first start to /healthz, ms", "< 1000", "%.0f", first, atMost(1000))
	r.check("later starts to /healthz, ms", "< 100", "%.0f", later, atMost(100))
	r.check("resident memory 3 s after the start, MiB", "< 40", "%.1f", resident, atMost(40))
	r.check("of it not backed by the program's file, MiB", "", "%.1f", anonymous, nil)
	return nil
}

// startOnce starts a server, waits, and stops it.
func (b *bench) startOnce(ctx context.Context, dir string, wait time.Duration) (took time.Duration, rss, anonymous float64, err error) {
	// The port has to be known beforehand: reading it from the data folder
	// would find it late.
	port, err := freePort()
	if err != nil {
		return 0, 0, 0, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	began := time.Now()
	c, err := launch(ctx, dir, b.carillon, "serve", "--data", filepath.Join(dir, "data"), "--listen", addr,
		"--tls-listen", "127.0.0.1:0", "--media", "127.0.0.1:0", "--log-level", "warn")
	if err != nil {
		return 0, 0, 0, err
	}
	defer c.stop()
	if err := c.await(10*time.Second, func() bool { return healthy(addr) }); err != nil {
		return 0, 0, 0, err
	}
	took = time.Since(began)
	if err := sleep(ctx, wait); err != nil {
		return 0, 0, 0, err
	}
	rss, anonymous, err = residentMiB(c.pid())
	return took, rss, anonymous, err
}
