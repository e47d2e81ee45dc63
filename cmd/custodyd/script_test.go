package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/custodyledger/custodyledger/node/keyfile"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"custodyd": main}) }

// TestScripts runs the program as a person types it, up to where nodes run
// together; from there on the scripts of cmd/custody take over.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			passphrase := filepath.Join(env.WorkDir, "passphrase")
			env.Setenv(keyfile.PassphraseFileVariable, passphrase)
			return os.WriteFile(passphrase, []byte("made up for this test\n"), 0o600)
		},
	})
}
