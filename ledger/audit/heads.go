package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// signedHead is a note that a source gave, on its way through the audit.
type signedHead struct {
	own  bool // the head that the node signed by itself, not a final checkpoint
	note *checkpoint.Note
	// wrong is why the note by itself proves nothing, nil if its lines hold.
	wrong *Finding
	final *checkpoint.Final // of a final checkpoint that the policy finds final
	node  string            // id of the node that signed an own head
}

// SignedReport describes a signed head that holds.
type SignedReport struct {
	TreeHead
	// Cosigned names who cosigned it and when, in the order of the policy.
	Cosigned []CosignedReport `json:"cosigned,omitempty"`
	// Unchecked are lines by keys that the policy does not have, such as those of
	// witnesses outside the ledger. They count for nothing.
	Unchecked []string `json:"unchecked,omitempty"`
	// Node is the id of the node that signed an own head.
	Node string `json:"node,omitempty"`
}

// CosignedReport is one cosigner's line.
type CosignedReport struct {
	Name string `json:"name"`
	At   uint64 `json:"at"` // unix seconds
}

// readHead parses a note of a source; nil where it has none. Its origin must be
// the ledger's.
func (a *auditRun) readHead(raw []byte, own bool) (*signedHead, *Finding) {
	if len(raw) == 0 {
		return nil, nil
	}
	kind, what := CheckpointInvalid, "the final checkpoint"
	if own {
		kind, what = OwnHeadInvalid, "the head that the node signed"
	}
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return nil, find(0, kind, "%s: %v", what, err)
	}
	if note.Size == 0 {
		return nil, find(0, kind, "%s covers no entry, not even the genesis", what)
	}
	if origin := a.State.genesis.Name; note.Origin != origin {
		return nil, find(note.Size-1, kind, "%s is of another log", what).against(origin, note.Origin)
	}
	return &signedHead{own: own, note: note}, nil
}

// judge checks the lines of a note under the policy in force at its size. It
// does not say whether its root is that of the ledger.
func (a *auditRun) judge(h *signedHead) {
	policy := a.policy(h.note.Size)
	switch {
	case h.note.Size < a.start.Size: // the policy of that size is not known any more
	case h.own:
		h.judgeOwn(policy)
	default:
		h.judgeFinal(policy)
	}
	if h.wrong == nil {
		a.words = append(a.words, wordsOf(policy, h.note)...)
	}
}

func (h *signedHead) fail(kind Kind, format string, args ...any) {
	h.wrong = find(h.note.Size-1, kind, format, args...)
}

func (h *signedHead) judgeFinal(policy ledger.Policy) {
	final, err := policy.Checkpoint().Verify(h.note)
	stray := stray(policy, h.note)
	switch {
	case errors.Is(err, checkpoint.ErrSignature):
		h.fail(CheckpointInvalid, "%v", err)
	case err != nil:
		h.fail(NotFinal, "under the policy in force at size %d: %v", h.note.Size, err)
	case stray != "":
		h.fail(CheckpointInvalid, "a line in the name of %s is by a key that it does not have", stray)
	default:
		h.final = final
	}
}

// judgeOwn demands the log line and the cosignature of one node.
func (h *signedHead) judgeOwn(policy ledger.Policy) {
	for _, n := range policy.Nodes {
		_, logErr := policy.LogKey(n).Verify(h.note)
		_, err := policy.CosignerKey(n).Verify(h.note)
		switch {
		case errors.Is(logErr, checkpoint.ErrSignature):
			h.fail(OwnHeadInvalid, "%v", logErr)
			return
		case errors.Is(err, checkpoint.ErrSignature):
			h.fail(OwnHeadInvalid, "%v", err)
			return
		case logErr == nil:
			h.node = n.ID
		}
	}
	if h.node == "" {
		h.fail(OwnHeadInvalid, "no node of the policy in force at size %d signed it with its log key", h.note.Size)
	}
}

// stray gives the name of a line that stands for a node of the policy and is by
// none of its keys.
func stray(policy ledger.Policy, note *checkpoint.Note) string {
	known := map[string]bool{}
	keys := policyKeys(policy)
	for _, k := range keys {
		known[k.Name] = true
	}
	for _, s := range note.Signatures {
		if known[s.Name] && !slices.ContainsFunc(keys, func(k checkpoint.Key) bool { return k.Name == s.Name && k.ID() == s.KeyID }) {
			return s.Name
		}
	}
	return ""
}

func policyKeys(policy ledger.Policy) []checkpoint.Key {
	var keys []checkpoint.Key
	for _, n := range policy.Nodes {
		keys = append(keys, policy.LogKey(n), policy.CosignerKey(n))
	}
	return keys
}

// describe reports a head that holds.
func (a *auditRun) describe(h *signedHead) *SignedReport {
	r := &SignedReport{TreeHead: headOf(h.note.Checkpoint), Node: h.node}
	if h.final != nil {
		for _, c := range h.final.Cosigned {
			r.Cosigned = append(r.Cosigned, CosignedReport{Name: strings.TrimPrefix(c.Witness, "node/"), At: c.At})
		}
	}
	keys := policyKeys(a.policy(h.note.Size))
	for _, s := range h.note.Signatures {
		if !slices.ContainsFunc(keys, func(k checkpoint.Key) bool { return k.Name == s.Name && k.ID() == s.KeyID }) {
			r.Unchecked = append(r.Unchecked, fmt.Sprintf("%s+%08x", s.Name, s.KeyID))
		}
	}
	return r
}

// policy gives the policy in force for a checkpoint of a size.
func (a *auditRun) policy(size uint64) ledger.Policy { return a.policies[a.policyAt(size)].policy }

func (a *auditRun) policyAt(size uint64) int {
	at := len(a.policies) - 1
	for at > 0 && a.policies[at].since >= size {
		at--
	}
	return at
}

// contradiction finds a word of the same cosigner that cannot stand beside this
// one: of another root for the same size, or of a smaller size at a later time.
// Of two words of this audit the smaller one is wrong.
func (a *auditRun) contradiction(w word) (kind Kind, other word, ok bool) {
	for i, known := range slices.Concat(a.State.memory.words, a.words) {
		if known.key != w.key {
			continue
		}
		k, n := known.note, w.note
		remembered := i < len(a.State.memory.words)
		switch {
		case k.Size == n.Size && k.Root != n.Root:
			return SignedTwice, known, true
		case k.Size > n.Size && known.at < w.at, remembered && k.Size < n.Size && known.at > w.at:
			return CosignatureWentBack, known, true
		}
	}
	return "", word{}, false
}

// signed judges the signed heads of a source whose entries hold, and gives what
// is wrong with the first that does not.
func (a *auditRun) signed(r *SourceReport, heads []*signedHead) *Finding {
	for _, h := range heads {
		if wrong := a.oneSigned(r, h); wrong != nil {
			return wrong
		}
		described := a.describe(h)
		if h.own {
			r.Own = described
		} else {
			r.Final = described
		}
	}
	return nil
}

func (a *auditRun) oneSigned(r *SourceReport, h *signedHead) *Finding {
	if h.wrong != nil {
		return h.wrong
	}
	size := h.note.Size
	kind, what := CheckpointDiffers, "the final checkpoint"
	if h.own {
		kind, what = OwnHeadDiffers, "the head that the node signed"
	}
	if size > r.Head.Size {
		return find(r.Head.Size, EntryMissing, "%s covers %d entries, and the source has fewer", what, size).against(size, r.Head.Size)
	}
	tree := a.trees[size]
	if tree != nil && tree.tree.Root() != h.note.Root {
		return find(size-1, kind, "%s has another root than the entries below it", what).against(tree.tree.Root(), h.note.Root)
	}
	for _, w := range wordsOf(a.policy(size), h.note) {
		switch kind, other, ok := a.contradiction(w); {
		case ok && kind == SignedTwice && tree != nil: // the other one is wrong, and found where it was shown
		case ok && kind == SignedTwice:
			return find(size-1, kind, "%s signed another root for this size", w.key.Name).against(other.note.Root, w.note.Root)
		case ok:
			first, second := w, other
			if first.at > second.at {
				first, second = second, first
			}
			return find(second.note.Size-1, kind, "%s cosigned size %d at %d s of unix time and size %d at %d s", w.key.Name, first.note.Size, first.at, second.note.Size, second.at).
				against(first.note.Size, second.note.Size)
		}
	}
	if h.own {
		return nil
	}
	return a.wentBack(r, size)
}

// gone finds a source that has no final checkpoint any more.
func (a *auditRun) gone(source Source, r *SourceReport) *Finding {
	_, signs := source.(CheckpointSource)
	if !signs || slices.ContainsFunc(r.heads, func(h *signedHead) bool { return !h.own }) {
		return nil
	}
	return a.wentBack(r, 0)
}

// wentBack judges the size of a source's final checkpoint, 0 if it has none. One
// node may be behind others, all may not.
func (a *auditRun) wentBack(r *SourceReport, size uint64) *Finding {
	before := a.State.memory.final
	if before == nil || size >= before.Size {
		return nil
	}
	if a.finalMax < before.Size {
		return find(max(size, 1)-1, CheckpointWentBack, "the last final checkpoint is older than one that was verified before").against(before.Size, size)
	}
	r.Behind = true
	return nil
}
