package video

import "time"

// LayerStats counts one layer of a publisher since it was made.
type LayerStats struct {
	Packets    uint64 // new media packets, recovered ones included
	Bytes      uint64 // their RTP headers and payloads
	Lost       uint64 // never arrived on the media stream (RFC 3550)
	Recovered  uint64 // of these, came as retransmissions
	RTX        uint64 // packets on the retransmission stream, probing included
	Duplicates uint64 // and packets that were too late or out of range
	NACKs      uint64 // sequence numbers asked for
	PLIs       uint64 // keyframes asked for
	Keyframes  uint64
}

// LayerInfo is a layer's state.
type LayerInfo struct {
	RID           string
	SSRC          uint32 // 0 before the first packet
	Active        bool   // has sent within the last 1.5 s
	BitsPerSecond uint64 // over the last second, RTP headers included
	Width, Height uint16 // pixels of the last keyframe, 0 if not known
	Codec         Codec  // of the last packet, zero if none
	Receivers     int
	LayerStats
}

// PublisherStats counts a publisher's packets.
type PublisherStats struct {
	Layers  []LayerInfo
	Unknown uint64 // packets of no known stream or payload type
}

// DownTrackStats counts what a receiving section was sent.
type DownTrackStats struct {
	Packets       uint64 // first transmissions
	Bytes         uint64 // RTP payload bytes of these
	Retransmitted uint64 // packets sent again after a NACK
	NACKs         uint64 // sequence numbers the receiver asked for
	Missed        uint64 // of these, could not be answered from the history
	PLIs          uint64 // PLI and FIR of the receiver
	Keyframes     uint64 // keyframes forwarded
	Switches      uint64 // segments begun: starts, resumes, layer and source switches
	Unsupported   uint64 // packets dropped because the receiver lacks the codec
	Late          uint64 // packets dropped because they belong before a switch
	SinkErrors    uint64
	BitsPerSecond uint64 // over the last second, payload only
	FractionLost  uint8  // of the last receiver report, in 1/256
	TotalLost     uint32 // of the last receiver report
	Jitter        uint32 // of the last receiver report, in 1/90000 s
	RTTMillis     float64
}

// Layers is the state of the layers, lowest quality first, at the moment now.
func (p *Publisher) Layers(now time.Time) []LayerInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.since(now)
	infos := make([]LayerInfo, 0, len(p.layers))
	for _, l := range p.layers {
		info := LayerInfo{
			RID: l.rid, Active: l.active, Width: l.width, Height: l.height,
			BitsPerSecond: l.rate.bitsPerSecond(at), Receivers: len(l.downTracks()), LayerStats: l.stats,
		}
		if l.src != nil {
			info.SSRC, info.Lost = l.src.ssrc, l.src.lost()
		}
		if l.codec != nil {
			info.Codec = l.codec.Codec
		}
		infos = append(infos, info)
	}
	return infos
}

// Stats is a snapshot of the publisher's counters at the moment now.
func (p *Publisher) Stats(now time.Time) PublisherStats {
	s := PublisherStats{Layers: p.Layers(now)}
	p.mu.Lock()
	s.Unknown = p.unknown
	p.mu.Unlock()
	return s
}
