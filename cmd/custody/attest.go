package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/describe"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

type attestFlags struct {
	kind                                 custodyv1.DocumentKind
	found                                custodyv1.Nature
	file, issuer, country, number        string
	issued, expires, countries, producer string
	quantity, drawn, treatments          string
	claims                               []string
	foundCount                           uint32
	own                                  bool
}

func (a *app) attestCommand() *cobra.Command {
	var flags attestFlags
	cmd := &cobra.Command{
		Use:   "attest ITEM --kind kimberley-certificate --file FILE --claims origin,mass",
		Short: "Say that there is a paper about an item, and what it bears out",
		Long: `Say that there is a paper about an item. The ledger gets the SHA-256 of the file and
what you say of it, never the file. A copy of somebody else's paper names its issuer;
your own says --own. What a paper can bear out, and how well, is a table of the
ledger: a grading report shows identity, never origin.

A claim may say how well it is borne out, as in origin:documented; else it is as
well as such a paper can.`,
		Args: arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := flags.body()
			if err != nil {
				return err
			}
			item, err := parseItem(args[0])
			if err != nil {
				return err
			}
			body.Item = item[:]
			return a.about(cmd.Context(), item, "A "+words.Of(flags.kind)+" about item %s is attested: "+claimsText(body.Claims)+".", &custodyv1.Event{Body: &custodyv1.Event_Attest{Attest: body}})
		},
	}
	f := cmd.Flags()
	choice(cmd, &flags.kind, "kind", "what paper it is")
	f.StringVar(&flags.file, "file", "", "the paper as a `file`; its SHA-256 is recorded")
	f.StringSliceVar(&flags.claims, "claims", nil, "what it bears out: "+words.List(words.All[custodyv1.Claim](), "and"))
	f.BoolVar(&flags.own, "own", false, "you issue it yourself")
	f.StringVar(&flags.issuer, "issuer", "", "`name` of who issued it")
	f.StringVar(&flags.country, "country", "", "country of the authority that issued it")
	f.StringVar(&flags.number, "number", "", "its number, capital letters and digits")
	f.StringVar(&flags.issued, "issued", "", "`day` of issue")
	f.StringVar(&flags.expires, "expires", "", "last `day` on which it is valid")
	f.StringVar(&flags.countries, "countries", "", "claim origin: every mining country that it names, BW/ZA")
	f.StringVar(&flags.producer, "producer", "", "claim producer: whom it names")
	f.StringVar(&flags.quantity, "quantity", "", "all that it covers, such as 10ct or 10ct/300")
	f.StringVar(&flags.drawn, "drawn", "", "how much of that this item takes")
	f.Uint32Var(&flags.foundCount, "found", 0, "so many pieces were found to be of another nature")
	choice(cmd, &flags.found, "found-nature", "of which nature those are")
	f.StringVar(&flags.treatments, "treatments", "", "claim treatment: AGTA `codes` found, H+O@2020")
	require(cmd, "kind", "file", "claims")
	cmd.AddCommand(a.attestWithdrawCommand())
	return cmd
}

func (f *attestFlags) body() (*custodyv1.Attest, error) {
	sum, err := hashFile(f.file)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	b := &custodyv1.Attest{
		Kind: f.kind, Own: f.own, Issuer: f.issuer, Country: f.country, Number: f.number, DocumentSha256: sum,
		Producer: f.producer, FoundCount: f.foundCount, FoundNature: f.found,
	}
	for _, text := range f.claims {
		claim, err := f.claim(text)
		if err != nil {
			return nil, err
		}
		b.Claims = append(b.Claims, claim)
	}
	slices.SortFunc(b.Claims, func(x, y *custodyv1.ClaimMade) int { return cmp.Compare(x.Claim, y.Claim) })
	if f.countries != "" {
		b.Countries = strings.Split(f.countries, "/")
		slices.Sort(b.Countries)
	}
	for _, day := range []struct {
		name, text string
		end        bool
		into       *uint64
	}{{"--issued", f.issued, false, &b.IssuedMs}, {"--expires", f.expires, true, &b.ExpiresMs}} {
		if day.text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, day.text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: expected a day such as 2027-01-31", day.name, day.text)
		}
		if day.end {
			at = at.Add(24*time.Hour - time.Millisecond)
		}
		*day.into = uint64(at.UnixMilli())
	}
	for _, portion := range []struct {
		name, text string
		into       **custodyv1.Portion
	}{{"--quantity", f.quantity, &b.Quantity}, {"--drawn", f.drawn, &b.Drawn}} {
		if portion.text == "" {
			continue
		}
		if *portion.into, err = describe.Portion(portion.text); err != nil {
			return nil, fmt.Errorf("%s %q: %w", portion.name, portion.text, err)
		}
	}
	if f.treatments != "" {
		goods, err := describe.Parse("treatments=" + f.treatments)
		if err != nil {
			return nil, err
		}
		b.Treatments = goods.Treatments
	}
	return b, nil
}

// claim reads claim or claim:level.
func (f *attestFlags) claim(text string) (*custodyv1.ClaimMade, error) {
	name, levelText, said := strings.Cut(text, ":")
	claim, err := words.Parse[custodyv1.Claim](name)
	if err != nil {
		return nil, fmt.Errorf("--claims: %w", err)
	}
	level := vocabulary.HighestOf(f.kind, claim, f.own)
	if said {
		if level, err = words.Parse[custodyv1.Evidence](levelText); err != nil {
			return nil, fmt.Errorf("--claims: %w", err)
		}
	}
	if level == 0 {
		return nil, fmt.Errorf("--claims %s: a %s cannot bear that out", text, words.Of(f.kind))
	}
	return &custodyv1.ClaimMade{Claim: claim, Level: level}, nil
}

func (a *app) attestWithdrawCommand() *cobra.Command {
	reason := custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_MISTAKE
	var attestor string
	cmd := &cobra.Command{
		Use:   "withdraw ITEM EVENT --reason retracted",
		Short: "Take an attestation back, as who made it or as an association that sponsors them",
		Args:  arguments("ITEM", "EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			item, err := parseItem(args[0])
			if err != nil {
				return err
			}
			event, err := ledger.ParseEventID(args[1])
			if err != nil {
				return err
			}
			body := &custodyv1.AttestWithdraw{Item: item[:], Attestation: event[:], Reason: reason}
			if attestor != "" {
				party, err := parseParty(attestor)
				if err != nil {
					return err
				}
				body.Attestor = party[:]
			}
			if attestor != "" {
				party, err := parseParty(attestor)
				if err != nil {
					return err
				}
				body.Attestor = party[:]
			}
			return a.about(cmd.Context(), item, "An attestation of item %s is taken back; whatever relied on it shows that.",
				&custodyv1.Event{Body: &custodyv1.Event_AttestWithdraw{AttestWithdraw: body}})
		},
	}
	choice(cmd, &reason, "reason", "why")
	cmd.Flags().StringVar(&attestor, "attestor", "", "association: `party` id of who attested it")
	return cmd
}

// about signs and records an event that says something about an item.
func (a *app) about(ctx context.Context, item ledger.ItemID, done string, event *custodyv1.Event) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	d, err := s.author.Draft(event, nil)
	if err != nil {
		return err
	}
	signed, err := d.Signed()
	if err != nil {
		return err
	}
	w, err := a.record(ctx, s.Client, signed, fmt.Sprintf(done, item))
	if err != nil {
		return err
	}
	w.Item = item.String()
	return a.print(w)
}
