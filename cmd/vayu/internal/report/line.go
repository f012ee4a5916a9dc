package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/engine/market"
)

// Status is how a run goes at one moment.
type Status struct {
	At             market.Stamp
	Phase          string // of the market: "open"
	Kill           string // kill level when it is above armed; empty otherwise
	TicksPerSecond float64
	Positions      int // contracts held
	OpenOrders     int
	Net            market.Paise
	TickToWire     Latency
	SessionAge     time.Duration
	QuotaLeft      int // calls left today
}

// String is the status in one line.
func (s *Status) String() string {
	text := fmt.Sprintf("%s %s | %s ticks/s | %d positions, %d orders | net %s | tick to wire ",
		s.At.Market.Time().Format("15:04:05"), s.Phase, Count(int64(s.TicksPerSecond)), s.Positions, s.OpenOrders, Money(s.Net, true))
	if s.TickToWire.Count == 0 {
		text += "–"
	} else {
		text += fmt.Sprintf("p50 %s p99 %s", Span(s.TickToWire.P50), Span(s.TickToWire.P99))
	}
	text += fmt.Sprintf(" | session %s | %s calls left", Clock(s.SessionAge), Count(s.QuotaLeft))
	if s.Kill != "" {
		text = "TRADING STOPPED (" + s.Kill + ") | " + text
	}
	return text
}

// plainEvery is how often a status is told where no line can be redrawn.
const plainEvery = 10 * time.Second

// Line shows a status on one line that is drawn again and again on a terminal,
// and as a plain line now and then anywhere else. Logs written through it come
// out above the line, not inside it. Any goroutine may call it.
type Line struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	width    func() int
	shown    string      // what stands on the terminal's last line now
	told     market.Mono // when a plain line was last written
	spoke    bool        // whether one was
}

// NewLine shows on out; it is redrawn if out is a terminal.
func NewLine(out io.Writer) *Line {
	l := &Line{out: out, width: func() int { return 0 }}
	if file, ok := out.(*os.File); ok {
		l.width = func() int {
			size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
			if err != nil {
				return 0
			}
			return int(size.Col)
		}
		l.terminal = l.width() > 0
	}
	return l
}

const eraseLine = "\r\x1b[2K"

// Show replaces the line. What cannot be written is lost: a status is not
// worth stopping for.
func (l *Line) Show(s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.terminal {
		l.shown = cut(s.String(), l.width()-1)
		_, _ = io.WriteString(l.out, eraseLine+l.shown)
		return
	}
	if l.spoke && s.At.Mono.Sub(l.told) < plainEvery {
		return
	}
	l.told, l.spoke = s.At.Mono, true
	_, _ = io.WriteString(l.out, s.String()+"\n")
}

// Write puts whole lines of a log above the status line.
func (l *Line) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown == "" {
		return l.out.Write(text)
	}
	frame := append([]byte(eraseLine), text...)
	if bytes.HasSuffix(text, []byte("\n")) {
		frame = append(frame, l.shown...)
	}
	if _, err := l.out.Write(frame); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Done takes the line away.
func (l *Line) Done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown != "" {
		_, _ = io.WriteString(l.out, eraseLine)
		l.shown = ""
	}
}

// cut keeps the first width characters: a longer line would wrap and could not
// be erased.
func cut(text string, width int) string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}
