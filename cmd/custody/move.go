package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// buildOn says what an event builds on, instead of what the ledger says now.
// With it an event can be signed without reading, and only holds if nothing has
// happened since.
type buildOn struct{ prev, offer string }

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
	respond func(author *client.Author, ref ledger.ItemRef, offer ledger.EventID) (ledger.SignedEvent, error)
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
	ref, view, err := on.reference(ctx, s.Client, item, m.answers != nil)
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
	return a.print(w)
}

// reference gives the last event on the item: the one of the flag, else the one
// that the ledger says.
func (on buildOn) reference(ctx context.Context, c *client.Client, item ledger.ItemID, needsOffer bool) (ledger.ItemRef, *custodyv1.ItemView, error) {
	ref := ledger.ItemRef{Item: item}
	if on.prev != "" && (on.offer != "" || !needsOffer) {
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
	if on.offer != "" {
		offer, err := ledger.ParseEventID(on.offer)
		if err != nil {
			return ledger.SignedEvent{}, err
		}
		return m.respond(author, ref, offer)
	}
	offer := m.choose(view, author.Party())
	if offer == nil {
		return ledger.SignedEvent{}, &client.Refused{Reason: ledger.UnknownOffer, Message: fmt.Sprintf("item %s has not been sent to anybody", ref.Item)}
	}
	return m.respond(author, ref, ledger.EventID(offer.EventId))
}

// choose finds the offer that a command answers: one that suits the party, else
// any, for which the ledger then says why not.
func (m movement) choose(view *custodyv1.ItemView, party ledger.PartyID) *custodyv1.OpenOffer {
	var chosen *custodyv1.OpenOffer
	for _, offer := range view.OpenOffers {
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
	mode                                custodyv1.Mode
	goodsLeft                           bool
	on                                  buildOn
}

func (a *app) sendCommand() *cobra.Command {
	var flags sendFlags
	cmd := &cobra.Command{
		Use:   "send ITEM --to PARTY --mode sale",
		Short: "Send an item to another party: as a sale, on memo, back, or sold after memo",
		Long: `Send an item to another party, which then receives or declines it. Until then it
stays where it is.

  sale          goods and ownership
  memo          goods only, until the day of --until; you go on owning them
  return        goods that you have on memo go back to their owner
  memo-to-sale  ownership of goods that the other party has on memo from you

--to may be left out for a return and for memo-to-sale. With --goods-left the
goods are on their way already and the sending stays open until it is answered.`,
		Args: arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.send(cmd.Context(), args[0], flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "`party` id of the receiver")
	f.StringVar(&flags.expires, "expires", "14d", "how long the receiver has for an answer: 14d, 36h, or a day such as 2027-01-31")
	f.StringVar(&flags.until, "until", "", "last `day` of a memo, such as 2027-01-31, or 60d")
	f.BoolVar(&flags.goodsLeft, "goods-left", false, "the goods have left already")
	f.StringVar(&flags.price, "price", "", "amount and currency, such as \"4500 USD\"; only a salted hash goes on the ledger")
	openingsFlag(cmd, &flags.openings)
	choice(cmd, &flags.mode, "mode", "how")
	flags.on.add(cmd)
	if err := cmd.MarkFlagRequired("mode"); err != nil {
		panic(err)
	}
	return cmd
}

func (a *app) send(ctx context.Context, item string, flags sendFlags) error {
	terms := client.OfferTerms{Mode: flags.mode, GoodsLeft: flags.goodsLeft}
	var err error
	if terms.ExpiresAt, err = deadline(a.now(), flags.expires); err != nil {
		return fmt.Errorf("--expires %q: %w", flags.expires, err)
	}
	if flags.until != "" {
		if terms.MemoUntil, err = deadline(a.now(), flags.until); err != nil {
			return fmt.Errorf("--until %q: %w", flags.until, err)
		}
	}
	if memo := flags.mode == custodyv1.Mode_MODE_MEMO; memo != (flags.until != "") {
		if memo {
			return errors.New("a memo needs --until: the last day on which the receiver may keep the goods")
		}
		return errors.New("--until is for --mode memo only")
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
	cmd := &cobra.Command{
		Use:   "receive ITEM",
		Short: "Receive an item that was sent to you, as a whole",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), args[0], on, movement{
				done:    "Item %s is received.",
				answers: toParty,
				respond: func(author *client.Author, ref ledger.ItemRef, offer ledger.EventID) (ledger.SignedEvent, error) {
					return author.Accept(ref, offer)
				},
			})
		},
	}
	on.addOffer(cmd)
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
				respond: func(author *client.Author, ref ledger.ItemRef, offer ledger.EventID) (ledger.SignedEvent, error) {
					return author.Decline(ref, offer, reason)
				},
			})
		},
	}
	choice(cmd, &reason, "reason", "why")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err)
	}
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
				respond: func(author *client.Author, ref ledger.ItemRef, offer ledger.EventID) (ledger.SignedEvent, error) {
					return author.Withdraw(ref, offer)
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
		Long:  "Say that an item went to somebody who is not on the ledger: sold, or on memo.\nThe ledger gets a salted hash of the name. Only you can bring the item back with\n'custody reenter'; the gap stays visible.",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !ledger.IsCountry(country) {
				return usage(cmd, "--country %q: expected an ISO 3166-1 code of two letters such as FR", country)
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
	for _, required := range []string{"to", "country", "reason"} {
		if err := cmd.MarkFlagRequired(required); err != nil {
			panic(err)
		}
	}
	on.add(cmd)
	return cmd
}

func (a *app) reenterCommand() *cobra.Command {
	var on buildOn
	cmd := &cobra.Command{
		Use:   "reenter ITEM",
		Short: "Say that an item you released is back with you",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), args[0], on, movement{
				done: "Item %s is back with you.",
				sign: func(author *client.Author, ref ledger.ItemRef, _ *custodyv1.ItemView, _ []ledger.Opening) (ledger.SignedEvent, error) {
					return author.Reenter(ref)
				},
			})
		},
	}
	on.add(cmd)
	return cmd
}
