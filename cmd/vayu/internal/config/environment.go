package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

const environmentPrefix = "VAYU_"

// applyEnvironment lays VAYU_SECTION__KEY variables over c. Each must name a
// setting: a misspelt one would otherwise be ignored in silence. The
// credentials are not settings and are left to LoadCredentials.
func (c *Config) applyEnvironment(environ []string) error {
	settings := make(map[string]reflect.Value)
	fields("", reflect.ValueOf(c).Elem(), func(key string, field reflect.Value) {
		settings[variable(key)] = field
	})
	var errs []error
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, environmentPrefix)
		if !ours || isCredential(strings.ToLower(strings.TrimPrefix(rest, "VENUE__"))) {
			continue
		}
		field, known := settings[name]
		if !known {
			var names []string
			for other := range settings {
				names = append(names, other)
			}
			errs = append(errs, fmt.Errorf("%w: environment variable %.80q names no setting%s", ErrConfig, name, hint(name, names)))
			continue
		}
		if err := set(field, text); err != nil {
			errs = append(errs, fmt.Errorf("%w: environment variable %s: %s", ErrConfig, name, plain(err.Error())))
		}
	}
	return errors.Join(errs...)
}

// variable is the environment variable of a key: VAYU_VENUE__REST_URL.
func variable(key string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__"))
}
