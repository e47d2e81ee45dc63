package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Limits of a policy file.
const (
	PolicyBytesMax = 256 << 10
	// PolicyLinesMax bounds each of logs, witnesses and groups.
	PolicyLinesMax = 256
)

// ParsePolicy reads a policy file (C2SP tlog-policy). Log keys are of type LogKey
// and witness keys of type CosignerKey; others are refused. An error wraps
// ErrMalformed and names the line.
func ParsePolicy(file []byte) (*Policy, error) {
	if len(file) > PolicyBytesMax {
		return nil, fmt.Errorf("%w: a policy of %d bytes, at most %d", ErrMalformed, len(file), PolicyBytesMax)
	}
	if len(file) > 0 && file[len(file)-1] != '\n' {
		return nil, fmt.Errorf("%w: the last line of the policy does not end in a newline; the file may be cut short", ErrMalformed)
	}
	p := policyParser{names: map[string]bool{QuorumNone: true}, members: map[string]bool{}}
	number := 0
	for line := range strings.Lines(string(file)) {
		number++
		if err := p.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("%w: policy line %d: %v", ErrMalformed, number, err)
		}
	}
	if p.policy.Quorum == "" {
		return nil, fmt.Errorf("%w: the policy has no quorum line", ErrMalformed)
	}
	return &p.policy, nil
}

// policyParser reads a policy line by line. Names are opaque octets.
type policyParser struct {
	policy  Policy
	names   map[string]bool // defined so far
	members map[string]bool // stand in a group already
}

func (p *policyParser) line(line string) error {
	if at := strings.IndexFunc(line, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }); at >= 0 {
		return fmt.Errorf("control character %#02x; a policy is plain text with newlines and tabs only", line[at])
	}
	items := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(items) == 0 || items[0][0] == '#' {
		return nil
	}
	switch keyword, items := items[0], items[1:]; keyword {
	case "log":
		return p.log(items)
	case "witness":
		return p.witness(items)
	case "group":
		return p.group(items)
	case "quorum":
		return p.quorum(items)
	default:
		return fmt.Errorf("%.40q is not log, witness, group or quorum", keyword)
	}
}

func (p *policyParser) log(items []string) error {
	if len(items) < 1 || len(items) > 2 {
		return errors.New("expected: log <vkey> [<url>]")
	}
	key, err := parseKeyOf(LogKey, items[0])
	if err != nil {
		return err
	}
	l := LogLine{Key: key, URL: optional(items[1:])}
	if err := p.policy.admitLog(l); err != nil {
		return err
	}
	p.policy.Logs = append(p.policy.Logs, l)
	return nil
}

func (p *policyParser) witness(items []string) error {
	if len(items) < 2 || len(items) > 3 {
		return errors.New("expected: witness <name> <vkey> [<url>]")
	}
	key, err := parseKeyOf(CosignerKey, items[1])
	if err != nil {
		return err
	}
	w := WitnessLine{Name: items[0], Key: key, URL: optional(items[2:])}
	if err := p.policy.admitWitness(w, p.names); err != nil {
		return err
	}
	p.policy.Witnesses = append(p.policy.Witnesses, w)
	return nil
}

func (p *policyParser) group(items []string) error {
	if len(items) < 3 {
		return errors.New("expected: group <name> all|any|<k> <name> and further names")
	}
	g := GroupLine{Name: items[0], Members: items[2:]}
	switch items[1] {
	case "any":
		g.Threshold = 1
	case "all":
		g.Threshold = len(g.Members)
	default:
		k, err := parseNumber(items[1])
		if err != nil {
			return fmt.Errorf("the threshold of group %.60q: %v", g.Name, err)
		}
		g.Threshold = int(min(k, math.MaxInt32))
	}
	if err := p.policy.admitGroup(g, p.names, p.members); err != nil {
		return err
	}
	p.policy.Groups = append(p.policy.Groups, g)
	return nil
}

func (p *policyParser) quorum(items []string) error {
	switch {
	case len(items) != 1:
		return errors.New("expected: quorum <name>|none")
	case p.policy.Quorum != "":
		return errors.New("a second quorum line")
	case !p.names[items[0]]:
		return fmt.Errorf("quorum %.60q is not defined above", items[0])
	}
	p.policy.Quorum = items[0]
	return nil
}

func parseKeyOf(keyType KeyType, vkey string) (Key, error) {
	key, err := ParseKey(vkey)
	if err == nil && key.Type != keyType {
		err = fmt.Errorf("vkey %.80q has type %#02x, expected %#02x", vkey, byte(key.Type), byte(keyType))
	}
	return key, err
}

func optional(items []string) string {
	if len(items) == 0 {
		return ""
	}
	return items[0]
}

func (p *Policy) admitLog(l LogLine) error {
	if len(p.Logs) == PolicyLinesMax {
		return fmt.Errorf("more than %d logs", PolicyLinesMax)
	}
	for _, other := range p.Logs {
		if other.Key.Public == l.Key.Public {
			return fmt.Errorf("the key of log %.60q stands in the policy already", l.Key.Name)
		}
	}
	return nil
}

func (p *Policy) admitWitness(w WitnessLine, names map[string]bool) error {
	if len(p.Witnesses) == PolicyLinesMax {
		return fmt.Errorf("more than %d witnesses", PolicyLinesMax)
	}
	for _, other := range p.Witnesses {
		if other.Key.Public == w.Key.Public {
			return fmt.Errorf("the key of witness %.60q is that of witness %.60q", w.Name, other.Name)
		}
	}
	return define(w.Name, names)
}

func (p *Policy) admitGroup(g GroupLine, names, members map[string]bool) error {
	if len(p.Groups) == PolicyLinesMax {
		return fmt.Errorf("more than %d groups", PolicyLinesMax)
	}
	if g.Threshold < 1 || g.Threshold > len(g.Members) {
		return fmt.Errorf("the threshold of group %.60q is %d, expected 1 to %d", g.Name, g.Threshold, len(g.Members))
	}
	for _, member := range g.Members {
		switch {
		case member == QuorumNone:
			return fmt.Errorf("%q cannot be a member of group %.60q", QuorumNone, g.Name)
		case !names[member]:
			return fmt.Errorf("member %.60q of group %.60q is not defined above", member, g.Name)
		case members[member]:
			return fmt.Errorf("%.60q is a member of a group already", member)
		}
		members[member] = true
	}
	return define(g.Name, names)
}

func define(name string, names map[string]bool) error {
	if names[name] {
		return fmt.Errorf("the name %.60q is taken", name)
	}
	names[name] = true
	return nil
}

// Encode writes the policy file. It fails if the policy breaks an invariant or a
// name or URL cannot stand in a file. ParsePolicy reads it back as it was.
func (p *Policy) Encode() ([]byte, error) {
	var b bytes.Buffer
	for _, l := range p.Logs {
		writeLine(&b, "log", l.Key.String(), l.URL)
	}
	for _, w := range p.Witnesses {
		writeLine(&b, "witness", w.Name, w.Key.String(), w.URL)
	}
	for _, g := range p.Groups {
		writeLine(&b, append([]string{"group", g.Name, strconv.Itoa(g.Threshold)}, g.Members...)...)
	}
	writeLine(&b, "quorum", p.Quorum)
	again, err := ParsePolicy(b.Bytes())
	if err != nil {
		return nil, err
	}
	if !again.equal(p) {
		return nil, fmt.Errorf("%w: a name or URL of the policy is empty or has a space in it", ErrMalformed)
	}
	return b.Bytes(), nil
}

func writeLine(b *bytes.Buffer, items ...string) {
	if items[len(items)-1] == "" {
		items = items[:len(items)-1]
	}
	b.WriteString(strings.Join(items, " "))
	b.WriteByte('\n')
}

func (p *Policy) equal(other *Policy) bool {
	return p.Quorum == other.Quorum && slices.Equal(p.Logs, other.Logs) && slices.Equal(p.Witnesses, other.Witnesses) &&
		slices.EqualFunc(p.Groups, other.Groups, func(a, b GroupLine) bool {
			return a.Name == b.Name && a.Threshold == b.Threshold && slices.Equal(a.Members, b.Members)
		})
}
