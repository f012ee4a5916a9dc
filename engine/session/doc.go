// Package session owns the venue login: immutable credentials behind one atomic
// pointer, and the machine that renews them before they expire. It knows the
// rules of a session's life, not the wire that carries them: exchanging a login
// and asking a person for one are interfaces that the edges fill. Secrets cannot
// print.
package session
