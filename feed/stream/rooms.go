package stream

import (
	"fmt"
	"slices"

	"github.com/gobwas/ws"

	"github.com/vayu-trading/vayu/feed/socketio"
)

// SetRooms changes what is subscribed, now and after every reconnect. It
// returns at once; events of rooms that were left may still come for a while.
// Any goroutine may call it. The error is an ErrConfig.
func (s *Stream) SetRooms(rooms []string) error {
	if slices.Contains(rooms, "") {
		return fmt.Errorf("%w of %q: an empty room", ErrConfig, s.cfg.Name)
	}
	own := slices.Clone(rooms)
	s.rooms.Store(&own)
	s.interrupt()
	return nil
}

// resubscribe leaves and joins what has changed since the link was joined, on
// Run's goroutine.
func (s *Stream) resubscribe(l *link) error {
	was, wanted := *l.rooms, s.rooms.Load()
	l.rooms = wanted
	s.ask(l, socketio.Leave, without(was, *wanted))
	s.ask(l, socketio.Join, without(*wanted, was))
	return l.flush()
}

// ask writes joins or leaves for the next flush, in lists.
func (s *Stream) ask(l *link, event string, rooms []string) {
	for list := range slices.Chunk(rooms, s.cfg.JoinBatch) {
		l.append(ws.OpText, socketio.AppendRooms(nil, event, list))
	}
}

func without(rooms, others []string) []string {
	gone := make(map[string]struct{}, len(others))
	for _, room := range others {
		gone[room] = struct{}{}
	}
	return slices.DeleteFunc(slices.Clone(rooms), func(room string) bool {
		_, found := gone[room]
		return found
	})
}
