package sdp

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// TestAnswer_Pion: another offerer than Chromium takes the answers too, over joining, the camera, and watching.
func TestAnswer_Pion(t *testing.T) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
	}()
	a := NewAnswerer(Options{Video: allKinds()})
	exchange := func(camera bool, subscribed ...bool) *Answer {
		t.Helper()
		offer, err := pc.CreateOffer(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := pc.SetLocalDescription(offer); err != nil {
			t.Fatal(err)
		}
		r := Request{Transport: testTransport(), SendsCamera: camera, Subscribed: subscribed}
		answer, err := a.Answer(offer.SDP, r)
		if err != nil {
			t.Fatalf("%v in\n%s", err, offer.SDP)
		}
		mirrors(t, "pion", offer.SDP, answer.SDP)
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
			t.Fatalf("%v on\n%s", err, answer.SDP)
		}
		return answer
	}
	send := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendrecv}
	watch := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}

	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, send); err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, send); err != nil {
		t.Fatal(err)
	}
	if got := exchange(true, false); got.Camera.Direction != SendRecv || len(got.Camera.Codecs) < 3 || got.Audio == nil {
		t.Errorf("camera %+v, audio %+v", got.Camera, got.Audio)
	}

	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, watch); err != nil {
		t.Fatal(err)
	}
	got := exchange(true, false, true)
	if len(got.Receive) != 1 || !got.Receive[0].Subscribed() {
		t.Fatalf("receiving %+v", got.Receive)
	}
	if want := "a=msid:v_" + got.Receive[0].MID; !strings.Contains(got.SDP, want) {
		t.Errorf("no %s", want)
	}
	for i, tr := range pc.GetTransceivers() {
		want := webrtc.RTPTransceiverDirectionSendrecv
		if i == 2 {
			want = webrtc.RTPTransceiverDirectionRecvonly
		}
		if tr.Direction() != want {
			t.Errorf("transceiver %d is %s, want %s", i, tr.Direction(), want)
		}
	}
}
