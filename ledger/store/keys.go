package store

import (
	"encoding/binary"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// A key is a byte that says what it is for, then ids and big-endian numbers of
// fixed length, so that keys of one kind sort by what they name. DESIGN.md has
// the table.
const (
	prefixEntry        = 'e' // index -> entry bytes as hashed
	prefixOpenings     = 'o' // index -> openings
	prefixTree         = 't' // level, index -> hash
	prefixEvent        = 'v' // event id -> index, of an event that made no item
	prefixParty        = 'p' // party -> party
	prefixKey          = 'k' // key id -> key
	prefixItem         = 'i' // item -> item
	prefixLandmark     = 'n' // item, index -> nothing: the entry names the item, and its history may be walked back from here
	prefixPartyItem    = 'h' // party, roles, item -> nothing: the party has exactly these roles in the item
	prefixReference    = 'r' // party, reference -> item
	prefixMatter       = 'c' // item -> what it is made of, unless its registration says just that
	prefixAttestation  = 'a' // event id -> attestation
	prefixPaper        = 'q' // paper -> paper
	prefixOutsideClaim = 'x' // outside id, item -> nothing: it stands as the live item's
	prefixOutsideIDs   = 'y' // item -> the outside ids that stand as its
	prefixGovernance   = 'g' // index -> nothing: the entry is of governance, or a handover
	prefixMeta         = 'm' // name -> see below
)

const (
	itemBytes  = len(ledger.ItemID{})
	partyBytes = len(ledger.PartyID{})
)

var (
	metaFormat   = []byte("mformat")   // u32: layout of keys and values
	metaGenesis  = []byte("mgenesis")  // the genesis file
	metaHead     = []byte("mhead")     // storedHead
	metaLatest   = []byte("mlatest")   // u64 size, u64: recentEvents.latest, of that size
	metaPolicy   = []byte("mpolicy")   // rules.PolicyState
	metaPosition = []byte("mposition") // ledger.Position, absent before the first
	metaPointer  = []byte("mpointer")  // ledger.Pointer, absent before the first
	metaTarget   = []byte("mtarget")   // ledger.Pointer, absent unless catching up
	metaFinal    = []byte("mfinal")    // last final note, absent before the first
	metaSigned   = []byte("msigned")   // SignedHead, absent before the first
)

// The functions that make keys of fixed length are small and say the length, so that a
// key that nobody keeps costs no memory.

func entryKey(index uint64) []byte {
	key := make([]byte, 1+8)
	key[0] = prefixEntry
	binary.BigEndian.PutUint64(key[1:], index)
	return key
}

func governanceKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixGovernance}, index)
}

func openingsKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixOpenings}, index)
}

func treeKey(level uint8, index uint64) []byte {
	key := make([]byte, 2+8)
	key[0], key[1] = prefixTree, level
	binary.BigEndian.PutUint64(key[2:], index)
	return key
}

func eventKey(id ledger.EventID) []byte {
	key := make([]byte, 1+len(id))
	key[0] = prefixEvent
	copy(key[1:], id[:])
	return key
}

func itemKey(id ledger.ItemID) []byte   { return ofItem(prefixItem, id) }
func matterKey(id ledger.ItemID) []byte { return ofItem(prefixMatter, id) }

func ofItem(prefix byte, id ledger.ItemID) []byte {
	key := make([]byte, 1+len(id))
	key[0] = prefix
	copy(key[1:], id[:])
	return key
}

func partyKey(id ledger.PartyID) []byte { return append([]byte{prefixParty}, id[:]...) }
func keyKey(id sign.KeyID) []byte       { return append([]byte{prefixKey}, id[:]...) }

func attestationKey(id ledger.EventID) []byte { return append([]byte{prefixAttestation}, id[:]...) }
func paperKey(id rules.PaperID) []byte        { return append([]byte{prefixPaper}, id[:]...) }
func outsideIDsKey(id ledger.ItemID) []byte   { return append([]byte{prefixOutsideIDs}, id[:]...) }

func landmarkKey(item ledger.ItemID, index uint64) []byte {
	key := make([]byte, 1+len(item)+8)
	key[0] = prefixLandmark
	copy(key[1:], item[:])
	binary.BigEndian.PutUint64(key[1+len(item):], index)
	return key
}

func partyItemKey(party ledger.PartyID, r roles, item ledger.ItemID) []byte {
	key := make([]byte, 2+partyBytes+itemBytes)
	key[0], key[1+partyBytes] = prefixPartyItem, byte(r)
	copy(key[1:], party[:])
	copy(key[2+partyBytes:], item[:])
	return key
}

func partyItemPrefix(party ledger.PartyID, r roles) []byte {
	key := make([]byte, 0, 2+partyBytes+itemBytes)
	return append(append(append(key, prefixPartyItem), party[:]...), byte(r))
}

func referenceKey(party ledger.PartyID, reference ledger.Reference) []byte {
	return append(append([]byte{prefixReference}, party[:]...), reference[:]...)
}

// outsideIDPrefix is what the claims of one outside id begin with and no other
// claim does: kind u8 | issuer u8 length + bytes | number u8 length + bytes.
func outsideIDPrefix(id rules.OutsideID) ([]byte, error) {
	e := encoder{b: make([]byte, 0, 4+len(id.Issuer)+len(id.Number)+itemBytes)}
	e.uint8(prefixOutsideClaim)
	e.outsideID(id)
	return e.b, e.err
}

// after gives the first key that is above every key that begins with prefix.
// A prefix here never consists of 0xff alone.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; ; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
}
