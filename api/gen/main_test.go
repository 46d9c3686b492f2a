package main

import (
	"bytes"
	"os"
	"testing"
)

// The committed files have to be what the generator makes.
func TestGenerated_IsCurrent(t *testing.T) {
	files, err := generate("../models")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate ./api", name)
		}
	}
}
