package main

import (
	"bufio"
	"bytes"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-rtc/carillon/internal/awshttp/sigv4"
	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 5}, 5}} {
		if got := median(tt.in); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var v []time.Duration
	for i := range 100 {
		v = append(v, time.Duration(i+1))
	}
	for p, want := range map[float64]time.Duration{50: 50, 99: 99, 100: 100, 0.5: 1} {
		if got := percentile(v, p); got != want {
			t.Errorf("percentile %v = %d, want %d", p, got, want)
		}
	}
}

// What a listener hears of a tone that was recorded and decoded is that tone.
func TestEar(t *testing.T) {
	c, err := tone(1000)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEar()
	if err != nil {
		t.Fatal(err)
	}
	if a := e.amplitude(1000); a != 0 {
		t.Errorf("amplitude %v before anything was heard", a)
	}
	for _, f := range c.frames {
		e.listen(f)
	}
	if a := e.amplitude(1000); math.Abs(a-8000) > 1000 {
		t.Errorf("1000 Hz has amplitude %.0f, want about 8000", a)
	}
	if a := e.amplitude(440); a > 100 {
		t.Errorf("440 Hz has amplitude %.0f", a)
	}
}

// The server's verifier takes the signature.
func TestSigner(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &signer{host: "127.0.0.1:8080", accessKey: "AKIDEXAMPLE", secret: "not a secret"}
	for _, body := range []string{`{"a":1}`, `{}`} {
		raw := s.request("/meetings/5f0a/attendees", []byte(body), now)
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatal(err)
		}
		signature, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := new(sigv4.Verifier).Verify(r, signature, []byte(body), s.secret, now); err != nil {
			t.Error(err)
		}
	}
}

// The server's own answerer takes the offer, and the phone its answer.
func TestOffer(t *testing.T) {
	a, err := sdp.NewAnswerer(sdp.Options{}).Answer(offer("ufrg", "0123456789abcdef01234567", strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), 4000), sdp.Request{
		Transport: sdp.Transport{
			Ufrag: "server", Pwd: "abcdef", Fingerprint: "sha-256 12:34",
			Candidates: []sdp.Candidate{{Address: "127.0.0.1", Port: 3478}},
		},
		Subscribed: []bool{false},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a.Audio == nil || a.Remote.Ufrag != "ufrg" {
		t.Errorf("answer %+v", a)
	}
	got, err := parseAnswer(a.SDP)
	if err != nil {
		t.Fatal(err)
	}
	if want := (answer{ufrag: "server", pwd: "abcdef", fingerprint: "12:34", levelExt: 1}); got != want {
		t.Errorf("parsed %+v, want %+v", got, want)
	}
}

func TestBenchmarkedAllocations(t *testing.T) {
	out := "BenchmarkA-2  200  2413 ns/op  415092 packets/s  135 B/op  1 allocs/op\nBenchmarkB-2  9  1 ns/op  0 B/op  0 allocs/op\nok\n"
	if got := benchmarkedAllocations(out); len(got) != 2 || maximum(got) != 1 {
		t.Errorf("got %v", got)
	}
}
