package rtc

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	var p pace
	now := time.Now()
	// feed lets packets come every gap for d and returns the last wait.
	feed := func(d, gap time.Duration, n int) (wait time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(gap) {
			wait = p.wait(n, now)
		}
		return wait
	}
	if got := feed(time.Second, time.Millisecond, 1); got != 0 {
		t.Errorf("1,000 packets a second wait %v", got)
	}
	if got := feed(time.Second, 200*time.Microsecond, 1); got != gather {
		t.Errorf("5,000 packets a second wait %v, want %v", got, gather)
	}
	if got := p.wait(recvSlots, now); got != 0 {
		t.Errorf("after a full read, the rest waits %v", got)
	}
	if got := feed(200*time.Millisecond, 20*time.Millisecond, 1); got != 0 {
		t.Errorf("when it is quiet again, packets wait %v", got)
	}
	now = now.Add(time.Minute)
	if got := p.wait(1, now); got != 0 {
		t.Errorf("the first packet after a long silence waits %v", got)
	}
}
