package epcis

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Amounts are exact: read back as a fraction they give the micrograms.
func TestAmountsAreExact(t *testing.T) {
	const most = 9_000_000_000_000_000
	check := func(t *testing.T, micrograms uint64) {
		for material, unit := range map[custodyv1.Material]int64{custodyv1.Material_MATERIAL_DIAMOND: 200_000, custodyv1.Material_MATERIAL_METAL: 1_000_000} {
			amount, uom := quantityOf(material, micrograms)
			if uom == "KGM" {
				unit *= 1000
			}
			number, ok := new(big.Rat).SetString(string(amount))
			if !ok || !strictNumber.MatchString(string(amount)) {
				t.Fatalf("%d µg is %q %s", micrograms, amount, uom)
			}
			if back := number.Mul(number, new(big.Rat).SetInt64(unit)); back.Cmp(new(big.Rat).SetUint64(micrograms)) != 0 {
				t.Fatalf("%d µg is %s %s, which is %s µg", micrograms, amount, uom, back.RatString())
			}
		}
	}
	for _, n := range []uint64{1, 2, 199_999, 200_000, 200_001, 999_999_999, 1_000_000_000, 1_000_000_001, most - 1, most} {
		check(t, n)
	}
	rapid.Check(t, func(r *rapid.T) { check(t, rapid.Uint64Range(1, most).Draw(r, "micrograms")) })
	if amount, uom := quantityOf(custodyv1.Material_MATERIAL_METAL, most); amount != "9000000" || uom != "KGM" {
		t.Errorf("the most is %s %s", amount, uom)
	}
	if amount, uom := quantityOf(custodyv1.Material_MATERIAL_PEARL, 1); amount != "0.000005" || uom != "CTM" {
		t.Errorf("the least is %s %s", amount, uom)
	}
}

// The hash of anything that is JSON neither panics nor depends on how it is written.
func FuzzEventID(f *testing.F) {
	for _, name := range []string{"reference-1", "reference-2", "certification", "various-events"} {
		for _, event := range readForeign(f, "testdata/event-hash/"+name+".jsonld").Body.Events {
			f.Add([]byte(event))
		}
	}
	for _, odd := range []string{`{}`, `[]`, `{"type":1}`, `{"type":"ObjectEvent","epcList":{"a":[{}]}}`, `{"type":"ObjectEvent","x:y":[[1,[2]],null,1e99999,-0]}`,
		`{"type":"ObjectEvent","eventTime":"0000-02-30T99:99:99.9999+99:99"}`, `{"type":"ObjectEvent","readPoint":"urn:epc:id:sgln:.."}`} {
		f.Add([]byte(odd))
	}
	spaces := map[string]string{"example": "https://ns.example.com/epcis/"}
	f.Fuzz(func(t *testing.T, event []byte) {
		id, err := EventID(event, spaces)
		if err != nil {
			return
		}
		if len(id) != len("ni:///sha-256;?ver=CBV2.0")+64 {
			t.Fatalf("id %q", id)
		}
		var fields map[string]any
		decoder := json.NewDecoder(bytes.NewReader(event))
		decoder.UseNumber()
		if decoder.Decode(&fields) != nil {
			t.Skip()
		}
		again, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := EventID(again, spaces); err != nil || other != id {
			t.Fatalf("%s written anew as %s has id %s (%v), not %s", event, again, other, err, id)
		}
	})
}

func TestUTC(t *testing.T) {
	for text, want := range map[string]string{
		"2020-03-04T11:00:30+01:00": "2020-03-04T10:00:30.000Z", "2024-02-29T23:59:59.9995-00:30": "2024-03-01T00:30:00.000Z",
		"1969-12-31T23:59:59.999Z": "1969-12-31T23:59:59.999Z", "2000-01-01T00:00:00.0004Z": "2000-01-01T00:00:00.000Z",
		"2019-10-21T00:05:00-06:00": "2019-10-21T06:05:00.000Z", "2100-03-01T00:00:00+14:00": "2100-02-28T10:00:00.000Z",
		"22-07-2026": "", "2020-03-04T11:00:30": "", "2020-13-04T11:00:30Z": "", "2020-03-04T11:00:30.Z": "", "2020-03-04 11:00:30Z": "", "2020-03-04T11:00:30+0100": "",
	} {
		if got, ok := utcText(text); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestCanonicalLink(t *testing.T) {
	for text, want := range map[string]string{
		"urn:epc:id:sgtin:4012345.011111.A%2F1":                       "https://id.gs1.org/01/04012345111118/21/A%2F1",
		"urn:epc:id:sgtin:4012345.01111.1":                            "", // one digit short
		"urn:epc:id:sgtin:4012345.011111":                             "", // no serial number
		"https://example.org/shop/01/04012345111118/10/L1/21/A1?17=2": "https://id.gs1.org/01/04012345111118/21/A1",
		"https://example.org/01/04012345111118/10/L1":                 "https://id.gs1.org/01/04012345111118/10/L1",
		"https://example.org/about":                                   "",
		"urn:custody-ledger:item:X":                                   "",
		"urn:epc:id:pgln:4000001.00012":                               "https://id.gs1.org/417/4000001000128",
		"urn:epc:id:sscc:5200001.0111111146":                          "https://id.gs1.org/00/052000011111111461",
	} {
		if got, ok := canonicalLink(text); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v; want %q", text, got, ok, want)
		}
	}
}

// An export of an item has what is upstream and nothing else; a range has its
// entries, as they are in the whole.
func TestSelection(t *testing.T) {
	w := newWorld(t)
	ring, stone := w.all()
	g := w.graph()
	all := OfRange(g, 0, w.index+1)
	var whole []string
	entries := map[uint64]int{}
	for e := range all.Events {
		text, err := marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, string(text))
		entries[e.Entry]++
	}
	for from := uint64(0); from <= w.index; from += 13 {
		var parts []string
		for e := range OfRange(g, from, from+13).Events {
			if e.ErrorDeclaration == nil && (e.Entry < from || e.Entry >= from+13) {
				t.Errorf("range from %d has entry %d", from, e.Entry)
			}
			text, err := marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, string(text))
		}
		if len(parts) > len(whole) || !slices.Equal(parts, whole[:len(parts)]) {
			t.Fatalf("the range from %d differs from the whole", from)
		}
		whole = whole[len(parts):]
	}
	if len(whole) != 0 {
		t.Errorf("%d events are in no range", len(whole))
	}

	story := string(encoded(t, OfItems(g, g.Item(ring))))
	for _, id := range []string{itemURI(ring), itemURI(stone)} {
		if !strings.Contains(story, id) {
			t.Errorf("%s is not in the story of the ring", id)
		}
	}
	if strings.Contains(story, `"custody:body":"ItemVoid"`) || strings.Contains(story, "DISASSEMBLE") {
		t.Error("the story of the ring tells of other items")
	}
	if !strings.Contains(story, `"custody:body":"AttestWithdraw"`) {
		t.Error("the story of the ring leaves out that a paper was taken back")
	}
	for _, complaint := range strict([]byte(story)) {
		t.Error(complaint)
	}
}

// An export says nothing of what a ledger keeps as a salted hash but that hash.
func TestNothingPrivate(t *testing.T) {
	text := string(world0(t))
	if strings.Count(text, `"custody:commitments"`) != 1 || !strings.Contains(text, `{"custody:field":"PRICE","custody:hash":"urn:custody-ledger:sha-256:09`) {
		t.Error("the commitment is not there as its hash")
	}
	for _, word := range []string{"salt", "opening", "signature"} {
		if strings.Contains(strings.ToLower(text), word) {
			t.Errorf("the export speaks of a %s", word)
		}
	}
}
