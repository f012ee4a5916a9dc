package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/vayu-trading/vayu/engine/market"
)

// maxDownload bounds an archive as downloaded; the real one has 2.9 MB.
const maxDownload = 64 << 20

// Fetch downloads the security master from url to path. The archive is
// downloaded beside path and checked whole (directory, sizes, both members and
// their checksums) before it takes the place of what is there; on any error
// what is there stays, and the error says of which day it is. Whether the new
// file is of the right day is for Read to say (Filter.Day): the vendor serves
// yesterday's until about 08:00. Time-outs are the context's or the client's.
func Fetch(ctx context.Context, c *http.Client, url, path string) error {
	if err := fetch(ctx, c, url, path); err != nil {
		return fmt.Errorf("master: fetch %s: %w; %s", url, err, kept(path))
	}
	return nil
}

func fetch(ctx context.Context, c *http.Client, url, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".master-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already when all went well
	if err := download(temp, resp); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// download writes the body to the file, checks it, and sees it to the disk.
func download(temp *os.File, resp *http.Response) error {
	n, err := io.Copy(temp, io.LimitReader(resp.Body, maxDownload+1))
	switch {
	case err != nil:
		return fmt.Errorf("cut off after %d bytes: %w", n, err)
	case n > maxDownload:
		return fmt.Errorf("%w: more than %d bytes", ErrUnsafe, maxDownload)
	}
	archive, err := openArchive(temp, n)
	if err != nil {
		return err
	}
	for _, name := range []string{derivatives, cash} {
		m, err := archive.member(name)
		if err != nil {
			return err
		}
		body, err := m.Open()
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrArchive, name, err)
		}
		if _, err = io.Copy(io.Discard, body); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrArchive, name, errors.Join(err, body.Close()))
		}
		if err := body.Close(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrArchive, name, err)
		}
	}
	if err := temp.Chmod(0o644); err != nil {
		return err
	}
	return temp.Sync()
}

// kept says what stands at path after a download that went wrong.
func kept(path string) string {
	day, err := dayOf(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is no earlier file to keep"
	case err != nil:
		return fmt.Sprintf("the earlier file is not usable either (%v)", err)
	}
	return fmt.Sprintf("the earlier file, of %s, stays", day)
}

func dayOf(path string) (market.Date, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	archive, err := openArchive(file, info.Size())
	if err != nil {
		return 0, err
	}
	m, err := archive.member(derivatives)
	if err != nil {
		return 0, err
	}
	return stamp(m).Date(), nil
}
