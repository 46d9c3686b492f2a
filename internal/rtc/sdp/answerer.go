package sdp

import "errors"

// Answerer answers the offers of one session in the order in which they arrive. It is not safe for concurrent use.
type Answerer struct {
	options Options
}

// NewAnswerer makes the answerer of a new session.
func NewAnswerer(o Options) *Answerer { return &Answerer{options: o} }

// Answer answers an offer. An error leaves the Answerer as it was; its text can be shown to the client's developer.
func (a *Answerer) Answer(offer string, r Request) (*Answer, error) {
	return nil, errors.New("sdp: not built yet")
}
