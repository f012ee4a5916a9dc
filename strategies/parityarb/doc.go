// Package parityarb trades put-call parity across strikes. At every strike a
// call and a put make a synthetic future with an executable price; where one
// can be bought for less than another can be sold, the four legs are a box
// that locks the difference. It trades one box at a time, only when what is
// locked, after the charges of all four legs in and out and half of every
// spread on the way out, is at least min_edge_rupees a lot.
//
// All decisions are made in integer paise on one pinned view of the chain. The
// four legs go as immediate-or-cancel limits at the prices seen, bought ones
// first; nothing more is sent until all four are answered. When some miss, it
// completes, trims or unwinds, whichever is worth most at the prices of that
// moment, and unwinds what is not whole by legging_timeout. A leg in doubt is
// waited for and never sent again. A whole box is held until closing it leaves
// close_profit_rupees, or until exit_at; nothing is carried over the close.
//
// It owns its plan and its workers (package taker), and the best box is the best
// in the costs of the plan it was told (brokerage_plan): a dear plan finds
// little.
//
//	[[strategies]]
//	name = "parity-arbitrage"
//	[strategies.params]
//	max_lots = 2
//	min_edge_rupees = 75
package parityarb
