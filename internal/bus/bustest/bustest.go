// Package bustest holds what every implementation of bus.Bus promises, as a
// test suite that each of them runs.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/carillon-rtc/carillon/internal/bus"
)

// patience is how long something that must happen may take.
const patience = 5 * time.Second

// Run tests the buses that open makes. Each is closed by the suite.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	for _, c := range []struct {
		name string
		test func(*testing.T, bus.Bus)
	}{
		{"Subjects", subjects},
		{"Malformed", malformed},
		{"Order", order},
		{"Unsubscribe", unsubscribe},
		{"SlowSubscriberHoldsUpNobody", slow},
		{"Request", request},
		{"RequestFails", requestFails},
		{"OneServerAnswers", oneServer},
		{"Close", closing},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			defer func() { _ = b.Close() }()
			c.test(t, b)
		})
	}
}

// inbox collects what a subscription gets.
type inbox struct {
	mu   sync.Mutex
	got  []string
	more chan struct{}
}

func subscribe(t *testing.T, b bus.Bus, subject string) (*inbox, func()) {
	t.Helper()
	in := &inbox{more: make(chan struct{}, 1)}
	stop, err := b.Subscribe(subject, func(subject string, data []byte) {
		in.mu.Lock()
		in.got = append(in.got, subject+"="+string(data))
		in.mu.Unlock()
		select {
		case in.more <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return in, stop
}

func (in *inbox) all() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.got)
}

// wait returns once n messages are there.
func (in *inbox) wait(t *testing.T, n int) []string {
	t.Helper()
	late := time.After(patience)
	for {
		if got := in.all(); len(got) >= n {
			return got
		}
		select {
		case <-in.more:
		case <-late:
			t.Fatalf("got %q, want %d messages", in.all(), n)
		}
	}
}

func publish(t *testing.T, b bus.Bus, subject, data string) {
	t.Helper()
	if err := b.Publish(subject, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func subjects(t *testing.T, b bus.Bus) {
	all := []string{"meeting.1.ended", "meeting.1.attendee.deleted", "meeting.2.ended", "conference.1.presence", "meeting"}
	for _, c := range []struct {
		pattern string
		want    []string
	}{
		{"meeting.1.ended", []string{"meeting.1.ended"}},
		{"meeting.*.ended", []string{"meeting.1.ended", "meeting.2.ended"}},
		{"*.1.*", []string{"meeting.1.ended", "conference.1.presence"}},
		{"meeting.>", []string{"meeting.1.ended", "meeting.1.attendee.deleted", "meeting.2.ended"}},
		{">", all},
		{"*", []string{"meeting"}},
		{"meeting.1", nil},
	} {
		in, stop := subscribe(t, b, c.pattern)
		last, stopLast := subscribe(t, b, "last")
		for _, s := range all {
			publish(t, b, s, "")
		}
		publish(t, b, "last", "")
		last.wait(t, 1)
		var want []string
		for _, s := range c.want {
			want = append(want, s+"=")
		}
		got := in.wait(t, len(want))
		if c.pattern == ">" {
			got = slices.DeleteFunc(got, func(s string) bool { return s == "last=" })
		}
		if c.pattern == "*" {
			got = slices.DeleteFunc(got, func(s string) bool { return s == "last=" })
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s got %q, want %q", c.pattern, got, want)
		}
		stop()
		stopLast()
	}
}

func malformed(t *testing.T, b bus.Bus) {
	for _, s := range []string{"", ".", "a..b", "a b", "a.", "*.a", "a.>"} {
		if err := b.Publish(s, nil); !errors.Is(err, bus.ErrSubject) {
			t.Errorf("Publish(%q): %v, want ErrSubject", s, err)
		}
	}
	for _, s := range []string{"", "a..b", ">.a", "a b"} {
		if _, err := b.Subscribe(s, func(string, []byte) {}); !errors.Is(err, bus.ErrSubject) {
			t.Errorf("Subscribe(%q): %v, want ErrSubject", s, err)
		}
	}
}

func order(t *testing.T, b bus.Bus) {
	in, _ := subscribe(t, b, "n.>")
	const n = 1000
	for i := range n {
		publish(t, b, fmt.Sprintf("n.%d", i%7), fmt.Sprint(i))
	}
	for i, m := range in.wait(t, n) {
		if want := fmt.Sprintf("n.%d=%d", i%7, i); m != want {
			t.Fatalf("message %d is %s, want %s", i, m, want)
		}
	}
}

func unsubscribe(t *testing.T, b bus.Bus) {
	in, stop := subscribe(t, b, "a")
	other, _ := subscribe(t, b, "a")
	publish(t, b, "a", "1")
	in.wait(t, 1)
	stop()
	stop() // harmless
	publish(t, b, "a", "2")
	other.wait(t, 2)
	if got := in.all(); len(got) != 1 {
		t.Errorf("got %q after unsubscribe", got)
	}
}

func slow(t *testing.T, b bus.Bus) {
	release := make(chan struct{})
	if _, err := b.Subscribe("a", func(string, []byte) { <-release }); err != nil {
		t.Fatal(err)
	}
	defer close(release)
	in, _ := subscribe(t, b, "a")
	for range 100 {
		publish(t, b, "a", "x")
	}
	in.wait(t, 100)
}

func request(t *testing.T, b bus.Bus) {
	stop, err := b.Serve("double.*", func(_ context.Context, data []byte) ([]byte, error) {
		return append(slices.Clone(data), data...), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			want := fmt.Sprintf("%d%d", i, i)
			got, err := b.Request(context.Background(), "double.it", fmt.Append(nil, i))
			if err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
	wg.Wait()
	stop()
	if _, err := b.Request(context.Background(), "double.it", nil); !errors.Is(err, bus.ErrNoResponders) {
		t.Errorf("after stop: %v, want ErrNoResponders", err)
	}
}

// serve answers until the bus is closed.
func serve(t *testing.T, b bus.Bus, subject string, fn func(context.Context, []byte) ([]byte, error)) {
	t.Helper()
	if _, err := b.Serve(subject, fn); err != nil {
		t.Fatal(err)
	}
}

func requestFails(t *testing.T, b bus.Bus) {
	ctx := context.Background()
	if _, err := b.Request(ctx, "nobody", nil); !errors.Is(err, bus.ErrNoResponders) {
		t.Errorf("nobody serves: %v, want ErrNoResponders", err)
	}
	serve(t, b, "refuse", func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no such meeting") })
	var remote *bus.RemoteError
	if _, err := b.Request(ctx, "refuse", nil); !errors.As(err, &remote) || remote.Message != "no such meeting" {
		t.Errorf("refused: %v, want a RemoteError", err)
	}
	serve(t, b, "never", func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := b.Request(ctx, "never", nil); err == nil {
		t.Error("a request past its deadline was answered")
	}
}

func oneServer(t *testing.T, b bus.Bus) {
	var mu sync.Mutex
	calls := 0
	for range 3 {
		serve(t, b, "one", func(context.Context, []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			calls++
			return nil, nil
		})
	}
	for range 10 {
		if _, err := b.Request(context.Background(), "one", nil); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if calls != 10 {
		t.Errorf("10 requests led to %d calls", calls)
	}
}

func closing(t *testing.T, b bus.Bus) {
	subscribe(t, b, "a")
	serve(t, b, "never", func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
	asked := make(chan error, 1)
	go func() {
		_, err := b.Request(context.Background(), "never", nil)
		asked <- err
	}()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-asked; err == nil {
		t.Error("a request outlived the bus")
	}
	if err := b.Publish("a", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Publish: %v, want ErrClosed", err)
	}
	if _, err := b.Subscribe("a", func(string, []byte) {}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Subscribe: %v, want ErrClosed", err)
	}
	if _, err := b.Request(context.Background(), "never", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Request: %v, want ErrClosed", err)
	}
}
