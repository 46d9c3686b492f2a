package rtc

import "time"

// Packets of independent clients arrive one by one, and each would wake the
// read loop, cost a system call to read and another to send what came of it.
// When there are many, it is cheaper to let them gather for a moment: at 5,000
// packets a second a read then brings ten of them. Two milliseconds are far
// below what jitter buffers hold (20 ms and more), and below the 5 ms within
// which congestion control takes packets for one burst.
const (
	gather     = 2 * time.Millisecond
	paceWindow = 100 * time.Millisecond
	paceFrom   = 200 // packets in a window: 2,000 a second
)

// pace decides whether the read loop waits before it reads again.
type pace struct {
	began time.Time // of the window
	count int       // packets in it
	busy  bool      // the last window had many
}

// wait says how long to wait after a read of n packets at the time now. A read
// that filled all slots left packets behind: those do not wait.
func (p *pace) wait(n int, now time.Time) time.Duration {
	p.count += n
	if now.Sub(p.began) >= paceWindow {
		p.busy = p.count >= paceFrom && now.Sub(p.began) < 2*paceWindow
		p.began, p.count = now, 0
	}
	if !p.busy || n == recvSlots {
		return 0
	}
	return gather
}
