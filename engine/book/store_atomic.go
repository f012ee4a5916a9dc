//go:build !amd64 || race || purego

package book

// The portable form; see store_amd64.go for the words' meaning.

func publish(dst, src *uint64, n int) { publishAtomic(dst, src, n) }

func store(dst *uint64, value uint64) { storeAtomic(dst, value) }
