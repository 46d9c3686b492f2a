package awshttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/awshttp/restjson"
	"github.com/carillon-rtc/carillon/internal/awshttp/sigv4"
	"github.com/carillon-rtc/carillon/internal/iam"
)

// IAM tells who signed a request, and whether they may do what it asks for.
// It must be safe for concurrent use.
type IAM interface {
	// Lookup returns the owner and the secret of an access key. An error means
	// that nobody has it.
	Lookup(ctx context.Context, accessKeyID, sessionToken string) (iam.Principal, string, error)
	// Authorize returns an error for the client's eyes if p may not do action
	// to all of the resources; none stand for "*".
	Authorize(ctx context.Context, p iam.Principal, action string, arns []string) error
}

// Config says what a Handler serves, and how.
type Config struct {
	Registry *api.Registry
	IAM      IAM
	// Query holds the services of the query protocol by their names in
	// credential scopes, such as "sts".
	Query map[string]QueryService
	// Bounds answers for bounds that are quotas; nil takes the models' numbers.
	Bounds restjson.Bounds
	// BaseURL returns scheme://host[:port] for URLs in the answers to a
	// request. Nil takes the scheme and host of the request itself.
	BaseURL func(*http.Request) string
	// MaxBody is the largest body in bytes; 0 means 1 MiB.
	MaxBody int64
	// Rate limits the calls of each account to each operation; nil does not.
	Rate *Rate
	// Now is the time that signatures are held against; nil is real time.
	Now func() time.Time
	// Log gets a line for each call; nil drops them.
	Log *slog.Logger
}

// Handler serves API calls. It is safe for concurrent use.
type Handler struct {
	cfg        Config
	routes     *node
	operations []*operation // sorted by name
	verifier   sigv4.Verifier
	plans      restjson.Plans
	limits     limiter
	buffers    sync.Pool // *[]byte, for bodies of requests and answers
	stats      counters
}

// New returns a Handler for all operations of the api package. Those without a
// handler in the registry answer 501.
func New(c Config) *Handler {
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.BaseURL == nil {
		c.BaseURL = requestURL
	}
	h := &Handler{cfg: c}
	h.routes, h.operations = newRoutes(c.Registry)
	h.limits.rate = c.Rate
	return h
}

// Serves tells whether a request is an API call, for servers that have other
// things on the same port: it is signed, or its path and method are an
// operation's.
func (h *Handler) Serves(r *http.Request) bool {
	if sigv4.Signed(r) {
		return true
	}
	path, _ := stripPrefix(sigv4.RawPath(r))
	found := h.routes.find(path)
	if r.Method == http.MethodOptions {
		return found != nil && r.Header.Get("Access-Control-Request-Method") != ""
	}
	return found != nil && found.leaf.methods[r.Method] != nil
}

func (h *Handler) buffer() *[]byte {
	if b, ok := h.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// exchange is one request on its way.
type exchange struct {
	h     *Handler
	w     http.ResponseWriter
	r     *http.Request
	id    string // request id
	start time.Time

	service   api.Service // whose words errors are in
	operation string      // for the log; empty until known
	state     *operation  // nil until known
	status    int
	cause     error // for the log
	xml       *QueryService
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, id: uuid.NewString(), start: time.Now(), service: api.ServiceMeetings}
	h.stats.inFlight.Add(1)
	defer x.finish()
	w.Header().Set("x-amzn-RequestId", x.id)
	if allowOrigin(w, r) {
		x.status = http.StatusNoContent
		w.WriteHeader(x.status)
		return
	}
	if err := x.serve(); err != nil {
		x.fail(err)
	}
}

// finish turns a panic into an answer, counts and logs.
func (x *exchange) finish() {
	if p := recover(); p != nil {
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			x.h.stats.inFlight.Add(-1)
			panic(p)
		}
		x.h.stats.panics.Add(1)
		x.h.cfg.Log.LogAttrs(x.r.Context(), slog.LevelError, "api call panicked", slog.String("request", x.id), slog.String("operation", x.operation),
			slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
		if x.status == 0 {
			x.fail(api.Errorf(api.ServiceFailure, "panic"))
		}
	}
	x.h.stats.inFlight.Add(-1)
	took := time.Since(x.start)
	if x.state != nil {
		x.state.count(x.status, took)
	} else {
		x.h.stats.unrouted.Add(1)
	}
	x.log(took)
}

func (x *exchange) log(took time.Duration) {
	level := slog.LevelInfo
	if x.status >= 500 && x.status != http.StatusNotImplemented {
		level = slog.LevelError
	}
	if !x.h.cfg.Log.Enabled(x.r.Context(), level) {
		return
	}
	attrs := []slog.Attr{slog.String("operation", x.operation), slog.Int("status", x.status), slog.Duration("duration", took), slog.String("request", x.id)}
	if x.operation == "" {
		attrs[0] = slog.String("path", x.r.URL.Path)
	} else if x.xml == nil {
		attrs = append(attrs, slog.String("service", x.service.ID()))
	}
	if x.cause != nil {
		attrs = append(attrs, slog.Any("error", x.cause))
	}
	x.h.cfg.Log.LogAttrs(x.r.Context(), level, "api call", attrs...)
}

// serve finds out the protocol.
func (x *exchange) serve() error {
	sig, err := sigv4.Parse(x.r)
	if err == nil {
		if q, ok := x.h.cfg.Query[sig.Service]; ok {
			x.xml = &q
			return x.serveQuery(sig)
		}
	}
	return x.serveREST(sig, err)
}

// serveREST serves the operations of the api package. A path that no operation
// has is a miss even if the request is not signed: what there is to call is no
// secret. Only at "/", where the query protocol is, the scope of the signature
// tells what is called, and nothing can be found without it.
func (x *exchange) serveREST(sig *sigv4.Signature, sigErr error) error {
	path, prefix := stripPrefix(sigv4.RawPath(x.r))
	query := x.query()
	rt, labels, err := x.h.routes.route(x.r.Method, path, query)
	if err != nil && sigErr != nil && path == "/" {
		return x.refuse(sigErr)
	}
	if err != nil {
		return err
	}
	target := rt.choose(serviceOf(x.r, prefix))
	x.service, x.operation, x.state = target.endpoint.Service, target.endpoint.Name, target.operation
	if sigErr != nil {
		return x.refuse(sigErr)
	}
	if sig.Service != "chime" {
		return api.Errorf(api.InvalidSignature, "Credential should be scoped to correct service: 'chime'.")
	}
	buf := x.h.buffer()
	defer x.h.buffers.Put(buf)
	who, err := x.authenticate(sig, buf)
	if err != nil {
		return err
	}
	if err := x.h.limits.take(who.AccountID, target.operation); err != nil {
		return err
	}
	return x.run(target, who, sig.Region, labels, query, *buf)
}

func (x *exchange) query() url.Values {
	if x.r.URL.RawQuery == "" {
		return nil
	}
	return x.r.URL.Query()
}

// authenticate reads the body into buf and tells who signed the request.
func (x *exchange) authenticate(sig *sigv4.Signature, buf *[]byte) (iam.Principal, error) {
	who, secret, err := x.h.cfg.IAM.Lookup(x.r.Context(), sig.AccessKeyID, sig.SessionToken)
	if err != nil {
		x.h.stats.refused.Add(1)
		return who, &api.Error{Code: api.UnrecognizedClient, Message: "The security token included in the request is invalid.", Err: err}
	}
	if *buf, err = readBody(x.w, x.r, x.h.cfg.MaxBody, *buf); err != nil {
		return who, err
	}
	if err := x.h.verifier.Verify(x.r, sig, *buf, secret, x.h.cfg.Now()); err != nil {
		return who, x.refuse(err)
	}
	return who, nil
}

// refuse turns an error of package sigv4 into one for the client.
func (x *exchange) refuse(err error) error {
	x.h.stats.refused.Add(1)
	code := api.IncompleteSignature
	if e := (*sigv4.Error)(nil); errors.As(err, &e) {
		code = map[sigv4.Kind]api.Code{sigv4.Missing: api.MissingAuthenticationToken, sigv4.Incomplete: api.IncompleteSignature, sigv4.Invalid: api.InvalidSignature}[e.Kind]
	}
	return &api.Error{Code: code, Message: err.Error()}
}

// run decodes, validates, authorizes and calls.
func (x *exchange) run(t *target, who iam.Principal, region string, labels []string, query url.Values, body []byte) error {
	op := t.operation
	if op.handler == nil {
		return api.Errorf(api.NotImplemented, "The operation %s of %s is not built yet.", t.endpoint.Name, t.endpoint.Service)
	}
	codec, err := t.codec(&x.h.plans)
	if err != nil {
		return err
	}
	in := op.handler.New()
	if err := codec.Decode(in, t.labels(labels), query, x.r.Header, body); err != nil {
		return err
	}
	if err := codec.Validate(in, x.h.cfg.Bounds); err != nil {
		return err
	}
	call := &api.Call{Service: t.endpoint.Service, ServiceKnown: t.known, Operation: t.endpoint.Name, AccountID: who.AccountID, Principal: who.ARN,
		Region: region, RequestID: x.id, BaseURL: x.h.cfg.BaseURL(x.r), UserAgent: x.r.UserAgent(), RemoteAddr: x.r.RemoteAddr}
	ctx := x.r.Context()
	if err := x.h.cfg.IAM.Authorize(ctx, who, op.Action, touched(op.Operation, codec, in, call)); err != nil {
		return &api.Error{Code: api.Forbidden, Message: "AWS authorization failed", Err: err} // meetings spec section 13
	}
	out, err := op.handler.Call(api.WithCall(ctx, call), in)
	if err != nil {
		return err
	}
	x.answer(t.endpoint.Status, out)
	return nil
}

// counters are the numbers of a Handler.
type counters struct {
	inFlight                  atomic.Int64
	refused, unrouted, panics atomic.Uint64
}
