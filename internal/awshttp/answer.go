package awshttp

import (
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/awshttp/restjson"
)

// readBody reads a whole body into buf, grown as needed.
func readBody(w http.ResponseWriter, r *http.Request, most int64, buf []byte) ([]byte, error) {
	buf = buf[:0]
	if r.Body == nil || r.ContentLength == 0 {
		return buf, nil
	}
	if r.ContentLength > most {
		return buf, tooLarge(most)
	}
	body := http.MaxBytesReader(w, r.Body, most)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			return buf, tooLarge(most)
		}
		if err != nil {
			return buf, &api.Error{Code: api.Serialization, Message: "The body could not be read to its end.", Err: err}
		}
	}
}

func tooLarge(most int64) error {
	return api.Errorf(api.TooLarge, "The body is larger than %d bytes.", most)
}

// answer writes a success. Answers of 204 have no body.
func (x *exchange) answer(status int, out any) {
	x.status = status
	if status == http.StatusNoContent {
		x.w.WriteHeader(status)
		return
	}
	buf := x.h.buffer()
	defer x.h.buffers.Put(buf)
	*buf = x.h.plans.Append((*buf)[:0], out)
	x.write(status, "application/json", *buf)
}

func (x *exchange) write(status int, contentType string, body []byte) {
	x.status = status
	h := x.w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.w.WriteHeader(status)
	if _, err := x.w.Write(body); err != nil {
		x.cause = err // the client is gone
	}
}

// fail writes an error in AWS's form (operations spec section 4):
//
//	x-amzn-ErrorType: NotFoundException
//	{"Code":"NotFound","Message":"…","RequestId":"…"}
//
// An error that is not meant for the client becomes a ServiceFailure, and its
// text goes to the log only.
func (x *exchange) fail(err error) {
	e := (*api.Error)(nil)
	if !errors.As(err, &e) {
		e = &api.Error{Code: api.ServiceFailure, Err: err}
	}
	x.cause = err
	if e.Code == api.ServiceFailure {
		x.h.cfg.Log.LogAttrs(x.r.Context(), slog.LevelError, "api call failed", slog.String("operation", x.operation), slog.String("request", x.id), slog.Any("error", err))
		e = &api.Error{Code: api.ServiceFailure, Message: "The service encountered an unexpected error. The log names the cause at request " + x.id + "."}
	}
	x.retryAfter(e)
	if e.Code == api.MethodNotAllowed {
		x.w.Header().Set("Allow", e.Resource)
	}
	if x.xml != nil {
		x.failQuery(e)
		return
	}
	x.w.Header().Set("x-amzn-ErrorType", e.Code.Exception(x.service))
	x.write(e.Code.Status(), "application/json", x.errorBody(e))
}

// retryAfter says when to try again, a second at least; a server that is
// unavailable always says so.
func (x *exchange) retryAfter(e *api.Error) {
	if e.RetryAfter > 0 || e.Code == api.ServiceUnavailable {
		seconds := max(1, int(math.Ceil(e.RetryAfter.Seconds())))
		x.w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
}

func (x *exchange) errorBody(e *api.Error) []byte {
	b := append([]byte(nil), `{"Code":`...)
	b = restjson.AppendString(b, e.Code.Short(x.service))
	b = append(b, `,"Message":`...)
	b = restjson.AppendString(b, e.Message)
	b = append(b, `,"RequestId":`...)
	b = restjson.AppendString(b, x.id)
	if e.Resource != "" && (e.Code == api.ResourceNotFound || e.Code == api.TooManyTags) {
		b = append(b, `,"ResourceName":`...)
		b = restjson.AppendString(b, e.Resource)
	}
	return append(b, '}')
}

// allowOrigin lets pages of any origin call: requests are signed, and no
// cookie counts (operations spec section 3). It returns true for a preflight,
// which is then complete but for its status.
func allowOrigin(w http.ResponseWriter, r *http.Request) (preflight bool) {
	if r.Header.Get("Origin") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId, x-amzn-ErrorType, x-amz-id-2, Date, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", allowedHeaders(r.Header.Get("Access-Control-Request-Headers")))
	h.Set("Access-Control-Max-Age", "86400")
	if r.Header.Get("Access-Control-Request-Private-Network") != "" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	return true
}

// allowedHeaders are those of the requested headers that AWS clients send.
func allowedHeaders(requested string) string {
	allowed := []string{"authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-user-agent", "x-amz-content-sha256", "x-amz-chime-bearer"}
	for name := range strings.SplitSeq(requested, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "x-amzn-") || strings.HasPrefix(name, "amz-sdk-") {
			allowed = append(allowed, name)
		}
	}
	return strings.Join(allowed, ", ")
}

// clip keeps foreign text in messages short.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
