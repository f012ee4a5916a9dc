package session

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestS1_SecretsDoNotPrint(t *testing.T) {
	const canary = "canary-5f2a91"
	credential := Credential{Epoch: 1, User: "U", Secret: NewToken(canary), Session: NewToken(canary), Stream: NewToken(canary)}
	hidden := struct{ inner Token }{NewToken(canary)}

	document, err := json.Marshal(credential)
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(credential), fmt.Sprintf("%+v", credential), fmt.Sprintf("%#v", credential), fmt.Sprintf("%+v", hidden),
		fmt.Sprintf("%s %q %x %d", credential.Secret, credential.Secret, credential.Secret, credential.Secret), string(document),
	} {
		require.NotContains(t, text, canary)
		require.NotContains(t, text, fmt.Sprintf("%x", canary))
	}
	require.Equal(t, canary, credential.Session.Reveal())
}

func TestE9_ASwapTakesOnlyTheNextEpoch(t *testing.T) {
	var store Store
	require.Nil(t, store.Current())

	require.True(t, store.Swap(&Credential{Epoch: 1}))
	require.False(t, store.Swap(&Credential{Epoch: 1}), "a renewal that ended late")
	require.False(t, store.Swap(&Credential{Epoch: 3}))
	require.True(t, store.Swap(&Credential{Epoch: 2}))
	require.Equal(t, uint64(2), store.Current().Epoch)
}
