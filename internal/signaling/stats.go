package signaling

import "sync/atomic"

// Stats counts what happened since the server was made, but for the fields
// that say "now".
type Stats struct {
	Sockets int64 // open now
	Joined  int64 // sockets that are in a meeting now

	Opened             uint64 // sockets upgraded
	NotWebSocket       uint64 // requests that were no upgrade
	RefusedBusy        uint64 // answered 503 because too many sockets had not joined
	RefusedUnavailable uint64 // closed with 4403
	RefusedEnded       uint64 // closed with 4410
	RefusedCapacity    uint64 // told 409
	RefusedDraining    uint64 // closed with 4500 because the server is going down
	RefusedFailure     uint64 // closed with 4500 because of a failure
	Joins              uint64 // JOINs acknowledged
	Subscribes         uint64 // SUBSCRIBEs acknowledged
	SubscribesFailed   uint64 // SUBSCRIBEs that could not be answered
	Left               uint64 // sessions that ended by LEAVE
	Lost               uint64 // sessions whose socket was lost
	Ended              uint64 // sessions that the room ended

	FramesIn, BytesIn   uint64 // WebSocket messages from clients
	FramesOut, BytesOut uint64 // WebSocket messages to clients
	FramesIgnored       uint64 // of unknown type or out of turn
	FramesBad           uint64 // undecodable, text messages included
	DataRefused         uint64 // data messages with a bad topic or too long
	DataHangups         uint64 // sockets closed because of the hard limits of data messages
	CutSlow             uint64 // sockets cut because they did not read
	CutFlood            uint64 // sockets closed because they sent too much
	CutIdle             uint64 // sockets closed because they sent nothing
	CutCrowd            uint64 // sockets closed because their attendee had too many
	Panics              uint64 // failures of the program that cost one client its socket

	TURNSessions        uint64 // credentials given over HTTP
	TURNSessionsRefused uint64
	ClientEvents        uint64 // events posted by clients
	ClientEventsRefused uint64 // posts of them that were refused
}

type counters struct {
	joined                                                                          atomic.Int64
	opened, notWebSocket, refusedBusy, cutCrowd                                     atomic.Uint64
	refusedUnavailable, refusedEnded, refusedCapacity, refusedDraining, refusedFail atomic.Uint64
	joins, subscribes, subscribesFailed, left, lost, ended                          atomic.Uint64
	framesIn, bytesIn, framesOut, bytesOut, framesIgnored, framesBad                atomic.Uint64
	dataRefused, dataHangups, cutSlow, cutFlood, cutIdle, panics                    atomic.Uint64
	turnSessions, turnRefused, clientEvents, clientEventsRefused                    atomic.Uint64
}

// Stats reads the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	sockets := len(s.clients)
	s.mu.Unlock()
	c := &s.stats
	return Stats{
		Sockets: int64(sockets), Joined: max(0, c.joined.Load()),
		Opened: c.opened.Load(), NotWebSocket: c.notWebSocket.Load(), RefusedBusy: c.refusedBusy.Load(), CutCrowd: c.cutCrowd.Load(),
		RefusedUnavailable: c.refusedUnavailable.Load(), RefusedEnded: c.refusedEnded.Load(),
		RefusedCapacity: c.refusedCapacity.Load(), RefusedDraining: c.refusedDraining.Load(),
		RefusedFailure: c.refusedFail.Load(),
		Joins:          c.joins.Load(), Subscribes: c.subscribes.Load(), SubscribesFailed: c.subscribesFailed.Load(),
		Left: c.left.Load(), Lost: c.lost.Load(), Ended: c.ended.Load(),
		FramesIn: c.framesIn.Load(), BytesIn: c.bytesIn.Load(),
		FramesOut: c.framesOut.Load(), BytesOut: c.bytesOut.Load(),
		FramesIgnored: c.framesIgnored.Load(), FramesBad: c.framesBad.Load(),
		DataRefused: c.dataRefused.Load(), DataHangups: c.dataHangups.Load(),
		CutSlow: c.cutSlow.Load(), CutFlood: c.cutFlood.Load(), CutIdle: c.cutIdle.Load(), Panics: c.panics.Load(),
		TURNSessions: c.turnSessions.Load(), TURNSessionsRefused: c.turnRefused.Load(),
		ClientEvents: c.clientEvents.Load(), ClientEventsRefused: c.clientEventsRefused.Load(),
	}
}

// countRefusal counts a client that was turned away.
func (c *counters) countRefusal(r refusal) {
	switch {
	case r.code == closeUnavailable:
		c.refusedUnavailable.Add(1)
	case r.code == closeEnded:
		c.refusedEnded.Add(1)
	case r.code == closeAtCapacity:
		c.refusedCapacity.Add(1)
	case r.reason == reasonDraining:
		c.refusedDraining.Add(1)
	default:
		c.refusedFail.Add(1)
	}
}
