package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/feed/socketio"
)

func TestSetRoomsLeavesAndJoinsTheDifferenceAndHoldsAfterAReconnect(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		synctest.Wait()
		require.NoError(t, r.stream.SetRooms([]string{"4.1!42506", "4.2!42506"}))
		synctest.Wait()
		require.Equal(t, []string{`42["leave",["4.1!42505"]]`, `42["join",["4.2!42506"]]`}, lastOf(v.texts(v.peer(t, 1)), 2))

		require.NoError(t, r.stream.SetRooms([]string{"4.1!42506", "4.2!42506"})) // no change: nothing to say
		synctest.Wait()
		require.Len(t, v.texts(v.peer(t, 1)), 4)

		v.peer(t, 1).drop()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{string(socketio.AppendRooms(nil, socketio.Join, []string{"4.1!42506", "4.2!42506"}))}, lastOf(v.texts(v.peer(t, 2)), 1))
		require.ErrorIs(t, r.stream.SetRooms([]string{""}), ErrConfig)
		r.stop()
	})
}

func TestRoomsThatChangeDuringARenewalAreRightAfterIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		synctest.Wait()
		done := make(chan error, 1)
		go func() { done <- r.stream.Renew(t.Context()) }()
		time.Sleep(time.Second) // both are joined
		require.NoError(t, r.stream.SetRooms([]string{"4.1!42507"}))
		require.NoError(t, <-done)
		synctest.Wait()
		require.Equal(t, []string{`42["leave",["4.1!42505","4.1!42506"]]`, `42["join",["4.1!42507"]]`}, lastOf(v.texts(v.peer(t, 2)), 2))
		r.stop()
	})
}
