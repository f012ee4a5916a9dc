package kill9

import (
	"net"
	"sync"
	"time"
)

// road is the way between engine and venue: every byte takes its time, each
// direction on its own. What left an engine that is dead by now still arrives.
type road struct {
	listener net.Listener
	to       string
	delay    time.Duration
	work     sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
	closed   bool
}

func openRoad(to string, delay time.Duration) (*road, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &road{listener: listener, to: to, delay: delay, open: make(map[net.Conn]bool)}
	r.work.Go(r.accept)
	return r, nil
}

func (r *road) address() string { return r.listener.Addr().String() }

func (r *road) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for c := range r.open {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}

func (r *road) accept() {
	for {
		here, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.carry(here) })
	}
}

// keep remembers a connection until close; false when the road is closed.
func (r *road) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.open[c] = true
	}
	return !r.closed
}

func (r *road) carry(here net.Conn) {
	defer here.Close()
	time.Sleep(2 * r.delay) // the handshake, there and back
	there, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer there.Close()
	if !r.keep(here) || !r.keep(there) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.pump(there, here) })
	both.Go(func() { r.pump(here, there) })
	both.Wait()
	r.mu.Lock()
	delete(r.open, here)
	delete(r.open, there)
	r.mu.Unlock()
}

type parcel struct {
	due   time.Time
	bytes []byte
}

// pump carries what one end says to the other, late, and its end too.
func (r *road) pump(to, from net.Conn) {
	way := make(chan parcel, 4096)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(way)
		buffer := make([]byte, 64<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 {
				way <- parcel{time.Now().Add(r.delay), append([]byte(nil), buffer[:n]...)}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range way {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.bytes); err != nil {
			_ = from.Close() // nobody takes it any more
		}
	}
	time.Sleep(r.delay)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	reading.Wait()
}
