package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/describe"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// buildOn says what an event builds on, instead of what the ledger says now.
// With it an event can be signed without reading, and only holds if nothing has
// happened since.
type buildOn struct{ prev, offer, from string }

func (on *buildOn) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&on.prev, "prev", "", "`event` id of the last event on the item that you know of; refused if something happened since")
}

func (on *buildOn) addOffer(cmd *cobra.Command) {
	on.add(cmd)
	cmd.Flags().StringVar(&on.offer, "offer", "", "`event` id of the sending that you answer; default: the open one")
}

// movement is one event on an item: sign for one that stands by itself, answers
// and respond for one that answers an open offer.
type movement struct {
	done string // sentence with the item's id
	// private is what the event commits to; the salts are kept in openings.
	private  []private
	openings string
	// sign builds the event. view is nil if the caller said what to build on.
	sign func(author *client.Author, ref ledger.ItemRef, view *custodyv1.ItemView, openings []ledger.Opening) (ledger.SignedEvent, error)
	// answers tells whether an open offer is one that the command is for.
	answers func(offer *custodyv1.OpenOffer, party ledger.PartyID) bool
	// respond builds the event.
	respond func(author *client.Author, ref ledger.ItemRef, to answered) (ledger.SignedEvent, error)
	// needsFrom tells that respond must know who made the offer.
	needsFrom bool
}

// answered is the offer that an event answers. Where the caller named it and nothing
// was read, from is zero and part nil.
type answered struct {
	offer ledger.EventID
	from  ledger.PartyID
	part  *custodyv1.Portion // of an offer of a part
}

// move signs an event on the current state of an item, or on the one that the
// flags name, and sends it.
func (a *app) move(ctx context.Context, itemText string, on buildOn, m movement) error {
	item, err := parseItem(itemText)
	if err != nil {
		return err
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	ref, view, err := on.reference(ctx, s.Client, item, m.answers != nil, m.needsFrom)
	if err != nil {
		return err
	}
	openings, err := draw(s.author, m.private...)
	if err != nil {
		return err
	}
	event, err := m.event(s.author, on, ref, view, openings)
	if err != nil {
		return err
	}
	if err := a.keepOpenings(m.openings, event.ID(), item, openings); err != nil {
		return err
	}
	w, err := a.record(ctx, s.Client, event, fmt.Sprintf(m.done, item))
	if err != nil {
		return err
	}
	w.Item = item.String()
	w.NewItem, err = newItem(event, view)
	return errors.Join(err, a.print(w))
}

// newItem is what an acceptance separates from the item; nil for every other event.
// view is the item before it, nil if nobody looked.
func newItem(signed ledger.SignedEvent, view *custodyv1.ItemView) (*separated, error) {
	event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, signed)
	if rejection != nil {
		return nil, rejection
	}
	accept, ok := event.Body.(*custodyv1.Accept)
	if !ok {
		return nil, nil
	}
	part := slices.ContainsFunc(view.GetOpenOffers(), func(o *custodyv1.OpenOffer) bool {
		return bytes.Equal(o.EventId, accept.Offer) && o.Part != nil
	})
	if !part && accept.Received == nil {
		return nil, nil
	}
	is := "missing"
	switch {
	case view == nil:
		is = ""
	case part:
		is = "received"
	}
	return &separated{Item: ledger.NewItemID(event.ID, 0).String(), Is: is}, nil
}

// reference gives the last event on the item: the one of the flag, else the one
// that the ledger says.
func (on buildOn) reference(ctx context.Context, c *client.Client, item ledger.ItemID, needsOffer, needsFrom bool) (ledger.ItemRef, *custodyv1.ItemView, error) {
	ref := ledger.ItemRef{Item: item}
	if on.prev != "" && (on.offer != "" && !needsFrom || !needsOffer || on.from != "") {
		prev, err := ledger.ParseEventID(on.prev)
		ref.Prev = prev
		return ref, nil, err
	}
	response, err := c.GetItem(ctx, item, client.Linearizable)
	if err != nil {
		return ref, nil, err
	}
	ref.Prev = ledger.EventID(response.Item.Prev)
	if on.prev != "" {
		if ref.Prev, err = ledger.ParseEventID(on.prev); err != nil {
			return ref, nil, err
		}
	}
	return ref, response.Item, nil
}

func (m movement) event(author *client.Author, on buildOn, ref ledger.ItemRef, view *custodyv1.ItemView, openings []ledger.Opening) (ledger.SignedEvent, error) {
	if m.answers == nil {
		return m.sign(author, ref, view, openings)
	}
	var to answered
	var err error
	if on.from != "" {
		if to.from, err = parseParty(on.from); err != nil {
			return ledger.SignedEvent{}, err
		}
	}
	open := m.choose(view, author.Party())
	if on.offer != "" {
		if to.offer, err = ledger.ParseEventID(on.offer); err != nil {
			return ledger.SignedEvent{}, err
		}
		at := slices.IndexFunc(view.GetOpenOffers(), func(o *custodyv1.OpenOffer) bool { return ledger.EventID(o.EventId) == to.offer })
		if at < 0 {
			return m.respond(author, ref, to)
		}
		open = view.OpenOffers[at]
	}
	if open == nil {
		return ledger.SignedEvent{}, &client.Refused{Reason: ledger.UnknownOffer, Message: fmt.Sprintf("item %s has not been sent to anybody", ref.Item)}
	}
	to.offer, to.part = ledger.EventID(open.EventId), open.Part
	if on.from == "" && len(open.From) == len(to.from) {
		to.from = ledger.PartyID(open.From)
	}
	return m.respond(author, ref, to)
}

// choose finds the offer that a command answers: one that suits the party, else
// any, for which the ledger then says why not.
func (m movement) choose(view *custodyv1.ItemView, party ledger.PartyID) *custodyv1.OpenOffer {
	var chosen *custodyv1.OpenOffer
	for _, offer := range view.GetOpenOffers() {
		if chosen == nil || m.answers(offer, party) {
			chosen = offer
		}
	}
	return chosen
}

func toParty(offer *custodyv1.OpenOffer, party ledger.PartyID) bool {
	return string(offer.To) == string(party[:])
}

func fromParty(offer *custodyv1.OpenOffer, party ledger.PartyID) bool {
	return string(offer.From) == string(party[:])
}

type sendFlags struct {
	to, expires, until, price, openings string
	part, agent                         string
	mode                                custodyv1.Mode
	goodsLeft, mayMemoOn                bool
	on                                  buildOn
}

func (a *app) sendCommand() *cobra.Command {
	var flags sendFlags
	cmd := &cobra.Command{
		Use:   "send ITEM --to PARTY --mode sale",
		Short: "Send an item to another party: sold, on memo, to be worked on, carried, lent, or back",
		Long: `Send an item to another party, which then receives or declines it. Until then it
stays where it is.

  sale          goods and ownership
  memo          goods only, until the day of --until; you go on owning them
  service       goods only, to be worked on, until the day of --until
  carrier       goods only, to be carried
  loan          goods only, to be shown or worn, until the day of --until
  return        goods that are not yours go back, to their owner or to whom you have them from
  memo-to-sale  ownership of goods that the other party has from you
  title         ownership of goods that a third party has

--to may be left out for a return and for memo-to-sale. With --goods-left the
goods are on their way already and the sending stays open until it is answered.
With --part only so much of a parcel is sent: 2.5ct, or 2.5ct/10 for ten pieces.`,
		Args: arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.send(cmd.Context(), args[0], flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "`party` id of the receiver")
	f.StringVar(&flags.expires, "expires", "14d", "how long the receiver has for an answer: 14d, 36h, or a day such as 2027-01-31")
	f.StringVar(&flags.until, "until", "", "last `day` of a memo, service or loan, such as 2027-01-31, or 60d")
	f.StringVar(&flags.part, "part", "", "only this much of a parcel: 2.5ct, or 2.5ct/10 with a count")
	f.StringVar(&flags.agent, "agent", "", "`party` id of an agent, who gets neither goods nor ownership")
	f.BoolVar(&flags.mayMemoOn, "may-memo-on", false, "memo: the receiver may give the goods on memo itself")
	f.BoolVar(&flags.goodsLeft, "goods-left", false, "the goods have left already")
	f.StringVar(&flags.price, "price", "", "amount and currency, such as \"4500 USD\"; only a salted hash goes on the ledger")
	openingsFlag(cmd, &flags.openings)
	choice(cmd, &flags.mode, "mode", "how")
	flags.on.add(cmd)
	require(cmd, "mode")
	return cmd
}

func (a *app) send(ctx context.Context, item string, flags sendFlags) error {
	terms := client.OfferTerms{Mode: flags.mode, GoodsLeft: flags.goodsLeft, MayMemoOn: flags.mayMemoOn}
	var err error
	if terms.ExpiresAt, err = deadline(a.now(), flags.expires); err != nil {
		return fmt.Errorf("--expires %q: %w", flags.expires, err)
	}
	if flags.until != "" {
		if terms.Until, err = deadline(a.now(), flags.until); err != nil {
			return fmt.Errorf("--until %q: %w", flags.until, err)
		}
	}
	switch lent := flags.mode; {
	case flags.until == "" && (lent == custodyv1.Mode_MODE_MEMO || lent == custodyv1.Mode_MODE_SERVICE || lent == custodyv1.Mode_MODE_LOAN):
		return fmt.Errorf("a %s needs --until: the last day on which the receiver may keep the goods", words.Of(lent))
	case flags.until != "" && lent != custodyv1.Mode_MODE_MEMO && lent != custodyv1.Mode_MODE_SERVICE && lent != custodyv1.Mode_MODE_LOAN && lent != custodyv1.Mode_MODE_CARRIER:
		return errors.New("--until is for memo, service, loan and carrier only")
	}
	if flags.part != "" {
		if terms.Part, err = describe.Portion(flags.part); err != nil {
			return fmt.Errorf("--part %q: %w", flags.part, err)
		}
	}
	if flags.agent != "" {
		if terms.Agent, err = parseParty(flags.agent); err != nil {
			return err
		}
	}
	if flags.to != "" {
		if terms.To, err = parseParty(flags.to); err != nil {
			return err
		}
	}
	return a.move(ctx, item, flags.on, movement{
		done:     "Item %s is sent (" + words.Of(flags.mode) + "); the answer is due by " + words.Time(uint64(terms.ExpiresAt.UnixMilli())) + ".",
		private:  []private{price(flags.price)},
		openings: flags.openings,
		sign: func(author *client.Author, ref ledger.ItemRef, view *custodyv1.ItemView, openings []ledger.Opening) (ledger.SignedEvent, error) {
			terms := terms
			if flags.to == "" {
				var err error
				if terms.To, err = otherSide(flags.mode, view); err != nil {
					return ledger.SignedEvent{}, err
				}
			}
			return author.Offer(ref, terms, openings...)
		},
	})
}

// otherSide finds the receiver that a mode leaves no choice of.
func otherSide(mode custodyv1.Mode, view *custodyv1.ItemView) (ledger.PartyID, error) {
	var party []byte
	switch mode {
	case custodyv1.Mode_MODE_RETURN:
		party = view.GetTitle().GetManagingOwner().GetParty()
	case custodyv1.Mode_MODE_MEMO_TO_SALE:
		party = view.GetCustody().GetParty()
	}
	if len(party) != len(ledger.PartyID{}) {
		return ledger.PartyID{}, errors.New("--to is missing: the party id of the receiver")
	}
	return ledger.PartyID(party), nil
}

// deadline reads a term from now on, such as 14d or 36h, or a day, which counts
// to its end in UTC.
func deadline(now time.Time, text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.Add(24*time.Hour - time.Millisecond), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if number, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.ParseUint(number, 10, 16); err == nil && days > 0 {
			return now.Add(time.Duration(days) * 24 * time.Hour), nil
		}
	}
	if term, err := time.ParseDuration(text); err == nil && term > 0 {
		return now.Add(term), nil
	}
	return time.Time{}, errors.New("expected a term such as 14d or 36h, a day such as 2027-01-31, or a time such as 2027-01-31T18:00:00Z")
}

func (a *app) receiveCommand() *cobra.Command {
	var on buildOn
	var receivedText string
	cmd := &cobra.Command{
		Use:   "receive ITEM",
		Short: "Receive an item that was sent to you, as a whole or what arrived of it",
		Long: `Receive an item that was sent to you. With --received you say that not all of it
arrived: what is missing becomes an item of its own that stays the sender's. What was
sent as part of a parcel becomes an item of its own, all of that part unless
--received says how much of it.`,
		Args: arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var received *custodyv1.Portion
			if receivedText != "" {
				var err error
				if received, err = describe.Portion(receivedText); err != nil {
					return usage(cmd, "--received %q: %v", receivedText, err)
				}
			}
			return a.move(cmd.Context(), args[0], on, movement{
				done:      "Item %s is received.",
				answers:   toParty,
				needsFrom: true,
				respond: func(author *client.Author, ref ledger.ItemRef, to answered) (ledger.SignedEvent, error) {
					if received == nil {
						received = to.part
					}
					return author.AcceptPart(ref, to.offer, to.from, received)
				},
			})
		},
	}
	on.addOffer(cmd)
	cmd.Flags().StringVar(&on.from, "from", "", "`party` id of the sender; default: as the ledger says")
	cmd.Flags().StringVar(&receivedText, "received", "", "how much arrived, if not all: 2.5ct, or 2.5ct/10 with a count")
	return cmd
}

func (a *app) declineCommand() *cobra.Command {
	var reason custodyv1.DeclineReason
	var on buildOn
	cmd := &cobra.Command{
		Use:   "decline ITEM --reason not-wanted",
		Short: "Decline an item that was sent to you",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), args[0], on, movement{
				done:    "Item %s is declined (" + words.Of(reason) + ").",
				answers: toParty,
				respond: func(author *client.Author, ref ledger.ItemRef, to answered) (ledger.SignedEvent, error) {
					return author.Decline(ref, to.offer, reason)
				},
			})
		},
	}
	choice(cmd, &reason, "reason", "why")
	require(cmd, "reason")
	on.addOffer(cmd)
	return cmd
}

func (a *app) withdrawCommand() *cobra.Command {
	var on buildOn
	cmd := &cobra.Command{
		Use:   "withdraw ITEM",
		Short: "Take back an item that you sent and that is not received yet",
		Long:  "Take back an item that you sent and that is not received yet. If the goods had\nleft already, you state that you have them back.",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), args[0], on, movement{
				done:    "Item %s is withdrawn; it stays with you.",
				answers: fromParty,
				respond: func(author *client.Author, ref ledger.ItemRef, to answered) (ledger.SignedEvent, error) {
					return author.Withdraw(ref, to.offer)
				},
			})
		},
	}
	on.addOffer(cmd)
	return cmd
}

func (a *app) releaseCommand() *cobra.Command {
	var reason custodyv1.OutsideReason
	var country, name, openingsPath string
	var on buildOn
	cmd := &cobra.Command{
		Use:   "release ITEM --to NAME --country FR --reason sold",
		Short: "Say that an item went to somebody who is not on the ledger",
		Long:  "Say that an item went to somebody who is not on the ledger: sold, to a consumer, on\nmemo, for service, to a carrier or on loan. The ledger gets a salted hash of the name;\nof a consumer it gets nothing, and --to is left out. Only you can bring the item back\nwith 'custody reenter'; the gap stays visible.",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !ledger.IsCountry(country) {
				return usage(cmd, "--country %q: expected an ISO 3166-1 code of two letters such as FR", country)
			}
			if consumer := reason == custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER; consumer != (name == "") {
				return usage(cmd, "expected --to with the name of who has the goods now; of a consumer it is left out")
			}
			return a.move(cmd.Context(), args[0], on, movement{
				done:     "Item %s is released (" + words.Of(reason) + ") to somebody outside the ledger, in " + country + ".",
				private:  []private{counterparty(name)},
				openings: openingsPath,
				sign: func(author *client.Author, ref ledger.ItemRef, _ *custodyv1.ItemView, openings []ledger.Opening) (ledger.SignedEvent, error) {
					return author.Release(ref, reason, country, openings...)
				},
			})
		},
	}
	cmd.Flags().StringVar(&country, "country", "", "where to, ISO 3166-1 `code`")
	choice(cmd, &reason, "reason", "why")
	cmd.Flags().StringVar(&name, "to", "", "`name` of who has the goods now")
	openingsFlag(cmd, &openingsPath)
	require(cmd, "country", "reason")
	on.add(cmd)
	return cmd
}

func (a *app) reenterCommand() *cobra.Command {
	var on buildOn
	var identity custodyv1.Identity
	var massText string
	var count uint32
	cmd := &cobra.Command{
		Use:   "reenter ITEM --identity examined [--mass 1.01ct]",
		Short: "Say that an item you released is back with you, and how you recognised it",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var mass *custodyv1.Mass
			if massText != "" {
				var err error
				if mass, err = describe.Mass(massText, custodyv1.MassBasis_MASS_BASIS_WEIGHED); err != nil {
					return usage(cmd, "--mass %q: %v", massText, err)
				}
			}
			return a.move(cmd.Context(), args[0], on, movement{
				done: "Item %s is back with you.",
				sign: func(author *client.Author, ref ledger.ItemRef, _ *custodyv1.ItemView, _ []ledger.Opening) (ledger.SignedEvent, error) {
					return author.Reenter(ref, identity, mass, count)
				},
			})
		},
	}
	choice(cmd, &identity, "identity", "how it was recognised")
	cmd.Flags().StringVar(&massText, "mass", "", "what the scales show now, with its unit")
	cmd.Flags().Uint32Var(&count, "pieces", 0, "how many pieces were counted now")
	require(cmd, "identity")
	on.add(cmd)
	return cmd
}
