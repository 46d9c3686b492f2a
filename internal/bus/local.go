package bus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// DefaultTimeout bounds a request whose context has no deadline.
	DefaultTimeout = 5 * time.Second
	// waitingMessages is how many messages may wait for one subscriber; more
	// are lost.
	waitingMessages = 16384
)

// Local is a bus inside one process. Each subscription has a goroutine of its
// own, which waits while there is nothing to do.
type Local struct {
	mu     sync.RWMutex
	root   node
	closed bool
	next   atomic.Uint64 // whose turn it is among several that serve
	work   sync.WaitGroup
	done   context.Context // ends with the bus
	end    context.CancelFunc

	published, delivered, lost, requests atomic.Uint64
}

// Stats are counts since the bus was made.
type Stats struct {
	// Published counts messages, Delivered the calls of subscribers that they
	// led to, Lost those that a subscriber was too slow for.
	Published, Delivered, Lost uint64
	// Requests counts requests, unanswered ones included.
	Requests uint64
}

// NewLocal returns an empty bus. It must be closed.
func NewLocal() *Local {
	l := &Local{}
	l.done, l.end = context.WithCancel(context.Background())
	return l
}

// Stats returns the counts so far.
func (l *Local) Stats() Stats {
	return Stats{Published: l.published.Load(), Delivered: l.delivered.Load(), Lost: l.lost.Load(), Requests: l.requests.Load()}
}

// node is one token of the tree of subjects. The tree has exact tokens as
// children, "*" among them; what ends in > hangs at the node before it.
type node struct {
	children map[string]*node
	ends     leaves // subjects that end here
	rest     leaves // subjects that go on with >
}

type leaves struct {
	subscriptions map[*subscription]struct{}
	servers       map[*server]struct{}
}

type server struct {
	fn func(ctx context.Context, data []byte) ([]byte, error)
}

// match calls visit for all leaves that the subject's tokens lead to.
func (n *node) match(subject string, visit func(*leaves)) {
	token, after, more := strings.Cut(subject, ".")
	visit(&n.rest)
	for _, key := range [2]string{token, "*"} {
		child := n.children[key]
		switch {
		case child == nil:
		case more:
			child.match(after, visit)
		default:
			visit(&child.ends)
		}
	}
}

// leavesAt finds the place of a subject, and makes it if there is none.
func (n *node) leavesAt(tokens []string) *leaves {
	if len(tokens) == 0 {
		return &n.ends
	}
	if tokens[0] == ">" {
		return &n.rest
	}
	child := n.children[tokens[0]]
	if child == nil {
		child = &node{}
		if n.children == nil {
			n.children = make(map[string]*node)
		}
		n.children[tokens[0]] = child
	}
	return child.leavesAt(tokens[1:])
}

// prune drops the branch of a subject as far as nothing is left on it.
func (n *node) prune(tokens []string) {
	if len(tokens) == 0 || tokens[0] == ">" {
		return
	}
	child := n.children[tokens[0]]
	if child == nil {
		return
	}
	child.prune(tokens[1:])
	if len(child.children) == 0 && child.ends.empty() && child.rest.empty() {
		delete(n.children, tokens[0])
	}
}

func (l *leaves) empty() bool { return len(l.subscriptions) == 0 && len(l.servers) == 0 }

// Publish implements [Bus].
func (l *Local) Publish(subject string, data []byte) error {
	if _, err := tokens(subject, false); err != nil {
		return fmt.Errorf("%w: %q", err, subject)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	l.published.Add(1)
	l.root.match(subject, func(at *leaves) {
		for s := range at.subscriptions {
			if !s.put(message{subject, data}) {
				l.lost.Add(1)
			}
		}
	})
	return nil
}

// Subscribe implements [Bus].
func (l *Local) Subscribe(subject string, fn func(subject string, data []byte)) (func(), error) {
	path, err := tokens(subject, true)
	if err != nil {
		return nil, fmt.Errorf("%w: %q", err, subject)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	s := &subscription{wake: make(chan struct{}, 1), ended: make(chan struct{})}
	at := l.root.leavesAt(path)
	if at.subscriptions == nil {
		at.subscriptions = make(map[*subscription]struct{})
	}
	at.subscriptions[s] = struct{}{}
	l.work.Go(func() { s.run(l, fn) })
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.root.leavesAt(path).subscriptions, s)
		l.root.prune(path)
		s.stop()
	}, nil
}

// Serve implements [Bus].
func (l *Local) Serve(subject string, fn func(ctx context.Context, data []byte) ([]byte, error)) (func(), error) {
	path, err := tokens(subject, true)
	if err != nil {
		return nil, fmt.Errorf("%w: %q", err, subject)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	s := &server{fn: fn}
	at := l.root.leavesAt(path)
	if at.servers == nil {
		at.servers = make(map[*server]struct{})
	}
	at.servers[s] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.root.leavesAt(path).servers, s)
		l.root.prune(path)
	}, nil
}

// Request implements [Bus].
func (l *Local) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if _, err := tokens(subject, false); err != nil {
		return nil, fmt.Errorf("%w: %q", err, subject)
	}
	var cancel context.CancelFunc
	if _, limited := ctx.Deadline(); limited {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
	}
	defer cancel()
	answer, err := l.ask(ctx, subject, data)
	if err != nil {
		return nil, err
	}
	select {
	case a := <-answer:
		return a.data, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done.Done():
		return nil, ErrClosed
	}
}

type answer struct {
	data []byte
	err  error
}

// ask starts the function of one of those who serve subject.
func (l *Local) ask(ctx context.Context, subject string, data []byte) (<-chan answer, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	l.requests.Add(1)
	var all []*server
	l.root.match(subject, func(at *leaves) { all = slices.AppendSeq(all, maps.Keys(at.servers)) })
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoResponders, subject)
	}
	s := all[l.next.Add(1)%uint64(len(all))]
	ch := make(chan answer, 1)
	l.work.Go(func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(l.done, cancel)()
		out, err := s.fn(ctx, data)
		if err != nil {
			err = &RemoteError{Message: err.Error()}
		}
		ch <- answer{out, err}
	})
	return ch, nil
}

// Close implements [Bus].
func (l *Local) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		l.end()
		l.root.stopAll()
		l.root = node{}
	}
	l.mu.Unlock()
	l.work.Wait()
	return nil
}

func (n *node) stopAll() {
	for _, at := range [2]*leaves{&n.ends, &n.rest} {
		for s := range at.subscriptions {
			s.stop()
		}
	}
	for _, child := range n.children {
		child.stopAll()
	}
}

type message struct {
	subject string
	data    []byte
}

// subscription is a queue and the goroutine that empties it.
type subscription struct {
	mu      sync.Mutex
	waiting []message
	stopped bool
	wake    chan struct{} // holds one token when there may be something to do
	ended   chan struct{} // closed by stop
}

// put queues a message; false when there are too many already.
func (s *subscription) put(m message) bool {
	s.mu.Lock()
	full := len(s.waiting) >= waitingMessages
	if !full {
		s.waiting = append(s.waiting, m)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return !full
}

func (s *subscription) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		s.waiting = nil
		close(s.ended)
	}
}

// take returns the next message; ok is false when none waits.
func (s *subscription) take() (m message, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.waiting) == 0 {
		s.waiting = nil
		return message{}, false
	}
	m = s.waiting[0]
	s.waiting[0] = message{}
	s.waiting = s.waiting[1:]
	return m, true
}

func (s *subscription) run(l *Local, fn func(subject string, data []byte)) {
	for {
		select {
		case <-s.ended:
			return
		case <-s.wake:
		}
		for m, ok := s.take(); ok; m, ok = s.take() {
			fn(m.subject, m.data)
			l.delivered.Add(1)
		}
	}
}
