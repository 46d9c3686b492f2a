package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// mismatch is what AWS says to a wrong secret and to a changed request alike.
const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// Verifier checks signatures and remembers the keys it derived. It is safe for
// concurrent use. The zero value is ready.
type Verifier struct {
	mu   sync.RWMutex
	keys map[scope][]byte

	buffers sync.Pool // *[]byte, for canonical requests
}

// scope is what a signing key is derived from. The secret is a part of it, so
// that a key whose secret was changed is derived anew.
type scope struct{ secret, date, region, service string }

// maxKeys bounds the memory for derived keys; region and service are the
// client's free choice.
const maxKeys = 1024

// Verify checks s, the signature of r, with the secret of its access key. body
// is the whole body; now is real time. The error is an *Error. The comparison
// takes the same time wherever signatures differ.
func (v *Verifier) Verify(r *http.Request, s *Signature, body []byte, secret string, now time.Time) error {
	if err := s.checkTime(now); err != nil {
		return err
	}
	if !hasName(s.signedHeaders, "host") {
		return incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if err := s.checkHeaders(r); err != nil {
		return err
	}
	given, err := hex.DecodeString(s.signature)
	if err != nil || len(given) != sha256.Size {
		return invalid(mismatch)
	}
	key := v.signingKey(scope{secret, s.Date, s.Region, s.Service})
	path := RawPath(r)
	if subtle.ConstantTimeCompare(given, v.compute(s, r, path, body, key)) == 1 {
		return nil
	}
	// Some clients remove empty and dot segments before signing, others sign
	// the path as it is sent. Both mean the same request to them.
	if clean := normalize(path); clean != path && subtle.ConstantTimeCompare(given, v.compute(s, r, clean, body, key)) == 1 {
		return nil
	}
	return invalid(mismatch)
}

// checkHeaders refuses headers of AWS's that somebody on the way could have
// added, changed or split. x-amz-chime-bearer says on whose behalf a request is
// made, so it must not go unsigned; and since "a,b" has the same signature as
// "a" followed by "b", none may come twice. The user agent says nothing of weight.
func (s *Signature) checkHeaders(r *http.Request) error {
	for name, values := range r.Header {
		switch {
		case !strings.HasPrefix(name, "X-Amz-") || name == "X-Amz-User-Agent":
		case len(values) > 1:
			return incomplete("There is more than one header '%s'.", clip(name))
		case !hasName(s.signedHeaders, name):
			return invalid("The header '%s' must be a 'SignedHeader' in the AWS Authorization.", clip(name))
		}
	}
	return nil
}

func hasName(list, name string) bool {
	for have := range strings.SplitSeq(list, ";") {
		if strings.EqualFold(have, name) {
			return true
		}
	}
	return false
}

// compute returns the signature that r should have:
//
//	StringToSign = algorithm \n time \n date/region/service/aws4_request \n hex(sha256(CanonicalRequest))
func (v *Verifier) compute(s *Signature, r *http.Request, path string, body, key []byte) []byte {
	buf, ok := v.buffers.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	defer v.buffers.Put(buf)
	b := s.appendCanonicalRequest((*buf)[:0], r, path, sha256.Sum256(body))
	canonical := sha256.Sum256(b)
	b = append(b[:0], algorithm+"\n"...)
	b = append(append(b, s.amzTime...), '\n')
	b = append(append(b, s.Date...), '/')
	b = append(append(b, s.Region...), '/')
	b = append(append(b, s.Service...), "/"+terminator+"\n"...)
	b = hex.AppendEncode(b, canonical[:])
	*buf = b
	return sum(key, b)
}

// signingKey derives the key of a scope:
//
//	HMAC(HMAC(HMAC(HMAC("AWS4"+secret, date), region), service), "aws4_request")
func (v *Verifier) signingKey(sc scope) []byte {
	v.mu.RLock()
	key := v.keys[sc]
	v.mu.RUnlock()
	if key != nil {
		return key
	}
	key = []byte("AWS4" + sc.secret)
	for _, part := range []string{sc.date, sc.region, sc.service, terminator} {
		key = sum(key, []byte(part))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil || len(v.keys) >= maxKeys {
		v.keys = make(map[scope][]byte)
	}
	v.keys[sc] = key
	return key
}

func sum(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(make([]byte, 0, sha256.Size))
}
