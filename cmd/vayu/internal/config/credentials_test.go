package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const secrets = "app_key = \"key\"\nsecret_key = \"hush\"\napi_session = \"123\"\n"

func TestCredentialsComeFromAPrivateFile(t *testing.T) {
	found, warnings, err := LoadCredentials(write(t, "keys.toml", secrets, 0o600), nil)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, "key", found.AppKey.Reveal())
	require.Equal(t, "hush", found.SecretKey.Reveal())
	require.Equal(t, "123", found.APISession.Reveal())
}

func TestServiceManagerComesBeforeFileBeforeEnvironment(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "app_key"), []byte("from systemd\n"), 0o400))
	file := write(t, "keys.toml", "app_key = \"from file\"\nsecret_key = \"from file\"", 0o600)

	found, warnings, err := LoadCredentials(file, []string{
		"CREDENTIALS_DIRECTORY=" + folder, "VAYU_VENUE__APP_KEY=e", "VAYU_VENUE__SECRET_KEY=e", "VAYU_VENUE__API_SESSION=from environment",
	})

	require.NoError(t, err)
	require.Equal(t, "from systemd", found.AppKey.Reveal())
	require.Equal(t, "from file", found.SecretKey.Reveal())
	require.Equal(t, "from environment", found.APISession.Reveal())
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "VAYU_VENUE__API_SESSION")
	require.NotContains(t, warnings[0], "from environment")
	require.Equal(t, "systemd credentials", found.Source("app_key"))
}

func TestMissingCredentialsAreNamed(t *testing.T) {
	_, _, err := LoadCredentials("", []string{"VAYU_VENUE__APP_KEY=k"})
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "no secret_key")
	require.ErrorContains(t, err, "venue.credentials_file")
}

func TestS5_CredentialsFileUnderAnotherNameIsRefused(t *testing.T) {
	file := write(t, "keys.toml", secrets, 0o600)
	folder := filepath.Dir(file)

	link := filepath.Join(folder, "link")
	require.NoError(t, os.Symlink(file, link))
	refusesFile(t, link, "symbolic link")

	hard := filepath.Join(folder, "hard")
	require.NoError(t, os.Link(file, hard))
	refusesFile(t, file, "2 names")
	require.NoError(t, os.Remove(hard))

	pipe := filepath.Join(folder, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	refusesFile(t, pipe, "not a regular file")

	refusesFile(t, folder, "not a regular file")
	refusesFile(t, write(t, "large.toml", secrets+strings.Repeat("#", maxSecrets), 0o600), "at most 4096")

	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(file, 12345, -1))
		refusesFile(t, file, "another user")
	}
}

func TestS6_CredentialsFileThatOthersCanReachIsRefused(t *testing.T) {
	refusesFile(t, write(t, "keys.toml", secrets, 0o644), "mode 0644")
	refusesFile(t, write(t, "keys.toml", secrets, 0o640), "mode 0640")
	refusesFile(t, write(t, "keys.toml", secrets, 0o620), "mode 0620")

	file := write(t, "keys.toml", secrets, 0o600)
	require.NoError(t, os.Chmod(filepath.Dir(file), 0o777))
	refusesFile(t, file, "written by everybody")
}

func TestS1_BadCredentialsFileIsNotQuoted(t *testing.T) {
	for _, text := range []string{
		"app_key = canary-1", "app_kee = \"canary-1\"", "app_key = \"canary-1\"\napp_key = \"canary-1\"", "app_key = [[[[[[[[[[[[\"canary-1\"",
		"[canary-1]\nx = 1", "app_key = 1979-05-27T07:32:00Z\n'canary-1' = 2",
	} {
		_, _, err := LoadCredentials(write(t, "keys.toml", text, 0o600), nil)
		require.ErrorIs(t, err, ErrConfig, text)
		require.NotContains(t, err.Error(), "canary", text)
	}
}

func refusesFile(t *testing.T, path, says string) {
	t.Helper()
	_, _, err := LoadCredentials(path, nil)
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), "hush")
}
