package carillon_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/carillon-rtc/carillon"
	"github.com/carillon-rtc/carillon/internal/datadir"
	"github.com/carillon-rtc/carillon/internal/signaling/signalingtest"
)

// caller signs calls with a running server's own keys.
type caller struct {
	t    *testing.T
	url  string
	host string // for the header Host; empty: that of url
	keys datadir.Keys
	http *http.Client
}

// answer is what a call came to. Body is the JSON object, or nil.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// at follows names through objects: a.at("Meeting", "MeetingId").
func (a answer) at(names ...string) string {
	var v any = a.body
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	s, _ := v.(string)
	return s
}

func newCaller(t *testing.T, cfg carillon.Config, s *carillon.Server) *caller {
	t.Helper()
	keys, err := datadir.ReadKeys(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{t: t, url: s.Addresses().URL, keys: keys, http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// call makes a signed call; agent names the service as SDKs do.
func (c *caller) call(agent, method, path, body string) answer {
	c.t.Helper()
	r, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.host != "" {
		r.Host = c.host
	}
	hash := sha256.Sum256([]byte(body))
	keys := aws.Credentials{AccessKeyID: c.keys.AccessKeyID, SecretAccessKey: c.keys.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(context.Background(), keys, r, hex.EncodeToString(hash[:]), "chime", "us-east-1", time.Now()); err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("User-Agent", agent)
	return c.do(r)
}

func (c *caller) do(r *http.Request) answer {
	c.t.Helper()
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header}
	_ = json.Unmarshal(text, &a.body) // not all answers are JSON
	return a
}

const (
	older = "aws-sdk-js/3 api/chime#3.1"
	newer = "aws-sdk-js/3 api/chime-sdk-meetings#3.1"
)

// Meetings spec section 16, checks 7 and 8: what the API says of meetings and
// attendees, sockets say too.
func TestAPI_MeetingsAreOneForAllWhoAsk(t *testing.T) {
	cfg := anyPorts(t)
	s, stop := run(t, cfg)
	defer stop()
	c := newCaller(t, cfg, s)

	created := c.call(newer, "POST", "/meetings", `{"ClientRequestToken":"one","MediaRegion":"eu-west-1","ExternalMeetingId":"room"}`)
	id := created.at("Meeting", "MeetingId")
	if created.status != 200 || id == "" {
		t.Fatalf("created: %+v", created)
	}
	if again := c.call(older, "POST", "/meetings", `{"ClientRequestToken":"one"}`); again.status != 201 || again.at("Meeting", "MeetingId") != id {
		t.Errorf("the same token in the older namespace: %+v", again)
	}
	signalling := created.at("Meeting", "MediaPlacement", "SignalingUrl")
	var tokens, attendees []string
	for _, user := range []string{"stays", "goes"} {
		a := c.call(older, "POST", "/meetings/"+id+"/attendees", fmt.Sprintf(`{"ExternalUserId":%q}`, user))
		if a.status != 201 {
			t.Fatalf("attendee: %+v", a)
		}
		tokens, attendees = append(tokens, a.at("Attendee", "JoinToken")), append(attendees, a.at("Attendee", "AttendeeId"))
	}
	if gone := c.call(newer, "DELETE", "/meetings/"+strings.ToUpper(id)+"/attendees/"+attendees[1], ""); gone.status != 204 {
		t.Errorf("delete: %+v", gone)
	}
	if code := closeCode(t, signalling, tokens[1]); code != 4403 {
		t.Errorf("deleted attendee: closed with %d", code)
	}
	if ended := c.call(older, "DELETE", "/meetings/"+id, ""); ended.status != 204 {
		t.Errorf("end: %+v", ended)
	}
	gone := c.call(newer, "GET", "/meetings/"+id, "")
	if gone.status != 404 || gone.header.Get("x-amzn-ErrorType") != "NotFoundException" || gone.at("Code") != "NotFound" ||
		gone.at("Message") != "Meeting <"+id+"> not found" || gone.at("RequestId") != gone.header.Get("x-amzn-RequestId") {
		t.Errorf("ended meeting: %+v", gone)
	}
	if code := closeCode(t, signalling, tokens[0]); code != 4410 {
		t.Errorf("ended meeting: closed with %d", code)
	}
}

// closeCode connects and returns what the server closes with.
func closeCode(t *testing.T, url, token string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := signalingtest.Dial(ctx, url, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	select {
	case <-client.Done():
	case <-ctx.Done():
		t.Fatal("the socket stays open")
	}
	code, _ := client.CloseCode()
	return code
}

// Meetings spec sections 12 and 16, check 10: published rates are off unless
// asked for, and have AWS's names in both namespaces.
func TestAPI_Rates(t *testing.T) {
	cfg := anyPorts(t)
	cfg.Limits = carillon.AWSLimits()
	s, stop := run(t, cfg)
	defer stop()
	c := newCaller(t, cfg, s)
	const path = "/meetings/00000000-0000-4000-8000-000000000000"
	begun, refused := time.Now(), 0
	for range 21 {
		if a := c.call(newer, "GET", path, ""); a.status == 429 && a.at("Code") == "Throttling" && a.header.Get("Retry-After") != "" {
			refused++
		}
	}
	if took := time.Since(begun); refused == 0 && took < time.Second {
		t.Errorf("21 calls passed in %v", took)
	}
	if a := c.call(older, "GET", path, ""); a.status == 429 && (a.at("Code") != "Throttled" || a.header.Get("x-amzn-ErrorType") != "ThrottledClientException") {
		t.Errorf("%+v", a)
	}
}

// The page at "/" must not stand in the way of STS, nor of a browser that asks
// whether it may call it (operations spec section 3).
func TestAPI_BesideThePage(t *testing.T) {
	cfg := anyPorts(t)
	s, stop := run(t, cfg)
	defer stop()
	c := newCaller(t, cfg, s)
	r, _ := http.NewRequest(http.MethodOptions, c.url+"/", nil)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	if a := c.do(r); a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("preflight: %+v", a)
	}
	r, _ = http.NewRequest(http.MethodPost, c.url+"/", strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15"))
	if a := c.do(r); a.status != 403 || a.header.Get("x-amzn-ErrorType") != "MissingAuthenticationTokenException" {
		t.Errorf("unsigned: %+v", a)
	}
	for _, path := range []string{"/", "/index.html", "/assets/x", "/m/meetings"} {
		if a := c.call(newer, "GET", path, ""); a.status != 404 || a.at("Code") != "UnknownOperationException" {
			t.Errorf("signed GET %s: %+v", path, a)
		}
	}
	for _, host := range []string{"nearest-media-region.l.chime.aws", "nearest-us-gov-media-region.l.chime.aws"} {
		r, _ = http.NewRequest(http.MethodGet, c.url+"/", nil)
		r.Host = host
		if a := c.do(r); a.at("region") != "us-east-1" {
			t.Errorf("%s: %+v", host, a)
		}
	}
}

// Whatever the way that a client takes, it gets URLs that it can use.
func TestAPI_PlacementURLs(t *testing.T) {
	for _, c := range []struct{ public, host, want string }{
		{"", "carillon.example:8080", "ws://carillon.example:8080/"},
		{"", "carillon.example", "ws://carillon.example/"},
		{"192.0.2.1", "carillon.example:8080", "ws://192.0.2.1:8080/"},
		{"192.0.2.1", "carillon.example", "ws://192.0.2.1/"},
		{"2001:db8::1", "carillon.example:8080", "ws://[2001:db8::1]:8080/"},
		{"2001:db8::1", "carillon.example", "ws://[2001:db8::1]/"},
	} {
		cfg := anyPorts(t)
		cfg.PublicAddress = c.public
		if strings.Contains(c.public, ":") {
			cfg.Media = "[::1]:0"
			l, err := net.Listen("tcp", cfg.Media)
			if err != nil {
				t.Logf("no IPv6 here: %v", err)
				continue
			}
			l.Close()
		}
		s, stop := run(t, cfg)
		client := newCaller(t, cfg, s)
		client.url, client.host = "http://"+s.Addresses().HTTP, c.host
		a := client.call(newer, "POST", "/meetings", `{"ClientRequestToken":"one","MediaRegion":"us-east-1","ExternalMeetingId":"room"}`)
		if got := a.at("Meeting", "MediaPlacement", "SignalingUrl"); !strings.HasPrefix(got, c.want) {
			t.Errorf("public address %q, host %s: %s", c.public, c.host, got)
		}
		if host, port, err := net.SplitHostPort(a.at("Meeting", "MediaPlacement", "AudioHostUrl")); err != nil || host == "" || port == "" {
			t.Errorf("public address %q: AudioHostUrl: %v", c.public, err)
		}
		stop()
	}
}

// Bytes that are no request for anything get an answer, or none, but nothing
// else; the server goes on.
func TestAPI_StrangeRequests(t *testing.T) {
	cfg := anyPorts(t)
	s, stop := run(t, cfg)
	defer stop()
	for _, text := range []string{
		"GET /meetings HTTP/1.0\r\n\r\n",
		"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET http://evil/meetings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"get /meetings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET //meetings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET /console/../meetings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET /healthz/%2e%2e/meetings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"POST /meetings HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
		"GET /meetings HTTP/1.1\r\nHost: x\r\nAuthorization: " + strings.Repeat("A", 70_000) + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", s.Addresses().HTTP)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, text)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%.40q: %v", text, err)
		} else if resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("%.40q: %d", text, resp.StatusCode)
		}
		_ = conn.Close()
	}
	if status, _, _ := get(t, s.Addresses().URL+"/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
}
