//go:build race

package search

// The search runs in one goroutine: under the race detector its first world is
// enough to know that nothing of it is shared.
const worlds = 1
