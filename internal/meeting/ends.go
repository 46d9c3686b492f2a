package meeting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/store"
)

// Ends are the rules by which meetings end by themselves (events spec section
// 5). A rule with a zero duration does not exist.
type Ends struct {
	// Idle: nobody has been connected for so long; the clock starts at creation.
	Idle time.Duration
	// Lonely: fewer than two have been connected for so long.
	Lonely time.Duration
	// Age: the meeting is so old.
	Age time.Duration
	// AnyConnection counts attendees without audio as connected, too.
	AnyConnection bool
}

// GuideEnds are the rules of the 2020 guide, which counts audio connections.
func GuideEnds() Ends {
	return Ends{Idle: 5 * time.Minute, Lonely: 30 * time.Minute, Age: 24 * time.Hour}
}

// CurrentEnds are the rules of the later documents.
func CurrentEnds() Ends {
	return Ends{Idle: 5 * time.Minute, Age: 24 * time.Hour, AnyConnection: true}
}

// clocks are what decides when a meeting ends, in ms; a since of 0 means that
// the clock stands still.
type clocks struct {
	created, idleSince, lonelySince int64
	replica                         bool // never ends by inactivity (meetings spec section 7)
}

// never is a time that does not come.
const never = int64(1) << 62

// at is when a meeting ends if nothing changes, in ms.
func (e Ends) at(c clocks) int64 {
	end := never
	for _, rule := range []struct {
		since int64
		after time.Duration
		off   bool
	}{{c.created, e.Age, false}, {c.idleSince, e.Idle, c.replica}, {c.lonelySince, e.Lonely, c.replica}} {
		if rule.since != 0 && rule.after != 0 && !rule.off {
			end = min(end, rule.since+rule.after.Milliseconds())
		}
	}
	return end
}

// seen sets the clocks by who is connected now.
func (e Ends) seen(c clocks, p bus.Presence, now int64) clocks {
	n := p.AudioConnections
	if e.AnyConnection {
		n = max(n, p.Connections)
	}
	c.idleSince = since(c.idleSince, n < 1, now)
	c.lonelySince = since(c.lonelySince, n < 2, now)
	return c
}

// since starts a clock, lets it run, or stops it.
func since(was int64, runs bool, now int64) int64 {
	switch {
	case !runs:
		return 0
	case was == 0:
		return now
	}
	return was
}

const (
	// lookEvery is how often ends are looked for when no alarm is due sooner.
	lookEvery = time.Minute
	// endsAtOnce and purgedAtOnce bound what one write does, so that calls
	// get their turn in between.
	endsAtOnce   = 100
	purgedAtOnce = 500
)

// Run follows presence, ends meetings whose time has come and removes what has
// ended, until ctx ends; it returns ctx's error. It is called once. At its start
// nobody is known to be connected, so all idle clocks start anew: clients that
// were connected come back within seconds.
func (s *Service) Run(ctx context.Context) error {
	if s.followErr != nil {
		return fmt.Errorf("meeting: follow presence: %w", s.followErr)
	}
	defer s.unfollow()
	if err := s.restartClocks(ctx); err != nil {
		return fmt.Errorf("meeting: restart clocks: %w", err)
	}
	close(s.started)
	var a alarm
	for {
		due, err := s.look(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("meeting: ends not looked for", "error", err)
		}
		if a.c == nil || due.Before(a.due) {
			now := s.clock.Now()
			a = alarm{due: due, c: s.clock.After(due.Sub(now))}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.c:
			a.c = nil
		case <-s.kick:
		}
	}
}

// alarm is one call of Clock.After. It is kept until it rings: a clock has no
// way to take one back.
type alarm struct {
	due time.Time
	c   <-chan time.Time
}

// wake makes Run look at once.
func (s *Service) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *Service) onPresence(_ string, data []byte) {
	var p bus.Presence
	if err := json.Unmarshal(data, &p); err != nil || p.Meeting == "" {
		s.log.Warn("meeting: bad presence", "error", err)
		return
	}
	s.mu.Lock()
	s.presence[p.Meeting] = p // the last word counts
	s.mu.Unlock()
	s.wake()
}

func (s *Service) restartClocks(ctx context.Context) error {
	now := s.nowMs()
	c := clocks{created: 0, idleSince: now, lonelySince: now}
	soon := s.ends.at(c)
	age := s.ends.Age.Milliseconds()
	if age == 0 {
		age = never / 2
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE meetings SET idle_since_ms = $1, lonely_since_ms = $1,
				ends_ms = CASE WHEN primary_meeting_id <> '' OR created_ms + $3 < $2 THEN created_ms + $3 ELSE $2 END
			WHERE ended_ms = 0`, now, soon, age)
		return err
	})
}

// look does everything that is due and returns when to look again.
func (s *Service) look(ctx context.Context) (time.Time, error) {
	err := s.applyPresence(ctx)
	for err == nil {
		var n int
		if n, err = s.endDue(ctx); n < endsAtOnce {
			break
		}
	}
	for err == nil {
		var more bool
		if more, err = s.purge(ctx); !more {
			break
		}
	}
	due := s.clock.Now().Add(s.lookEvery())
	var first int64
	if err == nil {
		err = s.store.QueryRow(ctx, `SELECT ends_ms FROM meetings WHERE ended_ms = 0 ORDER BY ends_ms LIMIT 1`).Scan(&first)
	}
	switch {
	case errors.Is(err, store.ErrNoRows):
		return due, nil
	case err == nil && first < due.UnixMilli():
		due = time.UnixMilli(first)
	}
	return due, err
}

// lookEvery is short enough that no meeting created meanwhile is missed.
func (s *Service) lookEvery() time.Duration {
	d := lookEvery
	for _, rule := range []time.Duration{s.ends.Idle, s.ends.Lonely, s.ends.Age} {
		if rule > 0 {
			d = min(d, rule)
		}
	}
	return d
}

// applyPresence writes down what presence says. Most messages change no clock.
func (s *Service) applyPresence(ctx context.Context) error {
	s.mu.Lock()
	waiting := s.presence
	s.presence = make(map[string]bus.Presence)
	s.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	now := s.nowMs()
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		for _, p := range waiting {
			if err := s.apply(tx, p, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.mu.Lock()
		for id, p := range waiting { // once more, unless there is news
			if _, news := s.presence[id]; !news {
				s.presence[id] = p
			}
		}
		s.mu.Unlock()
	}
	return err
}

func (s *Service) apply(tx *store.Tx, p bus.Presence, now int64) error {
	var was clocks
	var primary string
	err := tx.QueryRow(`SELECT created_ms, idle_since_ms, lonely_since_ms, primary_meeting_id FROM meetings
		WHERE meeting_id = $1 AND ended_ms = 0`, p.Meeting).Scan(&was.created, &was.idleSince, &was.lonelySince, &primary)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	was.replica = primary != ""
	is := s.ends.seen(was, p, now)
	if is == was {
		return nil
	}
	_, err = tx.Exec(`UPDATE meetings SET idle_since_ms = $2, lonely_since_ms = $3, ends_ms = $4 WHERE meeting_id = $1`,
		p.Meeting, is.idleSince, is.lonelySince, s.ends.at(is))
	return err
}

// endDue ends meetings whose time has come, and returns how many it looked at.
func (s *Service) endDue(ctx context.Context) (n int, err error) {
	var ended []string
	now := s.nowMs()
	var one int64
	err = s.store.QueryRow(ctx, `SELECT 1 FROM meetings WHERE ended_ms = 0 AND ends_ms <= $1 LIMIT 1`, now).Scan(&one)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		due, err := ids(tx, `SELECT meeting_id FROM meetings WHERE ended_ms = 0 AND ends_ms <= $1 ORDER BY ends_ms LIMIT $2`, now, endsAtOnce)
		if err != nil {
			return err
		}
		n = len(due)
		for _, id := range due {
			gone, err := s.end(tx, id)
			if err != nil {
				return err
			}
			ended = append(ended, gone...)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.counters.byClock.Add(uint64(len(ended)))
	for _, id := range ended {
		s.log.Info("meeting: ended by its clock", "meeting", id)
	}
	s.tellEnded(ended)
	return n, nil
}

// end ends a meeting and its replicas and returns which of them lived.
func (s *Service) end(tx *store.Tx, id string) ([]string, error) {
	replicas, err := ids(tx, `SELECT meeting_id FROM meetings
		WHERE primary_meeting_id = $1 AND primary_meeting_id <> '' AND ended_ms = 0`, id)
	if err != nil {
		return nil, err
	}
	var ended []string
	for _, id := range append([]string{id}, replicas...) {
		n, err := tx.Exec(`UPDATE meetings SET ended_ms = $2, client_token = NULL WHERE meeting_id = $1 AND ended_ms = 0`, id, s.nowMs())
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		_, err = tx.Exec(`UPDATE meeting_counts SET active = active - 1
			WHERE account_id = (SELECT account_id FROM meetings WHERE meeting_id = $1)`, id)
		if err != nil {
			return nil, err
		}
		ended = append(ended, id)
	}
	return ended, nil
}

func (s *Service) tellEnded(meetings []string) {
	s.counters.ended.Add(uint64(len(meetings)))
	for _, id := range meetings {
		s.publish("meeting."+id+".ended", bus.MeetingEnded{})
	}
}

// purge removes a part of what has ended; more tells that there is more.
func (s *Service) purge(ctx context.Context) (more bool, err error) {
	var id, account string
	err = s.store.QueryRow(ctx, `SELECT meeting_id, account_id FROM meetings WHERE ended_ms > 0 LIMIT 1`).Scan(&id, &account)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`DELETE FROM attendees WHERE meeting_id = $1 AND attendee_id IN
			(SELECT attendee_id FROM attendees WHERE meeting_id = $1 LIMIT $2)`, id, purgedAtOnce)
		if err != nil || n == purgedAtOnce {
			return err
		}
		if err := s.tags.RemoveTree(tx, account, "meeting/"+id); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM meetings WHERE meeting_id = $1`, id)
		return err
	})
	return err == nil, err
}

// ids reads a list of ids.
func ids(q store.Queryer, query string, args ...any) ([]string, error) {
	rows, err := q.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	var list []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}
