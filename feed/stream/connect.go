package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gobwas/ws"

	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/feed/socketio"
)

var errNoCredential = errors.New("stream: no credential yet")

// connect dials the venue and gets the namespace granted with the credential in
// force. It joins nothing. Any goroutine may call it.
func (s *Stream) connect(ctx context.Context) (*link, error) {
	credential := s.cfg.Session.Current()
	if credential == nil {
		return nil, errNoCredential
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Handshake)
	defer cancel()
	dialer := ws.Dialer{
		NetDial:   s.cfg.Dial,
		TLSConfig: s.cfg.TLS,
		Header:    ws.HandshakeHeaderHTTP(http.Header{"User-Agent": []string{s.cfg.UserAgent}}),
	}
	conn, early, _, err := dialer.Dial(ctx, s.cfg.URL+s.cfg.Path+"?EIO=4&transport=websocket")
	if err != nil {
		return nil, fmt.Errorf("stream: connect to %s%s: %w", s.cfg.URL, s.cfg.Path, err)
	}
	l := newLink(conn, credential.Epoch, s.cfg.MaxMessage)
	if early != nil {
		err = l.take(early)
	}
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
		err = l.authenticate(credential)
		if !stop() && err == nil {
			err = context.Cause(ctx) // the deadline may have been poisoned since
		}
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		l.shut()
		if isTimeout(err) && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("stream: handshake with %s%s: %w", s.cfg.URL, s.cfg.Path, err)
	}
	return l, nil
}

var longAgo = time.Unix(1, 0)

// take moves what came with the handshake's answer into the link's buffer.
func (l *link) take(early *bufio.Reader) error {
	defer ws.PutReader(early)
	n := early.Buffered()
	if n > len(l.buf) {
		return fmt.Errorf("%w: %d bytes with the upgrade", ErrProtocol, n)
	}
	n, err := early.Read(l.buf[:n])
	l.w = n
	return err
}

// authenticate goes from the open packet to the granted namespace.
func (l *link) authenticate(credential *session.Credential) error {
	asked := false
	for {
		payload, ok, err := l.next()
		if err != nil {
			return err
		}
		if !ok {
			if err := l.answer(); err != nil {
				return err
			}
			if err := l.fill(); err != nil {
				return closed(err)
			}
			continue
		}
		p, err := socketio.Parse(payload)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		switch {
		case p.Type == socketio.Open && !asked:
			open, err := socketio.ParseOpen(p.Data)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrProtocol, err)
			}
			l.period = open.PingInterval + open.PingTimeout
			auth := socketio.Auth{User: credential.User, Token: credential.Stream.Reveal()}
			l.append(ws.OpText, socketio.AppendConnect(nil, auth))
			if err := l.flush(); err != nil {
				return err
			}
			asked = true
		case p.Namespace != nil:
		case p.Type == socketio.Connect && asked:
			return nil
		case p.Type == socketio.ConnectError:
			return &AuthError{Epoch: credential.Epoch, Message: socketio.ParseConnectError(p.Data)}
		case p.Type == socketio.Disconnect:
			return &droppedError{credential.Epoch}
		case p.Type == socketio.Close:
			return ErrClosed
		case !asked && p.Type != socketio.Noop:
			return fmt.Errorf("%w: %s before open", ErrProtocol, p.Type)
		}
	}
}

// closed makes the end of a connection an ErrClosed and leaves timeouts alone.
func closed(err error) error {
	if isTimeout(err) || errors.Is(err, ErrProtocol) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

// join asks for all rooms that are wanted, in lists. The venue does not answer a
// join; with fence set a websocket ping follows, whose answer shows that it was
// read.
func (s *Stream) join(l *link, fence bool) error {
	l.rooms = s.rooms.Load()
	s.ask(l, socketio.Join, *l.rooms)
	if fence {
		l.fence()
	}
	return l.flush()
}
