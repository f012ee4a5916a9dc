package stream

import (
	"errors"
	"fmt"
	"strconv"
)

// The kinds of error. Match them with errors.Is.
var (
	// ErrMalformed: an event is not what the venue documents. It is a *DecodeError.
	ErrMalformed = errors.New("stream: malformed event")
	// ErrUnknownInstrument: a well-formed event of a token that is not in today's universe.
	ErrUnknownInstrument = errors.New("stream: token is not in the universe")
	// ErrAuth: the venue refused the credential (packet 44). It is an *AuthError.
	ErrAuth = errors.New("stream: credential refused")
	// ErrDropped: the venue ended the session (packet 41).
	ErrDropped = errors.New("stream: session dropped by the venue")
	// ErrClosed: the venue closed the connection. It may be a *CloseError.
	ErrClosed = errors.New("stream: connection closed by the venue")
	// ErrProtocol: the venue broke the rules of websocket or Socket.IO.
	ErrProtocol = errors.New("stream: protocol violation")
	// ErrMute: nothing came within the ping interval and timeout.
	ErrMute = errors.New("stream: link is mute")
	// ErrSilent: the link lives but no market data came in market hours.
	ErrSilent = errors.New("stream: no market data in market hours")
	// ErrGarbled: more than one event in a hundred could not be decoded.
	ErrGarbled = errors.New("stream: too many malformed events")
	// ErrConfig: a Config cannot be used.
	ErrConfig = errors.New("stream: configuration")
)

// DecodeError says which element of an event was refused, and why.
type DecodeError struct {
	Event   string // "stock", "order" or "candle"
	Element int    // index in the event's array (or comma text), -1 for the whole
	Level   int    // index of a depth level, -1 when the element is none
	Reason  string
}

func (e *DecodeError) Error() string {
	text := "stream: malformed " + e.Event + " event"
	if e.Element >= 0 {
		text += ", element " + strconv.Itoa(e.Element)
	}
	if e.Level >= 0 {
		text += " of level " + strconv.Itoa(e.Level)
	}
	return text + ": " + e.Reason
}

// Is makes every DecodeError an ErrMalformed.
func (e *DecodeError) Is(target error) bool { return target == ErrMalformed }

// AuthError is the venue's refusal of the credential, in its own words.
type AuthError struct {
	Epoch   uint64 // of the credential that was refused
	Message string
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("stream: credential of epoch %d refused: %.200q", e.Epoch, e.Message)
}

// Is makes every AuthError an ErrAuth.
func (e *AuthError) Is(target error) bool { return target == ErrAuth }

// CloseError is the websocket close frame that ended a connection.
type CloseError struct {
	Code   uint16 // zero when the frame carried none
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("stream: connection closed by the venue with code %d %.120q", e.Code, e.Reason)
}

// Is makes every CloseError an ErrClosed.
func (e *CloseError) Is(target error) bool { return target == ErrClosed }

// droppedError is ErrDropped with the credential that it happened to.
type droppedError struct{ epoch uint64 }

func (*droppedError) Error() string { return ErrDropped.Error() }

func (*droppedError) Is(target error) bool { return target == ErrDropped }
