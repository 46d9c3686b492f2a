// Package store keeps the truth in SQL: the connection, the migrations and the
// transactions of an embedded SQLite database.
//
// # What a caller may rely on
//
// When [Store.Write] returns nil, the change has been fsynced and survives a
// kill -9 and a power cut. When it returns an error, nothing of the caller's
// own change is there. Reads see every write that was acknowledged before they
// began.
//
// # How writes are grouped
//
// An fsync costs the same for one change as for fifty, so one goroutine, the
// writer, owns the only connection that writes and takes whoever waits into one
// transaction:
//
//	caller A ──┐
//	caller B ──┼─► queue ─► BEGIN IMMEDIATE
//	caller C ──┘              A's fn              (the first needs no savepoint)
//	                          SAVEPOINT, B's fn   (fails: ROLLBACK TO)
//	                          SAVEPOINT, C's fn   RELEASE
//	                        COMMIT  = one fsync, then A, B and C are told
//
// While one group is being committed the next one gathers by itself, so a lone
// caller never waits for company. Only when the last group had more callers than
// this one does the writer linger for a moment, at most [gatherLimit] in all.
//
// # SQL
//
// One text for every dialect: $1 placeholders, TEXT, BIGINT and BOOLEAN
// columns, times as BIGINT milliseconds, JSON as TEXT. Query texts are
// constants: each one is prepared once per connection and kept.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that a caller may tell apart.
var (
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store is closed")
	// ErrFull: the disk, or the database's allowance, is full. Nothing was
	// changed; reads go on working.
	ErrFull = errors.New("no space left for the database")
	// ErrNoRows is what Scan of a row that is not there returns.
	ErrNoRows = sql.ErrNoRows
)

// fileName is the database inside Config.Dir; SQLite puts -wal and -shm beside it.
const fileName = "carillon.db"

// Config says where the database is and what belongs into it.
type Config struct {
	// Dir is the folder of the database file. It is made if it is missing (0700).
	Dir string
	// Migrations are the schemas of all domains; see [MigrationSet].
	Migrations []MigrationSet
	// Log hears of migrations and of writes that took very long. Nil: silence.
	Log *slog.Logger

	maxPages int // tests only: the size at which the database is full
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	log   *slog.Logger
	path  string
	write *sql.DB // at most one connection, held as conn
	conn  *sql.Conn
	read  *sql.DB
	reads statements

	mu      sync.RWMutex // guards closed, and sends on queue against Close
	closed  bool
	queue   chan *request
	written chan struct{} // closed when the writer is gone

	// The writer's own; no other goroutine touches them.
	prepared map[string]*sql.Stmt
	expected int // how many callers the last group had

	counters counters
}

// Open opens the database in c.Dir, makes it when there is none, and brings its
// schema up to date. The caller must Close the store.
func Open(ctx context.Context, c Config) (*Store, error) {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	path, err := makeFile(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{
		log:      log,
		path:     path,
		queue:    make(chan *request, queueLength),
		written:  make(chan struct{}),
		prepared: make(map[string]*sql.Stmt),
	}
	if err := s.connect(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", path, err), s.disconnect())
	}
	go s.writer()
	return s, nil
}

// makeFile makes the folder and an empty database file that only its owner may
// read: it holds join tokens.
func makeFile(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(dir, fileName))
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	return path, f.Close()
}

func (s *Store) connect(ctx context.Context, c Config) (err error) {
	if s.write, err = openWriter(s.path, c.maxPages); err != nil {
		return err
	}
	if s.conn, err = s.write.Conn(ctx); err != nil {
		return classify(err)
	}
	if err = migrate(ctx, s.conn, c.Migrations, s.log); err != nil {
		return err
	}
	if s.read, err = openReaders(s.path); err != nil {
		return err
	}
	s.reads.db = s.read
	return nil
}

// disconnect closes what connect has opened, readers first: the last connection
// to go moves the write-ahead log into the database file.
func (s *Store) disconnect() error {
	var errs []error
	if s.read != nil {
		s.reads.close()
		errs = append(errs, s.read.Close())
	}
	for _, st := range s.prepared {
		errs = append(errs, st.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}

// Close finishes the writes that have been accepted, then closes the database.
// Later calls of any method return [ErrClosed]; a second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.mu.Unlock()
	<-s.written
	return s.disconnect()
}

// Stats are counts since the store was opened.
type Stats struct {
	// Batches is how many groups were committed (one fsync each), Callers how
	// many calls of Write they carried, the failed ones included.
	Batches, Callers uint64
	// RolledBack counts callers whose own function failed; FailedBatches
	// counts groups that failed as a whole.
	RolledBack, FailedBatches uint64
	// LargestBatch is the most callers that one group has had.
	LargestBatch uint64
	// CommitTime is the time spent in COMMIT, fsync included, in all;
	// LongestCommit is the worst single one.
	CommitTime, LongestCommit time.Duration
}

type counters struct {
	batches, callers, rolledBack, failed, largest atomic.Uint64
	commitNanos, longestNanos                     atomic.Int64
}

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	c := &s.counters
	return Stats{
		Batches:       c.batches.Load(),
		Callers:       c.callers.Load(),
		RolledBack:    c.rolledBack.Load(),
		FailedBatches: c.failed.Load(),
		LargestBatch:  c.largest.Load(),
		CommitTime:    time.Duration(c.commitNanos.Load()),
		LongestCommit: time.Duration(c.longestNanos.Load()),
	}
}

// count books one finished group; only the writer calls it.
func (c *counters) count(callers int, commit time.Duration, err error) {
	c.batches.Add(1)
	c.callers.Add(uint64(callers))
	if err != nil {
		c.failed.Add(1)
	}
	c.largest.Store(max(c.largest.Load(), uint64(callers)))
	c.commitNanos.Add(int64(commit))
	c.longestNanos.Store(max(c.longestNanos.Load(), int64(commit)))
}
