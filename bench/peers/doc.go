// Package peers puts what every order passes before it leaves beside the well
// known libraries for the same work, on one machine, in one run, round after
// round. It is a module of its own, so that nobody who imports the engine
// inherits the peers.
package peers
