package session

import (
	"sync/atomic"

	"github.com/vayu-trading/vayu/engine/market"
)

// Token is a secret text. It prints as "redacted" in every form; the pointer
// keeps fmt from reaching the text even inside another struct's unexported
// field.
type Token struct{ secret *string }

// NewToken wraps a secret.
func NewToken(secret string) Token { return Token{&secret} }

// Reveal is the secret itself, for signing and authentication only.
func (t Token) Reveal() string {
	if t.secret == nil {
		return ""
	}
	return *t.secret
}

// IsZero tells whether there is no secret.
func (t Token) IsZero() bool { return t.secret == nil || *t.secret == "" }

func (Token) String() string               { return "redacted" }
func (Token) GoString() string             { return "redacted" }
func (Token) MarshalText() ([]byte, error) { return []byte("redacted"), nil }

// Credential is one login at the venue. It is immutable; a renewal makes a new
// one with the next epoch.
type Credential struct {
	Epoch        uint64 // rises by one with each renewal; the first is 1
	User         string // the venue's user id
	AppKey       string
	Secret       Token // signs requests
	Session      Token // base64 session token, as the REST header carries it
	Stream       Token // decoded token part, as the socket's auth object carries it
	Issued       market.UnixNano
	Expiry       market.UnixNano
	EntriesUntil market.UnixNano // no new exposure after it: a little before Expiry
}

// Store holds the credential in force. Written by the keeper, read by anyone:
// one atomic load.
type Store struct{ current atomic.Pointer[Credential] }

// Current is the credential in force; nil before the first login.
func (s *Store) Current() *Credential { return s.current.Load() }

// Swap puts c in force if its epoch follows the current one, and tells whether
// it did: a stale renewal that ends late changes nothing.
func (s *Store) Swap(c *Credential) bool {
	old := s.current.Load()
	epoch := uint64(0)
	if old != nil {
		epoch = old.Epoch
	}
	return c.Epoch == epoch+1 && s.current.CompareAndSwap(old, c)
}
