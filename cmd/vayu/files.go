package main

import (
	"errors"
	"io"
	"os"
)

// writeFile makes or replaces a file by what write writes.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
