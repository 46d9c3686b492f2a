package signaling

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/signaling/frame"
)

// handle acts on one frame. The error says that it cannot be decoded; frames
// that are unknown, of no use to a server or out of turn are skipped, as
// clients do (signaling spec 1.3).
func (c *client) handle(b []byte) error {
	kind, err := frame.TypeOf(b)
	if err != nil {
		return err
	}
	if !c.wants(kind) {
		c.server.stats.framesIgnored.Add(1)
		return nil
	}
	if kind == frame.Signal_CLIENT_METRIC {
		return nil // each second from everybody, and of no use yet
	}
	s, err := frame.Decode(b)
	if err != nil {
		return err
	}
	switch kind {
	case frame.Signal_PING_PONG:
		c.handlePing(s.GetPingPong())
	case frame.Signal_JOIN:
		c.handleJoin(s.GetJoin())
	case frame.Signal_SUBSCRIBE:
		c.handleSubscribe(s.GetSub())
	case frame.Signal_LEAVE:
		c.handleLeave()
	case frame.Signal_AUDIO_CONTROL:
		c.participant.SetMuted(s.GetAudioControl().GetMuted())
	case frame.Signal_DATA_MESSAGE:
		c.handleData(s.GetDataMessage().GetMessages())
	case frame.Signal_PAUSE:
		c.participant.Pause(s.GetPause().GetStreamIds())
	case frame.Signal_RESUME:
		c.participant.Resume(s.GetPause().GetStreamIds())
	case frame.Signal_REMOTE_VIDEO_UPDATE:
		u := s.GetRemoteVideoUpdate()
		c.participant.UpdateVideos(videoSubscriptions(u.GetAddedOrUpdatedVideoSubscriptions()), u.GetRemovedVideoSubscriptionMids())
	case frame.Signal_PRIMARY_MEETING_JOIN:
		c.send(frame.Signal_PRIMARY_MEETING_JOIN_ACK, &frame.Signal{
			Error:                 &frame.Error{Status: new(uint32(403)), Description: new("replicated meetings are not supported")},
			PrimaryMeetingJoinAck: &frame.PrimaryMeetingJoinAck{},
		})
	case frame.Signal_MEETING_SESSION_TIMING:
		c.handleTiming(s.GetMeetingSessionTiming())
	}
	return nil
}

// wants says whether a frame of this type makes sense at this point. Once the
// room has ended the session only the client's own farewell is still heard.
func (c *client) wants(kind frame.Signal_Type) bool {
	switch kind {
	case frame.Signal_PING_PONG, frame.Signal_LEAVE:
		return true
	case frame.Signal_JOIN:
		return c.state == connected
	case frame.Signal_SUBSCRIBE, frame.Signal_AUDIO_CONTROL, frame.Signal_DATA_MESSAGE,
		frame.Signal_PAUSE, frame.Signal_RESUME, frame.Signal_REMOTE_VIDEO_UPDATE,
		frame.Signal_PRIMARY_MEETING_JOIN, frame.Signal_CLIENT_METRIC, frame.Signal_MEETING_SESSION_TIMING:
		return c.state == joined && !c.ended.Load()
	}
	return false
}

// handlePing answers at once, also before JOIN (signaling spec 1.4).
func (c *client) handlePing(p *frame.PingPong) {
	if p.GetType() == frame.PingPong_PING {
		c.send(frame.Signal_PING_PONG, &frame.Signal{PingPong: &frame.PingPong{Type: frame.PingPong_PONG.Enum(), PingId: new(p.GetPingId())}})
	}
}

// handleJoin lets the client into its room. JOIN_ACK goes out before INDEX,
// since the client reads it when INDEX arrives (signaling spec 2.1).
func (c *client) handleJoin(j *frame.Join) {
	ctx, cancel := context.WithTimeout(c.server.ctx, c.server.limits.CallWait)
	defer cancel()
	p, err := c.server.config.Rooms.Join(ctx, c.id, c.joinOptions(j), c)
	if err != nil {
		c.trace.Warn("join-failed", "error", err)
		c.refuse(err)
		return
	}
	c.participant, c.state = p, joined
	c.server.crowd.join(c)
	c.server.stats.joins.Add(1)
	c.server.stats.joined.Add(1)
	ack := c.joinAck()
	c.send(frame.Signal_JOIN_ACK, &frame.Signal{Joinack: ack})
	c.trace.Step("joined", "turn", ack.TurnCredentials != nil, "session", j.GetAudioSessionId(), "flags", j.GetFlags())
	p.Begin()
}

func (c *client) joinOptions(j *frame.Join) conference.JoinOptions {
	d := j.GetClientDetails()
	clip := c.server.clip
	adaption := uint32(0) // the getter would give DEFAULT for an absent field
	if j.ServerSideNetworkAdaption != nil {
		adaption = uint32(max(0, j.GetServerSideNetworkAdaption()))
	}
	return conference.JoinOptions{
		AudioSessionID:      j.GetAudioSessionId(),
		ExcludeSelfContent:  j.GetFlags()&uint32(frame.JoinFlag_EXCLUDE_SELF_CONTENT_IN_INDEX) != 0,
		NoPeriodicKeyframes: j.GetDisablePeriodicKeyframeRequestOnContentSender(),
		ServerSideAdaption:  adaption,
		RemoteAddress:       c.remote,
		ClientName:          clip(strings.TrimSpace(d.GetClientSource() + " " + d.GetChimeSdkVersion())),
		ClientInfo:          clip(strings.TrimSpace(fmt.Sprint(d.GetPlatformName(), " ", d.GetPlatformVersion(), " ", d.GetOsName(), " ", d.GetOsVersion()))),
	}
}

// joinAck says every field: an absent network adaption would not be neutral but
// mean DEFAULT (signaling spec 2.3).
func (c *client) joinAck() *frame.JoinAck {
	ack := &frame.JoinAck{
		VideoSubscriptionLimit:           new(c.server.limits.VideoSubscriptions),
		WantsCompressedSdp:               new(false),
		DefaultServerSideNetworkAdaption: frame.NetworkAdaption_NO_ADAPTION.Enum(),
	}
	if c.server.config.TURN == nil {
		return ack
	}
	if t := c.server.config.TURN(c.host); t != nil {
		ack.TurnCredentials = &frame.TurnCredentials{
			Username: &t.Username, Password: &t.Password, Ttl: new(uint32(t.TTL / time.Second)), Uris: t.URIs,
		}
	}
	return ack
}

// handleSubscribe passes on a complete new state of the client's media. The
// answer is queued inside the room's call, before anything that follows from it.
func (c *client) handleSubscribe(q *frame.Subscribe) {
	if q.GetSdpOffer() == "" {
		c.failSubscribe(400, "sdp_offer is missing; compressed SDP was not negotiated")
		return
	}
	// An answer costs more than any other reply, and a client that loops
	// (signaling spec 3.6 saw 40 offers a second) must not take a core.
	if err := c.offers.Wait(c.server.ctx); err != nil {
		return // the server is closing
	}
	request := subscribeRequest(q)
	c.trace.Step("subscribed", "offer_bytes", len(request.OfferSDP), "audio", request.Audio, "sends", request.Sends,
		"send_streams", len(request.SendStreams), "receives", wanted(request.ReceiveStreamIDs))
	ctx, cancel := context.WithTimeout(c.server.ctx, c.server.limits.CallWait)
	defer cancel()
	err := c.participant.Subscribe(ctx, request, func(r conference.SubscribeResult) {
		c.send(frame.Signal_SUBSCRIBE_ACK, subscribeAck(q.GetDuplex(), r))
		c.server.stats.subscribes.Add(1)
		c.trace.Step("ack-sent", "answer_bytes", len(r.AnswerSDP), "allocations", len(r.Allocations), "tracks", len(r.Tracks), "view_only", r.ViewOnly)
	})
	switch {
	case err == nil, errors.Is(err, conference.ErrLeft): // the end is on its way
	case errors.Is(err, conference.ErrContentCapacity):
		c.failSubscribe(409, err.Error())
	case errors.Is(err, conference.ErrBadOffer):
		// 4xx is the end of the client's session: it would only come back with
		// the same offer, for two minutes (signaling spec 9.1).
		c.failSubscribe(400, err.Error())
	default:
		// 5xx has the client start anew, which mends what was only momentary.
		c.failSubscribe(500, "offer could not be answered: "+err.Error())
	}
}

func (c *client) failSubscribe(status uint32, why string) {
	c.server.stats.subscribesFailed.Add(1)
	c.trace.Warn("subscribe-failed", "status", status, "error", why)
	c.send(frame.Signal_SUBSCRIBE_ACK, &frame.Signal{
		Error:  &frame.Error{Status: &status, Description: new(strings.ToValidUTF8(why, "?"))},
		Suback: &frame.SubscribeAck{},
	})
}

// handleLeave acknowledges in any state, because a missing LEAVE_ACK stalls the
// client's stop by 15 s (signaling spec 1.7).
func (c *client) handleLeave() {
	if c.state == joined {
		c.state = left
		c.stayUntil = time.Now().Add(c.server.limits.Leaving)
		c.server.stats.joined.Add(-1)
		if !c.ended.Load() {
			c.server.stats.left.Add(1)
			c.participant.Leave()
		}
	}
	c.send(frame.Signal_LEAVE_ACK, &frame.Signal{LeaveAck: &frame.LeaveAck{}})
}

// handleData passes on the messages that have the form that clients check
// themselves, and warns of the others (signaling spec 6).
func (c *client) handleData(in []*frame.DataMessage) {
	messages := make([]conference.DataMessage, 0, len(in))
	refused := ""
	for _, m := range in {
		if why := c.refusesData(m); why != "" {
			refused = why
			c.server.stats.dataRefused.Add(1)
			continue
		}
		messages = append(messages, conference.DataMessage{Topic: m.GetTopic(), Data: m.GetData(), LifetimeMs: m.GetLifetimeMs()})
	}
	if refused != "" {
		c.send(frame.Signal_NOTIFICATION, &frame.Signal{Notification: &frame.Notification{
			Level: frame.Notification_WARNING.Enum(), Message: new("data message was dropped: " + refused),
		}})
	}
	if len(messages) > 0 && c.participant.Send(messages) {
		c.server.stats.dataHangups.Add(1)
		c.finish(closeRetry, "too many data messages", time.Now())
	}
}

// refusesData says what is wrong with a data message, or nothing.
func (c *client) refusesData(m *frame.DataMessage) string {
	if !validTopic(m.GetTopic()) {
		return "a topic is 1 to 36 letters, digits, '_' and '-'"
	}
	if n := len(m.GetData()); n > c.server.limits.DataBytes {
		return fmt.Sprintf("%d bytes are more than %d", n, c.server.limits.DataBytes)
	}
	return ""
}

// validTopic tells whether topic matches ^[a-zA-Z0-9_-]{1,36}$. That keeps
// clients off the service's own topics, which contain a colon.
func validTopic(topic string) bool {
	if len(topic) < 1 || len(topic) > 36 {
		return false
	}
	for _, r := range topic {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	return true
}

// handleTiming keeps what the client could not do in time, a good witness when
// a join failed (signaling spec 10).
func (c *client) handleTiming(t *frame.MeetingSessionTiming) {
	warn := func(what string, timedOut bool, args ...any) {
		if timedOut {
			c.trace.Warn("client-timed-out", append([]any{"what", what}, args...)...)
		}
	}
	for _, s := range t.GetSignaling() {
		warn("signaling", s.GetTimedOut(), "join_ack", s.GetJoinAckReceivedMs() > 0, "subscribe_ack", s.GetSubscribeAckMs() > 0,
			"gathered", s.GetIceGatheringCompleteMs() > 0, "ice", s.GetIceConnectedMs() > 0)
	}
	for _, s := range t.GetRemoteAudio() {
		warn("remote audio", s.GetTimedOut(), "packet", s.GetFirstPacketReceivedMs() > 0)
	}
	for _, s := range t.GetLocalAudio() {
		warn("local audio", s.GetTimedOut(), "packet", s.GetFirstSentMs() > 0)
	}
	for _, s := range t.GetLocalVideo() {
		warn("local video", s.GetTimedOut(), "frame", s.GetFirstSentMs() > 0)
	}
	for _, s := range t.GetRemoteVideos() {
		warn("remote video", s.GetTimedOut(), "group", s.GetGroupId(), "packet", s.GetFirstPacketReceivedMs() > 0)
	}
}
