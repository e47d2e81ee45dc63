package ledger

import "strings"

// Scopes are what a key may do, as bits of PartyAdmit.scopes and KeyAdd.scopes.
type Scopes uint32

// The scopes of a party's key. A clerk is not the owner: each right is given
// by itself.
const (
	ScopeRegister   Scopes = 1 << iota // register, void, re-enter
	ScopeReceive                       // accept, decline
	ScopeHandOver                      // offer and release custody, withdraw
	ScopePassTitle                     // offer and release title
	ScopeTransform                     // change of matter
	ScopeAttest                        // attestations
	ScopeAdminister                    // add and revoke keys

	ScopesAll = ScopeAdminister<<1 - 1
)

// scopeNames stands in the order of the bits.
var scopeNames = []string{"register", "receive", "hand-over", "pass-title", "transform", "attest", "administer"}

// Has tells whether every scope of want is there.
func (s Scopes) Has(want Scopes) bool { return s&want == want }

// String lists the scopes by name, comma-separated.
func (s Scopes) String() string {
	var names []string
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseScopes reads what String prints; "all" is every scope.
func ParseScopes(text string) (Scopes, bool) {
	if text == "all" {
		return ScopesAll, true
	}
	var scopes Scopes
	for name := range strings.SplitSeq(text, ",") {
		bit := -1
		for i, known := range scopeNames {
			if known == strings.TrimSpace(name) {
				bit = i
			}
		}
		if bit < 0 {
			return 0, false
		}
		scopes |= 1 << bit
	}
	return scopes, true
}
