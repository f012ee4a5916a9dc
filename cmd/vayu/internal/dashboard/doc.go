// Package dashboard serves one page that shows a running engine: the option
// chain, positions, orders, the day's result, latencies, budgets, the session
// and the health of the feeds, and a button that stops trading.
//
// It owns the page, the P&L curve it draws and the connections to browsers. It
// knows nothing of the engine: the caller hands it a function that copies a
// [Snapshot], which one goroutine here calls a few times a second, and one that
// raises the kill level. Browsers that read slowly miss frames; nothing here
// can make the engine wait.
//
// The page is answered to this machine only. Each request must name a literal
// address of it as its host, so that no foreign page can reach it by pointing a
// name at it; stopping also wants this process's own random token from a page of
// the same origin. With Public the page can be read from elsewhere, without the
// button.
package dashboard
