package workload

import (
	"math/rand/v2"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	minute = 60_000
	day    = 24 * 60 * minute
)

// Unsure is what a World expects of an event that it made without looking.
const Unsure ledger.Reason = "UNSURE"

// Options steer a world.
type Options struct {
	Seed uint64
	Mix  Mix
	// StepMs is how much ledger time passes between two events at most. With 0 the
	// clock stands still, and all events can be signed before the first one is sent.
	StepMs uint64
}

// World is one history of the trade.
type World struct {
	Cast   *Cast
	Ledger *Ledger // after every event so far

	options Options
	random  *rand.Rand
	now     uint64
	deck    []deed // each as often as its weight
	number  uint64 // of papers and outside ids, so that each has its own
	careful bool   // whether the deed at hand looks before it acts
}

// New begins a history on the cast's ledger.
func New(cast *Cast, o Options) *World {
	w := &World{Cast: cast, Ledger: cast.ledger.clone(), options: o, random: rand.New(rand.NewPCG(o.Seed, 'w')), now: cast.Start}
	for _, d := range deeds {
		for range d.weight(o.Mix) {
			w.deck = append(w.deck, d)
		}
	}
	return w
}

// Step is what happened next: one event, or the events of a group, in their order.
type Step struct {
	Deed       string
	At         uint64 // recorded time, unix milliseconds
	Signed     []ledger.SignedEvent
	Submission ledger.Submission // Signed, decoded and verified
	// Want is what the world expected: "" to be recorded, a reason to be refused, or
	// Unsure. Got is what the rules said.
	Want ledger.Reason
	Got  *ledger.Rejection
}

// Reason is why the step was refused; "" if it was recorded.
func (s Step) Reason() ledger.Reason {
	if s.Got == nil {
		return ""
	}
	return s.Got.Reason
}

// plan is an event before it is signed.
type plan struct {
	deed  string
	by    *Actor
	with  []*Actor // who countersigns
	body  proto.Message
	want  ledger.Reason
	again []proto.Message // more bodies, which form one group with the first
	spoil func(*custodyv1.Event)
	keys  []sign.PrivateKey // instead of those of by and with
}

// Next makes the next event and records it.
func (w *World) Next() Step {
	if w.options.StepMs > 0 {
		w.now += w.random.Uint64N(w.options.StepMs + 1)
	}
	for {
		if step, ok := w.step(w.plan()); ok {
			return step
		}
	}
}

// step signs and records a plan. Who does not look may name an item twice, which is no
// event at all; then something else happens.
func (w *World) step(p *plan) (Step, bool) {
	if p.want == "" && w.chance(w.options.Mix.Mistakes/2) {
		w.spoil(p)
	}
	step := Step{Deed: p.deed, At: w.now, Want: p.want, Signed: w.sign(p)}
	submission, rejection := w.Ledger.Decode(step.Signed...)
	if rejection != nil && p.want == Unsure && rejection.Reason == ledger.RepeatedField {
		return Step{}, false
	}
	if rejection != nil {
		panic("workload: " + p.deed + " does not decode: " + rejection.Error())
	}
	step.Submission = submission
	step.Got = w.Ledger.Append(submission, w.now)
	return step, true
}

func (w *World) plan() *plan {
	for {
		w.careful = !w.chance(12)
		from, name := w.deck, ""
		if w.chance(w.options.Mix.Mistakes / 2) {
			from, name = mistakes, "mistake: "
		}
		d := from[w.random.IntN(len(from))]
		p := d.plan(w)
		if p == nil {
			continue
		}
		p.deed = name + d.name
		if !w.careful && p.want != Unsure {
			p.want = Unsure
		}
		return p
	}
}

// spoil makes a mistake that any event can have.
func (w *World) spoil(p *plan) {
	switch w.random.IntN(8) {
	case 0:
		if refs := refsOf(p.body); len(refs) > 0 && len(p.again) == 0 {
			p.deed, p.want = p.deed+", stale", ledger.StalePrev
			refs[w.random.IntN(len(refs))].Prev = randomBytes(w.random, 32)
		}
	case 1:
		if refs := refsOf(p.body); len(refs) > 0 && len(p.again) == 0 {
			p.deed, p.want = p.deed+", no such item", ledger.UnknownItem
			refs[w.random.IntN(len(refs))].Item = randomBytes(w.random, 20)
		}
	case 2:
		if other := w.party(); other != p.by && len(p.with) == 0 {
			p.deed, p.want, p.keys = p.deed+", another's key", ledger.ForeignKey, []sign.PrivateKey{other.Key}
		}
	case 3:
		p.deed, p.want = p.deed+", too late", ledger.EventExpired
		p.spoil = func(e *custodyv1.Event) { e.NotAfterMs = w.now - 1 }
	case 4:
		p.deed, p.want = p.deed+", from the future", ledger.OccurredAhead
		p.spoil = func(e *custodyv1.Event) { e.OccurredAtMs = w.now + 5*minute + 1 }
	case 5:
		if len(p.with) > 0 {
			p.deed, p.want, p.keys = p.deed+", not countersigned", ledger.WrongSigners, []sign.PrivateKey{p.by.Key}
		}
	case 6:
		if len(refsOf(p.body)) > 0 {
			p.deed, p.want = p.deed+", before there was the item", ledger.OccurredBehind
			p.spoil = func(e *custodyv1.Event) { e.OccurredAtMs = 1 }
		}
	case 7:
		p.deed, p.want = p.deed+", by a clock that is off", Unsure
		off := w.between(0, 15*minute)
		p.spoil = func(e *custodyv1.Event) { e.OccurredAtMs = w.now + 5*minute - off }
	}
}

// sign signs a plan's events.
func (w *World) sign(p *plan) []ledger.SignedEvent {
	bodies := append([]proto.Message{p.body}, p.again...)
	var group []byte
	if len(bodies) > 1 {
		group = randomBytes(w.random, 16)
	}
	keys := p.keys
	if keys == nil {
		keys = []sign.PrivateKey{p.by.Key}
		for _, a := range p.with {
			keys = append(keys, a.Key)
		}
	}
	signed := make([]ledger.SignedEvent, len(bodies))
	for i, body := range bodies {
		e := &custodyv1.Event{LedgerId: w.Ledger.ID[:], Party: p.by.ID[:], Nonce: randomBytes(w.random, 16), OccurredAtMs: w.now, NotAfterMs: w.now + 7*day}
		if len(bodies) > 1 {
			e.Group = &custodyv1.Group{Id: group, Position: uint32(i), Count: uint32(len(bodies))}
		}
		if release, ok := body.(*custodyv1.Release); ok && release.Reason != custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER {
			e.Commitments = []*custodyv1.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, Hash: randomBytes(w.random, 32)}}
		}
		setBody(e, body)
		if p.spoil != nil {
			p.spoil(e)
		}
		s, err := ledger.Sign(e, keys...)
		if err != nil {
			panic("workload: " + p.deed + ": " + err.Error())
		}
		signed[i] = s
	}
	return signed
}

// bodies are the fields of an event by the message that stands in them.
var bodies = func() map[protoreflect.FullName]protoreflect.FieldDescriptor {
	fields := (&custodyv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	byName := map[protoreflect.FullName]protoreflect.FieldDescriptor{}
	for i := range fields.Len() {
		byName[fields.Get(i).Message().FullName()] = fields.Get(i)
	}
	return byName
}()

func setBody(e *custodyv1.Event, body proto.Message) {
	m := body.ProtoReflect()
	e.ProtoReflect().Set(bodies[m.Descriptor().FullName()], protoreflect.ValueOfMessage(m))
}

// refsOf gives the references to items that a body advances.
func refsOf(body proto.Message) []*custodyv1.ItemRef {
	switch b := body.(type) {
	case *custodyv1.Transform:
		refs := append(append([]*custodyv1.ItemRef{}, b.Inputs...), b.Removed...)
		for _, f := range b.Filings {
			refs = append(refs, f.Item)
		}
		return refs
	case interface{ GetItem() *custodyv1.ItemRef }:
		return []*custodyv1.ItemRef{b.GetItem()}
	}
	return nil
}

func (w *World) chance(percent int) bool { return w.random.IntN(100) < percent }

// between gives a number of a range, both ends included.
func (w *World) between(low, high uint64) uint64 { return low + w.random.Uint64N(high-low+1) }

func (w *World) party() *Actor { return w.Cast.Parties[w.random.IntN(len(w.Cast.Parties))] }

func (w *World) association() *Actor {
	return w.Cast.Associations[w.random.IntN(len(w.Cast.Associations))]
}

// other gives a party that is none of the given ones.
func (w *World) other(than ...ledger.PartyID) *Actor {
	for {
		p := w.party()
		free := true
		for _, id := range than {
			free = free && p.ID != id
		}
		if free {
			return p
		}
	}
}

// withRole gives a party of a role.
func (w *World) withRole(roles ...custodyv1.Role) *Actor {
	for {
		p := w.party()
		for _, r := range roles {
			if p.Role == r {
				return p
			}
		}
	}
}

// actor finds a party or association by its id; nil for others.
func (w *World) actor(id ledger.PartyID) *Actor {
	for _, list := range [][]*Actor{w.Cast.Parties, w.Cast.Associations} {
		for _, a := range list {
			if a.ID == id {
				return a
			}
		}
	}
	return nil
}

// thing is an item with its matter.
type thing struct {
	rules.Item
	m rules.Matter
}

func (w *World) thing(id ledger.ItemID) thing {
	return thing{w.Ledger.Memory.Items[id], w.Ledger.Matters[id]}
}

func (w *World) ref(id ledger.ItemID) *custodyv1.ItemRef {
	last := w.Ledger.Memory.Items[id].Last
	return &custodyv1.ItemRef{Item: id[:], Prev: last[:]}
}

func (t thing) holder(w *World) *Actor { return w.actor(t.Custody.Party) }
func (t thing) owner(w *World) *Actor  { return w.actor(t.Title[0].Owner.Party) }

// probes is how many items are looked at to find one: a world of a million items is as
// quick as one of ten.
const probes = 64

// find picks an item that fits; not ok if none is near.
func (w *World) find(fits func(thing) bool) (thing, bool) {
	all := w.Ledger.order
	if len(all) == 0 {
		return thing{}, false
	}
	start := w.random.IntN(len(all))
	for i := range min(probes, len(all)) {
		if t := w.thing(all[(start+i)%len(all)]); fits(t) {
			return t, true
		}
	}
	return thing{}, false
}

// clear tells whether nothing stands in an item's way, if the deed at hand looks at all.
func (w *World) clear(t thing) bool {
	if !w.careful {
		return true
	}
	return t.Status == rules.Live && !t.Set() && !t.Lost && !t.Stolen && len(t.Holds) == 0 && len(t.Disputes) == 0
}

// standing tells whether an offer of the item can still be answered.
func (w *World) standing(t thing) bool {
	for _, o := range t.Offers {
		if !o.Lapsed(w.now) {
			return true
		}
	}
	return false
}

// trusted tells whether a party is sponsored, if the deed at hand looks at all.
func (w *World) trusted(parties ...*Actor) bool {
	for _, p := range parties {
		if p == nil || w.careful && w.Ledger.Parties[p.ID].Suspended() {
			return false
		}
	}
	return true
}

// own tells whether a trusted party holds and wholly owns a thing that nothing hinders.
func (w *World) own(t thing) bool {
	return t.Custody.Outside == nil && t.Owner().Equal(t.Custody) && w.clear(t) && !w.standing(t) && w.trusted(t.holder(w))
}
