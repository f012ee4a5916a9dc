package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2"
)

// maxFile is far more than a configuration needs; what is larger is another
// file, given by mistake or by malice.
const maxFile = 64 << 10

// Load lays the file at path and the environment (as os.Environ gives it) over
// the defaults. The caller's flags come next, then Validate. An empty path is
// no file.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		text, err := readFile(path)
		if err != nil {
			return Config{}, err
		}
		if err := c.parse(path, text); err != nil {
			return Config{}, err
		}
	}
	if err := c.applyEnvironment(environ); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Parse lays a configuration text over the defaults; name stands for it in
// errors.
func Parse(name string, text []byte) (Config, error) {
	c := Default()
	if err := c.parse(name, text); err != nil {
		return Config{}, err
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	// Without O_NONBLOCK, opening a pipe would wait for its writer for ever.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrConfig, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read %s: %w", ErrConfig, path, err)
	}
	return text, nil
}

func (c *Config) parse(name string, text []byte) error {
	if len(text) > maxFile {
		return fmt.Errorf("%w: %s is larger than %d KiB", ErrConfig, name, maxFile>>10)
	}
	if line, deep := tooDeep(text); deep {
		return fmt.Errorf("%w: %s:%d: nested deeper than %d levels", ErrConfig, name, line, maxDepth)
	}
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(c)
	if err == nil {
		return nil
	}
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		return unknownKeys(name, strict)
	}
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := decode.Position()
		key := strings.Join(decode.Key(), ".")
		if key != "" {
			key += ": "
		}
		return fmt.Errorf("%w: %s:%d:%d: %s%s", ErrConfig, name, line, column, key, plain(decode.Error()))
	}
	if value, ok := errors.AsType[*textError](err); ok {
		line, key := blame(text, value.text)
		return fmt.Errorf("%w: %s:%d: %s: %s", ErrConfig, name, line, key, plain(value.Error()))
	}
	return fmt.Errorf("%w: %s: %s", ErrConfig, name, plain(err.Error()))
}

// blame finds the line and key that hold an unreadable bare value: the library
// tells where only for values in quotes.
func blame(text []byte, value string) (line int, key string) {
	for row := range bytes.Lines(text) {
		line++
		left, right, _ := strings.Cut(string(row), "=")
		right, _, _ = strings.Cut(right, "#")
		key = strings.TrimSpace(left)
		if strings.TrimSpace(right) == value && isTextKey(key) {
			return line, key
		}
	}
	return 0, "a value"
}

// unknownKeys names every key that means nothing, where it is, and what was
// perhaps meant.
func unknownKeys(name string, strict *toml.StrictMissingError) error {
	var errs []error
	known := keys()
	for _, missing := range strict.Errors {
		line, _ := missing.Position()
		key := strings.Join(missing.Key(), ".")
		errs = append(errs, fmt.Errorf("%w: %s:%d: unknown key %.80q%s", ErrConfig, name, line, key, hint(key, known)))
	}
	return errors.Join(errs...)
}

// hint says what to do about a key that means nothing.
func hint(key string, known []string) string {
	if isCredential(strings.TrimPrefix(key, "venue.")) {
		return ": secrets do not belong into this file, see venue.credentials_file"
	}
	if nearest := nearest(key, known); nearest != "" {
		return fmt.Sprintf(" (did you mean %q?)", nearest)
	}
	return ""
}

// plain takes the library's name off its text, and every byte that could
// disturb a terminal or a log.
func plain(text string) string {
	text = strings.TrimPrefix(text, "toml: ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, text)
}
