package awshttp

import (
	"net"
	"net/http"
	"strings"

	"github.com/carillon-rtc/carillon/api"
)

// stripPrefix takes the prefixes off a path that tell the service, or that old
// SDKs and code put in front ("/console"); prefix is the one that tells the
// service. It works on the escaped path, after whose whole the request is
// signed. No operation's path begins with such a segment.
func stripPrefix(path string) (rest, prefix string) {
	for {
		seg, after, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
		if _, isPrefix := byPrefix(seg); isPrefix {
			prefix = seg
		} else if seg != "console" {
			return path, prefix
		}
		path = "/" + after
	}
}

func byPrefix(label string) (api.Service, bool) {
	for _, s := range api.Services() {
		if s.EndpointPrefix() == label {
			return s, true
		}
	}
	return 0, false
}

// serviceOf tells which service a client means, by the strongest sign that it
// gives: path prefix, first label of the host, user agent (operations spec
// section 5). Many clients give none.
func serviceOf(r *http.Request, prefix string) (s api.Service, known bool) {
	if s, known = byPrefix(prefix); known {
		return s, true
	}
	label, domain, _ := strings.Cut(r.Host, ".")
	if s, known = byPrefix(label); known {
		return s, true
	}
	if label == "service" && strings.HasPrefix(domain, "chime.") { // the first name of the old one (meetings spec section 1)
		return api.ServiceChime, true
	}
	for _, name := range [...]string{"User-Agent", "X-Amz-User-Agent"} {
		if agent := r.Header.Get(name); agent != "" {
			if s, known = byAgent(agent); known {
				return s, true
			}
		}
	}
	return 0, false
}

// byAgent reads
//
//	api/chime-sdk-meetings#3.1       SDK for JS v3
//	api/chimesdkmeetings#1.2         SDK for Go v2, older: api/chimesdkmeetings/1.2
//	command/chime-sdk-meetings.get…  AWS CLI v2, newer: md/command#chime-sdk-meetings.get…
func byAgent(agent string) (api.Service, bool) {
	for word := range strings.FieldsSeq(agent) {
		for _, mark := range [...]string{"api/", "command/", "md/command#"} {
			rest, ok := strings.CutPrefix(word, mark)
			if !ok {
				continue
			}
			if i := strings.IndexAny(rest, "#/."); i >= 0 {
				rest = rest[:i]
			}
			if s, ok := byID(rest); ok {
				return s, true
			}
		}
	}
	return 0, false
}

// byID compares service ids without their separators and case, which differ
// between SDKs.
func byID(id string) (api.Service, bool) {
	for _, s := range api.Services() {
		if sameLetters(s.ID(), id) {
			return s, true
		}
	}
	return 0, false
}

func sameLetters(a, b string) bool {
	i, j := 0, 0
	for {
		for i < len(a) && (a[i] == '-' || a[i] == '_') {
			i++
		}
		for j < len(b) && (b[j] == '-' || b[j] == '_') {
			j++
		}
		if i == len(a) || j == len(b) {
			return i == len(a) && j == len(b)
		}
		if a[i]|0x20 != b[j]|0x20 {
			return false
		}
		i, j = i+1, j+1
	}
}

// requestURL is the scheme and host by which the client reached this server.
// A host that is none is replaced by the listener's address.
func requestURL(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	host := r.Host
	if host == "" || strings.ContainsFunc(host, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]%", c)
	}) {
		host = "localhost"
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = addr.String()
		}
	}
	return scheme + host
}
