package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/describe"
	"github.com/custodyledger/custodyledger/cmd/custody/stock"
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) shareCommand() *cobra.Command {
	var two twoBodies
	cmd := &cobra.Command{
		Use:   "share ITEM PARTY=PARTS... --draft FILE",
		Short: "Agree with partners who owns how much of an item",
		Long: `Agree with partners who owns how much of an item: all owners that there will be,
each with its parts of the sum, the managing owner, who signs sales, first. Everybody
who owns or will own signs: 'custody countersign' on the draft, one after the other.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(cmd, "expected an item and one owner or more, PARTY=PARTS")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.share(cmd.Context(), args[0], args[1:], two) },
	}
	draftFlags(cmd, &two.draft, &two.with)
	return cmd
}

func (a *app) share(ctx context.Context, item string, owners []string, two twoBodies) error {
	body := &custodyv1.Share{}
	for _, text := range owners {
		partyText, partsText, _ := strings.Cut(text, "=")
		party, err := parseParty(partyText)
		if err != nil {
			return err
		}
		parts, err := strconv.ParseUint(partsText, 10, 32)
		if err != nil || parts == 0 {
			return fmt.Errorf("%s: expected PARTY=PARTS with a number of parts", text)
		}
		body.Owners = append(body.Owners, &custodyv1.TitlePart{Party: party[:], Parts: uint32(parts)})
	}
	return a.together(ctx, item, two, ledger.ScopeReceive|ledger.ScopePassTitle, func(ref *custodyv1.ItemRef, view *custodyv1.ItemView, me ledger.PartyID) (*custodyv1.Event, []ledger.PartyID, error) {
		body.Item = ref
		stays := func(party []byte) bool {
			return slices.ContainsFunc(body.Owners, func(o *custodyv1.TitlePart) bool { return bytes.Equal(o.Party, party) })
		}
		for _, share := range view.GetTitle().GetShares() {
			if party := share.GetOwner().GetParty(); len(party) > 0 && !stays(party) {
				body.Leaving = append(body.Leaving, party)
			}
		}
		slices.SortFunc(body.Leaving, bytes.Compare)
		var others []ledger.PartyID
		for _, o := range body.Owners {
			if id := ledger.PartyID(o.Party); id != me {
				others = append(others, id)
			}
		}
		for _, party := range body.Leaving {
			if id := ledger.PartyID(party); id != me {
				others = append(others, id)
			}
		}
		return &custodyv1.Event{Body: &custodyv1.Event_Share{Share: body}}, others, nil
	})
}

type correctFlags struct {
	line, processedIn, customsOrigin, exportedFrom, hs string
	origins                                            []string
	reason                                             custodyv1.CorrectReason
	two                                                twoBodies
	on                                                 buildOn
}

func (a *app) correctCommand() *cobra.Command {
	flags := correctFlags{reason: custodyv1.CorrectReason_CORRECT_REASON_INCORRECT_DATA}
	cmd := &cobra.Command{
		Use:   "correct ITEM --is 'colour=F report=GIA:2141438167' --origin 1=BW/RU",
		Short: "Correct what you registered; the registration stays readable",
		Long: `Correct what you registered. What you give replaces what was there. An origin can
only be corrected to less certain: more possible countries, or unknown. Where
somebody else holds the item by now, that party countersigns (--draft).`,
		Args: arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.correct(cmd.Context(), args[0], flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.line, "is", "", "a `line` of description and outside ids, as for 'custody transform --out'")
	f.StringVar(&flags.processedIn, "processed-in", "", "country where it was processed")
	f.StringVar(&flags.customsOrigin, "customs-origin", "", "country of origin in the eyes of customs")
	f.StringVar(&flags.exportedFrom, "exported-from", "", "country it was exported from")
	f.StringVar(&flags.hs, "hs", "", "customs code of six digits")
	f.StringArrayVar(&flags.origins, "origin", nil, "`N=COUNTRIES` or N=unknown of origin component N, from 1")
	choice(cmd, &flags.reason, "reason", "why")
	draftFlags(cmd, &flags.two.draft, &flags.two.with)
	flags.on.add(cmd)
	return cmd
}

func (a *app) correct(ctx context.Context, item string, flags correctFlags) error {
	body := &custodyv1.Correct{
		Reason: flags.reason, ProcessedIn: flags.processedIn, CustomsOrigin: flags.customsOrigin, ExportedFrom: flags.exportedFrom, HsCode: flags.hs,
	}
	if flags.line != "" {
		goods, err := describe.Parse(flags.line)
		if err != nil {
			return fmt.Errorf("--is %w", err)
		}
		err = goods.Refuse("a correction changes descriptions and numbers; see the other flags, and 'custody reweigh' for a mass", "mass", "basis", "count", "equal",
			"material", "form", "nature", "stage", "alloy", "fineness", "treatments", "hs", "origin", "mine", "producer", "from", "line")
		if err != nil {
			return fmt.Errorf("--is: %w", err)
		}
		body.Description, body.OutsideIds = goods.Description, goods.OutsideIDs
	}
	for _, text := range flags.origins {
		number, originText, _ := strings.Cut(text, "=")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("--origin %q: expected N=COUNTRIES", text)
		}
		origin, err := stock.ParseOrigin(originText)
		if err != nil {
			return fmt.Errorf("--origin %q: expected %w", text, err)
		}
		body.Origin = append(body.Origin, &custodyv1.OriginCorrection{Component: uint32(n), Countries: origin.Countries})
	}
	if flags.two.draft == "" {
		return a.say(ctx, item, flags.on, "What was registered of item %s is corrected.", func(ref *custodyv1.ItemRef) *custodyv1.Event {
			body.Item = ref
			return &custodyv1.Event{Body: &custodyv1.Event_Correct{Correct: body}}
		})
	}
	return a.together(ctx, item, flags.two, ledger.ScopeReceive, func(ref *custodyv1.ItemRef, view *custodyv1.ItemView, _ ledger.PartyID) (*custodyv1.Event, []ledger.PartyID, error) {
		body.Item, body.Holder = ref, view.GetCustody().GetParty()
		if len(body.Holder) == 0 {
			return nil, nil, errNothing
		}
		return &custodyv1.Event{Body: &custodyv1.Event_Correct{Correct: body}}, []ledger.PartyID{ledger.PartyID(body.Holder)}, nil
	})
}
