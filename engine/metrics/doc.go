// Package metrics holds counters and latency histograms. Each is written by
// one owner without a lock and may be read by anyone at any time. It knows no
// names, exporters or clocks: who owns a number gives it its meaning.
package metrics
