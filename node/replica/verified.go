package replica

import (
	"bytes"
	"slices"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
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
// It finds an event by its first signature and then compares all of its bytes and
// signatures: the same event with another signature is another event. Two events with
// the first signature in common push each other out. An event leaves when it is applied;
// one that is never committed leaves when newer ones have filled two generations.
type verifiedCache struct {
	mu     sync.Mutex
	recent map[verifiedKey]ledger.VerifiedEvent
	older  map[verifiedKey]ledger.VerifiedEvent
	bytes  int // of the events in recent
}

type verifiedKey [sign.SignatureSize]byte

func newVerifiedCache() *verifiedCache {
	return &verifiedCache{recent: make(map[verifiedKey]ledger.VerifiedEvent)}
}

func (c *verifiedCache) put(event ledger.VerifiedEvent) {
	key := firstSignature(event.Signed)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) >= verifiedEventsMax || c.bytes+len(event.Signed.Event) > verifiedBytesMax {
		c.older, c.recent, c.bytes = c.recent, make(map[verifiedKey]ledger.VerifiedEvent), 0
	}
	c.recent[key] = event
	c.bytes += len(event.Signed.Event)
}

// take gives the event and forgets it.
func (c *verifiedCache) take(signed ledger.SignedEvent) (ledger.VerifiedEvent, bool) {
	key := firstSignature(signed)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, generation := range [...]map[verifiedKey]ledger.VerifiedEvent{c.recent, c.older} {
		if event, ok := generation[key]; ok && same(event.Signed, signed) {
			delete(generation, key)
			return event, true
		}
	}
	return ledger.VerifiedEvent{}, false
}

// firstSignature is as good a key as a hash where the rest is compared; what is no
// signature makes one that nothing verified has.
func firstSignature(signed ledger.SignedEvent) (key verifiedKey) {
	copy(key[:], signed.Signatures[0])
	return key
}

func same(a, b ledger.SignedEvent) bool {
	return bytes.Equal(a.Event, b.Event) && slices.EqualFunc(a.Signatures, b.Signatures, bytes.Equal)
}

// verifyShareMin is how many events are worth a goroutine of their own.
const verifyShareMin = 16
