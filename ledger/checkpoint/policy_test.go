package checkpoint_test

import (
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// TestQuorum counts every set of cosigners against every threshold.
func TestQuorum(t *testing.T) {
	c := newTree(3).at(t, 3)
	const nodes = 4
	for quorum := 1; quorum <= nodes; quorum++ {
		w := newWorld(t, nodes, quorum)
		for set := range 1 << nodes {
			n := &checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{w.logs[1].sign(c, 0)}}
			for i := range nodes {
				if set>>i&1 != 0 {
					n.Add(w.cosigners[i].sign(c, at))
				}
			}
			final, err := w.policy.Verify(n)
			if want := bits.OnesCount(uint(set)) >= quorum; want != (err == nil) || err != nil && !errors.Is(err, checkpoint.ErrNoQuorum) {
				t.Fatalf("quorum %d, set %04b: %v", quorum, set, err)
			}
			if err == nil && (len(final.Cosigned) != bits.OnesCount(uint(set)) || len(final.Logs) != 1 || final.Checkpoint != c) {
				t.Fatalf("quorum %d, set %04b: %+v", quorum, set, final)
			}
		}
	}
}

func TestPolicyVerify(t *testing.T) {
	w := newWorld(t, 3, 2)
	c := newTree(3).at(t, 3)
	stranger := newSigner(t, "s.example.org", checkpoint.CosignerKey, 99)
	n := w.note(c, 0, 1)
	n.Add(stranger.sign(c, at))
	if _, err := w.policy.Verify(n); err != nil {
		t.Errorf("a stranger's line: %v", err)
	}
	bad := w.note(c, 0, 1, 2)
	bad.Signatures[5].Bytes[20] ^= 1
	if _, err := w.policy.Verify(bad); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("a known key's line that does not hold: %v", err)
	}
	twice := w.note(c, 0, 1)
	twice.Signatures = append(twice.Signatures, twice.Signatures[1])
	twice.Signatures[4].Bytes = append([]byte{}, twice.Signatures[4].Bytes...)
	twice.Signatures[4].Bytes[20] ^= 1
	if _, err := w.policy.Verify(twice); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("a second line of a known key that does not hold: %v", err)
	}
	noLog := &checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{w.cosigners[0].sign(c, at), w.cosigners[1].sign(c, at)}}
	if _, err := w.policy.Verify(noLog); !errors.Is(err, checkpoint.ErrNoQuorum) {
		t.Errorf("no log line: %v", err)
	}
	other := c
	other.Origin = "other.example.org"
	if _, err := w.policy.Verify(w.note(other, 0, 1, 2)); !errors.Is(err, checkpoint.ErrNoQuorum) {
		t.Errorf("another origin, signed by our own keys: %v", err)
	}
	anything := &checkpoint.Policy{Quorum: checkpoint.QuorumNone}
	if _, err := anything.Verify(n); !errors.Is(err, checkpoint.ErrNoQuorum) {
		t.Errorf("a policy that knows nobody: %v", err)
	}
	logOnly := &checkpoint.Policy{Logs: w.policy.Logs[:1], Quorum: checkpoint.QuorumNone}
	if _, err := logOnly.Verify(n); err != nil {
		t.Errorf("a policy without witnesses: %v", err)
	}
	noLogs := &checkpoint.Policy{Witnesses: w.policy.Witnesses, Groups: w.policy.Groups, Quorum: w.policy.Quorum}
	if _, err := noLogs.Verify(noLog); err != nil {
		t.Errorf("a policy without logs: %v", err)
	}
}

func TestPolicyRoundTrip(t *testing.T) {
	for _, w := range []*world{newWorld(t, 1, 1), newWorld(t, 3, 2), newWorld(t, 64, 33)} {
		w.policy.Logs[0].URL = "https://ledger.example.org/\u00e9"
		w.policy.Witnesses[0].URL = "https://w.example.org/"
		again, err := checkpoint.ParsePolicy(w.file(t))
		if err != nil || !reflect.DeepEqual(again, w.policy) {
			t.Fatalf("%v: %+v", err, again)
		}
		if again.Origin() != origin {
			t.Errorf("origin %q", again.Origin())
		}
	}
	for name, change := range map[string]func(*checkpoint.Policy){
		"space in a name":   func(p *checkpoint.Policy) { p.Witnesses[0].Name, p.Groups[0].Members[0] = "a b", "a b" },
		"newline in a URL":  func(p *checkpoint.Policy) { p.Logs[0].URL = "x\nquorum none" },
		"space in a URL":    func(p *checkpoint.Policy) { p.Witnesses[0].URL = "x y" },
		"empty name":        func(p *checkpoint.Policy) { p.Witnesses[0].Name, p.Groups[0].Members[0] = "", "" },
		"quorum undefined":  func(p *checkpoint.Policy) { p.Quorum = "x" },
		"no quorum":         func(p *checkpoint.Policy) { p.Quorum = "" },
		"threshold zero":    func(p *checkpoint.Policy) { p.Groups[0].Threshold = 0 },
		"two equal keys":    func(p *checkpoint.Policy) { p.Logs = append(p.Logs, p.Logs[0]) },
		"a log as witness":  func(p *checkpoint.Policy) { p.Witnesses[0].Key = p.Logs[0].Key },
		"an empty group":    func(p *checkpoint.Policy) { p.Groups[0].Members = nil },
		"threshold too big": func(p *checkpoint.Policy) { p.Groups[0].Threshold = 4 },
	} {
		w := newWorld(t, 3, 2)
		change(w.policy)
		if file, err := w.policy.Encode(); !errors.Is(err, checkpoint.ErrMalformed) {
			t.Errorf("%s: %v\n%s", name, err, file)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	log := newSigner(t, origin, checkpoint.LogKey, 1).String()
	vkey := make([]string, 300)
	for i := range vkey {
		vkey[i] = newSigner(t, fmt.Sprintf("w%d.example.org", i), checkpoint.CosignerKey, uint64(i)).String()
	}
	head := "log " + log + "\nwitness a " + vkey[0] + "\nwitness b " + vkey[1] + "\nwitness c " + vkey[2] + "\n"
	for name, file := range map[string]string{
		"as specified":              head + "group x 2 a b\ngroup y any c\ngroup z all x y\nquorum z\n",
		"tabs, comments and blanks": "# a\n\t # b\n \t\n\tlog\t" + log + "\thttps://x.example.org/#top \n" + head[len("log ")+len(log)+1:] + " quorum \t a \n#",
		"quorum none":               "quorum none\n",
		"names are octets":          "witness K " + vkey[0] + "\nwitness \xe2\x84\xaa " + vkey[1] + "\nwitness \xff\xfe " + vkey[2] + "\ngroup # any \xff\xfe\nquorum \xe2\x84\xaa\n",
		"keywords as names":         "witness any " + vkey[0] + "\ngroup all any any\nquorum all\n",
		"witness after the quorum":  "witness a " + vkey[0] + "\nquorum a\nwitness b " + vkey[1] + "\n",
		"logs of different origins": "log " + log + "\nlog " + newSigner(t, "other.example.org", checkpoint.LogKey, 2).String() + "\nquorum none\n",
		"one key as log and witness": "log " + newSigner(t, origin, checkpoint.LogKey, 3).String() + "\nwitness a " +
			sameKey(t, newSigner(t, origin, checkpoint.LogKey, 3)).String() + "\nquorum a\n",
	} {
		if !strings.HasSuffix(file, "\n") {
			file += "\n"
		}
		if _, err := checkpoint.ParsePolicy([]byte(file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, test := range map[string]struct{ file, says string }{
		"nothing":                  {"", "no quorum line"},
		"no quorum":                {head, "no quorum line"},
		"two quorums":              {head + "quorum a\nquorum a\n", "line 6: a second quorum line"},
		"quorum of two":            {head + "quorum a b\n", "line 5"},
		"quorum undefined":         {head + "quorum d\n", "line 5"},
		"quorum defined below":     {"quorum a\n" + head, "line 1"},
		"cut short":                {head + "quorum a", "newline"},
		"carriage returns":         {strings.ReplaceAll(head, "\n", "\r\n") + "quorum a\r\n", "line 1: control character 0x0d"},
		"delete character":         {head + "# \x7f\nquorum a\n", "line 5: control character 0x7f"},
		"NUL":                      {head + "\x00quorum a\n", "line 5: control character 0x00"},
		"unknown keyword":          {head + "monitor a\nquorum a\n", "line 5"},
		"keyword in capitals":      {head + "QUORUM a\n", "line 5"},
		"log without key":          {"log\nquorum none\n", "line 1"},
		"log with two URLs":        {"log " + log + " a b\nquorum none\n", "line 1"},
		"witness key for a log":    {"log " + vkey[0] + "\nquorum none\n", "line 1"},
		"log key for a witness":    {"witness a " + log + "\nquorum none\n", "line 1"},
		"wrong key id":             {"log " + strings.Replace(log, "+", "+0", 1) + "\nquorum none\n", "line 1"},
		"witness without key":      {"witness a\nquorum none\n", "line 1"},
		"witness called none":      {"witness none " + vkey[0] + "\nquorum none\n", "line 1"},
		"log twice":                {head + "log " + log + "\nquorum a\n", "line 5"},
		"log's key twice":          {head + "log " + renamed(t, log) + "\nquorum a\n", "line 5"},
		"witness twice":            {head + "witness d " + vkey[0] + "\nquorum a\n", "line 5"},
		"name twice":               {head + "witness a " + vkey[3] + "\nquorum a\n", "line 5"},
		"group named as a witness": {head + "group a any b\nquorum a\n", "line 5"},
		"group called none":        {head + "group none any b\nquorum a\n", "line 5"},
		"group without members":    {head + "group x any\nquorum a\n", "line 5"},
		"member undefined":         {head + "group x any d\nquorum a\n", "line 5"},
		"group in itself":          {head + "group x any x\nquorum a\n", "line 5"},
		"none as a member":         {head + "group x any none\nquorum a\n", "line 5"},
		"member twice":             {head + "group x 2 a a\nquorum a\n", "line 5"},
		"member of two groups":     {head + "group x any a\ngroup y any a\nquorum a\n", "line 6"},
		"threshold 0":              {head + "group x 0 a\nquorum a\n", "line 5"},
		"threshold above":          {head + "group x 3 a b\nquorum a\n", "line 5"},
		"threshold huge":           {head + "group x 99999999999999999999 a b\nquorum a\n", "line 5"},
		"threshold 2^64-1":         {head + "group x 18446744073709551615 a b\nquorum a\n", "line 5"},
		"threshold with a zero":    {head + "group x 02 a b\nquorum a\n", "line 5"},
		"threshold negative":       {head + "group x -1 a b\nquorum a\n", "line 5"},
		"oversize":                 {"quorum none\n#" + strings.Repeat("x", checkpoint.PolicyBytesMax) + "\n", "bytes"},
	} {
		p, err := checkpoint.ParsePolicy([]byte(test.file))
		if !errors.Is(err, checkpoint.ErrMalformed) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	for _, count := range []int{32, checkpoint.PolicyLinesMax, checkpoint.PolicyLinesMax + 1} {
		var logs, witnesses, groups strings.Builder
		for i := range count {
			fmt.Fprintf(&logs, "log %s\n", newSigner(t, fmt.Sprintf("l%d.example.org", i), checkpoint.LogKey, uint64(i)))
			fmt.Fprintf(&witnesses, "witness w%d %s\n", i, vkey[i])
			fmt.Fprintf(&groups, "group g%d any w%d\n", i, i)
		}
		_, err := checkpoint.ParsePolicy([]byte(logs.String() + witnesses.String() + groups.String() + "quorum g0\n"))
		if (err == nil) != (count <= checkpoint.PolicyLinesMax) {
			t.Errorf("%d of each: %v", count, err)
		}
	}
}

// sameKey gives a log's key as a cosigner's.
func sameKey(t *testing.T, s signer) checkpoint.Key {
	t.Helper()
	key, err := checkpoint.NewKey(s.Name, checkpoint.CosignerKey, s.Public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// renamed gives the same public key under another name.
func renamed(t *testing.T, vkey string) string {
	t.Helper()
	key, err := checkpoint.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	key.Name = "renamed.example.org"
	return key.String()
}
