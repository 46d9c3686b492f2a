// Command coverage writes docs/coverage.md, the page of all operations with
// their state and their tests, out of the table that the server answers from.
//
//	go run ./internal/command/coverage           writes the page
//	go run ./internal/command/coverage --check   fails if the page is out of date
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/carillon-rtc/carillon"
)

const page = "docs/coverage.md"

func main() {
	if err := run(len(os.Args) > 1 && os.Args[1] == "--check"); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	var want bytes.Buffer
	if err := carillon.WriteCoverage(&want, os.DirFS(".")); err != nil {
		return err
	}
	if !check {
		return os.WriteFile(page, want.Bytes(), 0o644)
	}
	have, err := os.ReadFile(page)
	if err == nil && !bytes.Equal(have, want.Bytes()) {
		err = fmt.Errorf("%s is out of date; run `make generate`", page)
	}
	return err
}
