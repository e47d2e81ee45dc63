package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Stated is an item's state under a final checkpoint, as several associations
// stated it alike.
type Stated struct {
	Statement ledger.Statement
	Note      *checkpoint.Note
	Policy    ledger.Policy // in force at the note
	By        []string      // associations
	Item      *custodyv1.ItemView
}

// FinalItem gives an item's state under a final checkpoint and verifies it: the
// checkpoint, the statements of as many associations as the policy asks for, that
// the view says what they state, and that the registration is the item's own.
// No node is trusted.
func (c *Client) FinalItem(ctx context.Context, item ledger.ItemID) (*Stated, error) {
	var stated *Stated
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.ledger.GetItem(ctx, &custodyv1.GetItemRequest{
			Item: item[:], Consistency: &custodyv1.Consistency{Level: &custodyv1.Consistency_Final{Final: true}},
		})
		if err != nil {
			return err
		}
		if stated, err = c.checkStated(ctx, n, item, response.Final); err != nil {
			return err
		}
		registration, err := c.registrationOf(n, item, response.Registration)
		if err != nil {
			return err
		}
		if registration.Index != stated.Statement.Registered {
			return &Tampered{Node: n.address, Index: registration.Index, What: fmt.Sprintf("the registration of the item is stated to be entry %d", stated.Statement.Registered)}
		}
		if stated.Item, err = ItemOf(stated.Statement, registration.Event, registration.RecordedAt); err != nil {
			return &Tampered{Node: n.address, Index: registration.Index, What: "the item's first entry", Err: err}
		}
		if !proto.Equal(stated.Item, response.Item) {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: "the item is shown otherwise than the associations state"}
		}
		return nil
	})
	return keep(stated, err)
}

// registrationOf decodes an item's first entry. The item's id is made of its event,
// so that nothing else can stand there.
func (c *Client) registrationOf(n *node, item ledger.ItemID, raw *custodyv1.RawEntry) (Entry, error) {
	page, err := c.historyPage(n, item, Entry{}, []*custodyv1.RawEntry{raw})
	if err != nil {
		return Entry{}, err
	}
	return page[0], nil
}

// checkStated verifies a statement about an item under the policy in force.
func (c *Client) checkStated(ctx context.Context, n *node, item ledger.ItemID, final *custodyv1.FinalStatement) (*Stated, error) {
	tampered := func(what string, err error) error {
		return &Tampered{Node: n.address, Index: ledger.NoLink, What: what, Err: err}
	}
	statement, err := ledger.ParseStatement(final.GetPayload())
	if err != nil {
		return nil, tampered("the statement", err)
	}
	note, policy, by, err := c.checkFinal(ctx, n, sign.StatementPayloadType, final)
	if err != nil {
		return nil, err
	}
	switch {
	case statement.Ledger != c.id || statement.Item != item:
		return nil, tampered(fmt.Sprintf("a statement on item %s of ledger %s", statement.Item, statement.Ledger), nil)
	case statement.Size != note.Size || statement.Root != note.Root:
		return nil, tampered("a statement on another size or root than the checkpoint's", nil)
	}
	return &Stated{Statement: statement, Note: note, Policy: policy, By: by}, nil
}

// checkFinal verifies a checkpoint and the signatures of what is stated with it.
// Where they do not hold under a policy that this client trusts, another one may
// have been handed over to.
func (c *Client) checkFinal(ctx context.Context, n *node, payloadType string, final *custodyv1.FinalStatement) (*checkpoint.Note, ledger.Policy, []string, error) {
	note, policy, by, err := c.verifyTrusted(payloadType, final)
	if err != nil && c.learnPolicy(ctx, n) {
		note, policy, by, err = c.verifyTrusted(payloadType, final)
	}
	if err != nil {
		err = &Tampered{Node: n.address, Index: ledger.NoLink, What: "what the associations are said to state", Err: err}
	}
	return note, policy, by, err
}

// verifyTrusted verifies them under the newest policy that the client trusts and that
// both hold under.
func (c *Client) verifyTrusted(payloadType string, final *custodyv1.FinalStatement) (note *checkpoint.Note, policy ledger.Policy, by []string, err error) {
	j, err := c.judge(final.GetNote())
	if err != nil {
		return nil, ledger.Policy{}, nil, err
	}
	for _, verdict := range j.verdicts {
		if by, err = c.verifyStated(verdict.policy, payloadType, final); err == nil {
			return j.note, verdict.policy, by, nil
		}
	}
	return nil, ledger.Policy{}, nil, err
}

// verifyStated verifies the signatures of a payload under a policy and names the
// associations that made them.
func (c *Client) verifyStated(policy ledger.Policy, payloadType string, final *custodyv1.FinalStatement) (by []string, err error) {
	signed := sign.PAE(payloadType, final.Payload)
	for _, s := range final.Signatures {
		signer, ok := policy.Node(s.NodeId)
		switch {
		case !ok:
			return nil, fmt.Errorf("node %.40q is not in the policy", s.NodeId)
		case slices.Contains(by, signer.Association):
			return nil, fmt.Errorf("%s signed twice", signer.Association)
		}
		if err := c.verifier.Verify(signer.Statement, signed, s.Signature); err != nil {
			return nil, fmt.Errorf("the signature of %s: %w", signer.Association, err)
		}
		by = append(by, signer.Association)
	}
	if len(by) < int(policy.Quorum) {
		return nil, fmt.Errorf("%d associations signed it, the policy asks for %d", len(by), policy.Quorum)
	}
	return by, nil
}

// ItemOf shows a stated item with the event that made it, as nodes do. Of its matter
// it has mass and count, which is what is stated.
func ItemOf(s ledger.Statement, made *ledger.Event, registeredAt uint64) (*custodyv1.ItemView, error) {
	if made == nil {
		return nil, errors.New("it has no event")
	}
	view := &custodyv1.ItemView{
		Item: s.Item[:], Status: custodyv1.ItemStatus(s.Status), Prev: s.Last[:], RegisteredIndex: s.Registered, LastIndex: s.LastIndex,
		Custody: holderOf(s.Custody), Title: &custodyv1.Title{ManagingOwner: holderOf(s.Title[0].Owner)},
		Contested: s.Contested, Lost: s.Lost, Stolen: s.Stolen, Damaged: s.Damaged,
		Matter:       &custodyv1.MatterView{Micrograms: s.Micrograms, Count: s.Count},
		RegisteredBy: made.Party[:], RegisteredAtMs: registeredAt,
	}
	if err := MadeBy(view, made); err != nil {
		return nil, err
	}
	if s.Within != (ledger.ItemID{}) {
		view.Within = s.Within[:]
	}
	for _, share := range s.Title {
		view.Title.Shares = append(view.Title.Shares, &custodyv1.TitleShare{Owner: holderOf(share.Owner), Parts: share.Parts})
	}
	for _, t := range s.Terms {
		view.Terms = append(view.Terms, &custodyv1.Term{Mode: t.Mode, From: t.From[:], UntilMs: t.Until, MayMemoOn: t.MayMemoOn})
	}
	for _, o := range s.Offers {
		offer := &custodyv1.OpenOffer{
			EventId: o.Event[:], From: o.From[:], To: o.To[:], Mode: o.Mode, ExpiresAtMs: o.ExpiresAt, GoodsLeft: o.GoodsLeft,
			UntilMs: o.Until, Index: o.Index, Declined: o.Declined, Expired: s.At > o.ExpiresAt, MayMemoOn: o.MayMemoOn,
		}
		if o.Part != (ledger.StatedPortion{}) {
			offer.Part = &custodyv1.Portion{Micrograms: o.Part.Micrograms, Count: o.Part.Count}
		}
		if o.Agent != (ledger.PartyID{}) {
			offer.Agent = o.Agent[:]
		}
		view.OpenOffers = append(view.OpenOffers, offer)
	}
	return view, nil
}

// MadeBy puts into the view of an item what the event that made it says of it. It
// fails if the event did not make the item.
func MadeBy(view *custodyv1.ItemView, made *ledger.Event) error {
	at := slices.Index(made.Outputs(), ledger.ItemID(view.Item))
	if at < 0 {
		return fmt.Errorf("event %s is a %T that did not make item %s", made.ID, made.Body, ledger.ItemID(view.Item))
	}
	view.CreatedBy = made.ID[:]
	switch b := made.Body.(type) {
	case *custodyv1.ItemRegister:
		view.Registration = b
	case *custodyv1.Transform:
		view.Output = b.Outputs[at]
	}
	return nil
}

func holderOf(h ledger.StatedHolder) *custodyv1.Holder {
	if h.Outside == nil {
		return &custodyv1.Holder{Who: &custodyv1.Holder_Party{Party: h.Party[:]}}
	}
	return &custodyv1.Holder{Who: &custodyv1.Holder_Outside{Outside: &custodyv1.Outside{
		Reason: h.Outside.Reason, Country: h.Outside.Country, SinceIndex: h.Outside.Since, ReleasedBy: h.Outside.ReleasedBy[:],
	}}}
}

// Absent proves that an event is not in the ledger of a final size whose time is
// past after, in unix milliseconds; 0 for any time.
func (c *Client) Absent(ctx context.Context, event ledger.EventID, after uint64) (ledger.Absence, *custodyv1.FinalStatement, error) {
	var absence ledger.Absence
	var final *custodyv1.FinalStatement
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.ledger.GetAbsence(ctx, &custodyv1.GetAbsenceRequest{EventId: event[:], AfterMs: after})
		if err != nil {
			return err
		}
		tampered := &Tampered{Node: n.address, Index: ledger.NoLink, What: "what the associations are said to state"}
		final = response.Absence
		note, _, _, err := c.verifyTrusted(sign.AbsencePayloadType, final)
		if err == nil {
			absence, err = ledger.ParseAbsence(final.Payload)
		}
		switch {
		case err != nil:
			tampered.Err = err
			return tampered
		case absence.Ledger != c.id || absence.Event != event || absence.At <= after || absence.Size != note.Size || absence.Root != note.Root:
			tampered.What = "a statement about something else"
			return tampered
		}
		return nil
	})
	return absence, final, err
}

// Bundle fetches one file that proves items, and verifies it.
func (c *Client) Bundle(ctx context.Context, items ...ledger.ItemID) ([]byte, *bundle.Report, error) {
	request := &custodyv1.GetBundleRequest{}
	for _, id := range items {
		request.Items = append(request.Items, slices.Clone(id[:]))
	}
	file, report, err := c.bundle(ctx, request)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range items {
		if !slices.ContainsFunc(report.Items, func(i bundle.Item) bool { return i.ID == id }) {
			return nil, nil, &Tampered{Index: ledger.NoLink, What: fmt.Sprintf("item %s is not in the bundle", id)}
		}
	}
	return file, report, nil
}

// OfferBundle fetches one file that proves the items of an offer, or of all offers
// of its group, and verifies it.
func (c *Client) OfferBundle(ctx context.Context, offer ledger.EventID) ([]byte, *bundle.Report, error) {
	file, report, err := c.bundle(ctx, &custodyv1.GetBundleRequest{Offer: offer[:]})
	if err != nil {
		return nil, nil, err
	}
	for _, i := range report.Items {
		if slices.ContainsFunc(i.Events, func(e bundle.Event) bool { return e.ID == offer }) {
			return file, report, nil
		}
	}
	return nil, nil, &Tampered{Index: ledger.NoLink, What: fmt.Sprintf("offer %s is not in the bundle", offer)}
}

func (c *Client) bundle(ctx context.Context, request *custodyv1.GetBundleRequest) (file []byte, report *bundle.Report, err error) {
	_, err = c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
		if file, err = c.bundleFrom(ctx, n, request); err == nil {
			file, report, err = c.verifyBundle(n, file)
		}
		return err
	})
	return file, report, err
}

func (c *Client) bundleFrom(ctx context.Context, n *node, request *custodyv1.GetBundleRequest) ([]byte, error) {
	stream, err := n.ledger.GetBundle(ctx, request)
	if err != nil {
		return nil, err
	}
	return wholeBundle(n, stream.Recv)
}

// wholeBundle puts a bundle together from what a node streams.
func wholeBundle[R interface{ GetChunk() []byte }](n *node, receive func() (R, error)) ([]byte, error) {
	var file []byte
	for {
		response, err := receive()
		if errors.Is(err, io.EOF) {
			return file, nil
		}
		if err != nil {
			return nil, err
		}
		if file = append(file, response.GetChunk()...); len(file) > bundle.BytesMax {
			return nil, &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("a bundle of more than %d bytes", bundle.BytesMax)}
		}
	}
}

func (c *Client) verifyBundle(n *node, file []byte) ([]byte, *bundle.Report, error) {
	report, err := bundle.Verify(file, c.trust)
	if err != nil {
		return nil, nil, &Tampered{Node: n.address, Index: ledger.NoLink, What: "a bundle", Err: err}
	}
	return file, report, nil
}
