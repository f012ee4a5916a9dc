package order

import "github.com/vayu-trading/vayu/engine/market"

// Tag is what every order of one run has in common. With it an [ID] and the
// text that travels with the order are two forms of one number.
type Tag struct {
	Instance [2]byte     // [A-Z0-9]: tells two engines on one account apart
	Day      market.Date // trading day
	Boot     uint32      // rises with every start of the engine, below 46656
}

const (
	base      = 36
	bootRange = base * base * base
	seqRange  = base * base * base * base * base * base * base
	digits    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	firstDay  = market.Date(2020_01_01)
)

// ID numbers the order with the given sequence, below 36 to the seventh, of
// this run.
func (t Tag) ID(sequence uint64) ID { return ID(uint64(t.Boot)*seqRange + sequence%seqRange) }

// Remark is the text for the venue: instance (2), day (3), boot (3), sequence
// (7) and a check character.
func (t Tag) Remark(id ID) Remark {
	var r Remark
	r[0], r[1] = t.Instance[0], t.Instance[1]
	put(r[2:5], uint64(firstDay.DaysTo(t.Day)))
	put(r[5:8], uint64(id)/seqRange)
	put(r[8:15], uint64(id)%seqRange)
	r[15], _ = check(&r)
	return r
}

// ParseRemark reads a remark back; ok is false for a text that this engine
// never wrote, or that was cut or changed on its way.
func ParseRemark(r *Remark) (t Tag, id ID, ok bool) {
	sum, ok := check(r)
	if !ok || sum != r[15] {
		return Tag{}, 0, false
	}
	boot := get(r[5:8])
	t = Tag{Instance: [2]byte{r[0], r[1]}, Day: firstDay.AddDays(int(get(r[2:5]))), Boot: uint32(boot)}
	return t, ID(boot*seqRange + get(r[8:15])), true
}

// check is the ISO 7064 MOD 37,36 character of the first fifteen: it catches
// every single wrong character and every swap of neighbours.
func check(r *Remark) (sum byte, ok bool) {
	p := base
	for _, c := range r[:15] {
		v, valid := value(c)
		if !valid {
			return 0, false
		}
		if p = (p + v) % base; p == 0 {
			p = base
		}
		p = p * 2 % (base + 1)
	}
	return digits[(base+1-p)%base], true
}

func put(dst []byte, v uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[v%base]
		v /= base
	}
}

func get(src []byte) (v uint64) {
	for _, c := range src {
		d, _ := value(c)
		v = v*base + uint64(d)
	}
	return v
}

func value(c byte) (int, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0'), true
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10, true
	}
	return 0, false
}
