package sdp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	psdp "github.com/pion/sdp/v3"
)

// FuzzAnswer: no offer makes the answerer panic, and what it answers is well-formed, mirrors the offer's sections and
// is not much larger.
func FuzzAnswer(f *testing.F) {
	offers, err := filepath.Glob("testdata/*/*.offer.sdp")
	if err != nil || len(offers) == 0 {
		f.Fatal("no offers", err)
	}
	for _, path := range offers {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(minimal)
	f.Fuzz(func(t *testing.T, offer string) {
		a := NewAnswerer(Options{Video: allKinds(), VideoOrientation: true})
		r := Request{Transport: testTransport(), SendsCamera: true, Subscribed: []bool{true, true, true, false, true}}
		for range 2 {
			answer, err := a.Answer(offer, r)
			if err != nil {
				return
			}
			var o, d psdp.SessionDescription
			if err := d.UnmarshalString(answer.SDP); err != nil {
				t.Fatalf("%v in\n%q", err, answer.SDP)
			}
			if o.UnmarshalString(offer) != nil || len(o.MediaDescriptions) != len(d.MediaDescriptions) {
				t.Fatalf("%d sections answer %d", len(d.MediaDescriptions), len(o.MediaDescriptions))
			}
			if n := strings.Count(answer.SDP, "\n"); strings.Count(answer.SDP, "\r") != n {
				t.Fatalf("stray line ends in %q", answer.SDP)
			}
			if len(answer.SDP) > 16<<10+8*len(offer) {
				t.Fatalf("%d bytes answer %d", len(answer.SDP), len(offer))
			}
		}
	})
}
