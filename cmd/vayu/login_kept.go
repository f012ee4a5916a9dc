package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// keptLogin is the session of the last run, so that a restart needs no new
// exchange: an engine that crashes at each start would use up the logins of the
// day. It lies beside the journal, for this user alone, and is worthless after
// the session's end.
type keptLogin struct {
	App     string          `json:"app"` // digest of the app key: another application's session is none
	User    string          `json:"user"`
	Session string          `json:"session"`
	Stream  string          `json:"stream"`
	Login   string          `json:"login"`
	Issued  market.UnixNano `json:"issued"`
}

func keptLoginPath(folder string) string { return filepath.Join(folder, "session.json") }

func digest(appKey string) string {
	sum := sha256.Sum256([]byte(appKey))
	return hex.EncodeToString(sum[:8])
}

// keepLogin writes the credential in force down. Without it only the next
// restart is slower.
func (s *system) keepLogin(c *session.Credential, login session.Token) {
	text, err := json.Marshal(keptLogin{
		App: digest(c.AppKey), User: c.User, Session: c.Session.Reveal(), Stream: c.Stream.Reveal(), Login: login.Reveal(), Issued: c.Issued,
	})
	if err == nil {
		err = writePrivate(keptLoginPath(s.config.Journal.Folder), text)
	}
	if err != nil {
		s.log.Warn("the session is not kept for a restart", "error", err)
	}
}

// resumeLogin takes up the session of the last run, if it kept one for this
// application.
func (s *system) resumeLogin() {
	text, err := config.ReadPrivate(keptLoginPath(s.config.Journal.Folder))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var kept keptLogin
	if err == nil {
		if err = json.Unmarshal(text, &kept); err != nil {
			err = fmt.Errorf("%s is damaged", keptLoginPath(s.config.Journal.Folder)) // its text is secret
		}
	}
	if err != nil {
		s.log.Warn("the session of the last run is not taken up", "error", err)
		return
	}
	if kept.App != digest(s.appKey) {
		return
	}
	s.keeper.Resume(session.Credential{
		User: kept.User, AppKey: s.appKey, Secret: s.secret, Session: session.NewToken(kept.Session),
		Stream: session.NewToken(kept.Stream), Issued: kept.Issued,
	}, session.NewToken(kept.Login))
}
