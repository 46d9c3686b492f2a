package video

import "time"

// Bounds of a source's history: about one second of a 5 Mbit/s stream.
const (
	historyPackets  = 512 // a power of two
	historyMinBytes = 64 << 10
	historyMaxBytes = 1 << 20
	historyTime     = time.Second
)

// history keeps the last packets of one source for retransmission: payloads in
// a ring of bytes that grows while it holds less than historyTime, the rest in
// a ring of entries by sequence number. The zero value is empty and takes no memory.
type history struct {
	entries []historyEntry
	ring    []byte
	head    uint64        // bytes ever written, skipped ends of the ring included
	wrapped time.Duration // when head was last at the start of the ring
}

// historyEntry is one stored packet; it is valid while its ext is the one asked
// for and its bytes are among the last len(ring) written.
type historyEntry struct {
	ext         uint64
	pos         uint64
	at          time.Duration
	codec       *sourceCodec
	timestamp   uint32
	pictureID   uint32
	size        uint16
	marker      bool
	orientation uint8
}

// put stores a packet. Oversized payloads (no network carries them) are left out.
func (h *history) put(p *packet, at time.Duration) {
	if len(p.payload) > historyMinBytes/4 {
		return
	}
	if h.entries == nil {
		h.entries = make([]historyEntry, historyPackets)
		h.ring = make([]byte, historyMinBytes)
		h.wrapped = at
	}
	pos := h.reserve(len(p.payload), at)
	copy(h.ring[pos%uint64(len(h.ring)):], p.payload)
	h.entries[p.pos.Seq%historyPackets] = historyEntry{
		ext: p.pos.Seq, pos: pos, at: at, codec: p.codec,
		timestamp: p.pos.Timestamp, pictureID: p.pos.PictureID,
		size: uint16(len(p.payload)), marker: p.marker, orientation: p.orientation,
	}
}

// reserve finds n contiguous bytes in the ring.
func (h *history) reserve(n int, at time.Duration) uint64 {
	size := uint64(len(h.ring))
	if h.head%size+uint64(n) > size {
		if at-h.wrapped < historyTime && size < historyMaxBytes {
			h.grow()
			return h.reserve(n, at)
		}
		h.head += size - h.head%size
		h.wrapped = at
	}
	pos := h.head
	h.head += uint64(n)
	return pos
}

// grow doubles the ring; a position stays valid because its place modulo the new
// size is its old place or that plus the old size.
func (h *history) grow() {
	old := uint64(len(h.ring))
	ring := make([]byte, 2*old)
	for pos := h.head - min(h.head, old); pos < h.head; {
		n := min(h.head-pos, old-pos%old)
		copy(ring[pos%(2*old):], h.ring[pos%old:][:n])
		pos += n
	}
	h.ring = ring
}

// get appends the payload of the packet with the extended number ext to dst and
// fills p with the rest. It answers false when the packet is not there (any more).
func (h *history) get(ext uint64, p *packet, dst []byte) bool {
	if h.entries == nil {
		return false
	}
	e := &h.entries[ext%historyPackets]
	if e.ext != ext || e.codec == nil || h.head-e.pos > uint64(len(h.ring)) {
		return false
	}
	from := e.pos % uint64(len(h.ring))
	p.payload = append(dst, h.ring[from:from+uint64(e.size)]...)
	p.codec, p.marker, p.orientation = e.codec, e.marker, e.orientation
	p.pos.Seq, p.pos.Timestamp, p.pos.PictureID = ext, e.timestamp, e.pictureID
	return true
}
