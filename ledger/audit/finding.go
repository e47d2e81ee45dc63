package audit

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/evidence"
)

// Kind says what does not hold. The list is closed and a kind never changes its
// meaning.
type Kind string

// What an audit can find.
const (
	// GenesisDiffers: entry 0 is not the genesis that the audit started from.
	GenesisDiffers Kind = "genesis-differs"
	// EntryUndecodable: the bytes are not an entry of a known version and kind.
	EntryUndecodable Kind = "entry-undecodable"
	// EntryMissing: the source has no entry with this index.
	EntryMissing Kind = "entry-missing"
	// OutOfPlace: the entry at this place says another index.
	OutOfPlace Kind = "entry-out-of-place"
	// ChainBroken: the entry's prev is wrong, or the entry is not the one that
	// the next entry was built on.
	ChainBroken Kind = "chain-broken"
	// LinkWrong: a back link does not name the previous entry on the item, or the
	// last one that changed the party's record.
	LinkWrong Kind = "link-wrong"
	// TimeBackwards: recorded before the entry in front of it.
	TimeBackwards Kind = "time-backwards"
	// EventInvalid: the event's form is not acceptable; Reason says why.
	EventInvalid Kind = "event-invalid"
	// SignatureBad: a signature does not hold.
	SignatureBad Kind = "signature-bad"
	// EventRepeated: an earlier entry holds the same event.
	EventRepeated Kind = "event-repeated"
	// RuleBroken: the rules refuse the event; Reason says which.
	RuleBroken Kind = "rule-broken"
	// HandoverWrong: an entry brings a policy into force that is not adopted, or by
	// a note that is not final, does not cover the adoption, or is not of this ledger.
	HandoverWrong Kind = "handover-wrong"
	// GroupBroken: a group is not whole, contiguous and recorded at one time.
	GroupBroken Kind = "group-broken"
	// OpeningWrong: an opening beside the entry fits no commitment in it.
	OpeningWrong Kind = "opening-wrong"
	// EntryDiffers: what the entry holds is right, its bytes are not.
	EntryDiffers Kind = "entry-differs"
	// RootDiffers: the entries have another root than the head says. The index
	// is that of the last entry below the head.
	RootDiffers Kind = "root-differs"
	// SizeShrunk: the head is smaller than what was verified before.
	SizeShrunk Kind = "size-shrunk"
	// NotConsistent: the ledger does not continue the state that was verified
	// before.
	NotConsistent Kind = "not-consistent"
	// SourcesDiffer: two sources hold different entries at this index, and
	// neither entry is wrong by itself: the history was forked.
	SourcesDiffer Kind = "sources-differ"
	// CheckpointInvalid: a final checkpoint is no checkpoint of this ledger, or a
	// line under it does not hold. The index of this and the next kinds is that of
	// the last entry below the checkpoint.
	CheckpointInvalid Kind = "checkpoint-invalid"
	// CheckpointDiffers: a final checkpoint has another root than the entries.
	CheckpointDiffers Kind = "checkpoint-differs"
	// CheckpointWentBack: the last final checkpoint is older than one that was
	// verified before.
	CheckpointWentBack Kind = "checkpoint-went-back"
	// NotFinal: a checkpoint that is served as final lacks cosignatures that the
	// policy in force at its size asks for.
	NotFinal Kind = "not-final"
	// OwnHeadInvalid: the head that a node signed by itself is no head of this
	// ledger, or is not signed by a node of the policy.
	OwnHeadInvalid Kind = "own-head-invalid"
	// OwnHeadDiffers: the head that a node signed by itself has another root than
	// the entries that it gives.
	OwnHeadDiffers Kind = "own-head-differs"
	// CosignatureWentBack: a cosigner signed a smaller size at a later time.
	CosignatureWentBack Kind = "cosignature-went-back"
	// SignedTwice: one key signed two roots for one size.
	SignedTwice Kind = "signed-twice"
	// NodesFork: SourcesDiffer, and both histories are under signed heads.
	NodesFork Kind = "nodes-fork"
	// TileWrong: a tile does not hold what the entries come to, or what another
	// tile holds.
	TileWrong Kind = "tile-wrong"
	// TileMissing: a tile is not there that a ledger of the checkpoint's size has.
	TileMissing Kind = "tile-missing"
)

// Finding is proof that a ledger does not hold: an index, and what is wrong
// there. It is an error; an error of this package that wraps none is the
// world's, such as a source that cannot be read.
type Finding struct {
	Source   string        `json:"source,omitempty"` // name of the source, set by the Auditor
	Index    uint64        `json:"index"`
	Kind     Kind          `json:"kind"`
	Reason   ledger.Reason `json:"reason,omitempty"` // EventInvalid, SignatureBad, RuleBroken, HandoverWrong, GroupBroken, OpeningWrong
	Field    string        `json:"field,omitempty"`  // path of the field that Reason is about
	Expected string        `json:"expected,omitempty"`
	Found    string        `json:"found,omitempty"`
	Message  string        `json:"message"`
	// Evidence is a file that shows it to others, where what was read suffices for
	// one; else NoEvidence says why it does not. Set by the Auditor.
	Evidence   *evidence.Evidence `json:"-"`
	NoEvidence string             `json:"no_evidence,omitempty"`
}

// Error names the index, the kind and what was expected against what was found.
func (f *Finding) Error() string {
	text := fmt.Sprintf("entry %d: %s: %s", f.Index, f.Kind, f.Message)
	if f.Source != "" {
		text = f.Source + ": " + text
	}
	if f.Expected != "" || f.Found != "" {
		text += fmt.Sprintf(" (expected %s, found %s)", f.Expected, f.Found)
	}
	return text
}

func find(index uint64, kind Kind, format string, args ...any) *Finding {
	return &Finding{Index: index, Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// against adds what was expected and what was found.
func (f *Finding) against(expected, found any) *Finding {
	f.Expected, f.Found = fmt.Sprint(expected), fmt.Sprint(found)
	return f
}

// at gives the finding with its index.
func (f *Finding) at(index uint64) *Finding {
	placed := *f
	placed.Index = index
	return &placed
}

// refused makes a finding of a rejection.
func refused(index uint64, kind Kind, rejection *ledger.Rejection) *Finding {
	return &Finding{Index: index, Kind: kind, Reason: rejection.Reason, Field: rejection.Field, Message: rejection.Error()}
}
