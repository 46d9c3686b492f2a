package audio

const (
	slots    = 64   // packets that a buffer holds: 1.28 s of 20 ms packets
	slotSize = 1280 // bytes of the largest packet: what fits a datagram

	frameSize = 960 // samples of one tick, 20 ms

	maxStarve  = 5 * frameSize     // concealed at most before the talk spurt is over
	maxGap     = 3 * frameSize     // larger jumps of the timestamp are pauses (DTX)
	maxLost    = 10                // more packets lost in a row are a pause too
	stale      = 200 * millisecond // not worth playing any more when a spurt begins
	slack      = frameSize / 2     // deviation from the target delay that is left alone
	forceAfter = 150 * millisecond // so much too late, frames are dropped though loud
	forceEvery = 5                 // but only one in this many
	restart    = 500               // a jump of the sequence number that is a new stream
	tsRestart  = 10 * second       // same for the timestamp
	maxTransit = 2 * second        // same for the arrival against the timestamp
)

// packet is what the buffer knows of one stored packet besides its bytes.
type packet struct {
	seq     int64 // extended sequence number; valid where used
	ts      int64 // extended timestamp
	samples int32
	bytes   int32
	level   uint8 // RFC 6464, or noLevel
	silent  bool
	fec     bool
	used    bool
}

// noLevel marks a packet without the level extension.
const noLevel = 255

// ring is the storage of a jitter buffer. It is part of a voice, which only a
// talker has.
type ring struct {
	meta [slots]packet
	data [slots][slotSize]byte
}

// jitter is an adaptive jitter buffer: packets go in as they come, and leave
// in order when they are due. It never sleeps or reads a clock. Its position
// in the stream moves by what has been played; the target delay says where it
// should be, and frames are dropped or concealed, at quiet moments where
// possible, when the two have come apart. Not safe for concurrent use.
type jitter struct {
	ring  *ring // nil while nothing is to be stored
	delay delay

	started bool
	ssrc    uint32
	maxSeq  int64 // of the stream so far, extended
	maxTS   int64

	playing  bool
	nextSeq  int64 // the packet to be played next
	nextTS   int64
	starved  int // samples concealed since the last real packet
	forced   int // packets since one was dropped though loud
	quiet    bool
	lossRate float32 // share of lost packets lately
	fecSeen  int64   // timestamp of the last packet with FEC

	count jitterCounts
}

// jitterCounts add up over the buffer's life.
type jitterCounts struct {
	received, late, duplicate, lost, recovered, concealed, dropped, inserted, restarts uint64
}

// arrival is one packet as it came.
type arrival struct {
	ssrc    uint32
	seq     uint16
	ts      uint32
	now     int64
	samples int
	level   uint8 // or noLevel
	silent  bool
	fec     bool
}

// observe takes a packet's place in stream and time into account. It reports
// whether the packet may still be of use. Every packet of a stream must pass
// it before it may be stored.
func (j *jitter) observe(a arrival) (seq, ts int64, ok bool) {
	if !j.started || a.ssrc != j.ssrc {
		j.restart(a)
	}
	seq = j.maxSeq + int64(int16(a.seq-uint16(j.maxSeq)))
	ts = j.maxTS + int64(int32(a.ts-uint32(j.maxTS)))
	transit := a.now - ts
	if d := seq - j.maxSeq; d > restart || d < -restart || abs(ts-j.maxTS) > tsRestart ||
		j.delay.known && abs(transit-j.delay.best()) > maxTransit {
		j.restart(a)
		seq, ts = j.maxSeq, j.maxTS
		transit = a.now - ts
	}
	j.count.received++
	j.delay.observe(transit, a.now)
	if seq > j.maxSeq {
		j.maxSeq, j.maxTS = seq, ts
	}
	if a.fec {
		j.fecSeen = ts
	}
	if j.playing && seq < j.nextSeq {
		j.count.late++
		return 0, 0, false
	}
	return seq, ts, true
}

// restart begins a new stream with packet a: another SSRC, or the same one
// with a jump that no loss explains.
func (j *jitter) restart(a arrival) {
	if j.started {
		j.count.restarts++
	}
	j.started, j.ssrc = true, a.ssrc
	// The high words start at 1, so that packets before the first stay positive.
	j.maxSeq = 1<<16 | int64(a.seq)
	j.maxTS = 1<<32 | int64(a.ts)
	j.playing = false
	j.delay.reset()
	j.clear()
}

func (j *jitter) clear() {
	if j.ring == nil {
		return
	}
	for i := range j.ring.meta {
		j.ring.meta[i].used = false
	}
}

// store keeps a packet that observe has let through. The ring must be there.
func (j *jitter) store(seq, ts int64, a arrival, payload []byte) {
	if len(payload) > slotSize || seq <= j.maxSeq-slots {
		j.count.late++
		return
	}
	m := &j.ring.meta[seq&(slots-1)]
	if m.used && m.seq == seq {
		j.count.duplicate++
		return
	}
	// An older packet in the slot was never played: the buffer is full.
	if j.playing && seq-j.nextSeq >= slots {
		j.playing = false
	}
	*m = packet{seq: seq, ts: ts, samples: int32(a.samples), bytes: int32(len(payload)), level: a.level, silent: a.silent, fec: a.fec, used: true}
	copy(j.ring.data[seq&(slots-1)][:], payload)
}

// step is what a talker is to do for its next samples.
type step struct {
	op      op
	samples int
	payload []byte // in the caller's buffer
	level   uint8  // of the packet, or noLevel
	silent  bool
}

type op uint8

const (
	opNone    op = iota // nothing to play
	opDecode            // decode payload
	opDrop              // decode payload, which keeps the codec in step, and play none of it
	opRecover           // decode samples from payload's redundancy
	opConceal           // make up samples
)

// next says how the stream goes on at now, when held samples have been decoded
// but not played yet. Payloads are copied into buf, at least slotSize bytes.
func (j *jitter) next(now int64, held int, buf []byte) step {
	for range slots {
		if !j.playing && !j.begin(now) {
			return step{}
		}
		// How much later than it should the next sample is being played.
		lag := j.delay.due(now) - (j.nextTS - int64(held))
		p := j.at(j.nextSeq)
		if p == nil {
			if s, done := j.missing(lag, buf); done {
				return s
			}
			continue
		}
		switch gap := p.ts - j.nextTS; {
		case gap > maxGap:
			j.playing = false
			return step{}
		case gap >= 120:
			n := int(min(gap/120*120, frameSize))
			j.nextTS += int64(n)
			return j.conceal(n)
		default:
			j.nextTS = p.ts
		}
		return j.play(p, lag, buf)
	}
	return step{}
}

// play takes packet p out of the buffer, or lets it wait for one frame when
// there is too little in reserve and nobody would notice.
func (j *jitter) play(p *packet, lag int64, buf []byte) step {
	quiet := p.silent || j.quiet
	if p.level != noLevel {
		quiet = p.level >= quietLevel
	}
	if quiet && lag < -slack {
		j.count.inserted++
		return j.conceal(frameSize)
	}
	s := step{op: opDecode, samples: int(p.samples), level: p.level, silent: p.silent}
	j.forced++
	if over := lag - int64(p.samples); over >= slack && (quiet || over > forceAfter && j.forced > forceEvery) {
		s.op = opDrop
		j.forced = 0
		j.count.dropped++
	}
	s.payload = buf[:copy(buf, j.ring.data[p.seq&(slots-1)][:p.bytes])]
	p.used = false
	j.nextSeq, j.nextTS = p.seq+1, p.ts+int64(p.samples)
	j.starved = 0
	j.lossRate -= j.lossRate / 64
	j.reserve()
	return s
}

// missing deals with a packet that is not there though it is due. The result
// false says that the position has moved without anything to be played.
func (j *jitter) missing(lag int64, buf []byte) (step, bool) {
	later := j.after(j.nextSeq)
	if later == nil {
		// Nothing there at all: late rather than lost. Time passes without
		// moving on in the stream, so the delay grows.
		if j.starved >= maxStarve {
			j.playing = false
			return step{}, true
		}
		j.starved += frameSize
		return j.conceal(frameSize), true
	}
	n := later.seq - j.nextSeq
	gap := later.ts - j.nextTS
	if n > maxLost || gap <= 0 || gap > maxLost*2880 {
		j.count.lost += uint64(n)
		j.nextSeq, j.nextTS = later.seq, later.ts
		j.playing = n <= maxLost && gap <= 0
		return step{}, !j.playing
	}
	samples := int(min(max(gap/n/120*120, 120), 2880))
	j.count.lost++
	j.lossRate += (1 - j.lossRate) / 64
	j.reserve()
	j.nextSeq++
	j.nextTS += int64(samples)
	// What was made up while nothing had come counts for it, unless the real
	// sound can be had and the delay is not too long with it.
	enough := int64(samples) / 2
	if n == 1 && later.fec {
		enough = int64(samples) + slack
	}
	if j.starved > 0 && lag >= enough {
		return step{}, false
	}
	if n == 1 && later.fec {
		j.count.recovered++
		payload := buf[:copy(buf, j.ring.data[later.seq&(slots-1)][:later.bytes])]
		return step{op: opRecover, samples: samples, payload: payload, level: later.level}, true
	}
	return j.conceal(samples), true
}

func (j *jitter) conceal(samples int) step {
	j.count.concealed++
	return step{op: opConceal, samples: samples, level: noLevel}
}

// reserve keeps the packet after the one that is due in the buffer while
// packets are being lost and carry FEC.
func (j *jitter) reserve() {
	j.delay.atLeast = 0
	if j.lossRate > 0.01 && j.maxTS-j.fecSeen < 2*second {
		j.delay.atLeast = minDelay + frameSize
	}
}

// begin starts a talk spurt when its first packet is due.
func (j *jitter) begin(now int64) bool {
	for {
		p := j.after(j.maxSeq - slots)
		if p == nil {
			return false
		}
		over := j.delay.due(now) - p.ts
		if over < 0 {
			return false
		}
		if over > stale && p.seq < j.maxSeq {
			p.used = false
			j.count.late++
			continue
		}
		j.playing, j.starved, j.forced = true, 0, 0
		j.nextSeq, j.nextTS = p.seq, p.ts
		return true
	}
}

// at is the stored packet with a sequence number, or nil.
func (j *jitter) at(seq int64) *packet {
	if p := &j.ring.meta[seq&(slots-1)]; p.used && p.seq == seq {
		return p
	}
	return nil
}

// after is the first stored packet after seq, or nil.
func (j *jitter) after(seq int64) *packet {
	for s := seq + 1; s <= min(j.maxSeq, seq+slots); s++ {
		if p := j.at(s); p != nil {
			return p
		}
	}
	return nil
}

// sounds reports whether anything but silence waits in the buffer.
func (j *jitter) sounds() bool {
	for i := range j.ring.meta {
		if m := &j.ring.meta[i]; m.used && !m.silent {
			return true
		}
	}
	return false
}

func abs(x int64) int64 { return max(x, -x) }
