package config

import (
	"bytes"
	"fmt"
	"io"

	"github.com/pelletier/go-toml/v2"
)

// Show writes the configuration in force as a file that would load to the
// same, with the origin of each credential beside it and its text nowhere.
// Credentials may be nil.
func Show(w io.Writer, c *Config, credentials *Credentials) error {
	var out bytes.Buffer
	out.WriteString("# The configuration in force: defaults, file, environment and flags.\n")
	if err := toml.NewEncoder(&out).SetIndentTables(false).Encode(c); err != nil {
		return fmt.Errorf("show configuration: %w", err)
	}
	if credentials != nil {
		out.WriteString("\n# Credentials, never shown:\n")
		for _, key := range credentialKeys {
			state := "missing"
			if source := credentials.Source(key); source != "" {
				state = "redacted, from " + source
			}
			fmt.Fprintf(&out, "#   %-12s %s\n", key, state)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}
