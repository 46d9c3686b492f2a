package bus_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocal(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return bus.NewLocal() })
}

// A subscriber that does not keep up loses messages; they are counted.
func TestLocal_Lost(t *testing.T) {
	b := bus.NewLocal()
	release := make(chan struct{})
	if _, err := b.Subscribe("a", func(string, []byte) { <-release }); err != nil {
		t.Fatal(err)
	}
	for range 20000 {
		if err := b.Publish("a", nil); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.Stats(); s.Published != 20000 || s.Lost == 0 {
		t.Errorf("stats %+v", s)
	}
	close(release)
	b.Close()
}

// Meetings come and go: their subjects must not pile up.
func BenchmarkLocal_Publish(b *testing.B) {
	l := bus.NewLocal()
	defer l.Close()
	for i := range 1000 {
		if _, err := l.Subscribe(fmt.Sprintf("meeting.%d.ended", i), func(string, []byte) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Publish("meeting.500.ended", nil); err != nil {
			b.Fatal(err)
		}
	}
}
