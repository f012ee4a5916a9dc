//go:build !race

package search

const worlds = 6
