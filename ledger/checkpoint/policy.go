package checkpoint

import (
	"errors"
	"fmt"
)

// ErrNoQuorum: a note lacks the log signature or the cosignatures that a policy
// asks for.
var ErrNoQuorum = errors.New("not final")

// Policy says which signatures make a checkpoint final (C2SP tlog-policy): one
// of any of the logs, and a quorum of the witnesses.
//
//  1. Names of witnesses and groups are different; a name stands in one group
//     at most, and only names of witnesses and earlier groups do.
//  2. No key stands twice.
//  3. All logs have one name, the origin.
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

// Origin gives the name of the logs; "" if the policy has none.
func (p *Policy) Origin() string {
	if len(p.Logs) == 0 {
		return ""
	}
	return p.Logs[0].Key.Name
}

// Verify checks a note: it must be of the policy's origin, at least one log key
// must have signed it, and the witnesses must fill the quorum. Lines of unknown
// keys are passed over; a line of a known key that does not hold makes the note
// invalid. The error wraps ErrNoQuorum or ErrSignature.
func (p *Policy) Verify(n *Note) (*Final, error) {
	if len(p.Logs) > 0 && n.Origin != p.Origin() {
		return nil, fmt.Errorf("%w: the checkpoint is of log %.100q, expected %.100q", ErrNoQuorum, n.Origin, p.Origin())
	}
	final := &Final{Checkpoint: n.Checkpoint}
	for _, l := range p.Logs {
		switch _, err := l.Key.Verify(n); {
		case err == nil:
			final.Logs = append(final.Logs, l.Key)
		case errors.Is(err, ErrSignature):
			return nil, err
		}
	}
	if len(p.Logs) > 0 && len(final.Logs) == 0 {
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
	for _, g := range p.Groups {
		count := 0
		for _, member := range g.Members {
			if seen[member] {
				count++
			}
		}
		seen[g.Name] = count >= g.Threshold
	}
	if !seen[p.Quorum] {
		return nil, fmt.Errorf("%w: cosigned by %d of %d, which does not fill the quorum %q", ErrNoQuorum, len(final.Cosigned), len(p.Witnesses), p.Quorum)
	}
	return final, nil
}
