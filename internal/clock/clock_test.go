package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLifecycle_Advance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Lifecycle
		day := c.After(24 * time.Hour)
		week := c.After(7 * 24 * time.Hour)
		start := c.Now()

		c.Advance(24 * time.Hour)
		select {
		case <-day:
		default:
			t.Fatal("a waiter whose time has come was not woken by Advance")
		}
		select {
		case <-week:
			t.Fatal("a waiter was woken before its time")
		default:
		}
		if got := c.Now().Sub(start); got != 24*time.Hour {
			t.Errorf("Now moved by %v, want 24h", got)
		}

		c.Advance(-time.Hour)
		if c.Now().Before(start.Add(24 * time.Hour)) {
			t.Error("the clock ran back")
		}

		// What is left of the week passes by waiting.
		if woke := <-week; woke.Sub(start) != 7*24*time.Hour {
			t.Errorf("woken after %v, want 168h", woke.Sub(start))
		}
	})
}
