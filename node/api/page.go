package api

import (
	"crypto/sha256"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

// Pages of listings.
const (
	PageSizeDefault = 100
	PageSizeMax     = 1_000
	// PageBytesMax is where a page ends early; one element always fits.
	PageBytesMax = client.AnswerBytesMax / 4
)

func pageSize(asked uint32) (int, *fault) {
	switch {
	case asked == 0:
		return PageSizeDefault, nil
	case asked > PageSizeMax:
		return 0, invalid(client.ReasonInvalidArgument, "page_size", fmt.Sprintf("%d is more than %d; ask for smaller pages", asked, PageSizeMax))
	}
	return int(asked), nil
}

// tokenVersion is the first byte of every page token.
const tokenVersion = 1

// query is what a page token is bound to: the ledger, the method and its
// arguments. Any node of the ledger reads the tokens of any other one. A token
// holds a position and no right, so it is checked and not signed: what a caller
// could forge is another position in the answer to its own question.
//
//	version u8 = 1 | SHA-256(tag, ledger id, question)[:8] | position
type query struct {
	digest [8]byte
}

func newQuery(id ledger.LedgerID, question ...[]byte) query {
	h := sha256.New()
	h.Write([]byte("custody/page-token/v1\n"))
	h.Write(id[:])
	for _, part := range question {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return query{[8]byte(h.Sum(nil))}
}

func (q query) token(position []byte) []byte {
	token := append([]byte{tokenVersion}, q.digest[:]...)
	return append(token, position...)
}

// position reads a token of this query; nil for an empty one, the first page.
func (q query) position(token []byte, size int) ([]byte, *fault) {
	if len(token) == 0 {
		return nil, nil
	}
	head := q.token(nil)
	if len(token) != len(head)+size || string(token[:len(head)]) != string(head) {
		return nil, invalid(client.ReasonPageTokenInvalid, "page_token", "not a token that a node of this ledger gave for this question; begin again without one")
	}
	return token[len(head):], nil
}
