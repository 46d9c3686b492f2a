package sdp

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	psdp "github.com/pion/sdp/v3"
)

// allKinds is a permissive list, as the vendor's service has had since 2024.
func allKinds() []Kind {
	return []Kind{VP8, H264Baseline, H264CBP, H264Main, H264High, H264CHP, VP9, AV1}
}

func optionsOf(call string) Options {
	if call == "all-codecs" {
		return Options{Video: allKinds(), VideoOrientation: true}
	}
	return Options{}
}

// TestAnswer_Golden compares whole answers with those that Chromium 156 took.
func TestAnswer_Golden(t *testing.T) {
	for call, steps := range calls() {
		for i, answer := range play(t, call, optionsOf(call)) {
			path := filepath.Join("testdata", call, steps[i].name+".answer.sdp")
			if *update {
				if err := os.WriteFile(path, []byte(answer.SDP), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), answer.SDP); d != "" {
				t.Errorf("%s (-want +got):\n%s", path, d)
			}
		}
	}
}

// TestAnswer_Mirrors: same sections, same order, same mids, port 0 where the offer has it and outside the BUNDLE
// (signaling spec 3.3, checklist 19).
func TestAnswer_Mirrors(t *testing.T) {
	for call, steps := range calls() {
		for i, answer := range play(t, call, optionsOf(call)) {
			mirrors(t, call+"/"+steps[i].name, steps[i].offer(t, call), answer.SDP)
		}
	}
}

func mirrors(t *testing.T, name, offer, answer string) {
	t.Helper()
	o, a := parsed(t, offer), parsed(t, answer)
	if len(o.MediaDescriptions) != len(a.MediaDescriptions) {
		t.Fatalf("%s: %d sections answer %d", name, len(a.MediaDescriptions), len(o.MediaDescriptions))
	}
	group, _ := a.Attribute("group")
	for i, om := range o.MediaDescriptions {
		am := a.MediaDescriptions[i]
		omid, _ := om.Attribute("mid")
		amid, _ := am.Attribute("mid")
		if omid != amid || om.MediaName.Media != am.MediaName.Media {
			t.Errorf("%s: section %d is %s %q, want %s %q", name, i, am.MediaName.Media, amid, om.MediaName.Media, omid)
		}
		stopped := om.MediaName.Port.Value == 0
		if stopped != (am.MediaName.Port.Value == 0) {
			t.Errorf("%s: section %d has port %d, offered %d", name, i, am.MediaName.Port.Value, om.MediaName.Port.Value)
		}
		if bundled := slices.Contains(strings.Fields(group), amid); bundled == stopped {
			t.Errorf("%s: section %d: stopped %v, but in %q %v", name, i, stopped, group, bundled)
		}
		if stopped && !slices.Contains(lines(am), "inactive") {
			t.Errorf("%s: stopped section %d is not inactive", name, i)
		}
		for _, f := range am.MediaName.Formats {
			if !slices.Contains(om.MediaName.Formats, f) {
				t.Errorf("%s: section %d answers payload type %s, which was not offered", name, i, f)
			}
		}
	}
}

// section finds a section of an answer by its mid.
func findSection(t *testing.T, text, mid string) *psdp.MediaDescription {
	t.Helper()
	for _, m := range parsed(t, text).MediaDescriptions {
		if v, _ := m.Attribute("mid"); v == mid {
			return m
		}
	}
	t.Fatalf("no section %q in\n%s", mid, text)
	return nil
}

func wantLines(t *testing.T, m *psdp.MediaDescription, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(lines(m), w) {
			t.Errorf("no line a=%s in\na=%s", w, strings.Join(lines(m), "\na="))
		}
	}
}

func wantNoLine(t *testing.T, m *psdp.MediaDescription, prefixes ...string) {
	t.Helper()
	for _, l := range lines(m) {
		for _, p := range prefixes {
			if strings.HasPrefix(l, p) {
				t.Errorf("line a=%s", l)
			}
		}
	}
}

// TestAnswer_Candidates: reachable addresses are typ host, once, in the first bundled section (checklist 12).
func TestAnswer_Candidates(t *testing.T) {
	answer := play(t, "call", Options{})[2].SDP
	d := parsed(t, answer)
	wantLines(t, d.MediaDescriptions[0],
		"candidate:1 1 udp 2130706431 203.0.113.7 3478 typ host",
		"candidate:2 1 udp 2130706175 2001:db8::7 3478 typ host",
		"end-of-candidates", "ice-ufrag:c4r1ll0n", "ice-pwd:0123456789abcdef01234567", "setup:passive",
		"fingerprint:"+testTransport().Fingerprint)
	for _, m := range d.MediaDescriptions[1:] {
		wantNoLine(t, m, "candidate", "ice-", "setup", "fingerprint")
	}
	if _, lite := d.Attribute("ice-lite"); !lite {
		t.Error("no a=ice-lite")
	}
}

// TestAnswer_Audio: one Opus stream both ways, with a stream id, without red (signaling spec 3.3, checklist 13).
func TestAnswer_Audio(t *testing.T) {
	for _, answer := range play(t, "call", Options{}) {
		m := parsed(t, answer.SDP).MediaDescriptions[0]
		if d := cmp.Diff([]string{"111"}, m.MediaName.Formats); d != "" {
			t.Error(d)
		}
		wantLines(t, m, "sendrecv", "msid:audio audio", "rtpmap:111 opus/48000/2", "rtcp-fb:111 transport-cc",
			"fmtp:111 minptime=10;useinbandfec=1", "ssrc:1001 cname:carillon", "rtcp-mux", "rtcp-rsize")
	}
	a := play(t, "stereo", Options{})[0].Audio
	if !a.OfferedStereo || a.MaxAverageBitrate != 128000 || a.SSRC != 1001 || a.SendSSRC == 0 || !a.Sends || !a.Receives {
		t.Errorf("stereo: %+v", a)
	}
	for _, answer := range play(t, "video-only", Options{}) {
		if answer.Audio != nil || answer.Camera == nil || answer.Camera.MID != "0" {
			t.Errorf("video-only: audio %+v, camera %+v", answer.Audio, answer.Camera)
		}
	}
}

// TestAnswer_Camera: sendrecv with the client's own msid while sending, never recvonly; inactive otherwise, also when
// refused (signaling spec 3.3, checklist 14).
func TestAnswer_Camera(t *testing.T) {
	steps := calls()["call"]
	for i, answer := range play(t, "call", Options{}) {
		m := findSection(t, answer.SDP, "1")
		offered, _ := findSection(t, steps[i].offer(t, "call"), "1").Attribute("msid")
		if steps[i].camera {
			wantLines(t, m, "sendrecv", "msid:"+offered)
			if len(answer.Camera.Layers) != 1 || answer.Camera.Layers[0].SSRC == 0 || answer.Camera.Layers[0].RTXSSRC == 0 {
				t.Errorf("%s: layers %+v", steps[i].name, answer.Camera.Layers)
			}
		} else {
			wantLines(t, m, "inactive", "msid:inactive inactive")
			if len(answer.Camera.Layers) != 0 {
				t.Errorf("%s: layers %+v", steps[i].name, answer.Camera.Layers)
			}
		}
		// The full list stays, so that the camera can be switched on (signaling spec 3.3).
		wantLines(t, m, "rtpmap:96 VP8/90000", "rtpmap:97 rtx/90000", "fmtp:97 apt=96", "rtpmap:108 H264/90000",
			"rtcp-fb:96 nack", "rtcp-fb:96 nack pli", "rtcp-fb:96 ccm fir", "rtcp-fb:96 goog-remb",
			"rtcp-fb:96 transport-cc")
		wantNoLine(t, m, "ssrc")
	}
}

// TestAnswer_CanonicalFmtp: the client compares these lines with its own constants and renegotiates on every INDEX when
// its codec is not among them (signaling spec 3.6, checklist 15).
func TestAnswer_CanonicalFmtp(t *testing.T) {
	want := map[string]string{
		"VP8":  "",
		"AV1":  "",
		"VP9":  "profile-id=0",
		"H264": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=",
	}
	for _, answer := range play(t, "all-codecs", optionsOf("all-codecs")) {
		m := findSection(t, answer.SDP, "1")
		for _, c := range answer.Camera.Codecs {
			line := parameters(m, c.PayloadType)
			if line != c.Fmtp || !strings.HasPrefix(line, want[c.Name]) || want[c.Name] == "" && line != "" {
				t.Errorf("%s has fmtp %q", c.Name, line)
			}
		}
		if strings.Contains(answer.SDP, "x-google") {
			t.Error("x-google parameters were repeated")
		}
	}
}

// parameters is a payload type's a=fmtp value.
func parameters(m *psdp.MediaDescription, pt uint8) string {
	for _, a := range m.Attributes {
		number, value, _ := strings.Cut(a.Value, " ")
		if a.Key == "fmtp" && number == strconv.Itoa(int(pt)) {
			return value
		}
	}
	return ""
}

// TestAnswer_Extensions: the first answer, with the camera still inactive, accepts all that will be needed; the ids stay
// in brand-new sections (signaling spec 3.4, checklist 16 and 17).
func TestAnswer_Extensions(t *testing.T) {
	want := ExtensionIDs{AudioLevel: 1, AbsSendTime: 2, TransportCC: 3, MID: 4, RID: 10, RepairedRID: 11}
	for i, answer := range play(t, "call", Options{}) {
		if answer.Extensions != want {
			t.Errorf("answer %d: %+v, want %+v", i+1, answer.Extensions, want)
		}
		for _, declined := range []string{"video-layers", "dependency", "toffset", "playout", "orientation", "color"} {
			if strings.Contains(answer.SDP, declined) {
				t.Errorf("answer %d accepts %s", i+1, declined)
			}
		}
	}
	if got := play(t, "all-codecs", optionsOf("all-codecs"))[0].Extensions.VideoOrientation; got != 13 {
		t.Errorf("video orientation has id %d, want 13", got)
	}
}

// TestAnswer_Receive: sendonly, v_<mid>, one SSRC per mid for life; a recycled slot has a new mid and new SSRCs
// (signaling spec 3.7, checklist 18 and 19).
func TestAnswer_Receive(t *testing.T) {
	answers := play(t, "call", Options{})
	promised := make(map[string]uint32)
	for i, answer := range answers {
		for _, v := range answer.Receive {
			m := findSection(t, answer.SDP, v.MID)
			if v.Label != "v_"+v.MID {
				t.Errorf("answer %d: mid %s has label %q", i+1, v.MID, v.Label)
			}
			if !v.Subscribed() {
				wantLines(t, m, "inactive")
				wantNoLine(t, m, "ssrc", "msid")
				continue
			}
			wantLines(t, m, "sendonly", "msid:v_"+v.MID+" track_"+v.MID)
			if want, known := promised[v.MID]; known && want != v.SSRC {
				t.Errorf("answer %d: mid %s moved from SSRC %d to %d", i+1, v.MID, want, v.SSRC)
			}
			promised[v.MID] = v.SSRC
		}
	}
	if d := cmp.Diff(map[string]uint32{"2": 1002, "3": 1004, "4": 1006}, promised); d != "" {
		t.Error(d)
	}
	// Positions, not mids, line up with receive_stream_ids: the recycled slot is the second m=video section.
	var got []string
	for _, v := range answers[4].Receive {
		got = append(got, v.MID+" at "+strconv.Itoa(v.Index))
	}
	if d := cmp.Diff([]string{"4 at 1", "3 at 2"}, got); d != "" {
		t.Error(d)
	}
}

// TestAnswer_Codecs: every receiving section keeps all codecs, because senders switch without renegotiating receivers
// (signaling spec 3.5, checklist 20). The default list is the safe one.
func TestAnswer_Codecs(t *testing.T) {
	for call, want := range map[string][]Kind{
		"call": {VP8, H264CBP},
		// Recvonly sections list them in Chromium's own order; Linux builds have no High decoder without a GPU.
		"all-codecs": {VP8, VP9, H264Baseline, H264CBP, H264Main, AV1},
	} {
		for i, answer := range play(t, call, optionsOf(call)) {
			for _, v := range answer.Receive {
				var got []Kind
				for _, c := range v.Codecs {
					got = append(got, c.Kind)
					if c.RTX == 0 {
						t.Errorf("%s %d: %s without RTX", call, i+1, c.Name)
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s %d, mid %s: %s", call, i+1, v.MID, d)
				}
			}
		}
	}
	v := play(t, "all-codecs", optionsOf("all-codecs"))[2].Receive[0]
	if c, ok := v.Codec(H264CBP); !ok || c.PayloadType != 108 || c.RTX != 109 {
		t.Errorf("H264 CBP is %+v, %v", c, ok)
	}
	if _, ok := v.Codec(H264CHP); ok {
		t.Error("H264 CHP was not offered")
	}
}

// TestAnswer_OfferedVideo: what the client can decode, whether answered or not.
func TestAnswer_OfferedVideo(t *testing.T) {
	answers := play(t, "call", Options{})
	for i, answer := range answers {
		want := []Kind{VP8, H264Baseline, H264CBP, H264Main, VP9, AV1}
		if d := cmp.Diff(want, answer.OfferedVideo); d != "" {
			t.Errorf("answer %d: %s", i+1, d)
		}
	}
}

// TestAnswer_Simulcast: all RIDs are taken, without tildes, also while the camera is off, because Chromium gives up
// layers that an answer leaves out (signaling spec 3.8).
func TestAnswer_Simulcast(t *testing.T) {
	for i, answer := range play(t, "simulcast", Options{})[1:] {
		m := findSection(t, answer.SDP, "1")
		wantLines(t, m, "rid:low recv", "rid:mid recv", "rid:hi recv", "simulcast:recv low;mid;hi")
		want := []Layer{{RID: "low"}, {RID: "mid", Paused: i == 0}, {RID: "hi"}}
		if i == 2 {
			want = nil
		}
		if d := cmp.Diff(want, answer.Camera.Layers); d != "" {
			t.Errorf("answer %d: %s", i+2, d)
		}
	}
}

// TestAnswer_SIM: layers named by SSRC, as older clients and Safari do (signaling spec 3.8).
func TestAnswer_SIM(t *testing.T) {
	got := play(t, "sim-group", Options{})[0].Camera.Layers
	if len(got) != 3 || got[1] != (Layer{SSRC: 111111, RTXSSRC: 111112}) || got[2] != (Layer{SSRC: 222221, RTXSSRC: 222222}) {
		t.Errorf("layers %+v", got)
	}
}

// TestAnswer_CountsEverySection: the C++ client's receive_stream_ids count the audio section (signaling spec 2.4).
func TestAnswer_CountsEverySection(t *testing.T) {
	s := calls()["call"][2]
	r := s.request()
	r.Subscribed = []bool{false, false, true, false}
	answer, err := NewAnswerer(Options{}).Answer(s.offer(t, "call"), r)
	if err != nil {
		t.Fatal(err)
	}
	if v := answer.Receive[0]; v.Index != 2 || !v.Subscribed() || answer.Receive[1].Subscribed() {
		t.Errorf("receiving sections %+v", answer.Receive)
	}
}

// TestAnswer_Remote: where the client's transport is read from.
func TestAnswer_Remote(t *testing.T) {
	fingerprint := strings.TrimSuffix(strings.Repeat("0f:", 32), ":")
	section := func(mid, rest string) string {
		return "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:" + mid + "\r\na=rtpmap:111 opus/48000/2\r\n" + rest
	}
	head := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	ice := "a=ice-ufrag:uu\r\na=ice-pwd:pp\r\n"
	dtls := "a=setup:actpass\r\na=fingerprint:SHA-256 " + fingerprint + "\r\n"
	want := Remote{Ufrag: "uu", Pwd: "pp", FingerprintAlgorithm: "sha-256", Fingerprint: strings.ToUpper(fingerprint),
		Setup: "actpass"}
	for name, offer := range map[string]string{
		"in the section":                head + section("a", ice+dtls),
		"in the session (Firefox)":      head + dtls + "a=group:BUNDLE a\r\n" + section("a", ice),
		"in the tagged section":         head + "a=group:BUNDLE b a\r\n" + section("a", "a=ice-ufrag:x\r\na=ice-pwd:y\r\n") + section("b", ice+dtls),
		"in another section":            head + "a=group:BUNDLE a b\r\n" + section("a", "") + section("b", ice+dtls),
		"after a weak fingerprint":      head + section("a", ice+"a=fingerprint:sha-1 00:11\r\n"+dtls),
		"after a malformed fingerprint": head + section("a", ice+"a=fingerprint:sha-256 00:11\r\n"+dtls),
	} {
		answer, err := NewAnswerer(Options{}).Answer(offer, Request{Transport: testTransport()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := cmp.Diff(want, answer.Remote); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}

	passive := strings.Replace(head+section("a", ice+dtls), "actpass", "passive", 1)
	answer, err := NewAnswerer(Options{}).Answer(passive, Request{Transport: testTransport()})
	if err != nil || !answer.Remote.DialsDTLS() || !strings.Contains(answer.SDP, "a=setup:active\r\n") {
		t.Errorf("a passive client: %v, %+v", err, answer)
	}
}
