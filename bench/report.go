package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is one line of the table.
type row struct {
	what, target, measured, spread, verdict string
}

// report collects what was measured.
type report struct {
	began time.Time
	load  string // average at the beginning
	name  string // of the benchmark that is running
	rows  []row
	notes []string
}

func (r *report) section(name string) { r.name = name }

func (r *report) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%5.1f s] (%s) %s\n", time.Since(r.began).Seconds(), r.name, fmt.Sprintf(format, args...))
}

// note adds a line below the table.
func (r *report) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.notes = append(r.notes, "("+r.name+") "+text)
	r.progress("%s", text)
}

func (r *report) add(w row) {
	w.what = "(" + r.name + ") " + w.what
	r.rows = append(r.rows, w)
	r.progress("%s | %s | %s | %s", w.what, w.measured, w.spread, w.verdict)
}

// check adds a row with the median and spread of values, and whether the
// median is good; ok may be nil where there is no target.
func (r *report) check(what, target, format string, values []float64, ok func(float64) bool) {
	w := row{what: what, target: target, measured: "none", spread: "", verdict: "failed"}
	if len(values) > 0 {
		m := median(values)
		w.measured = fmt.Sprintf(format, m)
		w.spread = fmt.Sprintf(format+" to "+format, slices.Min(values), slices.Max(values))
		switch {
		case ok == nil:
			w.verdict = ""
		case ok(m):
			w.verdict = "met"
		default:
			w.verdict = "**missed**"
		}
	}
	r.add(w)
}

func atMost(limit float64) func(float64) bool  { return func(v float64) bool { return v <= limit } }
func atLeast(limit float64) func(float64) bool { return func(v float64) bool { return v >= limit } }

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d CPUs (%s), %s, load average %s before and %s after; took %s\n\n", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		runtime.NumCPU(), cpuModel(), runtime.Version(), r.load, loadAverage(), time.Since(r.began).Round(time.Second))
	fmt.Fprintln(w, "| | target | median | spread | |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	for _, x := range r.rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", x.what, x.target, x.measured, x.spread, x.verdict)
	}
	fmt.Fprintln(w)
	for _, n := range r.notes {
		fmt.Fprintln(w, "-", n)
	}
}

// median of a copy; the mean of the middle two.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// percentile is the smallest value that at least p percent do not exceed; the
// values must be sorted.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(p/100*float64(len(sorted))+0.9999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
