package conference

import "sync/atomic"

// Stats are counters since start and gauges of now.
type Stats struct {
	Rooms         int // open now
	Participants  int // sessions in them, content shares included
	ContentShares int
	Cameras       int // on air, content included
	Connected     int // sessions whose media flows

	Joins           uint64 // sessions that were let in
	Drops           uint64 // sessions that ended because their network failed
	DataMessages    uint64 // delivered, each counted once
	DataThrottled   uint64 // handed back to their sender
	DataHangups     uint64 // senders cut off
	Indexes         uint64 // INDEX told to clients
	FeedbackPackets uint64 // transport-wide feedback sent to senders
}

type counters struct {
	joins, drops, dataMessages, dataThrottled, dataHangups, indexes, feedback atomic.Uint64
}

// Stats counts. It locks each room for a moment.
func (s *Rooms) Stats() Stats {
	c := &s.stats
	out := Stats{
		Joins: c.joins.Load(), Drops: c.drops.Load(),
		DataMessages: c.dataMessages.Load(), DataThrottled: c.dataThrottled.Load(), DataHangups: c.dataHangups.Load(),
		Indexes: c.indexes.Load(), FeedbackPackets: c.feedback.Load(),
	}
	for _, r := range s.live(nil) {
		r.mu.Lock()
		out.Rooms++
		out.Participants += len(r.sessions)
		out.Cameras += len(r.cameras)
		for _, p := range r.sessions {
			if p.id.Content {
				out.ContentShares++
			}
			if p.connected {
				out.Connected++
			}
		}
		r.mu.Unlock()
	}
	return out
}
