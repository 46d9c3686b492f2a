package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// appendCanonicalRequest appends
//
//	method \n
//	path, escaped once more \n
//	query, sorted \n
//	name:value \n for each signed header \n
//	signed header names \n
//	hex(sha256(body))
func (s *Signature) appendCanonicalRequest(b []byte, r *http.Request, path string, body [sha256.Size]byte) []byte {
	b = append(append(b, r.Method...), '\n')
	b = appendEscaped(b, path, true)
	b = append(b, '\n')
	b = appendQuery(b, r.URL.RawQuery)
	b = append(b, '\n')
	for name := range strings.SplitSeq(s.signedHeaders, ";") {
		b = append(append(b, name...), ':')
		b = appendHeader(b, r, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(append(b, s.signedHeaders...), '\n')
	return hex.AppendEncode(b, body[:])
}

// RawPath is the path as it stands in the request line, with its escapes.
func RawPath(r *http.Request) string {
	if p, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(p, "/") {
		return p
	}
	if p := r.URL.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// normalize removes empty and dot segments (RFC 3986 section 6.2.2.3).
func normalize(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var out []string
	for seg := range strings.SplitSeq(path, "/") {
		switch seg {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, seg)
		}
	}
	clean := "/" + strings.Join(out, "/")
	if len(out) > 0 && strings.HasSuffix(path, "/") {
		clean += "/"
	}
	return clean
}

// appendQuery appends the parameters sorted by their escaped names, then
// values; X-Amz-Signature signs the others and is left out.
func appendQuery(b []byte, raw string) []byte {
	if raw == "" {
		return b
	}
	var pairs [][2]string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		key, value = reescape(key), reescape(value)
		if key != "X-Amz-Signature" {
			pairs = append(pairs, [2]string{key, value})
		}
	}
	slices.SortFunc(pairs, func(x, y [2]string) int {
		if c := strings.Compare(x[0], y[0]); c != 0 {
			return c
		}
		return strings.Compare(x[1], y[1])
	})
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p[0]...), '='), p[1]...)
	}
	return b
}

// reescape brings a part of a query into the one form that is signed. What
// cannot be unescaped stays as it is; it fails to match or to route later.
func reescape(s string) string {
	if plain(s) {
		return s
	}
	u, err := url.QueryUnescape(s)
	if err != nil {
		u = s
	}
	return string(appendEscaped(nil, u, false))
}

func plain(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return false
		}
	}
	return true
}

// unreserved are the characters that are never escaped (RFC 3986 section 2.3).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

func appendEscaped(b []byte, s string, keepSlash bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; unreserved(c) || keepSlash && c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// appendHeader appends a header's values, joined with commas and with runs of
// white space made one. net/http takes Host and Transfer-Encoding out of the
// header; they are put back here.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	switch name {
	case "host":
		return append(b, r.Host...)
	case "transfer-encoding":
		return append(b, strings.Join(r.TransferEncoding, ",")...)
	case "content-length":
		if r.Header["Content-Length"] == nil && r.ContentLength >= 0 {
			return strconv.AppendInt(b, r.ContentLength, 10)
		}
	}
	for i, v := range r.Header[http.CanonicalHeaderKey(name)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, v)
	}
	return b
}

func appendTrimmed(b []byte, v string) []byte {
	start := len(b)
	for i := range len(v) {
		if v[i] != ' ' {
			b = append(b, v[i])
		} else if len(b) > start && b[len(b)-1] != ' ' {
			b = append(b, ' ')
		}
	}
	if len(b) > start && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}
