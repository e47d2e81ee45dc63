package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) showCommand() *cobra.Command {
	var final bool
	cmd := &cobra.Command{
		Use:   "show ITEM|PARTY [--final]",
		Short: "Show an item or a party as the ledger has it now",
		Long: `Show an item or a party as the ledger has it now, which one node says.

With --final an item is shown as it is under the last final checkpoint, and nothing
of it is a node's word: enough associations have signed that this is its state, and
their signatures are verified here.`,
		Args: arguments("ITEM|PARTY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			item, itemErr := ledger.ParseItemID(args[0])
			switch {
			case itemErr == nil && final:
				return a.showFinal(cmd.Context(), item)
			case itemErr == nil:
				return a.showItem(cmd.Context(), item)
			case final:
				return fmt.Errorf("%w; --final shows an item", itemErr)
			}
			party, err := ledger.ParsePartyID(args[0])
			if err != nil {
				return fmt.Errorf("%w; an item id or a party id is expected", itemErr)
			}
			return a.showParty(cmd.Context(), party)
		},
	}
	cmd.Flags().BoolVar(&final, "final", false, "an item as enough associations state it, verified")
	return cmd
}

// readAt says how an answer stands. It is one node's word, also about what is
// final: 'custody receipt' and bundles prove.
type readAt struct {
	Size       uint64 `json:"size"`
	LedgerTime uint64 `json:"ledger_time_ms"`
	FinalSize  uint64 `json:"final_size"`
	// State is final where all that the answer shows lies below FinalSize, else
	// committed.
	State string `json:"state"`
}

// newReadAt is of an answer that shows nothing later than the entry last.
func newReadAt(at *custodyv1.ReadAt, last uint64) readAt {
	r := readAt{Size: at.GetSize(), LedgerTime: at.GetLedgerTimeMs(), FinalSize: at.GetFinalSize(), State: "committed"}
	if last < r.FinalSize {
		r.State = "final"
	}
	return r
}

func (r readAt) write(w io.Writer) {
	state := "committed, not final"
	if r.State == "final" {
		state = fmt.Sprintf("final up to %d entries", r.FinalSize)
	}
	fmt.Fprintf(w, "  as of          %d entries, %s; %s: one node says so\n", r.Size, words.Time(r.LedgerTime), state)
}

type itemReport struct {
	Item         string        `json:"item"`
	Status       string        `json:"status"`
	Goods        string        `json:"goods"`
	Micrograms   uint64        `json:"micrograms"`
	Pieces       uint32        `json:"pieces,omitempty"`
	Origin       string        `json:"origin"`
	OutsideIDs   []outsideID   `json:"outside_ids,omitempty"`
	Contested    bool          `json:"contested,omitempty"`
	Begins       string        `json:"record_begins"`
	RegisteredBy string        `json:"registered_by"`
	RegisteredAt uint64        `json:"registered_at_ms"`
	Registered   uint64        `json:"registered_index"`
	MadeBy       string        `json:"made_by,omitempty"` // event, unless it was registered
	Holder       string        `json:"holder"`
	Owner        string        `json:"owner"` // the managing one
	Shares       []shareReport `json:"shares,omitempty"`
	Terms        []termReport  `json:"terms,omitempty"`
	Within       string        `json:"within,omitempty"`
	Parts        []string      `json:"parts,omitempty"` // of a piece: items, and lines of its bill
	Treatments   []string      `json:"treatments,omitempty"`
	Warnings     []string      `json:"warnings,omitempty"`
	Offers       []offerReport `json:"sent,omitempty"`
	Prev         string        `json:"last_event"`
	LastIndex    uint64        `json:"last_index"`
	Reference    string        `json:"reference,omitempty"`
	ReadAt       *readAt       `json:"read_at,omitempty"`
	Stated       *statedAt     `json:"stated,omitempty"`
}

// statedAt is the final checkpoint that an item is shown at, and who states it.
type statedAt struct {
	By         []string `json:"by"` // associations
	Size       uint64   `json:"size"`
	Root       string   `json:"root"`
	LedgerTime uint64   `json:"ledger_time_ms"`
}

func (s statedAt) write(w io.Writer) {
	fmt.Fprintf(w, "  as of          %d entries, %s; final, stated by %s; verified\n", s.Size, words.Time(s.LedgerTime), words.List(s.By, "and"))
}

type outsideID struct {
	Kind   string `json:"kind"`
	Issuer string `json:"issuer"`
	Number string `json:"number"`
}

type offerReport struct {
	Event     string `json:"event"`
	From      string `json:"from"`
	To        string `json:"to"`
	Mode      string `json:"mode"`
	ExpiresAt uint64 `json:"expires_at_ms"`
	Expired   bool   `json:"expired,omitempty"`
	GoodsLeft bool   `json:"goods_left,omitempty"`
	Declined  bool   `json:"declined,omitempty"`
	Until     uint64 `json:"until_ms,omitempty"`
	Part      string `json:"part,omitempty"`
	Agent     string `json:"agent,omitempty"`
}

type shareReport struct {
	Owner string `json:"owner"`
	Parts uint32 `json:"parts"`
}

type termReport struct {
	Mode  string `json:"mode"`
	From  string `json:"from"`
	Until uint64 `json:"until_ms,omitempty"`
}

// viewed is what an item is, after everything that happened to it. What only its
// making said is taken from there.
type viewed struct {
	goodsLike
	matter *custodyv1.MatterView
}

func (v viewed) GetMass() *custodyv1.Mass {
	basis := v.matter.GetBasis()
	if basis == 0 {
		basis = v.goodsLike.GetMass().GetBasis()
	}
	return &custodyv1.Mass{Micrograms: v.matter.GetMicrograms(), Basis: basis}
}
func (v viewed) GetCount() uint32 { return v.matter.GetCount() }
func (v viewed) GetComposition() []*custodyv1.Constituent {
	if v.matter.GetForm() == 0 {
		return v.goodsLike.GetComposition()
	}
	return v.matter.GetComposition()
}

// whole is an item that an acceptance separated from another one: nothing but the
// ledger describes it.
type whole struct{ *custodyv1.MatterView }

func (w whole) GetMass() *custodyv1.Mass {
	return &custodyv1.Mass{Micrograms: w.GetMicrograms(), Basis: w.GetBasis()}
}
func (w whole) GetDescription() *custodyv1.Description {
	if w.GetSpecies() == "" {
		return nil
	}
	return &custodyv1.Description{Species: w.GetSpecies()}
}

func goodsOf(v *custodyv1.ItemView) goodsLike {
	switch {
	case v.Registration != nil:
		return viewed{v.Registration, v.Matter}
	case v.Output != nil:
		return viewed{v.Output, v.Matter}
	}
	return whole{v.Matter}
}

func newItemReport(v *custodyv1.ItemView) *itemReport {
	what := goodsOf(v)
	r := &itemReport{
		Item: ledger.ItemID(v.Item).String(), Status: words.Of(v.Status),
		Goods: goods(what), Micrograms: v.Matter.GetMicrograms(), Pieces: v.Matter.GetCount(),
		Contested: v.Contested, RegisteredBy: party(v.RegisteredBy), RegisteredAt: v.RegisteredAtMs, Registered: v.RegisteredIndex,
		Holder: holder(v.Custody), Owner: holder(v.GetTitle().GetManagingOwner()), Treatments: v.Matter.GetTreatments().GetCodes(),
		Prev: ledger.EventID(v.Prev).String(), LastIndex: v.LastIndex,
	}
	components := v.Matter.GetOrigin()
	outsideIDs := v.Output.GetOutsideIds()
	if v.Registration != nil {
		r.Begins, r.Reference = begins(v.Registration.Acquisition), fmt.Sprintf("%x", v.Registration.Reference)
		outsideIDs = v.Registration.OutsideIds
		if v.Matter.GetForm() == 0 {
			components = v.Registration.Origin
		}
	} else {
		r.Begins, r.MadeBy = "made of other items", fmt.Sprintf("%x", v.CreatedBy)
	}
	r.Origin = origins(what.GetMaterial(), components)
	if what.GetForm() == custodyv1.Form_FORM_PIECE {
		r.Origin = "of its parts"
	}
	for _, id := range outsideIDs {
		r.OutsideIDs = append(r.OutsideIDs, outsideID{words.Of(id.Kind), id.Issuer, id.Number})
	}
	if shares := v.GetTitle().GetShares(); len(shares) > 1 {
		for _, s := range shares {
			r.Shares = append(r.Shares, shareReport{holder(s.Owner), s.Parts})
		}
	}
	for _, t := range v.Terms {
		r.Terms = append(r.Terms, termReport{words.Of(t.Mode), party(t.From), t.UntilMs})
	}
	if len(v.Within) > 0 {
		r.Within = ledger.ItemID(v.Within).String()
	}
	for _, child := range v.Matter.GetChildren() {
		r.Parts = append(r.Parts, "item "+ledger.ItemID(child).String())
	}
	for _, line := range v.Matter.GetBill() {
		r.Parts = append(r.Parts, goods(line)+"; origin "+origins(line.Material, line.Origin))
	}
	for _, w := range []struct {
		holds bool
		text  string
	}{
		{v.Lost, "reported lost"}, {v.Stolen, "reported stolen"}, {v.Damaged, "reported damaged"},
		{len(v.Disputes) > 0, "disputed: title and matter rest until a ruling"}, {len(v.Holds) > 0, "held for an authority: it does not move"},
	} {
		if w.holds {
			r.Warnings = append(r.Warnings, w.text)
		}
	}
	for _, o := range v.OpenOffers {
		sent := offerReport{
			Event: ledger.EventID(o.EventId).String(), From: party(o.From), To: party(o.To), Mode: words.Of(o.Mode),
			ExpiresAt: o.ExpiresAtMs, Expired: o.Expired, GoodsLeft: o.GoodsLeft, Declined: o.Declined, Until: o.UntilMs,
		}
		if o.Part != nil {
			sent.Part = portionText(o.Part)
		}
		if len(o.Agent) > 0 {
			sent.Agent = party(o.Agent)
		}
		r.Offers = append(r.Offers, sent)
	}
	return r
}

func (r *itemReport) Text(w io.Writer) {
	fmt.Fprintf(w, "Item %s\n", r.Item)
	switch r.Status {
	case words.Of(custodyv1.ItemStatus_ITEM_STATUS_VOID):
		fmt.Fprintf(w, "  registration taken back: this item counts for nothing\n")
	case words.Of(custodyv1.ItemStatus_ITEM_STATUS_CONSUMED):
		fmt.Fprintf(w, "  used up: other items were made of it\n")
	case words.Of(custodyv1.ItemStatus_ITEM_STATUS_DESTROYED):
		fmt.Fprintf(w, "  destroyed\n")
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "  attention      %s\n", warning)
	}
	fmt.Fprintf(w, "  goods          %s\n  origin         %s\n", r.Goods, r.Origin)
	for _, id := range r.OutsideIDs {
		fmt.Fprintf(w, "  %-14s %s %s\n", id.Kind, id.Issuer, id.Number)
	}
	if r.Contested {
		fmt.Fprintln(w, "  contested      another item claims the same outside id")
	}
	for _, part := range r.Parts {
		fmt.Fprintf(w, "  part           %s\n", part)
	}
	if len(r.Treatments) > 0 {
		fmt.Fprintf(w, "  treatments     %s\n", strings.Join(r.Treatments, "+"))
	}
	begins, by := "record begins", "registered"
	if r.MadeBy != "" {
		begins, by = "made", "made"
	}
	fmt.Fprintf(w, "  %-14s %s; %s by %s, %s, entry %d\n", begins, r.Begins, by, r.RegisteredBy, words.Time(r.RegisteredAt), r.Registered)
	if r.Within != "" {
		fmt.Fprintf(w, "  set in         %s; it moves with that piece\n", r.Within)
	}
	fmt.Fprintf(w, "  held by        %s\n", r.Holder)
	for _, t := range r.Terms {
		until := ""
		if t.Until != 0 {
			until = " until " + words.Time(t.Until)
		}
		fmt.Fprintf(w, "  on %-11s from %s%s\n", t.Mode, t.From, until)
	}
	fmt.Fprintf(w, "  owned by       %s\n", r.Owner)
	for _, share := range r.Shares {
		fmt.Fprintf(w, "  share          %d: %s\n", share.Parts, share.Owner)
	}
	for _, o := range r.Offers {
		fmt.Fprintf(w, "  sent           to %s (%s), %s\n", o.To, o.Mode, o.state())
	}
	fmt.Fprintf(w, "  last event     %s, entry %d\n", r.Prev, r.LastIndex)
	if r.ReadAt != nil {
		r.ReadAt.write(w)
	}
	if r.Stated != nil {
		r.Stated.write(w)
	}
}

func (o offerReport) state() string {
	var text string
	switch {
	case o.Declined:
		text = "declined; open until the goods are back"
	case o.Expired && o.GoodsLeft:
		text = "not answered by " + words.Time(o.ExpiresAt) + "; open until the goods are back"
	case o.Expired:
		text = "lapsed at " + words.Time(o.ExpiresAt)
	default:
		text = "answer due by " + words.Time(o.ExpiresAt)
	}
	if o.GoodsLeft {
		text += "; the goods have left"
	}
	if o.Until != 0 {
		text += "; " + o.Mode + " until " + words.Time(o.Until)
	}
	if o.Part != "" {
		text += "; of it " + o.Part
	}
	return text
}

func (a *app) showItem(ctx context.Context, item ledger.ItemID) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	response, err := c.GetItem(ctx, item, client.Linearizable)
	if err != nil {
		return err
	}
	r := newItemReport(response.Item)
	at := newReadAt(response.ReadAt, response.Item.LastIndex)
	r.ReadAt = &at
	return a.print(r)
}

// showFinal shows an item as several associations state it.
func (a *app) showFinal(ctx context.Context, item ledger.ItemID) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	stated, err := c.FinalItem(ctx, item)
	if err != nil {
		return err
	}
	r := newItemReport(stated.Item)
	r.Stated = &statedAt{By: stated.By, Size: stated.Note.Size, Root: stated.Note.Root.String(), LedgerTime: stated.Statement.At}
	return a.print(r)
}

type partyReport struct {
	Party       string             `json:"party"`
	Association bool               `json:"association,omitempty"`
	Name        string             `json:"name,omitempty"`
	Country     string             `json:"country"`
	Role        string             `json:"role,omitempty"`
	Suspended   bool               `json:"suspended"`
	Sponsors    []membershipReport `json:"sponsors,omitempty"`
	Keys        []keyOnLedger      `json:"keys"`
	Admitted    uint64             `json:"admitted_index"`
	ReadAt      readAt             `json:"read_at"`
}

type membershipReport struct {
	Association string `json:"association"`
	Name        string `json:"name,omitempty"`
	Suspended   bool   `json:"suspended"`
}

type keyOnLedger struct {
	KeyID    string `json:"key_id"`
	Scopes   string `json:"scopes"`
	Recovery bool   `json:"recovery,omitempty"`
	Added    uint64 `json:"added_index"`
}

func (r *partyReport) Text(w io.Writer) {
	switch {
	case r.Association:
		fmt.Fprintf(w, "Association %s\n  name           %s, %s\n", r.Party, r.Name, r.Country)
	case r.Suspended:
		fmt.Fprintf(w, "Party %s\n  suspended      by all its sponsors: it may only return, decline and withdraw\n  %-14s in %s\n", r.Party, r.Role, r.Country)
	default:
		fmt.Fprintf(w, "Party %s\n  %-14s in %s\n", r.Party, r.Role, r.Country)
	}
	for _, m := range r.Sponsors {
		state := ""
		if m.Suspended {
			state = ", suspended"
		}
		fmt.Fprintf(w, "  sponsor        %s %s%s\n", m.Association, m.Name, state)
	}
	for _, k := range r.Keys {
		state := "may: " + k.Scopes
		if k.Recovery {
			state = "recovery key"
		}
		fmt.Fprintf(w, "  key            %s, %s\n", k.KeyID, state)
	}
	r.ReadAt.write(w)
}

func (a *app) showParty(ctx context.Context, id ledger.PartyID) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	response, err := c.GetParty(ctx, id, client.Linearizable)
	if err != nil {
		return err
	}
	return a.print(newPartyReport(c.Genesis(), response))
}

func newPartyReport(genesis *ledger.Genesis, response *custodyv1.GetPartyResponse) *partyReport {
	names := map[string]string{}
	for _, association := range genesis.Associations {
		names[association.AssociationID().String()] = association.Name
	}
	v := response.Party
	r := &partyReport{
		Party: party(v.Party), Association: v.Association, Name: v.Name, Country: v.Country, Role: words.Of(v.Role),
		Suspended: v.Suspended, Admitted: v.AdmittedIndex, ReadAt: newReadAt(response.ReadAt, response.ReadAt.GetSize()-1),
	}
	for _, m := range v.Memberships {
		id := party(m.Association)
		r.Sponsors = append(r.Sponsors, membershipReport{id, names[id], m.Suspended})
	}
	for _, k := range v.Keys {
		key := keyOnLedger{Scopes: ledger.Scopes(k.Scopes).String(), Recovery: k.Recovery, Added: k.AddedIndex}
		if len(k.KeyId) == 20 {
			key.KeyID = ledger.KeyIDText([20]byte(k.KeyId))
		}
		r.Keys = append(r.Keys, key)
	}
	return r
}

// itemList is what list finds. With -o json it is one object.
type itemList struct {
	By    string        `json:"by"`
	Party string        `json:"party"`
	Items []*itemReport `json:"items"`
}

func (l *itemList) Text(w io.Writer) {
	for _, r := range l.Items {
		state := ""
		for _, o := range r.Offers {
			if !o.Expired || o.GoodsLeft {
				state = ", sent (" + o.Mode + ")"
			}
		}
		if len(r.Terms) > 0 {
			state += ", on " + r.Terms[len(r.Terms)-1].Mode
		}
		if r.Within != "" {
			state += ", set in a piece"
		}
		switch r.Status {
		case words.Of(custodyv1.ItemStatus_ITEM_STATUS_VOID):
			state = ", taken back"
		case words.Of(custodyv1.ItemStatus_ITEM_STATUS_LIVE):
		default:
			state = ", " + r.Status
		}
		fmt.Fprintf(w, "%s  %s%s\n", r.Item, r.Goods, state)
	}
	fmt.Fprintf(w, "%d items %s by %s\n", len(l.Items), map[string]string{"holder": "held", "owner": "owned", "registrant": "registered"}[l.By], l.Party)
}

func (a *app) listCommand() *cobra.Command {
	var id string
	var held, owned, registered bool
	cmd := &cobra.Command{
		Use:   "list --holder [--of PARTY]",
		Short: "List the items that a party holds, owns or registered",
		Long:  "List the items that a party holds (--holder), owns (--owner) or registered\n(--registrant). Without --of, those of the party of --key.",
		Args:  arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var args []string
			if id != "" {
				args = []string{id}
			}
			of, err := a.partyOf(args)
			if err != nil {
				return err
			}
			query, by := client.ItemQuery{Holder: &of}, "holder"
			switch {
			case owned:
				query, by = client.ItemQuery{Owner: &of}, "owner"
			case registered:
				query, by = client.ItemQuery{Registrant: &of}, "registrant"
			}
			return a.list(cmd.Context(), query, by, of)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&held, "holder", false, "items that the party holds")
	f.BoolVar(&owned, "owner", false, "items that the party owns")
	f.BoolVar(&registered, "registrant", false, "items that the party registered")
	f.StringVar(&id, "of", "", "`party` id; default: that of --key")
	cmd.MarkFlagsMutuallyExclusive("holder", "owner", "registrant")
	cmd.MarkFlagsOneRequired("holder", "owner", "registrant")
	return cmd
}

func (a *app) list(ctx context.Context, query client.ItemQuery, by string, of ledger.PartyID) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	l := &itemList{By: by, Party: of.String(), Items: []*itemReport{}}
	for view, err := range c.ListItems(ctx, query, client.Linearizable) {
		if err != nil {
			return err
		}
		l.Items = append(l.Items, newItemReport(view))
	}
	return a.print(l)
}
