package conference

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	reportEvery    = time.Second
	audioClockRate = 48000
)

// reception is what a receiver report says of the client's audio, from which
// the client learns its loss and round-trip time (RFC 3550 section 6.4.1,
// appendices A.1, A.3 and A.8). It belongs to the handler's calls.
type reception struct {
	ssrc     uint32
	started  bool
	first    int64 // extended sequence numbers
	highest  int64
	received int64

	expectedBefore, receivedBefore int64 // at the last report

	epoch   time.Time
	transit uint32
	jitter  uint32 // times 16

	reportNTP uint32 // middle of the last sender report's NTP time; 0: none yet
	reportAt  time.Time
	due       time.Time
}

// packet counts a packet and tells whether it is time to report.
func (r *reception) packet(h *rtp.Header, arrival time.Time) (due bool) {
	if !r.started || r.ssrc != h.SSRC {
		seq := int64(h.SequenceNumber)
		*r = reception{
			ssrc: h.SSRC, started: true, first: seq, highest: seq - 1,
			epoch: arrival, due: arrival.Add(reportEvery),
		}
		r.transit = -h.Timestamp
	}
	if ahead := int64(int16(h.SequenceNumber - uint16(r.highest))); ahead > 0 {
		r.highest += ahead
	}
	r.received++
	transit := uint32(int64(arrival.Sub(r.epoch))*audioClockRate/int64(time.Second)) - h.Timestamp
	d := int32(transit - r.transit)
	r.transit = transit
	r.jitter += uint32(max(d, -d)) - (r.jitter+8)>>4
	if arrival.Before(r.due) {
		return false
	}
	r.due = arrival.Add(reportEvery)
	return true
}

// senderReport notes what the answer of the next report refers to.
func (r *reception) senderReport(sr *rtcp.SenderReport, now time.Time) {
	if sr.SSRC == r.ssrc {
		r.reportNTP, r.reportAt = uint32(sr.NTPTime>>16), now
	}
}

// report is the block since the last one.
func (r *reception) report(now time.Time) rtcp.ReceptionReport {
	expected := r.highest - r.first + 1
	out := rtcp.ReceptionReport{
		SSRC:               r.ssrc,
		TotalLost:          uint32(min(max(expected-r.received, 0), 1<<23-1)),
		LastSequenceNumber: uint32(r.highest),
		Jitter:             r.jitter >> 4,
	}
	interval, received := expected-r.expectedBefore, r.received-r.receivedBefore
	r.expectedBefore, r.receivedBefore = expected, r.received
	if lost := interval - received; lost > 0 {
		out.FractionLost = uint8(min(lost*256/interval, 255))
	}
	if r.reportNTP != 0 {
		out.LastSenderReport = r.reportNTP
		out.Delay = uint32(now.Sub(r.reportAt) * 65536 / time.Second)
	}
	return out
}

// report tells the client how its audio arrives.
func (m *media) report(ours uint32, now time.Time) {
	_ = m.session.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{
		SSRC: ours, Reports: []rtcp.ReceptionReport{m.reception.report(now)},
	}}) // lost like a datagram
}
