package master

import (
	"archive/zip"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/flate"
)

// What a real archive stays far below: it has 7 entries, 33 MB unpacked, and
// packs 17 to 1.
const (
	maxEntries = 64
	maxMember  = 192 << 20
	maxTotal   = 512 << 20
	maxRatio   = 200
)

type member = zip.File

// archive is a zip whose directory was found to be sane. Entries are never
// written out by their names.
type archive struct{ *zip.Reader }

func openArchive(r io.ReaderAt, size int64) (archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return archive{}, fmt.Errorf("%w: %w: download it again", ErrArchive, err)
	}
	// The standard library's inflate takes half of the time of a read; this one
	// is about twice as fast.
	z.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	if len(z.File) > maxEntries {
		return archive{}, fmt.Errorf("%w: it has %d entries, more than %d", ErrUnsafe, len(z.File), maxEntries)
	}
	total := uint64(0)
	for _, f := range z.File {
		if !filepath.IsLocal(f.Name) || strings.ContainsAny(f.Name, `\:`) {
			return archive{}, fmt.Errorf("%w: entry name %q leads out of the archive", ErrUnsafe, f.Name)
		}
		unpacked := f.UncompressedSize64
		total += min(unpacked, maxTotal+1)
		if unpacked > maxMember || total > maxTotal {
			return archive{}, fmt.Errorf("%w: %s unpacks to %d bytes (%d in all), more than is sane", ErrUnsafe, f.Name, unpacked, total)
		}
		if unpacked/maxRatio > max(f.CompressedSize64, 1) {
			return archive{}, fmt.Errorf("%w: %s unpacks %d bytes to %d, more than %d to 1", ErrUnsafe, f.Name, f.CompressedSize64, unpacked, maxRatio)
		}
	}
	return archive{z}, nil
}

// member finds the one entry of a name; letter case does not matter.
func (a archive) member(name string) (*member, error) {
	var found *member
	for _, f := range a.File {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: there are two %s", ErrDuplicate, name)
		}
		found = f
	}
	if found == nil {
		return nil, fmt.Errorf("%w: %s is not in the archive", ErrMember, name)
	}
	return found, nil
}
