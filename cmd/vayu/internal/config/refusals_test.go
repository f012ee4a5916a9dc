package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestH1_TheOperatorsListOfRefusalsIsReadLineByLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refusals.txt")
	read := func(text string) ([]string, error) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return LoadRefusals(file)
	}

	list, err := read("# seen on 23 Nov 2026, order 17\r\nInsufficient limits available.\r\n\n  Price is out of range \n")
	require.NoError(t, err)
	require.Equal(t, []string{"Insufficient limits available.", "Price is out of range"}, list)

	list, err = LoadRefusals("")
	require.NoError(t, err)
	require.Empty(t, list)

	for name, text := range map[string]string{
		"too short to mean anything": "Error\n",
		"too long":                   strings.Repeat("x", maxRefusal+1),
		"twice":                      "Price is out of range\nPrice is out of range\n",
		"no text":                    "Price \x00 out of range\n",
		"not UTF-8":                  "Price \xff out of range\n",
		"too many":                   func() string { return numbered(maxRefusals + 1) }(),
		"too large":                  strings.Repeat("#\n", maxFile),
	} {
		_, err := read(text)
		require.ErrorIs(t, err, ErrConfig, name)
		require.ErrorContains(t, err, "venue.refusals_file", name)
	}
	_, err = LoadRefusals(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, ErrConfig)
}

func numbered(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString("Refusal number " + strings.Repeat("i", i%100+1) + strings.Repeat("v", i/100) + "\n")
	}
	return text.String()
}
