// Package idmap is a hash table from non-zero 64-bit ids to small indices that
// does not allocate while it stays below the size it was made for, however
// often entries come and go. It is for one goroutine.
package idmap

import "math/bits"

// Map finds the index kept for an id. Make it with New.
type Map struct {
	ids    []uint64 // zero marks an empty place
	values []int32
	shift  uint
	n      int
}

// New makes a map for n entries; more than that make it grow.
func New(n int) *Map {
	m := new(Map)
	m.reset(max(n, 4))
	return m
}

func (m *Map) reset(n int) {
	size := 1 << bits.Len(uint(2*n-1)) // never more than half full: probes stay short
	m.ids, m.values = make([]uint64, size), make([]int32, size)
	m.shift = uint(64 - bits.Len(uint(size-1)))
	m.n = 0
}

// home is where an id would like to be: the top bits of a multiplication by
// 2^64/φ, which spreads runs of consecutive ids evenly.
func (m *Map) home(id uint64) int { return int(id * 0x9E3779B97F4A7C15 >> m.shift) }

// find is the place of the id, or the empty place where it would go.
func (m *Map) find(id uint64) int {
	i := m.home(id)
	for m.ids[i] != 0 && m.ids[i] != id {
		i = (i + 1) & (len(m.ids) - 1)
	}
	return i
}

// Len counts the entries.
func (m *Map) Len() int { return m.n }

// Get is the value kept for the id. Hot path.
func (m *Map) Get(id uint64) (int32, bool) {
	i := m.find(id)
	return m.values[i], id != 0 && m.ids[i] == id
}

// Put keeps a value for the id, which must not be zero. Hot path.
func (m *Map) Put(id uint64, value int32) {
	i := m.find(id)
	if m.ids[i] == 0 {
		if 2*(m.n+1) > len(m.ids) {
			m.grow()
			i = m.find(id)
		}
		m.ids[i] = id
		m.n++
	}
	m.values[i] = value
}

func (m *Map) grow() {
	ids, values := m.ids, m.values
	m.reset(len(ids))
	for i, id := range ids {
		if id != 0 {
			m.Put(id, values[i])
		}
	}
}

// Delete forgets the id. Entries behind it that were pushed along move back,
// so that no tombstones pile up. Hot path.
func (m *Map) Delete(id uint64) {
	i := m.find(id)
	if id == 0 || m.ids[i] != id {
		return
	}
	m.n--
	mask := len(m.ids) - 1
	for next := (i + 1) & mask; m.ids[next] != 0; next = (next + 1) & mask {
		// An entry may fill the gap unless its home lies after the gap.
		if (next-m.home(m.ids[next]))&mask >= (next-i)&mask {
			m.ids[i], m.values[i] = m.ids[next], m.values[next]
			i = next
		}
	}
	m.ids[i], m.values[i] = 0, 0
}
