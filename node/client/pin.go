package client

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// pin is the SHA-256 of a TLS key's SubjectPublicKeyInfo.
type pin [sha256.Size]byte

func parsePin(text string) (pin, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != sha256.Size {
		return pin{}, errors.New("its TLS key is not given as 64 hexadecimal digits")
	}
	return pin(b), nil
}

// pinned accepts a server that proves possession of one of the keys, by TLS
// 1.3. Names, dates and issuers in its certificate mean nothing. Sessions are
// never resumed, so the key is compared at every connection.
func pinned(pins []pin) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ServerName:             "custody",
		InsecureSkipVerify:     true, // no certificate authority: VerifyConnection compares the key
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server showed no certificate")
			}
			got := pin(sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo))
			if !slices.Contains(pins, got) {
				return fmt.Errorf("the server's TLS key %x is not a key that the genesis gives for this address: another ledger's node, or an impostor", got[:8])
			}
			return nil
		},
	}
}
