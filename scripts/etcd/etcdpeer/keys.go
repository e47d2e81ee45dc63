package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// keys is an authority made for one run and what it certified: ECDSA on P-256,
// as the ledger's nodes have.
type keys struct {
	dir       string
	authority *x509.Certificate
	key       *ecdsa.PrivateKey
}

func newKeys(dir string) (*keys, error) {
	k := &keys{dir: dir}
	var err error
	if k.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	template := certificate("authority of one run")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.key.Public(), k.key)
	if err != nil {
		return nil, err
	}
	if k.authority, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return k, writePEM(k.authorityPath(), "CERTIFICATE", der)
}

func (k *keys) authorityPath() string            { return filepath.Join(k.dir, "authority.pem") }
func (k *keys) certificatePath(of string) string { return filepath.Join(k.dir, of+".pem") }
func (k *keys) keyPath(of string) string         { return filepath.Join(k.dir, of+".key") }

// certify makes a key and a certificate for one end of a connection; every one is
// good for both ends, as etcd's nodes need it.
func (k *keys) certify(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := certificate(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, template, k.authority, key.Public(), k.key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(k.certificatePath(name), "CERTIFICATE", der); err != nil {
		return err
	}
	return writePEM(k.keyPath(name), "PRIVATE KEY", private)
}

// client is what a client connects with.
func (k *keys) client(name string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(k.certificatePath(name), k.keyPath(name))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(k.authority)
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{pair}}, nil
}

func certificate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // rand.Reader does not fail
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
