package conference

import "time"

// Limits are what a meeting may hold and how fast data messages may come
// (meetings spec 12, signaling spec 4.5 and 6). A zero field takes its default.
// The number of attendees is not here: the meeting records hold it.
type Limits struct {
	Videos        int // cameras at once in a meeting; default 25 (16 by the 2020 guide)
	VideoReceives int // videos that one client may receive; default 27: 25 cameras and both shares
	ContentShares int // content shares at once in a meeting; default 2, negative: none
	Data          DataLimits
	// ResumeGrace is how long a client whose socket was lost stays in the
	// roster, so that it may resume; default 12 s.
	ResumeGrace time.Duration
}

// DataLimits are the limits of data messages. Above the soft rate messages are
// handed back to their sender as throttled, above a hard rate the sender is
// hung up. Rates are messages per second.
type DataLimits struct {
	SoftRate, SoftBurst         int           // of a meeting; default 100, burst 200
	AttendeeRate, AttendeeBurst int           // hard, of an attendee; default 200, burst 2000
	MeetingRate, MeetingBurst   int           // hard, of a meeting; default 500, burst 10000
	MaxBytes                    int           // of one message; default 2048
	Kept                        int           // messages with a lifetime that a meeting keeps; default 1024
	MaxLifetime                 time.Duration // longest time that a message is kept; default 5 min
}

// DefaultLimits returns the published limits.
func DefaultLimits() Limits {
	return Limits{
		Videos:        25,
		VideoReceives: 27,
		ContentShares: 2,
		Data: DataLimits{
			SoftRate: 100, SoftBurst: 200,
			AttendeeRate: 200, AttendeeBurst: 2000,
			MeetingRate: 500, MeetingBurst: 10000,
			MaxBytes:    2048,
			Kept:        1024,
			MaxLifetime: 5 * time.Minute,
		},
		ResumeGrace: 12 * time.Second,
	}
}

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	l.Videos = or(l.Videos, d.Videos)
	l.VideoReceives = or(l.VideoReceives, d.VideoReceives)
	l.ContentShares = or(l.ContentShares, d.ContentShares)
	l.ResumeGrace = or(l.ResumeGrace, d.ResumeGrace)
	l.Data.SoftRate = or(l.Data.SoftRate, d.Data.SoftRate)
	l.Data.SoftBurst = or(l.Data.SoftBurst, d.Data.SoftBurst)
	l.Data.AttendeeRate = or(l.Data.AttendeeRate, d.Data.AttendeeRate)
	l.Data.AttendeeBurst = or(l.Data.AttendeeBurst, d.Data.AttendeeBurst)
	l.Data.MeetingRate = or(l.Data.MeetingRate, d.Data.MeetingRate)
	l.Data.MeetingBurst = or(l.Data.MeetingBurst, d.Data.MeetingBurst)
	l.Data.MaxBytes = or(l.Data.MaxBytes, d.Data.MaxBytes)
	l.Data.Kept = or(l.Data.Kept, d.Data.Kept)
	l.Data.MaxLifetime = or(l.Data.MaxLifetime, d.Data.MaxLifetime)
	return l
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
