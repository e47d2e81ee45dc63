package evidence

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// octets are bytes, written as base64; none are "".
type octets []byte

func (o octets) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.StdEncoding.EncodeToString(o))
}

func (o *octets) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text == nil {
		return errors.New("null where bytes belong")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(*text)
	*o = raw
	return err
}

func octetList(list [][]byte) []octets {
	octs := make([]octets, len(list))
	for i, b := range list {
		octs[i] = b
	}
	return octs
}

func byteList(octs []octets) [][]byte {
	list := make([][]byte, len(octs))
	for i, o := range octs {
		list[i] = o
	}
	return list
}

// hashes are tree hashes, written as a list of hexadecimal texts; none are [].
type hashes []merkle.Hash

func (h hashes) MarshalJSON() ([]byte, error) {
	if h == nil {
		h = hashes{}
	}
	return json.Marshal([]merkle.Hash(h))
}
