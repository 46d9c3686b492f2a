package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"github.com/carillon-rtc/carillon/internal/datadir"
	"github.com/carillon-rtc/carillon/internal/trace"
)

// running asks the server that runs on a data folder.
type running struct {
	datadir.Running
	keys datadir.Keys
}

func find(data string) (running, error) {
	where, err := datadir.ReadRunning(data)
	if err != nil {
		return running{}, err
	}
	keys, err := datadir.ReadKeys(data)
	return running{where, keys}, err
}

// ask calls a control endpoint and decodes its JSON answer into out.
func (r running) ask(ctx context.Context, method, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.HTTP+"/carillon/control/"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.keys.ControlToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the server that %d was does not answer: %w", r.PID, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", bytes.TrimSpace(body))
	}
	return json.Unmarshal(body, out)
}

type status struct {
	dataFlag
	JSON bool `help:"As JSON, for programs."`
}

// Run prints addresses and numbers.
func (s *status) Run(ctx context.Context, streams Streams) error {
	r, err := find(s.Data)
	if err != nil {
		return err
	}
	var answer map[string]any
	if err := r.ask(ctx, http.MethodGet, "status", &answer); err != nil {
		return err
	}
	if s.JSON {
		enc := json.NewEncoder(streams.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(answer)
	}
	printTree(streams.Out, "", answer)
	return nil
}

func printTree(w io.Writer, indent string, tree map[string]any) {
	keys := make([]string, 0, len(tree))
	for key := range tree {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if branch, ok := tree[key].(map[string]any); ok {
			fmt.Fprintf(w, "%s%s:\n", indent, key)
			printTree(w, indent+"  ", branch)
			continue
		}
		fmt.Fprintf(w, "%s%s: %v\n", indent, key, tree[key])
	}
}

type env struct{ dataFlag }

// Run prints lines for a POSIX shell's eval.
func (e *env) Run(streams Streams) error {
	r, err := find(e.Data)
	if err != nil {
		return err
	}
	export := func(name, value string) {
		fmt.Fprintf(streams.Out, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	export("AWS_ENDPOINT_URL", r.URL)
	export("AWS_ACCESS_KEY_ID", r.keys.AccessKeyID)
	export("AWS_SECRET_ACCESS_KEY", r.keys.SecretAccessKey)
	export("AWS_REGION", r.Region)
	export("AWS_DEFAULT_REGION", r.Region)
	export("AWS_EC2_METADATA_DISABLED", "true")
	if r.CAFile != "" {
		export("AWS_CA_BUNDLE", r.CAFile)
		export("NODE_EXTRA_CA_CERTS", r.CAFile)
	}
	return nil
}

type traceSteps struct {
	dataFlag
	Meeting  string `arg:"" help:"Meeting id."`
	Attendee string `arg:"" help:"Attendee id; with #content for a content share, ? for who never said a valid token."`
	JSON     bool   `help:"As JSON, for programs."`
}

// Run prints the steps, oldest first.
func (t *traceSteps) Run(ctx context.Context, streams Streams) error {
	r, err := find(t.Data)
	if err != nil {
		return err
	}
	var steps []trace.Step
	query := url.Values{"meeting": {t.Meeting}, "attendee": {t.Attendee}}
	if err := r.ask(ctx, http.MethodGet, "trace?"+query.Encode(), &steps); err != nil {
		return err
	}
	if t.JSON {
		return json.NewEncoder(streams.Out).Encode(steps)
	}
	if len(steps) == 0 {
		fmt.Fprintf(streams.Out, "Nothing is known of attendee %s in meeting %s: its client never reached this server, or that was too long ago.\n", t.Attendee, t.Meeting)
		return nil
	}
	for _, step := range steps {
		fmt.Fprintf(streams.Out, "%s  %-22s", step.Time.Local().Format("15:04:05.000"), step.Name)
		for _, key := range sortedKeys(step.Attrs) {
			fmt.Fprintf(streams.Out, " %s=%v", key, step.Attrs[key])
		}
		fmt.Fprintln(streams.Out)
	}
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

type clockAdvance struct {
	dataFlag
	By time.Duration `arg:"" help:"How far, such as 24h or 5m30s."`
}

// Run advances the clock and prints the new lifecycle time.
func (c *clockAdvance) Run(ctx context.Context, streams Streams) error {
	r, err := find(c.Data)
	if err != nil {
		return err
	}
	var answer struct{ Now time.Time }
	if err := r.ask(ctx, http.MethodPost, "clock/advance?by="+url.QueryEscape(c.By.String()), &answer); err != nil {
		return err
	}
	fmt.Fprintln(streams.Out, answer.Now.Format(time.RFC3339))
	return nil
}

type version struct{}

// Run prints the module's version and the toolchain that built it.
func (version) Run(streams Streams) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this binary carries no build information")
	}
	fmt.Fprintln(streams.Out, "carillon", info.Main.Version, info.GoVersion)
	return nil
}
