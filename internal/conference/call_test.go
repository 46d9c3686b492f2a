package conference

import (
	"slices"
	"testing"
	"time"
)

// source finds an attendee's video in a peer's index.
func (c *peer) source(attendee string) uint32 {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	for _, s := range c.index.Sources {
		if s.AttendeeID == attendee {
			return s.StreamID
		}
	}
	return 0
}

func (c *peer) told() (ending *Ending, roster int) {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	return c.recorder.ending, len(c.roster)
}

func TestCall(t *testing.T) {
	h := newHouse(t, "a", "b", "c")
	a, b := h.newPeer("alice", "a", 1), h.newPeer("bob", "b", 2)
	a.subscribe(oneCamera())
	b.subscribe(oneCamera())

	a.talk(440)
	bobs := b.talk(1000)
	h.eventually("the tones are heard by the others", func() bool { return b.heard.hears(440) && a.heard.hears(1000) })
	if a.heard.hears(440) || b.heard.hears(1000) {
		t.Error("somebody hears itself")
	}
	h.eventually("volumes of both", func() bool {
		a.recorder.mu.Lock()
		defer a.recorder.mu.Unlock()
		first := h.find("m").present["a"].rosterID
		return slices.Equal(a.volume, []Volume{{first, 15, 2}, {first + 1, 15, 2}})
	})
	h.eventually("feedback to senders", func() bool { return a.feedback.Load() > 3 })

	a.film()
	b.film()
	h.eventually("sources", func() bool { return a.source("b") != 0 && b.source("a") != 0 })
	ra, rb := a.subscribe(oneCamera(), a.source("b")), b.subscribe(oneCamera(), b.source("a"))
	h.eventually("the pictures", func() bool {
		return a.sees(ra.Tracks[0].TrackLabel, "bob") && b.sees(rb.Tracks[0].TrackLabel, "alice")
	})
	_, eye := b.frames(rb.Tracks[0].TrackLabel)
	eye.mu.Lock()
	if !eye.key || eye.ssrc != rb.Tracks[0].SSRC {
		t.Errorf("first packet a keyframe: %v; ssrc %d, told %d", eye.key, eye.ssrc, rb.Tracks[0].SSRC)
	}
	eye.mu.Unlock()

	t.Run("Pause", func(t *testing.T) {
		label, id := rb.Tracks[0].TrackLabel, rb.Tracks[0].StreamID
		b.Pause([]uint32{id})
		time.Sleep(100 * time.Millisecond)
		before, _ := b.frames(label)
		time.Sleep(300 * time.Millisecond)
		if after, _ := b.frames(label); after != before {
			t.Errorf("%d frames while paused", after-before)
		}
		b.Resume([]uint32{id})
		h.eventually("frames after resume", func() bool { n, _ := b.frames(label); return n > before+5 })
		eye.mu.Lock()
		defer eye.mu.Unlock()
		if eye.gaps != 0 {
			t.Errorf("%d gaps in the numbering", eye.gaps)
		}
	})
	t.Run("Mute", func(t *testing.T) {
		b.SetMuted(true)
		h.eventually("silence", func() bool { return a.heard.power(1000) < 50 })
		b.SetMuted(false)
		h.eventually("the tone again", func() bool { return a.heard.hears(1000) })
	})
	t.Run("Content", func(t *testing.T) {
		share := h.newPeer("slides", "a#content", 9)
		share.subscribe(oneCamera())
		share.talk(2000)
		share.film()
		h.eventually("the source", func() bool { return b.source("a#content") != 0 })
		r := b.subscribe(oneCamera(), b.source("a"), b.source("a#content"))
		h.eventually("the slides", func() bool { return b.sees(r.Tracks[1].TrackLabel, "slides") })
		h.eventually("the share's sound", func() bool { return b.heard.hears(2000) })
		if a.heard.hears(2000) || share.heard.hears(440) {
			t.Error("the sharer hears its own content, or the share hears the call")
		}
		if !b.sees(rb.Tracks[0].TrackLabel, "alice") {
			t.Error("the camera is gone")
		}
		share.Leave()
		h.eventually("its end", func() bool { return b.source("a#content") == 0 })
	})
	t.Run("Takeover", func(t *testing.T) {
		b2 := h.newPeer("bob2", "b", 77)
		b2.subscribe(oneCamera())
		if e, _ := b.told(); e == nil || e.AudioStatus != 301 {
			t.Fatalf("the old device was told %v", e)
		}
		bobs()
		b2.talk(1500)
		b2.film()
		h.eventually("the new device", func() bool { return a.heard.hears(1500) && !a.heard.hears(1000) })
		h.eventually("its picture", func() bool { return a.source("b") != 0 })
		r := a.subscribe(oneCamera(), a.source("b"))
		h.eventually("its picture", func() bool { return a.sees(r.Tracks[0].TrackLabel, "bob2") })
	})
	t.Run("Deleted", func(t *testing.T) {
		c := h.newPeer("carol", "c", 3)
		c.subscribe(nil)
		c.talk(700)
		h.eventually("carol is heard", func() bool { return a.heard.hears(700) })
		h.records.change(func() { delete(h.records.caps, "c") })
		if err := h.bus.Publish("meeting.m.attendee.deleted", []byte(`{"AttendeeId":"c"}`)); err != nil {
			t.Fatal(err)
		}
		h.eventually("carol's end", func() bool { e, _ := c.told(); return e != nil && e.AudioStatus == 411 })
		h.eventually("silence", func() bool { return a.heard.power(700) < 50 })
	})
	t.Run("Ended", func(t *testing.T) {
		if err := h.bus.Publish("meeting.m.ended", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		h.eventually("alice's end", func() bool { e, _ := a.told(); return e != nil && e.AudioStatus == 410 })
		h.eventually("no room", func() bool { return h.Stats().Rooms == 0 })
	})
}
