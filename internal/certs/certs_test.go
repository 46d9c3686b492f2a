package certs

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	first, err := Local(dir, Names("meet.example.org"), now)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("clients that trust ca.pem trust every name", func(t *testing.T) {
		pemBytes, err := os.ReadFile(filepath.Join(dir, CAFile))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pemBytes)
		for _, name := range []string{"localhost", "127.0.0.1", "::1", "meet.example.org", "identity-meet.example.org", "messaging-meet.example.org"} {
			if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("files are for the owner only", func(t *testing.T) {
		files, _ := filepath.Glob(filepath.Join(dir, "*.pem"))
		if len(files) != 4 {
			t.Fatalf("files: %v, want four", files)
		}
		for _, f := range files {
			if st, _ := os.Stat(f); st.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", filepath.Base(f), st.Mode())
			}
		}
	})
	t.Run("kept across starts", func(t *testing.T) {
		again, err := Local(dir, Names("meet.example.org"), now.Add(time.Hour))
		if err != nil || !bytes.Equal(again.Leaf.Raw, first.Leaf.Raw) {
			t.Errorf("certificate changed (err %v)", err)
		}
	})
	t.Run("renewed for a new name and near its end, by the same authority", func(t *testing.T) {
		renamed, err := Local(dir, Names("other.example.org"), now)
		if err != nil || renamed.Leaf.VerifyHostname("other.example.org") != nil {
			t.Fatalf("not renewed for a new name (err %v)", err)
		}
		late, err := Local(dir, Names("other.example.org"), now.Add(serverLife-time.Hour))
		if err != nil || bytes.Equal(late.Leaf.Raw, renamed.Leaf.Raw) {
			t.Fatalf("not renewed near its end (err %v)", err)
		}
		if !bytes.Equal(late.Certificate[1], first.Certificate[1]) {
			t.Error("the authority changed; clients would have to trust it anew")
		}
	})
	t.Run("a broken key is an error, not a new authority", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, caKeyFile), []byte("no key"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Local(dir, Names(""), now); err == nil {
			t.Error("no error")
		}
	})
}

func TestLocal_BrokenFiles(t *testing.T) {
	dir := t.TempDir()
	names, now := Names(""), time.Now()
	first, err := Local(dir, names, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, serverFile), 0); err != nil {
		t.Fatal(err)
	}
	again, err := Local(dir, names, now)
	if err != nil || !bytes.Equal(again.Certificate[1], first.Certificate[1]) {
		t.Errorf("a broken server certificate is not made anew by the same authority: %v", err)
	}

	if err := os.Truncate(filepath.Join(dir, CAFile), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Local(dir, names, now); err == nil || !strings.Contains(err.Error(), CAFile) {
		t.Errorf("a broken authority is not named: %v", err)
	}
}

func TestWriteWhole_LeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, CAFile), 0o700); err != nil { // nothing can be renamed onto a folder
		t.Fatal(err)
	}
	if err := writeWhole(filepath.Join(dir, CAFile), []byte("x")); err == nil {
		t.Error("no error")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
