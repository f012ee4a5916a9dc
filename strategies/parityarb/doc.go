// Package parityarb trades put-call parity across strikes. At every strike a
// call and a put make a synthetic future with an executable price; where one
// can be bought for less than another can be sold, the four legs are a box
// that locks the difference. It trades one box at a time, only when what is
// locked pays for every charge and for getting out again.
//
// All decisions are made in integer paise on one pinned view of the chain. The
// four legs go as immediate-or-cancel limits at the prices seen; when some
// miss, it completes or unwinds, whichever is worth more at the prices of that
// moment.
package parityarb
