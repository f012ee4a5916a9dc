package order

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSlabFindsWhatAMapWouldFind(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		slab, twin := NewSlab(16), map[ID]*Order{}
		for range rapid.IntRange(1, 200).Draw(r, "steps") {
			id := ID(rapid.Uint64Range(1, 40).Draw(r, "id"))
			if o := twin[id]; o != nil {
				slab.Release(o)
				delete(twin, id)
			} else if o := slab.Take(&Ticket{ID: id}); len(twin) < 16 {
				require.NotNil(r, o)
				twin[id] = o
			} else {
				require.Nil(r, o, "full")
			}
			require.Equal(r, len(twin), slab.Len())
			for id := ID(1); id <= 40; id++ {
				require.Same(r, twin[id], slab.Get(id))
			}
		}
	})
}

func TestSlabFindsOrdersByTheVenuesID(t *testing.T) {
	slab := NewSlab(64)
	for i := range 64 {
		o := slab.Take(&Ticket{ID: ID(i + 1)})
		o.VenueID, _ = ParseVenueID(fmt.Sprintf("2026071738%08d", i))
		require.Nil(t, slab.ByVenue(o.VenueID))
		slab.Bind(o)
		require.Same(t, o, slab.ByVenue(o.VenueID))
	}
	require.Nil(t, slab.Take(&Ticket{ID: 99}))
	require.Nil(t, slab.ByVenue(VenueID{}))
}
