package video

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// stage is one publisher with n receivers on a discarding sink, warmed up and
// with picture numbers that must be rewritten.
func stage(n int) (send func(), receivers []*DownTrack) {
	before := newCamera(PublisherConfig{})
	c := newCamera(PublisherConfig{})
	before.pub.cfg.Feedback, c.pub.cfg.Feedback = discard{}, discard{}
	c.extras = func(h *rtp.Header) { _ = h.SetExtension(testExtensions.Orientation, []byte{1}) }
	for range n {
		d := NewDownTrack(DownTrackConfig{Sink: discard{}, SSRC: outSSRC, RTXSSRC: outRTX, Codecs: receiverCodecs, Orientation: 5})
		d.Attach(before.pub, Best)
		receivers = append(receivers, d)
	}
	before.deliver(before.make(true))
	for _, d := range receivers {
		d.Attach(c.pub, Best)
	}
	now := time.Now()
	s := c.make(true)
	s.payload = append(s.payload, make([]byte, 1150)...)
	send = func() {
		s.h.SequenceNumber++
		s.h.Timestamp += 900
		s.payload[3]++
		now = now.Add(10 * time.Millisecond)
		c.pub.RTP(&s.h, s.payload, now)
	}
	for range 2000 { // fills the history
		send()
	}
	return send, receivers
}

func TestForward_DoesNotAllocate(t *testing.T) {
	send, receivers := stage(10)
	if n := testing.AllocsPerRun(1000, send); n != 0 {
		t.Errorf("%v allocations per packet to 10 receivers, want 0", n)
	}
	if s := receivers[9].Stats(time.Now()); s.Packets != 3002 || s.Retransmitted != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestRetransmission_DoesNotAllocate(t *testing.T) {
	send, receivers := stage(1)
	now := time.Now()
	ask := nackFor(outSSRC, uint16(receivers[0].out.Highest()))
	receivers[0].RTCP(ask, now)
	n := testing.AllocsPerRun(100, func() {
		send()
		now = now.Add(time.Second)
		receivers[0].RTCP(ask, now)
	})
	if n != 0 {
		t.Errorf("%v allocations per retransmission, want 0", n)
	}
	if s := receivers[0].Stats(now); s.Retransmitted < 100 {
		t.Errorf("stats %+v", s)
	}
}

func BenchmarkForward50(b *testing.B) {
	send, _ := stage(50)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50, "ns/receiver")
}

// FuzzPublisherRTP: no packet of a sender may crash or stall the forwarder.
func FuzzPublisherRTP(f *testing.F) {
	add := func(h rtp.Header, payload []byte) {
		b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	c := newCamera(PublisherConfig{}).layer("hi", 701)
	key := c.make(true)
	add(key.h, key.payload)
	r := c.rtx(key, 702, 1)
	_ = r.h.SetExtension(testExtensions.RepairedRID, []byte("hi"))
	add(r.h, r.payload)
	h := c.header()
	h.PayloadType = 108
	add(h, []byte{0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1e})
	h.PayloadType = 98
	add(h, []byte{0x8a, 0x01, 0x30, 1, 0x40, 0, 0xb4, 2, 0x80, 1, 0x68})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			c := newCamera(PublisherConfig{RIDs: []string{"low", "hi"}})
			single := newCamera(PublisherConfig{})
			d, _ := newReceiver()
			d.Attach(c.pub, Best)
			e, _ := newReceiver()
			e.Attach(single.pub, 0)
			for i, raw := range [][]byte{a, b, a, b, b} {
				var h rtp.Header
				n, err := h.Unmarshal(raw)
				if err != nil {
					return
				}
				h.SequenceNumber += uint16(i)
				before := string(raw)
				c.pub.RTP(&h, raw[n:], time.Now())
				single.pub.RTP(&h, raw[n:], time.Now())
				if string(raw) != before {
					t.Fatal("the payload was changed")
				}
				time.Sleep(300 * time.Millisecond)
				c.pub.Tick(time.Now())
				single.pub.Tick(time.Now())
			}
		})
	})
}

// FuzzDownTrackRTCP: no RTCP of either side may crash the forwarder.
func FuzzDownTrackRTCP(f *testing.F) {
	for _, p := range []rtcp.Packet{
		nackFor(outSSRC, 1, 2, 3, 400)[0],
		&rtcp.PictureLossIndication{MediaSSRC: outSSRC},
		&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: outSSRC}}},
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: outSSRC, LastSenderReport: 1}}},
		&rtcp.SenderReport{SSRC: 5001, NTPTime: 1 << 63},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		pkts, err := rtcp.Unmarshal(raw)
		if err != nil {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			c := newCamera(PublisherConfig{})
			d, w := newReceiver()
			d.Attach(c.pub, Best)
			run(5, true, c)
			d.RTCP(pkts, time.Now())
			c.pub.RTCP(pkts, time.Now())
			run(5, false, c)
			if len(w.packets) < 10 {
				t.Errorf("%d packets, want at least 10", len(w.packets))
			}
		})
	})
}
