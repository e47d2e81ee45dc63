package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Every reason that a rule or a node can give has a sentence of its own.
func TestEveryReasonHasItsOwnSentence(t *testing.T) {
	reasons := append(slices.Clone(ledger.Reasons), nodeReasons(t)...)
	said := map[string]ledger.Reason{}
	for _, reason := range reasons {
		sentence := Sentence(reason)
		switch {
		case sentence == "":
			t.Errorf("%s has no sentence", reason)
		case said[sentence] != "":
			t.Errorf("%s and %s have the same sentence", reason, said[sentence])
		case !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, ". "):
			t.Errorf("%s: not one sentence: %s", reason, sentence)
		}
		said[sentence] = reason
	}
	if len(sentences) != len(reasons) {
		t.Errorf("%d sentences for %d reasons", len(sentences), len(reasons))
	}
}

// nodeReasons reads the constants that package client declares.
func nodeReasons(t *testing.T) []ledger.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../node/client/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []ledger.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Reason") {
			reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons = append(reasons, ledger.Reason(reason))
		}
		return true
	})
	if len(reasons) < 10 {
		t.Fatalf("found only %d reasons of nodes", len(reasons))
	}
	return reasons
}

func TestEnumsReadBack(t *testing.T) {
	if got := Of(custodyv1.Nature_NATURE_LAB_GROWN); got != "lab-grown" {
		t.Errorf("got %q", got)
	}
	if got := Of(custodyv1.Mode(99)); got != "99" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{"memo-to-sale", "Memo to sale", "MEMO_TO_SALE"} {
		if mode, err := Parse[custodyv1.Mode](text); err != nil || mode != custodyv1.Mode_MODE_MEMO_TO_SALE {
			t.Errorf("Parse(%q) = %v, %v", text, mode, err)
		}
	}
	for _, text := range []string{"", "unspecified", "sales", "mode-sale", "1"} {
		if _, err := Parse[custodyv1.Mode](text); err == nil || !strings.Contains(err.Error(), "sale, memo, return, memo-to-sale") {
			t.Errorf("Parse(%q): %v", text, err)
		}
	}
	for _, word := range All[custodyv1.Acquisition]() {
		choice, err := Parse[custodyv1.Acquisition](word)
		if err != nil || Of(choice) != word {
			t.Errorf("%q reads as %v, %v", word, choice, err)
		}
	}
}

func TestList(t *testing.T) {
	for want, items := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := List(items, "or"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
