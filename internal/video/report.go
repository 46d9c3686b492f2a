package video

import (
	"time"

	"github.com/pion/rtcp"
)

// reportEvery is the distance of sender reports.
const reportEvery = time.Second

// ntpEpoch is 1900-01-01 before 1970-01-01, in seconds (RFC 5905 section 6).
const ntpEpoch = 2208988800

// senderState is what sender reports need beside the counters.
type senderState struct {
	at           time.Time // of the last report
	keyTimestamp uint32    // of the last keyframe counted
}

// receiverState is what the receiver last reported.
type receiverState struct {
	rtt time.Duration // 0 = not known
}

// ntp is a moment in NTP's 32.32 bit seconds.
func ntp(t time.Time) uint64 {
	seconds := uint64(t.Unix()+ntpEpoch) << 32
	return seconds | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// senderReport is the compound of SR and SDES if one is due. Its NTP time is our
// own clock's: audio is mixed here, so the senders' clocks mean nothing to the
// receivers.
func (d *DownTrack) senderReport(now time.Time) []rtcp.Packet {
	if !d.out.Started() || d.pub == nil || now.Sub(d.reports.at) < reportEvery {
		return nil
	}
	d.reports.at = now
	sr := &rtcp.SenderReport{
		SSRC:        d.cfg.SSRC,
		NTPTime:     ntp(now),
		RTPTime:     d.out.TimestampAt(now),
		PacketCount: uint32(d.stats.Packets),
		OctetCount:  uint32(d.stats.Bytes),
	}
	return []rtcp.Packet{sr, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: d.cfg.SSRC,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: d.cfg.CNAME}},
	}}}}
}

// receptionReports notes what the receiver says of this stream.
func (d *DownTrack) receptionReports(reports []rtcp.ReceptionReport, now time.Time) {
	for _, r := range reports {
		if r.SSRC != d.cfg.SSRC {
			continue
		}
		d.stats.FractionLost, d.stats.TotalLost, d.stats.Jitter = r.FractionLost, r.TotalLost, r.Jitter
		if r.LastSenderReport == 0 {
			continue
		}
		// RFC 3550 section 6.4.1: A − LSR − DLSR, in 1/65536 s.
		units := uint32(ntp(now)>>16) - r.LastSenderReport - r.Delay
		if rtt := time.Duration(units) * time.Second / 65536; rtt < 10*time.Second {
			d.received.rtt = rtt
		}
	}
}

func (d *DownTrack) rtt() time.Duration {
	if d.received.rtt == 0 {
		return assumedRTT
	}
	return d.received.rtt
}

// Stats is a snapshot of the counters at the moment now.
func (d *DownTrack) Stats(now time.Time) DownTrackStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	if !d.base.IsZero() {
		s.BitsPerSecond = d.rate.bitsPerSecond(max(now.Sub(d.base), 0))
	}
	s.RTTMillis = float64(d.received.rtt) / float64(time.Millisecond)
	return s
}
