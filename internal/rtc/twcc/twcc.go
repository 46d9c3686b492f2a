// Package twcc builds transport-wide congestion control feedback: which packets of a sender arrived, and when.
//
// A sender numbers all its packets, whatever their SSRC, with the transport-wide sequence number header extension; the
// receiver reports the arrivals a few times per second, and the sender estimates its bandwidth from the spacing
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, "the draft" below).
package twcc

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	// window is how many sequence numbers are remembered, so that packets that arrive late can still be reported, and
	// with them the unharmed ones between. A camera at 2.5 Mbit/s sends about 300 packets per second. A power of two.
	window = 1024

	// tick is the resolution of arrival times in feedback; 256 of them make the 64 ms unit of the reference time.
	tick = 250 * time.Microsecond

	// strayLimit is how many packets in a row may carry numbers from before the window until we believe that the
	// sender began anew.
	strayLimit = 32
)

// Recorder notes the arrivals of one sender's packets and turns them into feedback. It is not safe for concurrent use.
type Recorder struct {
	sender uint32
	count  uint8 // of feedback packets, modulo 256

	started bool
	start   time.Time
	highest int64 // largest number so far, extended over wrap-around
	next    int64 // first number that the next feedback reports
	strays  int

	// arrivals holds for the numbers (highest-window, highest] the tick of arrival, 0 for not arrived, at number modulo
	// window. Ticks wrap after 12 days, exactly when the draft's reference time does.
	arrivals [window]uint32

	symbols []symbol
	deltas  []byte
}

// NewRecorder makes a recorder; senderSSRC is written into feedback as our own SSRC.
func NewRecorder(senderSSRC uint32) *Recorder { return &Recorder{sender: senderSSRC} }

// Record notes that the packet with this transport-wide sequence number arrived. Of duplicates the first counts.
// It does not allocate.
func (r *Recorder) Record(sequence uint16, arrival time.Time) {
	if !r.started {
		r.begin(int64(sequence), arrival)
	}
	number := r.highest + int64(int16(sequence-uint16(r.highest)))
	if number <= r.highest-window {
		if r.strays++; r.strays < strayLimit {
			return
		}
		r.begin(int64(sequence), r.start)
		number = int64(sequence)
	}
	r.strays = 0
	r.advance(number)
	if at := &r.arrivals[uint64(number)%window]; *at == 0 {
		*at = r.ticks(arrival)
		r.next = min(r.next, number) // late: reported as lost before, or not at all
	}
}

// begin forgets all arrivals and expects number next.
func (r *Recorder) begin(number int64, start time.Time) {
	r.started, r.start = true, start
	r.highest, r.next = number-1, number
	clear(r.arrivals[:])
}

// advance moves the window so that number is in it.
func (r *Recorder) advance(number int64) {
	if number <= r.highest {
		return
	}
	if number-r.highest >= window {
		clear(r.arrivals[:])
	} else {
		for n := r.highest + 1; n <= number; n++ {
			r.arrivals[uint64(n)%window] = 0
		}
	}
	r.highest = number
	// What left the window unreported stays so; the sender learns from what follows.
	r.next = max(r.next, number-window+1)
}

// ticks is the arrival time in ticks, never 0. One second is added, so that packets that are handed in with an arrival
// slightly before the first one's do not wrap.
func (r *Recorder) ticks(arrival time.Time) uint32 {
	return max(1, uint32((arrival.Sub(r.start)+time.Second)/tick))
}

// Build appends to packets the feedback on everything that arrived since the last call, usually one packet, none if
// nothing arrived. mediaSSRC is any SSRC of the sender. The packets are finished bytes and belong to the caller.
func (r *Recorder) Build(mediaSSRC uint32, packets []rtcp.Packet) []rtcp.Packet {
	for r.started && r.next <= r.highest {
		packet := rtcp.RawPacket(r.packet(mediaSSRC))
		packets = append(packets, &packet)
	}
	return packets
}
