package command

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// type a command line; returns exit code, standard output and standard error.
func run(t *testing.T, ctx context.Context, args ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(ctx, args, Streams{&out, &errs})
	return code, out.String(), errs.String()
}

func TestRun_Help(t *testing.T) {
	code, out, _ := run(t, t.Context(), "--help")
	if code != 0 || !strings.Contains(out, "serve") || !strings.Contains(out, "carillon env") {
		t.Errorf("exit %d: %s", code, out)
	}
	code, out, _ = run(t, t.Context(), "serve", "--help")
	for _, flag := range []string{"--data", "--listen", "--tls-listen", "--media", "--public-address", "--turn", "--rules", "--limits", "CARILLON_LISTEN"} {
		if code != 0 || !strings.Contains(out, flag) {
			t.Errorf("exit %d, serve --help does not name %s", code, flag)
		}
	}
}

func TestRun_Misuse(t *testing.T) {
	for _, args := range [][]string{{"dance"}, {"serve", "--turn", "maybe"}, {"serve", "--no-such-flag"}, {"trace"}, {"clock", "advance", "soon"}} {
		if code, _, errs := run(t, t.Context(), args...); code != 2 || errs == "" {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
	if code, _, errs := run(t, t.Context(), "status", "--data", t.TempDir()); code != 1 || !strings.Contains(errs, "carillon serve") {
		t.Errorf("status without a server: exit %d, %q", code, errs)
	}
	if code, _, errs := run(t, t.Context(), "serve", "--data", t.TempDir(), "--limits", "much"); code != 1 || !strings.Contains(errs, "--limits") {
		t.Errorf("bad limits: exit %d, %q", code, errs)
	}
}

// lines collects what a running server prints.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// serveIn runs a server on free ports until the test ends.
func serveIn(t *testing.T, data string, args ...string) *lines {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := &lines{}
	ended := make(chan int, 1)
	args = append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--media", "127.0.0.1:0"}, args...)
	go func() { ended <- Run(ctx, args, Streams{out, out}) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("serve: exit %d: %s", code, out)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), "Ctrl-C"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the server does not come up: %s", out)
		}
	}
	return out
}

func TestServe_AsksAndAnswers(t *testing.T) {
	data := filepath.Join(t.TempDir(), "it's data")
	greeting := serveIn(t, data, "--test-mode", "--log-level", "error").String()
	if !strings.Contains(greeting, "http://127.0.0.1:") || !strings.Contains(greeting, "env --data") {
		t.Errorf("greeting: %s", greeting)
	}

	code, out, errs := run(t, t.Context(), "status", "--json", "--data", data)
	if code != 0 || !strings.Contains(out, `"tlsListen": "127.0.0.1:`) {
		t.Errorf("status: exit %d, %s%s", code, out, errs)
	}
	code, out, _ = run(t, t.Context(), "env", "--data", data)
	for _, want := range []string{"export AWS_ENDPOINT_URL='http://127.0.0.1:", "export AWS_ACCESS_KEY_ID='AKIA", "export AWS_REGION='us-east-1'",
		"export NODE_EXTRA_CA_CERTS='", `it'\''s data/ca.pem'`} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("env: exit %d, no %q in %s", code, want, out)
		}
	}
	code, out, _ = run(t, t.Context(), "trace", "no-meeting", "nobody", "--data", data)
	if code != 0 || !strings.Contains(out, "never reached this server") || !strings.Contains(out, "trace no-meeting '?'") {
		t.Errorf("trace: exit %d, %s", code, out)
	}
	code, out, errs = run(t, t.Context(), "clock", "advance", "24h", "--data", data)
	if now, err := time.Parse(time.RFC3339, strings.TrimSpace(out)); code != 0 || err != nil || time.Until(now) < 23*time.Hour {
		t.Errorf("clock advance: exit %d, %s%s", code, out, errs)
	}
}

func TestEnv_ServerThatWasKilled(t *testing.T) {
	data := t.TempDir()
	serveIn(t, data, "--log-level", "error")
	note := filepath.Join(data, "server.json")
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	gone := regexp.MustCompile(`"listen": "127.0.0.1:\d+"`).ReplaceAll(text, []byte(`"listen": "127.0.0.1:1"`)) // nobody listens there
	if err := os.WriteFile(note, gone, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := run(t, t.Context(), "env", "--data", data); code != 1 || out != "" || !strings.Contains(errs, "does not answer") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

func TestPrintTree(t *testing.T) {
	var out strings.Builder
	printTree(&out, "", map[string]any{
		"b": map[string]any{"n": json.Number("3941781408")},
		"a": []any{map[string]any{"Operation": "GetMeeting", "OK": json.Number("2")}, map[string]any{"why": "meeting ended"}},
		"c": nil,
	})
	want := "a:\n  - OK=2 Operation=GetMeeting\n  - why=\"meeting ended\"\nb:\n  n: 3941781408\nc: none\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestServe_ClockIsRealWithoutTestMode(t *testing.T) {
	data := t.TempDir()
	serveIn(t, data, "--log-level", "error")
	if code, _, errs := run(t, t.Context(), "clock", "advance", "1h", "--data", data); code != 1 || !strings.Contains(errs, "--test-mode") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestConfig_Precedence(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(data, configName)
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	region := func() string {
		_, out, _ := run(t, t.Context(), "env", "--data", data)
		_, after, _ := strings.Cut(out, "AWS_REGION='")
		name, _, _ := strings.Cut(after, "'")
		return name
	}

	write("region: eu-west-1\nturn: off\ntest-mode: true\n") // YAML reads off as false
	t.Run("the file is read", func(t *testing.T) {
		serveIn(t, data, "--log-level", "error")
		if got := region(); got != "eu-west-1" {
			t.Errorf("region %q", got)
		}
		if code, _, errs := run(t, t.Context(), "clock", "advance", "1s", "--data", data); code != 0 {
			t.Errorf("test-mode of the file is not on: %s", errs)
		}
	})
	t.Run("the environment wins over the file", func(t *testing.T) {
		t.Setenv("CARILLON_REGION", "eu-west-2")
		serveIn(t, data, "--log-level", "error")
		if got := region(); got != "eu-west-2" {
			t.Errorf("region %q", got)
		}
	})
	t.Run("a flag wins over both", func(t *testing.T) {
		t.Setenv("CARILLON_REGION", "eu-west-2")
		serveIn(t, data, "--log-level", "error", "--region", "eu-west-3")
		if got := region(); got != "eu-west-3" {
			t.Errorf("region %q", got)
		}
	})
	for text, says := range map[string]string{
		"regoin: x\n":      `"regoin" is no option`,
		"region: [a, b]\n": "region wants one value",
		"region: \"x\n":    configName,
		"turn: maybe\n":    "turn",
	} {
		write(text)
		if code, _, errs := run(t, t.Context(), "serve", "--data", data); code != 2 || !strings.Contains(errs, says) || strings.Contains(errs, "--help:") {
			t.Errorf("%q: exit %d, %q does not say %q", text, code, errs, says)
		}
		if code, _, errs := run(t, t.Context(), "status", "--data", data); code != 1 || !strings.Contains(errs, "no server runs") {
			t.Errorf("%q: status minds the server's config file: exit %d, %q", text, code, errs)
		}
	}
	if code, _, errs := run(t, t.Context(), "serve", "--config", filepath.Join(data, "none.yaml")); code != 2 || !strings.Contains(errs, "none.yaml") {
		t.Errorf("a named file that is missing: exit %d, %q", code, errs)
	}
}

func TestConfigExample(t *testing.T) {
	code, out, _ := run(t, t.Context(), "config", "example")
	if code != 0 || !strings.Contains(out, "#limits: published") || !strings.Contains(out, "CARILLON_TURN") ||
		!strings.Contains(out, "#audio-bitrate: 32\n") || !strings.Contains(out, `#account-id: "000000000000"`) {
		t.Fatalf("exit %d: %s", code, out)
	}
	// With every line brought in, it is a config file that says the defaults.
	var file strings.Builder
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(rest, " ") {
			file.WriteString(rest)
		}
	}
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, configName), []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	serveIn(t, data, "--log-level", "error")
}
