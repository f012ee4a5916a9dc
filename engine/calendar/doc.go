// Package calendar holds the market's rules that change with the date:
// sessions, holidays, expiries, lot sizes, freeze quantities, price limits and
// charges. All of it is data, in the CSV files under data/: every file says
// which dates it covers, and every row since when it holds and who said so.
//
// It owns nothing that moves, reads no clock and knows no broker: callers pass
// dates and instants. It never guesses: a date outside a file's coverage, or a
// session whose hours nobody published, is a [NoDataError] that names the date
// and the file to mend. The day's contract master, when there is one, outranks
// these tables for lots, ticks and freeze quantities.
package calendar
