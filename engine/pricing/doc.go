// Package pricing turns option quotes into forwards, implied volatilities and
// Greeks. It is pure arithmetic: it keeps no state, reads no clock, knows no
// chain and does not allocate.
//
// The model is Black-76 on the forward of each expiry, implied from put-call
// parity, because a weekly expiry has no future of its own and the index stops
// trading before its options do. Floats are right here, since none of this is
// money: prices and strikes are in points (rupees), see [Points]; volatilities
// are fractions a year (0.12); times are calendar years of 525,600 minutes.
// Money stays in [market.Paise] outside.
package pricing
