// Package rest is the venue's request and answer language, and nothing else:
// it renders and signs whole HTTP/1.1 requests into the caller's buffer, says
// what an attempt proved (Classify) and turns answers into typed rows. It is
// pure: no socket, no clock, no goroutine, no state that outlives a call. Who
// sends a request, when, and what follows from a verdict is not its business.
//
// Facts it is built on: values travel as strings in a JSON body, on GET and
// DELETE too; a signature covers the timestamp, the exact bytes of the body and
// the secret; the HTTP status of an answer does not reliably mirror what the
// body says, so the body is judged first; and whatever is not understood on a
// write is [order.Unknown], never a refusal.
package rest
