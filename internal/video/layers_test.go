package video

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// simulcast is a camera with three layers by RID.
func simulcast() (low, mid, hi *camera) {
	c := newCamera(PublisherConfig{RIDs: []string{"low", "mid", "hi"}})
	return c.layer("low", 501), c.layer("mid", 601), c.layer("hi", 701)
}

// run sends n pictures on each of the cameras, keyframes for the first.
func run(n int, key bool, cameras ...*camera) {
	for i := range n {
		for _, c := range cameras {
			c.deliver(c.make(key && i == 0))
		}
		time.Sleep(time.Second / 30)
		cameras[0].pub.Tick(time.Now())
	}
}

func TestLayers_BestAndSelected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low, mid, hi := simulcast()
		run(1, true, low, mid)
		low.rid, mid.rid = "", "" // the RID comes only with the first packets
		d, w := newReceiver()
		d.Attach(low.pub, Best)
		if p := low.up.rtcp[len(low.up.rtcp)-1].(*rtcp.PictureLossIndication); p.MediaSSRC != mid.ssrc {
			t.Fatalf("asked %d for a keyframe, want the best active layer", p.MediaSSRC)
		}
		run(3, true, low, mid)
		if d.Layer() != 1 {
			t.Fatalf("layer %d, want 1", d.Layer())
		}
		run(3, true, low, mid, hi) // hi starts
		if d.Layer() != 2 {
			t.Fatalf("layer %d, want 2", d.Layer())
		}
		d.SelectLayer(0)
		run(2, false, low, mid, hi)
		if d.Layer() != 2 {
			t.Fatal("left the layer before the other's keyframe")
		}
		run(3, true, low, mid, hi)
		if d.Layer() != 0 {
			t.Fatalf("layer %d, want 0", d.Layer())
		}
		got := w.take()
		assertContinuous(t, got)
		if want := 3 + (1 + 3) + 2 + 3; len(got) != want { // mid was a packet ahead of hi
			t.Errorf("%d packets, want %d", len(got), want)
		}
		for i, l := range low.pub.Layers(time.Now()) {
			if want := []int{1, 0, 0}[i]; l.Receivers != want {
				t.Errorf("layer %s has %d receivers, want %d", l.RID, l.Receivers, want)
			}
		}
	})
}

func TestLayers_FallBackAndReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low, mid, hi := simulcast()
		d, w := newReceiver()
		d.Attach(low.pub, 2)
		run(2, true, low, mid, hi)
		low.pub.Tick(time.Now())
		run(60, false, low, mid) // hi falls silent
		run(2, true, low, mid)
		if d.Layer() != 1 {
			t.Fatalf("layer %d, want the best below the silent one", d.Layer())
		}
		run(60, false, low)
		run(2, true, low)
		if d.Layer() != 0 {
			t.Fatalf("layer %d, want 0", d.Layer())
		}
		run(2, true, low, mid, hi)
		if d.Layer() != 2 {
			t.Fatalf("layer %d, want the chosen one again", d.Layer())
		}
		assertContinuous(t, w.packets)
	})
}

// Packets of the layer before, arriving after the switch, are not sent.
func TestLayers_LatePacketOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low, _, hi := simulcast()
		d, w := newReceiver()
		d.Attach(low.pub, 0)
		run(2, true, low)
		late := low.make(false)
		d.SelectLayer(2)
		run(2, true, hi)
		low.deliver(late)
		late2 := hi.make(false)
		late2.h.SequenceNumber -= 4 // before the keyframe
		hi.deliver(late2)
		run(1, false, hi)
		if len(w.packets) != 5 || d.Stats(time.Now()).Late != 1 {
			t.Errorf("%d packets, late %d", len(w.packets), d.Stats(time.Now()).Late)
		}
	})
}

func TestLayers_RepairedRIDAndSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low, _, _ := simulcast()
		d, w := newReceiver()
		d.Attach(low.pub, Best)
		run(1, true, low)
		lost := low.make(false)
		run(3, false, low)
		r := low.rtx(lost, 999, 1)
		r.h.ClearExtensions()
		_ = r.h.SetExtension(testExtensions.RepairedRID, []byte("low"))
		low.deliver(r)
		if len(w.packets) != 5 {
			t.Errorf("%d packets, want 5", len(w.packets))
		}
		stranger := low.make(false)
		stranger.h.SSRC = 31
		stranger.h.ClearExtensions()
		low.deliver(stranger)
		if s := low.pub.Stats(time.Now()); s.Unknown != 1 || s.Layers[0].Recovered != 1 {
			t.Errorf("stats %+v", s)
		}

		sim := newCamera(PublisherConfig{Streams: []SSRCs{{501, 502}, {601, 602}}})
		a, b := sim.layer("", 501), sim.layer("", 601)
		d2, w2 := newReceiver()
		d2.Attach(sim.pub, Best)
		run(2, true, a, b)
		if d2.Layer() != 1 || len(w2.packets) != 3 {
			t.Errorf("layer %d, %d packets", d2.Layer(), len(w2.packets))
		}
	})
}

// The RIDs come only once in a media session; a second publisher of the session
// is told what the first had learned.
func TestLayers_KnownFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low, mid, hi := simulcast()
		run(1, true, low, mid, hi)
		r := low.rtx(low.make(false), 502, 1)
		_ = r.h.SetExtension(testExtensions.RepairedRID, []byte("low"))
		low.deliver(r)
		known := low.pub.Streams()
		low.pub.Close()

		again := newCamera(PublisherConfig{RIDs: []string{"low", "mid", "hi"}, Streams: known})
		hi.pub, hi.rid = again.pub, ""
		d, w := newReceiver()
		d.Attach(again.pub, Best)
		run(2, true, hi)
		if d.Layer() != 2 || len(w.packets) != 2 {
			t.Errorf("layer %d, %d packets", d.Layer(), len(w.packets))
		}
		if known[0] != (SSRCs{501, 502}) {
			t.Errorf("learned %+v", known)
		}
	})
}

func TestTick_TellsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		c.deliver(c.make(true))
		if !c.pub.Tick(time.Now()) {
			t.Error("a layer started")
		}
		c.deliver(c.make(false))
		if c.pub.Tick(time.Now()) {
			t.Error("nothing changed")
		}
		time.Sleep(layerIdle + time.Millisecond)
		if !c.pub.Tick(time.Now()) {
			t.Error("a layer stopped")
		}
		if c.pub.Layers(time.Now())[0].Active {
			t.Error("still active")
		}
	})
}

// One source falling silent for a while is no reason to wait for a keyframe.
func TestForward_SilenceOfTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		run(2, true, c)
		time.Sleep(10 * time.Second)
		c.pub.Tick(time.Now())
		run(2, false, c)
		if len(w.packets) != 4 || count[*rtcp.PictureLossIndication](c.up) != 0 {
			t.Errorf("%d packets, %d PLIs", len(w.packets), count[*rtcp.PictureLossIndication](c.up))
		}
	})
}

func TestPLI_Limits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		var receivers []*DownTrack
		for range 20 {
			d, _ := newReceiver()
			d.Attach(c.pub, Best)
			receivers = append(receivers, d)
		}
		c.send(true)
		pli := []rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: outSSRC}}
		fir := []rtcp.Packet{&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: outSSRC, SequenceNumber: 1}}}}
		for i, d := range receivers {
			d.RTCP([][]rtcp.Packet{pli, fir}[i%2], time.Now())
		}
		if n := count[*rtcp.PictureLossIndication](c.up); n != 1 {
			t.Fatalf("%d PLIs at once, want 1", n)
		}
		for range 20 { // no keyframe comes: the deferred request follows, once
			time.Sleep(100 * time.Millisecond)
			c.pub.Tick(time.Now())
		}
		if n := count[*rtcp.PictureLossIndication](c.up); n != 2 {
			t.Fatalf("%d PLIs, want 2", n)
		}
		receivers[0].RTCP(pli, time.Now())
		receivers[1].RTCP(fir, time.Now())
		c.send(true) // answers both
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			c.pub.Tick(time.Now())
		}
		if n := count[*rtcp.PictureLossIndication](c.up); n != 3 {
			t.Errorf("%d PLIs, want 3", n)
		}
		receivers[0].RTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: 1}}, time.Now())
		if n := count[*rtcp.PictureLossIndication](c.up); n != 3 {
			t.Error("a PLI for another stream was passed on")
		}
	})
}

// A receiver that waits asks again, and in the end takes what comes.
func TestForward_KeyframeNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		run(1, true, c)
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		run(100, false, c)
		if n := count[*rtcp.PictureLossIndication](c.up); n < 3 || n > 5 {
			t.Errorf("%d PLIs in 3.3 s", n)
		}
		if len(w.packets) != 0 {
			t.Fatal("sent too early")
		}
		run(30, false, c)
		if len(w.packets) == 0 {
			t.Error("never sent")
		}
	})
}

func TestPLI_Periodic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{KeyframeEvery: 10 * time.Second})
		run(1, true, c)
		run(330, false, c)
		if n := count[*rtcp.PictureLossIndication](c.up); n != 0 {
			t.Errorf("%d PLIs without receivers", n)
		}
		d, _ := newReceiver()
		d.Attach(c.pub, Best)
		run(1, true, c)
		before := count[*rtcp.PictureLossIndication](c.up)
		run(285, false, c)
		if n := count[*rtcp.PictureLossIndication](c.up) - before; n != 0 {
			t.Errorf("%d PLIs within 9.5 s", n)
		}
		run(20, false, c)
		if n := count[*rtcp.PictureLossIndication](c.up) - before; n < 1 {
			t.Error("none after 10 s")
		}
	})
}

func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.pub.RTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: 5001}}, time.Now()) // before any packet
		run(10, true, c)
		c.pub.RTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: 5001, NTPTime: 0x1122334455667788}}, time.Now())
		c.seq += 10
		c.up.rtcp, w.rtcp = nil, nil
		run(30, false, c)
		var rr *rtcp.ReceiverReport
		for _, p := range c.up.rtcp {
			if p, ok := p.(*rtcp.ReceiverReport); ok {
				rr = p
			}
		}
		if rr == nil || rr.SSRC != 1 || len(rr.Reports) != 1 {
			t.Fatalf("receiver report %+v", rr)
		}
		if b := rr.Reports[0]; b.SSRC != 5001 || b.TotalLost != 10 || b.FractionLost == 0 || b.LastSenderReport != 0x33445566 || b.Delay == 0 || b.Jitter > 100 {
			t.Errorf("report block %+v", b)
		}
		if len(w.rtcp) < 2 {
			t.Fatal("no sender report")
		}
		sr := w.rtcp[len(w.rtcp)-2].(*rtcp.SenderReport)
		if sd := w.rtcp[len(w.rtcp)-1].(*rtcp.SourceDescription); sd.Chunks[0].Items[0].Text != "server" {
			t.Errorf("description %+v", sd)
		}
		// The report's two times name the same instant as the packets' timestamps.
		var near rtp.Packet
		for _, p := range w.packets {
			if int32(sr.RTPTime-p.Timestamp) >= 0 {
				near = p
			}
		}
		if diff := sr.RTPTime - near.Timestamp; sr.SSRC != outSSRC || diff > 3010 {
			t.Errorf("sender report %+v, %d ticks after the picture", sr, diff)
		}
		time.Sleep(80 * time.Millisecond)
		sent := time.Now().Add(-80 * time.Millisecond)
		d.RTCP([]rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{
			SSRC: outSSRC, FractionLost: 12, LastSenderReport: uint32(ntp(sent) >> 16), Delay: 65536 * 30 / 1000,
		}}}}, time.Now())
		if s := d.Stats(time.Now()); s.FractionLost != 12 || s.RTTMillis < 49 || s.RTTMillis > 51 {
			t.Errorf("round trip %.1f ms, want 50", s.RTTMillis)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		run(1, true, c)
		c.pub.Close()
		run(1, true, c)
		if d.Publisher() != nil || d.Layer() != -1 || len(w.packets) != 1 {
			t.Error("still receiving of a closed publisher")
		}
		d.Attach(c.pub, Best)
		if d.Publisher() != nil {
			t.Error("attached to a closed publisher")
		}
		other := newCamera(PublisherConfig{})
		d.Close()
		d.Attach(other.pub, Best)
		run(1, true, other)
		if len(w.packets) != 1 {
			t.Error("a closed down-track was sent to")
		}
	})
}

// Control calls, two read loops and ticks at once; the race detector judges.
func TestConcurrency(t *testing.T) {
	low, mid, hi := simulcast()
	low.pub.cfg.Feedback, hi.pub.cfg.Feedback = discard{}, discard{}
	var wg sync.WaitGroup
	for _, c := range []*camera{low, mid, hi} {
		wg.Go(func() {
			for i := range 3000 {
				c.deliver(c.make(i%10 == 0))
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			d := NewDownTrack(DownTrackConfig{Sink: discard{}, SSRC: outSSRC, RTXSSRC: outRTX, Codecs: receiverCodecs})
			for i := range 300 {
				d.Attach(low.pub, i%4-1)
				d.SelectLayer(i % 3)
				d.RTCP(nackFor(outSSRC, uint16(i)), time.Now())
				d.RTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: outSSRC}}, time.Now())
				d.Pause()
				d.Resume()
				d.Stats(time.Now())
				if i%7 == 0 {
					d.Detach()
				}
			}
			d.Close()
		})
	}
	wg.Go(func() {
		for range 300 {
			low.pub.Tick(time.Now())
			low.pub.Stats(time.Now())
		}
	})
	wg.Wait()
	for _, l := range low.pub.Layers(time.Now()) {
		if l.Receivers != 0 {
			t.Errorf("layer %s still has %d receivers", l.RID, l.Receivers)
		}
	}
}

type discard struct{}

func (discard) WriteRTP(*rtp.Header, []byte) error { return nil }
func (discard) WriteRTCP([]rtcp.Packet) error      { return nil }
