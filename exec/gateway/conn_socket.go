package gateway

import (
	"net"
	"syscall"
)

// peeker looks at a connection's receive buffer without waiting and without
// taking anything out. It works beside a reader that is parked in Read, which
// a second Read would not. On a plain connection nothing may wait there; under
// TLS a session ticket may.
func peeker(raw net.Conn, encrypted bool) func() bool {
	sc, ok := raw.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	var one [1]byte
	alive := false
	look := func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR:
			alive = true
		default:
			alive = err == nil && n > 0 && encrypted
		}
	}
	return func() bool { return rc.Control(look) == nil && alive }
}
