package conference

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/audio/opus"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/rtc"
	"github.com/carillon-rtc/carillon/internal/trace"
)

// house is Rooms on a real media server and mixer, on loopback.
type house struct {
	*Rooms
	t       *testing.T
	records *records
	bus     bus.Bus
	traces  *trace.Recorder
}

func newHouse(t *testing.T, attendees ...string) *house {
	t.Helper()
	log := quiet()
	media, err := rtc.Listen(rtc.Config{Address: "127.0.0.1:0", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- media.Run(ctx) }()
	engine := audio.NewEngine(audio.EngineConfig{Flush: media.Flush})
	h := &house{t: t, records: newRecords(attendees...), bus: bus.NewLocal(), traces: trace.NewRecorder(log)}
	h.Rooms, err = New(Config{
		Records: h.records, Bus: h.bus, Media: media, Audio: engine, Trace: h.traces, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.Rooms.Close()
		engine.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("media server: %v", err)
		}
		_ = h.bus.Close()
	})
	return h
}

// peer is a client with a real PeerConnection that offers as the SDK does: one
// audio section, the camera's, and one for each received video.
type peer struct {
	*Participant
	*recorder
	t    *testing.T
	name string
	pc   *webrtc.PeerConnection
	stop context.CancelFunc
	done context.Context
	wg   sync.WaitGroup

	voice   *webrtc.TrackLocalStaticRTP
	camera  *webrtc.RTPTransceiver
	picture *webrtc.TrackLocalStaticRTP
	receive []*webrtc.RTPTransceiver

	heard     *ear
	seen      map[string]*eye // by MediaStream id
	mu        sync.Mutex      // guards seen
	keyframes atomic.Int64    // asked of us
	feedback  atomic.Int64    // transport-wide feedback packets
}

func (h *house) newPeer(name, token string, audioSession uint64) *peer {
	h.t.Helper()
	id, err := h.Authenticate(context.Background(), "m", token)
	if err != nil {
		h.t.Fatal(err)
	}
	c := &peer{recorder: &recorder{}, t: h.t, name: name, heard: newEar(), seen: make(map[string]*eye)}
	c.done, c.stop = context.WithCancel(context.Background())
	c.connect()
	c.Participant, err = h.Join(context.Background(), id, JoinOptions{AudioSessionID: audioSession}, c.recorder)
	if err != nil {
		h.t.Fatal(err)
	}
	c.Begin()
	h.t.Cleanup(c.close)
	return c
}

func (c *peer) close() {
	c.stop()
	_ = c.pc.Close()
	c.wg.Wait()
}

func (c *peer) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
}

func (c *peer) connect() {
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	var me webrtc.MediaEngine
	c.must(me.RegisterDefaultCodecs())
	c.must(me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: "urn:ietf:params:rtp-hdrext:ssrc-audio-level"}, webrtc.RTPCodecTypeAudio))
	var interceptors interceptor.Registry
	c.must(webrtc.ConfigureTWCCHeaderExtensionSender(&me, &interceptors))
	c.must(webrtc.ConfigureNack(&me, &interceptors))
	c.must(webrtc.ConfigureRTCPReports(&interceptors))
	var err error
	c.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me),
		webrtc.WithInterceptorRegistry(&interceptors)).NewPeerConnection(webrtc.Configuration{})
	c.must(err)
	c.voice, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "voice", "own")
	c.must(err)
	sender, err := c.pc.AddTrack(c.voice)
	c.must(err)
	c.wg.Go(func() { c.readRTCP(sender) })
	c.picture, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "picture", "own")
	c.must(err)
	c.camera, err = c.pc.AddTransceiverFromTrack(c.picture, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendrecv})
	c.must(err)
	c.wg.Go(func() { c.readRTCP(c.camera.Sender()) })
	c.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if tr.Kind() == webrtc.RTPCodecTypeAudio {
			c.wg.Go(func() { c.heard.listen(tr) })
			return
		}
		e := &eye{}
		c.mu.Lock()
		c.seen[tr.StreamID()] = e
		c.mu.Unlock()
		c.wg.Go(func() { e.watch(tr) })
	})
}

func (c *peer) readRTCP(s *webrtc.RTPSender) {
	for {
		pkts, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range pkts {
			switch p.(type) {
			case *rtcp.PictureLossIndication:
				c.keyframes.Add(1)
			case *rtcp.TransportLayerCC:
				c.feedback.Add(1)
			}
		}
	}
}

// subscribe negotiates: the camera on or off, and a section for each stream.
func (c *peer) subscribe(send []SendStream, streams ...uint32) SubscribeResult {
	c.t.Helper()
	for len(c.receive) < len(streams) {
		tr, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		c.must(err)
		c.receive = append(c.receive, tr)
	}
	offer, err := c.pc.CreateOffer(nil)
	c.must(err)
	gathered := webrtc.GatheringCompletePromise(c.pc)
	c.must(c.pc.SetLocalDescription(offer))
	<-gathered
	var result SubscribeResult
	c.must(c.Subscribe(c.done, SubscribeRequest{
		OfferSDP: c.pc.LocalDescription().SDP, Audio: true, Sends: len(send) > 0, SendStreams: send,
		ReceiveStreamIDs: append([]uint32{0}, streams...),
	}, func(r SubscribeResult) { result = r }))
	// PeerConnection takes the camera's refusal by the server for an end of the
	// transceiver (signaling spec 14), which is none of this test's business.
	answer := result.AnswerSDP
	if len(send) == 0 {
		before, after, _ := strings.Cut(answer, "a=inactive")
		answer = before + "a=recvonly" + after
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		c.t.Fatalf("%s: %v\n%s", c.name, err, result.AnswerSDP)
	}
	return result
}

// talk sends a tone until the peer is closed or stop is called.
func (c *peer) talk(hz float64) (stop func()) {
	enc, err := opus.NewEncoder(opus.EncoderConfig{Channels: 1, Bitrate: 32000, Complexity: 5})
	c.must(err)
	level := c.levelExtension()
	ctx, stop := context.WithCancel(c.done)
	c.wg.Go(func() {
		pcm, out := make([]int16, 960), make([]byte, 1500)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for n := 0; ; n++ {
			for i := range pcm {
				pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(n*960+i)/48000))
			}
			size, err := enc.Encode(pcm, out)
			if err != nil {
				return
			}
			h := rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: uint32(n * 960)}
			if level != 0 {
				_ = h.SetExtension(level, []byte{0x80 | 15})
			}
			_ = c.voice.WriteRTP(&rtp.Packet{Header: h, Payload: out[:size]})
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return stop
}

func (c *peer) levelExtension() uint8 {
	for _, s := range c.pc.GetSenders() {
		for _, e := range s.GetParameters().HeaderExtensions {
			if strings.HasSuffix(e.URI, "ssrc-audio-level") {
				return uint8(e.ID)
			}
		}
	}
	return 0
}

// film sends a VP8 stream of 20 pictures a second whose payload names the
// peer: a keyframe first and whenever asked for one.
func (c *peer) film() (stop func()) {
	ctx, stop := context.WithCancel(c.done)
	c.wg.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		asked := int64(-1)
		for n := 0; ; n++ {
			payload := []byte{0x10, 0x01} // start of a partition; an inter frame
			if now := c.keyframes.Load(); now != asked {
				asked = now
				payload = []byte{0x10, 0x00, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0}
			}
			payload = append(payload, c.name...)
			_ = c.picture.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(n), Timestamp: uint32(n * 4500)},
				Payload: payload,
			})
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return stop
}

// eye watches one video: what came last and whether it began with a keyframe.
type eye struct {
	mu       sync.Mutex
	frames   int
	key      bool // the first packet was a keyframe's
	last     string
	ssrc     uint32
	sequence uint16
	gaps     int
}

func (e *eye) watch(tr *webrtc.TrackRemote) {
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		if len(p.Payload) < 3 {
			continue
		}
		e.mu.Lock()
		if e.frames == 0 {
			e.key = p.Payload[1]&1 == 0
		} else if p.SequenceNumber != e.sequence+1 {
			e.gaps++
		}
		e.frames++
		e.last, e.ssrc, e.sequence = string(p.Payload), p.SSRC, p.SequenceNumber
		e.mu.Unlock()
	}
}

// sees tells whether the stream with this label shows the named peer.
func (c *peer) sees(label, name string) bool {
	c.mu.Lock()
	e := c.seen[label]
	c.mu.Unlock()
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.frames > 5 && strings.HasSuffix(e.last, name)
}

func (c *peer) frames(label string) (n int, e *eye) {
	c.mu.Lock()
	e = c.seen[label]
	c.mu.Unlock()
	if e == nil {
		return 0, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.frames, e
}

// ear listens to one stream of Opus.
type ear struct {
	mu      sync.Mutex
	last    []int16 // the newest 200 ms
	packets int
}

func newEar() *ear { return &ear{} }

func (e *ear) listen(tr *webrtc.TrackRemote) {
	dec, err := opus.NewDecoder(1)
	if err != nil {
		return
	}
	pcm := make([]int16, 5760)
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		n, err := dec.Decode(p.Payload, pcm)
		if err != nil {
			continue
		}
		e.mu.Lock()
		e.packets++
		e.last = append(e.last, pcm[:n]...)
		e.last = e.last[max(0, len(e.last)-9600):]
		e.mu.Unlock()
	}
}

// hears tells whether the newest sound contains a tone.
func (e *ear) hears(hz float64) bool { return e.power(hz) > 1000 }

// power is the amplitude at a frequency, by Goertzel's algorithm.
func (e *ear) power(hz float64) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.last) < 9600 {
		return 0
	}
	k := 2 * math.Cos(2*math.Pi*hz/48000)
	var s1, s2 float64
	for _, v := range e.last {
		s1, s2 = float64(v)+k*s1-s2, s1
	}
	return 2 * math.Sqrt(s1*s1+s2*s2-k*s1*s2) / float64(len(e.last))
}

// eventually waits for something that real packets bring about.
func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			for _, a := range []string{"a", "b", "c"} {
				for _, s := range h.traces.Steps("m", a) {
					h.t.Log(a, s.Name, fmt.Sprint(s.Attrs))
				}
			}
			h.t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
