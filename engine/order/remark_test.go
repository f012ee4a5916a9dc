package order

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"pgregory.net/rapid"
)

func TestRemarksSurviveTheRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tag := Tag{
			Instance: [2]byte{digits[rapid.IntRange(0, 35).Draw(r, "a")], digits[rapid.IntRange(0, 35).Draw(r, "b")]},
			Day:      market.Date(2020_01_01).AddDays(rapid.IntRange(0, bootRange-1).Draw(r, "day")),
			Boot:     rapid.Uint32Range(0, bootRange-1).Draw(r, "boot"),
		}
		id := tag.ID(rapid.Uint64Range(0, seqRange-1).Draw(r, "sequence"))

		remark := tag.Remark(id)
		again, back, ok := ParseRemark(&remark)

		require.True(r, ok)
		require.Equal(r, tag, again)
		require.Equal(r, id, back)
		require.Regexp(r, `^[A-Z0-9]{16}$`, remark.String())
	})
}

func TestH16_ARemarkCutOrChangedIsNoRemark(t *testing.T) {
	tag := Tag{Instance: [2]byte{'V', '1'}, Day: 20261124, Boot: 3}
	whole := tag.Remark(tag.ID(42))
	for i := range whole {
		for c := range 256 {
			changed := whole
			changed[i] = byte(c)
			if _, _, ok := ParseRemark(&changed); ok {
				require.Equal(t, whole, changed, "a wrong byte at %d went unseen", i)
			}
		}
		cut := whole
		clear(cut[i:])
		_, _, ok := ParseRemark(&cut)
		require.False(t, ok)
	}
	for i := range len(whole) - 1 {
		swapped := whole
		swapped[i], swapped[i+1] = whole[i+1], whole[i]
		if _, _, ok := ParseRemark(&swapped); ok {
			require.Equal(t, whole, swapped, "a swap at %d went unseen", i)
		}
	}
}

func TestIDsOfLaterBootsAreAlwaysLarger(t *testing.T) {
	require.Greater(t, Tag{Boot: 4}.ID(0), Tag{Boot: 3}.ID(seqRange-1))
}

func FuzzParseRemark(f *testing.F) {
	tag := Tag{Instance: [2]byte{'V', '1'}, Day: 20261124, Boot: 3}
	remark := tag.Remark(tag.ID(42))
	f.Add(remark[:])
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Remark
		copy(r[:], text)
		if tag, id, ok := ParseRemark(&r); ok {
			again := tag.Remark(id)
			require.Equal(t, r, again)
		}
	})
}
