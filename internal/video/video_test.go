package video

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// wire is a client's session seen from here: it keeps copies of what was written.
type wire struct {
	packets []rtp.Packet
	rtcp    []rtcp.Packet
	err     error
}

func (w *wire) WriteRTP(h *rtp.Header, payload []byte) error {
	w.packets = append(w.packets, rtp.Packet{Header: h.Clone(), Payload: bytes.Clone(payload)})
	return w.err
}

func (w *wire) WriteRTCP(pkts []rtcp.Packet) error {
	w.rtcp = append(w.rtcp, pkts...)
	return w.err
}

// take gives what was sent since the last take.
func (w *wire) take() []rtp.Packet {
	p := w.packets
	w.packets = nil
	return p
}

func (w *wire) last(t *testing.T) rtp.Packet {
	t.Helper()
	if len(w.packets) == 0 {
		t.Fatal("nothing was sent")
	}
	return w.packets[len(w.packets)-1]
}

func count[T rtcp.Packet](w *wire) (n int) {
	for _, p := range w.rtcp {
		if _, ok := p.(T); ok {
			n++
		}
	}
	return n
}

func seqsAsked(w *wire) (seqs []uint16) {
	for _, p := range w.rtcp {
		if n, ok := p.(*rtcp.TransportLayerNack); ok {
			for _, pair := range n.Nacks {
				seqs = append(seqs, pair.PacketList()...)
			}
		}
	}
	return seqs
}

var (
	senderCodecs = []Codec{
		{PayloadType: 96, RTX: 97, Name: "VP8"},
		{PayloadType: 98, RTX: 99, Name: "VP9", Fmtp: "profile-id=0"},
		{PayloadType: 108, RTX: 109, Name: "H264", Fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
	}
	receiverCodecs = []Codec{
		{PayloadType: 120, RTX: 121, Name: "vp8"},
		{PayloadType: 122, RTX: 123, Name: "H264", Fmtp: "profile-level-id=42e034;packetization-mode=1"},
	}
	testExtensions = Extensions{MID: 4, RID: 10, RepairedRID: 11, Orientation: 13}
)

const (
	outSSRC = 7001
	outRTX  = 7002
)

// camera is a sender: it numbers pictures and feeds them to a publisher.
type camera struct {
	pub    *Publisher
	up     *wire
	ssrc   uint32
	rid    string
	pt     uint8
	seq    uint16
	ts     uint32
	pid    uint16
	tl0    uint8
	extras func(h *rtp.Header)
}

func newCamera(cfg PublisherConfig) *camera {
	up := &wire{}
	cfg.Feedback = up
	if cfg.Codecs == nil {
		cfg.Codecs = senderCodecs
	}
	cfg.Extensions, cfg.LocalSSRC = testExtensions, 1
	return &camera{pub: NewPublisher(cfg), up: up, ssrc: 5001, pt: 96, seq: 1000, ts: 90000, pid: 100}
}

// layer is a further encoding of the same camera.
func (c *camera) layer(rid string, ssrc uint32) *camera {
	other := *c
	other.rid, other.ssrc, other.seq, other.ts, other.pid = rid, ssrc, uint16(ssrc*7), ssrc*1000, uint16(ssrc)&0x7fff
	return &other
}

// vp8 is a one-packet picture with picture id and TL0PICIDX.
func (c *camera) vp8(key bool) []byte {
	b := []byte{0x90, 0xe0, 0x80 | byte(c.pid>>8), byte(c.pid), c.tl0, 0x20, 0x01, 0x02, 0x03}
	if key {
		b = append(b[:6], 0x10, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01)
	}
	return b
}

func (c *camera) header() rtp.Header {
	h := rtp.Header{Version: 2, Marker: true, PayloadType: c.pt, SequenceNumber: c.seq, Timestamp: c.ts, SSRC: c.ssrc}
	if c.rid != "" {
		_ = h.SetExtension(testExtensions.RID, []byte(c.rid))
	}
	if c.extras != nil {
		c.extras(&h)
	}
	return h
}

type sample struct {
	h       rtp.Header
	payload []byte
}

// make builds the next picture without sending it.
func (c *camera) make(key bool) sample {
	s := sample{c.header(), c.vp8(key)}
	c.seq++
	c.ts += 3000
	c.pid = (c.pid + 1) & 0x7fff
	c.tl0++
	return s
}

func (c *camera) deliver(s sample) { c.pub.RTP(&s.h, s.payload, time.Now()) }

// send sends a picture and lets a thirtieth of a second pass.
func (c *camera) send(key bool) {
	c.deliver(c.make(key))
	time.Sleep(time.Second / 30)
}

// rtx wraps a sample as a retransmission.
func (c *camera) rtx(s sample, ssrc uint32, seq uint16) sample {
	h := s.h.Clone()
	h.SSRC, h.PayloadType, h.SequenceNumber = ssrc, 97, seq
	return sample{h, append(binary.BigEndian.AppendUint16(nil, s.h.SequenceNumber), s.payload...)}
}

func newReceiver() (*DownTrack, *wire) {
	w := &wire{}
	return NewDownTrack(DownTrackConfig{Sink: w, SSRC: outSSRC, RTXSSRC: outRTX, Codecs: receiverCodecs, Orientation: 5, CNAME: "server"}), w
}

func pictureID(p rtp.Packet) uint16 { return binary.BigEndian.Uint16(p.Payload[2:]) & 0x7fff }

// assertContinuous fails unless sequence numbers and picture ids rise by one and
// timestamps rise.
func assertContinuous(t *testing.T, packets []rtp.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := packets[i-1], packets[i]
		if b.SequenceNumber != a.SequenceNumber+1 {
			t.Errorf("packet %d: sequence number %d after %d", i, b.SequenceNumber, a.SequenceNumber)
		}
		if int32(b.Timestamp-a.Timestamp) <= 0 {
			t.Errorf("packet %d: timestamp %d after %d", i, b.Timestamp, a.Timestamp)
		}
		if pictureID(b) != (pictureID(a)+1)&0x7fff {
			t.Errorf("packet %d: picture id %d after %d", i, pictureID(b), pictureID(a))
		}
		if b.Payload[4] != a.Payload[4]+1 {
			t.Errorf("packet %d: TL0PICIDX %d after %d", i, b.Payload[4], a.Payload[4])
		}
	}
}

func TestForward_StartsAtKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		c.send(true)
		c.send(false)
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		if got := count[*rtcp.PictureLossIndication](c.up); got != 1 {
			t.Fatalf("%d PLIs on subscribing, want 1", got)
		}
		c.send(false)
		if len(w.packets) != 0 {
			t.Fatal("sent before a keyframe")
		}
		for i := range 5 {
			c.send(i == 0)
		}
		got := w.take()
		if len(got) != 5 {
			t.Fatalf("%d packets, want 5", len(got))
		}
		assertContinuous(t, got)
		if h := got[0].Header; h.SSRC != outSSRC || h.PayloadType != 120 || !h.Marker || h.Extension {
			t.Errorf("header %+v", h)
		}
		if s := d.Stats(time.Now()); s.Keyframes != 1 || s.Packets != 5 || s.Switches != 1 {
			t.Errorf("stats %+v", s)
		}
		if l := c.pub.Layers(time.Now())[0]; l.Width != 640 || l.Height != 480 || !l.Active || l.Codec.Name != "VP8" || l.BitsPerSecond == 0 {
			t.Errorf("layer %+v", l)
		}
	})
}

func TestForward_FirstPacketEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		if len(w.packets) != 1 || len(c.up.rtcp) != 0 {
			t.Fatalf("%d packets and %d RTCP, want the keyframe and no request", len(w.packets), len(c.up.rtcp))
		}
	})
}

func TestForward_PauseResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		c.send(false)
		d.Pause()
		for range 40 {
			c.send(false)
		}
		d.Resume()
		if got := count[*rtcp.PictureLossIndication](c.up); got != 1 {
			t.Fatalf("%d PLIs after resuming, want 1", got)
		}
		c.send(false)
		c.send(true)
		c.send(false)
		got := w.take()
		if len(got) != 4 {
			t.Fatalf("%d packets, want 4", len(got))
		}
		assertContinuous(t, got)
		if step := got[2].Timestamp - got[1].Timestamp; step != 42*3000 {
			t.Errorf("timestamp advanced by %d over the pause, want the source's %d", step, 42*3000)
		}
	})
}

func TestForward_SourceSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newCamera(PublisherConfig{}), newCamera(PublisherConfig{})
		b.seq, b.ts, b.pid, b.tl0 = 65534, 1<<32-5000, 0x7ffe, 254
		d, w := newReceiver()
		d.Attach(a.pub, Best)
		a.send(true)
		a.send(false)
		late := a.make(false)
		b.send(true)
		d.Attach(b.pub, Best)
		a.deliver(late)
		time.Sleep(time.Second)
		for i := range 6 {
			b.send(i == 0)
		}
		got := w.take()
		if len(got) != 8 {
			t.Fatalf("%d packets, want 8", len(got))
		}
		assertContinuous(t, got)
		if step := got[2].Timestamp - got[1].Timestamp; step < 90000 || step > 100000 {
			t.Errorf("timestamp advanced by %d over a second", step)
		}
		if a.pub.attached() != nil && len(a.pub.attached()) != 0 {
			t.Error("still attached to the first publisher")
		}
	})
}

func TestForward_SinkErrorsStayAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		bad, badWire := newReceiver()
		badWire.err = errors.New("gone")
		good, goodWire := newReceiver()
		bad.Attach(c.pub, Best)
		good.Attach(c.pub, Best)
		c.send(true)
		c.send(false)
		if len(goodWire.packets) != 2 {
			t.Errorf("%d packets beside a broken sink, want 2", len(goodWire.packets))
		}
		if s := bad.Stats(time.Now()); s.SinkErrors != 2 {
			t.Errorf("%d sink errors, want 2", s.SinkErrors)
		}
	})
}

func TestForward_Orientation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		c.extras = func(h *rtp.Header) { _ = h.SetExtension(testExtensions.Orientation, []byte{3}) }
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		if p := w.last(t); !slices.Equal(p.GetExtension(5), []byte{3}) {
			t.Errorf("orientation %v, want 3", p.GetExtension(5))
		}
	})
}

func TestForward_CodecSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(PublisherConfig{})
		d, w := newReceiver()
		d.Attach(c.pub, Best)
		c.send(true)
		// To H264: mapped to the receiver's payload type, continuing.
		h := c.header()
		h.PayloadType = 108
		c.pub.RTP(&h, []byte{0x65, 0x88, 0x84}, time.Now())
		got := w.last(t)
		if got.PayloadType != 122 || got.SequenceNumber != w.packets[0].SequenceNumber+1 {
			t.Fatalf("H264 sent with payload type %d", got.PayloadType)
		}
		// To VP9, which the receiver does not have.
		h.PayloadType, h.SequenceNumber = 98, h.SequenceNumber+1
		c.pub.RTP(&h, []byte{0x8c, 0x01, 0x00}, time.Now())
		if len(w.packets) != 2 || d.Stats(time.Now()).Unsupported != 1 {
			t.Fatal("VP9 was forwarded to a receiver without it")
		}
		// Back to VP8, not a keyframe, then one.
		c.seq = h.SequenceNumber + 1
		c.send(false)
		if len(w.packets) != 2 {
			t.Fatal("sent without a keyframe after a codec switch")
		}
		c.send(true)
		if got := w.last(t); got.PayloadType != 120 || got.SequenceNumber != w.packets[1].SequenceNumber+1 {
			t.Fatalf("VP8 did not continue: %+v", got.Header)
		}
	})
}

func numbers(packets []rtp.Packet) (seqs []uint16) {
	for _, p := range packets {
		seqs = append(seqs, p.SequenceNumber)
	}
	return seqs
}
