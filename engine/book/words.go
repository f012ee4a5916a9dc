package book

import (
	"sync/atomic"
	"unsafe"
)

// publishAtomic is publish in Go's memory model, for any architecture.
func publishAtomic(dst, src *uint64, n int) {
	to, from := unsafe.Slice(dst, n), unsafe.Slice(src, n)
	atomic.StoreUint64(&to[0], writing)
	for i := 1; i < n; i++ {
		atomic.StoreUint64(&to[i], from[i])
	}
	atomic.StoreUint64(&to[0], from[0])
}

// storeAtomic is store in Go's memory model.
func storeAtomic(dst *uint64, value uint64) { atomic.StoreUint64(dst, value) }

// address is where a word lies, to align slots to cache lines.
func address(word *uint64) uintptr { return uintptr(unsafe.Pointer(word)) }
