package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	apiConnections = 32
	apiRate        = 5000 // requests per second
	apiTime        = 8 * time.Second
	apiWarmup      = 2 * time.Second
	mostTime       = 4 * time.Second
	// attendees go to meetings that were made this many meetings earlier, so
	// that these have been answered.
	apiLag = 400
)

// api is benchmark c.
func (b *bench) api(ctx context.Context, r *report) error {
	var p50, p99, rates, most, bare, ratio []float64
	for n := range b.runs {
		fixed, best, err := b.apiRun(ctx)
		if err != nil {
			return err
		}
		limit, err := b.bareRun(ctx)
		if err != nil {
			return fmt.Errorf("bare server: %w", err)
		}
		r.progress("run %d: fixed %s; closed loop %s; bare %s", n+1, fixed, best, limit)
		most, bare, ratio = append(most, best.rate), append(bare, limit.rate), append(ratio, best.rate/limit.rate)
		if fixed.generator > 0.9 {
			r.note("run %d at the fixed rate does not count: generator used %.2f cores", n+1, fixed.generator)
			continue
		}
		p50, p99 = append(p50, milliseconds(percentile(fixed.took, 50))), append(p99, milliseconds(percentile(fixed.took, 99)))
		rates = append(rates, fixed.rate)
	}
	title := fmt.Sprintf("CreateMeeting and CreateAttendee 1:2, signed and durable, %d connections: ", apiConnections)
	r.check(fmt.Sprintf("%s%d requests/s offered: answered per second", title, apiRate), "≥ 4,950", "%.0f", rates, atLeast(0.99*apiRate))
	r.check(fmt.Sprintf("%s%d requests/s offered: p50, ms from the scheduled start", title, apiRate), "", "%.2f", p50, nil)
	r.check(fmt.Sprintf("%s%d requests/s offered: p99, ms from the scheduled start", title, apiRate), "< 10", "%.2f", p99, atMost(10))
	r.check(title+"most requests/s", "", "%.0f", most, nil)
	r.check("bare net/http with the same store, one insert for each request, same requests: most requests/s", "", "%.0f", bare, nil)
	r.check("Carillon / bare", "≥ 0.5", "%.2f", ratio, atLeast(0.5))
	return nil
}

// pace is how requests were answered.
type pace struct {
	usage
	rate float64 // answered per second
	took []time.Duration
}

// String is for the progress.
func (p pace) String() string {
	return fmt.Sprintf("%.0f/s, p50 %.2f p99 %.2f max %.1f ms, server %.2f, generator %.2f cores", p.rate, milliseconds(percentile(p.took, 50)),
		milliseconds(percentile(p.took, 99)), milliseconds(percentile(p.took, 100)), p.server, p.generator)
}

func (b *bench) apiRun(ctx context.Context) (fixed, most pace, err error) {
	dir, remove, err := b.scratch()
	if err != nil {
		return fixed, most, err
	}
	defer remove()
	s, err := b.serve(ctx, dir)
	if err != nil {
		return fixed, most, err
	}
	defer s.stop()
	w := newWork(s.signer)
	for i := range w.spare {
		m, err := s.createMeeting()
		if err != nil {
			return fixed, most, err
		}
		w.spare[i] = m.MeetingID
	}
	if _, err = w.run(ctx, s.pid(), s.addr, apiRate, apiWarmup); err != nil {
		return fixed, most, err
	}
	if fixed, err = w.run(ctx, s.pid(), s.addr, apiRate, apiTime); err != nil {
		return fixed, most, err
	}
	most, err = w.run(ctx, s.pid(), s.addr, 0, mostTime)
	return fixed, most, err
}

// work is the requests to make, one meeting to two attendees.
type work struct {
	signer func() *signer
	next   atomic.Int64 // number of the next request
	made   sync.Map     // meeting ids by their number
	spare  [50]string   // meetings for attendees of the first
}

func newWork(signer func() *signer) *work { return &work{signer: signer} }

// run makes requests for a time: rate of them a second, each at its own moment
// whether or not earlier ones have been answered (as far as there are
// connections), or as many as possible if rate is 0.
func (w *work) run(ctx context.Context, pid int, addr string, rate int, length time.Duration) (pace, error) {
	workers := make([]*apiWorker, apiConnections)
	for i := range workers {
		c, err := dialHTTP(addr)
		if err != nil {
			return pace{}, err
		}
		defer c.conn.Close()
		workers[i] = &apiWorker{work: w, connection: c, signer: w.signer()}
	}
	m, err := startMeter(pid)
	if err != nil {
		return pace{}, err
	}
	first := w.next.Load()
	start := time.Now()
	var wg sync.WaitGroup
	for _, k := range workers {
		wg.Go(func() { k.err = k.run(ctx, start, first, rate, length) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	var p pace
	if p.usage, err = m.read(); err != nil {
		return p, err
	}
	for _, k := range workers {
		if err == nil {
			err = k.err
		}
		p.took = append(p.took, k.took...)
	}
	slices.Sort(p.took)
	p.rate = float64(len(p.took)) / elapsed.Seconds()
	return p, err
}

// apiWorker is one connection.
type apiWorker struct {
	*work
	*connection
	signer *signer
	took   []time.Duration
	err    error
}

func (k *apiWorker) run(ctx context.Context, start time.Time, first int64, rate int, length time.Duration) error {
	for ctx.Err() == nil {
		n := k.next.Add(1) - 1
		due := time.Now()
		if rate > 0 {
			due = start.Add(time.Duration(n-first) * time.Second / time.Duration(rate))
		}
		if due.Sub(start) >= length {
			return nil
		}
		time.Sleep(time.Until(due))
		if err := k.one(n); err != nil {
			return err
		}
		k.took = append(k.took, time.Since(due))
	}
	return ctx.Err()
}

// one makes request number n.
func (k *apiWorker) one(n int64) error {
	if n%3 != 0 {
		body := `{"ExternalUserId":"user-` + strconv.FormatInt(n, 10) + `"}`
		_, err := k.do(k.signer.request(attendeesPath(k.meetingFor(n)), []byte(body), time.Now()))
		return err
	}
	answer, err := k.do(k.signer.request("/meetings", []byte(createMeetingBody(rand.Text())), time.Now()))
	if err != nil {
		return err
	}
	var out struct {
		Meeting struct {
			MeetingID string `json:"MeetingId"`
		}
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return err
	}
	k.made.Store(n/3, out.Meeting.MeetingID)
	return nil
}

// meetingFor is the meeting of attendee request n.
func (k *apiWorker) meetingFor(n int64) string {
	id, ok := k.made.Load(n/3 - apiLag)
	if n%3 == 2 {
		k.made.Delete(n/3 - apiLag)
	}
	if ok {
		return id.(string)
	}
	return k.spare[n%int64(len(k.spare))]
}
