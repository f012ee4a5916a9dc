// Package control is the operator's way into a running engine: a socket in the
// engine's own folder, for this machine and this user alone. A connection is
// greeted with a word that is good once, asks one thing in a line of JSON, and is
// answered in a line. It knows who asks and that nobody asks twice by accident;
// what is asked means nothing to it. It never waits for the engine, nor lets the
// engine wait: its connections are few, small and short.
package control
