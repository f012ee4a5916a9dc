package master_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/feed/master"
)

// serve answers every request with what answer does.
func serve(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL + "/MotherAppMaster/SecurityMaster.zip"
}

func TestFetchReplacesTheFileWithAWholeOne(t *testing.T) {
	file, err := os.ReadFile(excerpt)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "SecurityMaster.zip")
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(file) })

	for range 2 {
		require.NoError(t, master.Fetch(t.Context(), http.DefaultClient, url, path))
	}

	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, file, got)
	requireAlone(t, path)
}

// requireAlone wants nothing beside the file: no half download left behind.
func requireAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestFetchKeepsYesterdaysFileWhenAnythingGoesWrong(t *testing.T) {
	file, err := os.ReadFile(excerpt)
	require.NoError(t, err)
	yesterday, err := os.ReadFile(sample)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "SecurityMaster.zip")
	require.NoError(t, os.WriteFile(path, yesterday, 0o644))
	refuses := func(text string, answer http.HandlerFunc) {
		t.Helper()
		err := master.Fetch(t.Context(), http.DefaultClient, serve(t, answer), path)
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, err, "the earlier file, of 2026-11-23, stays")
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, yesterday, got)
		requireAlone(t, path)
	}
	refuses("503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	refuses("cut off after", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(file)))
		_, _ = w.Write(file[:len(file)/2])
	})
	refuses("damaged archive", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(file[:len(file)/2]) })
	refuses("damaged archive", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>maintenance</html>")) })
	refuses("damaged archive: FONSEScripMaster.txt", func(w http.ResponseWriter, _ *http.Request) {
		bad := append([]byte(nil), file...)
		bad[5000] ^= 0xff
		_, _ = w.Write(bad)
	})
	refuses("NSEScripMaster.txt is not in the archive", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(zipped(t, map[string]string{"FONSEScripMaster.txt": "x"}))
	})
	refuses("more than", func(w http.ResponseWriter, _ *http.Request) {
		for chunk, i := make([]byte, 1<<20), 0; i < 65; i++ {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
}

func TestFetchSaysWhenThereIsNothingToKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "SecurityMaster.zip")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	err := master.Fetch(ctx, http.DefaultClient, "http://127.0.0.1:1/x.zip", path)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "there is no earlier file")

	require.NoError(t, os.WriteFile(path, []byte("not a zip"), 0o644))
	err = master.Fetch(ctx, http.DefaultClient, "http://127.0.0.1:1/x.zip", path)
	require.ErrorContains(t, err, "not usable either")
}
