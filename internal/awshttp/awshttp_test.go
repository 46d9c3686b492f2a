package awshttp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/iam"
)

const (
	uuid1 = "12345678-1234-1234-1234-123456789012"
	uuid2 = "22345678-1234-1234-1234-123456789012"
)

var owner = aws.Credentials{AccessKeyID: "AKIDOWNER", SecretAccessKey: "owner/secret+key"}

// world is a server with a few handlers, and what they saw.
type world struct {
	*httptest.Server
	h   *Handler
	log *bytes.Buffer

	mu      sync.Mutex
	call    api.Call
	actions []string
}

// spy records what was authorized.
type spy struct {
	*iam.Accounts
	w *world
}

func (s spy) Authorize(ctx context.Context, p iam.Principal, action string, arns []string) error {
	s.w.mu.Lock()
	s.w.actions = append(s.w.actions, action+" "+strings.Join(arns, " "))
	s.w.mu.Unlock()
	if action == "chime:DeleteAttendee" {
		return iam.ErrDenied
	}
	return s.Accounts.Authorize(ctx, p, action, arns)
}

func newWorld(t testing.TB, edit func(*Config)) *world {
	t.Helper()
	accounts, err := iam.New(iam.Config{OwnerKeys: []iam.Key{{AccessKeyID: owner.AccessKeyID, Secret: owner.SecretAccessKey}}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{log: new(bytes.Buffer)}
	reg := api.NewRegistry()
	api.Handle(reg, api.CreateMeeting, func(ctx context.Context, in *api.CreateMeetingRequest) (*api.CreateMeetingResponse, error) {
		w.saw(ctx)
		return &api.CreateMeetingResponse{Meeting: &api.Meeting{MeetingId: new(uuid1), ExternalMeetingId: in.ExternalMeetingId, TenantIds: []string{}}}, nil
	})
	api.Handle(reg, api.GetMeeting, func(ctx context.Context, in *api.GetMeetingRequest) (*api.GetMeetingResponse, error) {
		w.saw(ctx)
		switch *in.MeetingId {
		case uuid1:
			return &api.GetMeetingResponse{Meeting: &api.Meeting{MeetingId: in.MeetingId}}, nil
		case strings.Repeat("f", 8) + uuid1[8:]:
			panic("at the disco")
		case strings.Repeat("e", 8) + uuid1[8:]:
			return nil, errors.New("secret cause")
		case strings.Repeat("d", 8) + uuid1[8:]:
			return nil, &api.Error{Code: api.ServiceUnavailable, Message: "later", RetryAfter: 1500 * time.Millisecond}
		}
		return nil, api.Errorf(api.NotFound, "Meeting <%s> not found", *in.MeetingId)
	})
	api.Handle(reg, api.DeleteMeeting, func(ctx context.Context, in *api.DeleteMeetingRequest) (*api.Empty, error) { return nil, nil })
	api.Handle(reg, api.DeleteAttendee, func(ctx context.Context, in *api.DeleteAttendeeRequest) (*api.Empty, error) { return nil, nil })
	api.Handle(reg, api.ListTagsForResource, func(ctx context.Context, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
		w.saw(ctx)
		return nil, &api.Error{Code: api.ResourceNotFound, Message: "none", Resource: *in.ResourceARN}
	})
	api.Handle(reg, api.DescribeChannel, func(ctx context.Context, in *api.DescribeChannelRequest) (*api.DescribeChannelResponse, error) {
		w.saw(ctx)
		return &api.DescribeChannelResponse{Channel: &api.Channel{ChannelArn: in.ChannelArn}}, nil
	})
	api.Handle(reg, api.GetPhoneNumber, func(ctx context.Context, in *api.GetPhoneNumberRequest) (*api.GetPhoneNumberResponse, error) {
		return &api.GetPhoneNumberResponse{PhoneNumber: &api.PhoneNumber{PhoneNumberId: in.PhoneNumberId}}, nil
	})
	c := Config{Registry: reg, IAM: spy{accounts, w}, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Query: map[string]QueryService{"sts": {Name: "sts", Namespace: STSNamespace, Actions: accounts.STS(), Open: map[string]bool{"GetCallerIdentity": true}}}}
	if edit != nil {
		edit(&c)
	}
	w.h = New(c)
	w.Server = httptest.NewServer(w.h)
	t.Cleanup(w.Close)
	return w
}

func (w *world) saw(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call = *api.CallFrom(ctx)
}

// request is a request to sign and send; the zero fields have plain values.
type request struct {
	method, path, body string
	service, agent     string // of the signature; the user agent
	host               string
	header             map[string]string
	who                *aws.Credentials
	unsigned           bool
	at                 time.Time
}

type response struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(t testing.TB, q request) response {
	t.Helper()
	r, err := http.NewRequest(q.method, w.URL+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	if q.host != "" {
		r.Host = q.host
	}
	r.Header.Set("User-Agent", q.agent)
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	if q.who == nil {
		q.who = &owner
	}
	if q.service == "" {
		q.service = "chime"
	}
	if q.at.IsZero() {
		q.at = time.Now()
	}
	if !q.unsigned {
		hash := sha256.Sum256([]byte(q.body))
		if err := v4.NewSigner().SignHTTP(context.Background(), *q.who, r, hex.EncodeToString(hash[:]), q.service, "eu-central-1", q.at); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(body)}
}

// Code, Message and header of an error.
func (r response) failure(t testing.TB) (exception, code, message string) {
	t.Helper()
	var b struct{ Code, Message, RequestId string }
	if err := json.Unmarshal([]byte(r.body), &b); err != nil {
		t.Fatalf("not JSON: %q", r.body)
	}
	if b.RequestId == "" || b.RequestId != r.header.Get("x-amzn-RequestId") {
		t.Errorf("RequestId %q, header %q", b.RequestId, r.header.Get("x-amzn-RequestId"))
	}
	return r.header.Get("x-amzn-ErrorType"), b.Code, b.Message
}

const meeting = `{"ClientRequestToken":"tok","MediaRegion":"eu-central-1","ExternalMeetingId":"room"}`

// Operations spec section 5: who is meant, and what follows from it.
func TestHandler_Service(t *testing.T) {
	for _, c := range []struct {
		name    string
		q       request
		service api.Service
		known   bool
		status  int
	}{
		{"nothing told", request{}, api.ServiceMeetings, false, 200},
		{"JS v3", request{agent: "aws-sdk-js/3.1 ua/2.0 api/chime-sdk-meetings#3.1 os/linux"}, api.ServiceMeetings, true, 200},
		{"JS v3 of the old namespace", request{agent: "aws-sdk-js/3.1 api/chime#3.1"}, api.ServiceChime, true, 201},
		{"JS v3 in a browser", request{agent: "Mozilla/5.0", header: map[string]string{"x-amz-user-agent": "aws-sdk-js/3.1 api/chime#3.1"}}, api.ServiceChime, true, 201},
		{"Go v2", request{agent: "aws-sdk-go-v2/1.30 api/chimesdkmeetings#1.2"}, api.ServiceMeetings, true, 200},
		{"older Go v2", request{agent: "aws-sdk-go-v2/1.17 api/chime/1.2"}, api.ServiceChime, true, 201},
		{"CLI", request{agent: "aws-cli/2.9.19 command/chime.create-meeting"}, api.ServiceChime, true, 201},
		{"newer CLI", request{agent: "aws-cli/2.30 md/command#chime-sdk-meetings.create-meeting"}, api.ServiceMeetings, true, 200},
		{"host", request{host: "chime.example.com"}, api.ServiceChime, true, 201},
		{"first host of the old namespace", request{host: "service.chime.aws.amazon.com"}, api.ServiceChime, true, 201},
		{"host wins over agent", request{host: "meetings-chime.example.com", agent: "api/chime#3"}, api.ServiceMeetings, true, 200},
		{"prefix", request{path: "/chime/meetings"}, api.ServiceChime, true, 201},
		{"prefix wins over host", request{path: "/meetings-chime/meetings", host: "chime.example.com"}, api.ServiceMeetings, true, 200},
		{"console", request{path: "/console/meetings"}, api.ServiceMeetings, false, 200},
		{"a service without this operation", request{agent: "api/chime-sdk-voice#3"}, api.ServiceMeetings, false, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.q.method, c.q.body = "POST", meeting
			if c.q.path == "" {
				c.q.path = "/meetings"
			}
			res := w.do(t, c.q)
			if res.status != c.status || w.call.Service != c.service || w.call.ServiceKnown != c.known {
				t.Errorf("%d, %v (known %v), want %d, %v (%v): %s", res.status, w.call.Service, w.call.ServiceKnown, c.status, c.service, c.known, res.body)
			}
		})
	}
}

func TestHandler_Call(t *testing.T) {
	w := newWorld(t, nil)
	res := w.do(t, request{method: "POST", path: "/meetings", body: meeting, agent: "api/chime-sdk-meetings#3"})
	if want := `{"Meeting":{"MeetingId":"` + uuid1 + `","ExternalMeetingId":"room","TenantIds":[]}}`; res.body != want {
		t.Errorf("body %s, want %s", res.body, want)
	}
	if res.header.Get("Content-Type") != "application/json" || res.header.Get("Date") == "" {
		t.Errorf("header %v", res.header)
	}
	want := api.Call{Service: api.ServiceMeetings, ServiceKnown: true, Operation: "CreateMeeting", AccountID: iam.OwnerAccount, Principal: "arn:aws:iam::000000000000:root",
		Region: "eu-central-1", RequestID: res.header.Get("x-amzn-RequestId"), BaseURL: w.URL, UserAgent: "api/chime-sdk-meetings#3", RemoteAddr: w.call.RemoteAddr}
	if diff := cmp.Diff(want, w.call); diff != "" {
		t.Error(diff)
	}
	if res := w.do(t, request{method: "DELETE", path: "/meetings/" + uuid1}); res.status != 204 || res.body != "" {
		t.Errorf("delete: %d %q", res.status, res.body)
	}
}

func TestHandler_Authorize(t *testing.T) {
	w := newWorld(t, nil)
	channel := "arn:aws:chime:us-east-1:000000000000:app-instance/1/channel/2"
	w.do(t, request{method: "POST", path: "/meetings", body: meeting})
	w.do(t, request{method: "GET", path: "/meetings/" + uuid1})
	w.do(t, request{method: "GET", path: "/channels/" + escape(channel), header: map[string]string{"x-amz-chime-bearer": "arn:aws:chime:us-east-1:000000000000:app-instance/1/user/u"}})
	w.do(t, request{method: "GET", path: "/tags?arn=" + escape("arn:aws:chime::000000000000:meeting:1")})
	want := []string{
		"chime:CreateMeeting ",
		"chime:GetMeeting arn:aws:chime:eu-central-1:000000000000:meeting/" + uuid1,
		"chime:DescribeChannel " + channel + " arn:aws:chime:us-east-1:000000000000:app-instance/1/user/u",
		"chime:ListTagsForResource arn:aws:chime::000000000000:meeting:1",
	}
	if diff := cmp.Diff(want, w.actions); diff != "" {
		t.Error(diff)
	}
	res := w.do(t, request{method: "DELETE", path: "/meetings/" + uuid1 + "/attendees/" + uuid2})
	if exception, code, message := res.failure(t); res.status != 403 || exception != "ForbiddenException" || code != "Forbidden" || message != "AWS authorization failed" {
		t.Errorf("denied: %d %s %s %s", res.status, exception, code, message)
	}
}

func escape(s string) string {
	return strings.NewReplacer(":", "%3A", "/", "%2F", "+", "%2B").Replace(s)
}

// Operations spec section 2: ARNs, + and other characters in labels.
func TestHandler_Labels(t *testing.T) {
	w := newWorld(t, nil)
	arn := "arn:aws:chime:us-east-1:000000000000:app-instance/1/channel/2"
	res := w.do(t, request{method: "GET", path: "/channels/" + escape(arn)})
	if want := `{"Channel":{"ChannelArn":"` + arn + `"}}`; res.body != want {
		t.Errorf("ARN: %d %s", res.status, res.body)
	}
	for _, path := range []string{"/phone-numbers/%2B12065550100", "/phone-numbers/+12065550100"} {
		if res := w.do(t, request{method: "GET", path: path}); res.body != `{"PhoneNumber":{"PhoneNumberId":"+12065550100"}}` {
			t.Errorf("%s: %d %s", path, res.status, res.body)
		}
	}
}

// Operations spec section 4, meetings spec section 13.
func TestHandler_Errors(t *testing.T) {
	agent := func(s string) string { return "api/" + s + "#3" }
	id := func(c string) string { return strings.Repeat(c, 8) + uuid1[8:] }
	for _, c := range []struct {
		name                     string
		q                        request
		status                   int
		exception, code, message string
	}{
		{"not found", request{method: "GET", path: "/meetings/" + uuid2}, 404, "NotFoundException", "NotFound", "Meeting <" + uuid2 + "> not found"},
		{"no such path", request{method: "GET", path: "/nothing", unsigned: true}, 404, "UnknownOperationException", "UnknownOperationException", ""},
		{"root without signature", request{method: "POST", path: "/", unsigned: true}, 403, "MissingAuthenticationTokenException", "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"root", request{method: "GET", path: "/"}, 404, "UnknownOperationException", "UnknownOperationException", ""},
		{"no such method", request{method: "PATCH", path: "/meetings"}, 405, "MethodNotAllowedException", "MethodNotAllowed", ""},
		{"unknown constant", request{method: "POST", path: "/meetings?operation=nothing", body: meeting}, 404, "UnknownOperationException", "UnknownOperationException", ""},
		{"not built", request{method: "GET", path: "/accounts/1/rooms"}, 501, "NotImplementedException", "NotImplemented", "The operation ListRooms of chime is not built yet."},
		{"validation", request{method: "POST", path: "/meetings", agent: agent("chime-sdk-meetings"), body: `{"ClientRequestToken":"tok","MediaRegion":"x1"}`}, 400, "ValidationException", "ValidationException",
			"1 validation error detected: Value null at 'externalMeetingId' failed to satisfy constraint: Member must not be null"},
		{"serialization", request{method: "POST", path: "/meetings", body: `{"Tags":3}`}, 400, "SerializationException", "SerializationException", "tags must be a list, but is a number"},
		{"panic", request{method: "GET", path: "/meetings/" + id("f")}, 500, "ServiceFailureException", "ServiceFailure", ""},
		{"unknown error", request{method: "GET", path: "/meetings/" + id("e")}, 500, "ServiceFailureException", "ServiceFailure", ""},
		{"unavailable", request{method: "GET", path: "/meetings/" + id("d")}, 503, "ServiceUnavailableException", "ServiceUnavailable", "later"},
		{"tags of meetings", request{method: "GET", path: "/tags?arn=arn%3Aaws%3Achime%3A%3A0%3Ameeting%2F1", agent: agent("chime-sdk-meetings")}, 404, "ResourceNotFoundException", "ResourceNotFound", "none"},
		{"tags of identity", request{method: "GET", path: "/tags?arn=arn%3Aaws%3Achime%3A%3A0%3Ameeting%2F1", agent: agent("chime-sdk-identity")}, 404, "NotFoundException", "NotFound", "none"},
		{"unsigned", request{method: "POST", path: "/meetings", unsigned: true}, 403, "MissingAuthenticationTokenException", "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"unknown key", request{method: "POST", path: "/meetings", who: &aws.Credentials{AccessKeyID: "AKIDX", SecretAccessKey: "x"}}, 403, "UnrecognizedClientException", "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"session token of nobody", request{method: "POST", path: "/meetings", who: &aws.Credentials{AccessKeyID: owner.AccessKeyID, SecretAccessKey: owner.SecretAccessKey, SessionToken: "t"}}, 403, "UnrecognizedClientException", "UnrecognizedClientException", ""},
		{"wrong secret", request{method: "POST", path: "/meetings", who: &aws.Credentials{AccessKeyID: owner.AccessKeyID, SecretAccessKey: "x"}}, 403, "InvalidSignatureException", "InvalidSignatureException",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
		{"expired", request{method: "POST", path: "/meetings", at: time.Now().Add(-10 * time.Minute)}, 403, "InvalidSignatureException", "InvalidSignatureException", ""},
		{"other service", request{method: "POST", path: "/meetings", service: "s3"}, 403, "InvalidSignatureException", "InvalidSignatureException", "Credential should be scoped to correct service: 'chime'."},
		{"malformed header", request{method: "POST", path: "/meetings", unsigned: true, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 x"}}, 403, "IncompleteSignatureException", "IncompleteSignatureException", "Authorization header requires 'Credential' parameter."},
		{"too large", request{method: "POST", path: "/meetings", body: strings.Repeat(" ", 1<<20+1)}, 413, "RequestEntityTooLargeException", "RequestEntityTooLarge", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := newWorld(t, nil).do(t, c.q)
			exception, code, message := res.failure(t)
			if res.status != c.status || exception != c.exception || code != c.code || (c.message != "" && message != c.message) {
				t.Errorf("%d %s %s %q, want %d %s %s %q", res.status, exception, code, message, c.status, c.exception, c.code, c.message)
			}
			if strings.Contains(res.body, "secret cause") || strings.Contains(res.body, "disco") {
				t.Errorf("the body tells the cause: %s", res.body)
			}
			switch res.status {
			case 405:
				if a := res.header.Get("Allow"); a != "GET, POST, OPTIONS" {
					t.Errorf("Allow: %q", a)
				}
			case 503:
				if a := res.header.Get("Retry-After"); a != "2" {
					t.Errorf("Retry-After: %q", a)
				}
			}
		})
	}
}

func TestHandler_ChunkedBodyHasALimit(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxBody = 1000 })
	r, _ := http.NewRequest("POST", w.URL+"/meetings", io.MultiReader(strings.NewReader(strings.Repeat(" ", 1001)))) // unknown length
	hash := sha256.Sum256(nil)
	if err := v4.NewSigner().SignHTTP(context.Background(), owner, r, hex.EncodeToString(hash[:]), "chime", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("%d", res.StatusCode)
	}
}

// Meetings spec section 12 and 16: 10 a second, 20 at once.
func TestHandler_Rate(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Rate = &Rate{PerSecond: 0.001, Burst: 20} })
	for range 20 {
		if res := w.do(t, request{method: "GET", path: "/meetings/" + uuid1}); res.status != 200 {
			t.Fatalf("%d %s", res.status, res.body)
		}
	}
	res := w.do(t, request{method: "GET", path: "/meetings/" + uuid1})
	if again := res.header.Get("Retry-After"); again == "" || again == "0" {
		t.Errorf("Retry-After: %q", again)
	}
	if exception, code, message := res.failure(t); res.status != 429 || exception != "ThrottlingException" || code != "Throttling" || message != "Rate exceeded" {
		t.Errorf("%d %s %s %s", res.status, exception, code, message)
	}
	res = w.do(t, request{method: "GET", path: "/meetings/" + uuid1, agent: "api/chime#3"})
	if exception, code, _ := res.failure(t); res.status != 429 || exception != "ThrottledClientException" || code != "Throttled" {
		t.Errorf("%d %s %s", res.status, exception, code)
	}
	if res := w.do(t, request{method: "DELETE", path: "/meetings/" + uuid1}); res.status != 204 {
		t.Errorf("another operation: %d", res.status)
	}
}

// Meetings spec section 16, check 10: of 21 calls in one second at least one is
// refused, whether they come at once or one after the other.
func TestGate(t *testing.T) {
	l := limiter{rate: &Rate{PerSecond: 10, Burst: 20}}
	for _, apart := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 45 * time.Millisecond} {
		g := l.gate(gateKey{apart.String(), nil})
		now := time.Unix(1_700_000_000, 0)
		for i := range 20 {
			if wait := g.pass(now.Add(time.Duration(i) * apart)); wait != 0 {
				t.Errorf("%v apart: call %d has to wait %v", apart, i+1, wait)
			}
		}
		if wait := g.pass(now.Add(20 * apart)); wait <= 0 || wait > time.Second {
			t.Errorf("%v apart: call 21 has to wait %v", apart, wait)
		}
	}
	g := l.gate(gateKey{"long run", nil})
	now, passed := time.Unix(1_700_000_000, 0), 0
	for range 10_000 { // 100 a second for 100 seconds
		if now = now.Add(10 * time.Millisecond); g.pass(now) == 0 {
			passed++
		}
	}
	if passed < 1000 || passed > 1020 {
		t.Errorf("%d calls passed in 100 seconds, want 10 a second and a burst", passed)
	}
}

// Operations spec section 3.
func TestHandler_CORS(t *testing.T) {
	w := newWorld(t, nil)
	res := w.do(t, request{method: "OPTIONS", path: "/channels", unsigned: true, header: map[string]string{"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
		"Access-Control-Request-Headers": "authorization,content-type,x-amz-chime-bearer,amz-sdk-invocation-id,x-evil"}})
	allowed := res.header.Get("Access-Control-Allow-Headers")
	if res.status != 204 || res.header.Get("Access-Control-Allow-Origin") != "*" || strings.Contains(allowed, "evil") {
		t.Errorf("%d %v", res.status, res.header)
	}
	for _, name := range []string{"authorization", "content-type", "x-amz-chime-bearer", "amz-sdk-invocation-id"} {
		if !strings.Contains(allowed, name) {
			t.Errorf("%s is not allowed: %s", name, allowed)
		}
	}
	for _, q := range []request{{method: "GET", path: "/meetings/" + uuid1}, {method: "GET", path: "/nothing"}} {
		q.header = map[string]string{"Origin": "https://app.example"}
		res := w.do(t, q)
		if res.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(res.header.Get("Access-Control-Expose-Headers"), "x-amzn-ErrorType") {
			t.Errorf("%s: %v", q.path, res.header)
		}
	}
}

func TestHandler_GetCallerIdentity(t *testing.T) {
	type answer struct {
		XMLName xml.Name
		ARN     string `xml:"GetCallerIdentityResult>Arn"`
		User    string `xml:"GetCallerIdentityResult>UserId"`
		Account string `xml:"GetCallerIdentityResult>Account"`
		Request string `xml:"ResponseMetadata>RequestId"`
		Code    string `xml:"Error>Code"`
	}
	w := newWorld(t, nil)
	form := "Action=GetCallerIdentity&Version=2011-06-15"
	formType := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		name   string
		q      request
		status int
		want   answer
	}{
		{"POST", request{method: "POST", path: "/", body: form, header: formType}, 200, answer{ARN: "arn:aws:iam::000000000000:root", User: "000000000000", Account: "000000000000"}},
		{"GET", request{method: "GET", path: "/?" + form}, 200, answer{ARN: "arn:aws:iam::000000000000:root", User: "000000000000", Account: "000000000000"}},
		{"other action", request{method: "POST", path: "/", body: "Action=Nothing", header: formType}, 400, answer{Code: "InvalidAction"}},
		{"unknown key", request{method: "POST", path: "/", body: form, who: &aws.Credentials{AccessKeyID: "X", SecretAccessKey: "x"}}, 403, answer{Code: "InvalidClientTokenId"}},
		{"wrong secret", request{method: "POST", path: "/", body: form, who: &aws.Credentials{AccessKeyID: owner.AccessKeyID, SecretAccessKey: "x"}}, 403, answer{Code: "SignatureDoesNotMatch"}},
	} {
		c.q.service = "sts"
		res := w.do(t, c.q)
		var got answer
		if err := xml.Unmarshal([]byte(res.body), &got); err != nil {
			t.Fatalf("%s: %v in %s", c.name, err, res.body)
		}
		if got.XMLName.Space != STSNamespace || (res.status == 200 && got.Request != res.header.Get("x-amzn-RequestId")) {
			t.Errorf("%s: %s", c.name, res.body)
		}
		got.XMLName, got.Request = xml.Name{}, ""
		if res.status != c.status || got != c.want {
			t.Errorf("%s: %d %+v", c.name, res.status, got)
		}
	}
}

func TestHandler_Serves(t *testing.T) {
	w := newWorld(t, nil)
	for target, want := range map[string]bool{"GET /meetings/1": true, "GET /": false, "GET /healthz": false, "GET /console/meetings/1": true, "GET /assets/index.js": false, "POST /meetings": true} {
		method, path, _ := strings.Cut(target, " ")
		if got := w.h.Serves(httptest.NewRequest(method, path, nil)); got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=…")
	if !w.h.Serves(r) {
		t.Error("a signed POST / is not served")
	}
}

func TestHandler_LogAndStats(t *testing.T) {
	w := newWorld(t, nil)
	w.do(t, request{method: "POST", path: "/meetings", body: meeting})
	w.do(t, request{method: "GET", path: "/meetings/" + strings.Repeat("e", 8) + uuid1[8:]})
	w.do(t, request{method: "GET", path: "/nothing"})
	w.do(t, request{method: "GET", path: "/meetings/1", unsigned: true})
	w.Close()
	log := w.log.String()
	for _, want := range []string{"operation=CreateMeeting status=200", "secret cause", "path=/nothing status=404", "service=chime-sdk-meetings"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
	for _, secret := range []string{owner.SecretAccessKey, owner.AccessKeyID, "Signature="} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
	s := w.h.Stats()
	if s.InFlight != 0 || s.Unrouted != 1 || s.Refused != 1 || len(s.Operations) != 2 || s.Operations[0].OK != 1 || s.Operations[1].ServerErr != 1 || s.Operations[1].ClientErr != 1 {
		t.Errorf("%+v", s)
	}
}

// Every route of every service leads to its operation.
func TestRoutes_All(t *testing.T) {
	w := newWorld(t, nil)
	for _, op := range api.Operations() {
		for _, e := range op.Endpoints {
			path := strings.NewReplacer("{", "%7B", "}", "%7D").Replace(e.Path)
			query := map[string][]string{"max-results": {"5"}}
			if e.QueryKey != "" {
				query[e.QueryKey] = []string{e.QueryValue}
			}
			rt, labels, err := w.h.routes.route(e.Method, path, query)
			if err != nil {
				t.Errorf("%s %s: %v", e.Service, e.Name, err)
				continue
			}
			got := rt.choose(e.Service, true)
			if got.operation.Operation != op || got.endpoint.Service != e.Service {
				t.Errorf("%s %s leads to %s", e.Service, e.Name, got.operation.Name)
			}
			for i, l := range labels {
				if l != "{"+got.names[i]+"}" {
					t.Errorf("%s %s: label %s has the value %s", e.Service, e.Name, got.names[i], l)
				}
			}
		}
	}
}

func TestRequestURL(t *testing.T) {
	for host, want := range map[string]string{"127.0.0.1:8080": "http://127.0.0.1:8080", "[::1]:80": "http://[::1]:80", "a.b": "http://a.b", "x/y?": "http://localhost", "": "http://localhost"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if got := requestURL(r); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
	}
}

// FuzzRoute: no path or query may panic the router, and a route gets as many
// labels as it has.
func FuzzRoute(f *testing.F) {
	f.Add("GET", "/meetings/1/attendees", "operation=x")
	f.Add("PUT", "/a/b/c/d/e/f/g/h/i/j/k", "")
	f.Add("GET", "/console//chime/meetings/%zz", "a=%")
	root, _ := newRoutes(api.NewRegistry())
	f.Fuzz(func(t *testing.T, method, path, query string) {
		path, prefix := stripPrefix(path)
		serviceOf(&http.Request{Header: http.Header{"User-Agent": {query}}, Host: query}, prefix)
		rt, labels, err := root.route(method, path, map[string][]string{"operation": {query}})
		if err == nil && len(labels) != len(rt.targets[0].names) {
			t.Errorf("%s: %d labels for %v", path, len(labels), rt.targets[0].names)
		}
	})
}

func BenchmarkCreateMeeting(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	r, _ := http.NewRequest("POST", "http://127.0.0.1:8080/meetings", nil)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "api/chime-sdk-meetings#3")
	hash := sha256.Sum256([]byte(meeting))
	r.ContentLength = int64(len(meeting))
	if err := v4.NewSigner().SignHTTP(context.Background(), owner, r, hex.EncodeToString(hash[:]), "chime", "us-east-1", time.Now()); err != nil {
		b.Fatal(err)
	}
	r.RequestURI = "/meetings"
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(meeting))
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		if rec.Code != 200 {
			b.Fatal(rec.Code, rec.Body)
		}
	}
}
