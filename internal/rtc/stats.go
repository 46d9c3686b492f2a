package rtc

import "sync/atomic"

// counters are the server's running totals.
type counters struct {
	packetsIn, bytesIn, packetsOut, bytesOut atomic.Uint64
	sendErrors, dropped                      atomic.Uint64
	handshakes, handshakeFailures            atomic.Uint64
	decryptErrors, integrityFailures         atomic.Uint64
	turnRefused                              atomic.Uint64
}

// Stats are totals since the start, but for the gauges, which say what is now.
type Stats struct {
	PacketsIn, BytesIn   uint64 // datagrams on the UDP port and frames of TURN over TCP and TLS
	PacketsOut, BytesOut uint64 // likewise, headers of UDP and IP not counted
	SendErrors           uint64 // system calls that failed to send
	Dropped              uint64 // packets in that nobody wants, packets out that had no room or no way
	Handshakes           uint64 // DTLS handshakes that succeeded
	HandshakeFailures    uint64 // DTLS handshakes that did not
	DecryptErrors        uint64 // SRTP and SRTCP packets from a known address that did not open, replays included
	IntegrityFailures    uint64 // connectivity checks for a known ufrag with a wrong MESSAGE-INTEGRITY
	TURNRefused          uint64 // TURN allocations refused by quota

	Sessions        int // gauge
	TURNAllocations int // gauge
	TURNConnections int // gauge: TCP and TLS connections
}

// Stats returns the totals. It is safe for concurrent use.
func (s *Server) Stats() Stats {
	c := &s.stats
	st := Stats{
		PacketsIn: c.packetsIn.Load(), BytesIn: c.bytesIn.Load(),
		PacketsOut: c.packetsOut.Load(), BytesOut: c.bytesOut.Load(),
		SendErrors: c.sendErrors.Load(), Dropped: c.dropped.Load(),
		Handshakes: c.handshakes.Load(), HandshakeFailures: c.handshakeFailures.Load(),
		DecryptErrors: c.decryptErrors.Load(), IntegrityFailures: c.integrityFailures.Load(),
		TURNRefused: c.turnRefused.Load(),
		Sessions:    s.tables.len(),
	}
	if s.turn != nil {
		st.TURNAllocations, st.TURNConnections = s.turn.counts()
	}
	return st
}
