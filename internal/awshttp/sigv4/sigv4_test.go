package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var (
	now         = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	credentials = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret}
)

// wire sends a signed client request through HTTP's own parser, so that the
// verifier sees what a server sees.
func wire(t testing.TB, r *http.Request, body []byte) *http.Request {
	t.Helper()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// signed makes a request signed by the AWS SDK.
func signed(t testing.TB, method, url string, body []byte, header map[string]string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(hash[:]), "chime", "eu-central-1", now); err != nil {
		t.Fatal(err)
	}
	return wire(t, r, body)
}

func verify(r *http.Request, body []byte, at time.Time) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	return new(Verifier).Verify(r, s, body, secret, at)
}

var requests = []struct {
	name, method, url, body string
	header                  map[string]string
}{
	{"plain", "POST", "http://127.0.0.1:8080/meetings", `{"ClientRequestToken":"t"}`, map[string]string{"Content-Type": "application/json"}},
	{"empty body", "GET", "http://127.0.0.1:8080/meetings/1", "", nil},
	{"root", "GET", "http://localhost/", "", nil},
	{"ARN in a label", "GET", "http://localhost/channels/arn%3Aaws%3Achime%3Aus-east-1%3A000000000000%3Aapp-instance%2F1%2Fchannel%2F2", "", map[string]string{"X-Amz-Chime-Bearer": "arn:aws:chime:us-east-1:0:app-instance/1/user/ü"}},
	{"plus in a label", "GET", "http://localhost/phone-numbers/%2B12065550100", "", nil},
	{"bare plus in a label", "GET", "http://localhost/phone-numbers/+12065550100", "", nil},
	{"unicode", "GET", "http://localhost/meetings/%C3%A9%E2%82%AC~'()*!", "", nil},
	{"constant query", "POST", "http://localhost/meetings?operation=create-attendees", `{}`, nil},
	{"query order and escapes", "GET", "http://localhost/tags?z=1&arn=arn%3Aaws%3Achime%3A%3A0%3Ameeting%2F1&a=x%20y%2Bz&a=b", "", nil},
	{"parameter without value", "GET", "http://localhost/tags?arn", "", nil},
	{"path prefix", "GET", "http://localhost/meetings-chime/meetings/1", "", nil},
	{"white space in a header", "GET", "http://localhost/meetings/1", "", map[string]string{"X-Amz-Meta": "  a   b  "}},
	{"session token", "GET", "http://localhost/meetings/1", "", map[string]string{"X-Amz-Security-Token": "abc/+="}},
}

func TestVerify_HeaderOfSDK(t *testing.T) {
	for _, c := range requests {
		t.Run(c.name, func(t *testing.T) {
			r := signed(t, c.method, c.url, []byte(c.body), c.header)
			if err := verify(r, []byte(c.body), now); err != nil {
				t.Errorf("right signature: %v", err)
			}
			if err := verify(r, []byte(c.body+" "), now); kind(err) != Invalid {
				t.Errorf("changed body: %v", err)
			}
		})
	}
}

func TestVerify_PresignedBySDK(t *testing.T) {
	for _, c := range requests {
		t.Run(c.name, func(t *testing.T) {
			r, _ := http.NewRequest(c.method, c.url, nil)
			q := r.URL.Query()
			q.Set("X-Amz-Expires", "600")
			r.URL.RawQuery = q.Encode()
			hash := sha256.Sum256(nil)
			uri, header, err := v4.NewSigner().PresignHTTP(context.Background(), credentials, r, hex.EncodeToString(hash[:]), "chime", "eu-central-1", now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := http.NewRequest(c.method, uri, nil)
			if err != nil {
				t.Fatal(err)
			}
			got.Header = header
			got = wire(t, got, nil)
			for at, want := range map[time.Duration]bool{0: true, 9 * time.Minute: true, 11 * time.Minute: false, -6 * time.Minute: false} {
				if err := verify(got, nil, now.Add(at)); (err == nil) != want {
					t.Errorf("%v after signing: %v", at, err)
				}
			}
		})
	}
}

func kind(err error) Kind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return 99
}

// Operations spec section 4 and meetings spec section 13: each failure has
// AWS's name and words.
func TestVerify_Errors(t *testing.T) {
	body := []byte(`{}`)
	for _, c := range []struct {
		name string
		edit func(*http.Request)
		at   time.Duration
		kind Kind
		text string
	}{
		{"right", func(*http.Request) {}, 0, 99, ""},
		{"right, 4 minutes late", func(*http.Request) {}, 4 * time.Minute, 99, ""},
		{"expired", func(*http.Request) {}, 6 * time.Minute, Invalid, "Signature expired: 20240102T030405Z is now earlier than 20240102T030505Z (20240102T031005Z - 5 min.)"},
		{"of the future", func(*http.Request) {}, -6 * time.Minute, Invalid, "Signature not yet current"},
		{"unsigned", func(r *http.Request) { r.Header.Del("Authorization") }, 0, Missing, "Missing Authentication Token"},
		{"other method", func(r *http.Request) { r.Method = "PUT" }, 0, Invalid, "does not match"},
		{"other host", func(r *http.Request) { r.Host = "evil" }, 0, Invalid, "does not match"},
		{"other path", func(r *http.Request) { r.RequestURI = "/meetings/2" }, 0, Invalid, "does not match"},
		{"other query", func(r *http.Request) { r.URL.RawQuery = "operation=x" }, 0, Invalid, "does not match"},
		{"added bearer", func(r *http.Request) { r.Header.Set("X-Amz-Chime-Bearer", "x") }, 0, Invalid, "must be a 'SignedHeader'"},
		{"other algorithm", edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), 0, Incomplete, "algorithm"},
		{"basic", func(r *http.Request) { r.SetBasicAuth("a", "b") }, 0, Incomplete, "algorithm"},
		{"no credential", edit("Credential=", "C="), 0, Incomplete, "requires 'Credential' parameter"},
		{"no signature", edit("Signature=", "S="), 0, Incomplete, "requires 'Signature' parameter"},
		{"short signature", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-2])
		}, 0, Invalid, "does not match"},
		{"signature not hex", edit("Signature=", "Signature=zz"), 0, Invalid, "does not match"},
		{"scope too short", edit("/eu-central-1", ""), 0, Incomplete, "exactly 5 slash-delimited elements"},
		{"other terminator", edit("aws4_request", "aws5_request"), 0, Invalid, "valid terminator"},
		{"other region", edit("eu-central-1", "eu-central-2"), 0, Invalid, "does not match"},
		{"no region", edit("eu-central-1", ""), 0, Invalid, "valid region"},
		{"other scope date", edit("/20240102/", "/20240103/"), 0, Invalid, "Date in Credential scope"},
		{"host not signed", edit("host;", ""), 0, Incomplete, "'Host'"},
		{"two authorizations", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, 0, Incomplete, "more than one Authorization"},
		{"two signatures", edit("Signature=", "Signature=00, Signature="), 0, Incomplete, "'Signature' twice"},
		{"two dates", func(r *http.Request) { r.Header.Add("X-Amz-Date", "20240102T030405Z") }, 0, Incomplete, "more than one header 'X-Amz-Date'"},
		{"header named twice", edit("host;", "host;Host;"), 0, Incomplete, "names 'Host' twice"},
		{"too many headers named", edit("host;", "host;"+manyNames()), 0, Incomplete, "more than 100"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 0, Incomplete, "X-Amz-Date"},
		{"bad date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }, 0, Incomplete, "ISO-8601"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := signed(t, "POST", "http://localhost/meetings/1", body, nil)
			c.edit(r)
			err := verify(r, body, now.Add(c.at))
			if kind(err) != c.kind || (err != nil && !strings.Contains(err.Error(), c.text)) {
				t.Errorf("got %v, want kind %d with %q", err, c.kind, c.text)
			}
		})
	}
}

func manyNames() string {
	var b strings.Builder
	for i := range 100 {
		b.WriteString("h" + strings.Repeat("x", i) + ";")
	}
	return b.String()
}

func edit(from, to string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
	}
}

// A header with a comma must not be split in two on the way: the signature is
// the same, but what is read of it is not.
func TestVerify_SplitHeader(t *testing.T) {
	r := signed(t, "GET", "http://localhost/meetings/1", nil, map[string]string{"X-Amz-Chime-Bearer": "a,b"})
	if err := verify(r, nil, now); err != nil {
		t.Fatal(err)
	}
	r.Header["X-Amz-Chime-Bearer"] = []string{"a", "b"}
	if err := verify(r, nil, now); kind(err) != Incomplete {
		t.Errorf("split header: %v", err)
	}
}

// The number of seconds must not overflow into one that is allowed.
func TestParse_Expires(t *testing.T) {
	for text, want := range map[string]Kind{"0": 99, "604800": 99, "604801": Incomplete, "-1": Incomplete, "18446744074": Incomplete, "9999999999999999999": Incomplete, "x": Incomplete} {
		r := httptest.NewRequest("GET", "/meetings/1?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20240102%2Fr%2Fchime%2Faws4_request"+
			"&X-Amz-Date=20240102T030405Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires="+text, nil)
		if _, err := Parse(r); kind(err) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestVerify_WrongSecret(t *testing.T) {
	r := signed(t, "GET", "http://localhost/meetings/1", nil, nil)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	v := new(Verifier)
	for _, try := range []struct {
		secret string
		ok     bool
	}{{"wrong", false}, {secret, true}, {"wrong", false}} {
		if err := v.Verify(r, s, nil, try.secret, now); (err == nil) != try.ok {
			t.Errorf("secret %q: %v", try.secret, err)
		}
	}
}

func TestVerifier_KeysAreBounded(t *testing.T) {
	v := new(Verifier)
	for i := range 3 * maxKeys {
		v.signingKey(scope{secret, "20240102", strings.Repeat("x", i), "chime"})
	}
	if len(v.keys) > maxKeys {
		t.Errorf("%d derived keys are kept", len(v.keys))
	}
}

// botocore and the JS SDK sign the path without empty and dot segments, but
// send it as it is.
func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "//a": "/a", "/a//b/": "/a/b/", "/a/./b/../c": "/a/c", "/..": "/", "/console//meetings": "/console/meetings",
	} {
		if got := normalize(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// The example of AWS's documentation of canonical headers and URIs.
func TestCanonicalRequest(t *testing.T) {
	r := httptest.NewRequest("GET", "http://localhost/documents%20and%20settings/?b=2&a=%7E1+x", nil)
	r.Header.Set("X-Amz-Date", "20240102T030405Z")
	r.Header["My-Header1"] = []string{"a   b   c", "d"}
	s := &Signature{signedHeaders: "host;my-header1;x-amz-date"}
	got := string(s.appendCanonicalRequest(nil, r, RawPath(r), sha256.Sum256(nil)))
	want := "GET\n/documents%2520and%2520settings/\na=~1%20x&b=2\nhost:localhost\nmy-header1:a b c,d\nx-amz-date:20240102T030405Z\n\n" +
		"host;my-header1;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// FuzzParse feeds foreign bytes to the parser and the canonicaliser: nothing
// may be accepted, and nothing may panic.
func FuzzParse(f *testing.F) {
	f.Add("/meetings?operation=x", "AWS4-HMAC-SHA256 Credential=A/20240102/us-east-1/chime/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64), "20240102T030405Z")
	f.Add("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20240102%2Fr%2Fchime%2Faws4_request&X-Amz-Date=20240102T030405Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00", "", "")
	f.Add("/%2F//../%", "AWS4-HMAC-SHA256 ,,=,", "x")
	f.Fuzz(func(t *testing.T, target, auth, date string) {
		raw := "GET " + target + " HTTP/1.1\r\nHost: h\r\nAuthorization: " + auth + "\r\nX-Amz-Date: " + date + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		s, err := Parse(r)
		if err != nil {
			if kind(err) == 99 {
				t.Errorf("not an *Error: %v", err)
			}
			return
		}
		if err := new(Verifier).Verify(r, s, nil, secret, now); err == nil {
			t.Errorf("accepted: %q", raw)
		}
	})
}

// FuzzCanonicalRequest signs foreign paths and queries with the SDK and
// expects them to verify.
func FuzzCanonicalRequest(f *testing.F) {
	f.Add("/channels/arn:aws:chime/x", "a", "b c+d", "v")
	f.Add("/é/+", "operation", "create-attendees", " x  y ")
	f.Fuzz(func(t *testing.T, path, key, value, header string) {
		r, err := http.NewRequest("GET", "http://localhost/", nil)
		if err != nil {
			return
		}
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		r.URL.Path = path
		q := r.URL.Query()
		q.Set(key, value)
		r.URL.RawQuery = q.Encode()
		for i := range len(header) {
			if header[i] < 0x20 || header[i] == 0x7f {
				return // not a header value
			}
		}
		if strings.HasPrefix(key, "X-Amz-") || strings.HasPrefix(path, "//") {
			return
		}
		r.Header.Set("X-Amz-Meta", header)
		hash := sha256.Sum256(nil)
		if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(hash[:]), "chime", "us-east-1", now); err != nil {
			return
		}
		if err := verify(wire(t, r, nil), nil, now); err != nil {
			t.Errorf("%s?%s: %v", r.URL.EscapedPath(), r.URL.RawQuery, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"ClientRequestToken":"12345678-1234-1234-1234-123456789012","MediaRegion":"us-east-1","ExternalMeetingId":"room"}`)
	r := signed(b, "POST", "http://127.0.0.1:8080/meetings", body, map[string]string{"Content-Type": "application/json"})
	v := new(Verifier)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, s, body, secret, now); err != nil {
			b.Fatal(err)
		}
	}
}
