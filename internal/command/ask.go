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
	"strconv"
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
		return fmt.Errorf("the server that was started as process %d does not answer; start it again with `carillon serve`: %w", r.PID, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", bytes.TrimSpace(body))
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // SSRCs and byte counts as they are, not as 2.00177e+09
	return dec.Decode(out)
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
	for _, key := range sortedKeys(tree) {
		switch branch := tree[key].(type) {
		case map[string]any:
			fmt.Fprintf(w, "%s%s:\n", indent, key)
			printTree(w, indent+"  ", branch)
		case []any:
			fmt.Fprintf(w, "%s%s:\n", indent, key)
			for _, item := range branch {
				fmt.Fprintf(w, "%s  -%s\n", indent, pairs(item))
			}
		case nil:
			fmt.Fprintf(w, "%s%s: none\n", indent, key)
		default:
			fmt.Fprintf(w, "%s%s: %v\n", indent, key, branch)
		}
	}
}

// pairs writes a flat object on one line, by key.
func pairs(item any) string {
	object, ok := item.(map[string]any)
	if !ok {
		return fmt.Sprintf(" %v", item)
	}
	var line strings.Builder
	for _, key := range sortedKeys(object) {
		value := fmt.Sprint(object[key])
		if strings.ContainsAny(value, " =\"") {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&line, " %s=%s", key, value)
	}
	return line.String()
}

type env struct{ dataFlag }

// Run prints lines for a POSIX shell's eval, once the server has answered: one
// that was killed leaves an address behind that may be somebody else's by now.
func (e *env) Run(ctx context.Context, streams Streams) error {
	r, err := find(e.Data)
	if err != nil {
		return err
	}
	if err := r.ask(ctx, http.MethodGet, "status", &struct{}{}); err != nil {
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
		fmt.Fprintf(streams.Out, "Refused clients are listed apart: with a bad token by \"carillon trace %s '?'\", without a living meeting by \"carillon trace '?' '?'\".\n", t.Meeting)
		return nil
	}
	for _, step := range steps {
		fmt.Fprintf(streams.Out, "%s  %-22s%s\n", step.Time.Local().Format("15:04:05.000"), step.Name, pairs(step.Attrs))
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
