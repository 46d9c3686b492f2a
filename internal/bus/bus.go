// Package bus carries live messages between the parts of Carillon, on one
// machine or on several.
//
// A subject is a dot-separated path such as "meeting.7f3a.ended". Subscribers
// and servers may use wildcards: * stands for one token, > at the end for one
// or more. Subjects and wildcards are NATS's, so that a NATS cluster can take
// the place of [Local].
//
// The bus may lose messages: it holds what is live, SQL holds the truth. A
// subscriber that falls behind loses messages rather than hold up whoever
// publishes, and must be able to heal itself by reading the records again.
//
// What every implementation promises is written down as tests in
// package bustest.
package bus

import (
	"context"
	"errors"
	"strings"
)

// Errors of a bus.
var (
	// ErrClosed: the bus has been closed.
	ErrClosed = errors.New("bus is closed")
	// ErrNoResponders: nobody serves the subject of a request.
	ErrNoResponders = errors.New("nobody serves this subject")
	// ErrSubject: the subject is empty, has an empty token or a blank, or has
	// a wildcard where none may be.
	ErrSubject = errors.New("malformed subject")
)

// RemoteError is the failure of the function that served a request. Only its
// text crosses the bus.
type RemoteError struct{ Message string }

// Error implements error.
func (e *RemoteError) Error() string { return e.Message }

// Bus carries messages. It is safe for concurrent use.
type Bus interface {
	// Publish sends data to everybody who has subscribed to subject, without
	// waiting for them. data must not be changed afterwards.
	Publish(subject string, data []byte) error
	// Subscribe calls fn for each message on subject, one after the other and,
	// for each publisher, in the order of publishing. data belongs to all
	// subscribers and must not be changed. After unsubscribe has returned, no
	// further call begins; one that is running may still end.
	Subscribe(subject string, fn func(subject string, data []byte)) (unsubscribe func(), err error)
	// Request asks one of those who serve subject and waits for the answer.
	// Without a deadline in ctx, [DefaultTimeout] holds. A failure of the
	// serving function is a *[RemoteError].
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
	// Serve answers requests on subject with fn, which is called concurrently;
	// its context ends with the request's deadline or the bus.
	Serve(subject string, fn func(ctx context.Context, data []byte) ([]byte, error)) (stop func(), err error)
	// Close ends all subscriptions and waits for the functions that run.
	// It must not be called from one of them.
	Close() error
}

// tokens takes a subject apart; wild allows wildcards.
func tokens(subject string, wild bool) ([]string, error) {
	parts := strings.Split(subject, ".")
	for i, p := range parts {
		switch {
		case p == "" || strings.ContainsAny(p, " \t\r\n"):
			return nil, ErrSubject
		case p == "*" && !wild, p == ">" && (!wild || i != len(parts)-1):
			return nil, ErrSubject
		}
	}
	return parts, nil
}
