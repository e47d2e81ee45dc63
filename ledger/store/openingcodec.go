package store

import (
	"encoding/binary"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const openingsVersion = 1

// encodeOpenings writes
//
//	version u8 = 1 | (field u8, salt 32, value u16 length + bytes)...
//
// strictly ascending by field, at least one.
func encodeOpenings(openings []ledger.Opening) ([]byte, error) {
	var e encoder
	e.uint8(openingsVersion)
	for i, o := range openings {
		if i > 0 && o.Field <= openings[i-1].Field {
			e.fail("openings out of order")
		}
		if len(o.Value) == 0 || len(o.Value) > ledger.OpeningValueBytesMax {
			e.fail("an opened value of %d bytes", len(o.Value))
		}
		e.enum(int32(o.Field))
		e.bytes(o.Salt[:])
		e.b = binary.BigEndian.AppendUint16(e.b, uint16(len(o.Value)))
		e.bytes([]byte(o.Value))
	}
	if len(openings) == 0 || len(openings) > ledger.CommitmentsMax {
		e.fail("%d openings", len(openings))
	}
	return e.b, e.err
}

func decodeOpenings(b []byte) ([]ledger.Opening, error) {
	d := decoder{b: b}
	d.version(openingsVersion)
	var openings []ledger.Opening
	for d.err == nil && (len(d.b) > 0 || len(openings) == 0) {
		o := ledger.Opening{Field: custodyv1.PrivateField(d.enum())}
		d.fill(o.Salt[:])
		length := int(d.uint8())<<8 | int(d.uint8())
		o.Value = string(d.take(length))
		if d.err == nil && (length == 0 || length > ledger.OpeningValueBytesMax) {
			d.fail("an opened value of %d bytes", length)
		}
		if len(openings) > 0 && o.Field <= openings[len(openings)-1].Field {
			d.fail("openings out of order")
		}
		openings = append(openings, o)
		if len(openings) > ledger.CommitmentsMax {
			d.fail("more than %d openings", ledger.CommitmentsMax)
		}
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return openings, nil
}
