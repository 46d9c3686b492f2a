package meeting_test

import (
	"context"
	"strings"
	"testing"

	"github.com/carillon-rtc/carillon/internal/meeting"
)

// What is asked at each call or join must not read whole tables.
func TestQueries_UseIndexes(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	for _, query := range []string{
		`SELECT 1 FROM meetings WHERE meeting_id = $1 AND account_id = $2 AND ended_ms = 0`,
		`SELECT 1 FROM meetings WHERE account_id = $1 AND client_token = $2`,
		`SELECT meeting_id FROM meetings WHERE primary_meeting_id = $1 AND primary_meeting_id <> '' AND ended_ms = 0`,
		`SELECT meeting_id FROM meetings WHERE ended_ms = 0 AND ends_ms <= $1 ORDER BY ends_ms LIMIT $2`,
		`SELECT ends_ms FROM meetings WHERE ended_ms = 0 ORDER BY ends_ms LIMIT 1`,
		`SELECT meeting_id, account_id FROM meetings WHERE ended_ms > 0 LIMIT 1`,
		`SELECT COUNT(*) FROM attendees WHERE meeting_id = $1`,
		`SELECT region, (SELECT COUNT(*) FROM attendees WHERE attendees.meeting_id = meetings.meeting_id) FROM meetings
			WHERE meeting_id = $1 AND account_id = $2 AND ended_ms = 0`,
		`SELECT 1 FROM attendees WHERE meeting_id = $1 AND external_user_id = $2`,
		`SELECT 1 FROM attendees WHERE meeting_id = $1 AND attendee_id > $2 ORDER BY attendee_id LIMIT $3`,
		`SELECT a.audio FROM meetings m LEFT JOIN attendees a ON a.meeting_id = m.meeting_id AND a.attendee_id = $2
			WHERE m.meeting_id = $1 AND m.ended_ms = 0`,
	} {
		rows, err := s.store.Query(context.Background(), `EXPLAIN QUERY PLAN `+query, "x", "y", "z")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(detail, "SCAN") || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s: %s", query, detail)
			}
		}
		rows.Close()
	}
}
