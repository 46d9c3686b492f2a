package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"
)

// MigrationSet is one domain's schema: the .sql files at the top of FS, named
// by a number and what they do, such as "001_meetings.sql". Each is applied
// once, in the order of the numbers, in a transaction of its own, and never
// changed afterwards.
type MigrationSet struct {
	// Domain is the name under which the numbers count; by custom the package's.
	Domain string
	FS     fs.FS
}

type migration struct {
	version int
	name    string
	sql     string
}

// migrate brings every domain's schema up to date.
func migrate(ctx context.Context, conn *sql.Conn, sets []MigrationSet, log *slog.Logger) error {
	_, err := conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_migrations (
		domain TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, applied_ms BIGINT NOT NULL,
		PRIMARY KEY (domain, version))`)
	if err != nil {
		return fmt.Errorf("migrations: %w", classify(err))
	}
	for _, set := range sets {
		ms, err := set.read()
		if err != nil {
			return err
		}
		if err := set.apply(ctx, conn, ms, log); err != nil {
			return err
		}
	}
	return nil
}

// read lists the set's migrations in order; their numbers start at 1 without a gap.
func (set MigrationSet) read() ([]migration, error) {
	names, err := fs.Glob(set.FS, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", set.Domain, err)
	}
	sort.Strings(names)
	ms := make([]migration, 0, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migrations of %s: file %q should begin with the number %03d", set.Domain, name, i+1)
		}
		text, err := fs.ReadFile(set.FS, name)
		if err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", set.Domain, err)
		}
		ms = append(ms, migration{version: version, name: name, sql: string(text)})
	}
	return ms, nil
}

func (set MigrationSet) apply(ctx context.Context, conn *sql.Conn, ms []migration, log *slog.Logger) error {
	var have int
	err := conn.QueryRowContext(ctx,
		`SELECT COALESCE(MAX(version), 0) FROM schema_migrations WHERE domain = $1`, set.Domain).Scan(&have)
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", set.Domain, classify(err))
	}
	if have > len(ms) {
		return fmt.Errorf("migrations of %s: the database is at version %d, this program knows only %d: it was written by a newer Carillon",
			set.Domain, have, len(ms))
	}
	for _, m := range ms[have:] {
		if err := applyOne(ctx, conn, set.Domain, m); err != nil {
			return fmt.Errorf("migration %s of %s: %w", m.name, set.Domain, classify(err))
		}
		log.Info("store: migrated", "domain", set.Domain, "migration", m.name)
	}
	return nil
}

func applyOne(ctx context.Context, conn *sql.Conn, domain string, m migration) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, m.sql); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO schema_migrations (domain, version, name, applied_ms) VALUES ($1, $2, $3, $4)`,
		domain, m.version, m.name, time.Now().UnixMilli())
	if err != nil {
		return err
	}
	return tx.Commit()
}
