package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/cosign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// awaitFinal waits until members have a final checkpoint of at least a size, and
// verifies each.
func (c *cluster) awaitFinal(size uint64, members ...*member) {
	c.tb.Helper()
	genesis, err := ledger.DecodeGenesis(c.genesis)
	must(c.tb, err)
	policy := genesis.Policy()
	for _, m := range members {
		eventually(c.tb, func() error {
			final, ok := m.running.store.Final()
			if !ok || final.Size < size {
				return fmt.Errorf("%s: final size %d of %d; alarms %q", m.id(), final.Size, size, m.running.cosigner.Alarms())
			}
			note, err := checkpoint.ParseNote(final.Note)
			if err == nil {
				_, err = policy.Checkpoint().Verify(note)
			}
			return err
		})
	}
}

func TestEveryNodeHasTheFinalCheckpoint(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	c.stone(c.members[1], dealer)
	size, _ := c.awaitEqual()
	c.awaitFinal(size, c.members...)

	// One down: the others go on.
	leader, others := c.leader()
	c.stop(others[0])
	c.stone(leader, dealer)
	c.awaitFinal(size+1, leader, others[1])

	// It comes back and has it too.
	c.start(others[0])
	c.awaitReady(others[0])
	c.stone(others[0], dealer)
	c.awaitFinal(size+2, c.members...)

	// Another leads: only who asks changes.
	must(t, leader.running.Replica().HandOn(t.Context()))
	c.stone(others[1], dealer)
	c.awaitFinal(size+3, c.members...)
	for _, m := range c.members {
		status := &custodyv1.GetStatusResponse{}
		eventually(t, func() error {
			m.running.cosigner.Describe(status)
			if len(status.FinalCosigners) < 2 || status.FinalReceivedMs == 0 || status.FinalSize < size+3 {
				return fmt.Errorf("status %v", status)
			}
			return nil
		})
	}
}

func TestStatementsOfSeveralAssociations(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	stone := c.stone(c.members[1], dealer)
	size, _ := c.awaitEqual()
	genesis, err := ledger.DecodeGenesis(c.genesis)
	must(t, err)
	policy := genesis.Policy()
	verify := func(final *custodyv1.FinalStatement, payloadType string) {
		t.Helper()
		valid := map[string]bool{}
		for _, s := range final.Signatures {
			n, ok := policy.Node(s.NodeId)
			if ok && sign.Verify(n.Statement, sign.PAE(payloadType, final.Payload), s.Signature) == nil {
				valid[n.Association] = true
			}
		}
		if len(valid) < int(policy.Quorum) {
			t.Errorf("%d associations stated it", len(valid))
		}
		note, err := checkpoint.ParseNote(final.Note)
		must(t, err)
		_, err = policy.Checkpoint().Verify(note)
		must(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, m := range c.members {
		final, err := m.running.cosigner.Statements(ctx, size, stone.Item)
		must(t, err)
		verify(final, sign.StatementPayloadType)
		statement, err := ledger.ParseStatement(final.Payload)
		must(t, err)
		if statement.Item != stone.Item || statement.Size < size || statement.Custody.Party != dealer.Party() {
			t.Errorf("%+v", statement)
		}
		absence, err := m.running.cosigner.Absence(ctx, ledger.EventID{9}, 0)
		must(t, err)
		verify(absence, sign.AbsencePayloadType)
	}
	one := c.members[0].running.cosigner
	for name, err := range map[string]error{
		cosign.NotFound: second(one.Statements(ctx, size, ledger.ItemID{9})),
		cosign.TooEarly: second(one.Absence(ctx, ledger.EventID{9}, uint64(time.Now().Add(time.Hour).UnixMilli()))),
		cosign.MovedOn:  second(one.State(ctx, &custodyv1.StateRequest{Size: 1, Of: &custodyv1.StateRequest_Item{Item: stone.Item[:]}})),
	} {
		if got := cosign.ReasonOf(err); got != name {
			t.Errorf("%v, expected %s", err, name)
		}
	}
	if _, err := one.State(ctx, &custodyv1.StateRequest{Size: size}); err == nil {
		t.Error("states nothing in particular")
	}
	registered := stone.Prev
	if err := second(one.Absence(ctx, registered, 0)); cosign.ReasonOf(err) != cosign.Recorded {
		t.Errorf("absence of an event that is there: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnOldCopyOfAFolderDoesNotRun(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	_, others := c.leader()
	m := others[0]
	c.awaitFinal(2, c.members...)
	c.stop(m)
	old := filepath.Join(t.TempDir(), "old")
	must(t, os.CopyFS(old, os.DirFS(m.config.DataDir)))
	c.start(m)
	c.awaitReady(m)
	for range 3 {
		c.stone(m, dealer)
	}
	size, _ := c.awaitEqual()
	c.awaitFinal(size, c.members...)
	// It has signed the end of the ledger.
	eventually(t, func() error {
		if head, ok := m.running.store.SignedHead(); !ok || head.Size < size {
			return errors.New("not signed yet")
		}
		return nil
	})
	c.stone(m, dealer) // so that the leader's last round is over
	c.awaitFinal(size+1, c.members...)
	c.stop(m)
	must(t, os.RemoveAll(m.config.DataDir))
	must(t, os.CopyFS(m.config.DataDir, os.DirFS(old)))

	n, err := Start(m.config, Options{Logger: testLogger(t), RecallPatience: 5 * time.Second})
	if err == nil {
		must(t, n.Close())
	}
	if !errors.Is(err, cosign.ErrRolledBack) || !strings.Contains(err.Error(), "custodyd rejoin") {
		t.Fatalf("an old copy of its folder: %v", err)
	}

	// The way back that the error names.
	must(t, os.RemoveAll(m.config.DataDir))
	_, err = Rejoin(m.config, false, rand.Reader)
	must(t, err)
	c.start(m)
	c.awaitReady(m)
	c.stone(m, dealer)
	c.awaitFinal(size+2, c.members...)
	eventually(t, func() error { // and it signs again
		if head, ok := m.running.store.SignedHead(); !ok || head.Size < size+1 {
			return fmt.Errorf("signed %v; alarms %q", head, m.running.cosigner.Alarms())
		}
		return nil
	})
}

func TestEvidenceFolderIsBounded(t *testing.T) {
	kept, err := openEvidence(filepath.Join(t.TempDir(), "evidence"))
	must(t, err)
	for i := range evidencePerKindMax {
		fresh, err := kept.keep(fmt.Sprintf("two-heads-%016x.json", i), []byte("{}"))
		if err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	}
	if fresh, err := kept.keep("two-heads-0000000000000001.json", []byte("{}")); err != nil || fresh {
		t.Errorf("the same fact again: %v, %v", fresh, err)
	}
	if _, err := kept.keep("two-heads-ffffffffffffffff.json", []byte("{}")); !errors.Is(err, errEvidenceFull) {
		t.Errorf("one too many: %v", err)
	}
	if fresh, err := kept.keep("two-proposals-0000000000000001.json", []byte("{}")); err != nil || !fresh {
		t.Errorf("another kind: %v, %v", fresh, err)
	}
	must(t, kept.keepPair("final-differs", []byte("own\n"), []byte("note\n")))
}

func TestFurtherKeysOfAnIdentity(t *testing.T) {
	c := found(t)
	m := c.members[0]
	before, err := LoadIdentity(m.config.IdentityDir)
	must(t, err)
	part, err := AddNodeKeys(m.config.IdentityDir, rand.Reader)
	must(t, err)
	again, err := AddNodeKeys(m.config.IdentityDir, rand.Reader)
	must(t, err)
	after, err := LoadIdentity(m.config.IdentityDir)
	must(t, err)
	keys := after.keys()
	if len(keys.Log) != 3 || len(keys.Cosigner) != 3 || len(keys.Statement) != 3 || keys.Log[0].Public() != before.Log.Public() {
		t.Errorf("%d log keys", len(keys.Log))
	}
	for _, p := range []Part{part, again} {
		public, err := ledger.ParseKeyText(p.Node.StatementKey)
		must(t, err)
		if _, ok := cosign.Pick(keys.Statement, public); !ok {
			t.Errorf("statement key %s was not kept", p.Node.StatementKey)
		}
	}
	// A key of another use is not taken for one.
	must(t, os.Rename(filepath.Join(m.config.IdentityDir, "log-2.key"), filepath.Join(m.config.IdentityDir, "cosigner-4.key")))
	if _, err := LoadIdentity(m.config.IdentityDir); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log key among the cosigner keys: %v", err)
	}
}

// TestAChangeOfKeysAndQuorum has an association change its node's keys and the
// quorum. From the handover on the new keys sign, and three must.
func TestAChangeOfKeysAndQuorum(t *testing.T) {
	c := found(t)
	m := c.members[0]
	part, err := AddNodeKeys(m.config.IdentityDir, rand.Reader)
	must(t, err)
	for _, m := range c.members {
		c.start(m)
	}
	c.awaitReady(c.members...)
	dealer := c.dealer(m, "Dealer")
	size, _ := c.awaitEqual()
	c.awaitFinal(size, c.members...)

	identity, err := LoadIdentity(m.config.IdentityDir)
	must(t, err)
	base := m.running.store.Policy().ID()
	wire := func(text string) []byte {
		key, err := ledger.ParseKeyText(text)
		must(t, err)
		return key.Bytes()
	}
	propose := c.governed(m, &custodyv1.Event{Body: &custodyv1.Event_PolicyPropose{PolicyPropose: &custodyv1.PolicyPropose{
		Base: base[:], Quorum: 3,
		Node: &custodyv1.NodeKeys{
			NodeId: m.id(), LogKey: wire(part.Node.LogKey), CosignerKey: wire(part.Node.CosignerKey), StatementKey: wire(part.Node.StatementKey),
		},
	}}}, identity.More.Log[0], identity.More.Cosigner[0], identity.More.Statement[0])
	proposal := c.submission(propose)
	c.record(m, proposal)
	id := proposal[0].ID
	c.record(m, c.submission(c.governed(c.members[1], &custodyv1.Event{Body: &custodyv1.Event_PolicyApprove{PolicyApprove: &custodyv1.PolicyApprove{Proposal: id[:]}}})))

	for _, m := range c.members {
		eventually(t, func() error {
			if policy := m.running.store.Policy(); policy.Quorum != 3 || policy.ID() == base {
				return fmt.Errorf("%s: the policy is not handed over; alarms %q", m.id(), m.running.cosigner.Alarms())
			}
			return nil
		})
	}
	c.stone(c.members[1], dealer)
	size, _ = c.awaitEqual()
	policy := m.running.store.Policy()
	final := func(m *member) (*checkpoint.Final, error) {
		final, ok := m.running.store.Final()
		if !ok || final.Size < size {
			return nil, fmt.Errorf("%s: final size %d of %d; alarms %q", m.id(), final.Size, size, m.running.cosigner.Alarms())
		}
		note, err := checkpoint.ParseNote(final.Note)
		if err != nil {
			return nil, err
		}
		return policy.Checkpoint().Verify(note)
	}
	for _, m := range c.members {
		eventually(t, func() error { return second(final(m)) })
	}

	// The node leads with its new statement key at once, without a start.
	eventually(t, func() error {
		leader, _ := c.leader()
		if leader == m {
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return errors.Join(errors.New("another node leads"), leader.running.Replica().HandOn(ctx))
	})
	c.stone(m, dealer)
	size, _ = c.awaitEqual()
	eventually(t, func() error { return second(final(c.members[2])) })
}

// governed signs an event of an association, with keys that must sign it too.
func (c *cluster) governed(m *member, event *custodyv1.Event, others ...sign.PrivateKey) ledger.SignedEvent {
	c.tb.Helper()
	party, now := m.governance.Party(), uint64(time.Now().UnixMilli())
	event.LedgerId, event.Party, event.Nonce = c.id[:], party[:], make([]byte, 16)
	rand.Read(event.Nonce)
	event.OccurredAtMs, event.NotAfterMs = now, now+uint64(ledger.NotAfterDefault.Milliseconds())
	keys := append([]sign.PrivateKey{m.governance.Key}, others...)
	var public []sign.PublicKey
	for _, key := range keys {
		public = append(public, key.Public())
	}
	draft, err := ledger.NewDraft(event, public...)
	must(c.tb, err)
	for _, key := range keys {
		must(c.tb, draft.Sign(key))
	}
	signed, err := draft.Signed()
	must(c.tb, err)
	return signed
}
