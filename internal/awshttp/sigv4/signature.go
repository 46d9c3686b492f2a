package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeLayout = "20060102T150405Z"
	dateLayout = "20060102"

	// maxSkew is how far a client's clock may be off. Services other than S3
	// take 5 minutes.
	maxSkew = 5 * time.Minute
	// maxExpires is the longest life of a presigned URL in seconds, one week.
	maxExpires = 7 * 24 * 60 * 60
	// maxSignedHeaders bounds the canonical request, which repeats the value
	// of each header that is named.
	maxSignedHeaders = 100
)

// Kind says what is wrong with a signature.
type Kind uint8

// The kinds of errors, named for AWS's exceptions.
const (
	Missing    Kind = iota // MissingAuthenticationTokenException: not signed at all
	Incomplete             // IncompleteSignatureException: cannot be read
	Invalid                // InvalidSignatureException: wrong, expired or for somebody else
)

// Error tells what is wrong with a signature, in AWS's words. It never
// contains a signature or a secret.
type Error struct {
	Kind    Kind
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

func incomplete(format string, args ...any) *Error {
	return &Error{Incomplete, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *Error {
	return &Error{Invalid, fmt.Sprintf(format, args...)}
}

// Signature is what a request says about its signature. Nothing of it is
// proven before Verify.
type Signature struct {
	AccessKeyID     string
	Date            string // YYYYMMDD of the scope
	Region, Service string // of the scope
	SessionToken    string // empty if there is none
	Presigned       bool   // from the query

	time          time.Time
	amzTime       string // as the client wrote it, or would have
	expires       time.Duration
	signedHeaders string // lower case, joined with ;
	signature     string // lower-case hex
}

// Signed tells whether a request carries a signature, be it good or bad.
func Signed(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") || strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") ||
		strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=")
}

// Parse reads the signature of a request from its header or its query. The
// error is an *Error.
func Parse(r *http.Request) (*Signature, error) {
	switch auth := r.Header["Authorization"]; {
	case len(auth) > 1:
		return nil, incomplete("There is more than one Authorization header.")
	case len(auth) == 1 && auth[0] != "":
		return parseHeader(r, auth[0])
	}
	if strings.Contains(r.URL.RawQuery, "X-Amz-") {
		if q := r.URL.Query(); q.Has("X-Amz-Signature") || q.Has("X-Amz-Algorithm") {
			return parseQuery(q)
		}
	}
	return nil, &Error{Missing, "Missing Authentication Token"}
}

// parseHeader reads
//
//	AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/chime/aws4_request, SignedHeaders=host;x-amz-date, Signature=<64 hex>
func parseHeader(r *http.Request, auth string) (*Signature, error) {
	name, rest, _ := strings.Cut(auth, " ")
	if name != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", clip(name))
	}
	var s Signature
	var credential string
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		var field *string
		switch key {
		case "Credential":
			field = &credential
		case "SignedHeaders":
			field = &s.signedHeaders
		case "Signature":
			field = &s.signature
		default:
			continue
		}
		if *field != "" {
			return nil, incomplete("Authorization header has the parameter '%s' twice.", key)
		}
		*field = value
	}
	for _, need := range []struct{ name, value string }{{"Credential", credential}, {"Signature", s.signature}, {"SignedHeaders", s.signedHeaders}} {
		if need.value == "" {
			return nil, incomplete("Authorization header requires '%s' parameter.", need.name)
		}
	}
	s.SessionToken = r.Header.Get("X-Amz-Security-Token")
	if err := s.setTime(r.Header.Get("X-Amz-Date"), r.Header.Get("Date")); err != nil {
		return nil, err
	}
	return &s, s.setCredential(credential)
}

func parseQuery(q url.Values) (*Signature, error) {
	if a := q.Get("X-Amz-Algorithm"); a != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", clip(a))
	}
	s := Signature{Presigned: true, signedHeaders: q.Get("X-Amz-SignedHeaders"), signature: q.Get("X-Amz-Signature"),
		SessionToken: q.Get("X-Amz-Security-Token")}
	for _, name := range []string{"X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if q.Get(name) == "" {
			return nil, incomplete("AWS query-string parameters must include '%s'.", name)
		}
	}
	if err := s.setTime(q.Get("X-Amz-Date"), ""); err != nil {
		return nil, err
	}
	s.expires = maxSkew
	if text := q.Get("X-Amz-Expires"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > maxExpires {
			return nil, incomplete("X-Amz-Expires must be a number between 0 and 604800 seconds, not '%s'.", clip(text))
		}
		s.expires = time.Duration(seconds) * time.Second
	}
	return &s, s.setCredential(q.Get("X-Amz-Credential"))
}

// setTime takes the time of X-Amz-Date, or else of Date.
func (s *Signature) setTime(amz, date string) error {
	switch {
	case amz != "":
		t, err := time.Parse(timeLayout, amz)
		if err != nil {
			return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(amz))
		}
		s.time, s.amzTime = t, amz
	case date != "":
		t, err := http.ParseTime(date)
		if err != nil {
			return incomplete("Date could not be read: '%s'.", clip(date))
		}
		s.time, s.amzTime = t.UTC(), t.UTC().Format(timeLayout)
	default:
		return incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return nil
}

func (s *Signature) setCredential(credential string) error {
	if err := s.checkSignedHeaders(); err != nil {
		return err
	}
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", clip(credential))
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = parts[0], parts[1], parts[2], parts[3]
	switch {
	case s.AccessKeyID == "":
		return incomplete("Credential must name an access key.")
	case parts[4] != terminator:
		return invalid("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, clip(parts[4]))
	case s.Region == "":
		return invalid("Credential should be scoped to a valid region, not ''.")
	case s.Date != s.time.Format(dateLayout):
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			clip(s.Date), s.time.Format(dateLayout), s.amzTime)
	}
	return nil
}

// checkSignedHeaders refuses lists that name a header twice or are absurdly
// long: each name puts the header's whole value into the canonical request, so
// a small request could cost a lot of memory.
func (s *Signature) checkSignedHeaders() error {
	var seen [maxSignedHeaders]string
	n := 0
	for name := range strings.SplitSeq(s.signedHeaders, ";") {
		if n == len(seen) {
			return incomplete("SignedHeaders names more than %d headers.", maxSignedHeaders)
		}
		for _, other := range seen[:n] {
			if strings.EqualFold(name, other) {
				return incomplete("SignedHeaders names '%s' twice.", clip(name))
			}
		}
		seen[n] = name
		n++
	}
	return nil
}

// checkTime refuses signatures that are not of now: header signatures more
// than five minutes off, presigned ones when they have expired.
func (s *Signature) checkTime(now time.Time) error {
	now = now.UTC()
	life, note := maxSkew, "5 min."
	if s.Presigned {
		life, note = s.expires, "the time of X-Amz-Expires"
	}
	if s.time.Before(now.Add(-life)) {
		return invalid("Signature expired: %s is now earlier than %s (%s - %s)", s.amzTime, now.Add(-life).Format(timeLayout), now.Format(timeLayout), note)
	}
	if s.time.After(now.Add(maxSkew)) {
		return invalid("Signature not yet current: %s is still later than %s (%s + 5 min.)", s.amzTime, now.Add(maxSkew).Format(timeLayout), now.Format(timeLayout))
	}
	return nil
}

// clip keeps foreign text in messages short.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
