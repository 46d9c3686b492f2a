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
	apiTime        = 6 * time.Second
	apiWarmup      = 2 * time.Second
	mostTime       = 3 * time.Second
	// attendees go to meetings that were made this many meetings earlier, so
	// that these have been answered.
	apiLag = 400
)

// api is benchmark c. The bare server gets the fixed rate too: what its slowest
// requests take is the machine's and the disk's doing.
func (b *bench) api(ctx context.Context, r *report) error {
	var p50, p99, answered, control, most, bare, ratio []float64
	for n := 1; len(p99) < b.runs && n <= b.runs+3; n++ {
		fixed, best, err := b.apiRun(ctx)
		if err != nil {
			return err
		}
		bareFixed, bareBest, err := b.bareRun(ctx)
		if err != nil {
			return fmt.Errorf("bare server: %w", err)
		}
		r.progress("run %d: Carillon %s; closed loop %s", n, fixed, best)
		r.progress("run %d: bare %s; closed loop %s", n, bareFixed, bareBest)
		if fixed.generator > 0.9 || best.generator > 0.9 || bareBest.generator > 0.9 {
			r.note("run %d does not count: the generator used more than 0.9 cores", n)
			continue
		}
		if stalled := percentile(bareFixed.took, 99); stalled > 10*time.Millisecond {
			r.note("run %d does not count: the disk or the machine was busy, the bare server's p99 was %.0f ms (Carillon: p99 %.0f ms; most %.0f and %.0f requests/s)",
				n, milliseconds(stalled), milliseconds(percentile(fixed.took, 99)), best.rate, bareBest.rate)
			continue
		}
		p50, p99 = append(p50, milliseconds(percentile(fixed.took, 50))), append(p99, milliseconds(percentile(fixed.took, 99)))
		control = append(control, milliseconds(percentile(bareFixed.took, 99)))
		answered = append(answered, fixed.rate)
		most, bare, ratio = append(most, best.rate), append(bare, bareBest.rate), append(ratio, best.rate/bareBest.rate)
	}
	r.note("requests: one CreateMeeting to two CreateAttendee, signed, durable, %d connections; latency counts from the scheduled start", apiConnections)
	title := fmt.Sprintf("%d requests/s offered: ", apiRate)
	r.check(title+"answered per second", "≥ 4950", "%.0f", answered, atLeast(0.99*apiRate))
	r.check(title+"p50, ms", "", "%.2f", p50, nil)
	r.check(title+"p99, ms", "< 10", "%.2f", p99, atMost(10))
	r.check(title+"p99 of the bare server in the same run, ms", "", "%.2f", control, nil)
	r.check("most requests/s, Carillon", "", "%.0f", most, nil)
	r.check("most requests/s, bare net/http with the same store, one insert for each", "", "%.0f", bare, nil)
	r.check("most requests/s, Carillon / bare", "≥ 0.5", "%.2f", ratio, atLeast(0.5))
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
