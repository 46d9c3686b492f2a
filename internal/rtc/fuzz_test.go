package rtc

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
)

// FuzzDatagram hands any bytes to the dispatcher: they must neither panic nor make state, since nobody who lacks a
// session's password or a TURN credential can have written them.
func FuzzDatagram(f *testing.F) {
	binding := checkFor("ufrag:x", "password", nominate())
	f.Add(binding)
	f.Add(binding[:21])
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), attr(stun.AttrRequestedTransport, 17, 0, 0, 0)).Raw)
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), attr(stun.AttrData, 1, 2, 3)).Raw)
	f.Add([]byte{0x40, 0, 0, 4, 1, 2, 3, 4})
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1})
	f.Add(append([]byte{0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1}, make([]byte, 40)...))
	f.Add(append([]byte{0x80, 200, 0, 6}, make([]byte, 40)...))
	s := idleServer(f)
	h := newHeard()
	known := newKeyed(f, s, h, clientAddr(1), srtp.ProtectionProfileAeadAes128Gcm)
	stranger := netip.MustParseAddrPort("127.0.0.1:9")
	relayed(f, s, known, true)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, from := range []netip.AddrPort{stranger, clientAddr(1), known.from} {
			s.take(bytes.Clone(b), from, time.Now())
		}
		if s.tables.lookup(source{addr: stranger}) != nil || len(s.tables.addrs) != 1 || s.Stats().Sessions != 1 {
			t.Fatal("a stranger's packet made state")
		}
		if n := s.Stats().TURNAllocations; n != 1 {
			t.Fatalf("%d allocations", n)
		}
		if h.count.Load() != 0 || len(h.rtcp) != 0 {
			t.Fatal("a stranger's packet was delivered")
		}
	})
}

// FuzzOpened delivers any bytes that a client has sealed with the right keys.
func FuzzOpened(f *testing.F) {
	raw, _ := audioPacket(7, 1, []byte("payload")).Marshal()
	f.Add(raw)
	report, _ := rtcp.Marshal([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2, LastSenderReport: 1}}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "x"}}}}},
	})
	f.Add(report)
	nack, _ := rtcp.Marshal([]rtcp.Packet{&rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 3}}}})
	f.Add(nack)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 8 || b[0] < 128 || b[0] > 191 || len(b) > maxPacket {
			return
		}
		s := idleServer(t)
		k := newKeyed(t, s, newHeard(), clientAddr(1), srtp.ProtectionProfileAeadAes128Gcm)
		var sealed []byte
		var err error
		if isRTCP(b) {
			sealed, err = k.client.EncryptRTCP(nil, b, nil)
		} else {
			sealed, err = k.client.EncryptRTP(nil, b, nil)
		}
		if err == nil {
			s.take(sealed, k.from, time.Now())
		}
		s.Close()
	})
}

// FuzzStream feeds any bytes to the framing of TURN over TCP, in two pieces.
func FuzzStream(f *testing.F) {
	request := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)).Raw
	f.Add(append(bytes.Clone(request), 0x40, 0, 0, 3, 1, 2, 3, 0), uint16(7))
	f.Add([]byte{0, 3, 0xff, 0xec, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, uint16(20))
	s := idleServer(f)
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		c := &turnConn{front: s.turn.tcp, addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}}
		first := b[:min(int(cut), len(b))]
		used, ok := c.frames(first, time.Now())
		if !ok || used > len(first) {
			if used > len(first) {
				t.Fatalf("%d of %d bytes used", used, len(first))
			}
			return
		}
		rest := b[used:]
		if used, ok = c.frames(rest, time.Now()); used > len(rest) {
			t.Fatalf("%d of %d bytes used", used, len(rest))
		}
		// What is left is the beginning of one frame that is not larger than the buffer it waits in.
		if n, good := frameSize(rest[used:]); ok && (!good || n > maxFrame || n != 0 && n <= len(rest)-used) {
			t.Fatalf("left: a frame of %d bytes, %v, of which %d are there", n, good, len(rest)-used)
		}
	})
}
