package carillon_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/carillon-rtc/carillon"
)

// anyPorts is a server on free ports with a data folder of its own.
func anyPorts(t *testing.T) carillon.Config {
	t.Helper()
	return carillon.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", TLSListen: "127.0.0.1:0", Media: "127.0.0.1:0"}
}

// run starts a server; stop ends it as SIGTERM would and waits.
func run(t *testing.T, cfg carillon.Config) (s *carillon.Server, stop func()) {
	t.Helper()
	s, err := carillon.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func get(t *testing.T, url string) (status int, body string, header http.Header) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func TestServer_TwiceInOneProcess(t *testing.T) {
	defer goleak.VerifyNone(t)
	first, stopFirst := run(t, anyPorts(t))
	second, stopSecond := run(t, anyPorts(t))
	for _, s := range []*carillon.Server{first, second} {
		if status, body, _ := get(t, s.Addresses().URL+"/healthz"); status != 200 {
			t.Errorf("healthz: %d %s", status, body)
		}
	}
	if first.Addresses() == second.Addresses() {
		t.Error("both have the same addresses")
	}
	stopFirst()
	if status, _, _ := get(t, second.Addresses().URL+"/healthz"); status != 200 {
		t.Error("the end of one server hurt the other")
	}
	stopSecond()
}

func TestServer_CloseWithoutRun(t *testing.T) {
	defer goleak.VerifyNone(t)
	cfg := anyPorts(t)
	s, err := carillon.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, stop := run(t, cfg) // the folder and everything else is free again
	stop()
}

func TestServer_Routes(t *testing.T) {
	cfg := anyPorts(t)
	cfg.Region = "eu-west-1"
	s, stop := run(t, cfg)
	defer stop()
	url := s.Addresses().URL
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/":                        {200, "<title>"},
		"/m/1234":                  {200, "<title>"},
		"/nearest-media-region":    {200, `{"region":"eu-west-1"}`}, // meetings spec 10
		"/metrics":                 {200, "carillon_media_packets_in_total 0"},
		"/meetings":                {403, "MissingAuthenticationToken"},
		"/carillon/control/status": {403, "control token"},
		"/v1/no-such-thing":        {404, "UnknownOperation"},
	} {
		if status, body, _ := get(t, url+path); status != want.status || !strings.Contains(body, want.body) {
			t.Errorf("GET %s: %d %.200s; want %d with %s", path, status, body, want.status, want.body)
		}
	}
	req, _ := http.NewRequest(http.MethodGet, url+"/", nil)
	req.Host = "nearest-media-region.l.chime.aws"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), `"region"`) || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("the region host answers %s", body)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestNew_SaysWhatIsWrong(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	busyUDP, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busyUDP.Close()

	for name, tt := range map[string]struct {
		change func(*carillon.Config)
		says   string
	}{
		"no data folder":      {func(c *carillon.Config) { c.DataDir = "" }, "--data"},
		"listen is busy":      {func(c *carillon.Config) { c.Listen = busy.Addr().String() }, "--listen"},
		"tls-listen is busy":  {func(c *carillon.Config) { c.TLSListen = busy.Addr().String() }, "--tls-listen"},
		"media is busy":       {func(c *carillon.Config) { c.Media = busyUDP.LocalAddr().String() }, "--media"},
		"media's TCP is busy": {func(c *carillon.Config) { c.Media = busy.Addr().String() }, "--media"},
		"media is a wildcard": {func(c *carillon.Config) { c.Media = "0.0.0.0:0" }, "--public-address"},
		"no port":             {func(c *carillon.Config) { c.Listen = "localhost" }, "--listen"},
		"rules":               {func(c *carillon.Config) { c.Rules = "new" }, "guide or current"},
		"account":             {func(c *carillon.Config) { c.AccountID = "12" }, "12 digits"},
		"half a certificate":  {func(c *carillon.Config) { c.CertFile = "x.pem" }, "--tls-key"},
		"public address":      {func(c *carillon.Config) { c.PublicAddress = "https://x" }, "--public-address"},
		"unknown address":     {func(c *carillon.Config) { c.PublicAddress = "no.such.host.invalid" }, "--public-address"},
		"a file as folder":    {func(c *carillon.Config) { c.DataDir = "go.mod" }, "data folder"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := anyPorts(t)
			tt.change(&cfg)
			s, err := carillon.New(cfg)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not say %q", err, tt.says)
			}
		})
	}
}

func TestNew_OneServerForEachFolder(t *testing.T) {
	cfg := anyPorts(t)
	_, stop := run(t, cfg)
	defer stop()
	if _, err := carillon.New(cfg); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("err = %v, want one that says the folder is in use", err)
	}
	var where struct{ PID int }
	text, err := os.ReadFile(filepath.Join(cfg.DataDir, "server.json"))
	if err != nil || json.Unmarshal(text, &where) != nil || where.PID != os.Getpid() {
		t.Errorf("the refused server spoiled the running one's note: %s, %v", text, err)
	}
}

func TestNew_PublicAddress(t *testing.T) {
	cfg := anyPorts(t)
	cfg.PublicAddress = "localhost"
	s, stop := run(t, cfg)
	defer stop()
	if !strings.HasPrefix(s.Addresses().URL, "http://localhost:") {
		t.Errorf("URL %s does not name the public address", s.Addresses().URL)
	}
}

func TestParseLimits(t *testing.T) {
	for text, want := range map[string]func(*carillon.Limits){
		"":                                 func(*carillon.Limits) {},
		"published":                        func(*carillon.Limits) {},
		"aws":                              func(l *carillon.Limits) { l.APIRate, l.APIBurst = 10, 20 },
		"aws,meetings=7":                   func(l *carillon.Limits) { l.APIRate, l.APIBurst, l.Meetings = 10, 20, 7 },
		"published, videos=50, replicas=0": func(l *carillon.Limits) { l.Videos, l.Replicas = 50, 0 },
		"published,api-rate=5":             func(l *carillon.Limits) { l.APIRate, l.APIBurst = 5, 10 },
	} {
		expected := carillon.PublishedLimits()
		want(&expected)
		if got, err := carillon.ParseLimits(text); err != nil || got != expected {
			t.Errorf("ParseLimits(%q) = %+v, %v; want %+v", text, got, err, expected)
		}
	}
	for _, text := range []string{"none", "published,rooms=3", "published,meetings=x", "published,meetings=-1", "meetings=1,aws"} {
		if _, err := carillon.ParseLimits(text); err == nil {
			t.Errorf("ParseLimits(%q): no error", text)
		}
	}
}

// The first start makes keys and certificates; later ones must answer at once.
// Times are measured in bench/; this pins that a later start makes nothing new.
func TestServer_SecondStartKeepsEverything(t *testing.T) {
	cfg := anyPorts(t)
	_, stop := run(t, cfg)
	stop()
	made := map[string]time.Time{}
	for _, name := range []string{"keys.json", "ca.pem", "server.pem"} {
		st, err := os.Stat(filepath.Join(cfg.DataDir, name))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v, %v", name, st, err)
		}
		made[name] = st.ModTime()
	}
	_, stop = run(t, cfg)
	stop()
	for name, when := range made {
		if st, _ := os.Stat(filepath.Join(cfg.DataDir, name)); !st.ModTime().Equal(when) {
			t.Errorf("%s was made anew", name)
		}
	}
}
