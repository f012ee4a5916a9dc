// Package exectest is the conformance suite of gateways: what every way to a
// venue must show, real or simulated. A gateway's test says how it is opened
// over a venue, and Run does the rest:
//
//	func TestGateway(t *testing.T) { exectest.Run(t, open) }
//
// The suite places, changes and cancels orders through the [Desk], moves the
// market and the weather through the [Venue], and judges by two things: the
// updates that the gateway emits, each of which must fit those before it, and
// the venue's ledger, which every order and position must agree with at the end
// of every case. RunVirtual does the same in testing/synctest's time, for
// gateways that wait for nothing outside the process.
//
// [Play] drives one gateway through a seeded random script, so that two can be
// compared.
//
// The package owns the cases and their rules. It knows no gateway but the paper
// one, which it opens for comparison.
package exectest
