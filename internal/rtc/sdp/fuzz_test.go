package sdp

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	psdp "github.com/pion/sdp/v3"
)

// FuzzAnswer: no offer makes the answerer panic, and what it answers is well-formed, mirrors the offer's sections and
// is not much larger. An input is a change to a recorded offer, text in place of one line, so that inputs stay small:
// with whole offers the fuzzer spends its time on making them smaller.
func FuzzAnswer(f *testing.F) {
	offers := [][]string{{""}}
	paths, err := filepath.Glob("testdata/*/*.offer.sdp")
	if err != nil || len(paths) == 0 {
		f.Fatal("no offers", err)
	}
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		offers = append(offers, strings.SplitAfter(string(text), "\r\n"))
		f.Add(uint(i+1), uint(20+7*i), "a=inactive\r\n")
	}
	f.Add(uint(0), uint(0), minimal)
	for i, line := range []string{
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n", "a=group:BUNDLE 1 0\r\n", "a=mid:x\r\n", "a=rid:x send pt=96;max-width=1\r\n",
		"a=simulcast:send a,~b;c recv d\r\n", "a=ssrc-group:SIM 1 2 3\r\n", "a=extmap:14/sendonly urn:3gpp:video-orientation\r\n",
		"a=rtcp-fb:* nack\r\n", "a=fmtp:97 apt=96 ; apt=97\r\n", "a=msid:- {x}\r\n", "a=bundle-only\r\n",
	} {
		f.Add(uint(i+1), uint(30), line)
	}
	f.Fuzz(func(t *testing.T, recorded, line uint, text string) {
		of := slices.Clone(offers[recorded%uint(len(offers))])
		of[line%uint(len(of))] = text
		checkAnswers(t, strings.Join(of, ""))
	})
}

func checkAnswers(t *testing.T, offer string) {
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
		if strings.Count(answer.SDP, "\r") != strings.Count(answer.SDP, "\n") {
			t.Fatalf("stray line ends in %q", answer.SDP)
		}
		if len(answer.SDP) > 16<<10+8*len(offer) {
			t.Fatalf("%d bytes answer %d", len(answer.SDP), len(offer))
		}
	}
}
