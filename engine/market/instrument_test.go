package market

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func option(token string, strike Paise, right Right) Instrument {
	return Instrument{Token: token, LotSize: 65, TickSize: 5, ContractKey: ContractKey{
		Exchange: "NFO", Underlying: "NIFTY", Kind: Option, Expiry: NewDate(2026, time.August, 25), Strike: strike, Right: right,
	}}
}

func TestUniverseNumbersAChainContiguously(t *testing.T) {
	u, err := NewUniverse([]Instrument{
		option("3", 2420000, Put), option("1", 2415000, Call), option("2", 2420000, Call),
		{Token: "NIFTY 50", ContractKey: ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: Index}},
	})
	require.NoError(t, err)

	require.Equal(t, 4, u.Len())
	require.Equal(t, "NIFTY 50", u.Get(1).Token)
	require.Equal(t, []string{"NIFTY 50", "1", "2", "3"}, []string{u.Get(1).Token, u.Get(2).Token, u.Get(3).Token, u.Get(4).Token})
	require.Equal(t, InstrumentID(3), u.ByToken([]byte("2")))
	require.Equal(t, InstrumentID(4), u.ByKey(option("3", 2420000, Put).ContractKey))
	require.Zero(t, u.ByToken([]byte("9")))
	require.Equal(t, NoKind, u.Get(99).Kind)
	require.Equal(t, "NFO NIFTY 2026-08-25 24200 PE", u.Get(4).String())
}

func TestUniverseRefusesTwoNamesForOneThing(t *testing.T) {
	_, err := NewUniverse([]Instrument{option("1", 2415000, Call), option("1", 2420000, Call)})
	require.ErrorIs(t, err, ErrInstrument)

	_, err = NewUniverse([]Instrument{option("1", 2415000, Call), option("2", 2415000, Call)})
	require.ErrorIs(t, err, ErrInstrument)

	_, err = NewUniverse([]Instrument{{Token: "1"}})
	require.ErrorIs(t, err, ErrInstrument)
}

func TestTokenLookupDoesNotAllocate(t *testing.T) {
	u, err := NewUniverse([]Instrument{option("42501", 2415000, Call)})
	require.NoError(t, err)
	token := []byte("42501")

	require.Zero(t, testing.AllocsPerRun(1000, func() { u.ByToken(token) }))
}

func TestSidesAndQuotesSayWhatTheyAre(t *testing.T) {
	require.Equal(t, Sell, Buy.Opposite())
	require.Equal(t, NoSide, NoSide.Opposite())
	require.Equal(t, Units(-1), Sell.Sign())

	two := Quote{Bid: 100, Ask: 105}
	mid, ok := two.Mid()
	require.True(t, ok)
	require.Equal(t, Paise(102), mid)

	crossed := Quote{Bid: 105, Ask: 105}
	_, ok = crossed.Mid()
	require.False(t, ok)
}
