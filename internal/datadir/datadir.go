// Package datadir is the server's data folder: its lock, the owner's keys and
// the note that tells Carillon's own commands where the running server is.
//
//	carillon.lock    held (flock) while a server runs on the folder
//	keys.json        account id, access key, secret, control token
//	server.json      addresses of the running server; gone after a clean stop
//	*.pem            certificates (package certs)
//	carillon.db      the store
//
// Every file is for the owner only (0600, the folder 0700).
package datadir

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	lockFile   = "carillon.lock"
	keysFile   = "keys.json"
	serverFile = "server.json"
)

// Dir is an opened and locked data folder.
type Dir struct {
	Path string
	lock *os.File
}

// Keys are the owner's credentials.
type Keys struct {
	AccountID       string `json:"accountId"`       // 12 digits
	AccessKeyID     string `json:"accessKeyId"`     // "AKIA…", 20 characters
	SecretAccessKey string `json:"secretAccessKey"` // 40 characters
	ControlToken    string `json:"controlToken"`    // bearer of /carillon/control
}

// Running tells where a running server is. Addresses are host:port.
type Running struct {
	PID       int    `json:"pid"`
	URL       string `json:"url"`    // http://host:port
	TLSURL    string `json:"tlsUrl"` // https://host:port
	HTTP      string `json:"listen"`
	TLS       string `json:"tlsListen"`
	Media     string `json:"media"`
	Region    string `json:"region"`
	CAFile    string `json:"caFile"` // absolute; empty when the certificate came from files
	TURN      bool   `json:"turn"`
	StartedAt string `json:"startedAt"` // RFC 3339
}

// Open makes the folder if need be and locks it. A folder that another server
// runs on is an error.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("data folder %s is in use by another carillon; stop it or give --data another folder", path)
	}
	return &Dir{Path: path, lock: lock}, nil
}

// Close forgets the running server and gives the lock back.
func (d *Dir) Close() error {
	err := os.Remove(filepath.Join(d.Path, serverFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, d.lock.Close())
}

// Keys returns the owner's keys, made on first use for the account.
func (d *Dir) Keys(accountID string) (Keys, error) {
	k, err := ReadKeys(d.Path)
	if err == nil {
		k.AccountID = accountID
		return k, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Keys{}, err
	}
	k = newKeys(accountID)
	return k, writeJSON(filepath.Join(d.Path, keysFile), k)
}

// Announce writes down where the server is.
func (d *Dir) Announce(r Running) error { return writeJSON(filepath.Join(d.Path, serverFile), r) }

// ReadKeys reads the owner's keys of the folder at path.
func ReadKeys(path string) (k Keys, err error) {
	err = readJSON(filepath.Join(path, keysFile), &k)
	if err == nil && (k.AccessKeyID == "" || k.SecretAccessKey == "" || k.ControlToken == "") {
		err = fmt.Errorf("%s: accessKeyId, secretAccessKey and controlToken must all be set", filepath.Join(path, keysFile))
	}
	return k, err
}

// ReadRunning tells where the server of the folder at path is.
func ReadRunning(path string) (r Running, err error) {
	err = readJSON(filepath.Join(path, serverFile), &r)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no server runs on %s: start one with `carillon serve --data %s`", path, path)
	}
	return r, err
}

func newKeys(accountID string) Keys {
	id := make([]byte, 10)
	secret := make([]byte, 30)
	rand.Read(id) // never fails (crypto/rand)
	rand.Read(secret)
	return Keys{
		AccountID:       accountID,
		AccessKeyID:     "AKIA" + base32.StdEncoding.EncodeToString(id),
		SecretAccessKey: strings.NewReplacer("+", "a", "/", "b").Replace(base64.StdEncoding.EncodeToString(secret)),
		ControlToken:    rand.Text(),
	}
}

// writeJSON replaces a file in one step, so that a crash leaves the old or the new one.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
