//go:build amd64 && !race && !purego

package book

// On amd64 every ordinary store becomes visible in program order, so a
// version can be published with plain moves; Go's atomic stores are XCHGs,
// which cost a full fence each. Readers keep atomic loads, which are plain
// moves. Race builds and other architectures use the twin in store_atomic.go.
// BenchmarkPublish measures both.

// publish replaces the n words at dst by those at src: it marks word 0 as
// being written, then moves words 1 to n-1, then word 0. Hot path.
//
//go:noescape
func publish(dst, src *uint64, n int)

// store writes one word after all stores before it. Hot path.
//
//go:noescape
func store(dst *uint64, value uint64)
