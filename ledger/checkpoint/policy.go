package checkpoint

import (
	"errors"
	"fmt"
	"slices"
)

// ErrNoQuorum: a note lacks the log signature or the cosignatures that a policy
// asks for.
var ErrNoQuorum = errors.New("not final")

// Policy says which signatures make a checkpoint final (C2SP tlog-policy): one
// of any of the logs, and a quorum of the witnesses.
//
//  1. Names of witnesses and groups are different, and none is QuorumNone; a name
//     stands in one group at most, and only names of witnesses and earlier groups do.
//  2. No two logs have one public key, and no two witnesses.
//  3. A group's threshold is at least 1 and at most the number of its members.
//  4. A log's key name is the origin of its checkpoints.
type Policy struct {
	Logs      []LogLine
	Witnesses []WitnessLine
	Groups    []GroupLine
	// Quorum is the name of a witness or group, or "none".
	Quorum string
}

// LogLine is one key that the log signs with.
type LogLine struct {
	Key Key
	URL string // may be empty
}

// WitnessLine is one cosigner.
type WitnessLine struct {
	Name string // in the policy; the key has one of its own
	Key  Key
	URL  string // may be empty
}

// GroupLine is witnessed when at least Threshold of its members are.
type GroupLine struct {
	Name      string
	Threshold int
	Members   []string
}

// QuorumNone is the quorum of a policy that asks for no cosignature.
const QuorumNone = "none"

// Final is a checkpoint that a policy found final.
type Final struct {
	Checkpoint
	// Cosigned holds the time, in unix seconds, of every witness of the policy
	// whose cosignature holds, in the order of the policy.
	Cosigned []Cosigned
	// Logs are the log keys of the policy that signed.
	Logs []Key
}

// Cosigned is one witness's cosignature.
type Cosigned struct {
	Witness string
	Key     Key
	At      uint64 // unix seconds
}

// Origin gives the one name of all logs; "" if there are none, or several names.
func (p *Policy) Origin() string {
	origin := ""
	for i, l := range p.Logs {
		if i > 0 && l.Key.Name != origin {
			return ""
		}
		origin = l.Key.Name
	}
	return origin
}

// Verify checks a note: at least one log key whose name is the note's origin must
// have signed it, if the policy has logs, and the witnesses must fill the quorum;
// a note that no known key signed never passes. Lines of unknown keys are passed
// over; a line of a known key that does not hold makes the note invalid. The error
// wraps ErrNoQuorum or ErrSignature.
func (p *Policy) Verify(n *Note) (*Final, error) {
	final := &Final{Checkpoint: n.Checkpoint}
	known := false
	for _, l := range p.Logs {
		if l.Key.Name != n.Origin {
			continue
		}
		known = true
		switch _, err := l.Key.Verify(n); {
		case err == nil:
			final.Logs = append(final.Logs, l.Key)
		case errors.Is(err, ErrSignature):
			return nil, err
		}
	}
	switch {
	case len(p.Logs) > 0 && !known:
		return nil, fmt.Errorf("%w: the checkpoint is of log %.100q, expected %.100q", ErrNoQuorum, n.Origin, p.Logs[0].Key.Name)
	case len(p.Logs) > 0 && len(final.Logs) == 0:
		return nil, fmt.Errorf("%w: no known log key signed it", ErrNoQuorum)
	}
	seen := map[string]bool{QuorumNone: true}
	for _, w := range p.Witnesses {
		at, err := w.Key.Verify(n)
		switch {
		case err == nil:
			final.Cosigned = append(final.Cosigned, Cosigned{Witness: w.Name, Key: w.Key, At: at})
			seen[w.Name] = true
		case errors.Is(err, ErrSignature):
			return nil, err
		}
	}
	p.fill(seen)
	switch {
	case !seen[p.Quorum]:
		return nil, fmt.Errorf("%w: cosigned by %d of %d, which does not fill the quorum %.100q", ErrNoQuorum, len(final.Cosigned), len(p.Witnesses), p.Quorum)
	case len(final.Logs)+len(final.Cosigned) == 0:
		return nil, fmt.Errorf("%w: no known key signed it", ErrNoQuorum)
	}
	return final, nil
}

// Filled tells whether the cosignatures of some keys would fill the quorum.
func (p *Policy) Filled(cosigners []Key) bool {
	seen := map[string]bool{QuorumNone: true}
	for _, w := range p.Witnesses {
		seen[w.Name] = slices.Contains(cosigners, w.Key)
	}
	p.fill(seen)
	return seen[p.Quorum]
}

// fill adds the groups of which enough members are seen.
func (p *Policy) fill(seen map[string]bool) {
	for _, g := range p.Groups {
		count := 0
		for _, member := range g.Members {
			if seen[member] {
				count++
			}
		}
		seen[g.Name] = count >= g.Threshold
	}
}
