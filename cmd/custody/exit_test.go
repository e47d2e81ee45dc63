package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
)

// Every reason leads to exit code 2, its own sentence and its code, in text and
// in JSON.
func TestRefusalsAreExplained(t *testing.T) {
	for _, reason := range ledger.Reasons {
		err := fmt.Errorf("while doing: %w", &client.Refused{Reason: reason, Field: "a.b", Message: "what the node said", Node: "host:1", Code: codes.FailedPrecondition})
		if code := exitCode(err); code != exitRefused {
			t.Errorf("%s: exit code %d", reason, code)
		}
		text := reported(t, err, "text")
		for _, want := range []string{words.Sentence(reason), "[" + string(reason) + "]", "node host:1: at a.b: what the node said"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in %q", reason, want, text)
			}
		}
		var f struct{ Error fault }
		if err := json.Unmarshal([]byte(reported(t, err, "json")), &f); err != nil {
			t.Fatal(err)
		}
		if f.Error.Reason != reason || f.Error.Exit != exitRefused || f.Error.Sentence != words.Sentence(reason) || f.Error.Field != "a.b" {
			t.Errorf("%s: %+v", reason, f.Error)
		}
	}
}

func reported(t *testing.T, err error, output string) string {
	t.Helper()
	var out bytes.Buffer
	a := &app{err: &out, output: output}
	a.report(err)
	return out.String()
}

func TestExitCodesTellKindsApart(t *testing.T) {
	unreachable := &client.Unreachable{Causes: []client.NodeError{{Node: "host:1", Err: errors.New("connection refused")}}}
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{errors.New("no such file"), exitLocal, "custody: no such file\n"},
		{&usageError{command: "custody send", text: "2 arguments"}, exitLocal, "'custody send --help' says how it is used."},
		{unreachable, exitUnreachable, "host:1: connection refused"},
		{unreachable, exitUnreachable, "\n  Check that most nodes run"},
		{&client.Unreachable{Ended: context.Canceled}, exitUnreachable, "Interrupted.\n"},
		{&coded{code: exitUnknown, hint: hintImportAgain, error: unreachable}, exitUnknown, "host:1: connection refused\n  " + hintImportAgain + "\n"},
		{&client.OutcomeUnknown{Event: ledger.EventID{0xab}, Cause: unreachable}, exitUnknown, "'custody receipt ab0000"},
		{&client.OutcomeUnknown{Event: ledger.EventID{0xab}, Cause: unreachable}, exitUnknown, "[OUTCOME_UNKNOWN]"},
		{&client.Tampered{Node: "host:1", Index: 17, What: "a proof does not hold"}, exitTampered, "custody: entry 17: the answer of host:1 does not verify"},
		{&client.Tampered{Node: "host:1", Index: ledger.NoLink, What: "x"}, exitTampered, "custody: the answer of host:1"},
		{(&auditReport{findings: 1, Sources: []sourceReport{{Finding: &audit.Finding{Source: "folder x", Index: 5, Kind: audit.ChainBroken, Message: "m"}}}}).verdict(), exitTampered, "folder x: entry 5: chain-broken: m"},
		{damaged("x", &store.CorruptError{Entry: 7, What: "w"}), exitTampered, "folder x: entry 7: data-damaged: "},
		{damaged("x", &store.CorruptError{Entry: store.NoEntry, What: "w"}), exitTampered, "folder x: data-damaged: "},
		{(&auditReport{unread: unreachable}).verdict(), exitUnreachable, "audit: not finished"},
		{&client.Refused{Reason: ledger.EventExpired, EarlierSendUnknown: true}, exitRefused, "may still be recorded"},
	} {
		if code := exitCode(c.err); code != c.code {
			t.Errorf("%v: exit code %d, want %d", c.err, code, c.code)
		}
		if text := reported(t, c.err, "text"); !strings.Contains(text, c.want) {
			t.Errorf("%v: %q is not in %q", c.err, c.want, text)
		}
	}
	if exitCode(nil) != exitDone || (&auditReport{OK: true}).verdict() != nil {
		t.Error("no error is not success")
	}
}

// TestUnreachableSaysWhatWasRecorded: only a command that writes says that it has
// not. Every writing command is known as one.
func TestUnreachableSaysWhatWasRecorded(t *testing.T) {
	genesis := write(t, t.TempDir(), "genesis.json", apitest.New(t).File)
	for _, c := range []struct {
		args string
		says bool
	}{
		{"show " + ledger.ItemID{1}.String(), false},
		{"gov show", false},
		{"bundle --governance -o none", false},
		{"withdraw " + ledger.ItemID{1}.String(), true},
		{"import stock.csv", true},
	} {
		var err bytes.Buffer
		a := &app{in: strings.NewReader(""), out: io.Discard, err: &err, now: time.Now, env: func(string) string { return "" }}
		cmd, left, found := a.root().Find(strings.Fields(c.args))
		if found != nil {
			t.Fatal(found)
		}
		cmd.RunE = func(*cobra.Command, []string) error { return &client.Unreachable{} }
		cmd.Args = nil
		root := cmd.Root()
		root.SetArgs(strings.Fields(c.args + " --genesis " + genesis))
		a.report(root.Execute())
		if says := strings.Contains(err.String(), "Nothing was recorded."); says != c.says {
			t.Errorf("custody %s %v: %s", c.args, left, err.String())
		}
	}
}

func TestDeadline(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"14d":                  now.AddDate(0, 0, 14),
		"36h":                  now.Add(36 * time.Hour),
		"90m":                  now.Add(90 * time.Minute),
		"2027-01-31":           time.Date(2027, 1, 31, 23, 59, 59, 999e6, time.UTC),
		"2027-01-31T18:00:00Z": time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC),
	} {
		if got, err := deadline(now, text); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "1.5d", "0h", "-5h", "tomorrow", "2027-02-29", "31.01.2027", "99999d"} {
		if got, err := deadline(now, text); err == nil {
			t.Errorf("%q reads as %v", text, got)
		}
	}
}

// TestRequire: a command does not run without a flag that it requires, and a name
// that no flag has is a mistake in the program.
func TestRequire(t *testing.T) {
	ran := false
	cmd := &cobra.Command{Use: "made-up", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { ran = true; return nil }}
	cmd.Flags().String("from", "", "")
	cmd.Flags().String("to", "", "")
	require(cmd, "from", "to")
	for _, args := range [][]string{{}, {"--from", "a"}, {"--to", "b"}} {
		cmd.SetArgs(args)
		if err := cmd.Execute(); err == nil || ran {
			t.Errorf("%v: ran %t, %v", args, ran, err)
		}
		cmd.Flags().Lookup("from").Changed, cmd.Flags().Lookup("to").Changed = false, false
	}
	cmd.SetArgs([]string{"--from", "a", "--to", "b"})
	if err := cmd.Execute(); err != nil || !ran {
		t.Errorf("ran %t, %v", ran, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a flag that is not there was required")
		}
	}()
	require(cmd, "nowhere")
}
