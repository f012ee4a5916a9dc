package gateway

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A peer that has gone without a word is found by the kernel: idle, by probes
// every few seconds, and with a request on its way, by the time that may pass
// without one acknowledgement. That time is longer than a call is listened to,
// so that it never cuts off an answer that is only late.
const (
	probeAfter    = 5 * time.Second
	probeInterval = 3 * time.Second
	unheardMost   = 15 * time.Second
)

// tune sets a connection's options. What is no TCP socket, in a test, has none;
// a kernel that refuses one leaves the deadlines of each call, which suffice.
func tune(raw net.Conn) {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return
	}
	// Count is of no effect beside the time below, which ends the probing too.
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: probeAfter, Interval: probeInterval, Count: 3})
	if rc, err := tcp.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unheardMost.Milliseconds()))
		})
	}
}

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
