package report

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// LineageFormat names the form of a lineage.
const LineageFormat = "custody-lineage/v1"

// Lineage is an item and everything that it was made of.
type Lineage struct {
	Format string `json:"format"`
	Ledger string `json:"ledger"`
	Size   uint64 `json:"size"`
	Time   uint64 `json:"time_ms"`
	Item   string `json:"item"`
	Nodes  []Node `json:"nodes"` // by their first entry
	Edges  []Edge `json:"edges"` // from what went in to what came out
}

// Node is one item of a lineage.
type Node struct {
	Item      string   `json:"item"`
	What      string   `json:"what"`
	Mass      Mass     `json:"mass"`
	Status    string   `json:"status"`
	Made      string   `json:"made"` // how it came into being
	Index     uint64   `json:"index"`
	Time      uint64   `json:"time_ms"`
	Party     string   `json:"party"` // who made it
	Holder    string   `json:"held_by,omitempty"`
	Evidence  string   `json:"evidence"` // level of its weakest component
	Origins   []string `json:"origins"`
	Unknown   bool     `json:"unknown,omitempty"` // some of it is of unknown origin
	Withdrawn int      `json:"withdrawn_papers,omitempty"`
	Findings  int      `json:"findings,omitempty"`

	inputs  []int // places in Lineage.Nodes
	outputs []int
}

// Edge is one step.
type Edge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	How   string `json:"how"`
	Index uint64 `json:"index"`
	// TakenOut tells that what was set in a piece is in it no longer.
	TakenOut bool `json:"taken_out,omitempty"`
}

// NewLineage makes the lineage of an item.
func NewLineage(g *provenance.Graph, item *provenance.Item, names map[ledger.PartyID]string) *Lineage {
	b := &builder{graph: g, options: Options{Names: names}, named: map[ledger.PartyID]bool{}}
	l := &Lineage{Format: LineageFormat, Ledger: g.Ledger.String(), Size: g.Size, Time: g.Time, Item: item.ID.String()}
	items := provenance.Upstream(item)
	place := make(map[*provenance.Item]int, len(items))
	for n, i := range items {
		place[i] = n
		l.Nodes = append(l.Nodes, b.node(i))
	}
	for n, i := range items {
		for _, in := range i.Inputs {
			from := place[in.Item]
			if slices.Contains(l.Nodes[n].inputs, from) {
				continue // taken out and set in again
			}
			l.Nodes[n].inputs = append(l.Nodes[n].inputs, from)
			l.Nodes[from].outputs = append(l.Nodes[from].outputs, n)
			l.Edges = append(l.Edges, Edge{
				From: l.Nodes[from].Item, To: l.Nodes[n].Item, How: doing(in.By), Index: in.By.Index,
				TakenOut: i.Matter.Form == custodyv1.Form_FORM_PIECE && !slices.Contains(i.Children, in.Item) && in.Item.Status != rules.Consumed,
			})
		}
	}
	return l
}

// originsMax bounds the origins that a node names.
const originsMax = 8

func (b *builder) node(i *provenance.Item) Node {
	n := Node{
		Item: i.ID.String(), What: What(i.Matter), Mass: mass(i.Matter.Mass, i.Matter.Material), Status: status(i),
		Made: doing(i.MadeBy), Index: i.MadeBy.Index, Time: i.MadeBy.RecordedAt, Party: b.party(i.MadeBy.Party),
	}
	if i.Status == rules.Live && !i.Set() {
		n.Holder = b.holder(i.Custody)
	}
	for _, a := range i.Attestations {
		switch {
		case a.Withdrawn != nil:
			n.Withdrawn++
		case a.Finding():
			n.Findings++
		}
	}
	parts := []provenance.Part{{Item: i, Matter: i.Matter, Components: i.Origin}}
	if i.Matter.Form == custodyv1.Form_FORM_PIECE {
		parts = i.Lines // what is set in it has nodes of its own
	}
	weakest := custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED
	for _, p := range parts {
		weakest = min(weakest, provenance.Weakest([]provenance.Part{p}))
		for _, c := range p.Components {
			n.Unknown = n.Unknown || c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
			text := origin(c)
			if c.Metal != 0 {
				text = substance(0, c.Metal) + " " + text
			}
			if len(n.Origins) < originsMax && !slices.Contains(n.Origins, text) {
				n.Origins = append(n.Origins, text)
			}
		}
		n.Unknown = n.Unknown || len(p.Components) == 0
	}
	n.Evidence = level(weakest)
	if len(parts) == 0 {
		n.Evidence = "" // that of what is set in it
	}
	return n
}

func (l *Lineage) subject() int {
	return slices.IndexFunc(l.Nodes, func(n Node) bool { return n.Item == l.Item })
}
