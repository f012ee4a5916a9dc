//go:build !unix

package gateway

import "net"

// peeker is not to be had here; the reader notices a close a little later.
func peeker(net.Conn, bool) func() bool { return nil }
