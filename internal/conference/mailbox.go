package conference

import (
	"bytes"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// verdict is what becomes of a data message.
type verdict int

const (
	deliver  verdict = iota
	throttle         // over the soft limit: back to the sender only
	hangUp           // over a hard limit: the sender is cut off
)

// mailbox is the data messages of one meeting: their limits, their order and
// those that are kept for late joiners (signaling spec 6). The room's lock
// guards it. Rates run on real time.
//
// It outlives the room by its messages: who comes after everybody has left still
// gets those that live.
type mailbox struct {
	limits  DataLimits
	soft    *rate.Limiter            // of the meeting
	hard    *rate.Limiter            // of the meeting
	senders map[string]*rate.Limiter // hard, by attendee id; outlives a session, so that reconnecting is no way around
	kept    []keptMessage            // oldest first
	last    time.Time                // ingest time of the newest message
}

type keptMessage struct {
	DataMessage
	expires time.Time
}

func newMailbox(l DataLimits) mailbox {
	return mailbox{
		limits:  l,
		soft:    rate.NewLimiter(rate.Limit(l.SoftRate), l.SoftBurst),
		hard:    rate.NewLimiter(rate.Limit(l.MeetingRate), l.MeetingBurst),
		senders: make(map[string]*rate.Limiter),
	}
}

// admit judges one message of a sender. Each message counts against every
// limit, whatever the others say of it.
func (m *mailbox) admit(sender string, now time.Time) verdict {
	own := m.senders[sender]
	if own == nil {
		own = rate.NewLimiter(rate.Limit(m.limits.AttendeeRate), m.limits.AttendeeBurst)
		m.senders[sender] = own
	}
	soft, hard, attendee := m.soft.AllowN(now, 1), m.hard.AllowN(now, 1), own.AllowN(now, 1)
	switch {
	case !hard || !attendee:
		return hangUp
	case !soft:
		return throttle
	}
	return deliver
}

// valid says whether a message has a form that clients accept. Topics of the
// service itself contain ':' and so never come from a client.
func (m *mailbox) valid(msg *DataMessage) bool {
	return len(msg.Data) <= m.limits.MaxBytes && validTopic(msg.Topic)
}

// validTopic tells whether s matches ^[a-zA-Z0-9_-]{1,36}$.
func validTopic(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 36
}

// stamp returns the ingest time of a message that comes now. It grows with
// each message of the meeting, so clients can order by it.
func (m *mailbox) stamp(now time.Time) time.Time {
	if !now.After(m.last) {
		now = m.last.Add(time.Nanosecond)
	}
	m.last = now
	return now
}

// keep stores a stamped message for as long as it lives.
func (m *mailbox) keep(msg DataMessage) {
	if msg.LifetimeMs == 0 {
		return
	}
	m.expire(msg.IngestTime)
	if len(m.kept) >= m.limits.Kept {
		m.kept = slices.Delete(m.kept, 0, 1)
	}
	life := min(time.Duration(msg.LifetimeMs)*time.Millisecond, m.limits.MaxLifetime)
	msg.Data = bytes.Clone(msg.Data)
	m.kept = append(m.kept, keptMessage{msg, msg.IngestTime.Add(life)})
}

// replay returns the messages that still live and that others than the
// attendee sent, oldest first.
func (m *mailbox) replay(attendee string, now time.Time) []DataMessage {
	m.expire(now)
	var out []DataMessage
	for i := range m.kept {
		if m.kept[i].SenderAttendeeID != attendee {
			out = append(out, m.kept[i].DataMessage)
		}
	}
	return out
}

func (m *mailbox) expire(now time.Time) {
	m.kept = slices.DeleteFunc(m.kept, func(k keptMessage) bool { return !k.expires.After(now) })
}
