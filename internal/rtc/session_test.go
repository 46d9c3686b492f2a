package rtc

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

func TestSession_Direct(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	sess, h := join(t, s, c)
	talk(t, s, sess, h, c)
	if sess.Relayed() {
		t.Error("a direct path is said to be relayed")
	}
	if time.Since(sess.LastReceived()) > 5*time.Second {
		t.Errorf("LastReceived is %v", sess.LastReceived())
	}

	if err := sess.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2}}); err != nil {
		t.Fatal(err)
	}
	s.Flush()
	_ = c.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 3, Bitrate: 1000, SSRCs: []uint32{serverSSRC}}})
	for {
		if _, ok := wait(t, "RTCP at the server", h.rtcp)[0].(*rtcp.ReceiverEstimatedMaximumBitrate); ok {
			break
		}
	}
}

func TestSession_ClientGoesAway(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	_, h := join(t, s, c)
	c.close()
	if reason := wait(t, "gone", h.gone); reason != ReasonClosedByPeer {
		t.Errorf("gone: %s", reason)
	}
	if n := s.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestSession_WeAreDTLSClient(t *testing.T) {
	s := startServer(t)
	c := newClient(t, webrtc.Configuration{})
	h := newHeard()
	sess, err := s.NewSession(h)
	if err != nil {
		t.Fatal(err)
	}
	r := c.remote()
	r.Setup = "passive"
	if err := sess.SetRemote(r); err != nil {
		t.Fatal(err)
	}
	c.answer(t, sess.Local(), "active")
	wait(t, "connected", h.connected)
	talk(t, s, sess, h, c)
}
