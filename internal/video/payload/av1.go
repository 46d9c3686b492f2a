package payload

// parseAV1 reads the aggregation header of the AV1 RTP format, section 4.4.
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+
//	|Z|Y| W |N|-|-|-|
//	+-+-+-+-+-+-+-+-+
//
// N is set on the first packet of a coded video sequence, which is where a
// keyframe begins; Z (the first element continues the last packet's) is then 0.
func parseAV1(b []byte) (Info, bool) {
	if len(b) < 2 {
		return Info{}, false
	}
	return Info{Keyframe: b[0]&0x88 == 0x08}, true
}
