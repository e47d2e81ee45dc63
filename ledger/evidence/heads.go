package evidence

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// Heads makes evidence of two signed heads of one size with different roots: two-heads
// if a node signed both, else heads-differ. Lines of keys that the trust does not
// know are left out.
func Heads(trust *Trust, a, b *checkpoint.Note) (*Evidence, error) {
	if e, err := TwoHeads(trust, a, b); err == nil {
		return e, nil
	}
	notes, err := trust.reduce(a, b, nil)
	if err != nil {
		return nil, err
	}
	return build(trust, KindHeadsDiffer, &headsDiffer{Notes: notes})
}

// TwoHeads makes evidence of two signed heads of one size with different roots, of
// which some node signed both.
func TwoHeads(trust *Trust, a, b *checkpoint.Note) (*Evidence, error) {
	notes, err := trust.reduce(a, b, bothSigned)
	if err != nil {
		return nil, err
	}
	return build(trust, KindTwoHeads, &twoHeads{Notes: notes})
}

// WentBack makes evidence of a cosigner that signed a head and at a later time a
// smaller one.
func WentBack(trust *Trust, first, second *checkpoint.Note) (*Evidence, error) {
	notes, err := trust.reduce(first, second, bothCosigned)
	if err != nil {
		return nil, err
	}
	return build(trust, KindWentBack, &wentBack{Notes: notes})
}

// twoHeads holds two signed notes of one size.
type twoHeads struct {
	Notes []string `json:"notes"`
}

func (c *twoHeads) verify(t *Trust) (Verdict, error) {
	heads, err := t.readHeads(c.Notes)
	if err != nil {
		return Verdict{}, err
	}
	if err := heads.differ(); err != nil {
		return Verdict{}, err
	}
	v := Verdict{Origin: heads[0].note.Origin, Convicted: heads.both()}
	if len(v.Convicted) == 0 {
		return Verdict{}, unproven("no known node signed both heads")
	}
	v.prove("%s signed two different heads of log %s for size %d: root %s and root %s. A log has one root at each size, so two histories were shown.",
		names(v.Convicted), v.Origin, heads[0].note.Size, heads[0].note.Root, heads[1].note.Root)
	v.limit("which of the two heads is the true one, nor where the histories part")
	v.limit("whether the association meant it: a stolen key or a node run twice on two copies of its data gives the same picture")
	return v, nil
}

func (c *twoHeads) fact() []string { return append(headFacts(c.Notes), lineFacts(c.Notes)...) }

// headsDiffer holds two signed notes of one size that nobody signed both.
type headsDiffer struct {
	Notes []string `json:"notes"`
}

func (c *headsDiffer) verify(t *Trust) (Verdict, error) {
	heads, err := t.readHeads(c.Notes)
	if err != nil {
		return Verdict{}, err
	}
	if err := heads.differ(); err != nil {
		return Verdict{}, err
	}
	if both := heads.both(); len(both) > 0 {
		return Verdict{}, unproven("%s signed both heads; that is evidence of another kind, %s", names(both), KindTwoHeads)
	}
	v := Verdict{Origin: heads[0].note.Origin, Answerable: append(heads[0].accused(), heads[1].accused()...)}
	v.prove("For size %d of log %s, root %s was signed by %s, and root %s by %s. A log has one root at each size: those who signed one of the two are wrong.",
		heads[0].note.Size, v.Origin, heads[0].note.Root, names(heads[0].accused()), heads[1].note.Root, names(heads[1].accused()))
	v.limit("which side is wrong; any receipt, final note or signed proposal from before that contradicts one side shows it")
	v.limit("that the wrong side lies: a damaged disk gives the same picture")
	return v, nil
}

func (c *headsDiffer) fact() []string { return headFacts(c.Notes) }

// wentBack holds two cosigned notes, the first one of greater size and earlier time.
type wentBack struct {
	Notes []string `json:"notes"`
}

func (c *wentBack) verify(t *Trust) (Verdict, error) {
	heads, err := t.readHeads(c.Notes)
	if err != nil {
		return Verdict{}, err
	}
	first, second := heads[0], heads[1]
	if second.note.Size >= first.note.Size {
		return Verdict{}, unproven("the second head has size %d, the first one %d; it must be smaller", second.note.Size, first.note.Size)
	}
	v := Verdict{Origin: first.note.Origin}
	for _, s := range first.signers {
		later, ok := second.signer(s.key.Key)
		if s.key.Type != checkpoint.CosignerKey || !ok || later.at <= s.at {
			continue
		}
		v.Convicted = append(v.Convicted, s.key.owner.accused(s.key.String()))
		v.prove("%s cosigned size %d of log %s at %d s of unix time and size %d at %d s. A cosignature says that its size is the largest that the cosigner has seen.",
			s.key.owner.name, first.note.Size, v.Origin, s.at, second.note.Size, later.at)
	}
	if len(v.Convicted) == 0 {
		return Verdict{}, unproven("no known cosigner signed the smaller head at a later time than the greater one")
	}
	v.limit("that the two heads contradict each other: both may be of the true ledger")
	v.limit("intent: a node that was put back to an old backup, or whose clock was set back between the two, gives the same picture")
	return v, nil
}

func (c *wentBack) fact() []string { return lineFacts(c.Notes) }

// signer is one known key's line of a head, verified.
type signer struct {
	key  headKey
	at   uint64 // unix seconds, of a cosigner
	line checkpoint.Signature
}

// head is a parsed note and those known keys that signed it.
type head struct {
	note    *checkpoint.Note
	signers []signer
}

type headPair [2]head

// differ demands one size and two roots.
func (p headPair) differ() error {
	a, b := p[0].note, p[1].note
	switch {
	case a.Size != b.Size:
		return unproven("the heads have sizes %d and %d; only heads of one size contradict each other by themselves", a.Size, b.Size)
	case a.Root == b.Root:
		return unproven("the heads are the same")
	}
	return nil
}

// both lists those who signed both heads, with the keys they did it with.
func (p headPair) both() []Accused {
	var both []Accused
	for _, a := range p[0].accused() {
		for _, b := range p[1].accused() {
			if a.Name == b.Name {
				keys := slices.Concat(a.Keys, b.Keys)
				slices.Sort(keys)
				a.Keys = slices.Compact(keys)
				both = append(both, a)
			}
		}
	}
	return both
}

// accused lists the owners of the keys that signed, each once.
func (h head) accused() []Accused {
	var list []Accused
	for _, s := range h.signers {
		at := slices.IndexFunc(list, func(a Accused) bool { return a.Name == s.key.owner.name })
		if at < 0 {
			at = len(list)
			list = append(list, s.key.owner.accused())
		}
		list[at].Keys = append(list[at].Keys, s.key.String())
	}
	return list
}

func (h head) signer(key checkpoint.Key) (signer, bool) {
	for _, s := range h.signers {
		if s.key.Key == key {
			return s, true
		}
	}
	return signer{}, false
}

// readHeads reads two notes of one log, each signed by a known key.
func (t *Trust) readHeads(texts []string) (headPair, error) {
	var pair headPair
	if len(texts) != 2 {
		return pair, unproven("%d notes, expected 2", len(texts))
	}
	for i, text := range texts {
		note, err := parseNote(text)
		if err != nil {
			return pair, err
		}
		if pair[i], err = t.readHead(note); err != nil {
			return pair, err
		}
	}
	if a, b := pair[0].note.Origin, pair[1].note.Origin; a != b {
		return pair, unproven("the heads are of different logs, %.100q and %.100q", a, b)
	}
	return pair, nil
}

// readHead verifies every line of a known key. A line that does not hold spoils the
// note, and no key may stand twice.
func (t *Trust) readHead(note *checkpoint.Note) (head, error) {
	h := head{note: note}
	if !t.knowsOrigin(note.Origin) {
		return head{}, unproven("the head is of log %.100q, which is not the trusted one", note.Origin)
	}
	for _, key := range t.keys {
		if key.Type == checkpoint.LogKey && key.Name != note.Origin {
			continue
		}
		for _, line := range note.Signatures {
			if line.Name != key.Name || line.KeyID != key.ID() {
				continue
			}
			if _, twice := h.signer(key.Key); twice {
				return head{}, unproven("the key %s stands twice under one head", key)
			}
			at, err := key.Verify(&checkpoint.Note{Checkpoint: note.Checkpoint, Signatures: []checkpoint.Signature{line}})
			if err != nil {
				return head{}, unproven("%v", err)
			}
			h.signers = append(h.signers, signer{key: key, at: at, line: line})
		}
	}
	if len(h.signers) == 0 {
		return head{}, unproven("no known key signed the head of size %d", note.Size)
	}
	return h, nil
}

// knowsOrigin tells whether a log is the trusted one, or one of them.
func (t *Trust) knowsOrigin(origin string) bool {
	if t.genesis != nil {
		return t.genesis.Name == origin
	}
	for _, p := range t.files {
		if slices.ContainsFunc(p.Logs, func(l checkpoint.LogLine) bool { return l.Key.Name == origin }) || len(p.Logs) == 0 {
			return true
		}
	}
	return false
}

func parseNote(text string) (*checkpoint.Note, error) {
	note, err := checkpoint.ParseNote([]byte(text))
	if err != nil {
		return nil, unproven("%v", err)
	}
	return note, nil
}

// keep tells whether a signer's line of one head belongs into the evidence, given
// the other head.
type keep func(s signer, other head) bool

func bothSigned(s signer, other head) bool {
	return slices.ContainsFunc(other.signers, func(o signer) bool { return o.key.owner == s.key.owner })
}

func bothCosigned(s signer, other head) bool {
	_, ok := other.signer(s.key.Key)
	return ok && s.key.Type == checkpoint.CosignerKey
}

// reduce writes two notes with the lines of known keys only, and of those the ones
// to keep; nil keeps all.
func (t *Trust) reduce(a, b *checkpoint.Note, keep keep) ([]string, error) {
	var pair headPair
	for i, note := range []*checkpoint.Note{a, b} {
		once := &checkpoint.Note{Checkpoint: note.Checkpoint}
		once.Add(note.Signatures...)
		h, err := t.readHead(once)
		if err != nil {
			return nil, err
		}
		pair[i] = h
	}
	texts := make([]string, 2)
	for i, h := range pair {
		reduced := checkpoint.Note{Checkpoint: h.note.Checkpoint}
		for _, s := range h.signers {
			if keep == nil || keep(s, pair[1-i]) {
				reduced.Signatures = append(reduced.Signatures, s.line)
			}
		}
		if len(reduced.Signatures) == 0 {
			return nil, unproven("no known key signed both heads")
		}
		texts[i] = string(reduced.Encode())
	}
	return texts, nil
}

// headFacts names the two heads, whatever their order.
func headFacts(texts []string) []string {
	facts := make([]string, 0, len(texts))
	for _, text := range texts {
		if note, err := parseNote(text); err == nil {
			facts = append(facts, string(note.Text()))
		}
	}
	slices.Sort(facts)
	return facts
}

// lineFacts names the log and the keys whose lines stand under the heads.
func lineFacts(texts []string) []string {
	var facts []string
	for _, text := range texts {
		note, err := parseNote(text)
		if err != nil {
			continue
		}
		facts = append(facts, note.Origin)
		for _, s := range note.Signatures {
			facts = append(facts, s.Name+"+"+strconv.FormatUint(uint64(s.KeyID), 16))
		}
	}
	slices.Sort(facts)
	return slices.Compact(facts)
}

func (v *Verdict) prove(format string, args ...any) {
	v.Proves = append(v.Proves, fmt.Sprintf(format, args...))
}

func (v *Verdict) limit(format string, args ...any) {
	v.DoesNotProve = append(v.DoesNotProve, fmt.Sprintf(format, args...))
}

// names lists accused for a sentence.
func names(list []Accused) string {
	text := ""
	for i, a := range list {
		switch {
		case i > 0 && i == len(list)-1:
			text += " and "
		case i > 0:
			text += ", "
		}
		text += a.Name
	}
	return text
}
