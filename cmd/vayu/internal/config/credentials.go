package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/engine/session"
)

// maxSecrets is the largest credentials file; three short lines fit into it
// many times.
const maxSecrets = 4 << 10

// Credentials are the three secrets of an account, and where each was found.
// They never print.
type Credentials struct {
	AppKey     session.Token
	SecretKey  session.Token
	APISession session.Token // of today's login; a login source may bring it later
	sources    map[string]string
}

// Source says where a credential ("app_key") was found; empty when it was not.
func (c *Credentials) Source(key string) string { return c.sources[key] }

func (c *Credentials) field(key string) *session.Token {
	switch key {
	case "app_key":
		return &c.AppKey
	case "secret_key":
		return &c.SecretKey
	}
	return &c.APISession
}

func (c *Credentials) take(key, secret, source string) {
	secret = strings.TrimSpace(secret)
	if field := c.field(key); secret != "" && field.IsZero() {
		*field = session.NewToken(secret)
		c.sources[key] = source
	}
}

// LoadCredentials looks for each credential in the systemd credentials folder
// ($CREDENTIALS_DIRECTORY), then in the file (venue.credentials_file), then in
// the environment, which other processes of the user can read: that earns a
// warning. The app key and the secret must be found; the api session may still
// come from a login.
func LoadCredentials(file string, environ []string) (found Credentials, warnings []string, err error) {
	found.sources = make(map[string]string)
	values := make(map[string]string)
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		values[name] = text
	}
	if folder := values["CREDENTIALS_DIRECTORY"]; folder != "" {
		if err := found.fromSystemd(folder); err != nil {
			return Credentials{}, nil, err
		}
	}
	if file != "" {
		if err := found.fromFile(file); err != nil {
			return Credentials{}, nil, err
		}
	}
	for _, key := range credentialKeys {
		name := variable("venue." + key)
		found.take(key, values[name], "environment")
		if found.sources[key] == "environment" {
			warnings = append(warnings, name+" is read from the environment, where other processes of this user can see it: prefer venue.credentials_file")
		}
	}
	var missing []string
	for _, key := range []string{"app_key", "secret_key"} {
		if found.field(key).IsZero() {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		return Credentials{}, nil, fmt.Errorf("%w: no %s: put them into a file of mode 0600 and name it in venue.credentials_file",
			ErrConfig, strings.Join(missing, " and no "))
	}
	return found, warnings, nil
}

// fromSystemd reads the files that the service manager laid out for this
// process alone, one per credential.
func (c *Credentials) fromSystemd(folder string) error {
	for _, key := range credentialKeys {
		text, err := readSecret(filepath.Join(folder, key), false)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		c.take(key, string(text), "systemd credentials")
	}
	return nil
}

// fromFile reads the three from a TOML file that only its owner can read.
func (c *Credentials) fromFile(path string) error {
	text, err := readSecret(path, true)
	if err != nil {
		return err
	}
	var content struct {
		AppKey     string `toml:"app_key"`
		SecretKey  string `toml:"secret_key"`
		APISession string `toml:"api_session"`
	}
	// The library's errors quote the text around the fault, and that is secret.
	if _, deep := tooDeep(text); deep {
		return fmt.Errorf("%w: credentials file %s is nested", ErrConfig, path)
	}
	err = toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields().Decode(&content)
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := decode.Position()
		return fmt.Errorf("%w: credentials file %s:%d: not of the form app_key = \"…\"", ErrConfig, path, line)
	}
	if err != nil {
		return fmt.Errorf("%w: credentials file %s: wants app_key, secret_key and api_session, and nothing else", ErrConfig, path)
	}
	c.take("app_key", content.AppKey, path)
	c.take("secret_key", content.SecretKey, path)
	c.take("api_session", content.APISession, path)
	return nil
}

// ReadPrivate reads a small file that nobody but this user may reach; anything
// else is refused.
func ReadPrivate(path string) ([]byte, error) { return readSecret(path, true) }

// readSecret reads a small file through one descriptor, and judges that
// descriptor, so that nothing can be swapped between the look and the read. A
// private file must be ours alone; files of the service manager are checked
// only as far as its ways of sharing them with us allow.
func readSecret(path string, private bool) ([]byte, error) {
	refuse := func(format string, args ...any) ([]byte, error) {
		return nil, fmt.Errorf("%w: credentials file %s: %s", ErrConfig, path, fmt.Sprintf(format, args...))
	}
	folder, err := unix.Open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return refuse("open its folder: %v", err)
	}
	defer unix.Close(folder)
	var stat unix.Stat_t
	if err := unix.Fstat(folder, &stat); err != nil {
		return refuse("look at its folder: %v", err)
	}
	if stat.Mode&0o002 != 0 {
		return refuse("its folder can be written by everybody: anyone could replace it")
	}
	me := uint32(os.Geteuid())
	if private && stat.Uid != me && stat.Uid != 0 {
		return refuse("its folder belongs to another user (%d)", stat.Uid)
	}

	fd, err := unix.Openat(folder, filepath.Base(path), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return refuse("it is a symbolic link: name the file itself")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: credentials file %s: %w", ErrConfig, path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if err := unix.Fstat(fd, &stat); err != nil {
		return refuse("%v", err)
	}
	switch {
	case stat.Mode&unix.S_IFMT != unix.S_IFREG:
		return refuse("it is not a regular file")
	case stat.Size > maxSecrets:
		return refuse("it has %d bytes, at most %d", stat.Size, maxSecrets)
	case stat.Mode&0o007 != 0:
		return refuse("others may read or write it (mode %04o): chmod 600", stat.Mode&0o777)
	case private && stat.Mode&0o077 != 0:
		return refuse("its group may read or write it (mode %04o): chmod 600", stat.Mode&0o777)
	case private && stat.Uid != me:
		return refuse("it belongs to another user (%d)", stat.Uid)
	case private && stat.Nlink != 1:
		return refuse("it has %d names: remove the other links", stat.Nlink)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSecrets+1))
	if err != nil {
		return refuse("read: %v", err)
	}
	if len(text) > maxSecrets {
		return refuse("it grew beyond %d bytes", maxSecrets)
	}
	return text, nil
}
