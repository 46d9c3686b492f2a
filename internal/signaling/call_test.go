package signaling

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/rtc"
	"github.com/carillon-rtc/carillon/internal/signaling/frame"
	"github.com/carillon-rtc/carillon/internal/signaling/signalingtest"
)

// records is a meeting "m1" of three attendees, whose tokens are their ids.
type records map[string]conference.Capabilities

func threePeople() records {
	all := conference.Capability{Send: true, Receive: true}
	caps := conference.Capabilities{Audio: all, Video: all, Content: all}
	return records{"alice": caps, "bob": caps, "carol": caps}
}

func (r records) Identify(_ context.Context, meetingID, token string) (conference.Identity, error) {
	if meetingID != "m1" {
		return conference.Identity{}, conference.ErrMeetingEnded
	}
	caps, ok := r[token]
	if !ok {
		return conference.Identity{}, conference.ErrAttendeeUnavailable
	}
	return conference.Identity{MeetingID: meetingID, AttendeeID: token, ExternalUserID: "ext-" + token, Capabilities: caps}, nil
}

func (r records) Attendees(context.Context, string) (map[string]conference.Capabilities, error) {
	return r, nil
}

// house is a server with real rooms and real media on loopback.
type house struct {
	t      *testing.T
	ctx    context.Context
	bus    bus.Bus
	url    string
	server *Server
}

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	media, err := rtc.Listen(rtc.Config{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan error, 1)
	go func() { running <- media.Run(ctx) }()
	mixer := audio.NewEngine(audio.EngineConfig{Flush: media.Flush})
	local := bus.NewLocal()
	rooms, err := conference.New(conference.Config{Records: threePeople(), Bus: local, Media: media, Audio: mixer})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Rooms: RoomsOf(rooms), Limits: Limits{EndGrace: 100 * time.Millisecond}})
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		web.Close()
		rooms.Close()
		mixer.Close()
		_ = local.Close()
		cancel()
		media.Close()
		<-running
	})
	return &house{t, ctx, local, "ws" + strings.TrimPrefix(web.URL, "http") + "/control/m1", s}
}

// enter joins with real audio and waits until it flows.
func (h *house) enter(token string, session uint64) *signalingtest.Client {
	h.t.Helper()
	c, err := signalingtest.Dial(h.ctx, h.url, token, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(c.Cut)
	if _, _, err := c.Join(h.ctx, signalingtest.Join{SessionID: session}); err != nil {
		h.t.Fatal(err)
	}
	peer, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = peer.Close() })
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "audio")
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = peer.AddTransceiverFromTrack(track)
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = peer.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		h.t.Fatal(err)
	}
	heard := make(chan struct{})
	peer.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for range 5 {
			if _, _, err := remote.ReadRTP(); err != nil {
				return
			}
		}
		close(heard)
	})
	offer, err := peer.CreateOffer(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(peer)
	if err := peer.SetLocalDescription(offer); err != nil {
		h.t.Fatal(err)
	}
	<-gathered
	answer, err := c.Subscribe(h.ctx, signalingtest.Subscribe{Offer: peer.LocalDescription().SDP, AudioHost: "host", Receive: []uint32{0}})
	if err != nil {
		h.t.Fatal(err)
	}
	// Nothing may come between SUBSCRIBE_ACK and the full roster but INDEX.
	s, err := c.AwaitFunc(h.ctx, func(s *frame.Signal) bool {
		return s.GetType() != frame.Signal_INDEX && s.GetType() != frame.Signal_PING_PONG
	})
	if err != nil || s.GetType() != frame.Signal_AUDIO_STREAM_ID_INFO {
		h.t.Errorf("after SUBSCRIBE_ACK came %v, %v", s, err)
	}
	if err := peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		h.t.Fatalf("%v\n%s", err, answer.SDP)
	}
	select {
	case <-heard:
	case <-h.ctx.Done():
		h.t.Fatalf("%s hears nothing", token)
	}
	return c
}

// present waits until c sees exactly these attendees.
func (h *house) present(c *signalingtest.Client, ids ...string) {
	h.t.Helper()
	err := c.AwaitRoster(h.ctx, func(roster map[uint32]signalingtest.Attendee) bool {
		seen := map[string]bool{}
		for _, a := range roster {
			seen[a.ID] = true
		}
		for _, id := range ids {
			if !seen[id] {
				return false
			}
		}
		return len(roster) == len(ids)
	})
	if err != nil {
		h.t.Errorf("want %v, have %v: %v", ids, c.Roster(), err)
	}
}

// A call with the real rooms: presence, mute, data, takeover, resume, removal
// and the end.
func TestCall(t *testing.T) {
	h := newHouse(t)
	alice := h.enter("alice", 1)
	bob := h.enter("bob", 2)
	h.present(alice, "alice", "bob")
	h.present(bob, "alice", "bob")

	if err := alice.Mute(true); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*signalingtest.Client{alice, bob} {
		if err := c.AwaitRoster(h.ctx, func(roster map[uint32]signalingtest.Attendee) bool {
			for _, a := range roster {
				if a.ID == "alice" {
					return a.Muted
				}
			}
			return false
		}); err != nil {
			t.Error(err)
		}
	}

	if err := bob.SendData("chat", []byte("hello"), 0); err != nil {
		t.Fatal(err)
	}
	s, err := alice.Await(h.ctx, frame.Signal_DATA_MESSAGE)
	if err != nil {
		t.Fatal(err)
	}
	m := s.GetDataMessage().GetMessages()[0]
	if string(m.GetData()) != "hello" || m.GetSenderAttendeeId() != "bob" || m.GetIngestTimeNs() <= 0 {
		t.Errorf("got %v", m)
	}

	// Signaling spec 9.3: the same session resumes silently, another takes over.
	resumed := h.enter("alice", 1)
	<-alice.Done()
	if alice.AudioStatus() != 0 {
		t.Errorf("a resumed session was told %d", alice.AudioStatus())
	}
	h.present(bob, "alice", "bob")
	second := h.enter("alice", 99)
	if _, err := resumed.Await(h.ctx, frame.Signal_LEAVE_ACK); !isStatus(err, 301) {
		t.Errorf("the other device was told %v, want 301", err)
	}
	h.present(bob, "alice", "bob")

	publish := func(subject, data string) {
		t.Helper()
		if err := h.bus.Publish(subject, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	publish("meeting.m1.attendee.deleted", `{"AttendeeId":"alice"}`)
	if _, err := second.Await(h.ctx, frame.Signal_LEAVE_ACK); !isStatus(err, 411) {
		t.Errorf("the deleted attendee was told %v, want 411", err)
	}
	h.present(bob, "bob")
	<-second.Done()
	if code, _ := second.CloseCode(); code != 4403 {
		t.Errorf("closed with %d, want 4403", code)
	}

	carol := h.enter("carol", 3)
	h.present(bob, "bob", "carol")
	if err := carol.Leave(h.ctx); err != nil {
		t.Error(err)
	}
	h.present(bob, "bob")

	publish("meeting.m1.ended", `{}`)
	if _, err := bob.Await(h.ctx, frame.Signal_LEAVE_ACK); !isStatus(err, 410) {
		t.Errorf("got %v, want 410", err)
	}
	<-bob.Done()
	if code, _ := bob.CloseCode(); code != 4410 {
		t.Errorf("closed with %d, want 4410", code)
	}
}

func isStatus(err error, status uint32) bool {
	e, ok := errors.AsType[*signalingtest.StatusError](err)
	return ok && e.Status == status
}
