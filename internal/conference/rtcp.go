package conference

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// RTCP implements rtc.Handler: what the client says of its own streams goes to
// its publisher, what it says of ours to the section in question.
func (m *media) RTCP(pkts []rtcp.Packet) {
	to := m.routes.Load()
	if to == nil {
		return
	}
	now := time.Now()
	if p := m.publisher.Load(); p != nil {
		p.RTCP(pkts, now)
	}
	for i, pkt := range pkts {
		switch pkt := pkt.(type) {
		case *rtcp.TransportLayerNack:
			m.toSection(to, pkt.MediaSSRC, pkts[i:i+1], now)
		case *rtcp.PictureLossIndication:
			m.toSection(to, pkt.MediaSSRC, pkts[i:i+1], now)
		case *rtcp.FullIntraRequest:
			for _, f := range pkt.FIR {
				m.toSection(to, f.SSRC, pkts[i:i+1], now)
			}
		case *rtcp.ReceiverReport:
			m.reports(to, pkt.Reports, pkts[i:i+1], now)
		case *rtcp.SenderReport:
			m.reception.senderReport(pkt, now)
			m.reports(to, pkt.Reports, pkts[i:i+1], now)
		}
	}
}

func (m *media) toSection(to *routes, ssrc uint32, pkts []rtcp.Packet, now time.Time) {
	if d := to.downs[ssrc]; d != nil {
		d.RTCP(pkts, now)
	}
}

func (m *media) reports(to *routes, blocks []rtcp.ReceptionReport, pkts []rtcp.Packet, now time.Time) {
	for i := range blocks {
		if blocks[i].SSRC == to.audioSSRC {
			m.reportLoss(blocks[i].FractionLost, now)
			continue
		}
		m.toSection(to, blocks[i].SSRC, pkts, now)
	}
}

// recordArrival notes a packet's transport-wide number and, when it is time,
// tells the sender which of its packets came when, from which it learns what
// its network can carry.
func (m *media) recordArrival(h *rtp.Header, id uint8, arrival time.Time) {
	ext := h.GetExtension(id)
	if len(ext) < 2 {
		return
	}
	m.recorder.Record(binary.BigEndian.Uint16(ext), arrival)
	if arrival.Before(m.feedbackDue) {
		return
	}
	m.feedbackDue = arrival.Add(feedbackEvery)
	m.feedback = m.recorder.Build(h.SSRC, m.feedback[:0])
	if len(m.feedback) > 0 {
		m.participant.room.rooms.stats.feedback.Add(uint64(len(m.feedback)))
		_ = m.session.WriteRTCP(m.feedback) // lost like a datagram
	}
}
