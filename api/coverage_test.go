package api

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCoverage(t *testing.T) {
	tree := fstest.MapFS{
		"internal/x/x_test.go":          {Data: []byte("package x\n\n// " + coverMark + "chime.CreateMeeting, GetMeeting.\n\t// " + coverMark + "chime.CreateMeeting\n")},
		"test/story.mjs":                {Data: []byte("# " + coverMark + "CreateMeeting\n")},
		"internal/x/x.go":               {Data: []byte("// " + coverMark + "DeleteMeeting\n")},
		"test/node_modules/a/story.mjs": {Data: []byte("// " + coverMark + "Nothing\n")},
		"internal/x/y_test.go":          {Data: []byte("var s = \"" + coverMark + "Nothing\"\n")},
	}
	tests, err := ScanCoverage(tree)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry()
	Handle(r, GetMeeting, func(context.Context, *GetMeetingRequest) (*GetMeetingResponse, error) { return nil, nil })
	var b strings.Builder
	if err := WriteCoverage(&b, r, tests); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	_, meetings, _ := strings.Cut(page, "## chime-sdk-meetings\n")
	meetings, _, _ = strings.Cut(meetings, "\n## ")
	for _, want := range []string{"1 of 16 operations", "| CreateMeeting | 501 | test/story.mjs |", "| GetMeeting | built | internal/x/x_test.go |", "| DeleteMeeting | 501 |  |"} {
		if !strings.Contains(meetings, want) {
			t.Errorf("no %q in\n%s", want, meetings)
		}
	}
	if !strings.Contains(page, "| CreateMeeting | 501 | internal/x/x_test.go, test/story.mjs |") {
		t.Error("the old namespace's row does not name both tests")
	}
	if n := strings.Count(page, "\n| ") - len(Services()); n != 415 {
		t.Errorf("%d rows, want 415", n)
	}
}

func TestScanCoverage_UnknownOperation(t *testing.T) {
	tree := fstest.MapFS{"a_test.go": {Data: []byte("// " + coverMark + "chime.Nothing\n")}}
	if _, err := ScanCoverage(tree); err == nil || !strings.Contains(err.Error(), "a_test.go") {
		t.Errorf("got %v", err)
	}
}
