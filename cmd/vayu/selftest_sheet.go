package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// trialResult is what a self-test found, as JSON.
type trialResult struct {
	OK      bool         `json:"ok"`
	Venue   string       `json:"venue"`
	Steps   int          `json:"steps"`
	Failed  int          `json:"failed"`
	Seconds float64      `json:"seconds"`
	Tests   []trialSheet `json:"tests"`
}

type trialSheet struct {
	Name  string      `json:"name"`
	OK    bool        `json:"ok"`
	Steps []trialStep `json:"steps"`
}

type trialStep struct {
	What     string         `json:"what"`
	OK       bool           `json:"ok"`
	Detail   string         `json:"detail,omitempty"`
	Millis   float64        `json:"ms"`
	Attempts []trialAttempt `json:"attempts,omitempty"`
}

// trialAttempt is one attempt at the venue, as the gateway logged it.
type trialAttempt struct {
	Endpoint   string  `json:"endpoint"`
	Order      uint64  `json:"order,omitempty"`
	Attempt    uint8   `json:"attempt"`
	Epoch      uint64  `json:"epoch"`
	Verdict    string  `json:"verdict"`
	Reason     string  `json:"reason,omitempty"`
	HTTP       int     `json:"http,omitempty"`
	Millis     float64 `json:"took_ms"`
	Delay      float64 `json:"delay_ms"`                 // since the attempt before at this endpoint, within the step
	RetryAfter float64 `json:"retry_after_ms,omitempty"` // what the venue asked for
	Late       bool    `json:"late,omitempty"`
	ended      time.Time
}

func (r *trialResult) write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// sheet takes down what a self-test does. It is a sink of the engine's log, from
// which it takes the attempts: what is shown is what the gateway did, with the
// times it took.
type sheet struct {
	out   io.Writer
	tests []trialSheet

	mu       sync.Mutex // of seen, which the gateway's log goroutine writes
	seen     []trialAttempt
	attempts int // at an order's or a read's venue, for whoever waits
}

func newSheet(out io.Writer) *sheet { return &sheet{out: out} }

// Accept takes a line of the engine's log.
func (s *sheet) Accept(_ string, _ hclog.Level, _ string, args ...any) {
	a := trialAttempt{ended: time.Now()}
	for i := 0; i+1 < len(args); i += 2 {
		switch value := args[i+1]; args[i] {
		case "endpoint":
			a.Endpoint, _ = value.(string)
		case "order":
			a.Order, _ = value.(uint64)
		case "attempt":
			a.Attempt, _ = value.(uint8)
		case "epoch":
			a.Epoch, _ = value.(uint64)
		case "verdict":
			a.Verdict, _ = value.(string)
		case "reason":
			a.Reason, _ = value.(string)
		case "http":
			a.HTTP, _ = value.(int)
		case "took":
			took, _ := value.(time.Duration)
			a.Millis = millis(took)
		case "retry_after":
			after, _ := value.(time.Duration)
			a.RetryAfter = millis(after)
		case "late":
			a.Late, _ = value.(bool)
		}
	}
	if a.Endpoint == "" || a.Verdict == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, a)
	s.attempts++
}

// count is how many attempts at the endpoint this step has seen with a verdict;
// an empty text is any.
func (s *sheet) count(endpoint, verdict string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.seen {
		if (endpoint == "" || s.seen[i].Endpoint == endpoint) && (verdict == "" || s.seen[i].Verdict == verdict) {
			n++
		}
	}
	return n
}

func (s *sheet) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *sheet) begin(name, about string) {
	s.tests = append(s.tests, trialSheet{Name: name, OK: true, Steps: []trialStep{}})
	s.say("\n%s: %s", name, about)
}

func (s *sheet) end() {
	word := "passed"
	test := &s.tests[len(s.tests)-1]
	if !test.OK {
		word = "FAILED"
	}
	s.say("  %s %s, %d steps", test.Name, word, len(test.Steps))
}

// settleLog is how long a step waits for the log's goroutine to write what
// happened in it.
const settleLog = 30 * time.Millisecond

// step makes one step and takes down how it went; it tells whether it passed.
func (s *sheet) step(what string, f func() (detail string, err error)) bool {
	s.mu.Lock()
	s.seen = nil
	s.mu.Unlock()
	began := time.Now()
	detail, err := f()
	step := trialStep{What: what, OK: err == nil, Detail: detail, Millis: millis(time.Since(began))}
	if err != nil {
		step.Detail = strings.TrimPrefix(detail+"; "+err.Error(), "; ")
	}
	time.Sleep(settleLog)
	s.mu.Lock()
	step.Attempts, s.seen = s.seen, nil
	s.mu.Unlock()
	delays(step.Attempts)

	test := &s.tests[len(s.tests)-1]
	test.OK = test.OK && step.OK
	test.Steps = append(test.Steps, step)
	s.tell(&step)
	return step.OK
}

// skip takes down a step that cannot be made here.
func (s *sheet) skip(what, why string) { s.say("  skip  %s: %s", what, why) }

// delays works out how long after the end of the one before each attempt at an
// endpoint began.
func delays(list []trialAttempt) {
	for i := range list {
		a := &list[i]
		for j := i - 1; j >= 0; j-- {
			if before := &list[j]; before.Endpoint == a.Endpoint && before.Order == a.Order {
				a.Delay = max(millis(a.ended.Sub(before.ended))-a.Millis, 0)
				break
			}
		}
	}
}

// shownAttempts is how many attempts of a step are printed; the JSON has all.
const shownAttempts = 12

func (s *sheet) tell(step *trialStep) {
	mark := "pass"
	if !step.OK {
		mark = "FAIL"
	}
	s.say("  %s  %-58s %9.1f ms  %s", mark, step.What, step.Millis, step.Detail)
	for i := range step.Attempts {
		if i == shownAttempts {
			s.say("          ... and %d more", len(step.Attempts)-shownAttempts)
			break
		}
		a := &step.Attempts[i]
		var more []string
		if a.Delay > 0 {
			more = append(more, fmt.Sprintf("%.0f ms after the one before", a.Delay))
		}
		if a.RetryAfter > 0 {
			more = append(more, fmt.Sprintf("the venue asks for %.0f ms", a.RetryAfter))
		}
		if a.Late {
			more = append(more, "late")
		}
		if a.HTTP != 0 {
			more = append(more, fmt.Sprintf("HTTP %d", a.HTTP))
		}
		if a.Reason != "" {
			more = append(more, a.Reason)
		}
		s.say("          %-16s attempt %d  %-12s %8.1f ms  %s", a.Endpoint, a.Attempt, a.Verdict, a.Millis, strings.Join(more, ", "))
	}
}

func (s *sheet) result(venue string, took time.Duration) trialResult {
	r := trialResult{OK: true, Venue: venue, Seconds: took.Seconds(), Tests: s.tests}
	for i := range s.tests {
		r.OK = r.OK && s.tests[i].OK
		r.Steps += len(s.tests[i].Steps)
		for _, step := range s.tests[i].Steps {
			if !step.OK {
				r.Failed++
			}
		}
	}
	return r
}

func (s *sheet) conclude(r *trialResult) {
	verdict := "passed"
	if !r.OK {
		verdict = "FAILED"
	}
	s.say("\nselftest %s: %d steps, %d failed, %.1f s", verdict, r.Steps, r.Failed, r.Seconds)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// shared is a writer that several goroutines use: the log and the sheet.
type shared struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *shared) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}
