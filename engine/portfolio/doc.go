// Package portfolio keeps what the engine holds and what it has earned:
// positions by strategy and instrument, realised and unrealised profit, charges
// to the last fraction, and the equity curve. It is fed order updates and
// market marks by one owner, and shows everybody else immutable snapshots. It
// reads no clock, sends nothing and decides nothing.
//
// A venue often names the price of a fill only later. Until then the fill is
// booked at the estimate it came with; the correction is booked as if the true
// price had been known at once, whatever became of the position in between.
//
// Two sums always hold, to the paisa: a position is the sum of its fills, and
// realised plus unrealised profit is cash plus the value at the marks.
package portfolio
