package api

import (
	"context"
	"fmt"
	"reflect"
)

// Registry holds the handlers of the operations that are built. It is filled
// while a server is wired and only read afterwards; it is not safe for writing
// while it is read.
type Registry struct{ handlers map[*Operation]*Handler }

// Handler is a registered function with its types made plain.
type Handler struct {
	// In and Out are the struct types of input and output.
	In, Out reflect.Type
	// New returns a pointer to a new, empty input.
	New func() any
	// Call runs the function. in is what New returned; the answer is a pointer
	// to the output, which may be nil if the operation answers nothing.
	Call func(ctx context.Context, in any) (any, error)
}

// NewRegistry returns a Registry without handlers.
func NewRegistry() *Registry { return &Registry{handlers: make(map[*Operation]*Handler)} }

// Handle makes fn the handler of op in all services that have it. fn must be
// safe for concurrent use; it owns in, and gives its output away. An error that
// is not an *Error is answered as ServiceFailure. Handle panics if op has a
// handler already: that is a mistake in the wiring.
func Handle[In, Out any](r *Registry, op Op[In, Out], fn func(ctx context.Context, in *In) (*Out, error)) {
	if _, taken := r.handlers[op.operation]; taken {
		panic(fmt.Sprintf("api: operation %s has two handlers", op.operation.Name))
	}
	r.handlers[op.operation] = &Handler{
		In:  reflect.TypeFor[In](),
		Out: reflect.TypeFor[Out](),
		New: func() any { return new(In) },
		Call: func(ctx context.Context, in any) (any, error) {
			out, err := fn(ctx, in.(*In))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

// Handler returns the handler of an operation, or nil if it is not built.
func (r *Registry) Handler(op *Operation) *Handler { return r.handlers[op] }
