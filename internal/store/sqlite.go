package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strconv"

	"modernc.org/sqlite"
)

// SQLite's primary result codes that mean something to callers
// (https://www.sqlite.org/rescode.html).
const (
	sqliteFull       = 13
	sqliteConstraint = 19
)

// openWriter opens the database for its one writing connection.
//
// WAL lets readers go on while the writer commits; synchronous FULL makes every
// COMMIT fsync the log, which NORMAL would leave to the next checkpoint: an
// acknowledged write could then be lost in a power cut.
func openWriter(path string, maxPages int) (*sql.DB, error) {
	pragmas := []string{
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"cache_size(-16000)", // KiB
		"temp_store(MEMORY)",
		// 16 MiB of log before it is moved into the file: moving costs two
		// fsyncs and falls on one unlucky group.
		"wal_autocheckpoint(4000)",
	}
	if maxPages > 0 {
		pragmas = append(pragmas, "max_page_count("+strconv.Itoa(maxPages)+")")
	}
	db, err := sql.Open("sqlite", dsn(path, pragmas))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// openReaders opens the pool for reading; its connections refuse to write.
func openReaders(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, []string{
		"busy_timeout(10000)",
		"query_only(1)",
		"cache_size(-4000)",
		"temp_store(MEMORY)",
	}))
	if err != nil {
		return nil, err
	}
	n := max(4, runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

func dsn(path string, pragmas []string) string {
	u := url.URL{Path: path}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": pragmas}
	return "file:" + u.EscapedPath() + "?" + q.Encode()
}

// classify gives a driver's error one of the package's meanings.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrConnDone) || err.Error() == "sql: database is closed" {
		return ErrClosed
	}
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqliteFull {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// IsConflict tells whether err is a broken constraint of the schema, such as a
// second row under a unique key.
func IsConflict(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqliteConstraint
}
