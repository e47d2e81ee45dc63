package ledger

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/runtime/protoiface"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// eventParts are the fields of an event's bytes, which they share memory with.
type eventParts struct {
	ledger, party, nonce []byte
	signers              [SignersMax][]byte
	signersCount         int
	occurredAt, notAfter uint64
	group                []byte // nil for none
	commitments          [][]byte
	bodyNumber           protowire.Number
	body                 []byte
}

// splitEvent reads bytes that the table of fields has accepted: every length and
// number of occurrences in them is known to be good.
func splitEvent(b []byte) (parts eventParts) {
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		b = b[n:]
		if wireType == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b)
			b = b[n:]
			if number == 5 {
				parts.occurredAt = v
			} else {
				parts.notAfter = v
			}
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		b = b[n:]
		switch number {
		case 1:
			parts.ledger = value
		case 2:
			parts.party = value
		case 3:
			parts.signers[parts.signersCount] = value
			parts.signersCount++
		case 4:
			parts.nonce = value
		case 7:
			parts.group = value
		case 8:
			parts.commitments = append(parts.commitments, value)
		default:
			parts.bodyNumber, parts.body = number, value
		}
	}
	return parts
}

// newBody makes the message of a body by its field number in custodyv1.Event.
var newBody = [64]func() proto.Message{
	16: func() proto.Message { return new(custodyv1.PartyAdmit) },
	17: func() proto.Message { return new(custodyv1.PartySponsor) },
	18: func() proto.Message { return new(custodyv1.PartySuspend) },
	19: func() proto.Message { return new(custodyv1.KeyAdd) },
	20: func() proto.Message { return new(custodyv1.KeyRevoke) },
	21: func() proto.Message { return new(custodyv1.PolicyPropose) },
	22: func() proto.Message { return new(custodyv1.PolicyApprove) },
	32: func() proto.Message { return new(custodyv1.ItemRegister) },
	33: func() proto.Message { return new(custodyv1.ItemVoid) },
	35: func() proto.Message { return new(custodyv1.Reweigh) },
	36: func() proto.Message { return new(custodyv1.Correct) },
	40: func() proto.Message { return new(custodyv1.Offer) },
	41: func() proto.Message { return new(custodyv1.Accept) },
	42: func() proto.Message { return new(custodyv1.Decline) },
	43: func() proto.Message { return new(custodyv1.Withdraw) },
	44: func() proto.Message { return new(custodyv1.Release) },
	45: func() proto.Message { return new(custodyv1.Reenter) },
	46: func() proto.Message { return new(custodyv1.Reclaim) },
	47: func() proto.Message { return new(custodyv1.Share) },
	48: func() proto.Message { return new(custodyv1.BorderCross) },
	58: func() proto.Message { return new(custodyv1.Incident) },
	34: func() proto.Message { return new(custodyv1.Transform) },
	52: func() proto.Message { return new(custodyv1.Attest) },
	53: func() proto.Message { return new(custodyv1.AttestWithdraw) },
	54: func() proto.Message { return new(custodyv1.Dispute) },
	55: func() proto.Message { return new(custodyv1.Ruling) },
	56: func() proto.Message { return new(custodyv1.Hold) },
	57: func() proto.Message { return new(custodyv1.HoldRelease) },
}

// decodeBody decodes one body message, which shares memory with b.
func decodeBody(number protowire.Number, b []byte) (any, error) {
	if newBody[number] == nil {
		panic("ledger: the field table permits a body that this binary does not know")
	}
	body := newBody[number]()
	return body, unmarshalShared(b, body)
}

// unmarshalShared decodes a message of which the byte fields share memory with b.
// It saves an allocation for each, which is half of what decoding costs.
func unmarshalShared(b []byte, message proto.Message) error {
	m := message.ProtoReflect()
	methods := m.ProtoMethods()
	if methods == nil || methods.Unmarshal == nil {
		return proto.Unmarshal(b, message)
	}
	_, err := methods.Unmarshal(protoiface.UnmarshalInput{
		Message: m, Buf: b, Flags: protoiface.UnmarshalAliasBuffer,
		Resolver: protoregistry.GlobalTypes, Depth: protowire.DefaultRecursionLimit,
	})
	return err
}

// items appends the items that a body advances.
func items(body any, refs []ItemRef) []ItemRef {
	switch b := body.(type) {
	case *custodyv1.ItemVoid:
		return addItem(refs, b.Item)
	case *custodyv1.Reweigh:
		return addItem(refs, b.Item)
	case *custodyv1.Correct:
		return addItem(refs, b.Item)
	case *custodyv1.Offer:
		return addItem(refs, b.Item)
	case *custodyv1.Accept:
		return addItem(refs, b.Item)
	case *custodyv1.Decline:
		return addItem(refs, b.Item)
	case *custodyv1.Withdraw:
		return addItem(refs, b.Item)
	case *custodyv1.Release:
		return addItem(refs, b.Item)
	case *custodyv1.Reenter:
		return addItem(refs, b.Item)
	case *custodyv1.Reclaim:
		return addItem(refs, b.Item)
	case *custodyv1.Share:
		return addItem(refs, b.Item)
	case *custodyv1.BorderCross:
		return addItem(refs, b.Item)
	case *custodyv1.Incident:
		return addItem(refs, b.Item)
	case *custodyv1.Transform:
		return transformItems(b)
	}
	return nil
}

func transformItems(b *custodyv1.Transform) []ItemRef {
	refs := make([]ItemRef, 0, len(b.Inputs)+len(b.Removed)+len(b.Filings))
	for _, ref := range b.Inputs {
		refs = addItem(refs, ref)
	}
	for _, ref := range b.Removed {
		refs = addItem(refs, ref)
	}
	for _, filing := range b.Filings {
		refs = addItem(refs, filing.Item)
	}
	return refs
}

func addItem(refs []ItemRef, ref *custodyv1.ItemRef) []ItemRef {
	return append(refs, ItemRef{Item: ItemID(ref.Item), Prev: EventID(ref.Prev)})
}
