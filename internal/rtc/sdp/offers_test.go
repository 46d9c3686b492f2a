package sdp

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	psdp "github.com/pion/sdp/v3"
)

var update = flag.Bool("update", false, "write the golden answers anew")

// step is one offer of a recorded call: testdata/<call>/<name>.offer.sdp. The offers were written by Chromium 156 under
// the transceiver controllers of amazon-chime-sdk-js 3.32, and it took our answers to them.
type step struct {
	name       string
	camera     bool
	subscribed []bool
}

// calls are the recorded calls. The third section of "call" is stopped at step 4 and recycled, with mid 4 in place of
// 2, at step 5.
func calls() map[string][]step {
	watching := []step{
		{"01-join", false, []bool{false}},
		{"02-camera-on", true, []bool{false}},
		{"03-watch-two", true, []bool{false, true, true}},
		{"04-unwatch-one", true, []bool{false, false, true}},
		{"05-watch-recycled", true, []bool{false, true, true}},
	}
	return map[string][]step{
		"call": append(watching[:len(watching):len(watching)],
			step{"06-camera-off", false, []bool{false, true, true}},
			step{"07-camera-refused", false, []bool{false, true, true}},
			step{"08-camera-again", true, []bool{false, true, false}},
			step{"09-rewatch", true, []bool{false, true, true}},
		),
		"all-codecs": watching, // client prefers VP9, wants the dependency descriptor
		"stereo": { // audio profile of 128 kbit/s
			{"01-join", false, []bool{false}},
			{"02-camera-on", true, []bool{false}},
		},
		"simulcast": {
			{"01-join", false, []bool{false}},
			{"02-camera-on", true, []bool{false}},
			{"03-watch", true, []bool{false, true}},
			{"04-camera-off", false, []bool{false, true}},
			{"05-camera-again", true, []bool{false, true}},
		},
		"video-only": {
			{"01-join", false, []bool{false}},
			{"02-camera-on", true, []bool{false, true}},
		},
		"sim-group": {{"01-camera-on", true, []bool{false}}},
		// Tracks added without transceivers, as SDK 1.6 did.
		"plan-b": {
			{"01-join", false, nil},
			{"02-camera-on", true, nil},
			{"03-watch", true, []bool{false, true}},
		},
	}
}

func (s step) request() Request {
	return Request{Transport: testTransport(), SendsCamera: s.camera, Subscribed: s.subscribed}
}

func (s step) offer(t testing.TB, call string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", call, s.name+".offer.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func testTransport() Transport {
	return Transport{
		Ufrag:       "c4r1ll0n",
		Pwd:         "0123456789abcdef01234567",
		Fingerprint: "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"),
		Candidates:  []Candidate{{Address: "203.0.113.7", Port: 3478}, {Address: "2001:db8::7", Port: 3478}},
	}
}

// newTestAnswerer counts SSRCs up from 1001.
func newTestAnswerer(o Options) *Answerer {
	a := NewAnswerer(o)
	next := uint32(1000)
	a.newSSRC = func() uint32 { next++; return next }
	return a
}

// play answers a whole recorded call.
func play(t testing.TB, call string, o Options) []*Answer {
	t.Helper()
	a := newTestAnswerer(o)
	var answers []*Answer
	for _, s := range calls()[call] {
		answer, err := a.Answer(s.offer(t, call), s.request())
		if err != nil {
			t.Fatalf("%s/%s: %v", call, s.name, err)
		}
		answers = append(answers, answer)
	}
	return answers
}

// parsed is a session description with its lines at hand.
func parsed(t testing.TB, text string) *psdp.SessionDescription {
	t.Helper()
	var d psdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return &d
}

// lines are a section's attribute lines: "mid:1", "sendrecv".
func lines(m *psdp.MediaDescription) []string {
	var all []string
	for _, a := range m.Attributes {
		if a.Value == "" {
			all = append(all, a.Key)
		} else {
			all = append(all, a.Key+":"+a.Value)
		}
	}
	return all
}
