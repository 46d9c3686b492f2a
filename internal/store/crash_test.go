package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// crashDir makes the test binary run as the writer that is killed.
const crashDir = "CARILLON_STORE_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes rows from several goroutines and prints each id after
// its Write has returned.
func writeUntilKilled(dir string) {
	s, err := Open(context.Background(), Config{Dir: dir, Migrations: []MigrationSet{notes}})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				if err := insert(s, id); err != nil {
					return
				}
				mu.Lock()
				fmt.Fprintln(os.Stdout, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// What was acknowledged survives kill -9.
func TestStore_SurvivesKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == 500 {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(acknowledged) < 500 {
		t.Fatalf("the child wrote only %d rows: %q", len(acknowledged), acknowledged)
	}
	s := open(t, Config{Dir: dir})
	for _, id := range acknowledged {
		var n int
		if err := s.QueryRow(context.Background(), `SELECT 1 FROM notes WHERE id = $1`, id).Scan(&n); err != nil {
			t.Fatalf("acknowledged row %s is gone: %v", id, err)
		}
	}
	var verdict string
	if err := s.QueryRow(context.Background(), `PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity check: %q, %v", verdict, err)
	}
}
