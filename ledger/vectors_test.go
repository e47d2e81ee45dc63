package ledger_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

var update = flag.Bool("update", false, "write testdata/vectors anew; a changed vector is a change of the format")

const vectorsDir = "testdata/vectors"

// The vector files. Bytes are lower-case hexadecimal digits.
type (
	idVectors struct {
		Keys    []keyVector    `json:"keys"`
		Items   []itemVector   `json:"items"`
		Texts   []textVector   `json:"texts"`
		Refused []refusedText  `json:"refused"`
		Commits []commitVector `json:"commitments"`
	}
	keyVector struct {
		Seed      string `json:"seed"`
		Wire      string `json:"wire"`
		KeyID     string `json:"key_id"`
		KeyIDText string `json:"key_id_text"`
		PartyID   string `json:"party_id"`
		PartyText string `json:"party_id_text"`
	}
	itemVector struct {
		Event    string `json:"event_id"`
		Position uint32 `json:"position"`
		Item     string `json:"item_id"`
		Text     string `json:"item_id_text"`
	}
	textVector struct {
		Kind string `json:"kind"`
		Text string `json:"text"`
		ID   string `json:"id"`
	}
	refusedText struct {
		Kind string `json:"kind"`
		Text string `json:"text"`
		Why  string `json:"why"`
	}
	commitVector struct {
		Field   uint32 `json:"field"`
		Subject string `json:"subject"` // party id
		Salt    string `json:"salt"`
		Value   string `json:"value"`
		Hash    string `json:"hash"`
	}

	genesisVectors struct {
		File        string         `json:"file"` // as text
		LedgerID    string         `json:"ledger_id"`
		Fingerprint string         `json:"fingerprint"`
		Entry       string         `json:"entry"`
		Leaf        string         `json:"leaf"`
		Refused     []refusedBytes `json:"refused"`
	}
	refusedBytes struct {
		Why   string `json:"why"`
		Bytes string `json:"bytes"`
	}

	eventVectors struct {
		Accepted []eventVector  `json:"accepted"`
		Refused  []refusedEvent `json:"refused"`
	}
	eventVector struct {
		Name         string   `json:"name"`
		Event        string   `json:"event"`
		Signatures   []string `json:"signatures"`
		SigningBytes string   `json:"signing_bytes"`
		EventID      string   `json:"event_id"`
		Makes        []string `json:"creates_items,omitempty"`
		Names        []string `json:"names_items,omitempty"`
		Prevs        []string `json:"prevs,omitempty"` // of the items that it advances
	}
	refusedEvent struct {
		Name       string        `json:"name"`
		Event      string        `json:"event"`
		Signatures []string      `json:"signatures"`
		Reason     ledger.Reason `json:"reason"`
		Field      string        `json:"field"`
	}

	signatureVectors struct {
		Signatures []signatureVector    `json:"signatures"`
		Keys       []registrationVector `json:"keys"`
	}
	signatureVector struct {
		Name      string `json:"name"`
		Key       string `json:"key"` // wire form
		Message   string `json:"message"`
		Signature string `json:"signature"`
		Holds     bool   `json:"holds"`
	}
	registrationVector struct {
		Name        string `json:"name"`
		Key         string `json:"key"` // wire form
		Registrable bool   `json:"registrable"`
	}

	logVectors struct {
		Entries []entryVector  `json:"entries"`
		Refused []refusedBytes `json:"refused"`
		Proof   proofVector    `json:"inclusion"`
		Policy  policyVectors  `json:"policies"`
	}
	policyVectors struct {
		First   string         `json:"first_policy_id"`
		Last    string         `json:"last_policy_id"`
		Index   uint64         `json:"handover_index"`
		Refused []refusedBytes `json:"refused"` // entries that may not stand in place of the handover
	}
	entryVector struct {
		Entry      string   `json:"entry"`
		Leaf       string   `json:"leaf"`
		Root       string   `json:"root"` // of the ledger up to here
		Index      uint64   `json:"index"`
		RecordedMs uint64   `json:"recorded_ms"`
		Prev       string   `json:"prev"`
		Links      []uint64 `json:"links"`
		EventID    string   `json:"event_id,omitempty"`
	}
	proofVector struct {
		Index uint64   `json:"index"`
		Size  uint64   `json:"size"`
		Leaf  string   `json:"leaf"`
		Root  string   `json:"root"`
		Proof []string `json:"proof"`
	}
)

func hexed(b []byte) string { return hex.EncodeToString(b) }

func hexes(all [][]byte) []string {
	out := []string{}
	for _, b := range all {
		out = append(out, hexed(b))
	}
	return out
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func seed(name string) []byte {
	b := make([]byte, sign.SeedSize)
	copy(b, name)
	return b
}

func key(name string) sign.PrivateKey {
	k, err := sign.NewPrivateKey(seed(name))
	if err != nil {
		panic(err)
	}
	return k
}

// TestVectors derives every vector anew and compares it with the file.
func TestVectors(t *testing.T) {
	log := writeLog(t)
	for _, file := range []struct {
		name    string
		vectors any
	}{
		{"ids.json", makeIDs()},
		{"genesis.json", makeGenesis(t, log)},
		{"events.json", makeEvents(t, log)},
		{"signatures.json", makeSignatures(t)},
		{"log.json", makeLogVectors(t, log)},
	} {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(file.vectors); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(vectorsDir, file.name)
		if *update {
			if err := os.MkdirAll(vectorsDir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, b.Bytes()) {
			t.Errorf("%s is not what this program derives; the format has changed", path)
		}
	}
}

// TestVectorsInPython has a second implementation, written from SPEC.md in
// another language, derive and judge every vector.
func TestVectorsInPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on this machine: scripts/spec/verify.py, the second implementation of SPEC.md, was not run")
	}
	out, err := exec.Command(python, "../scripts/spec/verify.py", vectorsDir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func makeIDs() idVectors {
	var v idVectors
	for _, name := range []string{"asha", "bram", "chen", "recovers asha"} {
		public := key(name).Public()
		party := ledger.NewPartyID(public.ID())
		id := public.ID()
		v.Keys = append(v.Keys, keyVector{hexed(seed(name)), public.String(), id.String(), ledger.KeyIDText(id), hexed(party[:]), party.String()})
	}
	for i := range 4 {
		event := ledger.EventID{byte(i), 31: 0xff}
		position := []uint32{0, 1, 499, 1<<32 - 1}[i]
		item := ledger.NewItemID(event, position)
		v.Items = append(v.Items, itemVector{event.String(), position, hexed(item[:]), item.String()})
	}
	zero, ones, mixed := ledger.ItemID{}, ledger.ItemID(bytes.Repeat([]byte{0xff}, 20)), ledger.NewItemID(ledger.EventID{}, 0)
	for _, id := range []ledger.ItemID{zero, ones, mixed} {
		text := id.String()
		v.Texts = append(v.Texts, textVector{"item", text, hexed(id[:])},
			textVector{"item", strings.ToLower(text), hexed(id[:])},
			textVector{"item", text[:8] + "-" + text[8:16] + "-" + text[16:], hexed(id[:])},
			textVector{"item", strings.NewReplacer("0", "o", "1", "L").Replace(text), hexed(id[:])},
			textVector{"party", ledger.PartyID(id).String(), hexed(id[:])},
			textVector{"key", ledger.KeyIDText(sign.KeyID(id)), hexed(id[:])})
	}
	text := mixed.String()
	last := "0"
	if text[32] == '0' {
		last = "1"
	}
	v.Refused = []refusedText{
		{"item", text[:32] + last, "wrong check character"},
		{"item", text[1:2] + text[:1] + text[2:], "first two characters swapped"},
		{"item", text[:32], "check character missing"},
		{"item", text + "0", "a character too many"},
		{"item", "U" + text[1:], "U is no digit"},
		{"item", "", "empty"},
		{"party", text, "an item id"},
		{"key", text, "an item id"},
		{"item", ledger.PartyID(mixed).String(), "a party id"},
		{"item", ledger.KeyIDText(sign.KeyID(mixed)), "a key id"},
	}
	for i, value := range []string{"Asha & Sons", "12500 EUR", "é中𠮷"} {
		o := ledger.Opening{Field: custodyv1.PrivateField(i + 1), Salt: [32]byte(bytes.Repeat([]byte{byte(i)}, 32)), Value: value}
		subject := ledger.NewPartyID(key("asha").Public().ID())
		hash := o.Commit(subject).Hash
		v.Commits = append(v.Commits, commitVector{uint32(o.Field), hexed(subject[:]), hexed(o.Salt[:]), value, hexed(hash[:])})
	}
	return v
}

// vectorLog is a small ledger that the rules accept.
type vectorLog struct {
	testing.TB
	file    []byte
	id      ledger.LedgerID
	state   *audit.State
	entries [][]byte
	signed  []ledger.SignedEvent
	names   []string
	last    map[ledger.ItemID]ledger.EventID
	now     uint64
	nonce   byte
	// handover is the index of the one there is.
	handover uint64
}

func vectorGenesis() *ledger.Genesis {
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "ledger.example.org/vectors", CreatedMs: 1_767_225_600_000, RulesVersion: 1, Quorum: 2}
	for i, name := range []string{"north.example.org", "south.example.org"} {
		text := func(use string) string { return ledger.KeyText(key(use + " " + name).Public()) }
		g.Associations = append(g.Associations, ledger.Association{Name: name, Country: "BE", GovernanceKeys: []string{text("governs")}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: fmt.Sprintf("node-%d", i+1), Association: name, PeerAddress: fmt.Sprintf("node-%d.example.org:7001", i+1),
			ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8001+i), Incarnation: fmt.Sprintf("%016x", i+1), TLSKeySHA256: fmt.Sprintf("%064x", i+1),
			LogKey: text("logs"), CosignerKey: text("cosigns"), StatementKey: text("states"),
		})
	}
	return g
}

func (l *vectorLog) message(party ledger.PartyID) *custodyv1.Event {
	l.nonce++
	return &custodyv1.Event{
		LedgerId: l.id[:], Party: party[:], Nonce: bytes.Repeat([]byte{l.nonce}, 16),
		OccurredAtMs: l.now, NotAfterMs: l.now + 7*24*3600_000,
	}
}

func (l *vectorLog) sign(name string, message *custodyv1.Event, keys ...sign.PrivateKey) ledger.SignedEvent {
	signed, err := ledger.Sign(message, keys...)
	if err != nil {
		l.Fatal(err)
	}
	l.names, l.signed = append(l.names, name), append(l.signed, signed)
	return signed
}

func (l *vectorLog) add(events ...ledger.SignedEvent) {
	l.Helper()
	l.now += 250
	var submission ledger.Submission
	for _, signed := range events {
		event, rejection := ledger.DecodeEvent(1, signed)
		if rejection != nil {
			l.Fatal(rejection)
		}
		verified, rejections := ledger.Verify(sign.NewVerifier(2), []*ledger.Event{event})
		if rejections[0] != nil {
			l.Fatal(rejections[0])
		}
		submission = append(submission, ledger.Candidate{VerifiedEvent: verified[0]})
	}
	sequencer := rules.NewSequencer(l.id, 1, l.state, l.state.Head())
	outcome, appended := sequencer.Append(submission, l.now)
	if outcome.Rejection != nil {
		l.Fatal(outcome.Rejection)
	}
	l.state.Apply(rules.Block{Entries: appended, Changes: sequencer.Changes()})
	for _, a := range appended {
		l.entries = append(l.entries, a.Bytes)
		for _, ref := range a.Candidate.Items {
			l.last[ref.Item] = a.Candidate.ID
		}
		for _, item := range a.Candidate.Outputs() {
			l.last[item] = a.Candidate.ID
		}
	}
}

func (l *vectorLog) ref(item ledger.ItemID) *custodyv1.ItemRef {
	prev := l.last[item]
	return &custodyv1.ItemRef{Item: item[:], Prev: prev[:]}
}

// writeTrade has one event of each body that changes matter, shares, or says
// something of an item, beside those of writeLog.
func writeTrade(l *vectorLog, asha, bram ledger.PartyID) {
	add := func(name string, by ledger.PartyID, body *custodyv1.Event, keys ...string) ledger.EventID {
		message := l.message(by)
		message.Body = body.Body
		var signers []sign.PrivateKey
		for _, name := range keys {
			signers = append(signers, key(name))
		}
		signed := l.sign(name, message, signers...)
		l.add(signed)
		return signed.ID()
	}
	unknown := func(micrograms uint64) []*custodyv1.OriginComponent {
		return []*custodyv1.OriginComponent{{Micrograms: micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}}
	}
	rough := add("item_register of a rough stone as declared", asha, &custodyv1.Event{Body: &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
		Mass:        &custodyv1.Mass{Micrograms: 400_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED, Declared: "2.00", Unit: custodyv1.Unit_UNIT_CARAT},
		Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED, HsCode: "710231", Model: custodyv1.Model_MODEL_SEGREGATED,
		Origin: []*custodyv1.OriginComponent{{Micrograms: 400_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"BW"}}},
	}}}, "asha")
	roughStone := ledger.NewItemID(rough, 0)
	cut := add("transform: cut", asha, &custodyv1.Event{Body: &custodyv1.Event_Transform{Transform: &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_CUT, Inputs: []*custodyv1.ItemRef{l.ref(roughStone)}, Country: "IN",
		Outputs: []*custodyv1.Output{{
			Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
			Mass: &custodyv1.Mass{Micrograms: 180_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}, Description: &custodyv1.Description{Shape: "round"},
		}},
		Balances: []*custodyv1.Balance{{Material: custodyv1.Material_MATERIAL_DIAMOND, LossMicrograms: 220_000}},
	}}}, "asha")
	stone := ledger.NewItemID(cut, 0)
	add("reweigh", asha, &custodyv1.Event{Body: &custodyv1.Event_Reweigh{Reweigh: &custodyv1.Reweigh{
		Item: l.ref(stone), Mass: &custodyv1.Mass{Micrograms: 179_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
	}}}, "asha")
	gold := add("item_register of an alloy", asha, &custodyv1.Event{Body: &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_PART,
		Mass:              &custodyv1.Mass{Micrograms: 4_000_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Composition:       []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: 3_000_000}, {Metal: custodyv1.Metal_METAL_COPPER, Micrograms: 1_000_000}},
		FinenessPermyriad: 7500, Acquisition: custodyv1.Acquisition_ACQUISITION_BOUGHT_FROM_NON_MEMBER,
		Origin: []*custodyv1.OriginComponent{
			{Micrograms: 3_000_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_RECYCLED, Metal: custodyv1.Metal_METAL_GOLD},
			{Micrograms: 1_000_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, Metal: custodyv1.Metal_METAL_COPPER},
		},
	}}}, "asha")
	setting := ledger.NewItemID(gold, 0)
	add("correct", asha, &custodyv1.Event{Body: &custodyv1.Event_Correct{Correct: &custodyv1.Correct{
		Item: l.ref(setting), Reason: custodyv1.CorrectReason_CORRECT_REASON_INCOMPLETE_DATA, ExportedFrom: "IT",
	}}}, "asha")
	assembled := add("transform: assemble, with solder", asha, &custodyv1.Event{Body: &custodyv1.Event_Transform{Transform: &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: []*custodyv1.ItemRef{l.ref(stone), l.ref(setting)},
		Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: &custodyv1.Mass{Micrograms: 4_229_000, Basis: custodyv1.MassBasis_MASS_BASIS_CALCULATED}}},
		Additions: []*custodyv1.BillLine{{
			Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: &custodyv1.Mass{Micrograms: 50_000, Basis: custodyv1.MassBasis_MASS_BASIS_STATED},
			Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_SILVER, Micrograms: 50_000}},
		}},
	}}}, "asha")
	ring := ledger.NewItemID(assembled, 0)
	add("share", asha, &custodyv1.Event{Body: &custodyv1.Event_Share{Share: &custodyv1.Share{
		Item: l.ref(ring), Owners: []*custodyv1.TitlePart{{Party: asha[:], Parts: 2}, {Party: bram[:], Parts: 1}},
	}}}, "asha", "bram")
	add("border_cross", asha, &custodyv1.Event{Body: &custodyv1.Event_BorderCross{BorderCross: &custodyv1.BorderCross{Item: l.ref(ring), From: "IN", To: "BE", HsCode: "711319"}}}, "asha")
	disputed := add("dispute", bram, &custodyv1.Event{Body: &custodyv1.Event_Dispute{Dispute: &custodyv1.Dispute{Item: ring[:], Ground: custodyv1.DisputeGround_DISPUTE_GROUND_IDENTITY}}}, "bram")
	add("ruling that settles", bram, &custodyv1.Event{Body: &custodyv1.Event_Ruling{Ruling: &custodyv1.Ruling{Item: ring[:], Dispute: disputed[:], Outcome: custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED}}}, "bram")
	north, south := ledger.NewPartyID(key("governs north.example.org").Public().ID()), ledger.NewPartyID(key("governs south.example.org").Public().ID())
	held := add("hold", north, &custodyv1.Event{Body: &custodyv1.Event_Hold{Hold: &custodyv1.Hold{
		Item: ring[:], Authority: custodyv1.HoldAuthority_HOLD_AUTHORITY_CUSTOMS, OrderSha256: bytes.Repeat([]byte{1}, 32), Second: south[:],
	}}}, "governs north.example.org", "governs south.example.org")
	add("hold_release", south, &custodyv1.Event{Body: &custodyv1.Event_HoldRelease{HoldRelease: &custodyv1.HoldRelease{Item: ring[:], Hold: held[:], Second: north[:]}}}, "governs north.example.org", "governs south.example.org")
	add("incident", asha, &custodyv1.Event{Body: &custodyv1.Event_Incident{Incident: &custodyv1.Incident{Item: l.ref(ring), Kind: custodyv1.IncidentKind_INCIDENT_KIND_DAMAGED}}}, "asha")

	rough2 := add("item_register of a second rough stone", asha, &custodyv1.Event{Body: &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
		Mass: &custodyv1.Mass{Micrograms: 300_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}, Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED,
		Origin: []*custodyv1.OriginComponent{{Micrograms: 300_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"BW"}}},
	}}}, "asha")
	certified := ledger.NewItemID(rough2, 0)
	attested := add("attest", asha, &custodyv1.Event{Body: &custodyv1.Event_Attest{Attest: &custodyv1.Attest{
		Item: certified[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: "An authority", Country: "BW", Number: "BW123456",
		DocumentSha256: bytes.Repeat([]byte{3}, 32), IssuedMs: l.now - 1000, ExpiresMs: l.now + 60*24*3600_000,
		Claims:    []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_MASS, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}, {Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}},
		Countries: []string{"BW"}, Quantity: &custodyv1.Portion{Micrograms: 2_000_000}, Drawn: &custodyv1.Portion{Micrograms: 300_000},
	}}}, "asha")
	add("border_cross with a certificate", asha, &custodyv1.Event{Body: &custodyv1.Event_BorderCross{BorderCross: &custodyv1.BorderCross{Item: l.ref(certified), From: "BW", To: "BE", Certificate: attested[:]}}}, "asha")
	add("attest_withdraw by an association", north, &custodyv1.Event{Body: &custodyv1.Event_AttestWithdraw{AttestWithdraw: &custodyv1.AttestWithdraw{
		Item: certified[:], Attestation: attested[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_FORGED, Attestor: asha[:],
	}}}, "governs north.example.org")

	melee := add("item_register of a parcel that is parted", asha, &custodyv1.Event{Body: &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass: &custodyv1.Mass{Micrograms: 1_000_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}, Count: 100,
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING, Origin: unknown(1_000_000),
	}}}, "asha")
	parcel := ledger.NewItemID(melee, 0)
	part := &custodyv1.Portion{Micrograms: 300_000, Count: 30}
	offered := add("offer of a part", asha, &custodyv1.Event{Body: &custodyv1.Event_Offer{Offer: &custodyv1.Offer{
		Item: l.ref(parcel), To: bram[:], Mode: custodyv1.Mode_MODE_MEMO, ExpiresAtMs: l.now + 1000, UntilMs: l.now + 2000, Part: part, MayMemoOn: true,
	}}}, "asha")
	add("accept of a part", bram, &custodyv1.Event{Body: &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: l.ref(parcel), Offer: offered[:], From: asha[:], Received: part}}}, "bram")
	lent := ledger.NewItemID(l.last[parcel], 0)
	l.now += 3000
	add("reclaim", asha, &custodyv1.Event{Body: &custodyv1.Event_Reclaim{Reclaim: &custodyv1.Reclaim{Item: l.ref(lent), From: bram[:], Association: north[:]}}}, "asha", "governs north.example.org")
}

func writeLog(t testing.TB) *vectorLog {
	genesis := vectorGenesis()
	file, err := genesis.Encode()
	if err != nil {
		t.Fatal(err)
	}
	state, err := audit.Start(file)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := genesis.Entry(file).Encode()
	if err != nil {
		t.Fatal(err)
	}
	l := &vectorLog{TB: t, file: file, id: ledger.GenesisID(file), state: state, entries: [][]byte{entry}, last: map[ledger.ItemID]ledger.EventID{}, now: genesis.CreatedMs + 60_000}
	party := func(name string) ledger.PartyID { return ledger.NewPartyID(key(name).Public().ID()) }
	north := key("governs north.example.org")
	for _, dealer := range []string{"asha", "bram"} {
		message := l.message(party("governs north.example.org"))
		opening := ledger.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Salt: [32]byte{0x5a}, Value: dealer}
		hash := opening.Commit(party(dealer)).Hash
		message.Commitments = []*custodyv1.Commitment{{Field: opening.Field, Hash: hash[:]}}
		message.Body = &custodyv1.Event_PartyAdmit{PartyAdmit: &custodyv1.PartyAdmit{
			Key: key(dealer).Public().Bytes(), Scopes: uint32(ledger.ScopesAll), RecoveryKey: key("recovers " + dealer).Public().Bytes(), Country: "IN", Role: custodyv1.Role_ROLE_DEALER,
		}}
		l.add(l.sign("party_admit "+dealer, message, north, key(dealer), key("recovers "+dealer)))
	}
	asha, bram := party("asha"), party("bram")

	message := l.message(asha)
	message.Body = &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass: &custodyv1.Mass{Micrograms: 4_600_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}, Count: 23,
		Description: &custodyv1.Description{Shape: "round", Colour: "E", Clarity: "VS1", Cut: "Very Good", LengthUm: 3950, WidthUm: 3980, HeightUm: 2430, DepthPermyriad: 6150, TablePermyriad: 5500, PhotoSha256: bytes.Repeat([]byte{7}, 32)},
		Acquisition: custodyv1.Acquisition_ACQUISITION_BOUGHT_FROM_NON_MEMBER,
		Origin: []*custodyv1.OriginComponent{
			{Micrograms: 4_000_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"BW", "CA"}, Mine: "Mine of Örebro", Producer: "Producer Ltd", StateOwnership: custodyv1.StateOwnership_STATE_OWNERSHIP_MINORITY, OwnershipAsOfMs: genesis.CreatedMs},
			{Micrograms: 600_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN},
		},
		OutsideIds: []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "21410001"}},
		Reference:  bytes.Repeat([]byte{9}, 16), ProcessedIn: "IN", CustomsOrigin: "BW", ExportedFrom: "BE",
	}}
	registered := l.sign("item_register with every field", message, key("asha"))
	l.add(registered)
	parcel := ledger.NewItemID(registered.ID(), 0)

	group := []byte("a group of two..")
	var members []ledger.SignedEvent
	for i := range uint32(2) {
		message := l.message(asha)
		message.Group = &custodyv1.Group{Id: group, Position: i, Count: 2}
		message.Body = &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
			Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_LAB_GROWN, Stage: custodyv1.Stage_STAGE_POLISHED,
			Mass: &custodyv1.Mass{Micrograms: 200_000, Basis: custodyv1.MassBasis_MASS_BASIS_STATED}, Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED,
			Origin: []*custodyv1.OriginComponent{{Micrograms: 200_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN}},
		}}
		members = append(members, l.sign(fmt.Sprintf("item_register, %d of a group of 2", i), message, key("asha")))
	}
	l.add(members...)
	single := ledger.NewItemID(members[0].ID(), 0)

	offer := func(name string, from string, to ledger.PartyID, item ledger.ItemID, mode custodyv1.Mode) ledger.EventID {
		message := l.message(party(from))
		body := &custodyv1.Offer{Item: l.ref(item), To: to[:], Mode: mode, ExpiresAtMs: l.now + 24*3600_000}
		if mode == custodyv1.Mode_MODE_MEMO {
			body.GoodsLeft, body.UntilMs = true, l.now+30*24*3600_000
		}
		message.Body = &custodyv1.Event_Offer{Offer: body}
		signed := l.sign(name, message, key(from))
		l.add(signed)
		return signed.ID()
	}
	made := offer("offer of a sale", "asha", bram, parcel, custodyv1.Mode_MODE_SALE)
	message = l.message(bram)
	message.Body = &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: l.ref(parcel), Offer: made[:], From: asha[:]}}
	l.add(l.sign("accept", message, key("bram")))

	made = offer("offer of a memo", "bram", asha, parcel, custodyv1.Mode_MODE_MEMO)
	message = l.message(asha)
	message.Body = &custodyv1.Event_Decline{Decline: &custodyv1.Decline{Item: l.ref(parcel), Offer: made[:], Reason: custodyv1.DeclineReason_DECLINE_REASON_NEVER_ARRIVED}}
	l.add(l.sign("decline", message, key("asha")))
	message = l.message(bram)
	message.Body = &custodyv1.Event_Withdraw{Withdraw: &custodyv1.Withdraw{Item: l.ref(parcel), Offer: made[:]}}
	l.add(l.sign("withdraw", message, key("bram")))

	message = l.message(bram)
	buyer := ledger.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, Salt: [32]byte{0xa5}, Value: "A buyer"}.Commit(bram)
	message.Commitments = []*custodyv1.Commitment{{Field: buyer.Field, Hash: buyer.Hash[:]}}
	message.Body = &custodyv1.Event_Release{Release: &custodyv1.Release{Item: l.ref(parcel), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "US"}}
	l.add(l.sign("release", message, key("bram")))
	message = l.message(bram)
	message.Body = &custodyv1.Event_Reenter{Reenter: &custodyv1.Reenter{Item: l.ref(parcel), Identity: custodyv1.Identity_IDENTITY_SEAL_INTACT}}
	l.add(l.sign("reenter", message, key("bram")))
	message = l.message(asha)
	message.Body = &custodyv1.Event_ItemVoid{ItemVoid: &custodyv1.ItemVoid{Item: l.ref(single), Reason: custodyv1.VoidReason_VOID_REASON_DUPLICATE}}
	l.add(l.sign("item_void", message, key("asha")))

	writeTrade(l, asha, bram)

	clerk := key("clerk of bram")
	message = l.message(bram)
	message.Body = &custodyv1.Event_KeyAdd{KeyAdd: &custodyv1.KeyAdd{Key: clerk.Public().Bytes(), Scopes: uint32(ledger.ScopeReceive | ledger.ScopeRegister)}}
	l.add(l.sign("key_add", message, key("bram"), clerk))
	message = l.message(bram)
	clerkID := clerk.Public().ID()
	message.Body = &custodyv1.Event_KeyRevoke{KeyRevoke: &custodyv1.KeyRevoke{KeyId: clerkID[:], Reason: custodyv1.RevokeReason_REVOKE_REASON_LEFT}}
	l.add(l.sign("key_revoke", message, key("bram")))

	message = l.message(party("governs south.example.org"))
	message.Body = &custodyv1.Event_PartySponsor{PartySponsor: &custodyv1.PartySponsor{Party: bram[:]}}
	l.add(l.sign("party_sponsor", message, key("governs south.example.org")))
	message = l.message(party("governs north.example.org"))
	message.Body = &custodyv1.Event_PartySuspend{PartySuspend: &custodyv1.PartySuspend{Party: bram[:], Reason: custodyv1.SuspendReason_SUSPEND_REASON_BREACH}}
	l.add(l.sign("party_suspend", message, north))

	south := key("governs south.example.org")
	keys := []sign.PrivateKey{key("logs anew"), key("cosigns anew"), key("states anew")}
	base := genesis.Policy().ID()
	message = l.message(party("governs north.example.org"))
	message.Body = &custodyv1.Event_PolicyPropose{PolicyPropose: &custodyv1.PolicyPropose{Base: base[:], Quorum: 2, Node: &custodyv1.NodeKeys{
		NodeId: "node-1", LogKey: keys[0].Public().Bytes(), CosignerKey: keys[1].Public().Bytes(), StatementKey: keys[2].Public().Bytes(),
	}}}
	proposed := l.sign("policy_propose", message, append(keys, north)...)
	l.add(proposed)
	message = l.message(party("governs south.example.org"))
	proposal := proposed.ID()
	message.Body = &custodyv1.Event_PolicyApprove{PolicyApprove: &custodyv1.PolicyApprove{Proposal: proposal[:]}}
	l.add(l.sign("policy_approve", message, south))
	covered := uint64(len(l.entries))
	message = l.message(party("governs north.example.org"))
	message.Body = &custodyv1.Event_PartySponsor{PartySponsor: &custodyv1.PartySponsor{Party: bram[:]}}
	l.add(l.sign("party_sponsor that lifts a suspension", message, north))
	l.handOver(covered)
	message = l.message(party("governs south.example.org"))
	message.Body = &custodyv1.Event_PartySuspend{PartySuspend: &custodyv1.PartySuspend{Party: bram[:], Reason: custodyv1.SuspendReason_SUSPEND_REASON_UNDER_REVIEW}}
	l.add(l.sign("party_suspend by another sponsor", message, south))
	return l
}

func (l *vectorLog) leaves(size uint64) leafReader {
	var leaves leafReader
	for _, b := range l.entries[:size] {
		leaves = append(leaves, merkle.LeafHash(b))
	}
	return leaves
}

func (l *vectorLog) rootAt(size uint64) merkle.Hash {
	root, err := merkle.RootAt(l.leaves(size), size)
	if err != nil {
		l.Fatal(err)
	}
	return root
}

// note gives a checkpoint signed by the founding nodes.
func (l *vectorLog) note(size uint64) *checkpoint.Note {
	policy := vectorGenesis().Policy()
	n := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: policy.Origin, Size: size, Root: l.rootAt(size)}}
	for _, node := range policy.Nodes {
		n.Signatures = append(n.Signatures,
			policy.LogKey(node).Sign(key("logs "+node.Association), n.Checkpoint, 0),
			policy.CosignerKey(node).Sign(key("cosigns "+node.Association), n.Checkpoint, 1_767_225_700))
	}
	return n
}

func (l *vectorLog) proof(from, to uint64) []merkle.Hash {
	proof, err := merkle.ConsistencyProof(l.leaves(to), from, to)
	if err != nil {
		l.Fatal(err)
	}
	return proof
}

func (l *vectorLog) handOver(covered uint64) {
	size := uint64(len(l.entries))
	sequencer := rules.NewSequencer(l.id, 1, l.state, l.state.Head())
	appended, rejection := sequencer.Handover(l.note(covered).Encode(), l.proof(covered, size), l.rootAt(size), l.now)
	if rejection != nil {
		l.Fatal(rejection)
	}
	l.state.Apply(rules.Block{Entries: []rules.Sequenced{appended}, Changes: sequencer.Changes()})
	l.entries = append(l.entries, appended.Bytes)
	l.handover = size
}

// makePolicyVectors changes the handover in every way that a verifier must see.
func makePolicyVectors(l *vectorLog) policyVectors {
	entry, err := ledger.DecodeEntry(l.entries[l.handover])
	if err != nil {
		l.Fatal(err)
	}
	v := policyVectors{First: vectorGenesis().Policy().ID().String(), Last: l.state.Policy().InForce.ID().String(), Index: l.handover}
	replayer := func() (*audit.State, *audit.Replayer) {
		state, err := audit.Start(l.file)
		if err != nil {
			l.Fatal(err)
		}
		return state, state.Replayer()
	}
	refuse := func(why string, change func(*ledger.Entry)) {
		spoilt := *entry
		spoilt.Proof = slices.Clone(entry.Proof)
		change(&spoilt)
		b, err := spoilt.Encode()
		if err != nil {
			l.Fatal(err)
		}
		var raws []audit.Raw
		for _, e := range append(slices.Clone(l.entries[1:l.handover]), b) {
			raws = append(raws, audit.Raw{Entry: e})
		}
		state, r := replayer()
		root := merkle.LeafHash(b)
		tree := slices.Clone(l.leaves(l.handover))
		if root, err = merkle.RootAt(append(tree, root), l.handover+1); err != nil {
			l.Fatal(err)
		}
		block, _ := r.Replay(state, r.Verify(raws))
		state.Apply(block)
		var finding *audit.Finding
		if _, err := r.Finish(state, audit.TreeHead{Size: l.handover + 1, Root: root}); !errors.As(err, &finding) || finding.Index != l.handover {
			l.Fatalf("%s: %v", why, err)
		}
		v.Refused = append(v.Refused, refusedBytes{why, hexed(b)})
	}
	lines := func(keep ...int) func(*ledger.Entry) {
		return func(e *ledger.Entry) {
			note, err := checkpoint.ParseNote(e.Note)
			if err != nil {
				l.Fatal(err)
			}
			all := note.Signatures
			note.Signatures = nil
			for _, i := range keep {
				note.Signatures = append(note.Signatures, all[i])
			}
			e.Note = note.Encode()
		}
	}
	refuse("cosigned by one of two", lines(0, 1, 2))
	refuse("no line of a log key", lines(1, 3))
	refuse("two lines by one key", lines(0, 1, 2, 3, 3))
	refuse("a line by a key of the new policy", func(e *ledger.Entry) {
		policy := l.state.Policy().InForce
		note, _ := checkpoint.ParseNote(e.Note)
		note.Signatures = append(note.Signatures, policy.LogKey(policy.Nodes[0]).Sign(key("logs anew"), note.Checkpoint, 0))
		e.Note = note.Encode()
	})
	refuse("a signature that does not hold", func(e *ledger.Entry) {
		note, _ := checkpoint.ParseNote(e.Note)
		note.Signatures[1].Bytes[8] ^= 1
		e.Note = note.Encode()
	})
	refuse("a size that does not cover the adoption", func(e *ledger.Entry) {
		covered := l.handover - 2
		e.Note, e.Proof = l.note(covered).Encode(), l.proof(covered, l.handover)
	})
	refuse("a size larger than the ledger", func(e *ledger.Entry) {
		e.Note, e.Proof = l.note(l.handover+1).Encode(), nil
	})
	refuse("a hash left out", func(e *ledger.Entry) { e.Proof = e.Proof[1:] })
	refuse("a hash more", func(e *ledger.Entry) { e.Proof = append(e.Proof, merkle.Hash{}) })
	refuse("another hash", func(e *ledger.Entry) { e.Proof[0][0] ^= 1 })
	refuse("a link", func(e *ledger.Entry) { e.Links = []uint64{0} })
	refuse("no note", func(e *ledger.Entry) { e.Note = nil })
	return v
}

func makeGenesis(t testing.TB, l *vectorLog) genesisVectors {
	text := string(l.file)
	v := genesisVectors{
		File: text, LedgerID: l.id.String(), Fingerprint: l.id.Fingerprint(), Entry: hexed(l.entries[0]), Leaf: merkle.LeafHash(l.entries[0]).String(),
	}
	for _, c := range []struct{ why, old, new string }{
		{"a space more", `"format": `, `"format":  `},
		{"no newline at the end", "}\n", "}"},
		{"a field twice", `  "name"`, "  \"format\": \"custody-genesis/v1\",\n  \"name\""},
		{"an unknown field", `  "name"`, "  \"extra\": 1,\n  \"name\""},
		{"an escaped letter", `"custody-genesis`, `"\u0063ustody-genesis`},
		{"another format", `genesis/v1`, `genesis/v2`},
		{"quorum 1 of 2", `"quorum": 2`, `"quorum": 1`},
		{"no such country", `"country": "BE"`, `"country": "XX"`},
		{"a key for two uses", ledger.KeyText(key("logs north.example.org").Public()), ledger.KeyText(key("logs south.example.org").Public())},
	} {
		other := strings.Replace(text, c.old, c.new, 1)
		if c.why == "no newline at the end" {
			other = strings.TrimSuffix(text, "\n")
		}
		if _, err := ledger.DecodeGenesis([]byte(other)); !errors.Is(err, ledger.ErrGenesis) {
			t.Fatalf("%s: %v", c.why, err)
		}
		v.Refused = append(v.Refused, refusedBytes{c.why, hexed([]byte(other))})
	}
	return v
}

func makeEvents(t testing.TB, l *vectorLog) eventVectors {
	var v eventVectors
	for i, signed := range l.signed {
		event, rejection := ledger.DecodeEvent(1, signed)
		if rejection != nil {
			t.Fatal(rejection)
		}
		e := eventVector{Name: l.names[i], Event: hexed(signed.Event), Signatures: hexes(signed.Signatures), SigningBytes: hexed(ledger.SigningBytes(signed.Event)), EventID: event.ID.String()}
		for _, item := range event.Outputs() {
			e.Makes = append(e.Makes, hexed(item[:]))
		}
		for _, item := range event.Names() {
			e.Names = append(e.Names, hexed(item[:]))
		}
		for _, ref := range event.Items {
			e.Prevs = append(e.Prevs, ref.Prev.String())
		}
		v.Accepted = append(v.Accepted, e)
	}
	for _, c := range refusedEvents(l) {
		signed := ledger.SignedEvent{Event: c.event, Signatures: c.signatures}
		event, rejection := ledger.DecodeEvent(1, signed)
		if rejection == nil {
			_, rejections := ledger.Verify(sign.NewVerifier(2), []*ledger.Event{event})
			rejection = rejections[0]
		}
		if rejection == nil {
			t.Fatalf("%s is accepted", c.name)
		}
		v.Refused = append(v.Refused, refusedEvent{c.name, hexed(c.event), hexes(c.signatures), rejection.Reason, rejection.Field})
	}
	return v
}

type wrongEvent struct {
	name       string
	event      []byte
	signatures [][]byte
}

// refusedEvents spoils the acceptance and the full registration of the log. All
// signatures but those named are made over the spoilt bytes, so that nothing
// but the named fault is wrong.
func refusedEvents(l *vectorLog) []wrongEvent {
	at := slices.Index(l.names, "accept")
	accept := l.signed[at]
	var cases []wrongEvent
	resigned := func(name string, event []byte) {
		cases = append(cases, wrongEvent{name, event, [][]byte{key("bram").Sign(ledger.SigningBytes(event))}})
	}
	spoil := func(name string, change func(fields [][]byte) [][]byte) {
		resigned(name, bytes.Join(change(topFields(accept.Event)), nil))
	}
	replace := func(i int, field []byte) func([][]byte) [][]byte {
		return func(fields [][]byte) [][]byte { fields[i] = field; return fields }
	}
	tag := protowire.AppendTag
	spoil("bytes cut off", func(f [][]byte) [][]byte { f[6] = f[6][:len(f[6])-1]; return f })
	spoil("a byte more", func(f [][]byte) [][]byte { return append(f, []byte{0}) })
	spoil("unknown field 9", func(f [][]byte) [][]byte {
		return slices.Insert(f, 6, protowire.AppendVarint(tag(nil, 9, protowire.VarintType), 1))
	})
	spoil("unknown body 46", func(f [][]byte) [][]byte {
		f[6] = protowire.AppendBytes(tag(nil, 46, protowire.BytesType), nil)
		return f
	})
	spoil("no body", func(f [][]byte) [][]byte { return f[:6] })
	spoil("two bodies", func(f [][]byte) [][]byte {
		reenter, _ := proto.Marshal(&custodyv1.Event{Body: &custodyv1.Event_Reenter{Reenter: &custodyv1.Reenter{Item: &custodyv1.ItemRef{Item: make([]byte, 20), Prev: make([]byte, 32)}}}})
		return append(f, reenter)
	})
	spoil("nonce left out", func(f [][]byte) [][]byte { return slices.Delete(f, 3, 4) })
	spoil("nonce twice", func(f [][]byte) [][]byte { return slices.Insert(f, 3, f[3]) })
	spoil("nonce behind occurred_at_ms", func(f [][]byte) [][]byte { f[3], f[4] = f[4], f[3]; return f })
	spoil("nonce of 15 bytes", replace(3, protowire.AppendBytes(tag(nil, 4, protowire.BytesType), make([]byte, 15))))
	spoil("nonce as a number", replace(3, protowire.AppendVarint(tag(nil, 4, protowire.VarintType), 1)))
	spoil("occurred_at_ms written as zero", replace(4, []byte{0x28, 0x00}))
	spoil("occurred_at_ms in a byte more than it needs", replace(4, []byte{0x28, 0x81, 0x00}))
	spoil("occurred_at_ms in the year 10000", replace(4, protowire.AppendVarint([]byte{0x28}, 253_402_300_800_000)))
	spoil("occurred_at_ms as fixed64", replace(4, protowire.AppendFixed64(tag(nil, 5, protowire.Fixed64Type), 1)))
	spoil("tag of ledger_id in a byte more than it needs", func(f [][]byte) [][]byte {
		f[0] = append([]byte{0x8a, 0x00}, f[0][1:]...)
		return f
	})
	spoil("length of ledger_id in a byte more than it needs", func(f [][]byte) [][]byte {
		f[0] = append([]byte{0x0a, 0xa0, 0x00}, f[0][2:]...)
		return f
	})
	spoil("group of one", func(f [][]byte) [][]byte {
		group, _ := proto.Marshal(&custodyv1.Event{Group: &custodyv1.Group{Id: make([]byte, 16), Count: 1}})
		return slices.Insert(f, 6, group)
	})
	spoil("group of 1001", func(f [][]byte) [][]byte {
		group, _ := proto.Marshal(&custodyv1.Event{Group: &custodyv1.Group{Id: make([]byte, 16), Count: 1001}})
		return slices.Insert(f, 6, group)
	})
	spoil("position 2 of 2", func(f [][]byte) [][]byte {
		group, _ := proto.Marshal(&custodyv1.Event{Group: &custodyv1.Group{Id: make([]byte, 16), Position: 2, Count: 2}})
		return slices.Insert(f, 6, group)
	})
	spoil("commitments descending", func(f [][]byte) [][]byte {
		both, _ := proto.Marshal(&custodyv1.Event{Commitments: []*custodyv1.Commitment{{Field: 2, Hash: make([]byte, 32)}, {Field: 1, Hash: make([]byte, 32)}}})
		return slices.Insert(f, 6, both)
	})
	spoil("commitment to a field that does not exist", func(f [][]byte) [][]byte {
		one, _ := proto.Marshal(&custodyv1.Event{Commitments: []*custodyv1.Commitment{{Field: 9, Hash: make([]byte, 32)}}})
		return slices.Insert(f, 6, one)
	})
	spoil("signer of the reserved kind 2", replace(2, protowire.AppendBytes(tag(nil, 3, protowire.BytesType), append([]byte{2}, make([]byte, 33)...))))
	spoil("signer of 35 bytes", replace(2, protowire.AppendBytes(tag(nil, 3, protowire.BytesType), make([]byte, 35))))
	spoil("item without prev", func(f [][]byte) [][]byte {
		body, _ := proto.Marshal(&custodyv1.Event{Body: &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: &custodyv1.ItemRef{Item: make([]byte, 20)}, Offer: make([]byte, 32), From: make([]byte, 20)}}})
		f[6] = body
		return f
	})
	two := append([]sign.PrivateKey{}, key("asha"), key("bram"))
	slices.SortFunc(two, func(a, b sign.PrivateKey) int { return -a.Public().ID().Compare(b.Public().ID()) })
	descending := topFields(accept.Event)
	descending[2] = slices.Concat(protowire.AppendBytes(tag(nil, 3, protowire.BytesType), two[0].Public().Bytes()), protowire.AppendBytes(tag(nil, 3, protowire.BytesType), two[1].Public().Bytes()))
	event := bytes.Join(descending, nil)
	cases = append(cases, wrongEvent{"signers descending", event, [][]byte{two[0].Sign(ledger.SigningBytes(event)), two[1].Sign(ledger.SigningBytes(event))}})

	full := l.signed[slices.Index(l.names, "item_register with every field")]
	var message custodyv1.Event
	if err := proto.Unmarshal(full.Event, &message); err != nil {
		l.Fatal(err)
	}
	register := func(name string, change func(*custodyv1.ItemRegister)) {
		spoilt := proto.Clone(&message).(*custodyv1.Event)
		change(spoilt.GetItemRegister())
		signed, err := ledger.Sign(spoilt, key("asha"))
		if err != nil {
			l.Fatal(err)
		}
		cases = append(cases, wrongEvent{name, signed.Event, signed.Signatures})
	}
	register("material 6", func(r *custodyv1.ItemRegister) { r.Material = 6 })
	register("mass over the limit", func(r *custodyv1.ItemRegister) { r.Mass.Micrograms = ledger.MassMicrogramsMax + 1 })
	register("colour of 65 bytes", func(r *custodyv1.ItemRegister) { r.Description.Colour = strings.Repeat("E", 65) })
	register("colour with a comma", func(r *custodyv1.ItemRegister) { r.Description.Colour = "E,F" })
	register("shape that is no word of the list", func(r *custodyv1.ItemRegister) { r.Description.Shape = "round brilliant" })
	register("report number with a hyphen", func(r *custodyv1.ItemRegister) { r.OutsideIds[0].Number = "2141-0001" })
	register("mine in another script", func(r *custodyv1.ItemRegister) { r.Origin[0].Mine = "Міпе" })
	register("mine with two spaces together", func(r *custodyv1.ItemRegister) { r.Origin[0].Mine = "Mine  of" })
	register("mine with a right-to-left override", func(r *custodyv1.ItemRegister) { r.Origin[0].Mine = "Mine\u202e" })
	register("mine with a space behind", func(r *custodyv1.ItemRegister) { r.Origin[0].Mine = "Mine " })
	register("country of three letters", func(r *custodyv1.ItemRegister) { r.ProcessedIn = "IND" })
	register("country in small letters", func(r *custodyv1.ItemRegister) { r.ProcessedIn = "in" })
	register("empty description", func(r *custodyv1.ItemRegister) { r.Description = &custodyv1.Description{} })
	register("65 origin components", func(r *custodyv1.ItemRegister) {
		r.Origin = slices.Repeat(r.Origin[1:], 65)
	})

	cases = append(cases,
		wrongEvent{"no signature", accept.Event, nil},
		wrongEvent{"two signatures of one signer", accept.Event, [][]byte{accept.Signatures[0], accept.Signatures[0]}},
		wrongEvent{"signature of 63 bytes", accept.Event, [][]byte{accept.Signatures[0][:63]}},
		wrongEvent{"signature by another key", accept.Event, [][]byte{key("asha").Sign(ledger.SigningBytes(accept.Event))}},
		wrongEvent{"signature over the event bytes alone", accept.Event, [][]byte{key("bram").Sign(accept.Event)}},
		wrongEvent{"signature of another event", accept.Event, [][]byte{full.Signatures[0]}},
		wrongEvent{"empty", nil, accept.Signatures},
	)
	return cases
}

// topFields cuts an event into its fields.
func topFields(event []byte) [][]byte {
	var fields [][]byte
	for len(event) > 0 {
		_, _, n := protowire.ConsumeField(event)
		fields = append(fields, slices.Clone(event[:n]))
		event = event[n:]
	}
	return fields
}

// makeSignatures takes the known edge cases of Ed25519 from the vectors of
// package sign and adds the verdict of the pinned rule.
func makeSignatures(t testing.TB) signatureVectors {
	var v signatureVectors
	add := func(name string, wire, message, signature []byte) {
		public, err := sign.ParsePublicKey(wire)
		if err != nil {
			t.Fatal(err)
		}
		v.Signatures = append(v.Signatures, signatureVector{name, hexed(wire), hexed(message), hexed(signature), sign.Verify(public, message, signature) == nil})
	}
	honest := key("asha")
	message := []byte("a message")
	signature := honest.Sign(message)
	add("honestly made", honest.Public().Bytes(), message, signature)
	add("another message", honest.Public().Bytes(), []byte("another message"), signature)
	order, _ := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	malleable := slices.Clone(signature)
	carry := 0
	for i := range order {
		sum := int(malleable[32+i]) + int(order[i]) + carry
		malleable[32+i], carry = byte(sum), sum>>8
	}
	add("S increased by the group order", honest.Public().Bytes(), message, malleable)
	add("R is the identity", honest.Public().Bytes(), message, append(append([]byte{1}, make([]byte, 31)...), signature[32:]...))
	add("63 bytes", honest.Public().Bytes(), message, signature[:63])

	var cases []struct {
		Message   string `json:"message"`
		PubKey    string `json:"pub_key"`
		Signature string `json:"signature"`
	}
	b, err := os.ReadFile("sign/testdata/speccheck-ed25519/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		add(fmt.Sprintf("ed25519-speccheck case %d", i), append([]byte{1}, unhex(t, c.PubKey)...), unhex(t, c.Message), unhex(t, c.Signature))
	}
	registration := func(name string, raw []byte) {
		wire := append([]byte{1}, raw...)
		public, err := sign.ParsePublicKey(wire)
		if err != nil {
			t.Fatal(err)
		}
		v.Keys = append(v.Keys, registrationVector{name, hexed(wire), public.CheckRegistrable() == nil})
	}
	registration("honestly made", honest.Public().Bytes()[1:])
	registration("identity", append([]byte{1}, make([]byte, 31)...))
	registration("order 4", make([]byte, 32))
	registration("no point", append([]byte{2}, make([]byte, 31)...))
	registration("y = p + 3", append(append([]byte{0xf0}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f))
	registration("identity with the sign bit", append(append([]byte{1}, make([]byte, 30)...), 0x80))
	for i, c := range cases {
		registration(fmt.Sprintf("ed25519-speccheck case %d", i), unhex(t, c.PubKey))
	}
	return v
}

func makeLogVectors(t testing.TB, l *vectorLog) logVectors {
	var v logVectors
	var tree merkle.Frontier
	var leaves []merkle.Hash
	for _, b := range l.entries {
		entry, err := ledger.DecodeEntry(b)
		if err != nil {
			t.Fatal(err)
		}
		leaf := merkle.LeafHash(b)
		leaves = append(leaves, leaf)
		tree.Append(leaf, nil)
		e := entryVector{Entry: hexed(b), Leaf: leaf.String(), Root: tree.Root().String(), Index: entry.Index, RecordedMs: entry.RecordedAt, Prev: entry.Prev.String(), Links: entry.Links}
		if e.Links == nil {
			e.Links = []uint64{}
		}
		if entry.Kind == ledger.KindEvent || entry.Kind == ledger.KindGovernance {
			e.EventID = entry.Signed.ID().String()
		}
		v.Entries = append(v.Entries, e)
	}
	size := uint64(len(leaves))
	proof, err := merkle.InclusionProof(leafReader(leaves), 4, size)
	if err != nil {
		t.Fatal(err)
	}
	v.Proof = proofVector{Index: 4, Size: size, Leaf: leaves[4].String(), Root: tree.Root().String()}
	for _, h := range proof {
		v.Proof.Proof = append(v.Proof.Proof, h.String())
	}
	refuse := func(why string, b []byte) {
		if _, err := ledger.DecodeEntry(b); !errors.Is(err, ledger.ErrEntry) {
			t.Fatalf("%s: %v", why, err)
		}
		v.Refused = append(v.Refused, refusedBytes{why, hexed(b)})
	}
	v.Policy = makePolicyVectors(l)
	good := l.entries[6]
	end := 52 + 8*int(good[51]) // of its links
	spoil := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	refuse("version 2", spoil(0, 2))
	refuse("kind 0", spoil(1, 0))
	refuse("kind 5", spoil(1, 5))
	refuse("no signature", spoil(end, 0))
	refuse("9 signatures", slices.Concat(good[:end], []byte{9}, make([]byte, 16), good[end+1:]))
	refuse("518 links", slices.Concat(good[:50], []byte{2, 6}, make([]byte, 518*8), good[end:]))
	refuse("a byte cut off", good[:len(good)-1])
	refuse("a byte more", append(slices.Clone(good), 0))
	refuse("empty", nil)
	handover := l.entries[l.handover]
	refuse("a hash of the handover cut off", handover[:len(handover)-32])
	refuse("66 hashes", slices.Concat(handover[:52], []byte{0, 0, 66}, make([]byte, 66*32)))
	refuse("a note longer than the entry", slices.Concat(handover[:52], []byte{0xff, 0xff}, handover[54:]))
	return v
}

// leafReader is a tree of fewer than 256 leaves.
type leafReader []merkle.Hash

func (r leafReader) Hashes(_ uint8, from, to uint64) ([]merkle.Hash, error) { return r[from:to], nil }
