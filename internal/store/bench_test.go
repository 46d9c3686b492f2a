package store

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"context"
	"testing/fstest"

	"github.com/google/uuid"
)

// meetings resembles the tables of package meeting.
var meetings = MigrationSet{Domain: "bench", FS: fstest.MapFS{"001_m.sql": {Data: []byte(`
CREATE TABLE m (id TEXT PRIMARY KEY, account TEXT NOT NULL, token TEXT, record TEXT NOT NULL, ends_ms BIGINT NOT NULL);
CREATE UNIQUE INDEX m_token ON m (account, token);
CREATE INDEX m_ends ON m (ends_ms);
CREATE TABLE c (account TEXT PRIMARY KEY, n BIGINT NOT NULL);
INSERT INTO c VALUES ('000000000000', 0);`)}}}

// BenchmarkWrite_CreateMeeting is the statements of one CreateMeeting, from 32
// callers at once, each waiting for its fsync.
func BenchmarkWrite_CreateMeeting(b *testing.B) {
	s := open(b, Config{Migrations: []MigrationSet{meetings}})
	var seq atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(16) // × GOMAXPROCS
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			token := fmt.Sprint("token-", seq.Add(1))
			err := s.Write(context.Background(), func(tx *Tx) error {
				var id string
				err := tx.QueryRow(`SELECT id FROM m WHERE account = $1 AND token = $2`, "000000000000", token).Scan(&id)
				if !errors.Is(err, ErrNoRows) {
					return fmt.Errorf("token taken: %w", err)
				}
				if _, err := tx.Exec(`UPDATE c SET n = n + 1 WHERE account = $1 AND n < $2`, "000000000000", 1<<40); err != nil {
					return err
				}
				_, err = tx.Exec(`INSERT INTO m (id, account, token, record, ends_ms) VALUES ($1, $2, $3, $4, $5)`,
					uuid.NewString(), "000000000000", token, `{"ExternalMeetingId":"bench","MediaRegion":"us-east-1"}`, seq.Load())
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
	st := s.Stats()
	b.ReportMetric(float64(st.Callers)/float64(max(1, st.Batches)), "callers/batch")
	b.ReportMetric(float64(st.CommitTime.Microseconds())/float64(max(1, st.Batches)), "us/commit")
}
