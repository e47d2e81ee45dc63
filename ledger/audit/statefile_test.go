package audit

import (
	"bytes"
	"testing"
)

func saved(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reloaded(t testing.TB, s *State) *State {
	t.Helper()
	state, err := Load(bytes.NewReader(saved(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return state
}
