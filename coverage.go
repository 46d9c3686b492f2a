package carillon

import (
	"io"
	"io/fs"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/meeting"
	"github.com/carillon-rtc/carillon/internal/tagging"
)

// WriteCoverage writes the page of all operations: which of them are built, and
// which tests and stories below the repository's root cover them.
func WriteCoverage(w io.Writer, root fs.FS) error {
	tests, err := api.ScanCoverage(root)
	if err != nil {
		return err
	}
	registry := api.NewRegistry()
	new(meeting.Service).Register(registry)
	new(tagging.Service).Register(registry)
	return api.WriteCoverage(w, registry, tests)
}

//go:generate go run ./internal/command/coverage
