package screen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Format is the first key of a policy file.
const Format = "custody-screen/1"

// yamlDepthMax bounds nesting before the YAML library sees a file: it recurses.
const yamlDepthMax = 16

type policyFile struct {
	Format          string        `yaml:"format"`
	Name            string        `yaml:"name"`
	About           string        `yaml:"about"`
	AsOf            string        `yaml:"as_of"`
	Evidence        string        `yaml:"evidence"`
	Recycled        string        `yaml:"recycled"`
	Reentry         string        `yaml:"reentry"`
	UnknownProducer string        `yaml:"unknown_producer"`
	OwnerPercent    string        `yaml:"owner_percent"`
	Companies       []companyFile `yaml:"companies"`
	Rules           []ruleFile    `yaml:"rules"`
}

type companyFile struct {
	Name   string      `yaml:"name"`
	Owners []ownerFile `yaml:"owners"`
}

type ownerFile struct {
	Name    string `yaml:"name"`
	Percent string `yaml:"percent"`
}

type ruleFile struct {
	ID             string          `yaml:"id"`
	Because        string          `yaml:"because"`
	From           string          `yaml:"from"`
	Until          string          `yaml:"until"`
	Materials      []string        `yaml:"materials"`
	Metals         []string        `yaml:"metals"`
	Species        []string        `yaml:"species"`
	Natures        []string        `yaml:"natures"`
	Stages         []string        `yaml:"stages"`
	Set            string          `yaml:"set"`
	CaratsFrom     string          `yaml:"carats_from"`
	HS             []string        `yaml:"hs"`
	NotHS          []string        `yaml:"not_hs"`
	MinedIn        []string        `yaml:"mined_in"`
	MinedOutside   []string        `yaml:"mined_outside"`
	Producers      []string        `yaml:"producers"`
	Owners         []string        `yaml:"owners"`
	StateOwned     string          `yaml:"state_owned"`
	Parties        []string        `yaml:"parties"`
	PartyCountries []string        `yaml:"party_countries"`
	ExportedFrom   []string        `yaml:"exported_from"`
	ProcessedIn    []string        `yaml:"processed_in"`
	CustomsOrigin  []string        `yaml:"customs_origin"`
	Silence        string          `yaml:"silence"`
	Exempt         []exemptionFile `yaml:"exempt"`
}

type exemptionFile struct {
	Located        *locatedFile `yaml:"located"`
	Grandfathered  string       `yaml:"grandfathered"`
	RecordedBefore string       `yaml:"recorded_before"`
}

type locatedFile struct {
	NotIn    []string `yaml:"not_in"`
	Before   string   `yaml:"before"`
	Evidence string   `yaml:"evidence"`
	Dates    string   `yaml:"dates"`
}

// ParsePolicy reads a policy file. It is strict: an unknown or repeated key, a second
// document, a word or a country code that does not exist is an error, because a
// rule that was misspelt would let everything pass. The error has a line for every
// problem that was found.
func ParsePolicy(b []byte) (*Policy, error) {
	if len(b) > PolicyBytesMax {
		return nil, fmt.Errorf("the policy has %d bytes, at most %d are read", len(b), PolicyBytesMax)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("the policy is not UTF-8 text")
	}
	if err := shallow(b); err != nil {
		return nil, err
	}
	f, err := decode(b)
	if err != nil {
		return nil, err
	}
	var p problems
	policy := p.policy(f)
	return policy, errors.Join(p...)
}

// decode reads one document into the keys of a policy and no others. The library
// panics on some text that is no YAML (testdata has one), which here is an error like
// any other: nothing is kept of what it read.
func decode(b []byte) (f policyFile, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the policy is not YAML that can be read: %v", fault)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict())
	if err := d.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			return f, errors.New("the policy is empty")
		}
		return f, fmt.Errorf("the policy is not what is expected: %s", yamlText(err))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return f, errors.New("the policy has a second document behind '---'; one is expected")
	}
	return f, nil
}

// shallow refuses what is nested deeper than any policy. Brackets in text count, too;
// no text needs so many.
func shallow(b []byte) error {
	depth := 0
	for n, line := range bytes.Split(b, []byte("\n")) {
		if bytes.ContainsAny(line, "&*") && anchor(line) {
			return fmt.Errorf("line %d: anchors and aliases are not read; write the value where it belongs", n+1)
		}
		dashes := bytes.Count(line, []byte("- ")) + bytes.Count(line, []byte("? "))
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
			if depth > yamlDepthMax {
				return fmt.Errorf("line %d: nested deeper than %d", n+1, yamlDepthMax)
			}
		}
		if dashes > yamlDepthMax {
			return fmt.Errorf("line %d: nested deeper than %d", n+1, yamlDepthMax)
		}
	}
	return nil
}

// anchor tells whether a value of the line begins with & or *.
func anchor(line []byte) bool {
	for i, c := range line {
		if c != '&' && c != '*' {
			continue
		}
		before := bytes.TrimRight(line[:i], " ")
		if len(before) == 0 || bytes.ContainsAny(before[len(before)-1:], ":-[,{?") {
			return true
		}
	}
	return false
}

func yamlText(err error) string {
	var e yaml.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if t := e.GetToken(); t != nil && t.Position != nil {
		return fmt.Sprintf("line %d: %s", t.Position.Line, e.GetMessage())
	}
	return e.GetMessage()
}

// problems gathers what is wrong with a policy.
type problems []error

func (p *problems) add(where, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s: "+format, append([]any{where}, args...)...))
}

func (p *problems) policy(f policyFile) *Policy {
	if f.Format != Format {
		p.add("format", "%.40q, expected %q", f.Format, Format)
	}
	policy := &Policy{
		Name:                     p.text("name", f.Name, nameBytesMax, true),
		About:                    p.text("about", f.About, textBytesMax, false),
		AsOf:                     p.day("as_of", f.AsOf),
		Evidence:                 word(p, "evidence", f.Evidence, custodyv1.Evidence_EVIDENCE_STATED),
		Recycled:                 word(p, "recycled", f.Recycled, custodyv1.Evidence_EVIDENCE_DOCUMENTED),
		Reentry:                  word(p, "reentry", f.Reentry, custodyv1.Identity_IDENTITY_SEAL_INTACT),
		UnknownProducerPermitted: p.permitted("unknown_producer", f.UnknownProducer),
		OwnerPercent:             5000,
	}
	if f.OwnerPercent != "" {
		policy.OwnerPercent = p.percent("owner_percent", f.OwnerPercent)
	}
	if len(f.Companies) > CompaniesMax {
		p.add("companies", "%d, at most %d", len(f.Companies), CompaniesMax)
		f.Companies = nil
	}
	names := map[string]bool{}
	for i, c := range f.Companies {
		where := fmt.Sprintf("companies.%d", i)
		company := p.company(where, c)
		if key := plain(company.Name); names[key] {
			p.add(where, "%q stands twice", company.Name)
		} else {
			names[key] = true
		}
		policy.Companies = append(policy.Companies, company)
	}
	p.rules(policy, f.Rules)
	return policy
}

func (p *problems) company(where string, c companyFile) Company {
	company := Company{Name: p.text(where+".name", c.Name, nameBytesMax, true)}
	if len(c.Owners) > OwnersMax {
		p.add(where+".owners", "%d, at most %d", len(c.Owners), OwnersMax)
		return company
	}
	sum := uint64(0)
	for i, o := range c.Owners {
		at := fmt.Sprintf("%s.owners.%d", where, i)
		owner := Owner{Name: p.text(at+".name", o.Name, nameBytesMax, true), Share: p.percent(at+".percent", o.Percent)}
		sum += owner.Share
		company.Owners = append(company.Owners, owner)
	}
	if sum > 10000 {
		p.add(where+".owners", "the shares add up to more than 100 percent")
	}
	return company
}

func (p *problems) rules(policy *Policy, rules []ruleFile) {
	switch {
	case len(rules) == 0:
		p.add("rules", "none; a policy without rules would find everything clear")
	case len(rules) > RulesMax:
		p.add("rules", "%d, at most %d", len(rules), RulesMax)
		return
	}
	ids := map[string]bool{}
	for i, f := range rules {
		where := fmt.Sprintf("rules.%d", i)
		rule := p.rule(where, f)
		if ids[rule.ID] {
			p.add(where+".id", "%q stands twice", rule.ID)
		}
		ids[rule.ID] = true
		policy.Rules = append(policy.Rules, rule)
	}
}

func (p *problems) rule(where string, f ruleFile) Rule {
	at := func(key string) string { return where + "." + key }
	r := Rule{
		ID:      p.text(at("id"), f.ID, nameBytesMax, true),
		Because: p.text(at("because"), f.Because, textBytesMax, false),
		From:    p.day(at("from"), f.From), Until: p.day(at("until"), f.Until),
		Materials: wordList[custodyv1.Material](p, at("materials"), f.Materials),
		Metals:    wordList[custodyv1.Metal](p, at("metals"), f.Metals),
		Natures:   wordList[custodyv1.Nature](p, at("natures"), f.Natures),
		Stages:    wordList[custodyv1.Stage](p, at("stages"), f.Stages),
		Species:   p.names(at("species"), f.Species),
		SizeFrom:  p.carats(at("carats_from"), f.CaratsFrom),
		HS:        p.hsCodes(at("hs"), f.HS),
		NotHS:     p.hsCodes(at("not_hs"), f.NotHS),

		MinedIn: p.countries(at("mined_in"), f.MinedIn), MinedOutside: p.countries(at("mined_outside"), f.MinedOutside),
		Producers: p.names(at("producers"), f.Producers), Owners: p.names(at("owners"), f.Owners),
		Parties: p.parties(at("parties"), f.Parties), PartyCountries: p.countries(at("party_countries"), f.PartyCountries),
		ExportedFrom: p.countries(at("exported_from"), f.ExportedFrom), ProcessedIn: p.countries(at("processed_in"), f.ProcessedIn),
		CustomsOrigin:    p.countries(at("customs_origin"), f.CustomsOrigin),
		SilencePermitted: p.permitted(at("silence"), f.Silence),
	}
	switch f.Set {
	case "":
	case "loose":
		r.Set = Loose
	case "jewelry":
		r.Set = Jewelry
	default:
		p.add(at("set"), "%.40q, expected loose or jewelry", f.Set)
	}
	switch f.StateOwned {
	case "":
	case "minority":
		r.StateOwned = custodyv1.StateOwnership_STATE_OWNERSHIP_MINORITY
	case "majority":
		r.StateOwned = custodyv1.StateOwnership_STATE_OWNERSHIP_MAJORITY
	default:
		p.add(at("state_owned"), "%.40q, expected minority or majority", f.StateOwned)
	}
	if r.Until != 0 && r.Until <= r.From {
		p.add(at("until"), "%s is not after %s", f.Until, f.From)
	}
	if len(r.MinedIn)+len(r.MinedOutside)+len(r.Producers)+len(r.Owners)+len(r.Parties)+len(r.PartyCountries)+
		len(r.ExportedFrom)+len(r.ProcessedIn)+len(r.CustomsOrigin) == 0 && r.StateOwned == custodyv1.StateOwnership_STATE_OWNERSHIP_UNSPECIFIED {
		p.add(where, "lists nothing to look for: expected mined_in, mined_outside, producers, owners, state_owned, parties, party_countries, exported_from, processed_in or customs_origin")
	}
	for i, e := range f.Exempt {
		r.Exempt = append(r.Exempt, p.exemption(fmt.Sprintf("%s.%d", at("exempt"), i), e))
	}
	return r
}

func (p *problems) exemption(where string, f exemptionFile) Exemption {
	e := Exemption{
		Grandfathered:  word(p, where+".grandfathered", f.Grandfathered, custodyv1.Evidence_EVIDENCE_UNSPECIFIED),
		RecordedBefore: p.day(where+".recorded_before", f.RecordedBefore),
	}
	if f.Located != nil {
		e.Located = &Located{
			NotIn:    p.countries(where+".located.not_in", f.Located.NotIn),
			Before:   p.day(where+".located.before", f.Located.Before),
			Evidence: word(p, where+".located.evidence", f.Located.Evidence, custodyv1.Evidence_EVIDENCE_STATED),
			Signed:   f.Located.Dates == "signed",
		}
		if d := f.Located.Dates; d != "" && d != "signed" && d != "recorded" {
			p.add(where+".located.dates", "%.40q, expected recorded or signed", d)
		}
		if e.Located.Before == 0 || len(e.Located.NotIn) == 0 {
			p.add(where+".located", "needs not_in and before")
		}
	}
	if e.Located == nil && e.Grandfathered == 0 && e.RecordedBefore == 0 {
		p.add(where, "exempts everything: expected located, grandfathered or recorded_before")
	}
	return e
}

func (p *problems) text(where, s string, bytesMax int, required bool) string {
	s = strings.TrimSpace(s)
	switch {
	case s == "" && required:
		p.add(where, "missing")
	case len(s) > bytesMax:
		p.add(where, "%d bytes, at most %d", len(s), bytesMax)
	case strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\n' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}):
		p.add(where, "has control characters")
	}
	return s
}

// day reads a date as the beginning of that day, UTC.
func (p *problems) day(where, s string) uint64 {
	if s == "" {
		return 0
	}
	ms, err := ParseDay(s)
	if err != nil {
		p.add(where, "%v", err)
	}
	return ms
}

// ParseDay reads a date such as 2024-03-01 as the beginning of that day, UTC, in
// unix milliseconds.
func ParseDay(s string) (uint64, error) {
	var year, month, day int
	if n, err := fmt.Sscanf(s, "%4d-%2d-%2d", &year, &month, &day); n != 3 || err != nil || len(s) != len("2006-01-02") || year < 1971 {
		return 0, fmt.Errorf("%.40q, expected a day such as 2024-03-01, from 1971 on", s)
	}
	ms := daysSinceEpoch(year, month, day)
	if month < 1 || month > 12 || day < 1 || day > 31 || Day(ms) != s {
		return 0, fmt.Errorf("%.40q is no day of the calendar", s)
	}
	return ms, nil
}

func daysSinceEpoch(year, month, day int) uint64 {
	// Days from civil, counted from a year that begins in March.
	if month <= 2 {
		year--
		month += 12
	}
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
	return uint64(days) * dayMillis
}

const dayMillis = 24 * 60 * 60 * 1000

// Day writes the day of a time in unix milliseconds, UTC.
func Day(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02") }

func (p *problems) permitted(where, s string) bool {
	if s != "" && s != "undetermined" && s != "permitted" {
		p.add(where, "%.40q, expected undetermined or permitted", s)
	}
	return s == "permitted"
}

// percent reads up to two decimals into hundredths.
func (p *problems) percent(where, s string) uint64 {
	whole, part, _ := strings.Cut(s, ".")
	n, ok := uint64(0), whole != "" && len(whole) <= 3 && len(part) <= 2 && !strings.HasSuffix(s, ".")
	for _, c := range whole + (part + "00")[:max(2, len(part))] {
		if c < '0' || c > '9' {
			ok = false
		}
		n = n*10 + uint64(c-'0')
	}
	if !ok || n == 0 || n > 10000 {
		p.add(where, "%.40q, expected a share above 0 and up to 100, with at most two decimals", s)
		return 0
	}
	return n
}

func (p *problems) carats(where, s string) uint64 {
	if s == "" {
		return 0
	}
	micrograms, err := vocabulary.Micrograms(s, custodyv1.Unit_UNIT_CARAT)
	if err != nil {
		p.add(where, "%v", err)
	}
	return micrograms
}

func (p *problems) list(where string, items []string) []string {
	if len(items) > ListMax {
		p.add(where, "%d, at most %d", len(items), ListMax)
		return nil
	}
	return items
}

func (p *problems) countries(where string, codes []string) []string {
	codes = p.list(where, codes)
	for _, c := range codes {
		if !ledger.IsCountry(c) {
			p.add(where, "%.40q is not an ISO 3166-1 alpha-2 code", c)
		}
	}
	codes = slices.Clone(codes)
	slices.Sort(codes)
	return slices.Compact(codes)
}

func (p *problems) names(where string, names []string) []string {
	for i, n := range p.list(where, names) {
		p.text(fmt.Sprintf("%s.%d", where, i), n, nameBytesMax, true)
	}
	return names
}

func (p *problems) hsCodes(where string, codes []string) []string {
	for _, c := range p.list(where, codes) {
		if len(c) != 6 || strings.Trim(c, "0123456789") != "" {
			p.add(where, "%.40q is not a code of six digits", c)
		}
	}
	return codes
}

func (p *problems) parties(where string, ids []string) []ledger.PartyID {
	var parties []ledger.PartyID
	for _, text := range p.list(where, ids) {
		id, err := ledger.ParsePartyID(text)
		if err != nil {
			p.add(where, "%v", err)
		}
		parties = append(parties, id)
	}
	return parties
}

type enum interface {
	~int32
	protoreflect.Enum
}

func word[E enum](p *problems, where, s string, absent E) E {
	if s == "" {
		return absent
	}
	value, ok := vocabulary.ParseWord[E](s)
	if !ok {
		p.add(where, "%.40q is no word that is known here; expected %s", s, choices[E]())
	}
	return value
}

func wordList[E enum](p *problems, where string, list []string) []E {
	var values []E
	for _, s := range p.list(where, list) {
		if s == "" {
			p.add(where, "an empty word")
			continue
		}
		values = append(values, word[E](p, where, s, 0))
	}
	return values
}

func choices[E enum]() string {
	var zero E
	var all []string
	values := zero.Descriptor().Values()
	for i := range values.Len() {
		if n := values.Get(i).Number(); n != 0 {
			all = append(all, vocabulary.Word(zero.Type().New(n)))
		}
	}
	return strings.Join(all, ", ")
}

// plain makes names comparable: lower case, one space between words.
func plain(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }
