package signaling

import (
	"sync"
	"time"
)

// outbox is the bounded queue between those who have something to tell a client
// and the goroutine that writes to its socket. It keeps their order.
type outbox struct {
	maxFrames, maxBytes int
	wake                chan struct{} // holds one token when there is news for the writer

	mu     sync.Mutex
	queue  []*[]byte
	bytes  int
	bye    *farewell // to be sent after the queue
	closed bool      // nothing is taken any more
}

// farewell is a close frame and when to send it.
type farewell struct {
	code   int
	reason string
	at     time.Time
}

func newOutbox(l Limits) *outbox {
	return &outbox{maxFrames: l.QueueFrames, maxBytes: l.QueueBytes, wake: make(chan struct{}, 1)}
}

// put queues a frame. It is false when the queue is full: then the client is
// too slow, and since a frame that is left out would break its picture of the
// meeting for good, it has to be cut off. A closed outbox swallows frames.
func (o *outbox) put(b *[]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true
	}
	if len(o.queue) >= o.maxFrames || o.bytes+len(*b) > o.maxBytes {
		o.closed = true
		return false
	}
	o.queue = append(o.queue, b)
	o.bytes += len(*b)
	o.signal()
	return true
}

// take moves all that waits into batch, which must be empty, and returns it
// with the farewell, if there is one.
func (o *outbox) take(batch []*[]byte) ([]*[]byte, *farewell) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch, o.queue = o.queue, batch
	o.bytes = 0
	return batch, o.bye
}

// finish has a close frame sent after the queue, at the time it says. The first
// farewell stands. Frames may follow until then: a client that leaves in the
// meantime wants its LEAVE_ACK.
func (o *outbox) finish(f farewell) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bye == nil {
		o.bye = &f
		o.signal()
	}
}

// close makes the outbox swallow all that follows.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// buffers recycles the memory of frames.
type buffers struct{ pool sync.Pool }

// maxKept is the largest buffer worth keeping: an SDP answer of a full room.
const maxKept = 64 << 10

func (p *buffers) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	return new(make([]byte, 0, 512))
}

func (p *buffers) put(b *[]byte) {
	if cap(*b) <= maxKept {
		p.pool.Put(b)
	}
}
