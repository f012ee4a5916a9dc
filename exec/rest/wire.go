package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// ErrConfig marks a wire configuration or a credential that cannot be used.
var ErrConfig = errors.New("rest: bad configuration")

// The bases of the real venue.
const (
	DefaultBaseURL    = "https://api.icicidirect.com/breezeapi/api/v1/"
	DefaultHistoryURL = "https://breezeapi.icicidirect.com/api/v2/"
)

// Config says where requests go.
type Config struct {
	BaseURL    string // DefaultBaseURL when empty
	HistoryURL string // of version 2 history; DefaultHistoryURL when empty
	UserAgent  string // "vayu" when empty
}

// Wire renders requests for one venue. It is immutable: any goroutine may use
// it. Every Append method writes one whole HTTP/1.1 request to dst and returns
// the extended buffer; with enough capacity (4 KiB is plenty) nothing is
// allocated. The secret is never in a request.
type Wire struct {
	heads [Endpoints][]byte // request line and constant headers of each call
}

// Signature is what one attempt is signed with: a credential, and the wall
// clock (corrected by what is known of the venue's) at this very attempt.
type Signature struct {
	By *session.Credential
	At market.UnixNano
}

// NewWire prepares the constant parts of every request.
func NewWire(c Config) (*Wire, error) {
	if c.UserAgent == "" {
		c.UserAgent = "vayu"
	}
	if !headerSafe(c.UserAgent) {
		return nil, fmt.Errorf("%w: the user agent %q has control characters", ErrConfig, c.UserAgent)
	}
	base, err := parseBase(c.BaseURL, DefaultBaseURL)
	if err != nil {
		return nil, err
	}
	history, err := parseBase(c.HistoryURL, DefaultHistoryURL)
	if err != nil {
		return nil, err
	}
	w := new(Wire)
	for e := PlaceOrder; e < Endpoints; e++ {
		target := base
		if e == History {
			target = history
		}
		head := e.Method() + " " + target.Path + e.Path()
		if e != History { // its query string and version follow at each call
			head += requestTail(target, c.UserAgent)
		}
		w.heads[e] = []byte(head)
	}
	w.heads[NoEndpoint] = []byte(requestTail(history, c.UserAgent))
	return w, nil
}

func requestTail(target *url.URL, agent string) string {
	return " HTTP/1.1\r\nHost: " + target.Host + "\r\nUser-Agent: " + agent + "\r\nContent-Type: application/json\r\n"
}

func parseBase(text, fallback string) (*url.URL, error) {
	if text == "" {
		text = fallback
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%w: %q is not a base address such as %s", ErrConfig, text, fallback)
	}
	if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%w: %q must end with its path: no query, fragment or user", ErrConfig, text)
	}
	if !headerSafe(u.Path) || strings.ContainsRune(u.Path, ' ') {
		return nil, fmt.Errorf("%w: the path of %q has characters that need escaping", ErrConfig, text)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}

func headerSafe(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// CheckCredential says why a credential cannot sign: something missing, or
// characters that cannot travel in a header. The error never shows the value.
func CheckCredential(c *session.Credential) error {
	switch {
	case c == nil:
		return fmt.Errorf("%w: there is no credential", ErrConfig)
	case c.AppKey == "" || !headerSafe(c.AppKey):
		return fmt.Errorf("%w: the app key is empty or has control characters", ErrConfig)
	case c.Secret.IsZero():
		return fmt.Errorf("%w: the secret key is empty", ErrConfig)
	case c.Session.IsZero() || !headerSafe(c.Session.Reveal()):
		return fmt.Errorf("%w: the session token is empty or has control characters", ErrConfig)
	}
	return nil
}

// lengthDigits is how many digits of Content-Length are reserved: every order
// has a body of three.
const lengthDigits = 3

const headEnd = "\r\n\r\n"

// frame remembers where the open parts of a request lie.
type frame struct {
	sig                                    Signature
	signed                                 bool
	timestamp, checksum, length, bodyStart int
}

// open writes everything before the body and leaves room for what only the
// body decides: checksum and length.
func (w *Wire) open(dst []byte, e Endpoint, sig Signature) ([]byte, frame) {
	f := frame{sig: sig, signed: e != CustomerDetails}
	dst = append(dst, w.heads[e]...)
	if f.signed {
		dst = append(dst, "X-AppKey: "...)
		dst = appendHeaderValue(dst, sig.By.AppKey)
		dst = append(dst, "\r\nX-SessionToken: "...)
		dst = appendHeaderValue(dst, sig.By.Session.Reveal())
		dst = append(dst, "\r\nX-Timestamp: "...)
		f.timestamp = len(dst)
		dst = AppendTimestamp(dst, sig.At)
		dst = append(dst, "\r\nX-Checksum: token "...)
		f.checksum = len(dst)
		dst = append(dst, checksumRoom...)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "Content-Length: "...)
	f.length = len(dst)
	dst = append(dst, "000"+headEnd...)
	f.bodyStart = len(dst)
	return dst, f
}

// close fills in the length and signs.
func (f *frame) close(dst []byte) []byte {
	size := len(dst) - f.bodyStart
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(size), 10)
	if move := len(digits) - lengthDigits; move != 0 {
		for range move { // a longer number pushes the body back
			dst = append(dst, 0)
		}
		copy(dst[f.bodyStart+move:], dst[f.bodyStart:f.bodyStart+size])
		f.bodyStart += move
		dst = dst[:f.bodyStart+size]
	}
	copy(dst[f.length:], digits)
	copy(dst[f.length+len(digits):], headEnd)
	if f.signed {
		dst = f.sign(dst)
	}
	return dst
}

const (
	timestampSize = len("2026-11-23T03:45:00.000Z")
	checksumRoom  = "----------------------------------------------------------------"
)

// sign hashes timestamp, body and secret, in one piece behind the request, and
// wipes that piece.
func (f *frame) sign(dst []byte) []byte {
	end := len(dst)
	dst = append(dst, dst[f.timestamp:f.timestamp+timestampSize]...)
	dst = append(dst, dst[f.bodyStart:end]...)
	dst = append(dst, f.sig.By.Secret.Reveal()...)
	sum := sha256.Sum256(dst[end:])
	clear(dst[end:])
	hex.Encode(dst[f.checksum:], sum[:])
	return dst[:end]
}

// AppendTimestamp writes an instant as the venue wants it signed: UTC, cut to
// the second, with ".000Z".
func AppendTimestamp(dst []byte, at market.UnixNano) []byte {
	return time.Unix(0, int64(at)).Truncate(time.Second).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// AppendChecksum writes the signature's hex digits over a body: what the
// X-Checksum header carries after "token ".
func AppendChecksum(dst []byte, timestamp string, body []byte, secret session.Token) []byte {
	text := make([]byte, 0, len(timestamp)+len(body)+len(secret.Reveal()))
	text = append(append(append(text, timestamp...), body...), secret.Reveal()...)
	sum := sha256.Sum256(text)
	clear(text)
	return hex.AppendEncode(dst, sum[:])
}
