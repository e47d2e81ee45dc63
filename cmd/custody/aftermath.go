package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/describe"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) incidentCommand() *cobra.Command {
	var on buildOn
	cmd := &cobra.Command{
		Use:       "incident ITEM lost|stolen|recovered|damaged|repaired|destroyed",
		Short:     "Report what befell an item that you hold or own",
		Long:      "Report what befell an item that you hold or own. What is lost or stolen moves no\nmore until it is reported recovered; what is destroyed is gone for good.",
		Args:      arguments("ITEM", "WHAT"),
		ValidArgs: words.All[custodyv1.IncidentKind](),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := words.Parse[custodyv1.IncidentKind](args[1])
			if err != nil {
				return usage(cmd, "%v", err)
			}
			return a.say(cmd.Context(), args[0], on, "Item %s is reported "+words.Of(kind)+".", func(ref *custodyv1.ItemRef) *custodyv1.Event {
				return &custodyv1.Event{Body: &custodyv1.Event_Incident{Incident: &custodyv1.Incident{Item: ref, Kind: kind}}}
			})
		},
	}
	on.add(cmd)
	return cmd
}

func (a *app) borderCommand() *cobra.Command {
	var from, to, certificate, hs string
	var on buildOn
	cmd := &cobra.Command{
		Use:   "border ITEM --from BW --to BE [--certificate EVENT]",
		Short: "Say that an item crosses a border; rough diamonds with their Kimberley certificate",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := &custodyv1.BorderCross{From: from, To: to, HsCode: hs}
			if certificate != "" {
				event, err := ledger.ParseEventID(certificate)
				if err != nil {
					return err
				}
				body.Certificate = event[:]
			}
			return a.say(cmd.Context(), args[0], on, "Item %s crosses from "+from+" to "+to+".", func(ref *custodyv1.ItemRef) *custodyv1.Event {
				body.Item = ref
				return &custodyv1.Event{Body: &custodyv1.Event_BorderCross{BorderCross: body}}
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "country that it leaves")
	f.StringVar(&to, "to", "", "country that it enters")
	f.StringVar(&certificate, "certificate", "", "`event` id of the attestation of its Kimberley certificate")
	f.StringVar(&hs, "hs", "", "customs code of six digits")
	require(cmd, "from", "to")
	on.add(cmd)
	return cmd
}

func (a *app) disputeCommand() *cobra.Command {
	var ground custodyv1.DisputeGround
	var event, file string
	cmd := &cobra.Command{
		Use:   "dispute ITEM --ground title",
		Short: "Dispute an item that you are or were concerned with; its title rests until a ruling",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			item, err := parseItem(args[0])
			if err != nil {
				return err
			}
			body := &custodyv1.Dispute{Item: item[:], Ground: ground}
			if event != "" {
				id, err := ledger.ParseEventID(event)
				if err != nil {
					return err
				}
				body.Event = id[:]
			}
			if file != "" {
				if body.EvidenceSha256, err = hashFile(file); err != nil {
					return err
				}
			}
			return a.about(cmd.Context(), item, "Item %s is disputed; its title and matter rest until a ruling.", &custodyv1.Event{Body: &custodyv1.Event_Dispute{Dispute: body}})
		},
	}
	choice(cmd, &ground, "ground", "about what")
	cmd.Flags().StringVar(&event, "event", "", "the `event` that is disputed, if it is one")
	cmd.Flags().StringVar(&file, "evidence", "", "`file` that bears it out; its SHA-256 is recorded")
	require(cmd, "ground")
	return cmd
}

// twoBodies are the flags of what two associations decide together.
type twoBodies struct {
	second, draft string
	with          []string
}

func (t *twoBodies) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.second, "second", "", "the other `association`: its name in the genesis, or its party id")
	draftFlags(cmd, &t.draft, &t.with)
}

// decide records what one association says about an item, or drafts it for the
// second one.
func (a *app) decide(ctx context.Context, item ledger.ItemID, two twoBodies, done string, event func(second []byte) *custodyv1.Event) error {
	if two.second == "" {
		return a.about(ctx, item, done, event(nil))
	}
	_, genesis, err := a.genesis()
	if err != nil {
		return err
	}
	association, _, err := findAssociation(genesis, two.second)
	if err != nil {
		return err
	}
	second := association.AssociationID()
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := countersigners(ctx, s.Client, ledger.ScopeAdminister, two.with, second)
	if err != nil {
		return err
	}
	return a.countersigned(s, two.draft, event(second[:]), keys)
}

func (a *app) ruleCommand() *cobra.Command {
	var outcome custodyv1.RulingOutcome
	var dispute, outside string
	var two twoBodies
	cmd := &cobra.Command{
		Use:   "rule ITEM --dispute EVENT --outcome upheld --second ASSOCIATION --draft FILE",
		Short: "End a dispute, or say whether an outside id is the item's",
		Long: `End a dispute: who opened it settles it alone; else two associations rule. With
--outside-id say whether a number that several items claim is this one's: a
laboratory does so alone, or two associations.`,
		Args: arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			item, err := parseItem(args[0])
			if err != nil {
				return err
			}
			body := &custodyv1.Ruling{Item: item[:], Outcome: outcome}
			switch {
			case (dispute == "") == (outside == ""):
				return usage(cmd, "expected --dispute or --outside-id")
			case dispute != "":
				id, err := ledger.ParseEventID(dispute)
				if err != nil {
					return err
				}
				body.Dispute = id[:]
			default:
				goods, err := describe.Parse(outside)
				if err != nil || len(goods.OutsideIDs) != 1 {
					return usage(cmd, "--outside-id %q: expected one such as report=GIA:2141438167 (%v)", outside, err)
				}
				body.OutsideId = goods.OutsideIDs[0]
			}
			return a.decide(cmd.Context(), item, two, "It is ruled on item %s ("+words.Of(outcome)+").", func(second []byte) *custodyv1.Event {
				body.Second = second
				return &custodyv1.Event{Body: &custodyv1.Event_Ruling{Ruling: body}}
			})
		},
	}
	cmd.Flags().StringVar(&dispute, "dispute", "", "`event` id of the dispute")
	cmd.Flags().StringVar(&outside, "outside-id", "", "such as report=GIA:2141438167")
	choice(cmd, &outcome, "outcome", "how it ends")
	require(cmd, "outcome")
	two.add(cmd)
	return cmd
}

func (a *app) holdCommand() *cobra.Command {
	var authority custodyv1.HoldAuthority
	var order string
	var two twoBodies
	cmd := &cobra.Command{
		Use:   "hold ITEM --authority court --order FILE --second ASSOCIATION --draft FILE",
		Short: "Association: stop an item, together with a second association",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			item, err := parseItem(args[0])
			if err != nil {
				return err
			}
			sum, err := hashFile(order)
			if err != nil {
				return fmt.Errorf("--order: %w", err)
			}
			return a.decide(cmd.Context(), item, two, "Item %s is held.", func(second []byte) *custodyv1.Event {
				return &custodyv1.Event{Body: &custodyv1.Event_Hold{Hold: &custodyv1.Hold{Item: item[:], Authority: authority, OrderSha256: sum, Second: second}}}
			})
		},
	}
	choice(cmd, &authority, "authority", "who orders it")
	cmd.Flags().StringVar(&order, "order", "", "the order as a `file`; its SHA-256 is recorded")
	require(cmd, "authority", "order")
	two.add(cmd)
	cmd.AddCommand(a.holdReleaseCommand())
	return cmd
}

func (a *app) holdReleaseCommand() *cobra.Command {
	var two twoBodies
	cmd := &cobra.Command{
		Use:   "release ITEM EVENT --second ASSOCIATION --draft FILE",
		Short: "Association: end a hold, together with a second association",
		Args:  arguments("ITEM", "EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			item, err := parseItem(args[0])
			if err != nil {
				return err
			}
			hold, err := ledger.ParseEventID(args[1])
			if err != nil {
				return err
			}
			return a.decide(cmd.Context(), item, two, "A hold on item %s is released.", func(second []byte) *custodyv1.Event {
				return &custodyv1.Event{Body: &custodyv1.Event_HoldRelease{HoldRelease: &custodyv1.HoldRelease{Item: item[:], Hold: hold[:], Second: second}}}
			})
		},
	}
	two.add(cmd)
	return cmd
}

func (a *app) reclaimCommand() *cobra.Command {
	var association string
	var two twoBodies
	cmd := &cobra.Command{
		Use:   "reclaim ITEM --association NAME --draft FILE",
		Short: "Take custody of your goods back after their term; an association of the holder countersigns",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, genesis, err := a.genesis()
			if err != nil {
				return err
			}
			found, _, err := findAssociation(genesis, association)
			if err != nil {
				return err
			}
			guild := found.AssociationID()
			return a.together(cmd.Context(), args[0], two, ledger.ScopeAdminister, func(ref *custodyv1.ItemRef, view *custodyv1.ItemView, _ ledger.PartyID) (*custodyv1.Event, []ledger.PartyID, error) {
				from := view.GetCustody().GetParty()
				if len(from) == 0 {
					return nil, nil, errors.New("the item is outside the ledger; 'custody reenter' brings it back")
				}
				body := &custodyv1.Reclaim{Item: ref, From: from, Association: guild[:]}
				return &custodyv1.Event{Body: &custodyv1.Event_Reclaim{Reclaim: body}}, []ledger.PartyID{guild}, nil
			})
		},
	}
	cmd.Flags().StringVar(&association, "association", "", "an association that sponsors the holder: its name in the genesis, or its party id")
	draftFlags(cmd, &two.draft, &two.with)
	require(cmd, "association")
	return cmd
}

// together drafts an event on an item that other parties sign too.
func (a *app) together(ctx context.Context, itemText string, two twoBodies, scopes ledger.Scopes,
	event func(ref *custodyv1.ItemRef, view *custodyv1.ItemView, me ledger.PartyID) (*custodyv1.Event, []ledger.PartyID, error)) error {
	item, err := parseItem(itemText)
	if err != nil {
		return err
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	response, err := s.GetItem(ctx, item, client.Linearizable)
	if err != nil {
		return err
	}
	made, parties, err := event(&custodyv1.ItemRef{Item: item[:], Prev: response.Item.Prev}, response.Item, s.author.Party())
	if err != nil {
		return err
	}
	keys, err := countersigners(ctx, s.Client, scopes, two.with, parties...)
	if err != nil {
		return err
	}
	return a.countersigned(s, two.draft, made, keys)
}
