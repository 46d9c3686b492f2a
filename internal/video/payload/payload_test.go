package payload

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/rtp/codecs"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A constrained baseline SPS of 640×480 and a high profile one of 1920×1080
// (cropped from 1088 rows, with an emulation prevention byte), as x264 writes them.
const (
	spsVGA = "6742c01ed900a03da10000030001000003003c0f162e48"
	spsHD  = "67640028acd940780227e5c05a808080a0000003002000000781e30632c0"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name   string
		format Format
		bytes  string
		want   Info
		fails  bool
	}{
		// RFC 7741 section 4.2 and 4.3.
		{name: "VP8 keyframe without extensions", format: VP8, bytes: "10" + "5000009d012a80024001", want: Info{Keyframe: true, Width: 640, Height: 320}},
		{name: "VP8 scaled size", format: VP8, bytes: "10" + "5000009d012a8042e0c1", want: Info{Keyframe: true, Width: 640, Height: 480}},
		{name: "VP8 keyframe without start code", format: VP8, bytes: "10" + "500000000000", want: Info{Keyframe: true}},
		{name: "VP8 predicted", format: VP8, bytes: "1031", want: Info{}},
		{name: "VP8 continuation looks like P = 0", format: VP8, bytes: "0030", want: Info{}},
		{name: "VP8 second partition", format: VP8, bytes: "1130", want: Info{}},
		{name: "VP8 non-reference keyframe", format: VP8, bytes: "3030", want: Info{Keyframe: true}},
		{name: "VP8 7-bit id", format: VP8, bytes: "90807f31", want: Info{PictureIDBits: 7, PictureID: 127}},
		{name: "VP8 15-bit id", format: VP8, bytes: "9080923431", want: Info{PictureIDBits: 15, PictureID: 0x1234}},
		{name: "VP8 all fields", format: VP8, bytes: "90f0ffffee2530", want: Info{Keyframe: true, PictureIDBits: 15, PictureID: 0x7fff, HasTL0: true, TL0PICIDX: 0xee}},
		{name: "VP8 TL0PICIDX alone", format: VP8, bytes: "90400731", want: Info{HasTL0: true, TL0PICIDX: 7}},
		{name: "VP8 empty", format: VP8, fails: true},
		{name: "VP8 cut in extension", format: VP8, bytes: "90", fails: true},
		{name: "VP8 cut in id", format: VP8, bytes: "908092", fails: true},
		{name: "VP8 cut in TL0PICIDX", format: VP8, bytes: "90c001", fails: true},
		{name: "VP8 descriptor only", format: VP8, bytes: "90f0ffffee25", fails: true},

		// RFC 9628 section 4.2.
		{name: "VP9 keyframe, flexible", format: VP9, bytes: "9c8123", want: Info{Keyframe: true, PictureIDBits: 15, PictureID: 0x123}},
		{name: "VP9 predicted", format: VP9, bytes: "c801", want: Info{PictureIDBits: 7, PictureID: 1}},
		{name: "VP9 not the beginning", format: VP9, bytes: "8401", want: Info{PictureIDBits: 7, PictureID: 1}},
		{name: "VP9 layers, non-flexible", format: VP9, bytes: "a8010009", want: Info{Keyframe: true, PictureIDBits: 7, PictureID: 1, HasTL0: true, TL0PICIDX: 9}},
		{name: "VP9 upper spatial layer", format: VP9, bytes: "a8010209", want: Info{PictureIDBits: 7, PictureID: 1, HasTL0: true, TL0PICIDX: 9}},
		{name: "VP9 structure with sizes", format: VP9, bytes: "8a01" + "30" + "014000b4" + "02800168", want: Info{Keyframe: true, PictureIDBits: 7, PictureID: 1, Width: 640, Height: 360}},
		{name: "VP9 flexible references", format: VP9, bytes: "d8010304" + "ff", want: Info{PictureIDBits: 7, PictureID: 1}},
		{name: "VP9 references cut", format: VP9, bytes: "d80103", fails: true},
		{name: "VP9 cut in id", format: VP9, bytes: "80", fails: true},
		{name: "VP9 cut in layers", format: VP9, bytes: "a001", fails: true},
		{name: "VP9 cut in TL0PICIDX", format: VP9, bytes: "a00100", fails: true},

		// RFC 6184 sections 5.6 to 5.8.
		{name: "H264 IDR", format: H264, bytes: "658884", want: Info{Keyframe: true}},
		{name: "H264 slice", format: H264, bytes: "419a00", want: Info{}},
		{name: "H264 SPS", format: H264, bytes: spsVGA, want: Info{Keyframe: true, Width: 640, Height: 480}},
		{name: "H264 SPS high", format: H264, bytes: spsHD, want: Info{Keyframe: true, Width: 1920, Height: 1080}},
		{name: "H264 SPS cut", format: H264, bytes: "6742", want: Info{Keyframe: true}},
		{name: "H264 STAP-A with SPS and PPS", format: H264, bytes: "78" + "0017" + spsVGA + "000468ce3c80", want: Info{Keyframe: true, Width: 640, Height: 480}},
		{name: "H264 STAP-A of SEI", format: H264, bytes: "18" + "00020600", want: Info{}},
		{name: "H264 STAP-A too long", format: H264, bytes: "18" + "00FF0600", fails: true},
		{name: "H264 STAP-A zero size", format: H264, bytes: "18" + "00000600", fails: true},
		{name: "H264 FU-A first of IDR", format: H264, bytes: "7c8588", want: Info{Keyframe: true}},
		{name: "H264 FU-A middle of IDR", format: H264, bytes: "7c0588", want: Info{}},
		{name: "H264 FU-A first of slice", format: H264, bytes: "5c8188", want: Info{}},
		{name: "H264 reserved type", format: H264, bytes: "1f00", fails: true},
		{name: "H264 short", format: H264, bytes: "65", fails: true},

		// AV1 RTP format section 4.4.
		{name: "AV1 new sequence", format: AV1, bytes: "180a01", want: Info{Keyframe: true}},
		{name: "AV1 inside", format: AV1, bytes: "103200", want: Info{}},
		{name: "AV1 continued", format: AV1, bytes: "983200", want: Info{}},
		{name: "AV1 short", format: AV1, bytes: "18", fails: true},

		{name: "unknown", format: Unknown, bytes: "00", want: Info{Keyframe: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Parse(tt.format, unhex(t, tt.bytes))
			if ok == tt.fails {
				t.Fatalf("Parse succeeded: %v", ok)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Info{})); diff != "" {
				t.Errorf("Info (-want +got):\n%s", diff)
			}
		})
	}
}

// keyframes are what packetizers that we did not write make of a keyframe and of
// a predicted picture; only the first packet of the keyframe may be recognised.
func TestParse_Packetizers(t *testing.T) {
	long := make([]byte, 3000)
	vp8 := append([]byte{0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0xe0, 1}, long...)
	h264 := slices.Concat([]byte{0, 0, 0, 1}, unhex(t, spsVGA), []byte{0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80}, []byte{0, 0, 0, 1, 0x65, 0x88}, bytes.Repeat([]byte{0x55}, 3000))
	// temporal delimiter, sequence header, frame (with sizes).
	av1 := slices.Concat([]byte{0x12, 0x00, 0x0a, 0x04, 1, 2, 3, 4}, []byte{0x32, 0xb8, 0x17}, bytes.Repeat([]byte{0x10}, 3000))
	tests := []struct {
		name   string
		format Format
		pkts   [][]byte
	}{
		{"VP8", VP8, (&codecs.VP8Payloader{EnablePictureID: true}).Payload(1200, vp8)},
		{"H264", H264, (&codecs.H264Payloader{}).Payload(1200, h264)},
		{"AV1", AV1, (&codecs.AV1Payloader{}).Payload(1200, av1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if len(tt.pkts) < 3 {
				t.Fatalf("only %d packets", len(tt.pkts))
			}
			for n, pkt := range tt.pkts {
				info, ok := Parse(tt.format, pkt)
				if !ok {
					t.Fatalf("packet %d did not parse: %x", n, pkt[:4])
				}
				// After an aggregate of parameter sets, an H264 IDR begins as well.
				if first := n == 0 || tt.format == H264 && n == 1; info.Keyframe != first {
					t.Errorf("packet %d: keyframe %v", n, info.Keyframe)
				}
			}
		})
	}
}

func TestParse_VP9Packetizer(t *testing.T) {
	key := append(unhex(t, "824983420013f00af0763812"), make([]byte, 3000)...) // 320×176
	for _, flexible := range []bool{false, true} {
		p := codecs.VP9Payloader{FlexibleMode: flexible, InitialPictureIDFn: func() uint16 { return 0x7ffe }}
		pkts := p.Payload(1200, key)
		for n, pkt := range pkts {
			info, ok := Parse(VP9, pkt)
			if !ok || info.PictureID != 0x7ffe || info.Keyframe != (n == 0) {
				t.Errorf("flexible %v, packet %d: %+v, %v", flexible, n, info, ok)
			}
		}
		if info, _ := Parse(VP9, pkts[0]); !flexible && (info.Width != 320 || info.Height != 176) {
			t.Errorf("size %d×%d, want 320×176", info.Width, info.Height)
		}
	}
}

func TestRewrite(t *testing.T) {
	tests := []struct {
		name      string
		format    Format
		src, want string
		id        uint16
		tl0       uint8
	}{
		{"VP8 15 bits", VP8, "90e0923407253031", "90e0ffff08253031", 0x7fff, 8},
		{"VP8 7 bits stay", VP8, "90c0010730aa", "90c07f0830aa", 127, 8},
		{"VP8 7 bits widen", VP8, "90c0010730aa", "90c081000830aa", 256, 8},
		{"VP8 without numbers", VP8, "1030aa", "1030aa", 5, 6},
		{"VP9 15 bits", VP9, "a8812300090102", "a880050006" + "0102", 5, 6},
		{"VP9 7 bits widen", VP9, "a87f0009ff", "a880800006ff", 128, 6},
		{"H264 untouched", H264, "658884", "658884", 5, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := unhex(t, tt.src)
			info, ok := Parse(tt.format, src)
			if !ok {
				t.Fatal("does not parse")
			}
			got := info.Rewrite([]byte{0xfe}, src, tt.id, tt.tl0)
			if want := "fe" + tt.want; hex.EncodeToString(got) != want {
				t.Errorf("got %x, want %s", got, want)
			}
			if hex.EncodeToString(src) != tt.src {
				t.Error("the source was changed")
			}
		})
	}
}

// FuzzParse: no payload may make the parser fail other than by saying so, and
// what it rewrites must parse again with the numbers it was given.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"90f0ffffee2530", "a8010009", "8a0130014000b402800168", spsVGA, spsHD, "7800026742", "180a01", "d8010304ff"} {
		b, _ := hex.DecodeString(s)
		for format := Unknown; format <= AV1; format++ {
			f.Add(uint8(format), b)
		}
	}
	f.Fuzz(func(t *testing.T, format uint8, b []byte) {
		fm := Format(format % uint8(AV1+1))
		info, ok := Parse(fm, b)
		if !ok || !info.Numbered() {
			return
		}
		out := info.Rewrite(nil, b, 0x1234&(1<<info.PictureIDBits-1)|0x40, 0x56)
		again, ok := Parse(fm, out)
		if !ok || info.HasTL0 && again.TL0PICIDX != 0x56 {
			t.Fatalf("rewritten %x to %x: %+v", b, out, again)
		}
		if info.PictureIDBits == 15 && again.PictureID != 0x1274 {
			t.Fatalf("picture id %#x", again.PictureID)
		}
	})
}
