package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// signer makes POST requests with an AWS signature, version 4. The AWS SDK's
// signer would cost as much as the server that is measured. It is not safe for
// concurrent use.
type signer struct {
	host, accessKey, secret string

	day string // of key
	key []byte
	buf []byte
}

const (
	signRegion  = "us-east-1"
	signService = "chime"
)

// request makes a whole HTTP/1.1 request. It is valid until the next call.
func (s *signer) request(path string, body []byte, now time.Time) []byte {
	stamp := now.UTC().Format("20060102T150405Z")
	authorization := s.authorize(path, body, stamp)
	b := append(s.buf[:0], "POST "...)
	b = append(append(b, path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, s.host...), "\r\nUser-Agent: carillon-bench api/chime-sdk-meetings#1\r\nContent-Type: application/json\r\nX-Amz-Date: "...)
	b = append(append(b, stamp...), "\r\nAuthorization: "...)
	b = append(append(b, authorization...), "\r\nContent-Length: "...)
	b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n\r\n"...)
	s.buf = append(b, body...)
	return s.buf
}

// authorize computes the Authorization header.
func (s *signer) authorize(path string, body []byte, stamp string) string {
	day := stamp[:8]
	if day != s.day {
		k := mac([]byte("AWS4"+s.secret), day)
		s.key, s.day = mac(mac(mac(k, signRegion), signService), "aws4_request"), day
	}
	sum := sha256.Sum256(body)
	canonical := "POST\n" + path + "\n\nhost:" + s.host + "\nx-amz-date:" + stamp + "\n\nhost;x-amz-date\n" + hex.EncodeToString(sum[:])
	scope := day + "/" + signRegion + "/" + signService + "/aws4_request"
	sum = sha256.Sum256([]byte(canonical))
	toSign := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	return "AWS4-HMAC-SHA256 Credential=" + s.accessKey + "/" + scope + ", SignedHeaders=host;x-amz-date, Signature=" +
		hex.EncodeToString(mac(s.key, toSign))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
