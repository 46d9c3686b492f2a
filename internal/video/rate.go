package video

import "time"

const (
	rateSlots = 10
	rateSlot  = 100 * time.Millisecond
)

// rate measures the bytes of the last second in slots of 100 ms.
type rate struct {
	slots [rateSlots]uint32
	last  int64 // number of the newest slot
}

func (r *rate) add(bytes int, at time.Duration) {
	r.advance(at)
	r.slots[r.last%rateSlots] += uint32(bytes)
}

// bitsPerSecond of the second before at.
func (r *rate) bitsPerSecond(at time.Duration) uint64 {
	r.advance(at)
	var sum uint64
	for _, n := range r.slots {
		sum += uint64(n)
	}
	return sum * 8
}

func (r *rate) advance(at time.Duration) {
	now := int64(at / rateSlot)
	for steps := min(now-r.last, rateSlots); steps > 0; steps-- {
		r.slots[(now-steps+1)%rateSlots] = 0
	}
	r.last = max(r.last, now)
}
