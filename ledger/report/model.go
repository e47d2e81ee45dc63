package report

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Format names the form of a report.
const Format = "custody-report/v1"

// Options say what a report has beside the graph.
type Options struct {
	Title string                    // "" for one made of what it is about
	Names map[ledger.PartyID]string // what the reader calls parties; the ledger has no names
	// Bundle is the file that the graph was made of; nil if it was made otherwise.
	Bundle []byte
	Attach bool // the HTML form carries the bundle
}

// Report is the disclosure report of some items.
type Report struct {
	Format     string     `json:"format"`
	Title      string     `json:"title"`
	Ledger     string     `json:"ledger"`
	LedgerName string     `json:"ledger_name"`
	Size       uint64     `json:"size"`
	Time       uint64     `json:"time_ms"`
	Bundle     *Bundle    `json:"bundle,omitempty"`
	Stated     bool       `json:"stated"`            // associations state that nothing followed up to Size
	Weakest    string     `json:"weakest"`           // level of the weakest component of all items
	Coverage   []Coverage `json:"coverage"`          // of all items together
	Totals     Totals     `json:"totals"`            // of all items together
	Items      []Item     `json:"items"`             // in the order of asking
	Begins     []Begin    `json:"begins"`            // where the record of anything upstream begins
	Unknown    []string   `json:"unknown"`           // what is not known, in plain words
	Flags      []Flag     `json:"flags,omitempty"`   // what a reader should look at
	NotShown   []string   `json:"does_not_show"`     // what no report can show
	Changes    []Change   `json:"changes,omitempty"` // changes of matter upstream, by index
	Upstream   int        `json:"upstream_items"`    // items that these were made of, with themselves
	Parties    []Party    `json:"parties,omitempty"` // everybody named
	attached   []byte
}

// Bundle names the file that proves what the report says.
type Bundle struct {
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
}

// Party is a pseudonym with what the ledger says of it.
type Party struct {
	Party    string   `json:"party"`
	Name     string   `json:"name,omitempty"` // the reader's own
	Role     string   `json:"role"`
	Country  string   `json:"country"`
	Sponsors []string `json:"sponsors"` // associations that stand for it
}

// Item is one item that was asked about.
type Item struct {
	Item          string     `json:"item"`
	What          string     `json:"what"`
	Status        string     `json:"status"`
	Material      string     `json:"material,omitempty"`
	Form          string     `json:"form"`
	Nature        string     `json:"nature,omitempty"`
	Stage         string     `json:"stage,omitempty"`
	Mass          Mass       `json:"mass"`
	Count         uint32     `json:"count,omitempty"`
	CountBasis    string     `json:"count_basis,omitempty"`
	Described     []Field    `json:"described,omitempty"`
	Treatments    []Field    `json:"treatments,omitempty"` // code and what it means
	HSCode        string     `json:"hs_code,omitempty"`
	HSWords       string     `json:"hs_words,omitempty"`
	ProcessedIn   string     `json:"processed_in,omitempty"`
	CustomsOrigin string     `json:"customs_origin,omitempty"`
	ExportedFrom  string     `json:"exported_from,omitempty"`
	Model         string     `json:"model,omitempty"` // ISO 22095
	OutsideIDs    []Number   `json:"outside_ids,omitempty"`
	Contested     bool       `json:"contested,omitempty"`
	Held          string     `json:"held_by"`
	Owned         []Owner    `json:"owned_by"`
	Weakest       string     `json:"weakest"`
	Coverage      []Coverage `json:"coverage"`
	Parts         []Part     `json:"parts"`
	Papers        []Paper    `json:"papers,omitempty"` // about the item and everything upstream
	Claims        []Claim    `json:"claims,omitempty"` // other than origin
	Holders       []Holder   `json:"holders"`
	Gaps          []Gap      `json:"gaps,omitempty"` // of the item and everything upstream
	Open          []string   `json:"open,omitempty"` // disputes, holds, losses and offers that stand
}

// Mass is a mass, and how it was found.
type Mass struct {
	Micrograms uint64 `json:"micrograms"`
	Text       string `json:"text"`
	Basis      string `json:"basis,omitempty"`
	Declared   string `json:"declared,omitempty"`
}

// Field is a named value.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Number is a number that somebody else gave an item.
type Number struct {
	Kind   string `json:"kind"`
	Issuer string `json:"issuer"`
	Number string `json:"number"`
	Struck bool   `json:"struck,omitempty"` // ruled not to be the item's
}

// Owner is one owner's part of the title.
type Owner struct {
	Owner string `json:"owner"`
	Parts uint32 `json:"parts"`
	Of    uint64 `json:"of"`
}

// Coverage is how much of one substance is borne out how well.
type Coverage struct {
	Substance     string `json:"substance"`
	Micrograms    uint64 `json:"micrograms"`
	Text          string `json:"text"`
	Weakest       string `json:"weakest"`
	Unknown       uint64 `json:"unknown_micrograms"`
	Stated        uint64 `json:"stated_micrograms"`
	Documented    uint64 `json:"documented_micrograms"`
	Examined      uint64 `json:"examined_micrograms"`
	SourceMatched uint64 `json:"source_matched_micrograms"`

	material custodyv1.Material
}

// Part is goods with an origin of their own.
type Part struct {
	Item       string      `json:"item"`                // itself, or the piece whose bill has it
	Line       int         `json:"bill_line,omitempty"` // from 1
	What       string      `json:"what"`
	Mass       Mass        `json:"mass"`
	Count      uint32      `json:"count,omitempty"`
	Treatments []Field     `json:"treatments,omitempty"`
	Components []Component `json:"components"`
}

// Component is a part of goods and where it came from.
type Component struct {
	Mass             Mass     `json:"mass"`
	Metal            string   `json:"metal,omitempty"`
	Kind             string   `json:"kind"`
	Countries        []string `json:"possible_countries,omitempty"`
	Opinion          []string `json:"laboratory_opinion,omitempty"`
	Mine             string   `json:"mine,omitempty"`
	Producer         string   `json:"producer,omitempty"`
	Ownership        string   `json:"state_ownership,omitempty"`
	OwnershipAsOf    uint64   `json:"ownership_as_of_ms,omitempty"`
	Evidence         string   `json:"evidence"`
	ProducerEvidence string   `json:"producer_evidence,omitempty"`
	Papers           []uint64 `json:"papers,omitempty"` // indexes of the entries of Papers
	Disputed         bool     `json:"disputed,omitempty"`
	Sorted           bool     `json:"sorted,omitempty"`
	Corrected        bool     `json:"corrected,omitempty"`
	Unknown          bool     `json:"unknown,omitempty"`
	Text             string   `json:"text"`
}

// Paper is a paper that somebody attested.
type Paper struct {
	Index      uint64   `json:"index"`
	Event      string   `json:"event"`
	Time       uint64   `json:"time_ms"`
	Item       string   `json:"item"`
	Kind       string   `json:"kind"`
	Party      string   `json:"attested_by"`
	Issuer     string   `json:"issuer"` // the party itself, or a name
	Country    string   `json:"country,omitempty"`
	Number     string   `json:"number,omitempty"`
	Issued     uint64   `json:"issued_ms,omitempty"`
	Expires    uint64   `json:"expires_ms,omitempty"`
	Expired    bool     `json:"expired,omitempty"`
	Claims     []string `json:"claims,omitempty"`
	Countries  []string `json:"countries,omitempty"`
	Document   string   `json:"document_sha256,omitempty"`
	Withdrawn  string   `json:"withdrawn,omitempty"` // why, if it was
	FoundCount uint32   `json:"found_count,omitempty"`
	Found      string   `json:"found_nature,omitempty"`
}

// Claim is what papers bear out beside the origin.
type Claim struct {
	Claim    string   `json:"claim"`
	Evidence string   `json:"evidence"`
	Disputed bool     `json:"disputed,omitempty"`
	Papers   []uint64 `json:"papers"`
}

// Holder is somebody who had the goods.
type Holder struct {
	Holder string `json:"holder"`
	Owner  string `json:"owner"`
	Under  string `json:"under,omitempty"` // memo, service, carrier or loan
	From   uint64 `json:"from_ms"`
	Index  uint64 `json:"from_index"`
	To     uint64 `json:"to_ms,omitempty"` // 0 for now
	How    string `json:"how"`
}

// Gap is something that the record of an item does not show.
type Gap struct {
	Item string `json:"item"`
	Kind string `json:"kind"` // outside, on the way, short, missing
	From uint64 `json:"from_ms"`
	To   uint64 `json:"to_ms,omitempty"` // 0 while it is open
	Text string `json:"text"`
}

// Begin is where the record of something begins.
type Begin struct {
	Item  string `json:"item"`
	What  string `json:"what"`
	Index uint64 `json:"index"`
	Time  uint64 `json:"time_ms"`
	Party string `json:"party"`
	How   string `json:"how"`
}

// Change is a change of matter.
type Change struct {
	Index   uint64   `json:"index"`
	Time    uint64   `json:"time_ms"`
	Party   string   `json:"party"`
	Process string   `json:"process"`
	Country string   `json:"country,omitempty"`
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs,omitempty"`
	Lost    []Lost   `json:"lost,omitempty"`
}

// Lost is what a change of matter lost of one substance.
type Lost struct {
	Substance string `json:"substance"`
	Mass      Mass   `json:"mass"`
	Permille  uint64 `json:"permille,omitempty"` // of what went in, where that is known
}

// Flag is something that a reader should look at. It is no verdict.
type Flag struct {
	Code string `json:"code"`
	Item string `json:"item,omitempty"`
	Text string `json:"text"`
}

// Totals are sums over the items asked about. The mass of a piece counts under its
// own customs code, and its parts under their materials and countries.
type Totals struct {
	Items     int       `json:"items"`
	HS        []Total   `json:"by_hs_code"`
	Materials []Total   `json:"by_material"`
	Countries []Country `json:"by_mining_country"`
}

// Total is a sum.
type Total struct {
	Code       string `json:"code,omitempty"`
	Words      string `json:"words"`
	Items      int    `json:"items"`
	Count      uint64 `json:"count"` // pieces that are counted; a single is one
	Micrograms uint64 `json:"micrograms"`
	Text       string `json:"text"`
}

// Country is how much of a substance is from a mining country for sure, as far as
// the record goes, and how much more may be. What may be from several countries
// counts in full for each, so that these do not add up to the whole.
type Country struct {
	Country   string `json:"country"` // "" for unknown
	Substance string `json:"substance"`
	Only      uint64 `json:"only_micrograms"`
	OnlyText  string `json:"only_text"`
	May       uint64 `json:"may_micrograms"`
	MayText   string `json:"may_text"`
}
