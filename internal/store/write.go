package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// gatherLimit is the longest time between the start of a group and its
	// COMMIT for which new callers are still taken in.
	gatherLimit = 2 * time.Millisecond
	// lull is how long the writer listens for one more caller, in a group that
	// is still smaller than the last one.
	lull = 300 * time.Microsecond
	// queueLength bounds the callers that wait; more block in Write.
	queueLength = 1024
	// slowCommit is worth a line in the log.
	slowCommit = time.Second
)

// request is one caller of Write.
type request struct {
	ctx   context.Context
	fn    func(*Tx) error
	err   error
	panic any // what fn panicked with
	done  chan struct{}
}

// Write runs fn in a transaction and returns once the change is on disk.
//
// fn runs on the writer's goroutine, together with other callers' functions in
// one transaction: it sees their changes, must be quick, must not call Write,
// and must not keep tx. When it returns an error, its own changes are undone
// and Write returns that error as it is. When ctx ends before fn has begun, fn
// is not run; once it has begun, it is finished.
func (s *Store) Write(ctx context.Context, fn func(tx *Tx) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan struct{})}
	if err := s.enqueue(r); err != nil {
		return err
	}
	<-r.done
	if r.panic != nil {
		panic(r.panic)
	}
	return r.err
}

func (s *Store) enqueue(r *request) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	select {
	case s.queue <- r:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// writer is the goroutine that owns the writing connection until Close.
func (s *Store) writer() {
	defer close(s.written)
	g := &group{s: s}
	g.tx.g = g
	for first := range s.queue {
		g.run(first)
	}
}

// group is one transaction and the callers in it. The writer reuses it.
type group struct {
	s       *Store
	tx      Tx
	members []*request
	open    bool  // BEGIN has been done
	changed bool  // something is in the transaction already
	broken  error // the whole transaction is lost
}

func (g *group) run(first *request) {
	start := time.Now()
	g.members, g.open, g.changed, g.broken = g.members[:0], false, false, nil
	for r := first; r != nil; r = g.next(start) {
		g.members = append(g.members, r)
		g.call(r)
		if g.broken != nil {
			break
		}
	}
	g.finish()
}

// next returns one more caller for this group, or nil when it is time to commit.
func (g *group) next(start time.Time) *request {
	spent := time.Since(start)
	if spent >= gatherLimit || len(g.members) >= queueLength {
		return nil
	}
	select {
	case r := <-g.s.queue: // nil once the queue is closed
		return r
	default:
	}
	if len(g.members) >= g.s.expected {
		return nil
	}
	t := time.NewTimer(min(lull, gatherLimit-spent))
	defer t.Stop()
	select {
	case r := <-g.s.queue:
		return r
	case <-t.C:
		return nil
	}
}

// call runs one caller's function and undoes what it did if it fails.
func (g *group) call(r *request) {
	if r.err = r.ctx.Err(); r.err != nil {
		return
	}
	g.tx.saved, g.tx.wrote = false, false
	if r.err = g.begin(); r.err != nil {
		g.broken = r.err
		return
	}
	r.err = g.protect(r)
	if r.err == nil && r.panic == nil {
		g.keep()
		return
	}
	g.s.counters.rolledBack.Add(1)
	g.undo()
}

func (g *group) begin() error {
	if g.open {
		return nil
	}
	if err := g.command("BEGIN IMMEDIATE"); err != nil {
		_ = g.command("ROLLBACK") // whatever a failed one has left open, or the next group would fail as well
		return fmt.Errorf("store: begin: %w", err)
	}
	g.open = true
	return nil
}

// protect runs fn and carries a panic over to the caller's goroutine: one bad
// caller must not take the writer down.
func (g *group) protect(r *request) (err error) {
	defer func() { r.panic = recover() }()
	return r.fn(&g.tx)
}

// keep makes a caller's changes part of the group.
func (g *group) keep() {
	if g.tx.saved {
		// Fails when SQLite has given up the whole transaction (disk full, I/O
		// error) and the caller's function did not report it.
		if err := g.command("RELEASE caller"); err != nil {
			g.broken = fmt.Errorf("store: transaction lost: %w", err)
			return
		}
	}
	g.changed = g.changed || g.tx.wrote
}

// undo takes back a caller's changes and nobody else's.
func (g *group) undo() {
	switch {
	case !g.tx.wrote:
	case g.tx.saved:
		if err := g.command("ROLLBACK TO caller"); err != nil {
			g.broken = fmt.Errorf("store: transaction lost: %w", err)
			return
		}
		if err := g.command("RELEASE caller"); err != nil {
			g.broken = fmt.Errorf("store: transaction lost: %w", err)
		}
	default: // alone so far: the transaction is the savepoint
		_ = g.command("ROLLBACK") // fails when SQLite has rolled back by itself
		g.open = false
	}
}

// finish commits the group and tells its callers.
func (g *group) finish() {
	begun := time.Now()
	if g.broken == nil && g.open {
		if err := g.command("COMMIT"); err != nil {
			g.broken = fmt.Errorf("store: commit: %w", err)
		}
	}
	if g.broken != nil && g.open {
		_ = g.command("ROLLBACK")
	}
	took := time.Since(begun)
	g.s.counters.count(len(g.members), took, g.broken)
	if took > slowCommit {
		g.s.log.Warn("store: slow commit", "took", took, "callers", len(g.members))
	}
	g.s.expected = len(g.members)
	for i, r := range g.members {
		if g.broken != nil && r.err == nil {
			r.err = g.broken
		}
		close(r.done)
		g.members[i] = nil
	}
}

func (g *group) command(sql string) error {
	_, err := g.s.exec(sql)
	return err
}

// exec runs one statement on the writing connection, without a context: an
// interrupted statement would roll back every caller of the group.
func (s *Store) exec(query string, args ...any) (sql.Result, error) {
	st, err := s.prepare(query)
	if err != nil {
		return nil, classify(err)
	}
	res, err := st.ExecContext(context.Background(), args...)
	return res, classify(err)
}

func (s *Store) prepare(query string) (*sql.Stmt, error) {
	if st := s.prepared[query]; st != nil {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.prepared[query] = st
	return st, nil
}

// Tx is one caller's part of a group. It is valid only during the caller's
// function and only on its goroutine.
type Tx struct {
	g     *group
	saved bool // the savepoint is set
	wrote bool // Exec has been called
}

// Exec runs a statement that changes something and returns how many rows it
// touched.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	if err := tx.save(); err != nil {
		return 0, err
	}
	res, err := tx.g.s.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// save sets the caller's savepoint before its first change. The first caller
// of a group has the whole transaction to itself and needs none.
func (tx *Tx) save() error {
	if tx.wrote {
		return nil
	}
	tx.wrote = true
	if !tx.g.changed {
		return nil
	}
	tx.saved = true
	return tx.g.command("SAVEPOINT caller")
}

// Query implements [Queryer] inside the transaction; it must not change
// anything. The caller closes the rows before its function returns.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	st, err := tx.g.s.prepare(query)
	if err != nil {
		return nil, classify(err)
	}
	rows, err := st.QueryContext(context.Background(), args...)
	return rows, classify(err)
}

// QueryRow implements [Queryer] inside the transaction.
func (tx *Tx) QueryRow(query string, args ...any) Row {
	st, err := tx.g.s.prepare(query)
	if err != nil {
		return Row{err: classify(err)}
	}
	return Row{row: st.QueryRowContext(context.Background(), args...)}
}
