package risk

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// ledger is the slow twin of the gate: it keeps every ticket that passed and
// judges by adding all of them up again.
type ledger struct {
	*rig
	limits Limits
	orders []*entry
}

type entry struct {
	ticket order.Ticket
	at     market.Mono
	filled market.Units
	state  order.State
	tomb   market.Mono
}

// open tells whether an order may still trade, as far as anybody knows.
func (l *ledger) open(e *entry) bool {
	return !e.state.Terminal() && (e.state != order.ClosedAbsent || l.now.Mono < e.tomb)
}

// holdings is the position, and the position with every open buy or sell
// filled.
func (l *ledger) holdings(id market.InstrumentID) (position, long, short market.Units) {
	for _, e := range l.orders {
		if e.ticket.Instrument != id {
			continue
		}
		position += e.ticket.Side.Sign() * e.filled
		if l.open(e) {
			left := max(e.ticket.Lots.Units(lot)-e.filled, 0)
			if e.ticket.Side == market.Buy {
				long += left
			} else {
				short -= left
			}
		}
	}
	return position, position + long, position + short
}

func size(u market.Units) market.Units { return max(u, -u) }

// judge checks a ticket that passed against every limit, from scratch. It is
// called before the ticket is entered.
func (l *ledger) judge(t *order.Ticket, level Level) {
	in, q := l.universe.Get(t.Instrument), market.Quote{}
	quantity := t.Lots.Units(lot)
	_, long, short := l.holdings(t.Instrument)
	cuts := t.Side == market.Sell && short-quantity >= 0 || t.Side == market.Buy && long+quantity <= 0
	require.Equal(l, market.Option, in.Kind)
	require.GreaterOrEqual(l, in.Expiry, today)
	require.True(l, l.view.Quote(t.Instrument, &q))
	require.True(l, t.Price > 0 && t.Price%5 == 0 && t.Price >= q.BandLow && t.Price <= q.BandHigh)
	require.True(l, t.Lots > 0 && quantity <= in.Freeze)
	require.NotEqual(l, Stopped, level)
	if level >= Reducing {
		require.True(l, cuts)
	}
	if level >= CancelAll {
		require.Equal(l, order.Flatten, t.Class)
	}

	count, gross := 0, market.Lots(0)
	for id := range market.InstrumentID(l.universe.Len() + 1) {
		_, long, short := l.holdings(id)
		if id == t.Instrument && t.Side == market.Buy {
			long += quantity
		} else if id == t.Instrument {
			short -= quantity
		}
		gross += market.Lots((max(size(long), size(short)) + lot - 1) / lot)
	}
	second, minute := 0, 0
	for _, e := range l.orders {
		require.NotEqual(l, e.ticket.ID, t.ID)
		if l.open(e) {
			count++
			left := e.ticket.Lots.Units(lot) - e.filled
			if e.ticket.Instrument == t.Instrument && e.ticket.Side != t.Side && left > 0 {
				crosses := t.Side == market.Buy && t.Price >= e.ticket.Price || t.Side == market.Sell && t.Price <= e.ticket.Price
				unsure := t.Class == order.Flatten && fateOf(e.state) != known
				require.False(l, crosses && !unsure)
			}
		}
		if e.ticket.Strategy == t.Strategy && e.ticket.Class != order.Flatten {
			if l.now.Mono-e.at < market.Mono(time.Second) {
				second++
			}
			if l.now.Mono-e.at < market.Mono(time.Minute) {
				minute++
			}
			require.False(l, t.Signal != 0 && e.ticket.Signal == t.Signal)
		}
	}
	if t.Class != order.Flatten {
		require.Less(l, second, l.limits.PerSecond)
		require.Less(l, minute, l.limits.PerMinute)
	}
	if cuts {
		require.Less(l, count, 2*l.limits.OpenOrders)
		return
	}
	require.True(l, q.TwoSided())
	require.LessOrEqual(l, l.now.Mono-q.Recv, market.Mono(l.limits.QuoteAge))
	require.LessOrEqual(l, t.Lots, l.limits.OrderLots)
	require.LessOrEqual(l, t.Price.Times(quantity), l.limits.OrderNotional)
	require.Less(l, count, l.limits.OpenOrders)
	require.LessOrEqual(l, gross, l.limits.GrossLots)
	mid := (q.Bid + q.Ask) / 2
	if t.Trigger == 0 {
		most := max(mid/5, 5)
		require.LessOrEqual(l, (t.Price-mid)*market.Paise(t.Side.Sign()), most)
	}
	if t.Side == market.Buy {
		require.LessOrEqual(l, long+quantity, l.limits.PositionLots.Units(lot))
	} else {
		require.LessOrEqual(l, -(short - quantity), l.limits.PositionLots.Units(lot))
	}
}

// FuzzGate runs its bytes as operations: quotes, tickets, changes, updates of
// every kind, time. No ticket over a limit may pass, and the running exposure
// must equal the sum over all orders after each step.
func FuzzGate(f *testing.F) {
	f.Add([]byte("buy and sell and cancel, buy and sell and fill, doubt and bury and adopt"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff, 0xfe, 0x80, 0x7f, 1, 1, 1, 1, 2, 2, 2, 2})
	f.Fuzz(func(t *testing.T, script []byte) { play(t, script) })
}

func TestGateAgreesWithItsSlowTwin(t *testing.T) {
	random, passed := rand.New(rand.NewPCG(1, 2)), 0
	for range 300 {
		script := make([]byte, 1200)
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		passed += play(t, script)
	}
	require.Greater(t, passed, 300)
}

// play runs a script and counts the tickets that passed.
func play(t *testing.T, script []byte) int {
	lim := limits()
	lim.PositionLots, lim.GrossLots, lim.OpenOrders = 6, 9, 4
	l := &ledger{rig: newRig(t, lim), limits: lim}
	instruments := []market.InstrumentID{l.call, l.put, l.call, l.put, l.expired, l.index, 0, 1 << 30}
	states := []order.State{
		order.Queued, order.Sending, order.Acked, order.Working, order.Partial, order.Filled, order.Cancelled, order.Rejected,
		order.Ambiguous, order.Reconciling, order.Unresolved, order.ClosedAbsent, order.Denied, order.Working, order.Partial, order.Filled,
	}
	for len(script) >= 6 && len(l.orders) < 200 {
		op, a, b, c, d, e := script[0], script[1], script[2], script[3], script[4], script[5]
		script = script[6:]
		switch op % 8 {
		case 0: // a quote
			bid := market.Paise(binary.LittleEndian.Uint16([]byte{a, b})%600) * 5
			l.quote(instruments[c%2], bid, bid+market.Paise(d%32)*5-10)
		case 1: // time
			l.pass(time.Duration(a) * 50 * time.Millisecond)
		case 2, 3: // an update
			if len(l.orders) == 0 {
				continue
			}
			o := l.orders[int(a)%len(l.orders)]
			if o.state.Terminal() {
				continue
			}
			next := states[b%16]
			if o.state == order.ClosedAbsent && l.now.Mono >= o.tomb {
				next = order.AdoptedLate
			}
			quantity, now := o.ticket.Lots.Units(lot), market.Units(0)
			if next == order.Partial || next == order.Filled || next == order.Cancelled && c%2 == 0 {
				now = min(market.Units(c), quantity-o.filled)
			}
			if next == order.Filled {
				now = quantity - o.filled
			}
			o.filled += now
			if next == order.ClosedAbsent && o.state != order.ClosedAbsent {
				o.tomb = l.now.Mono.Add(tombstone)
			}
			o.state = next
			l.becomes(&o.ticket, next, o.filled, now)
		default: // a ticket
			ticket := order.Ticket{
				ID: order.ID(len(l.orders) + 1), Strategy: order.StrategyID(a % 3), Signal: uint64(e % 64), Instrument: instruments[b%8],
				Side: market.Side(1 + a/128), Class: order.Entry, Lots: market.Lots(c % 8),
			}
			var q market.Quote
			l.view.Quote(ticket.Instrument, &q)
			ticket.Price = q.Bid + market.Paise(int8(d)/4)*5
			switch op / 8 % 16 {
			case 0:
				ticket.Class = order.Flatten
			case 1:
				ticket.Price++
			case 2:
				ticket.Lots <<= 57
			case 3:
				ticket.Price <<= 52
			case 4:
				ticket.Trigger = ticket.Price - 5
			case 5:
				ticket.Side = market.Side(c)
			case 6:
				ticket.Lots = market.Lots(int8(c))
			case 7:
				ticket.Price = market.Paise(binary.LittleEndian.Uint16([]byte{d, e}))
			}
			level := l.Level()
			approved, reason := l.Check(&ticket, &l.view, l.now)
			if reason != Pass {
				require.Zero(t, approved)
				continue
			}
			require.Equal(t, ticket, approved.Ticket())
			l.judge(&ticket, level)
			l.orders = append(l.orders, &entry{ticket: ticket, at: l.now.Mono})
		}
		l.x.bury(l.now.Mono)
		for _, id := range instruments[:2] {
			position, long, short := l.holdings(id)
			got := l.Exposure(id)
			require.Equal(t, [3]market.Units{position, long, short}, [3]market.Units{got.Position, got.Long, got.Short})
		}
	}
	return len(l.orders)
}
