package replica

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
)

// verifiedEventsMax and verifiedBytesMax bound one of the two generations that
// verifiedCache keeps.
const (
	verifiedEventsMax = 16_384
	verifiedBytesMax  = 8 << 20
)

// verifiedCache remembers events whose signatures this node has verified by
// itself and that it waits to see committed, so that they are not verified
// again in apply. Safe for concurrent use.
//
// The key covers the event and its signatures: the same event with another
// signature is another key. An event leaves when it is applied; one that is
// never committed leaves when newer ones have filled two generations.
type verifiedCache struct {
	mu     sync.Mutex
	recent map[[sha256.Size]byte]ledger.VerifiedEvent
	older  map[[sha256.Size]byte]ledger.VerifiedEvent
	bytes  int // of the events in recent
}

func newVerifiedCache() *verifiedCache {
	return &verifiedCache{recent: make(map[[sha256.Size]byte]ledger.VerifiedEvent)}
}

func (c *verifiedCache) put(event ledger.VerifiedEvent) {
	key := verifiedKey(event.Signed)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) >= verifiedEventsMax || c.bytes+len(event.Signed.Event) > verifiedBytesMax {
		c.older, c.recent, c.bytes = c.recent, make(map[[sha256.Size]byte]ledger.VerifiedEvent), 0
	}
	c.recent[key] = event
	c.bytes += len(event.Signed.Event)
}

// take gives the event and forgets it.
func (c *verifiedCache) take(signed ledger.SignedEvent) (ledger.VerifiedEvent, bool) {
	key := verifiedKey(signed)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, generation := range []map[[sha256.Size]byte]ledger.VerifiedEvent{c.recent, c.older} {
		if event, ok := generation[key]; ok {
			delete(generation, key)
			return event, true
		}
	}
	return ledger.VerifiedEvent{}, false
}

// verifiedKey hashes the signatures, each with its length, and the event.
func verifiedKey(signed ledger.SignedEvent) [sha256.Size]byte {
	h := sha256.New()
	var length [4]byte
	for _, signature := range signed.Signatures {
		binary.BigEndian.PutUint32(length[:], uint32(len(signature))+1)
		h.Write(length[:])
		h.Write(signature)
	}
	h.Write(make([]byte, 4)) // no signature has the length field 0
	h.Write(signed.Event)
	return [sha256.Size]byte(h.Sum(nil))
}

// verifyShareMin is how many events are worth a goroutine of their own.
const verifyShareMin = 16
