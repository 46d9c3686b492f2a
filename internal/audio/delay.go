package audio

// All times in this file and in jitter.go are samples at 48 kHz since the
// engine's start: one unit for arrival, for playing and for RTP timestamps.
const (
	millisecond = 48
	second      = 1000 * millisecond

	minDelay   = 20 * millisecond  // a packet is due at least this long after the fastest came
	maxDelay   = 400 * millisecond // later packets are lost packets
	delayBin   = 10 * millisecond
	delayBins  = int(maxDelay / delayBin)
	baseWindow = 4 * second // the fastest packet is looked for over one to two of these

	// Of the packets of about the last 2.5 s, all but this share shall come in time.
	delayForget = 1.0 / 128
	delayMiss   = 0.03
)

// delay learns how late packets come. A packet's transit is its arrival minus
// its RTP timestamp; the smallest transit of the last seconds is what the
// network does when it is at its best, and the rest is jitter. The window
// follows clocks that drift apart.
type delay struct {
	known     bool
	base      [2]int64 // smallest transit: of the running window, of the one before
	windowEnd int64
	late      [delayBins]float32 // packets by how late they came, newer ones weighing more
	weight    float32            // of the next packet
	total     float32            // sum of late
	since     uint8              // packets since target was worked out
	atLeast   int64              // floor of target, raised while FEC is of use
	target    int64              // how long after its best arrival a packet is due
}

// reset forgets everything; the next packet is taken for a punctual one.
func (d *delay) reset() { *d = delay{target: minDelay + delayBin} }

// observe takes in one packet.
func (d *delay) observe(transit, now int64) {
	switch {
	case !d.known:
		d.known = true
		d.base = [2]int64{transit, transit}
		d.windowEnd = now + baseWindow
		d.late[1], d.total, d.weight = 1, 1, delayForget // begin with a guess of 10 to 20 ms
	case now >= d.windowEnd:
		d.base[1], d.base[0] = d.base[0], transit
		d.windowEnd = now + baseWindow
	}
	d.base[0] = min(d.base[0], transit)
	bin := int(min((transit-d.best())/delayBin, int64(delayBins-1)))
	d.weight *= 1 / (1 - delayForget) // the same as making all others lighter
	d.late[bin] += d.weight
	d.total += d.weight
	if d.since++; d.since >= 8 || int64(bin+2)*delayBin > d.target {
		d.since = 0
		d.settle()
	}
}

// settle works the target out anew.
func (d *delay) settle() {
	if d.weight > 1e20 { // far from the end of the range
		for i := range d.late {
			d.late[i] /= d.weight
		}
		d.total /= d.weight
		d.weight = 1
	}
	bin, missed := delayBins-1, float32(0)
	for ; bin > 0; bin-- {
		if missed += d.late[bin]; missed > delayMiss*d.total {
			break
		}
	}
	// A bin's packets have all come by its end; one more bin is the margin.
	d.target = min(max(int64(bin+2)*delayBin, minDelay, d.atLeast), maxDelay)
}

// best is the transit of the fastest packet.
func (d *delay) best() int64 { return min(d.base[0], d.base[1]) }

// due is the RTP timestamp (extended) that ought to be played at now.
func (d *delay) due(now int64) int64 { return now - d.best() - d.target }
