package video

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/carillon-rtc/carillon/internal/video/rewrite"
)

// reception is what a receiver report says of a source (RFC 3550 section 6.4.1
// and appendix A.3, A.8). Retransmissions do not count as received.
type reception struct {
	received      uint64
	lastExpected  uint64
	lastReceived  uint64
	transit       uint32
	haveTransit   bool
	jitter        uint32 // times 16
	senderNTP     uint64
	senderRTP     uint32
	senderArrival time.Duration // of the last sender report
	haveSender    bool
}

// packet counts a packet that arrived at at with the given RTP timestamp.
func (r *reception) packet(timestamp uint32, at time.Duration) {
	r.received++
	transit := rewrite.Ticks(at) - timestamp
	if r.haveTransit {
		d := int32(transit - r.transit)
		if d < 0 {
			d = -d
		}
		r.jitter += uint32(d) - (r.jitter+8)>>4
	}
	r.transit, r.haveTransit = transit, true
}

func (r *reception) sender(sr *rtcp.SenderReport, at time.Duration) {
	r.senderNTP, r.senderRTP, r.senderArrival, r.haveSender = sr.NTPTime, sr.RTPTime, at, true
}

// lost is how many packets of the source never came, retransmissions apart.
func (s *source) lost() uint64 {
	expected := s.highest - s.first + 1
	if s.report.received >= expected {
		return 0
	}
	return expected - s.report.received
}

// block is the report since the last one.
func (s *source) block(at time.Duration) rtcp.ReceptionReport {
	r := &s.report
	expected := s.highest - s.first + 1
	interval, received := expected-r.lastExpected, r.received-r.lastReceived
	r.lastExpected, r.lastReceived = expected, r.received
	out := rtcp.ReceptionReport{
		SSRC:               s.ssrc,
		TotalLost:          uint32(min(s.lost(), 1<<23-1)),
		LastSequenceNumber: uint32(s.highest - 1<<16),
		Jitter:             r.jitter >> 4,
	}
	if interval > 0 && received < interval {
		out.FractionLost = uint8((interval - received) * 256 / interval)
		if received == 0 {
			out.FractionLost = 255
		}
	}
	if r.haveSender {
		out.LastSenderReport = uint32(r.senderNTP >> 16)
		out.Delay = uint32((at - r.senderArrival) * 65536 / time.Second)
	}
	return out
}
