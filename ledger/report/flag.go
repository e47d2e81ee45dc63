package report

import (
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Codes of flags.
const (
	FlagCutLoss        = "cut-loss"         // more than cutLossPermille was lost by cutting
	FlagNoKnownOutput  = "no-known-output"  // a mining country that is not known to mine this
	FlagCustomsOrigin  = "customs-origin"   // the mining country may have been copied from customs
	FlagWithdrawn      = "withdrawn-paper"  // a paper that something relied on was withdrawn
	FlagFinding        = "finding"          // pieces of another nature were found
	FlagExpired        = "expired-paper"    // a paper that something rests on has expired
	FlagContested      = "contested-number" // another live item claims the same outside id
	FlagIdentityStated = "identity-stated"  // goods came back and were recognised by nothing
	FlagDisputed       = "disputed"         // an origin or another claim is disputed
)

// cutLossPermille is the loss above which a cut is flagged: rough of good shape keeps
// a third to a half, and little is left of a stone that was swapped.
const cutLossPermille = 850

func (b *builder) flags(items []*provenance.Item, parts []provenance.Part) []Flag {
	var list []Flag
	add := func(code string, item *provenance.Item, format string, args ...any) {
		list = append(list, Flag{Code: code, Item: item.ID.String(), Text: fmt.Sprintf(format, args...)})
	}
	cuts := map[*provenance.Event]bool{}
	for _, item := range b.upstream {
		if body, ok := item.MadeBy.Body.(*custodyv1.Transform); ok && !cuts[item.MadeBy] && body.Process == custodyv1.Process_PROCESS_CUT {
			cuts[item.MadeBy] = true
			for _, lost := range losses(item.MadeBy, body) {
				if lost.Permille > cutLossPermille {
					add(FlagCutLoss, item, "Cutting lost %s, %d of 1,000 parts of what went in.", lost.Mass.Text, lost.Permille)
				}
			}
		}
		b.flagOrigins(item, add)
		for _, e := range item.Events {
			if back, ok := e.Body.(*custodyv1.Reenter); ok && back.Identity == custodyv1.Identity_IDENTITY_STATED {
				add(FlagIdentityStated, item, "It came back from outside the ledger on %s, and only its holder's word says that it is the same.", Date(e.RecordedAt))
			}
		}
		for _, a := range item.Attestations {
			switch {
			case a.Withdrawn != nil:
				add(FlagWithdrawn, item, "Relied on: a %s, entry %d, that was withdrawn: %s.", vocabulary.Word(a.Attest.Kind), a.Index, vocabulary.Word(a.Reason))
			case a.Finding():
				add(FlagFinding, item, "A %s, entry %d, found %d of another nature than declared: %s.", vocabulary.Word(a.Attest.Kind), a.Index, a.Attest.FoundCount, vocabulary.Word(a.Attest.FoundNature))
			case a.Expired:
				add(FlagExpired, item, "A %s, entry %d, expired on %s.", vocabulary.Word(a.Attest.Kind), a.Index, Date(a.Attest.ExpiresMs))
			}
		}
		if item.Contested {
			add(FlagContested, item, "Another live item claims one of its numbers.")
		}
	}
	for _, part := range parts {
		for _, c := range part.Components {
			if c.Disputed {
				add(FlagDisputed, part.Item, "The origin of %s is disputed.", weight(c.Micrograms, part.Matter.Material))
			}
		}
	}
	for _, item := range items {
		for _, c := range item.Claims {
			if c.Disputed {
				add(FlagDisputed, item, "Its %s is disputed.", vocabulary.Word(c.Claim))
			}
		}
	}
	return list
}

// flagOrigins looks at what a registration says of countries.
func (b *builder) flagOrigins(item *provenance.Item, add func(string, *provenance.Item, string, ...any)) {
	register, ok := item.MadeBy.Body.(*custodyv1.ItemRegister)
	if !ok {
		return
	}
	said := map[string]bool{}
	for _, c := range register.Origin {
		for _, country := range c.Countries {
			diamond := register.Material == custodyv1.Material_MATERIAL_DIAMOND && !vocabulary.MinesDiamonds(country)
			gold := c.Metal == custodyv1.Metal_METAL_GOLD && !vocabulary.MinesGold(country)
			if (diamond || gold) && !said[country] {
				said[country] = true
				add(FlagNoKnownOutput, item, "%s is not known to mine %s.", country, substance(register.Material, c.Metal))
			}
		}
	}
	if register.CustomsOrigin == "" || len(item.Origin) == 0 {
		return
	}
	for _, c := range item.Origin {
		if strings.TrimSpace(c.Countries) != register.CustomsOrigin || c.Level > custodyv1.Evidence_EVIDENCE_STATED {
			return
		}
	}
	if register.Acquisition != custodyv1.Acquisition_ACQUISITION_PRODUCED {
		add(FlagCustomsOrigin, item, "The mining country %s is the customs origin too and only stated: it may have been copied. Customs call the country of cutting or manufacture the origin.", register.CustomsOrigin)
	}
}
