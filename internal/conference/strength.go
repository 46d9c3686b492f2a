package conference

import "time"

// How signal strength is judged. Packet loss counts from a tenth on, as clients
// begin to sound broken there; silence counts only from above the gaps that
// healthy clients leave between connectivity checks (up to 2.7 s).
const (
	strengthEvery  = time.Second
	weakLoss       = 26 // of 256
	weakSilence    = 4 * time.Second
	noSignal       = 8 * time.Second
	enoughPackets  = 20 // below, a loss rate says nothing
	forgetLossTime = 15 * time.Second
)

// strengthMeter watches one participant's connection. The room's lock guards it.
type strengthMeter struct {
	value          uint32
	due            time.Time
	received, lost uint64 // of the leg, when last looked at
}

// measureStrength judges the connection about once a second.
func (p *Participant) measureStrength(now time.Time) uint32 {
	m := &p.strength
	if now.Before(m.due) {
		return m.value
	}
	m.due = now.Add(strengthEvery)
	m.value = p.judgeStrength(now)
	return m.value
}

func (p *Participant) judgeStrength(now time.Time) uint32 {
	switch p.mediaState {
	case mediaNew:
		return goodStrength // joining; nothing is known against it
	case mediaClosed, mediaLost:
		return noStrength
	}
	quiet := now.Sub(p.media.session.LastReceived())
	switch {
	case quiet >= noSignal:
		return noStrength
	case quiet >= weakSilence, p.media.reportedLoss(now) >= weakLoss, p.uplinkLoss() >= weakLoss:
		return weakStrength
	}
	return goodStrength
}

// uplinkLoss is the part of the client's audio that was lost since last asked,
// of 256.
func (p *Participant) uplinkLoss() uint64 {
	leg := p.media.leg.Load()
	if leg == nil {
		return 0
	}
	s := leg.Stats()
	received, lost := s.Received-p.strength.received, s.Lost-p.strength.lost
	p.strength.received, p.strength.lost = s.Received, s.Lost
	if received+lost < enoughPackets {
		return 0
	}
	return lost * 256 / (received + lost)
}

// reportLoss keeps what the client's receiver report says of our audio.
func (m *media) reportLoss(fraction uint8, now time.Time) {
	m.loss.Store(uint32(fraction))
	m.lossTime.Store(now.UnixMilli())
}

func (m *media) reportedLoss(now time.Time) uint32 {
	if now.UnixMilli()-m.lossTime.Load() > forgetLossTime.Milliseconds() {
		return 0
	}
	return m.loss.Load()
}
