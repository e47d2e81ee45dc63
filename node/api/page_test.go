package api_test

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TestListWhileItGrows pages through a dealer's stock while stones come and go.
func TestListWhileItGrows(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(0, w.Backend, nil)))
	dealer := w.Dealer()
	party := dealer.Party()
	stays := map[string]bool{}
	for range 23 {
		registration := w.Register(dealer)
		w.Record(registration)
		item := client.RegisteredItem(registration)
		stays[string(item[:])] = true
	}
	for _, by := range []*custodyv1.ListItemsRequest{
		{By: &custodyv1.ListItemsRequest_Holder{Holder: party[:]}},
		{By: &custodyv1.ListItemsRequest_Owner{Owner: party[:]}},
		{By: &custodyv1.ListItemsRequest_Registrant{Registrant: party[:]}},
	} {
		by.PageSize = 4
		given := map[string]int{}
		for {
			page, err := service.ListItems(t.Context(), by)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) > 4 {
				t.Errorf("a page of %d", len(page.Items))
			}
			for _, view := range page.Items {
				given[string(view.Item)]++
			}
			if len(page.NextPageToken) == 0 {
				break
			}
			by.PageToken = page.NextPageToken
			passing := w.Register(dealer)
			w.Record(passing)
			w.Record(w.Signed(dealer.Void(ledger.ItemRef{Item: client.RegisteredItem(passing), Prev: passing.ID()}, custodyv1.VoidReason_VOID_REASON_MISTAKE)))
		}
		for item := range stays {
			if given[item] != 1 {
				t.Errorf("%T: an item that stayed was given %d times", by.By, given[item])
			}
		}
		if len(given) != len(stays) {
			t.Errorf("%T: %d items, %d stayed", by.By, len(given), len(stays))
		}
	}
}

// TestHistoryWhileItGrows pages through a stone's history while it moves on.
func TestHistoryWhileItGrows(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(0, w.Backend, nil)))
	from, to := w.Dealer(), w.Dealer()
	registration := w.Register(from)
	want := []uint64{w.Record(registration)[0].Index}
	item, prev := client.RegisteredItem(registration), registration.ID()
	move := func() {
		offer := w.Offer(from, item, prev, to.Party())
		accept := w.Signed(to.Accept(ledger.ItemRef{Item: item, Prev: offer.ID()}, offer.ID(), from.Party()))
		want = append(want, w.Record(offer)[0].Index, w.Record(accept)[0].Index)
		w.Record(w.Register(from)) // and something between
		prev, from, to = accept.ID(), to, from
	}
	for range 4 {
		move()
	}
	request := &custodyv1.ItemHistoryRequest{Item: item[:], PageSize: 3}
	var got []uint64
	for pages := 0; ; pages++ {
		page, err := service.ItemHistory(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.Entries {
			got = append(got, entry.Index)
		}
		if len(page.NextPageToken) == 0 {
			break
		}
		request.PageToken = page.NextPageToken
		if pages < 3 {
			move()
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

func TestTokensAreBoundToTheirQuestion(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(0, w.Backend, nil)))
	dealer := w.Dealer()
	party := dealer.Party()
	for range 3 {
		w.Record(w.Register(dealer))
	}
	holder := func(token []byte) *custodyv1.ListItemsRequest {
		return &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_Holder{Holder: party[:]}, PageSize: 1, PageToken: token}
	}
	page, err := service.ListItems(t.Context(), holder(nil))
	if err != nil {
		t.Fatal(err)
	}
	token := page.NextPageToken
	if _, err := service.ListItems(t.Context(), holder(token)); err != nil {
		t.Errorf("the token as it was given: %v", err)
	}
	other := holder(token)
	other.By = &custodyv1.ListItemsRequest_Owner{Owner: party[:]}
	if p := problemOf(t, second(service.ListItems(t.Context(), other))); p.reason != "PAGE_TOKEN_INVALID" || p.code != codes.InvalidArgument {
		t.Errorf("in another question: %+v", p)
	}
	for length := 1; length < len(token); length++ {
		if p := problemOf(t, second(service.ListItems(t.Context(), holder(token[:length])))); p.reason != "PAGE_TOKEN_INVALID" {
			t.Errorf("cut to %d bytes: %+v", length, p)
		}
	}
	for i := range 9 { // version and digest; the rest is a position
		forged := bytes.Clone(token)
		forged[i] ^= 1
		if p := problemOf(t, second(service.ListItems(t.Context(), holder(forged)))); p.reason != "PAGE_TOKEN_INVALID" {
			t.Errorf("byte %d changed: %+v", i, p)
		}
	}
}

func TestPageSizeAtTheLimit(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(0, w.Backend, nil)))
	dealer := w.Dealer()
	party := dealer.Party()
	for range api.PageSizeDefault + 1 {
		w.Record(w.Register(dealer))
	}
	for size, want := range map[uint32]int{0: api.PageSizeDefault, 1: 1, api.PageSizeMax: api.PageSizeDefault + 1} {
		page, err := service.ListItems(t.Context(), &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_Holder{Holder: party[:]}, PageSize: size})
		if err != nil || len(page.Items) != want || (len(page.NextPageToken) == 0) != (want > api.PageSizeDefault) {
			t.Errorf("page size %d: %d items, %v", size, len(page.GetItems()), err)
		}
	}
}

func TestItemView(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(0, w.Backend, nil)))
	dealer, other := w.Dealer(), w.Dealer()
	report := &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "2151234567"}
	registration := w.Register(dealer, report)
	w.Record(registration)
	item := client.RegisteredItem(registration)
	get := func() *custodyv1.ItemView {
		t.Helper()
		answer, err := service.GetItem(t.Context(), &custodyv1.GetItemRequest{Item: item[:]})
		if err != nil {
			t.Fatal(err)
		}
		return answer.Item
	}
	if view := get(); view.Contested || len(view.OpenOffers) != 0 || len(view.Title.Shares) != 1 {
		t.Errorf("%v", view)
	}
	w.Record(w.Offer(dealer, item, registration.ID(), other.Party()))
	rival := w.Register(other, report)
	w.Record(rival)
	if view := get(); !view.Contested || len(view.OpenOffers) != 1 || view.OpenOffers[0].Expired {
		t.Errorf("%v", view)
	}
	list, err := service.ListItems(t.Context(), &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_OutsideId{OutsideId: report}})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("claims: %v, %v", list, err)
	}
	w.Backend.Advance(48 * 3_600_000_000_000)
	w.Record(w.Signed(other.Void(ledger.ItemRef{Item: client.RegisteredItem(rival), Prev: rival.ID()}, custodyv1.VoidReason_VOID_REASON_DUPLICATE)))
	if view := get(); view.Contested || len(view.OpenOffers) != 1 || !view.OpenOffers[0].Expired {
		t.Errorf("after the rival's end and the offer's: %v", view)
	}
}
