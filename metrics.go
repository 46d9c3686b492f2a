package carillon

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// counts are the numbers of all parts. The parts do not know of metrics: each
// has a Stats struct whose unsigned and floating fields are totals since the
// start and whose signed fields are gauges. A slice holds one struct for each
// value of a label, which is its first field.
func (s *Server) counts() map[string]any {
	return map[string]any{
		"store":     s.store.Stats(),
		"meetings":  s.meetings.Stats(),
		"rooms":     s.rooms.Stats(),
		"signaling": s.signaling.Stats(),
		"media":     s.media.Stats(),
		"mixer":     s.mixer.Stats(),
		"aws":       s.aws.Stats(),
	}
}

// metrics serves Prometheus's text form. The registry is the server's own, so
// that two servers can share a process.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &statsCollector{s.counts})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// statsCollector turns Stats structs into metrics when it is asked:
// carillon_media_packets_in_total from the field PacketsIn of "media".
type statsCollector struct{ counts func() map[string]any }

// Describe sends nothing, which makes the collector unchecked: its metrics are
// known when they are collected.
func (c *statsCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *statsCollector) Collect(ch chan<- prometheus.Metric) {
	for part, stats := range c.counts() {
		branch{ch: ch, name: "carillon_" + part}.collect(reflect.ValueOf(stats))
	}
}

// branch is where in the tree of Stats a value stands.
type branch struct {
	ch          chan<- prometheus.Metric
	name        string
	label, is   string // both empty outside of slices
	skipLabelIn int    // fields to leave out in front: the label's own
}

func (b branch) collect(v reflect.Value) {
	for i := b.skipLabelIn; i < v.NumField(); i++ {
		field, value := v.Type().Field(i), v.Field(i)
		if !field.IsExported() {
			continue
		}
		b := branch{ch: b.ch, name: b.name + "_" + snake(field.Name), label: b.label, is: b.is}
		switch {
		case field.Type == reflect.TypeFor[time.Duration]():
			b.send("_seconds_total", prometheus.CounterValue, time.Duration(value.Int()).Seconds())
		case value.CanUint():
			b.send("_total", prometheus.CounterValue, float64(value.Uint()))
		case value.CanFloat():
			b.send("_total", prometheus.CounterValue, value.Float())
		case value.CanInt():
			b.send("", prometheus.GaugeValue, float64(value.Int()))
		case value.Kind() == reflect.Slice:
			for j := range value.Len() {
				item := value.Index(j)
				branch{b.ch, b.name, snake(item.Type().Field(0).Name), item.Field(0).String(), 1}.collect(item)
			}
		}
	}
}

func (b branch) send(suffix string, kind prometheus.ValueType, value float64) {
	var labels prometheus.Labels
	if b.label != "" {
		labels = prometheus.Labels{b.label: b.is}
	}
	desc := prometheus.NewDesc(b.name+suffix, "Carillon: "+strings.ReplaceAll(strings.TrimPrefix(b.name, "carillon_"), "_", " "), nil, labels)
	b.ch <- prometheus.MustNewConstMetric(desc, kind, value)
}

// snake turns PacketsIn into packets_in and TURNAllocations into turn_allocations.
func snake(name string) string {
	name = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`).ReplaceAllString(name, "${1}_${2}")
	name = regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(name, "${1}_${2}")
	return strings.ToLower(name)
}
