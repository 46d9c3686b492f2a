package datadir

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDir_Keys(t *testing.T) {
	d, err := Open(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := d.Keys("000000000000")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(made.AccessKeyID) || len(made.SecretAccessKey) != 40 {
		t.Errorf("keys do not have AWS's form: %q, secret of %d", made.AccessKeyID, len(made.SecretAccessKey))
	}
	if again, err := d.Keys("000000000000"); err != nil || again != made {
		t.Errorf("keys changed on the second start (err %v)", err)
	}
	for _, name := range []string{keysFile, lockFile} {
		if st, err := os.Stat(filepath.Join(d.Path, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, err %v", name, st.Mode(), err)
		}
	}

	t.Run("damaged keys are an error, not new keys", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(d.Path, keysFile), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Keys("000000000000"); err == nil {
			t.Error("no error")
		}
	})
}

func TestOpen_Locks(t *testing.T) {
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("second server: err = %v, want one that names --data", err)
	}
	if err := d.Announce(Running{PID: 7}); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadRunning(path); err != nil || r.PID != 7 {
		t.Errorf("ReadRunning = %+v, %v", r, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRunning(path); err == nil || !strings.Contains(err.Error(), "carillon serve") {
		t.Errorf("after a stop: err = %v, want one that says how to start", err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
