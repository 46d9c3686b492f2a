package conference

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

func TestIndex(t *testing.T) {
	abc := []string{"a", "b", "c"}
	play(t, "CameraOnOffOn", Limits{}, abc, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.take()
		b.take()
		r := a.subscribe(oneCamera())
		if want := (Allocation{"AmazonChimeExpressVideo", 2, 2}); !slices.Equal(r.Allocations, []Allocation{want}) {
			t.Errorf("allocations %v", r.Allocations)
		}
		s.settle()
		a.tells("ack") // its own camera is not in its index
		b.tells("index n=2 full=false [a=2/2]")
		if src := b.index.Sources[0]; src.ExternalUserID != "ext-a" || src.MaxBitrateKbps != 1500 || src.Framerate != 15 {
			t.Errorf("source %+v", src)
		}
		a.subscribe(oneCamera())
		s.settle()
		a.tells("ack")
		b.tells() // nothing changed
		r = b.subscribe(nil, 2)
		if len(r.Tracks) != 1 || r.Tracks[0].StreamID != 2 || r.Tracks[0].TrackLabel != "v_2" || r.Tracks[0].SSRC == 0 {
			t.Errorf("tracks %+v", r.Tracks)
		}
		s.settle()
		a.tells()
		b.tells("ack")
		r = a.subscribe(nil)
		if want := (Allocation{"", 1, 1}); !slices.Equal(r.Allocations, []Allocation{want}) {
			t.Errorf("allocations without a camera %v", r.Allocations)
		}
		s.settle()
		b.tells("index n=2 full=false []")
		if r = a.subscribe(oneCamera()); r.Allocations[0].GroupID != 3 {
			t.Errorf("a camera turned on again got %v", r.Allocations)
		}
		s.settle()
		b.tells("index n=2 full=false [a=3/3]")
		a.Leave()
		s.settle()
		b.tells("roster 1left", "index n=1 full=false []")
	})
	play(t, "TakeoverHasTheLargerGroup", Limits{}, abc, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.subscribe(oneCamera())
		s.settle()
		a.take()
		b.take()
		a2 := s.join("a", 9)
		a2.subscribe(oneCamera())
		s.settle()
		b.tells("roster 3+a 1left", "index n=2 full=false [a=3/3]")
	})
	play(t, "BurstsAreOneRound", Limits{}, attendees(12), func(t *testing.T, s *stage) {
		a := s.enter("0", 1)
		s.settle()
		a.take()
		for i := 1; i < 12; i++ {
			s.join(strconv.Itoa(i), 1)
		}
		s.settle()
		a.tells("index n=2 full=false []", "index n=12 full=false []")
	})
	play(t, "LargeMeetingsAreNotCounted", Limits{}, attendees(20), func(t *testing.T, s *stage) {
		a := s.enter("0", 1)
		for i := 1; i < 17; i++ {
			s.join(strconv.Itoa(i), 1)
		}
		s.settle()
		a.take()
		s.join("18", 1)
		s.settle()
		a.tells()
	})
	play(t, "CameraLimit", Limits{Videos: 2}, abc, func(t *testing.T, s *stage) {
		a, b, c := s.enter("a", 1), s.enter("b", 2), s.enter("c", 3)
		a.subscribe(oneCamera())
		b.subscribe(oneCamera())
		s.settle()
		if a.index.AtCapacity || !c.index.AtCapacity {
			t.Errorf("at capacity: a %v, c %v", a.index.AtCapacity, c.index.AtCapacity)
		}
		if r := c.subscribe(oneCamera()); !r.ViewOnly || c.camera != nil || r.Allocations[0] != (Allocation{"AmazonChimeExpressVideo", 1, 1}) {
			t.Errorf("third of two cameras: %+v", r)
		}
		if r := a.subscribe(oneCamera()); r.ViewOnly {
			t.Error("a camera that is on was refused")
		}
		share := s.enter("c#content", 4)
		if r := share.subscribe(oneCamera()); r.ViewOnly {
			t.Error("content counted as a camera")
		}
		b.subscribe(nil)
		s.settle()
		if c.index.AtCapacity {
			t.Error("still at capacity")
		}
	})
	play(t, "Content", Limits{}, abc, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		b.take()
		share := s.enter("a#content", 3)
		share.subscribe(oneCamera())
		s.settle()
		b.tells("roster 3+a#content", "index n=2 full=false [a#content=2/2]")
		if len(a.index.Sources) != 1 {
			t.Error("the sharer's index lacks its own content")
		}
		if src := b.index.Sources[0]; src.ExternalUserID != "ext-a" {
			t.Errorf("source %+v", src)
		}
		b.subscribe(oneCamera())
		s.settle()
		if len(share.index.Sources) != 0 {
			t.Error("a content session has sources")
		}
		s.enter("b#content", 4)
		if _, err := s.tryJoin("c#content", 5); !errors.Is(err, ErrContentCapacity) {
			t.Errorf("third share: %v", err)
		}
		if _, err := s.tryJoin("a#content", 6); err != nil {
			t.Errorf("second device of the first share: %v", err)
		}
	})
	play(t, "ExcludeSelfContent", Limits{}, abc, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		a.options.ExcludeSelfContent = true
		s.enter("a#content", 3).subscribe(oneCamera())
		s.settle()
		if len(a.index.Sources) != 0 {
			t.Errorf("sources %v", a.index.Sources)
		}
	})
	play(t, "StaleAndForeignStreams", Limits{}, abc, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.subscribe(oneCamera())
		if r := a.subscribe(oneCamera(), 2, 77); len(r.Tracks) != 0 {
			t.Errorf("own and unknown streams: tracks %v", r.Tracks)
		}
		if r := b.subscribe(nil, 2); len(r.Tracks) != 1 {
			t.Errorf("tracks %v", r.Tracks)
		}
		b.UpdateVideos([]VideoSubscription{{MID: "9", StreamID: 2}, {MID: "2", StreamID: 77}}, []string{"8"})
		down := b.receivers["2"].down
		b.subscribe(nil, 0)
		if rx := b.receivers["2"]; rx.layer != nil {
			t.Error("an unsubscribed section still shows something")
		}
		b.subscribe(nil, 2)
		if rx := b.receivers["2"]; rx.down != down || rx.layer == nil {
			t.Error("a section that came back began its numbers anew")
		}
		b.Pause([]uint32{2, 77})
		if rx := b.receivers["2"]; !rx.paused || rx.layer == nil {
			t.Errorf("after pause: %+v", rx)
		}
		b.Resume([]uint32{2})
		b.UpdateVideos(nil, []string{"2"})
		if rx := b.receivers["2"]; rx.paused || rx.layer != nil {
			t.Errorf("after resume and removal: %+v", rx)
		}
		b.UpdateVideos([]VideoSubscription{{MID: "2", GroupID: 2}}, nil)
		if rx := b.receivers["2"]; rx.layer == nil {
			t.Error("a group was not found")
		}
	})
	play(t, "ReceiveLimit", Limits{VideoReceives: 1}, abc, func(t *testing.T, s *stage) {
		a, b, c := s.enter("a", 1), s.enter("b", 2), s.enter("c", 3)
		a.subscribe(oneCamera())
		b.subscribe(oneCamera())
		if r := c.subscribe(nil, 2, 3); len(r.Tracks) != 1 {
			t.Errorf("tracks %v", r.Tracks)
		}
	})
	play(t, "Starving", Limits{}, abc, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.subscribe(oneCamera())
		s.settle()
		for i := range 20 {
			h := rtp.Header{Version: 2, PayloadType: 96, SSRC: 200, SequenceNumber: uint16(i), Timestamp: uint32(i) * 3000}
			a.media.RTP(&h, []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 0, 1, 0, 1, 1, 2, 3}, time.Now())
			time.Sleep(50 * time.Millisecond)
		}
		b.take()
		s.wait(5 * time.Second)
		b.tells("index n=2 full=false [a=2/2]")
		if !slices.Equal(b.index.PausedAtSource, []uint32{2}) {
			t.Errorf("paused %v", b.index.PausedAtSource)
		}
	})
}

func attendees(n int) []string {
	var out []string
	for i := range n {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

func TestLayer_Listed(t *testing.T) {
	simulcast := func(low, mid, hi layer) []*layer {
		c := &camera{layers: []*layer{&low, &mid, &hi}}
		for i, l := range c.layers {
			l.camera = c
			l.id = uint32(i)
			if l.declared.MaxBitrateKbps == 0 {
				l.declared.MaxBitrateKbps = 300
			}
		}
		return c.layers
	}
	off := layer{declared: SendStream{MaxBitrateKbps: 0}}
	for name, test := range map[string]struct {
		layers []*layer
		want   string
	}{
		"not yet":  {simulcast(layer{}, layer{}, layer{}), "[]"},
		"all":      {simulcast(layer{flowing: true}, layer{flowing: true}, layer{flowing: true}), "[0 1 2]"},
		"no mid":   {simulcast(layer{flowing: true}, layer{starving: true}, layer{flowing: true}), "[0 2]"},
		"starving": {simulcast(layer{starving: true}, layer{starving: true}, off), "[0]"},
	} {
		var got []uint32
		for _, l := range test.layers {
			if l.listed() {
				got = append(got, l.id)
			}
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: listed %v, want %s", name, got, test.want)
		}
	}
}

func TestRights(t *testing.T) {
	play(t, "VideoTakenAndGiven", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a, b := s.enter("a", 1), s.enter("b", 2)
		a.subscribe(oneCamera())
		s.settle()
		b.take()
		set := func(f func(c *Capabilities)) {
			s.records.change(func() {
				c := s.records.caps["a"]
				f(&c)
				s.records.caps["a"] = c
			})
			s.publish("meeting.m.attendee.capabilities", `{"AttendeeIds":["a"]}`)
		}
		set(func(c *Capabilities) { c.Video.Send = false })
		b.tells("index n=2 full=false []")
		if !a.index.AtCapacity {
			t.Error("a may not send, but is not told so")
		}
		if r := a.subscribe(oneCamera()); !r.ViewOnly {
			t.Error("a's camera was not refused")
		}
		set(func(c *Capabilities) { c.Video.Send = true })
		if r := a.subscribe(oneCamera()); r.ViewOnly {
			t.Error("a's camera was refused")
		}
		b.subscribe(oneCamera())
		s.settle()
		if len(a.index.Sources) != 1 {
			t.Errorf("a's sources %v", a.index.Sources)
		}
		set(func(c *Capabilities) { c.Video.Receive = false })
		if len(a.index.Sources) != 0 {
			t.Errorf("a's sources %v", a.index.Sources)
		}
		share := s.enter("a#content", 4)
		share.take()
		set(func(c *Capabilities) { c.Content = Capability{} })
		share.tells("end 411 4403")
	})
}

func TestVolumes(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		s.settle()
		nobody := []Volume{{SignalStrength: 2}}
		if !slices.Equal(a.volume, nobody) {
			t.Errorf("at first %v, want the all silent statement", a.volume)
		}
		h := rtp.Header{Version: 2, PayloadType: 111, SSRC: 100}
		talk := func(level uint8) {
			for range 15 {
				h.SequenceNumber++
				h.Timestamp += 960
				if err := h.SetExtension(1, []byte{level}); err != nil {
					t.Fatal(err)
				}
				a.media.RTP(&h, []byte{0xfc, 1, 2, 3}, time.Now())
				time.Sleep(20 * time.Millisecond)
			}
			synctest.Wait()
		}
		talk(20)
		if want := []Volume{{1, 20, 2}}; !slices.Equal(a.volume, want) {
			t.Errorf("talking: %v, want %v", a.volume, want)
		}
		a.volume = nil
		talk(20)
		if a.volume != nil {
			t.Errorf("told again although nothing changed: %v", a.volume)
		}
		a.SetMuted(true)
		talk(20)
		if !slices.Equal(a.volume, nobody) {
			t.Errorf("muted: %v", a.volume)
		}
		b := s.enter("b", 2)
		s.wait(4 * time.Second)
		if !slices.Equal(b.volume, nobody) || b.rates != 1 {
			t.Errorf("b was told volumes %v and %d times of bit rates", b.volume, b.rates)
		}
		a.media.session.(*fakeSession).heard.Store(false)
		s.wait(2 * time.Second)
		if want := []Volume{{1, 127, 0}}; !slices.Equal(b.volume, want) {
			t.Errorf("a lost: %v, want %v", b.volume, want)
		}
	})
}

func TestData(t *testing.T) {
	play(t, "OK", Limits{Data: DataLimits{SoftBurst: 2}}, []string{"a", "b", "c"}, func(t *testing.T, s *stage) {
		a, b, share := s.enter("a", 1), s.enter("b", 2), s.enter("b#content", 3)
		s.settle()
		a.take()
		b.take()
		share.take()
		send := func(p *actor, topic, data string, lifetime uint32) bool {
			return p.Send([]DataMessage{{Topic: topic, Data: []byte(data), LifetimeMs: lifetime}})
		}
		send(a, "chat", "hello", 60_000)
		send(a, "aws:chime:transcription", "fake", 0)
		send(a, "chat", string(make([]byte, 2049)), 0)
		send(b, "chat", "back", 60_000)
		send(b, "chat", "too many", 60_000)
		a.tells("data back from b throttled=false")
		b.tells("data hello from a throttled=false", "data too many from b throttled=true")
		share.tells()
		if m := b.data[0]; m.SenderExternalUserID != "ext-a" || m.IngestTime.IsZero() || m.Topic != "chat" {
			t.Errorf("message %+v", m)
		}
		c := s.join("c", 1)
		c.tells("index n=3 full=false []")
		c.subscribe(nil)
		c.tells("ack", "roster 1+a 2+b 3+b#content 4+c", "data hello from a throttled=false", "data back from b throttled=false")
		b.Drop()
		b2 := s.join("b", 2)
		b2.subscribe(nil)
		b2.tells("index n=3 full=false []", "ack", "roster 1+a 3+b#content 4+c 5+b", "data hello from a throttled=false")
	})
	play(t, "HangUp", Limits{Data: DataLimits{AttendeeBurst: 10}}, []string{"a", "b"}, func(t *testing.T, s *stage) {
		a := s.enter("a", 1)
		many := make([]DataMessage, 11)
		for i := range many {
			many[i] = DataMessage{Topic: "x"}
		}
		if a.Send(many[:10]) {
			t.Error("hung up within the limit")
		}
		if !a.Send(many) {
			t.Error("not hung up over the limit")
		}
	})
}

func TestTranscriptionStatus(t *testing.T) {
	play(t, "OK", Limits{}, []string{"a"}, func(t *testing.T, s *stage) {
		a, share := s.enter("a", 1), s.enter("a#content", 2)
		share.take()
		s.publish("meeting.m.transcription", `{"Type":"started","EventTimeMs":5,"Region":"r","Configuration":{"x":1}}`)
		s.publish("meeting.m.transcription", `{"Type":"unheard-of"}`)
		if len(a.data) != 1 || len(share.take()) != 0 {
			t.Fatalf("a got %v", a.data)
		}
		// frame{1: event{1: status{1: 1, 2: 5, 3: "r", 4: "{\"x\":1}"}}}
		want := "\x0a\x12\x0a\x10\x08\x01\x10\x05\x1a\x01r\x22\x07{\"x\":1}"
		if m := a.data[0]; m.Topic != "aws:chime:transcription" || string(m.Data) != want || m.IngestTime.IsZero() {
			t.Errorf("got %+v, want data %q", m, want)
		}
	})
}
