package adversary

import (
	"crypto/rand"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// A dealer who sells one stone twice signs two events that follow one and the same. One of them is recorded at most, and
// whoever holds both can make the holder of the key answer.
func TestDealerSignsTwoChildren(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	third := n.dealer("chen")
	one, other := trader.goods, trader.goods
	first, err := one.Send(trader.a, trader.b, custodyv1.Mode_MODE_SALE)
	n.must(err)
	second, err := other.Send(trader.a, third, custodyv1.Mode_MODE_SALE)
	n.must(err)
	n.record(first)
	n.refused(second, ledger.StalePrev)
	n.answerTwoChildren(first, second, trader.a.Key.Public())
}

// An event by a key that was revoked earlier in the log is refused by every node. A node that records it all the same
// signs a head over it, which convicts that node.
func TestRevokedKeySigns(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	clerk := n.clerk(trader.a)
	late := n.registration(clerk)
	revocation, err := trader.a.KeyRevoke(clerk.Key.Public().ID(), custodyv1.RevokeReason_REVOKE_REASON_LEFT)
	n.must(err)
	revoked := n.record(revocation)
	n.refused(late, ledger.KeyRevoked)
	n.final(revoked.Index + 1)

	l := n.corrupt(n.members[0])
	forged := n.forge(n.entries(n.members[1]), func(entries []*ledger.Entry) []*ledger.Entry {
		return append(entries, recorded(entries, late, revoked.Index))
	})
	n.convictBadEntry(l, forged, evidence.FaultRevoked, revoked.Index, forged.size()-1)
	l.open(forged, nil, nil)
	l.auditFinds("KEY_REVOKED")
}

// An event of another ledger names that ledger, so that nobody can replay it here.
func TestReplayFromAnotherLedger(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	elsewhere, err := trade.DealerOf(ledger.LedgerID{1}, "asha", trader.a.Key)
	n.must(err)
	foreign := n.registration(elsewhere)
	n.refused(foreign, ledger.WrongLedger)

	l := n.corrupt(n.members[0])
	forged := n.forge(n.entries(n.members[1]), func(entries []*ledger.Entry) []*ledger.Entry {
		return append(entries, recorded(entries, foreign))
	})
	n.convictBadEntry(l, forged, evidence.FaultLedger, forged.size()-1)
	l.open(forged, nil, nil)
	l.auditFinds("WRONG_LEDGER")
}

// recorded is an entry behind others with an event, as a node would make it that does not look at the event.
func recorded(entries []*ledger.Entry, event ledger.SignedEvent, links ...uint64) *ledger.Entry {
	return &ledger.Entry{Kind: ledger.KindEvent, RecordedAt: entries[len(entries)-1].RecordedAt, Links: links, Signed: event}
}

// clerk gives a dealer a second key, and the dealer as it signs with it.
func (n *network) clerk(d trade.Dealer) trade.Dealer {
	n.Helper()
	key, err := trade.NewDealer(n.id, d.Name)
	n.must(err)
	draft, err := d.KeyAdd(key.Key.Public(), ledger.ScopeRegister)
	n.must(err)
	n.must(draft.Sign(key.Key))
	event, err := draft.Signed()
	n.must(err)
	n.record(event)
	author, err := client.NewAuthor(client.AuthorConfig{Ledger: n.id, Party: d.Party(), Key: key.Key, Now: n.clock.now, Random: rand.Reader})
	n.must(err)
	return trade.Dealer{Name: d.Name, Key: key.Key, Author: author}
}
