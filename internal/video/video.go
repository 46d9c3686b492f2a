// Package video forwards video: it takes the packets of one sender's camera or
// shared screen and gives them to any number of receivers, without decoding them.
//
// A [Publisher] is one sending section of one client. It sorts packets into
// layers (simulcast by RID or by SSRC), unwraps retransmissions, asks for what
// got lost, limits the requests for keyframes and measures. A [DownTrack] is one
// receiving section of another client: one SSRC that stays the same while the
// source or the layer behind it changes, which happens only at a keyframe, with
// sequence numbers, timestamps and picture ids that go on as if nothing had
// changed (signaling spec 3.7).
//
// # Ways of a packet
//
// [Publisher.RTP] is called from the network's read loop. It does its accounting
// under the publisher's lock, lets the lock go and offers the packet to each
// DownTrack in the layer's copy-on-write list; the DownTrack rewrites the header
// in its own [rtp.Header] and hands it to its [Sink]. Nothing allocates, no
// goroutine is started; what is due by time happens in [Publisher.Tick].
//
// # Retransmission
//
// What was sent is kept once per source, not once per receiver: a receiver's
// numbers differ from the source's by offsets that only change at a switch, so a
// NACK is translated back through the last few segments and answered from the
// publisher's history with the same offsets applied again. Fifty receivers of a
// layer thus share one second of packets (at most 1 MiB) instead of holding fifty.
// To keep the offsets constant, padding-only packets are forwarded as empty
// packets instead of being taken out of the numbering.
//
// # Locks
//
// A DownTrack's lock may be held while taking a Publisher's, never the other way
// round. Sinks and Feedback writers must not call back into this package.
package video

import (
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Sink is where a DownTrack's packets go: one client's media session. It must be
// safe for concurrent use and must not keep header, payload or packets after
// returning. An error concerns only that client and is counted.
type Sink interface {
	WriteRTP(h *rtp.Header, payload []byte) error
	WriteRTCP(pkts []rtcp.Packet) error
}

// Feedback is the way of RTCP to the sender: NACK, PLI and receiver reports.
type Feedback interface {
	WriteRTCP(pkts []rtcp.Packet) error
}
