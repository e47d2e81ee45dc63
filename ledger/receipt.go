package ledger

import (
	"encoding/binary"
	"fmt"
)

// entryHeadBytes is what an entry has before its links.
const entryHeadBytes = 1 + 1 + 8 + 8 + 32 + 2

// ReceiptExtra gives what a receipt carries beside the proof, as its extra data:
// the entry's bytes before the number of its signatures, which is all that the
// ledger added to the signed event. It shares memory with entry.
func ReceiptExtra(entry []byte) ([]byte, error) {
	e, err := DecodeEntry(entry)
	if err != nil {
		return nil, err
	}
	if e.Signed.Event == nil {
		return nil, fmt.Errorf("%w: an entry of kind %d holds no signed event", ErrEntry, e.Kind)
	}
	return entry[: entryHeadBytes+8*len(e.Links) : entryHeadBytes+8*len(e.Links)], nil
}

// EntryOf puts an entry together from a receipt's extra data and the signed
// event, so that its leaf hash can be proven. It takes exactly what ReceiptExtra
// gives, from anybody: whether it is the ledger's entry shows the proof.
func EntryOf(extra []byte, signed SignedEvent) ([]byte, error) {
	if len(extra) < entryHeadBytes || len(extra) > EntryBytesMax || len(signed.Signatures) > SignersMax {
		return nil, fmt.Errorf("%w: extra data of %d bytes, %d signatures", ErrEntry, len(extra), len(signed.Signatures))
	}
	b := append([]byte(nil), extra...)
	b = append(b, byte(len(signed.Signatures)))
	for _, signature := range signed.Signatures {
		if len(signature) > EntryBytesMax {
			return nil, fmt.Errorf("%w: a signature of %d bytes", ErrEntry, len(signature))
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(signature)))
		b = append(b, signature...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(signed.Event)))
	b = append(b, signed.Event...)
	again, err := ReceiptExtra(b)
	if err != nil {
		return nil, err
	}
	if len(again) != len(extra) {
		return nil, fmt.Errorf("%w: extra data of %d bytes, with %d links it has %d", ErrEntry, len(extra), (len(again)-entryHeadBytes)/8, len(again))
	}
	return b, nil
}
