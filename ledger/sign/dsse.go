package sign

import "strconv"

// PAE returns DSSE's pre-authentication encoding, which is what an event's keys sign:
//
//	"DSSEv1" SP len(payloadType) SP payloadType SP len(payload) SP payload
//
// with lengths in decimal ASCII. Different pairs of type and payload never have the same encoding.
// https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
func PAE(payloadType string, payload []byte) []byte {
	return AppendPAE(make([]byte, 0, len("DSSEv1 ")+20+1+len(payloadType)+1+20+1+len(payload)), payloadType, payload)
}

// AppendPAE appends [PAE] of the payload to dst and returns the extended slice.
func AppendPAE(dst []byte, payloadType string, payload []byte) []byte {
	dst = append(dst, "DSSEv1 "...)
	dst = strconv.AppendInt(dst, int64(len(payloadType)), 10)
	dst = append(dst, ' ')
	dst = append(dst, payloadType...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(len(payload)), 10)
	dst = append(dst, ' ')
	return append(dst, payload...)
}
