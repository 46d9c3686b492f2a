package store

import (
	"context"
	"database/sql"
	"sync"
)

// keptStatements bounds the prepared statements of the read pool. Query texts
// are constants, so a program has a few hundred; what comes after is prepared
// each time.
const keptStatements = 1024

// Queryer is what reads rows: a [Tx] inside a write, or a [Reader] outside.
type Queryer interface {
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) Row
}

// Row is one row, or the reason why there is none.
type Row struct {
	row *sql.Row
	err error
}

// Scan copies the row's columns into dest; [ErrNoRows] when there is no row.
func (r Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return classify(r.row.Scan(dest...))
}

// Query reads rows from the pool. The caller closes them.
func (s *Store) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.reads.get(ctx, query)
	if err != nil {
		return nil, classify(err)
	}
	if st == nil {
		rows, err := s.read.QueryContext(ctx, query, args...)
		return rows, classify(err)
	}
	rows, err := st.QueryContext(ctx, args...)
	return rows, classify(err)
}

// QueryRow reads at most one row from the pool.
func (s *Store) QueryRow(ctx context.Context, query string, args ...any) Row {
	st, err := s.reads.get(ctx, query)
	if err != nil {
		return Row{err: classify(err)}
	}
	if st == nil {
		return Row{row: s.read.QueryRowContext(ctx, query, args...)}
	}
	return Row{row: st.QueryRowContext(ctx, args...)}
}

// Reader is the read pool bound to a context, for code that reads either inside
// or outside a write.
type Reader struct {
	ctx context.Context
	s   *Store
}

// Reader binds the read pool to ctx.
func (s *Store) Reader(ctx context.Context) Reader { return Reader{ctx: ctx, s: s} }

// Query implements [Queryer].
func (r Reader) Query(query string, args ...any) (*sql.Rows, error) {
	return r.s.Query(r.ctx, query, args...)
}

// QueryRow implements [Queryer].
func (r Reader) QueryRow(query string, args ...any) Row {
	return r.s.QueryRow(r.ctx, query, args...)
}

// statements keeps the read pool's prepared statements by their text.
type statements struct {
	db *sql.DB
	mu sync.RWMutex
	m  map[string]*sql.Stmt
}

// get returns the statement for query, or nil when it is not worth keeping.
func (p *statements) get(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	st := p.m[query]
	p.mu.RUnlock()
	if st != nil {
		return st, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if st := p.m[query]; st != nil {
		return st, nil
	}
	if len(p.m) >= keptStatements {
		return nil, nil
	}
	st, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if p.m == nil {
		p.m = make(map[string]*sql.Stmt)
	}
	p.m[query] = st
	return st, nil
}

func (p *statements) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range p.m {
		_ = st.Close()
	}
	p.m = nil
}
