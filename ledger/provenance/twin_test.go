package provenance_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/provenance/provenancetest"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// grain is the naive twin's view of goods: every sack of them remembers, by country, the
// weakest evidence of anything that may be in it. It is worked out by going back from a
// sack by recursion, each time anew, and knows nothing of versions or blends.
type grain struct {
	origins func() map[string]custodyv1.Evidence // countries joined by a space
	papers  []*custodyv1.ClaimMade               // standing now, about the sack itself
}

func (s *grain) evidence() map[string]custodyv1.Evidence {
	from := s.origins()
	for countries := range from {
		for _, c := range s.papers {
			from[countries] = max(from[countries], c.Level)
		}
	}
	return from
}

// TestAgainstTwin: random trade in rough of three countries with certificates that come
// and go gives, for every item, the same countries and levels as the twin.
func TestAgainstTwin(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t)
			random := rand.New(rand.NewPCG(seed, 4))
			twin := map[ledger.ItemID]*grain{}
			var live []ledger.ItemID
			type withdrawable struct {
				item  ledger.ItemID
				event ledger.EventID
			}
			var papers []withdrawable
			take := func() ledger.ItemID {
				at := random.IntN(len(live))
				id := live[at]
				live = append(live[:at], live[at+1:]...)
				return id
			}
			union := func(of *grain) func() map[string]custodyv1.Evidence {
				return func() map[string]custodyv1.Evidence {
					in := of.evidence()
					if len(in) == 1 {
						return in
					}
					all, weakest := map[string]bool{}, custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED
					for countries, level := range in {
						for _, c := range strings.Fields(countries) {
							all[c] = true
						}
						weakest = min(weakest, level)
					}
					var list []string
					for _, c := range []string{"BW", "NA", "ZA"} {
						if all[c] {
							list = append(list, c)
						}
					}
					return map[string]custodyv1.Evidence{strings.Join(list, " "): weakest}
				}
			}
			for step := range 60 {
				switch action := random.IntN(5); {
				case action == 0 || len(live) < 2:
					country := []string{"BW", "NA", "ZA"}[random.IntN(3)]
					id := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(100*carat, country)))
					twin[id] = &grain{origins: func() map[string]custodyv1.Evidence { return map[string]custodyv1.Evidence{country: stated} }}
					live = append(live, id)
				case action == 1:
					id := live[random.IntN(len(live))]
					var countries []string
					seen := map[string]bool{}
					for joined := range twin[id].origins() {
						for _, c := range strings.Fields(joined) {
							seen[c] = true
						}
					}
					for _, c := range []string{"BW", "NA", "ZA"} {
						if seen[c] {
							countries = append(countries, c)
						}
					}
					event := w.Do(w.miner, w.Certificate(id, fmt.Sprintf("BW%04d", step), w.Matter(id).Mass, countries...))
					twin[id].papers = append(twin[id].papers, &custodyv1.ClaimMade{Level: documented})
					papers = append(papers, withdrawable{id, event})
				case action == 2:
					a, b := take(), take()
					id := w.Make(w.miner, w.Change(merge, []ledger.ItemID{a, b}, provenancetest.RoughOutput(w.Matter(a).Mass+w.Matter(b).Mass)))[0]
					x, y := twin[a], twin[b]
					twin[id] = &grain{origins: func() map[string]custodyv1.Evidence {
						out := x.evidence()
						for countries, level := range y.evidence() {
							if before, ok := out[countries]; ok {
								level = min(level, before)
							}
							out[countries] = level
						}
						return out
					}}
					live = append(live, id)
				case action == 3:
					a := take()
					mass := w.Matter(a).Mass
					ids := w.Make(w.miner, w.Change(split, []ledger.ItemID{a}, provenancetest.RoughOutput(mass/3), provenancetest.RoughOutput(mass-mass/3)))
					for _, id := range ids {
						twin[id] = &grain{origins: union(twin[a])}
					}
					live = append(live, ids...)
				case action == 4 && len(papers) > 0:
					at := random.IntN(len(papers))
					p := papers[at]
					papers = append(papers[:at], papers[at+1:]...)
					w.Do(w.miner, &custodyv1.AttestWithdraw{Item: p.item[:], Attestation: p.event[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_RETRACTED})
					twin[p.item].papers = twin[p.item].papers[1:]
				}
			}
			g := w.Graph()
			for id, sack := range twin {
				want := sack.evidence()
				item := g.Item(id)
				if len(item.Origin) != len(want) {
					t.Fatalf("item %s: %d components, the twin has %v", id, len(item.Origin), want)
				}
				for _, c := range item.Origin {
					if want[c.Countries] != c.Level {
						t.Errorf("item %s, %s: %v, the twin says %v", id, c.Countries, c.Level, want[c.Countries])
					}
				}
				if got := provenance.Weakest(item.Parts()); got > stated && len(item.Withdrawn()) > 0 && len(item.Papers()) == len(item.Withdrawn()) {
					t.Errorf("item %s is %v, but every paper was withdrawn", id, got)
				}
			}
		})
	}
}
