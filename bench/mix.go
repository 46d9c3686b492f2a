package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	talkers   = 3
	listeners = 100
	warmup    = 3 * time.Second
	window    = 8 * time.Second
	joining   = 4 // clients that join at the same time
)

// talkersAndListeners is benchmark a.
func (b *bench) talkersAndListeners(ctx context.Context, r *report) error {
	quiet, err := silence()
	if err != nil {
		return err
	}
	if err := b.beside(ctx, r, "listeners send silence", "≤ 0.125", b.runs, quiet, atMost(1.0/8)); err != nil {
		return err
	}
	open, err := noise()
	if err != nil {
		return err
	}
	return b.beside(ctx, r, "listeners send the noise of an open microphone", "", min(b.runs, 3), open, nil)
}

// beside runs both servers in turn with the same senders, and compares.
func (b *bench) beside(ctx context.Context, r *report, what, target string, runs int, listening clip, ok func(float64) bool) error {
	clips, err := voices(listening)
	if err != nil {
		return err
	}
	p, err := pairs(ctx, r, what, runs,
		func() (outcome, error) { return b.carillonCall(ctx, clips) },
		func() (outcome, error) { return b.janusCall(ctx, clips) })
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%d talkers, %d %s: ", talkers, listeners, what)
	r.check(title+"Carillon (SRTP), cores", "", "%.3f", p.ours, nil)
	r.check(title+"Janus AudioBridge (plain RTP), cores", "", "%.3f", p.theirs, nil)
	r.check(title+"Carillon / Janus", target, "%.3f", p.ratio, ok)
	r.check(title+"generator, cores", "< 0.9", "%.3f", p.generators, atMost(0.9))
	return nil
}

// paired is what two servers used under the same load, run by run.
type paired struct {
	ours, theirs, ratio, generators []float64
}

// pairs measures Carillon and Janus in turn until there are enough runs that
// count, or three more have been made.
func pairs(ctx context.Context, r *report, what string, runs int, carillon, janus func() (outcome, error)) (p paired, err error) {
	for n := 1; len(p.ratio) < runs && n <= runs+3; n++ {
		var us, them outcome
		if us, err = carillon(); err != nil {
			return p, fmt.Errorf("carillon: %w", err)
		}
		r.progress("%s, run %d: carillon %s", what, n, us)
		if them, err = janus(); err != nil {
			return p, fmt.Errorf("janus: %w", err)
		}
		r.progress("%s, run %d: janus %s", what, n, them)
		if err := errors.Join(us.suspicious("Carillon"), them.suspicious("Janus")); err != nil {
			r.note("%s: run %d does not count: %v", what, n, err)
			continue
		}
		if err := errors.Join(us.wrong, them.wrong); err != nil {
			return p, err
		}
		p.ours, p.theirs, p.ratio = append(p.ours, us.server), append(p.theirs, them.server), append(p.ratio, us.server/them.server)
		p.generators = append(p.generators, us.generator, them.generator)
	}
	return p, ctx.Err()
}

// String is for the progress.
func (o outcome) String() string {
	return fmt.Sprintf("%.3f cores, generator %.3f, received %.2f %%, %d of %d late, worst %v",
		o.server, o.generator, 100*o.received, o.late, o.sent, o.worst.Round(time.Millisecond))
}

// pitches are the talkers' tones in Hz; none is a harmonic of another.
func pitches() [talkers]int { return [talkers]int{440, 1000, 1700} }

// voices are what the participants send, the talkers first.
func voices(listening clip) ([]clip, error) {
	var clips []clip
	for _, hz := range pitches() {
		c, err := tone(hz)
		if err != nil {
			return nil, err
		}
		clips = append(clips, c)
	}
	for range listeners {
		clips = append(clips, listening)
	}
	return clips, nil
}

func (b *bench) carillonCall(ctx context.Context, clips []clip) (outcome, error) {
	dir, remove, err := b.scratch()
	if err != nil {
		return outcome{}, err
	}
	defer remove()
	s, err := b.serve(ctx, dir)
	if err != nil {
		return outcome{}, err
	}
	defer s.stop()
	m, err := s.createMeeting()
	if err != nil {
		return outcome{}, err
	}
	phones, err := s.joinAll(ctx, m, len(clips))
	defer func() {
		for _, p := range phones {
			p.cut()
		}
	}()
	if err != nil {
		return outcome{}, err
	}
	lines := make([]*line, len(phones))
	for i, p := range phones {
		lines[i] = p.line
	}
	return talk(ctx, s.pid(), lines, clips)
}

// joinAll brings n clients into a meeting, some at a time. What has joined is
// returned even with an error.
func (s *server) joinAll(ctx context.Context, m meeting, n int) ([]*phone, error) {
	phones := make([]*phone, n)
	var group errgroup.Group
	group.SetLimit(joining)
	for i := range phones {
		group.Go(func() (err error) {
			phones[i], err = s.join(ctx, m)
			return err
		})
	}
	err := group.Wait()
	joined := phones[:0:0]
	for _, p := range phones {
		if p != nil {
			joined = append(joined, p)
		}
	}
	return joined, err
}

func (b *bench) janusCall(ctx context.Context, clips []clip) (outcome, error) {
	dir, remove, err := b.scratch()
	if err != nil {
		return outcome{}, err
	}
	defer remove()
	j, err := b.bridge(ctx, dir)
	if err != nil {
		return outcome{}, err
	}
	defer j.end()
	if err := j.createRoom(1); err != nil {
		return outcome{}, err
	}
	var lines []*line
	defer func() {
		for _, l := range lines {
			l.close()
		}
	}()
	for range clips {
		l, err := j.join(1, false)
		if err != nil {
			return outcome{}, err
		}
		lines = append(lines, l)
	}
	return talk(ctx, j.pid(), lines, clips)
}

// talk lets the lines send their clips, measures, and checks by ear that the
// call is one: the first of the listeners, the one in the middle and the last
// hear all talkers, talkers all but themselves.
func talk(ctx context.Context, pid int, lines []*line, clips []clip) (outcome, error) {
	flows := make([]flow, len(lines))
	for i, l := range lines {
		flows[i] = flow{l, clips[i]}
	}
	samples := []int{0, 1, 2, talkers, len(lines) / 2, len(lines) - 1}
	for _, i := range samples {
		e, err := newEar()
		if err != nil {
			return outcome{}, err
		}
		lines[i].ear.Store(e)
	}
	o, err := measure(ctx, pid, flows, warmup, window)
	if err != nil {
		return o, err
	}
	var wrong []string
	for _, i := range samples {
		for t, hz := range pitches() {
			a := lines[i].ear.Load().amplitude(hz)
			if want := t != i; want && a < 3000 || !want && a > 300 {
				wrong = append(wrong, fmt.Sprintf("participant %d hears %d Hz with an amplitude of %.0f", i, hz, a))
			}
		}
		if n := lines[i].refused.Load(); n > 0 {
			wrong = append(wrong, fmt.Sprintf("participant %d could not open %d packets", i, n))
		}
	}
	if len(wrong) > 0 {
		o.wrong = fmt.Errorf("not a call: %s", strings.Join(wrong, "; "))
	}
	return o, nil
}
