// Package swap shows that renewing the login costs an order's way nothing: it
// times attempts while their login is swapped again and again, beside attempts
// while it is not. It has no code of its own, only the measurement.
package swap
