package conference

// Bounds and steps of the guess, in kbit/s. The first value is what clients
// begin with themselves, the highest the most that they use.
const (
	downlinkStart   = 2800
	downlinkLowest  = 100
	downlinkHighest = 15000
	fewLost         = 5  // of 256: 2 %
	manyLost        = 26 // of 256: 10 %
)

// downlink guesses what the network towards a client can carry from the loss of
// our audio, by the loss-based rule of draft-ietf-rmcat-gcc-02 section 6.
// Clients that choose their videos themselves go by it: their own estimate can
// hardly exceed what they receive, so they would give up videos that were off
// for a while (signaling spec 4.2). The room's lock guards it.
type downlink struct {
	kbps     uint32
	reported int64 // when the last report that was used came; Unix ms
}

// judge takes in a report and returns the guess. Up to twice of what is sent
// now counts as tried out.
func (d *downlink) judge(loss uint32, reported int64, sentKbps uint32) uint32 {
	if d.kbps == 0 {
		d.kbps = downlinkStart
	}
	if reported == d.reported {
		return d.kbps
	}
	d.reported = reported
	switch {
	case loss < fewLost:
		tried := max(downlinkStart, 2*sentKbps)
		d.kbps = max(d.kbps, min(d.kbps+d.kbps/4, tried))
	case loss > manyLost:
		d.kbps = min(d.kbps, sentKbps) * (512 - loss) / 512
	}
	d.kbps = min(max(d.kbps, downlinkLowest), downlinkHighest)
	return d.kbps
}

// downlinkKbps is the guess for the network towards p.
func (p *Participant) downlinkKbps() uint32 {
	var sent uint32 // bit/s
	for _, rx := range p.receivers {
		if rx.layer != nil && !rx.paused {
			sent += rx.layer.average()
		}
	}
	return p.downlink.judge(p.media.loss.Load(), p.media.lossTime.Load(), sent/1000)
}
