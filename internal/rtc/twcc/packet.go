package twcc

import (
	"encoding/binary"
	"math"
)

// symbol is the status of one packet (draft section 3.1.1).
type symbol uint16

const (
	notReceived symbol = iota
	smallDelta         // one byte: 0 to 255 ticks after the packet before
	largeDelta         // two bytes, signed
)

// maxDeltas bounds the bytes of deltas in one feedback packet. With as many status chunks as a whole window can need,
// the packet stays below 1,200 bytes.
const maxDeltas = 840

// packet writes the next feedback packet and moves r.next behind what it reports:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|V=2|P|  FMT=15 |    PT=205     |           length              |
//	|                     SSRC of packet sender                     |
//	|                      SSRC of media source                     |
//	|      base sequence number     |      packet status count      |
//	|                 reference time                | fb pkt. count |
//	|          packet chunk         |         packet chunk          |
//	|         packet chunk          |  recv delta   |  recv delta   |
//	|           recv delta          |  recv delta   | zero padding  |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func (r *Recorder) packet(mediaSSRC uint32) []byte {
	base := r.next
	reference := r.collect()

	b := make([]byte, 20, 20+len(r.symbols)+len(r.deltas)+8)
	b[0], b[1] = 2<<6|15, 205
	binary.BigEndian.PutUint32(b[4:], r.sender)
	binary.BigEndian.PutUint32(b[8:], mediaSSRC)
	binary.BigEndian.PutUint16(b[12:], uint16(base))
	binary.BigEndian.PutUint16(b[14:], uint16(len(r.symbols)))
	binary.BigEndian.PutUint32(b[16:], reference<<8|uint32(r.count))
	r.count++
	b = appendChunks(b, r.symbols)
	b = append(b, r.deltas...)
	if padding := -len(b) & 3; padding > 0 {
		b = append(b, make([]byte, padding)...)
		b[0] |= 1 << 5
		b[len(b)-1] = byte(padding) // RFC 3550 section 6.4.1
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	return b
}

// collect reads statuses and deltas from r.next on into r.symbols and r.deltas, as many as one packet holds, and moves
// r.next behind them. The first delta counts from the reference time, which is the first arrival's in units of 64 ms.
func (r *Recorder) collect() (reference uint32) {
	r.symbols, r.deltas = r.symbols[:0], r.deltas[:0]
	var before uint32
	for ; r.next <= r.highest && len(r.deltas) < maxDeltas; r.next++ {
		at := r.arrivals[uint64(r.next)%window]
		if at == 0 {
			r.symbols = append(r.symbols, notReceived)
			continue
		}
		if len(r.deltas) == 0 {
			reference = at >> 8
			before = reference << 8
		}
		switch delta := int32(at - before); {
		case delta >= 0 && delta <= math.MaxUint8:
			r.symbols = append(r.symbols, smallDelta)
			r.deltas = append(r.deltas, byte(delta))
		case delta >= math.MinInt16 && delta <= math.MaxInt16:
			r.symbols = append(r.symbols, largeDelta)
			r.deltas = binary.BigEndian.AppendUint16(r.deltas, uint16(delta))
		default: // eight seconds apart: another packet, with a reference time of its own
			return reference
		}
		before = at
	}
	return reference
}

// appendChunks appends the status chunks (draft sections 3.1.3 and 3.1.4), each of which covers a run of equal
// statuses, the next 14 when none of them has a large delta, or the next 7. The last one may reach over the end.
func appendChunks(b []byte, symbols []symbol) []byte {
	for len(symbols) > 0 {
		var chunk uint16
		var n int
		switch run := runLength(symbols); {
		case run >= 14 || run == len(symbols) || run >= 7 && !fitsOneBit(symbols):
			chunk, n = uint16(symbols[0])<<13|uint16(run), run
		case fitsOneBit(symbols):
			chunk, n = vector(symbols, 14, 1), 14
		default:
			chunk, n = vector(symbols, 7, 2), 7
		}
		b = binary.BigEndian.AppendUint16(b, chunk)
		symbols = symbols[min(n, len(symbols)):]
	}
	return b
}

// runLength counts the equal symbols at the front. A window is shorter than the 8,191 that a chunk can say.
func runLength(symbols []symbol) int {
	n := 1
	for n < len(symbols) && symbols[n] == symbols[0] {
		n++
	}
	return n
}

func fitsOneBit(symbols []symbol) bool {
	for _, s := range symbols[:min(14, len(symbols))] {
		if s == largeDelta {
			return false
		}
	}
	return true
}

// vector packs up to n symbols of so many bits, the first one leftmost: 1 | bits-1 | symbols.
func vector(symbols []symbol, n, bits int) uint16 {
	chunk := uint16(1)<<15 | uint16(bits-1)<<14
	for i, s := range symbols[:min(n, len(symbols))] {
		chunk |= uint16(s) << (14 - bits*(i+1))
	}
	return chunk
}
