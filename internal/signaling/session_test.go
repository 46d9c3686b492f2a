package signaling

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/signaling/frame"
	"github.com/carillon-rtc/carillon/internal/signaling/signalingtest"
)

// Signaling spec 2.1 and 2.3: JOIN_ACK comes before INDEX and is explicit.
func TestJoin(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.dial("m1", "alice", nil)
		defer c.Close()
		ack, index, err := c.Join(b.ctx, signalingtest.Join{SessionID: 7, Flags: 2 | 32})
		if err != nil {
			t.Fatal(err)
		}
		want := &frame.JoinAck{
			VideoSubscriptionLimit: new(uint32(25)), WantsCompressedSdp: new(false),
			DefaultServerSideNetworkAdaption: frame.NetworkAdaption_NO_ADAPTION.Enum(),
		}
		if diff := cmp.Diff(want, ack, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		if index.AtCapacity == nil || index.GetNumParticipants() != 1 {
			t.Errorf("got INDEX %v", index)
		}
		p := <-b.rooms.came
		options := conference.JoinOptions{AudioSessionID: 7, ExcludeSelfContent: true, ServerSideAdaption: 1,
			RemoteAddress: "pipe", ClientName: "carillon-signalingtest", ClientInfo: "go"}
		if p.options != options {
			t.Errorf("got %+v, want %+v", p.options, options)
		}
		// A second JOIN on one socket makes no sense.
		if err := c.Send(frame.Signal_JOIN, &frame.Signal{Join: &frame.Join{}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(b.rooms.came) != 0 {
			t.Error("joined twice")
		}
	})
}

// Signaling spec 7.1.
func TestJoin_TURN(t *testing.T) {
	configure := func(c *Config) {
		c.TURN = func(host string) *Credentials {
			return &Credentials{"user", "secret", time.Hour, []string{"turn:" + host + ":3478?transport=udp"}}
		}
	}
	inBubble(t, configure, func(b *bench) {
		c := b.dial("m1", "alice", nil)
		defer c.Close()
		ack, _, err := c.Join(b.ctx, signalingtest.Join{})
		if err != nil {
			t.Fatal(err)
		}
		want := &frame.TurnCredentials{Username: new("user"), Password: new("secret"), Ttl: new(uint32(3600)), Uris: []string{"turn:meet.example:3478?transport=udp"}}
		if diff := cmp.Diff(want, ack.GetTurnCredentials(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	})
}

// Signaling spec 8: a third share gets error 409 on its own session.
func TestJoin_ContentCapacity(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.rooms.full = true
		c := b.dial("m1", "alice#content", nil)
		_, _, err := c.Join(b.ctx, signalingtest.Join{})
		if e, ok := errors.AsType[*signalingtest.StatusError](err); !ok || e.Status != 409 {
			t.Errorf("got %v, want status 409", err)
		}
		b.wantClose(c, 4409, "content share limit reached")
	})
}

// A meeting that ended between the socket's opening and JOIN.
func TestJoin_Refused(t *testing.T) {
	inBubble(t, func(c *Config) { c.Rooms = RoomsOf(concreteRooms{newFakeRooms()}) }, func(b *bench) {
		c := b.dial("m1", "alice", nil)
		if _, _, err := c.Join(b.ctx, signalingtest.Join{}); err == nil {
			t.Error("joined")
		}
		b.wantClose(c, 4500, "server is draining")
	})
}

// Signaling spec 2.4 and 2.5: the room gets the video descriptors in order and
// the answer goes out before the roster.
func TestSubscribe(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", &signalingtest.Options{Ping: -1})
		defer c.Close()
		b.rooms.sub.Allocations = []conference.Allocation{{TrackLabel: "AmazonChimeExpressVideo", StreamID: 2, GroupID: 3}}
		b.rooms.sub.Tracks = []conference.Track{{StreamID: 9, SSRC: 77, TrackLabel: "v_2"}}
		sub := &frame.Subscribe{
			Duplex: frame.Duplex_DUPLEX.Enum(), SdpOffer: new("v=0\r\nm=audio 9\r\nm=video 9\r\nm=video 9\r\n"),
			AudioHost: new("host"), AudioMuted: new(true), ReceiveStreamIds: []uint32{0, 9},
			SendStreams: []*frame.StreamDescriptor{
				{MediaType: frame.MediaType_AUDIO.Enum(), StreamId: new(uint32(1))},
				signalingtest.Camera(1500),
			},
		}
		if err := c.Send(frame.Signal_SUBSCRIBE, &frame.Signal{Sub: sub}); err != nil {
			t.Fatal(err)
		}
		first, err := c.Next(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := &frame.SubscribeAck{
			Duplex: frame.Duplex_DUPLEX.Enum(), SdpAnswer: new("v=0\r\nanswer"),
			Allocations: []*frame.StreamAllocation{{TrackLabel: new("AmazonChimeExpressVideo"), StreamId: new(uint32(2)), GroupId: new(uint32(3))}},
			Tracks:      []*frame.TrackMapping{{StreamId: new(uint32(9)), Ssrc: new(uint32(77)), TrackLabel: new("v_2")}},
		}
		if diff := cmp.Diff(want, first.GetSuback(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		second, err := c.Next(b.ctx)
		if err != nil || second.GetType() != frame.Signal_AUDIO_STREAM_ID_INFO {
			t.Errorf("got %v, %v; want the roster", second, err)
		}
		b.wantCall(p, "subscribe")
		request := conference.SubscribeRequest{
			OfferSDP: sub.GetSdpOffer(), Audio: true, AudioMuted: true, Sends: true, ReceiveStreamIDs: []uint32{0, 9},
			SendStreams: []conference.SendStream{{TrackLabel: "AmazonChimeExpressVideo", MaxBitrateKbps: 1500, Framerate: 15, StreamID: 2, GroupID: 2}},
		}
		if diff := cmp.Diff(request, p.requests[0]); diff != "" {
			t.Error(diff)
		}
	})
}

// Signaling spec 2.5: who sends nothing gets a dummy allocation.
func TestSubscribe_DummyAllocation(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, _ := b.join("alice", nil)
		defer c.Close()
		a, err := c.Subscribe(b.ctx, signalingtest.Subscribe{Offer: "v=0", AudioHost: "h"})
		if err != nil {
			t.Fatal(err)
		}
		want := []*frame.StreamAllocation{{TrackLabel: new(""), StreamId: new(uint32(1)), GroupId: new(uint32(1))}}
		if diff := cmp.Diff(want, a.Allocations, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	})
}

// Signaling spec 2.5: 206 rides on a valid answer.
func TestSubscribe_ViewOnly(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.rooms.sub.ViewOnly = true
		c, _ := b.join("alice", nil)
		defer c.Close()
		a, err := c.Subscribe(b.ctx, signalingtest.Subscribe{Offer: "v=0", Videos: []*frame.StreamDescriptor{signalingtest.Camera(600)}})
		if err != nil || !a.ViewOnly || a.SDP != "v=0\r\nanswer" {
			t.Errorf("got %+v, %v", a, err)
		}
	})
}

func TestSubscribe_Fails(t *testing.T) {
	cases := map[string]struct {
		offer string
		err   error
		want  uint32
	}{
		"no offer":   {"", nil, 400},
		"bad offer":  {"v=0", fmt.Errorf("%w: no BUNDLE", conference.ErrBadOffer), 400},
		"bad moment": {"v=0", errors.New("no socket"), 500},
		"third show": {"v=0", conference.ErrContentCapacity, 409},
	}
	for name, tc := range cases {
		inBubble(t, nil, func(b *bench) {
			b.rooms.subErr = tc.err
			c, _ := b.join("alice", nil)
			defer c.Close()
			_, err := c.Subscribe(b.ctx, signalingtest.Subscribe{Offer: tc.offer})
			if e, ok := errors.AsType[*signalingtest.StatusError](err); !ok || e.Status != tc.want {
				t.Errorf("%s: got %v, want status %d", name, err, tc.want)
			}
		})
	}
}

// A client that offers in a loop has to wait, and is otherwise served.
func TestSubscribe_Loop(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, _ := b.join("alice", nil)
		defer c.Close()
		start := time.Now()
		for range 150 {
			if _, err := c.Subscribe(b.ctx, signalingtest.Subscribe{Offer: "v=0"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(start).Round(time.Second); got != 10*time.Second {
			t.Errorf("150 offers took %v, want 10s: 50 at once, then 10 a second", got)
		}
	})
}

// Signaling spec 2.4: JavaScript counts video sections only, C++ all of them.
func TestVideoReceives(t *testing.T) {
	const offer = "v=0\r\nm=audio 9 x\r\nm=video 9 x\r\nm=video 0 x\r\nm=video 9 x\r\n"
	cases := map[string]struct{ in, want []uint32 }{
		"js":       {[]uint32{0, 0, 5}, []uint32{0, 0, 5}},
		"c++":      {[]uint32{0, 0, 0, 5}, []uint32{0, 0, 5}},
		"short":    {[]uint32{0}, []uint32{0}},
		"none":     {nil, nil},
		"too many": {[]uint32{1, 2, 3, 4, 5, 6}, []uint32{1, 2, 3, 4, 5, 6}},
	}
	for name, c := range cases {
		if diff := cmp.Diff(c.want, videoReceives(offer, c.in)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// C++ clients do not say which descriptor is audio's.
func TestSubscribeRequest_NativeAudio(t *testing.T) {
	r := subscribeRequest(&frame.Subscribe{SendStreams: []*frame.StreamDescriptor{{TrackLabel: new(audioLabel)}, {TrackLabel: new("x")}}})
	if len(r.SendStreams) != 1 || r.SendStreams[0].TrackLabel != "x" || r.Sends || r.Audio {
		t.Errorf("got %+v", r)
	}
}

// What a client in a meeting may ask (signaling spec 4.3, 4.4, 5.3).
func TestRequests(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		defer c.Close()
		send := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		send(c.Mute(true))
		b.wantCall(p, "muted true")
		send(c.Mute(false))
		b.wantCall(p, "muted false")
		send(c.Pause(3, 4))
		b.wantCall(p, "pause [3 4]")
		send(c.Resume(3))
		b.wantCall(p, "resume [3]")
		send(c.SwitchStream("2", "bob", 8))
		b.wantCall(p, "update [{2 bob 8 0 0 0 1}] []")
		send(c.Send(frame.Signal_REMOTE_VIDEO_UPDATE, &frame.Signal{RemoteVideoUpdate: &frame.RemoteVideoUpdate{
			AddedOrUpdatedVideoSubscriptions: []*frame.VideoSubscription{{Mid: new("3"), AttendeeId: new("bob"), GroupId: new(uint32(5)),
				Priority: new(uint32(4294967294)), TargetBitrateKbps: new(uint32(600)), QualityAdaptationPreference: frame.QualityPreference_MAINTAIN_RESOLUTION.Enum()}},
			RemovedVideoSubscriptionMids: []string{"2"},
		}}))
		b.wantCall(p, "update [{3 bob 0 5 4294967294 600 3}] [2]")
	})
}

// Signaling spec 10: metrics and timings are taken, replication is refused.
func TestRequests_WithoutTheRoom(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		defer c.Close()
		for kind, s := range map[frame.Signal_Type]*frame.Signal{
			frame.Signal_CLIENT_METRIC: {ClientMetric: &frame.ClientMetric{GlobalMetrics: []*frame.Metric{{Type: new(uint32(1)), Value: new(2.5)}}}},
			frame.Signal_MEETING_SESSION_TIMING: {MeetingSessionTiming: &frame.MeetingSessionTiming{
				Signaling: []*frame.MeetingSessionTiming_Signaling{{JoinAckReceivedMs: new(int64(5)), TimedOut: new(true)}},
			}},
			frame.Signal_PRIMARY_MEETING_JOIN: {PrimaryMeetingJoin: &frame.PrimaryMeetingJoin{}},
			frame.Signal_INDEX:                {Index: &frame.Index{}},
			frame.Signal_Type(99):             {},
		} {
			if err := c.Send(kind, s); err != nil {
				t.Fatal(err)
			}
		}
		s, err := c.Await(b.ctx, frame.Signal_PRIMARY_MEETING_JOIN_ACK)
		if err != nil || s.GetError().GetStatus() != 403 {
			t.Errorf("got %v, %v; want error 403", s, err)
		}
		b.wantNoCall(p)
		if st := b.server.Stats(); st.FramesIgnored != 2 || st.FramesBad != 0 {
			t.Errorf("ignored %d, bad %d; want 2, 0", st.FramesIgnored, st.FramesBad)
		}
		found := false
		for _, step := range b.trace.Steps("m1", "id-alice") {
			found = found || step.Name == "client-timed-out" && step.Attrs["what"] == "signaling"
		}
		if !found {
			t.Error("the trace does not tell what timed out")
		}
	})
}

// Signaling spec 6: topics and sizes are checked again.
func TestDataMessage(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		defer c.Close()
		message := func(topic string, size int) *frame.DataMessage {
			return &frame.DataMessage{Topic: &topic, Data: make([]byte, size), LifetimeMs: new(uint32(1000))}
		}
		send := func(messages ...*frame.DataMessage) {
			t.Helper()
			if err := c.Send(frame.Signal_DATA_MESSAGE, &frame.Signal{DataMessage: &frame.DataMessages{Messages: messages}}); err != nil {
				t.Fatal(err)
			}
		}
		send(message("chat", 2048), message("a-B_9", 0))
		b.wantCall(p, "send 2")
		for _, bad := range []*frame.DataMessage{
			message("chat", 2049), message("aws:chime:transcription", 1), message("", 1),
			message(strings.Repeat("a", 37), 1), message("chät", 1),
		} {
			send(bad)
			s, err := c.Await(b.ctx, frame.Signal_NOTIFICATION)
			if err != nil || s.GetNotification().GetLevel() != frame.Notification_WARNING {
				t.Errorf("got %v, %v; want a warning", s, err)
			}
			b.wantNoCall(p)
		}
		send(message("chat", 1), message("no good", 1))
		b.wantCall(p, "send 1")
		if n := b.server.Stats().DataRefused; n != 6 {
			t.Errorf("DataRefused = %d, want 6", n)
		}
		b.rooms.hangup = true
		send(message("chat", 1))
		b.wantClose(c, 4500, "too many data messages")
		b.wantCall(p, "send 1")
		b.wantCall(p, "drop")
	})
}

// Signaling spec 1.7: LEAVE_ACK, then the client closes; nothing was lost.
func TestLeave(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		if err := c.Leave(b.ctx); err != nil {
			t.Fatal(err)
		}
		b.wantCall(p, "leave")
		b.wantNoCall(p)
		if st := b.server.Stats(); st.Left != 1 || st.Lost != 0 || st.Joined != 0 || st.Sockets != 0 {
			t.Errorf("got %+v", st)
		}
	})
}

// A client that has left but never closes is not kept, whatever it sends.
func TestLeave_NeverCloses(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, _ := b.join("alice", nil) // pings every 10 s
		start := time.Now()
		if err := c.Send(frame.Signal_LEAVE, &frame.Signal{Leave: &frame.Leave{}}); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		if got := time.Since(start); got != 15*time.Second {
			t.Errorf("closed after %v, want 15s", got)
		}
		c.Cut()
	})
}

// A close without LEAVE, however clean, may be a reconnecting client's.
func TestLost(t *testing.T) {
	for name, end := range map[string]func(*signalingtest.Client){
		"closed": (*signalingtest.Client).Close,
		"cut":    (*signalingtest.Client).Cut,
	} {
		inBubble(t, nil, func(b *bench) {
			c, p := b.join("alice", nil)
			end(c)
			b.wantCall(p, "drop")
			b.wantNoCall(p)
			if st := b.server.Stats(); st.Lost != 1 || st.Joined != 0 {
				t.Errorf("%s: got %+v", name, st)
			}
		})
	}
}

// Signaling spec 1.6 and 9.2: AUDIO_STATUS first, the close code after a grace
// of 2 s.
func TestEnd(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		start := time.Now()
		p.End(conference.Ending{AudioStatus: 410, CloseCode: 4410, Reason: "meeting ended"})
		s, err := c.Await(b.ctx, frame.Signal_AUDIO_STATUS)
		if err != nil || s.GetAudioStatus().GetAudioStatus() != 410 || time.Since(start) != 0 {
			t.Errorf("got %v, %v after %v", s, err, time.Since(start))
		}
		// What the client still says does not reach the room, but it is let go.
		if err := errors.Join(c.Mute(true), c.Send(frame.Signal_LEAVE, &frame.Signal{Leave: &frame.Leave{}})); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AwaitFunc(b.ctx, func(s *frame.Signal) bool { return s.LeaveAck != nil }); err != nil {
			if e, ok := errors.AsType[*signalingtest.StatusError](err); !ok || e.Status != 410 {
				t.Error(err)
			}
		}
		b.wantClose(c, 4410, "meeting ended")
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("closed after %v, want 2s", got)
		}
		b.wantNoCall(p)
	})
}

// A client that closes by itself is not kept waiting.
func TestEnd_ClientCloses(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		start := time.Now()
		p.End(conference.Ending{AudioStatus: 301, CloseCode: 4403})
		if _, err := c.Await(b.ctx, frame.Signal_AUDIO_STATUS); err != nil {
			t.Fatal(err)
		}
		c.Close()
		synctest.Wait()
		if got := time.Since(start); got != 0 || b.server.Stats().Sockets != 0 {
			t.Errorf("gone after %v, %+v", got, b.server.Stats())
		}
		b.wantNoCall(p)
	})
}

func TestEnd_WithoutStatus(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		p.End(conference.Ending{CloseCode: 4500, Reason: "moving"})
		b.wantClose(c, 4500, "moving")
		b.wantNoCall(p)
	})
}

// What the room tells, as frames (signaling spec 4, 5, 6).
func TestTell(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", &signalingtest.Options{Ping: -1})
		defer c.Close()
		next := func(want *frame.Signal) {
			t.Helper()
			got, err := c.Next(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			got.TimestampMs, got.Type = nil, nil
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		}
		p.Roster([]conference.RosterChange{
			{AudioStreamID: 1, AttendeeID: "a", ExternalUserID: "x"}, {AudioStreamID: 2, Muted: true},
			{AudioStreamID: 3, Left: true}, {AudioStreamID: 4, Dropped: true},
		})
		next(&frame.Signal{AudioStreamIdInfo: &frame.AudioStreamIdInfo{Streams: []*frame.AudioStream{
			{AudioStreamId: new(uint32(1)), AttendeeId: new("a"), ExternalUserId: new("x"), Muted: new(false)},
			{AudioStreamId: new(uint32(2)), Muted: new(true)},
			{AudioStreamId: new(uint32(3))},
			{AudioStreamId: new(uint32(4)), Dropped: new(true)},
		}}})
		p.Volumes([]conference.Volume{{AudioStreamID: 1, Volume: 20, SignalStrength: 2}})
		next(&frame.Signal{AudioMetadata: &frame.AudioMetadata{AttendeeStates: []*frame.AudioAttendeeState{
			{AudioStreamId: new(uint32(1)), Volume: new(uint32(20)), SignalStrength: new(uint32(2))},
		}}})
		p.Bitrates([]conference.StreamBitrate{{StreamID: 3, AvgBitrateBps: 5000}}, 1200)
		next(&frame.Signal{Bitrates: &frame.Bitrates{
			Bitrates:                       []*frame.Bitrate{{SourceStreamId: new(uint32(3)), AvgBitrateBps: new(uint32(5000))}},
			ServerAvailableOutgoingBitrate: new(uint32(1200)),
		}})
		p.Data([]conference.DataMessage{
			{Topic: "t", Data: []byte("d"), LifetimeMs: 5, SenderAttendeeID: "a", SenderExternalUserID: "x", IngestTime: time.Unix(1, 5)},
			{Topic: "throttled"},
		})
		next(&frame.Signal{DataMessage: &frame.DataMessages{Messages: []*frame.DataMessage{
			{Topic: new("t"), Data: []byte("d"), LifetimeMs: new(uint32(5)), SenderAttendeeId: new("a"), SenderExternalUserId: new("x"), IngestTimeNs: new(int64(1e9 + 5))},
			{Topic: new("throttled"), Data: nil, LifetimeMs: new(uint32(0)), SenderAttendeeId: new(""), SenderExternalUserId: new(""), IngestTimeNs: new(int64(0))},
		}}})
		p.Index(conference.Index{
			AtCapacity: true, NumParticipants: 3, PausedAtSource: []uint32{4}, Codecs: []conference.Codec{conference.VP8, conference.H264Constrained},
			Sources: []conference.Source{{StreamID: 4, GroupID: 2, AttendeeID: "a", ExternalUserID: "x", MaxBitrateKbps: 600, Width: 640}},
		})
		next(&frame.Signal{Index: &frame.Index{
			AtCapacity: new(true), NumParticipants: new(uint32(3)), PausedAtSourceIds: []uint32{4},
			SupportedReceiveCodecIntersection: []frame.VideoCodec{frame.VideoCodec_VP8, frame.VideoCodec_H264_CONSTRAINED_BASELINE},
			Sources: []*frame.StreamDescriptor{{StreamId: new(uint32(4)), GroupId: new(uint32(2)), AttendeeId: new("a"), ExternalUserId: new("x"),
				TrackLabel: new(""), MediaType: frame.MediaType_VIDEO.Enum(), MaxBitrateKbps: new(uint32(600)), AvgBitrateBps: new(uint32(0)), Width: new(uint32(640))}},
		}})
	})
}

// The trace tells the story of a join, and no token.
func TestTrace(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		if _, err := c.Subscribe(b.ctx, signalingtest.Subscribe{Offer: "v=0"}); err != nil {
			t.Fatal(err)
		}
		if err := c.Leave(b.ctx); err != nil {
			t.Fatal(err)
		}
		b.wantCall(p, "subscribe")
		b.wantClose(b.dial("m1", "forged-token", nil), 4403, "attendee unavailable")
		var names []string
		for _, s := range b.trace.Steps("m1", "id-alice") {
			names = append(names, s.Name)
		}
		if diff := cmp.Diff([]string{"socket-opened", "joined", "subscribed", "ack-sent", "socket-closed"}, names); diff != "" {
			t.Error(diff)
		}
		steps := b.trace.Steps("m1", "?")
		if len(steps) == 0 || steps[0].Name != "token-refused" || strings.Contains(fmt.Sprint(steps), "forged-token") {
			t.Errorf("got %v", steps)
		}
	})
}

// Volumes go to everybody several times a second.
func TestVolumes_Allocates(t *testing.T) {
	s := New(Config{Rooms: newFakeRooms()})
	defer s.Close()
	c := &client{server: s, out: newOutbox(s.limits)}
	volumes := make([]conference.Volume, 100)
	for i := range volumes {
		volumes[i] = conference.Volume{AudioStreamID: uint32(i), Volume: 20, SignalStrength: 2}
	}
	var batch []*[]byte
	n := testing.AllocsPerRun(200, func() {
		c.Volumes(volumes)
		batch, _ = c.out.take(batch[:0])
		for _, b := range batch {
			s.buffers.put(b)
		}
	})
	if n > 0.1 && !raceEnabled { // the race detector drops pooled memory at random
		t.Errorf("%v allocations per frame, want 0", n)
	}
}
