package gateway

import (
	"context"
	"net"
	"sync"
)

// pipes are connections in memory, so that a gateway and its venue can live in
// virtual time: one side listens, the other dials.
type pipes struct {
	dialled chan net.Conn
	closed  chan struct{}
	once    sync.Once
	bend    func(client net.Conn) net.Conn // what the dialler gets instead; nil: the pipe itself
}

func newPipes() *pipes { return &pipes{dialled: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialled:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// Dial is a DialFunc.
func (p *pipes) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.dialled <- server:
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if p.bend != nil {
		return p.bend(client), nil
	}
	return client, nil
}
