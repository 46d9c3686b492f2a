// Package certs provides the server's TLS certificate: from files, or from a
// local certificate authority that is made on first start.
//
// There is always a TLS listener, because browsers' messaging clients dial
// wss:// whatever they are told. The local authority's certificate (ca.pem) is
// what clients are given to trust (AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS); its key
// never leaves the data folder. The server's own certificate is renewed when
// its names change or its end comes near.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// File names inside the folder.
const (
	CAFile        = "ca.pem"
	caKeyFile     = "ca-key.pem"
	serverFile    = "server.pem"
	serverKeyFile = "server-key.pem"
)

const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 397 * 24 * time.Hour // the longest that browsers accept
	renewAhead = 30 * 24 * time.Hour
)

// FromFiles loads a certificate chain and its key from PEM files.
func FromFiles(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls certificate %s with key %s: %w", certFile, keyFile, err)
	}
	return cert, nil
}

// Names are the host names and addresses that the local certificate is for:
// this machine's own and, for a configured host, also the forms that old SDKs
// put in front of it.
func Names(publicAddress string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if publicAddress == "" || slices.Contains(names, publicAddress) {
		return names
	}
	names = append(names, publicAddress)
	if net.ParseIP(publicAddress) == nil {
		names = append(names, "identity-"+publicAddress, "messaging-"+publicAddress)
	}
	return names
}

// Local returns the server certificate for names out of dir, signed by the
// local authority in dir. What is missing is made; files are written with mode
// 0600. now is real time.
func Local(dir string, names []string, now time.Time) (tls.Certificate, error) {
	ca, err := loadOrMakeCA(dir, now)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("local certificate authority: %w", err)
	}
	server, err := load(dir, serverFile, serverKeyFile)
	if err != nil || stale(server.cert, ca.cert, names, now) { // nobody trusts this one by itself: a new one does as well
		if server, err = makeServerCert(ca, names, now); err == nil {
			err = server.write(dir, serverFile, serverKeyFile)
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("server certificate: %w", err)
	}
	return tls.Certificate{
		Certificate: [][]byte{server.cert.Raw, ca.cert.Raw},
		PrivateKey:  server.key,
		Leaf:        server.cert,
	}, nil
}

// pair is a certificate with its key.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func loadOrMakeCA(dir string, now time.Time) (pair, error) {
	ca, err := load(dir, CAFile, caKeyFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return ca, err // a broken one is not replaced: clients would have to trust the new one
	}
	if ca, err = makeCA(now); err != nil {
		return pair{}, err
	}
	return ca, ca.write(dir, CAFile, caKeyFile)
}

func load(dir, certFile, keyFile string) (pair, error) {
	kp, err := tls.LoadX509KeyPair(filepath.Join(dir, certFile), filepath.Join(dir, keyFile))
	if err != nil {
		return pair{}, fmt.Errorf("%s with %s: %w", filepath.Join(dir, certFile), keyFile, err)
	}
	key, ok := kp.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return pair{}, fmt.Errorf("%s: want an ECDSA key, have %T", keyFile, kp.PrivateKey)
	}
	return pair{kp.Leaf, key}, nil
}

// write stores the key before the certificate, so that a crash in between
// leaves no certificate without its key.
func (p pair) write(dir, certFile, keyFile string) error {
	der, err := x509.MarshalECPrivateKey(p.key)
	if err != nil {
		return err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := writeWhole(filepath.Join(dir, keyFile), keyPEM); err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw})
	return writeWhole(filepath.Join(dir, certFile), certPEM)
}

// writeWhole writes all of a file or none of it: half a certificate, as a full
// disk or a power cut leaves it, would stop every later start.
func writeWhole(path string, data []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func makeCA(now time.Time) (pair, error) {
	tmpl := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Carillon local CA " + now.UTC().Format(time.DateOnly), Organization: []string{"Carillon"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		MaxPathLenZero:        true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(tmpl, nil)
}

func makeServerCert(ca pair, names []string, now time.Time) (pair, error) {
	tmpl := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Carillon", Organization: []string{"Carillon"}},
		NotBefore:   now.Add(-time.Hour),
		NotAfter:    now.Add(serverLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, name)
		}
	}
	return sign(tmpl, &ca)
}

// sign makes a new key and a certificate for it; by itself when issuer is nil.
func sign(tmpl *x509.Certificate, issuer *pair) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair{}, err
	}
	tmpl.SerialNumber = serial
	if issuer == nil {
		issuer = &pair{tmpl, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, issuer.cert, &key.PublicKey, issuer.key)
	if err != nil {
		return pair{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return pair{cert, key}, err
}

// stale tells whether the server certificate must be made anew.
func stale(server, ca *x509.Certificate, names []string, now time.Time) bool {
	if now.Add(renewAhead).After(server.NotAfter) || server.CheckSignatureFrom(ca) != nil {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool { return server.VerifyHostname(name) != nil })
}
