package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const payloadType = 111

// line is one participant's media: a UDP socket of its own, as servers tell
// participants by their addresses. It carries SRTP or plain RTP.
type line struct {
	conn     *net.UDPConn
	to       netip.AddrPort
	tx       *srtp.Context // nil: plain RTP
	header   rtp.Header
	levelExt uint8 // id of the audio level extension; 0: none
	plain    []byte
	sealed   []byte

	packets atomic.Uint64 // RTP that came in
	refused atomic.Uint64 // of them, those that could not be opened
	ear     atomic.Pointer[ear]

	mu    sync.Mutex // guards rx, which comes after the handshake
	rx    *srtp.Context
	first chan struct{} // closed with the first packet that could be opened
	once  sync.Once

	other func(b []byte) // takes STUN and DTLS; may be nil
	done  sync.WaitGroup
}

func openLine() (*line, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	return &line{
		conn: conn, first: make(chan struct{}),
		header: rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: 1, SSRC: 1},
	}, nil
}

func (l *line) port() int { return l.conn.LocalAddr().(*net.UDPAddr).Port }

func (l *line) close() {
	_ = l.conn.Close()
	l.done.Wait()
}

// begin starts reading.
func (l *line) begin() {
	l.done.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, _, err := l.conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil && n > 0 {
				l.receive(buf[:n])
			}
		}
	})
}

// receive tells packets by their first byte (RFC 7983) and RTCP by its second.
func (l *line) receive(b []byte) {
	if b[0] < 128 || b[0] > 191 {
		if l.other != nil {
			l.other(b)
		}
		return
	}
	if len(b) < 12 || b[1] >= 192 && b[1] <= 223 {
		return
	}
	l.packets.Add(1)
	e := l.ear.Load()
	select {
	case <-l.first:
		if e == nil { // nobody listens: what a counter needs stands in the clear
			return
		}
	default:
	}
	var h rtp.Header
	if err := l.open(b, &h); err != nil {
		l.refused.Add(1)
		return
	}
	l.once.Do(func() { close(l.first) })
}

func (l *line) open(b []byte, h *rtp.Header) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tx != nil {
		if l.rx == nil {
			return errors.New("no keys yet")
		}
		var err error
		if b, err = l.rx.DecryptRTP(b[:0], b, h); err != nil {
			return err
		}
	}
	n, err := h.Unmarshal(b)
	if err != nil {
		return err
	}
	if e := l.ear.Load(); e != nil {
		e.listen(b[n:])
	}
	return nil
}

// send sends one frame of 20 ms. Only one goroutine may send.
func (l *line) send(payload []byte, level uint8) error {
	if l.levelExt != 0 {
		if err := l.header.SetExtension(l.levelExt, []byte{level}); err != nil {
			return err
		}
	}
	size := l.header.MarshalSize() + len(payload)
	l.plain = slices.Grow(l.plain[:0], size)[:size]
	n, err := l.header.MarshalTo(l.plain)
	if err != nil {
		return err
	}
	copy(l.plain[n:], payload)
	l.header.SequenceNumber++
	l.header.Timestamp += frameSamples
	out := l.plain
	if l.tx != nil {
		if l.sealed, err = l.tx.EncryptRTP(l.sealed[:0], l.plain, nil); err != nil {
			return err
		}
		out = l.sealed
	}
	_, err = l.conn.WriteToUDPAddrPort(out, l.to)
	return err
}

// flow is what one participant sends.
type flow struct {
	*line
	clip clip
}

// load is how the generator kept its schedule.
type load struct {
	sent, failed int
	late         int           // more than half a frame behind
	worst        time.Duration // how far behind it was at most
}

// drive sends every flow's 50 packets a second until ctx ends. The flows'
// packets are spread evenly over the 20 ms, as those of independent clients
// are. counting says which rounds count.
func drive(ctx context.Context, flows []flow, counting *atomic.Bool) load {
	const round = 20 * time.Millisecond
	var l load
	start := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		for i, f := range flows {
			due := start.Add(time.Duration(n)*round + time.Duration(i)*round/time.Duration(len(flows)))
			behind := time.Since(due)
			if behind < 0 {
				time.Sleep(-behind)
				behind = time.Since(due)
			}
			err := f.send(f.clip.frames[n%len(f.clip.frames)], f.clip.level)
			if !counting.Load() {
				continue
			}
			l.sent++
			if err != nil {
				l.failed++
			}
			if l.worst = max(l.worst, behind); behind > round/2 {
				l.late++
			}
		}
	}
	return l
}

// outcome is one measured window of a load.
type outcome struct {
	usage
	load
	received float64 // part of the packets that should have come
	wrong    error   // what was heard is not the call
}

// suspicious says why a window proves nothing, or nil: the generator may have
// been the bottleneck.
func (o outcome) suspicious(whose string) error {
	switch {
	case o.generator > 0.9:
		return fmt.Errorf("%s: generator used %.2f cores", whose, o.generator)
	case o.failed > 0:
		return fmt.Errorf("%s: %d packets could not be sent", whose, o.failed)
	case float64(o.late) > 0.01*float64(o.sent):
		return fmt.Errorf("%s: %d of %d packets were sent more than 10 ms late, the worst %v", whose, o.late, o.sent, o.worst.Round(time.Millisecond))
	case o.received < 0.98:
		return fmt.Errorf("%s: only %.1f %% of the packets came", whose, 100*o.received)
	}
	return nil
}

// measure drives the flows and measures a window of it after a warm-up.
func measure(ctx context.Context, pid int, flows []flow, warmup, window time.Duration) (outcome, error) {
	var o outcome
	var counting atomic.Bool
	driving, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { o.load = drive(driving, flows, &counting) })
	defer wg.Wait()
	defer stop()
	if err := sleep(ctx, warmup); err != nil {
		return o, err
	}
	counting.Store(true)
	before := received(flows)
	m, err := startMeter(pid)
	if err != nil {
		return o, err
	}
	if err := sleep(ctx, window); err != nil {
		return o, err
	}
	use, err := m.read()
	if err != nil {
		return o, err
	}
	elapsed := time.Since(m.at).Seconds()
	came := received(flows) - before
	counting.Store(false)
	stop()
	wg.Wait()
	o.usage = use
	o.received = float64(came) / (50 * elapsed * float64(len(flows)))
	return o, nil
}

func received(flows []flow) (n uint64) {
	for _, f := range flows {
		n += f.packets.Load()
	}
	return n
}
