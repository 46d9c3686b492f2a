package conference

import (
	"strings"
	"testing"
	"time"
)

func TestMailbox_Limits(t *testing.T) {
	now := time.Unix(1000, 0)
	m := newMailbox(DefaultLimits().Data)
	count := func(sender string, n int) (got [3]int) {
		for range n {
			got[m.admit(sender, now)]++
		}
		return got
	}
	if got := count("a", 250); got != [3]int{200, 50, 0} {
		t.Errorf("burst of 250: deliver, throttle, hang up = %v, want 200 50 0", got)
	}
	now = now.Add(time.Second)
	if got := count("b", 150); got != [3]int{100, 50, 0} {
		t.Errorf("a second later: %v, want 100 50 0", got)
	}
	if got := count("c", 2001); got[hangUp] != 1 || got[deliver] != 0 {
		t.Errorf("2001 of one attendee: %v, want the last one hung up", got)
	}
	now = now.Add(time.Hour)
	total := 0
	for _, sender := range strings.Split("d e f g h i", " ") {
		total += count(sender, 2000)[hangUp]
	}
	if total != 2000 {
		t.Errorf("12000 of one meeting: %d over the hard limit, want 2000", total)
	}
}

func TestMailbox_Keep(t *testing.T) {
	l := DefaultLimits().Data
	l.Kept = 3
	m := newMailbox(l)
	now := time.Unix(1000, 0)
	post := func(sender, data string, lifetime uint32) {
		m.keep(DataMessage{Topic: "t", Data: []byte(data), LifetimeMs: lifetime, SenderAttendeeID: sender, IngestTime: m.stamp(now)})
	}
	replayed := func(to string) string {
		var out []string
		for _, msg := range m.replay(to, now) {
			out = append(out, string(msg.Data))
		}
		return strings.Join(out, " ")
	}
	post("a", "gone", 0)
	post("a", "short", 1000)
	post("b", "day", 86_400_000)
	if got := replayed("c"); got != "short day" {
		t.Errorf("to c: %q", got)
	}
	if got := replayed("b"); got != "short" {
		t.Errorf("to b, who sent one: %q", got)
	}
	now = now.Add(2 * time.Second)
	if got := replayed("c"); got != "day" {
		t.Errorf("after two seconds: %q", got)
	}
	post("a", "1", 60_000)
	post("a", "2", 60_000)
	post("a", "3", 60_000)
	if got := replayed("c"); got != "1 2 3" {
		t.Errorf("over capacity: %q", got)
	}
	post("b", "long", 86_400_000)
	now = now.Add(5*time.Minute + time.Second)
	if got := replayed("c"); got != "" {
		t.Errorf("after five minutes: %q", got)
	}
}

func TestMailbox_StampGrows(t *testing.T) {
	m := newMailbox(DefaultLimits().Data)
	now := time.Unix(1000, 0)
	first, second := m.stamp(now), m.stamp(now.Add(-time.Second))
	if !second.After(first) {
		t.Errorf("%v then %v", first, second)
	}
}

func TestValidTopic(t *testing.T) {
	for topic, want := range map[string]bool{
		"chat": true, "A-z_09": true, strings.Repeat("x", 36): true,
		"": false, strings.Repeat("x", 37): false, "aws:chime:transcription": false, "a b": false, "ä": false,
		"a@": false, "a[": false, "a`": false, "a{": false, "a/": false,
	} {
		if got := validTopic(topic); got != want {
			t.Errorf("validTopic(%q) = %v", topic, got)
		}
	}
}
