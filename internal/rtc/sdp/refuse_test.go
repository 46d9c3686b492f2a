package sdp

import (
	"strings"
	"testing"
)

// minimal is the smallest offer that is answered.
const minimal = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:uuuu\r\na=ice-pwd:pppppppppppppppppppppp\r\n" +
	"a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n" +
	"a=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n"

func TestAnswer_Refuses(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(minimal, old, new, 1) }
	for name, c := range map[string]struct{ offer, want string }{
		"empty":          {"", "offer has no section"},
		"no SDP":         {"hello", "cannot be parsed"},
		"no section":     {minimal[:strings.Index(minimal, "m=")], "offer has no section"},
		"no ufrag":       {change("a=ice-ufrag:uuuu\r\n", ""), "offer has no ICE ufrag"},
		"no pwd":         {change("a=ice-pwd:pppppppppppppppppppppp\r\n", ""), "offer has no ICE pwd"},
		"odd ufrag":      {change("uuuu", "uu uu"), "RFC 8839"},
		"no fingerprint": {change("a=fingerprint:sha-256", "a=fingerprint:md5"), "no DTLS fingerprint"},
		"no setup":       {change("a=setup:actpass\r\n", ""), `setup ""`},
		"holdconn":       {change("actpass", "holdconn"), `setup "holdconn"`},
		"no opus":        {change("opus", "PCMU"), "no section that can be answered"},
		"stopped":        {change("m=audio 9", "m=audio 0"), "no section that can be answered"},
		"no DTLS":        {change("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "no section that can be answered"},
		"twice the mid":  {minimal + minimal[strings.Index(minimal, "m="):], `two sections with mid "0"`},
		"long":           {minimal + strings.Repeat("a=x\r\n", MaxOfferBytes/5), "at most 524288"},
		"many sections":  {minimal + strings.Repeat("m=audio 9 X 1\r\n", MaxSections), "at most 128"},
	} {
		answer, err := NewAnswerer(Options{}).Answer(c.offer, Request{Transport: testTransport()})
		if err == nil || !strings.HasPrefix(err.Error(), "sdp: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q (%+v)", name, err, c.want, answer)
		}
	}
	if _, err := NewAnswerer(Options{}).Answer(minimal, Request{Transport: testTransport()}); err != nil {
		t.Errorf("the offer that all are made from: %v", err)
	}
}

// TestAnswer_ErrorKeepsState: a bad offer between two good ones changes no promise.
func TestAnswer_ErrorKeepsState(t *testing.T) {
	a := newTestAnswerer(Options{})
	s := calls()["call"][2]
	first, err := a.Answer(s.offer(t, "call"), s.request())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Answer(strings.ReplaceAll(s.offer(t, "call"), "a=ice-ufrag", "a=x"), s.request()); err == nil {
		t.Fatal("an offer without ufrag was answered")
	}
	again, err := a.Answer(s.offer(t, "call"), s.request())
	if err != nil {
		t.Fatal(err)
	}
	if first.Receive[0].SSRC != again.Receive[0].SSRC {
		t.Errorf("SSRC moved from %d to %d", first.Receive[0].SSRC, again.Receive[0].SSRC)
	}
	if want := strings.Replace(first.SDP, "o=- 1 1 ", "o=- 1 2 ", 1); again.SDP != want {
		t.Errorf("the same offer was answered\n%s\nthen\n%s", first.SDP, again.SDP)
	}
}

// TestAnswer_RejectsSections: what cannot be served is answered with port 0, the rest is served.
func TestAnswer_RejectsSections(t *testing.T) {
	more := map[string]string{
		"data channel":       "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n",
		"outside the BUNDLE": "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:2\r\na=rtpmap:111 opus/48000/2\r\n",
		"without mid":        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n",
		"without codec":      "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 H265/90000\r\n",
		"unknown media":      "m=message 9 TCP/MSRP *\r\na=mid:1\r\n",
	}
	for name, section := range more {
		offer := strings.Replace(minimal, "BUNDLE 0", "BUNDLE 0 1", 1) + section
		answer, err := NewAnswerer(Options{}).Answer(offer, Request{Transport: testTransport()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d := parsed(t, answer.SDP)
		if group, _ := d.Attribute("group"); group != "BUNDLE 0" || d.MediaDescriptions[1].MediaName.Port.Value != 0 {
			t.Errorf("%s: answered\n%s", name, answer.SDP)
		}
	}
}

// TestAnswer_Firefox: new sections have port 0 and a=bundle-only, H264 and VP9 have other parameters, and there is a
// second H264 with packetization-mode 0 (RFC 9143 section 6; not recorded, written by hand).
func TestAnswer_Firefox(t *testing.T) {
	offer := strings.Replace(minimal, "BUNDLE 0", "BUNDLE 0 1", 1) +
		"m=video 0 UDP/TLS/RTP/SAVPF 120 124 121 125 126 127 97 98\r\na=mid:1\r\na=bundle-only\r\na=sendrecv\r\n" +
		"a=msid:{s} {t}\r\na=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" +
		"a=extmap:7/recvonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" +
		"a=rtpmap:120 VP8/90000\r\na=fmtp:120 max-fs=12288;max-fr=60\r\n" +
		"a=rtpmap:124 rtx/90000\r\na=fmtp:124 apt=120;rtx-time=3000\r\n" +
		"a=rtpmap:121 VP9/90000\r\na=fmtp:121 max-fs=12288;max-fr=60\r\n" +
		"a=rtpmap:125 rtx/90000\r\na=fmtp:125 apt=121\r\n" +
		"a=rtpmap:126 H264/90000\r\na=fmtp:126 profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1\r\n" +
		"a=rtpmap:127 rtx/90000\r\na=fmtp:127 apt=126\r\n" +
		"a=rtpmap:97 H264/90000\r\na=fmtp:97 profile-level-id=42e01f;level-asymmetry-allowed=1\r\n" +
		"a=rtcp-fb:* transport-cc\r\na=rtcp-fb:120 nack\r\n"
	a := NewAnswerer(Options{Video: []Kind{VP8, VP9, H264CBP}})
	answer, err := a.Answer(offer, Request{Transport: testTransport(), SendsCamera: true})
	if err != nil {
		t.Fatal(err)
	}
	m := parsed(t, answer.SDP).MediaDescriptions[1]
	if m.MediaName.Port.Value == 0 {
		t.Error("the bundle-only section was rejected")
	}
	wantLines(t, m, "sendrecv", "msid:{s} {t}", "fmtp:124 apt=120", "fmtp:121 profile-id=0",
		"fmtp:126 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		"rtcp-fb:120 transport-cc", "rtcp-fb:120 nack", "rtcp-fb:126 transport-cc",
		"extmap:7/sendonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01")
	wantNoLine(t, m, "rtpmap:97", "fmtp:120", "rtcp-rsize", "bundle-only")
}
