package idmap

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMapAgreesWithGoMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, twin := New(4), map[uint64]int32{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			id := rapid.Uint64Range(1, 40).Draw(t, "id")
			switch rapid.IntRange(0, 2).Draw(t, "do") {
			case 0:
				m.Delete(id)
				delete(twin, id)
			default:
				value := rapid.Int32().Draw(t, "value")
				m.Put(id, value)
				twin[id] = value
			}
			require.Equal(t, len(twin), m.Len())
			for id := range uint64(42) {
				got, ok := m.Get(id)
				want, has := twin[id]
				require.Equal(t, has, ok)
				if ok {
					require.Equal(t, want, got)
				}
			}
		}
	})
}

func TestMapDoesNotAllocateInSteadyState(t *testing.T) {
	m := New(64)
	next := uint64(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		next++
		m.Put(next, 1)
		if next > 64 {
			m.Delete(next - 64)
		}
	}))
}
