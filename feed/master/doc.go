// Package master reads and writes Breeze's security master: the zip that names
// every contract of the day, with its stream token, lot, tick and price band.
// It turns rows into market.Instrument and owns nothing: it knows no stream,
// no calendar and no venue, and it never guesses. A file that is damaged, from
// another day or of another form is an error that names the member, the line
// and the column, for a wrong contract costs more than a late start.
//
// Two members are read, the others ignored: FONSEScripMaster.txt (contracts of
// exchange NFO, of which the tick size is in paise) and NSEScripMaster.txt
// (exchange NSE, tick size in rupees), of the latter only the indices, whose
// token is their name ("NIFTY 50"). Columns are found by their header names:
// the vendor has moved them before.
package master
