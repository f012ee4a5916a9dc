package order

// Slab holds the orders of a day. Everything is allocated at once: taking,
// finding and releasing an order never allocates. It is owned by the order
// core.
type Slab struct {
	orders  []Order
	free    []int32 // indices of orders that are not in use
	byID    table
	byVenue table
}

// NewSlab makes room for the given number of orders.
func NewSlab(capacity int) *Slab {
	s := &Slab{
		orders: make([]Order, capacity), free: make([]int32, 0, capacity),
		byID: newTable(capacity), byVenue: newTable(capacity),
	}
	for i := capacity - 1; i >= 0; i-- {
		s.orders[i].slot = int32(i)
		s.free = append(s.free, int32(i))
	}
	return s
}

// Len counts the orders held.
func (s *Slab) Len() int { return len(s.orders) - len(s.free) }

// Take starts an order for the ticket; nil when there is no room or the id is
// taken.
func (s *Slab) Take(t *Ticket) *Order {
	if len(s.free) == 0 || s.Get(t.ID) != nil {
		return nil
	}
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	o := &s.orders[i]
	*o = Order{slot: i, Ticket: *t, Price: t.Price}
	s.byID.put(hashID(t.ID), i)
	return o
}

// Get finds an order; nil when there is none with this id.
func (s *Slab) Get(id ID) *Order {
	for at := s.byID.start(hashID(id)); s.byID.cells[at] >= 0; at = s.byID.next(at) {
		if o := &s.orders[s.byID.cells[at]]; o.Ticket.ID == id {
			return o
		}
	}
	return nil
}

// Bind makes the order findable by the venue's id that it carries. An order is
// bound once.
func (s *Slab) Bind(o *Order) { s.byVenue.put(o.VenueID.hash(), o.slot) }

// ByVenue finds a bound order; nil when the venue's id is none of ours.
func (s *Slab) ByVenue(id VenueID) *Order {
	for at := s.byVenue.start(id.hash()); s.byVenue.cells[at] >= 0; at = s.byVenue.next(at) {
		if o := &s.orders[s.byVenue.cells[at]]; o.VenueID == id {
			return o
		}
	}
	return nil
}

// Release gives back an order that never left and is not bound: nothing can
// ever ask for it again.
func (s *Slab) Release(o *Order) {
	i := o.slot
	s.byID.remove(hashID(o.Ticket.ID), i, func(j int32) uint32 { return hashID(s.orders[j].Ticket.ID) })
	s.free = append(s.free, i)
	*o = Order{slot: i}
}

// table is a hash table of fixed size with open addressing: cells hold indices,
// -1 when empty. It is at most half full.
type table struct{ cells []int32 }

func newTable(capacity int) table {
	size := 8
	for size < 2*capacity {
		size *= 2
	}
	t := table{cells: make([]int32, size)}
	for i := range t.cells {
		t.cells[i] = -1
	}
	return t
}

func (t *table) start(hash uint32) uint32    { return hash & uint32(len(t.cells)-1) }
func (t *table) next(at uint32) uint32       { return (at + 1) & uint32(len(t.cells)-1) }
func (t *table) distance(a, b uint32) uint32 { return (b - a) & uint32(len(t.cells)-1) }

func (t *table) put(hash uint32, index int32) {
	at := t.start(hash)
	for t.cells[at] >= 0 {
		at = t.next(at)
	}
	t.cells[at] = index
}

// remove closes the hole it makes, so that every chain stays unbroken.
func (t *table) remove(hash uint32, index int32, hashOf func(int32) uint32) {
	hole := t.start(hash)
	for t.cells[hole] != index {
		hole = t.next(hole)
	}
	for at := t.next(hole); t.cells[at] >= 0; at = t.next(at) {
		home := t.start(hashOf(t.cells[at]))
		if t.distance(home, at) >= t.distance(hole, at) {
			t.cells[hole] = t.cells[at]
			hole = at
		}
	}
	t.cells[hole] = -1
}

func hashID(id ID) uint32 { return uint32(uint64(id) * 0x9e3779b97f4a7c15 >> 32) }

// hash is FNV-1a.
func (id *VenueID) hash() uint32 {
	h := uint32(2166136261)
	for _, c := range id.text[:id.n] {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}
