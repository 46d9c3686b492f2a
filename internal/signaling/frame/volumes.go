package frame

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Volume is one entry of an AUDIO_METADATA frame.
type Volume struct {
	AudioStreamID  uint32
	Volume         uint32 // attenuation in dB
	SignalStrength uint32 // 0 none, 1 weak, 2 good
}

// AppendVolumes appends an AUDIO_METADATA frame to b. Levels go to everybody in
// every meeting several times a second, so this one frame is written by hand:
// it allocates nothing when b has room. A frame with a volume says of everybody
// whom it does not list that he is silent; a list that is empty becomes one
// entry for id 0, which belongs to nobody (signaling spec 5.2).
//
// entry(i) gives the i-th of n volumes.
func AppendVolumes(b []byte, at time.Time, n int, entry func(i int) Volume) []byte {
	b = append(b, ServerByte)
	b = appendVarint(b, timestampField, uint64(at.UnixMilli()))
	b = appendVarint(b, typeField, uint64(Signal_AUDIO_METADATA))
	b = protowire.AppendTag(b, payloadField(Signal_AUDIO_METADATA), protowire.BytesType)
	if n == 0 {
		// attendee_states { audio_stream_id: 0, volume: 0 }
		return append(b, 6, 0x0a, 4, 0x08, 0, 0x10, 0)
	}
	size := 0
	for i := range n {
		inner := volumeSize(entry(i))
		size += 1 + protowire.SizeBytes(inner)
	}
	b = protowire.AppendVarint(b, uint64(size))
	for i := range n {
		v := entry(i)
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(volumeSize(v)))
		b = appendVarint(b, 1, uint64(v.AudioStreamID))
		b = appendVarint(b, 2, uint64(v.Volume))
		b = appendVarint(b, 4, uint64(v.SignalStrength))
	}
	return b
}

func volumeSize(v Volume) int {
	return 3 + protowire.SizeVarint(uint64(v.AudioStreamID)) +
		protowire.SizeVarint(uint64(v.Volume)) + protowire.SizeVarint(uint64(v.SignalStrength))
}

func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}
