package api

import "context"

// Call is what a handler may know of the request that it serves.
type Call struct {
	// Service is the service that the client meant, or the newer of the
	// possible ones when ServiceKnown is false.
	Service      Service
	ServiceKnown bool
	// Operation is the operation's name in Service.
	Operation string
	// AccountID is the 12-digit account that the request acts in.
	AccountID string
	// Principal is the ARN of the caller.
	Principal string
	// Region is the region of the request's signature. Any name is possible.
	Region string
	// RequestID is the id in the answer's x-amzn-RequestId.
	RequestID string
	// BaseURL is scheme://host[:port] under which the client reached this
	// server, or the configured public address. It has no trailing slash.
	BaseURL string
	// UserAgent is the client's, untrusted text.
	UserAgent string
	// RemoteAddr is host:port of the client or of a proxy.
	RemoteAddr string
}

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the Call that ctx carries. Outside of a handler it returns
// an empty Call, never nil. The Call must not be changed.
func CallFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// ARN returns the ARN of a resource of the caller's account in the region of
// the call, such as arn:aws:chime:us-east-1:000000000000:meeting/1234.
func (c *Call) ARN(resource string) string {
	return "arn:aws:chime:" + c.Region + ":" + c.AccountID + ":" + resource
}
