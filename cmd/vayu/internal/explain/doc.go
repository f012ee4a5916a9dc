// Package explain tells the whole life of one order from the engine's journal:
// what was asked for and when, every attempt at the venue with its verdict, what
// was done while nobody knew, every move, and what a person was told. It reads
// records and writes words; it owns nothing, asks nobody and changes nothing.
package explain
