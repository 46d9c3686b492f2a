package conference

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/rtc"
	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/trace"
)

// stage is Rooms with clients that are only recorders and sessions without a
// network, to be used in a synctest bubble.
type stage struct {
	*Rooms
	t       testing.TB
	records *records
	bus     bus.Bus
}

func newStage(t testing.TB, l Limits, attendees ...string) *stage {
	t.Helper()
	s := &stage{t: t, records: newRecords(attendees...), bus: bus.NewLocal()}
	engine := audio.NewEngine(audio.EngineConfig{})
	rooms, err := New(Config{
		Records: s.records, Bus: s.bus, Audio: engine, Limits: l,
		Log: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	rooms.flush = func() {}
	rooms.newSession = func(h rtc.Handler, _ *trace.Trace) (session, error) {
		f := &fakeSession{handler: h}
		f.heard.Store(true)
		return f, nil
	}
	s.Rooms = rooms
	t.Cleanup(func() {
		rooms.Close()
		engine.Close()
		_ = s.bus.Close()
	})
	return s
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// fakeSession is a session whose packets go nowhere.
type fakeSession struct {
	handler rtc.Handler
	heard   atomic.Bool
	closed  atomic.Bool

	keyframes atomic.Int64 // asked of the client
}

func (f *fakeSession) Local() sdp.Transport {
	return sdp.Transport{
		Ufrag: "ufrag", Pwd: "0123456789abcdef01234567", Fingerprint: "sha-256 " + strings.Repeat("AB:", 31) + "AB",
		Candidates: []sdp.Candidate{{Address: "127.0.0.1", Port: 3478}},
	}
}
func (f *fakeSession) SetRemote(sdp.Remote) error         { return nil }
func (f *fakeSession) WriteRTP(*rtp.Header, []byte) error { return nil }
func (f *fakeSession) WriteRTCP(pkts []rtcp.Packet) error {
	f.keyframes.Add(keyframesIn(pkts))
	return nil
}
func (f *fakeSession) Close() { f.closed.Store(true) }
func (f *fakeSession) LastReceived() time.Time {
	if f.heard.Load() {
		return time.Now()
	}
	return time.Time{}
}

// actor is a participant and what its client was told.
type actor struct {
	*Participant
	*recorder
	stage  *stage
	number uint16 // of the last packet filmed
}

// join lets an attendee in as far as its first INDEX.
func (s *stage) join(token string, audioSession uint64) *actor {
	s.t.Helper()
	a, err := s.tryJoin(token, audioSession)
	if err != nil {
		s.t.Fatalf("join %s: %v", token, err)
	}
	return a
}

func (s *stage) tryJoin(token string, audioSession uint64) (*actor, error) {
	id, err := s.Authenticate(context.Background(), "m", token)
	if err != nil {
		return nil, err
	}
	a := &actor{recorder: &recorder{}, stage: s}
	a.Participant, err = s.Join(context.Background(), id, JoinOptions{AudioSessionID: audioSession}, a.recorder)
	if err != nil {
		return nil, err
	}
	a.Begin()
	return a, nil
}

// enter joins, subscribes without any video and connects the media.
func (s *stage) enter(token string, audioSession uint64) *actor {
	s.t.Helper()
	a := s.join(token, audioSession)
	a.subscribe(nil)
	a.media.Connected()
	s.settle()
	return a
}

// subscribe offers the given encodings and one receiving section for each id.
func (a *actor) subscribe(send []SendStream, receive ...uint32) SubscribeResult {
	a.stage.t.Helper()
	return a.negotiate(offer(len(send) > 0, len(receive)), send, receive...)
}

func (a *actor) negotiate(offer string, send []SendStream, receive ...uint32) SubscribeResult {
	a.stage.t.Helper()
	var result *SubscribeResult
	err := a.Subscribe(context.Background(), SubscribeRequest{
		OfferSDP: offer, Audio: true,
		Sends: len(send) > 0, SendStreams: send, ReceiveStreamIDs: append([]uint32{0}, receive...),
	}, func(r SubscribeResult) {
		if result != nil {
			a.stage.t.Error("reply called twice")
		}
		result = &r
		a.mu.Lock()
		a.note("ack")
		a.mu.Unlock()
	})
	if err != nil || result == nil {
		a.stage.t.Fatalf("subscribe: %v, reply %v", err, result)
	}
	return *result
}

// settle waits until everything that is due at once, indexes included, is done.
func (s *stage) settle() { s.wait(150 * time.Millisecond) }

// wait lets time pass and everything that is due be done.
func (s *stage) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// publish sends a command over the bus and waits for its effect.
func (s *stage) publish(subject, data string) {
	s.t.Helper()
	if err := s.bus.Publish(subject, []byte(data)); err != nil {
		s.t.Fatal(err)
	}
	s.settle()
}

// tells checks what a client was told since last asked.
func (a *actor) tells(want ...string) {
	a.stage.t.Helper()
	if got := a.take(); !slices.Equal(got, want) {
		a.stage.t.Errorf("%s was told\n  %s\nwant\n  %s", a.id.AttendeeID,
			strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// camera is one encoding, as clients without simulcast declare it.
func oneCamera() []SendStream {
	return []SendStream{{TrackLabel: "AmazonChimeExpressVideo", MaxBitrateKbps: 1500, Framerate: 15}}
}

// offer is a small offer of the shape that the SDK's clients make.
func offer(camera bool, receives int) string {
	var b strings.Builder
	mids := "0 1"
	for i := range receives {
		mids += fmt.Sprintf(" %d", i+2)
	}
	b.WriteString("v=0\r\no=mozilla-chrome 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE " + mids +
		"\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n")
	section := func(m, mid, direction, rest string) {
		fmt.Fprintf(&b, "m=%s\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\n"+
			"a=fingerprint:sha-256 %sCD\r\na=setup:actpass\r\na=mid:%s\r\na=%s\r\na=rtcp-mux\r\n%s",
			m, strings.Repeat("CD:", 31), mid, direction, rest)
	}
	section("audio 9 UDP/TLS/RTP/SAVPF 111", "0", "sendrecv",
		"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"+
			"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=msid:s a\r\na=ssrc:100 cname:c\r\n")
	const codecs = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n" +
		"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
	if camera {
		section("video 9 UDP/TLS/RTP/SAVPF 96 97", "1", "sendrecv", codecs+
			"a=msid:s v\r\na=ssrc-group:FID 200 201\r\na=ssrc:200 cname:c\r\na=ssrc:201 cname:c\r\n")
	} else {
		section("video 9 UDP/TLS/RTP/SAVPF 96 97", "1", "inactive", codecs)
	}
	for i := range receives {
		section("video 9 UDP/TLS/RTP/SAVPF 96 97", fmt.Sprint(i+2), "recvonly", codecs)
	}
	return b.String()
}
