package market

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParsePaiseTakesRupeesAndRefusesWhatIsFinerThanAPaisa(t *testing.T) {
	parses := func(text string, want Paise) {
		t.Helper()
		got, err := ParsePaise(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	refuses := func(text string) {
		t.Helper()
		_, err := ParsePaise(text)
		require.ErrorIs(t, err, ErrPrice, "%q", text)
	}

	parses("18250.05", 1825005)
	parses("0", 0)
	parses("-0.5", -50)
	parses("26000", 2600000)
	parses("26000.000", 2600000) // zeros beyond the paisa say nothing
	parses("100.1", 10010)
	parses("1000000000000000", 100000000000000000)
	refuses("1.005")
	refuses("")
	refuses("-")
	refuses(".5")
	refuses("5.")
	refuses("1e3")
	refuses("1,000")
	refuses("NaN")
	refuses("1000000000000001000")
	refuses("99999999999999999999999")
}

func TestRoundingGoesToTheTickOnEitherSideOfZero(t *testing.T) {
	require.Equal(t, Paise(100), Paise(104).RoundDown(5))
	require.Equal(t, Paise(105), Paise(104).RoundUp(5))
	require.Equal(t, Paise(105), Paise(105).RoundUp(5))
	require.Equal(t, Paise(-105), Paise(-104).RoundDown(5))
	require.Equal(t, Paise(-100), Paise(-104).RoundUp(5))
	require.Equal(t, Paise(104), Paise(104).RoundDown(0))
	require.True(t, Paise(105).OnTick(5))
	require.False(t, Paise(104).OnTick(5))
}

func FuzzParsePaise(f *testing.F) {
	for _, seed := range []string{"95.05", "-0.5", "26000", "1.005", "0.00", "9999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		price, err := ParsePaise(text)
		if err != nil {
			return
		}
		again, err := ParsePaise(price.String())
		require.NoError(t, err)
		require.Equal(t, price, again)
	})
}

func TestPriceParsingAndPrintingDoNotAllocate(t *testing.T) {
	text, buf := []byte("24212.80"), make([]byte, 0, 24)

	require.Zero(t, testing.AllocsPerRun(1000, func() {
		price, _ := ParsePaise(text)
		buf = price.Append(buf[:0])
	}))
}
