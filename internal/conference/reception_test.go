package conference

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func TestReception(t *testing.T) {
	start := time.Unix(1000, 0)
	first := 65500 // wraps around soon
	var r reception
	at := func(n int) time.Time { return start.Add(time.Duration(n) * 20 * time.Millisecond) }
	due := 0
	for n := range 100 {
		if n%4 == 3 {
			continue // lost
		}
		h := rtp.Header{SSRC: 7, SequenceNumber: uint16(first + n), Timestamp: uint32(n * 960)}
		if r.packet(&h, at(n)) {
			due++
		}
		if n == 97 { // a late one changes nothing but the loss
			old := rtp.Header{SSRC: 7, SequenceNumber: uint16(first + 95), Timestamp: 95 * 960}
			r.packet(&old, at(95))
		}
	}
	r.senderReport(&rtcp.SenderReport{SSRC: 8, NTPTime: 1}, at(0))
	r.senderReport(&rtcp.SenderReport{SSRC: 7, NTPTime: 0x1122334455667788}, at(98))
	got := r.report(at(98).Add(500 * time.Millisecond))
	want := rtcp.ReceptionReport{
		SSRC: 7, FractionLost: 23 * 256 / 99, TotalLost: 23, LastSequenceNumber: uint32(first) + 98,
		LastSenderReport: 0x33445566, Delay: 32768,
	}
	if got != want {
		t.Errorf("report %+v\nwant   %+v", got, want)
	}
	if due != 1 {
		t.Errorf("%d reports due in two seconds, want 1", due)
	}
	for n := 99; n < 110; n++ {
		r.packet(&rtp.Header{SSRC: 7, SequenceNumber: uint16(first + n), Timestamp: uint32(n * 960)}, at(n))
	}
	if got := r.report(at(110)); got.FractionLost != 0 || got.TotalLost != 23 {
		t.Errorf("second report %+v", got)
	}
	r.packet(&rtp.Header{SSRC: 9, SequenceNumber: 5}, at(200))
	if got := r.report(at(200)); got.SSRC != 9 || got.TotalLost != 0 || got.LastSenderReport != 0 {
		t.Errorf("another stream: %+v", got)
	}
	for n := range 50 {
		late := time.Duration(n%2) * 10 * time.Millisecond
		r.packet(&rtp.Header{SSRC: 9, SequenceNumber: uint16(6 + n), Timestamp: uint32((n + 1) * 960)}, at(201+n).Add(late))
	}
	if j := r.report(at(260)).Jitter; j < 400 || j > 500 {
		t.Errorf("jitter %d, want almost 10 ms = 480", j)
	}
}
