package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	pastMeetings = 1000
	idleTime     = 60 * time.Second
	mutedRooms   = 50
)

// quiet is benchmark b.
func (b *bench) quiet(ctx context.Context, r *report) error {
	return errors.Join(b.past(ctx, r), b.muted(ctx, r))
}

// past measures a server on which many meetings have been held and none is.
func (b *bench) past(ctx context.Context, r *report) error {
	dir, remove, err := b.scratch()
	if err != nil {
		return err
	}
	defer remove()
	s, err := b.serve(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(joining)
	for range pastMeetings {
		group.Go(func() error {
			m, err := s.createMeeting()
			if err != nil {
				return err
			}
			p, err := s.join(ctx, m)
			if err != nil {
				return err
			}
			return p.hangUp(ctx)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	whole, err := startMeter(s.pid())
	if err != nil {
		return err
	}
	var parts []float64
	for range b.runs {
		m, err := startMeter(s.pid())
		if err != nil {
			return err
		}
		if err := sleep(ctx, idleTime/time.Duration(b.runs)); err != nil {
			return err
		}
		u, err := m.read()
		if err != nil {
			return err
		}
		parts = append(parts, u.server)
	}
	u, err := whole.read()
	if err != nil {
		return err
	}
	resident, _, err := residentMiB(s.pid())
	if err != nil {
		return err
	}
	r.note("%d meetings were created, joined and left in %.1f s; then %.4f cores over %v in all, resident memory %.0f MiB",
		pastMeetings, took.Seconds(), u.server, idleTime, resident)
	r.check(fmt.Sprintf("%d meetings joined and left: idle for the next %v, in %d parts, cores", pastMeetings, idleTime, b.runs),
		"≤ 0.01", "%.4f", parts, atMost(0.01))
	return nil
}

// muted measures small meetings in which nobody speaks.
func (b *bench) muted(ctx context.Context, r *report) error {
	c, err := silence()
	if err != nil {
		return err
	}
	p, err := pairs(ctx, r, "muted meetings", b.runs,
		func() (outcome, error) { return b.carillonRooms(ctx, c) },
		func() (outcome, error) { return b.janusRooms(ctx, c) })
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%d meetings of two muted attendees: ", mutedRooms)
	r.check(title+"Carillon (SRTP), cores", "", "%.3f", p.ours, nil)
	r.check(title+"Janus AudioBridge (plain RTP), cores", "", "%.3f", p.theirs, nil)
	r.check(title+"Carillon / Janus", "reported", "%.3f", p.ratio, nil)
	return nil
}

func (b *bench) carillonRooms(ctx context.Context, c clip) (outcome, error) {
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
	var flows []flow
	for range mutedRooms {
		m, err := s.createMeeting()
		if err != nil {
			return outcome{}, err
		}
		phones, err := s.joinAll(ctx, m, 2)
		for _, p := range phones {
			defer p.cut()
			flows = append(flows, flow{p.line, c})
			err = errors.Join(err, p.mute())
		}
		if err != nil {
			return outcome{}, err
		}
	}
	return measure(ctx, s.pid(), flows, warmup, window)
}

func (b *bench) janusRooms(ctx context.Context, c clip) (outcome, error) {
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
	var flows []flow
	for room := range mutedRooms {
		if err := j.createRoom(room + 1); err != nil {
			return outcome{}, err
		}
		for range 2 {
			l, err := j.join(room+1, true)
			if err != nil {
				return outcome{}, err
			}
			defer l.close()
			flows = append(flows, flow{l, c})
		}
	}
	return measure(ctx, j.pid(), flows, warmup, window)
}
