package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// hotPath is a path that packets take, with the tests that fail when a packet
// allocates on it (testing.AllocsPerRun), and a benchmark that counts.
type hotPath struct{ what, pkg, tests, benchmark, times string }

func hotPaths() []hotPath {
	return []hotPath{
		{"mixer, a tick with its packets in and out", "./internal/audio", "TestNoAllocations", "BenchmarkTick_3Talkers100Listeners", "500x"},
		{"video forwarder, a packet to 50 receivers", "./internal/video", "TestForward_DoesNotAllocate|TestRetransmission_DoesNotAllocate", "BenchmarkForward50", "5000x"},
		{"SRTP, socket and relay, a packet", "./internal/rtc", "Test.*Allocat.*", "BenchmarkForward", "50000x"},
		{"a packet through a live room", "./internal/conference", "Test.*Alloc.*", "", ""},
		{"congestion feedback, a packet", "./internal/rtc/twcc", "Test.*Alloc.*", "", ""},
	}
}

// allocations is benchmark e. It needs the Go tool and the repository as the
// working folder.
func (b *bench) allocations(ctx context.Context, r *report) error {
	for _, p := range hotPaths() {
		args := []string{"test", "-count=1", "-v", "-run", "^(" + p.tests + ")$"}
		if p.benchmark != "" {
			args = append(args, "-bench", "^"+p.benchmark+"$", "-benchmem", "-benchtime", p.times)
		}
		out, err := exec.CommandContext(ctx, "go", append(args, p.pkg)...).CombinedOutput()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w := row{what: "allocations: " + p.what, target: "0", verdict: "met"}
		passed := strings.Count(string(out), "--- PASS: ") // subtests too
		counts := benchmarkedAllocations(string(out))
		w.measured, w.spread = "0", fmt.Sprintf("%d tests", passed)
		if len(counts) > 0 {
			w.measured = fmt.Sprint(maximum(counts))
		}
		if err != nil || passed == 0 || maximum(counts) > 0 {
			w.verdict = "**missed**"
			r.note("%s: %v\n%s", p.pkg, err, out)
		}
		r.add(w)
	}
	return nil
}

// benchmarkedAllocations are the numbers before "allocs/op".
func benchmarkedAllocations(out string) (counts []int) {
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		for i := 1; i < len(f); i++ {
			if n, err := strconv.Atoi(f[i-1]); err == nil && f[i] == "allocs/op" {
				counts = append(counts, n)
			}
		}
	}
	return counts
}

func maximum(v []int) (m int) {
	for _, n := range v {
		m = max(m, n)
	}
	return m
}
