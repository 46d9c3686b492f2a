package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"
)

// notes is a schema for tests: one table with a unique key.
var notes = MigrationSet{Domain: "notes", FS: fstest.MapFS{
	"001_notes.sql": {Data: []byte(`CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT NOT NULL);
		CREATE INDEX notes_body ON notes (body);`)},
}}

func open(t testing.TB, c Config) *Store {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Migrations == nil {
		c.Migrations = []MigrationSet{notes}
	}
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func insert(s *Store, id string) error {
	return s.Write(context.Background(), func(tx *Tx) error { return insertTx(tx, id) })
}

func insertTx(tx *Tx, id string) error {
	_, err := tx.Exec(`INSERT INTO notes (id, body) VALUES ($1, $2)`, id, "body of "+id)
	return err
}

func count(t testing.TB, s *Store) (n int) {
	t.Helper()
	if err := s.QueryRow(context.Background(), `SELECT COUNT(*) FROM notes`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStore_Write(t *testing.T) {
	ctx := context.Background()

	t.Run("Read", func(t *testing.T) {
		s := open(t, Config{})
		if err := insert(s, "a"); err != nil {
			t.Fatal(err)
		}
		var body string
		if err := s.QueryRow(ctx, `SELECT body FROM notes WHERE id = $1`, "a").Scan(&body); err != nil || body != "body of a" {
			t.Fatalf("body = %q, %v", body, err)
		}
		err := s.QueryRow(ctx, `SELECT body FROM notes WHERE id = $1`, "b").Scan(&body)
		if !errors.Is(err, ErrNoRows) {
			t.Fatalf("missing row: %v, want ErrNoRows", err)
		}
	})

	t.Run("FailureUndoesOnlyItsOwn", func(t *testing.T) {
		s := open(t, Config{})
		refused := errors.New("refused")
		running, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		// The first caller holds the writer until the others have queued up,
		// so that all of them land in one group.
		wg.Go(func() {
			err := s.Write(ctx, func(tx *Tx) error {
				close(running)
				<-release
				return insertTx(tx, "first")
			})
			if err != nil {
				t.Error("first:", err)
			}
		})
		<-running
		for i := range 20 {
			wg.Go(func() {
				err := s.Write(ctx, func(tx *Tx) error {
					if err := insertTx(tx, fmt.Sprint("n", i)); err != nil {
						return err
					}
					if i%2 == 0 {
						return refused
					}
					return nil
				})
				if want := i%2 == 0; errors.Is(err, refused) != want {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		for len(s.queue) < 20 {
			time.Sleep(time.Millisecond)
		}
		close(release)
		wg.Wait()
		if n := count(t, s); n != 11 {
			t.Errorf("%d rows, want 11", n)
		}
		if st := s.Stats(); st.RolledBack != 10 || st.Callers != 21 {
			t.Errorf("stats %+v", st)
		}
	})

	t.Run("FirstFails", func(t *testing.T) {
		s := open(t, Config{})
		refused := errors.New("refused")
		err := s.Write(ctx, func(tx *Tx) error { insertTx(tx, "x"); return refused })
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if err := insert(s, "y"); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})

	t.Run("SeesItsOwnChanges", func(t *testing.T) {
		s := open(t, Config{})
		err := s.Write(ctx, func(tx *Tx) error {
			if err := insertTx(tx, "a"); err != nil {
				return err
			}
			var n int
			if err := tx.QueryRow(`SELECT COUNT(*) FROM notes`).Scan(&n); err != nil || n != 1 {
				return fmt.Errorf("sees %d rows, %w", n, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})

	t.Run("Conflict", func(t *testing.T) {
		s := open(t, Config{})
		insert(s, "a")
		if err := insert(s, "a"); !IsConflict(err) {
			t.Fatalf("second row under one key: %v", err)
		}
	})

	t.Run("PanicReachesItsCaller", func(t *testing.T) {
		s := open(t, Config{})
		func() {
			defer func() {
				if p := recover(); p != "oh" {
					t.Errorf("recovered %v", p)
				}
			}()
			s.Write(ctx, func(tx *Tx) error { insertTx(tx, "a"); panic("oh") })
		}()
		if err := insert(s, "b"); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})

	t.Run("CancelledBeforeItBegan", func(t *testing.T) {
		s := open(t, Config{})
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		err := s.Write(ctx, func(tx *Tx) error { return insertTx(tx, "a") })
		if !errors.Is(err, context.Canceled) || count(t, s) != 0 {
			t.Fatalf("%v, %d rows", err, count(t, s))
		}
	})
}

func TestStore_Concurrent(t *testing.T) {
	s := open(t, Config{})
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 40 {
				id := fmt.Sprintf("%d-%d", w, i)
				if err := insert(s, id); err != nil {
					t.Error(err)
				}
				var got string
				if err := s.QueryRow(context.Background(), `SELECT id FROM notes WHERE id = $1`, id).Scan(&got); err != nil {
					t.Errorf("an acknowledged row is not read: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, s); n != 640 {
		t.Errorf("%d rows, want 640", n)
	}
	if st := s.Stats(); st.Callers != 640 || st.LargestBatch < 2 {
		t.Errorf("callers were not grouped: %+v", st)
	}
}

func TestStore_Full(t *testing.T) {
	s := open(t, Config{maxPages: 24})
	big := strings.Repeat("x", 8000)
	put := func(id string) error {
		return s.Write(context.Background(), func(tx *Tx) error {
			_, err := tx.Exec(`INSERT INTO notes (id, body) VALUES ($1, $2)`, id, big)
			return err
		})
	}
	stored := 0
	var err error
	for i := range 100 {
		if err = put(fmt.Sprint(i)); err != nil {
			break
		}
		stored++
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d rows: %v, want ErrFull", stored, err)
	}
	if n := count(t, s); n != stored {
		t.Errorf("%d rows, acknowledged were %d", n, stored)
	}
	// What makes room still works.
	err = s.Write(context.Background(), func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM notes`)
		return err
	})
	if err != nil {
		t.Errorf("delete on a full database: %v", err)
	}
	if err := put("again"); err != nil {
		t.Errorf("after making room: %v", err)
	}
}

// A caller that is told "full" must not take down those that share its group.
func TestStore_FullInGroup(t *testing.T) {
	s := open(t, Config{maxPages: 40})
	big := strings.Repeat("x", 8000)
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged := 0
	for i := range 64 {
		wg.Go(func() {
			err := s.Write(context.Background(), func(tx *Tx) error {
				_, err := tx.Exec(`INSERT INTO notes (id, body) VALUES ($1, $2)`, fmt.Sprint(i), big)
				return err
			})
			if err == nil {
				mu.Lock()
				acknowledged++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n := count(t, s); n != acknowledged {
		t.Errorf("%d rows, acknowledged were %d", n, acknowledged)
	}
}

func TestStore_Closed(t *testing.T) {
	s := open(t, Config{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := insert(s, "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("Write: %v, want ErrClosed", err)
	}
	var n int
	if err := s.QueryRow(context.Background(), `SELECT 1`).Scan(&n); !errors.Is(err, ErrClosed) {
		t.Errorf("QueryRow: %v, want ErrClosed", err)
	}
	if _, err := s.Query(context.Background(), `SELECT 1`); !errors.Is(err, ErrClosed) {
		t.Errorf("Query: %v, want ErrClosed", err)
	}
}

func TestStore_CloseFinishesWaitingWrites(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored := 0
	for i := range 50 {
		wg.Go(func() {
			if err := insert(s, fmt.Sprint(i)); err == nil {
				mu.Lock()
				stored++
				mu.Unlock()
			} else if !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
	s.Close()
	wg.Wait()
	if n := count(t, open(t, Config{Dir: dir})); n != stored {
		t.Errorf("%d rows, acknowledged were %d", n, stored)
	}
}

func TestStore_FileIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with space ? and #")
	s := open(t, Config{Dir: dir})
	insert(s, "a")
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", f.Name(), info.Mode())
		}
	}
}

func TestOpen_Migrations(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	v1 := MigrationSet{Domain: "d", FS: fstest.MapFS{"001_a.sql": {Data: []byte(`CREATE TABLE a (x TEXT)`)}}}
	v2 := MigrationSet{Domain: "d", FS: fstest.MapFS{
		"001_a.sql": {Data: []byte(`CREATE TABLE a (x TEXT)`)},
		"002_b.sql": {Data: []byte(`ALTER TABLE a ADD COLUMN y TEXT; INSERT INTO a (x, y) VALUES ('1', '2')`)},
	}}
	gap := MigrationSet{Domain: "g", FS: fstest.MapFS{"002_b.sql": {Data: []byte(`SELECT 1`)}}}
	bad := MigrationSet{Domain: "b", FS: fstest.MapFS{"001_b.sql": {Data: []byte(`CREATE TABLE half (x TEXT); nonsense`)}}}

	try := func(sets ...MigrationSet) error {
		s, err := Open(ctx, Config{Dir: dir, Migrations: sets})
		if err == nil {
			err = s.Close()
		}
		return err
	}
	for range 2 {
		if err := try(v1); err != nil {
			t.Fatal(err)
		}
	}
	if err := try(v2); err != nil {
		t.Fatal(err)
	}
	if err := try(v1); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("an older program opened a newer database: %v", err)
	}
	if err := try(gap); err == nil || !strings.Contains(err.Error(), "001") {
		t.Errorf("a gap in the numbers: %v", err)
	}
	if err := try(bad); err == nil {
		t.Error("a broken migration was accepted")
	}
	s := open(t, Config{Dir: dir, Migrations: []MigrationSet{v2}})
	var n int
	err := s.QueryRow(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE name = 'half'`).Scan(&n)
	if err != nil || n != 0 {
		t.Errorf("half of a broken migration is there: %d, %v", n, err)
	}
}

func TestOpen_NoLeak(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := Open(context.Background(), Config{Dir: t.TempDir(), Migrations: []MigrationSet{notes}})
	if err != nil {
		t.Fatal(err)
	}
	insert(s, "a")
	count(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error("second Close:", err)
	}
}
