package video

import (
	"encoding/binary"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func nackFor(ssrc uint32, seqs ...uint16) []rtcp.Packet {
	return []rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)}}
}

func TestUplinkLoss_NackAndRTX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{Streams: []SSRCs{{Media: 5001, RTX: 5002}}})
		c.seq = 65533 // the gap lies across the wrap
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		lost := []sample{c.make(false), c.make(false), c.make(false)}
		c.deliver(c.make(false))
		if asked := seqsAsked(c.up); len(asked) != 0 {
			t.Fatalf("asked for %v before reordering could be told from loss", asked)
		}
		time.Sleep(20 * time.Millisecond)
		c.deliver(c.make(false))
		if asked := seqsAsked(c.up); !slices.Equal(asked, []uint16{65534, 65535, 0}) {
			t.Fatalf("asked for %v", asked)
		}
		time.Sleep(30 * time.Millisecond)
		for i, s := range lost {
			c.deliver(c.rtx(s, 5002, uint16(i)))
			c.deliver(c.rtx(s, 5002, uint16(i+10))) // and once more
		}
		got := w.take()
		if len(got) != 6 {
			t.Fatalf("%d packets, want 6", len(got))
		}
		slices.SortFunc(got, func(a, b rtp.Packet) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
		assertContinuous(t, got)
		l := c.pub.Layers(time.Now())[0]
		if l.Recovered != 3 || l.Lost != 3 || l.Duplicates != 3 || l.RTX != 6 || l.NACKs != 3 {
			t.Errorf("stats %+v", l.LayerStats)
		}
	})
}

func TestUplinkLoss_Reordering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		late := c.make(false)
		c.deliver(c.make(false))
		time.Sleep(2 * time.Millisecond)
		c.deliver(late)
		for range 10 {
			c.send(false)
			c.pub.Tick(time.Now())
		}
		if n := count[*rtcp.TransportLayerNack](c.up); n != 0 {
			t.Errorf("%d NACKs for a packet that was only late", n)
		}
		if len(w.packets) != 13 {
			t.Errorf("%d packets, want 13", len(w.packets))
		}
	})
}

// Packets that never come are asked for again, a round trip apart, then given up
// for a keyframe.
func TestUplinkLoss_GiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, _ := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		c.make(false)
		for range 40 {
			c.send(false)
			c.pub.Tick(time.Now())
		}
		if n := len(seqsAsked(c.up)); n < 4 || n > nackTries {
			t.Errorf("asked %d times", n)
		}
		if n := count[*rtcp.PictureLossIndication](c.up); n != 1 {
			t.Errorf("%d PLIs, want 1", n)
		}
	})
}

func TestUplinkLoss_Burst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, _ := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		c.seq += 1000
		c.send(false)
		c.pub.Tick(time.Now())
		if n := len(seqsAsked(c.up)); n != 0 {
			t.Errorf("asked for %d packets of a hopeless gap", n)
		}
		if n := count[*rtcp.PictureLossIndication](c.up); n != 1 {
			t.Errorf("%d PLIs, want 1", n)
		}
	})
}

func TestUplinkLoss_NobodyReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		c.send(true)
		c.make(false)
		for range 20 {
			c.send(false)
			c.pub.Tick(time.Now())
		}
		if len(seqsAsked(c.up)) != 0 || count[*rtcp.PictureLossIndication](c.up) != 0 {
			t.Error("asked for packets nobody wants")
		}
		if count[*rtcp.ReceiverReport](c.up) == 0 {
			t.Error("no receiver report")
		}
	})
}

func TestUplink_SequenceRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		stray := c.make(false)
		stray.h.SequenceNumber += 20000
		c.deliver(stray) // garbage: one packet far off is not believed
		c.send(false)
		if len(w.packets) != 2 {
			t.Fatalf("%d packets, want 2", len(w.packets))
		}
		c.seq += 20000
		c.send(true) // not believed
		c.send(false)
		if n := count[*rtcp.PictureLossIndication](c.up); n != 1 {
			t.Fatalf("%d PLIs after the restart, want 1", n)
		}
		c.send(true)
		got := w.take()
		if len(got) != 3 || got[1].SequenceNumber != got[0].SequenceNumber+2 || got[2].SequenceNumber != got[1].SequenceNumber+1 { // the stray's place stays open
			t.Errorf("%d packets; numbers %v", len(got), numbers(got))
		}
	})
}

func TestDownlinkLoss_RTX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		other := newCamera(PublisherConfig{})
		d.Attach(other.pub, Best)
		other.send(true) // so that offsets are not zero
		d.Attach(c.pub, Best)
		c.send(true)
		for range 20 {
			c.send(false)
		}
		sent := w.take()
		ask := nackFor(outSSRC, sent[5].SequenceNumber, sent[6].SequenceNumber, sent[10].SequenceNumber)
		d.RTCP(ask, time.Now())
		d.RTCP(ask, time.Now()) // within the round trip: not again
		got := w.take()
		if len(got) != 3 {
			t.Fatalf("%d retransmissions, want 3", len(got))
		}
		for i, n := range []int{5, 6, 10} {
			g, want := got[i], sent[n]
			if g.SSRC != outRTX || g.PayloadType != 121 || g.Timestamp != want.Timestamp || g.Marker != want.Marker {
				t.Errorf("header %+v", g.Header)
			}
			if osn := binary.BigEndian.Uint16(g.Payload); osn != want.SequenceNumber || !slices.Equal(g.Payload[2:], want.Payload) {
				t.Errorf("retransmission of %d is not what was sent", want.SequenceNumber)
			}
			if i > 0 && g.SequenceNumber != got[i-1].SequenceNumber+1 {
				t.Error("RTX has no sequence of its own")
			}
		}
		time.Sleep(time.Second)
		d.RTCP(ask, time.Now())
		if len(w.take()) != 3 {
			t.Error("not answered again after a round trip")
		}
		d.RTCP(nackFor(outSSRC, sent[20].SequenceNumber+100), time.Now())
		d.RTCP(nackFor(4711, sent[5].SequenceNumber), time.Now())
		if s := d.Stats(time.Now()); s.Missed != 1 || s.Retransmitted != 6 || s.NACKs != 10 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestDownlinkLoss_WithoutRTX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		w := &wire{}
		d := NewDownTrack(DownTrackConfig{Sink: w, SSRC: outSSRC, Codecs: []Codec{{PayloadType: 120, Name: "VP8"}}})
		d.Attach(c.pub, Best)
		c.send(true)
		c.send(false)
		sent := w.take()
		d.RTCP(nackFor(outSSRC, sent[0].SequenceNumber), time.Now())
		if got := w.take(); len(got) != 1 || got[0].SSRC != outSSRC || got[0].SequenceNumber != sent[0].SequenceNumber || !slices.Equal(got[0].Payload, sent[0].Payload) {
			t.Errorf("resent %+v", got)
		}
	})
}

// A keyframe whose first packet was lost on the way to us begins the stream when
// it is recovered, with all that has come since.
func TestUplinkLoss_LateKeyframeCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{Streams: []SSRCs{{Media: 5001, RTX: 5002}}})
		d, w := newReceiver()
		c.send(true)
		d.Attach(c.pub, Best)
		first := c.make(true)
		for range 4 {
			c.send(false)
		}
		if len(w.packets) != 0 {
			t.Fatal("began without a keyframe")
		}
		c.deliver(c.rtx(first, 5002, 1))
		c.send(false)
		if len(w.packets) != 6 {
			t.Fatalf("%d packets, want 6", len(w.packets))
		}
		assertContinuous(t, w.packets)
	})
}

// Padding-only packets keep their place in the numbering and carry nothing.
func TestForward_Padding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{Streams: []SSRCs{{Media: 5001, RTX: 5002}}})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		s := c.make(false)
		s.h.Padding, s.payload = true, append(make([]byte, 99), 100)
		c.deliver(s)
		probe := c.rtx(s, 5002, 1) // padding on the retransmission stream: no original number
		probe.h.Padding, probe.payload = true, append(make([]byte, 99), 100)
		c.deliver(probe)
		c.send(false)
		got := w.take()
		if len(got) != 3 || len(got[1].Payload) != 0 || got[1].Padding || got[2].SequenceNumber != got[0].SequenceNumber+2 {
			t.Errorf("%d packets, numbers %v", len(got), numbers(got))
		}
	})
}

func TestHistory_Bounded(t *testing.T) {
	var h history
	codec := &sourceCodec{}
	body := make([]byte, 1200)
	for i := range uint64(5000) {
		at := time.Duration(i) * 100 * time.Microsecond // 96 Mbit/s
		body[0] = byte(i)
		p := packet{codec: codec, payload: body}
		p.pos.Seq = 65536 + i
		h.put(&p, at)
		for _, back := range []uint64{0, 1, 100, 400} {
			if back > i {
				continue
			}
			var got packet
			if !h.get(65536+i-back, &got, nil) || got.payload[0] != byte(i-back) {
				t.Fatalf("packet %d: %d back is gone or wrong", i, back)
			}
		}
		var gone packet
		if i >= historyPackets && h.get(65536+i-historyPackets, &gone, nil) {
			t.Fatal("a packet outlived its entry")
		}
	}
	if len(h.ring) > historyMaxBytes {
		t.Errorf("%d bytes", len(h.ring))
	}
}

// A ring smaller than the entries' span forgets by bytes and never answers with
// another packet's payload.
func TestHistory_ForgetsByBytes(t *testing.T) {
	var h history
	codec := &sourceCodec{}
	for i := range uint64(2000) {
		size := 1 + int(i*7919%4000)
		body := make([]byte, size)
		for j := range body {
			body[j] = byte(i)
		}
		p := packet{codec: codec, payload: body}
		p.pos.Seq = 65536 + i
		h.put(&p, time.Duration(i)*20*time.Millisecond)
		for back := range min(i, 600) {
			var got packet
			if !h.get(65536+i-back, &got, nil) {
				continue
			}
			for _, b := range got.payload {
				if b != byte(i-back) {
					t.Fatalf("packet %d, %d back: foreign bytes", i, back)
				}
			}
		}
	}
	if len(h.ring) > 4*historyMinBytes {
		t.Errorf("%d bytes for one second of 0.8 Mbit/s", len(h.ring))
	}
}
