package param_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/strategies/param"
)

type settings struct {
	Name   string          `toml:"name" about:"what"`
	Lots   int64           `toml:"lots" about:"how many"`
	Stop   float64         `toml:"stop_percent" about:"when"`
	After  param.Duration  `toml:"after" about:"how long"`
	Until  param.TimeOfDay `toml:"until" about:"till when"`
	Inline bool            `toml:"inline" about:"whether"`
}

func TestATableIsLaidOverTheDefaults(t *testing.T) {
	s := settings{Name: "a", Lots: 1, Stop: 30}

	err := param.Decode(param.Table{"lots": int64(3), "after": "90s", "until": "15:10"}, &s)

	require.NoError(t, err)
	require.Equal(t, settings{
		Name: "a", Lots: 3, Stop: 30, After: param.Duration(90 * time.Second), Until: param.TimeOfDay(15*time.Hour + 10*time.Minute),
	}, s)
}

func TestWhatCannotBeReadIsRefusedByItsKey(t *testing.T) {
	refuses := func(table param.Table, parts ...string) {
		t.Helper()
		err := param.Decode(table, new(settings))
		require.ErrorIs(t, err, param.ErrParam)
		for _, part := range parts {
			require.ErrorContains(t, err, part)
		}
	}

	refuses(param.Table{"lotz": int64(1)}, "lotz", "known: name, lots")
	refuses(param.Table{"lots": "many"}, "lots")
	refuses(param.Table{"after": "soon"}, "after", "soon")
	refuses(param.Table{"until": "25:00"}, "until", "25:00")
}

func TestAValueFromTheCommandLineKeepsItsType(t *testing.T) {
	table := param.Table{}
	for _, text := range []string{"lots=2", "stop_percent=12.5", "until=15:10:30", "name=NIFTY", "inline=true", "after=1m"} {
		require.NoError(t, param.Set(table, text))
	}
	require.ErrorIs(t, param.Set(table, "lots"), param.ErrParam)

	var s settings
	require.NoError(t, param.Decode(table, &s))
	require.Equal(t, settings{
		Name: "NIFTY", Lots: 2, Stop: 12.5, Inline: true, After: param.Duration(time.Minute),
		Until: param.TimeOfDay(15*time.Hour + 10*time.Minute + 30*time.Second),
	}, s)
}

func TestACheckNamesEveryKeyThatFails(t *testing.T) {
	var c param.Check
	c.That(true, "fine", "never said")
	require.NoError(t, c.Err())
	c.That(false, "lots", "must be at least 1")
	c.That(false, "after", "must be positive")
	require.EqualError(t, c.Err(), "strategy parameters: after must be positive; lots must be at least 1")
}

func TestADescriptionListsKeysDefaultsAndMeaning(t *testing.T) {
	list := param.Describe(settings{Lots: 2, Until: param.TimeOfDay(9 * time.Hour)})
	require.Equal(t, param.Description{Key: "lots", Default: "2", About: "how many"}, list[1])
	require.Equal(t, "09:00:00", list[4].Default)
}
