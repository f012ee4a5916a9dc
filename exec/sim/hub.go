package sim

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/gobwas/ws"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// roomKey names a room: an instrument at a level, on the tick or the candle
// stream.
type roomKey struct {
	id      market.InstrumentID
	level   byte // '1' quotes, '2' depth
	candles bool
}

// hub knows who listens to what, and sends. Guarded by the venue's mutex.
type hub struct {
	universe     *market.Universe
	conns        map[*conn]struct{}
	rooms        map[roomKey][]*conn
	quotes       []market.Quote // by instrument, as last published: what a join brings
	depths       []market.Depth
	published    map[roomKey]int64
	stats        Stats
	stalledUntil market.Mono
	stalled      bool
	born         uint64
	payload      []byte // scratch: one event, framed once for all its listeners
	frame        []byte
	wait         sync.WaitGroup // the connections' goroutines
}

func newHub(u *market.Universe) *hub {
	return &hub{
		universe: u, conns: make(map[*conn]struct{}), rooms: make(map[roomKey][]*conn), published: make(map[roomKey]int64),
		quotes: make([]market.Quote, u.Len()+1), depths: make([]market.Depth, u.Len()+1),
	}
}

// room reads a room's name. Unknown ones are silent at the real venue too.
func (h *hub) room(name string, candles bool) (roomKey, bool) {
	prefix, token, ok := strings.Cut(name, "!")
	if !ok || len(prefix) != 3 || prefix[1] != '.' {
		return roomKey{}, false
	}
	k := roomKey{id: h.universe.ByToken([]byte(token)), level: prefix[2], candles: candles}
	ok = k.id != 0 && prefix[:1] == exchangeNumber(h.universe.Get(k.id).Exchange, candles) && (k.level == '1' || k.level == '2' && !candles)
	return k, ok
}

func (h *hub) join(c *conn, k roomKey) (fresh bool) {
	if slices.Contains(h.rooms[k], c) {
		return false
	}
	h.rooms[k] = append(h.rooms[k], c)
	c.rooms[k] = struct{}{}
	return true
}

func (h *hub) leave(c *conn, k roomKey) {
	delete(c.rooms, k)
	if i := slices.Index(h.rooms[k], c); i >= 0 {
		h.rooms[k] = slices.Delete(h.rooms[k], i, i+1)
	}
}

func (h *hub) leaveAll(c *conn) {
	for k := range c.rooms {
		h.leave(c, k)
	}
}

// remember keeps a market event for those who join later.
func (h *hub) remember(ev *market.Event) (k roomKey) {
	switch {
	case ev.Kind == market.DepthEvent && int(ev.Depth.Instrument) < len(h.depths):
		k = roomKey{id: ev.Depth.Instrument, level: '2'}
		h.depths[k.id] = ev.Depth
	case ev.Kind == market.QuoteEvent && int(ev.Quote.Instrument) < len(h.quotes):
		k = roomKey{id: ev.Quote.Instrument, level: '1'}
		h.quotes[k.id] = ev.Quote
	}
	return k
}

// newDay forgets what was published, so that nobody who joins is given
// yesterday's.
func (h *hub) newDay() {
	clear(h.quotes)
	clear(h.depths)
}

// publish sends a market event to its room. The frame is rendered once.
func (h *hub) publish(ev *market.Event, now market.Mono) {
	k := h.remember(ev)
	if len(h.rooms[k]) == 0 {
		return
	}
	h.render(k)
	if n := h.send(k, now); n > 0 {
		h.published[k]++
		h.stats.TicksPublished++
		h.stats.TicksSent += int64(n)
		if ev.Synthetic {
			h.stats.TicksSynthetic++
		}
	}
}

// render frames the room's last event.
func (h *hub) render(k roomKey) {
	in := h.universe.Get(k.id)
	h.payload = append(h.payload[:0], `42["stock",`...)
	if k.level == '1' {
		h.payload = appendQuote(h.payload, in, &h.quotes[k.id])
	} else {
		h.payload = appendDepth(h.payload, in, &h.depths[k.id])
	}
	h.payload = append(h.payload, ']')
	h.frame = appendFrame(h.frame[:0], ws.OpText, h.payload)
}

// snapshot sends the room's last event to one who has just joined.
func (h *hub) snapshot(c *conn, k roomKey, now market.Mono) {
	if k.candles || k.level == '1' && h.quotes[k.id].Instrument == 0 || k.level == '2' && h.depths[k.id].Instrument == 0 {
		return
	}
	h.render(k)
	if h.give(c, h.frame, now) {
		h.stats.Snapshots++
	}
}

// notify sends an order event to every authenticated socket of the user on the
// main stream.
func (h *hub) notify(n *Notice, user string, now market.Mono) {
	h.payload = append(n.Append(append(h.payload[:0], `42["order",`...), user), ']')
	h.frame = appendFrame(h.frame[:0], ws.OpText, h.payload)
	given := false
	for _, c := range h.sorted() {
		given = c.authed && !c.candles && h.give(c, h.frame, now) || given
	}
	if given {
		h.stats.Notices++
	}
}

func (h *hub) candle(f *finishedCandle, now market.Mono) {
	k := roomKey{id: f.instrument, level: '1', candles: true}
	if len(h.rooms[k]) == 0 {
		return
	}
	text, err := json.Marshal(string(f.append(nil, h.universe.Get(f.instrument))))
	if err != nil {
		return // a string always marshals
	}
	h.frame = appendFrame(h.frame[:0], ws.OpText, socketio.AppendEvent(h.payload[:0], intervals[f.interval].name, text))
	h.send(k, now)
}

// brokenFrames are what a fault sends beside the good ones.
var brokenFrames = []string{
	`42["stock",["4.1!1",12.`, `42["stock",[]]`, `42["stock",["4.1!1",1,2,3]]`, `42["stock",["4.1!1",nan,1e999,-0,"x",{},[],null,1,1,1]]`,
	`42{bad`, `42["stock"]`, `42["order",["1","*"]]`,
}

func (h *hub) malformed(which int, now market.Mono) {
	h.frame = appendFrame(h.frame[:0], ws.OpText, []byte(brokenFrames[which]))
	for _, c := range h.sorted() {
		if c.authed && !c.candles && h.give(c, h.frame, now) {
			h.stats.Malformed++
		}
	}
}

// send gives the frame to a room. It goes backwards, for giving may take a
// connection that lags out of the room.
func (h *hub) send(k roomKey, now market.Mono) (given int) {
	for i := len(h.rooms[k]) - 1; i >= 0; i-- {
		if h.give(h.rooms[k][i], h.frame, now) {
			given++
		}
	}
	return given
}

// give queues a frame for a socket. A socket that lags beyond its buffer is cut
// rather than served with gaps.
func (h *hub) give(c *conn, frame []byte, now market.Mono) bool {
	if now < c.mutedUntil {
		return false
	}
	switch c.put(frame, !h.stalled) {
	case putFull:
		h.stats.SocketsTooSlow++
		h.remove(c)
		c.abort()
		return false
	case putClosed:
		return false
	}
	return true
}

// settle begins or ends a stall.
func (h *hub) settle(now market.Mono) {
	stalled := now < h.stalledUntil
	if h.stalled && !stalled {
		h.stalled = false
		h.wakeAll()
	}
	h.stalled = stalled
}

func (h *hub) wakeAll() {
	for c := range h.conns {
		c.nudge()
	}
}

// end tells a socket that it is over, by the configured way.
func (h *hub) end(c *conn, how SocketEnd) {
	h.stats.SocketsDropped++
	h.remove(c)
	switch how {
	case EndWith41:
		c.put(appendFrame(nil, ws.OpText, []byte("41")), true)
		c.linger()
		return
	case EndWith44:
		c.put(appendFrame(nil, ws.OpText, socketio.AppendConnectError(nil, "", "Unauthorized")), true)
	}
	c.finish()
}

func (h *hub) dropAll() {
	for _, c := range h.sorted() {
		h.end(c, EndWithTransport)
	}
}

func (h *hub) remove(c *conn) {
	h.leaveAll(c)
	delete(h.conns, c)
}

// each picks one connection by lot.
func (h *hub) each(rng *rand.Rand, do func(*conn)) {
	if all := h.sorted(); len(all) > 0 {
		do(all[rng.IntN(len(all))])
	}
}

// sorted is the connections by age, so that draws do not depend on map order.
func (h *hub) sorted() []*conn {
	return slices.SortedFunc(maps.Keys(h.conns), func(a, b *conn) int { return cmp.Compare(a.number, b.number) })
}

// appendFrame writes an unmasked, unfragmented frame.
func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = append(dst, 126, byte(n>>8), byte(n))
	default:
		dst = append(dst, 127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, payload...)
}
