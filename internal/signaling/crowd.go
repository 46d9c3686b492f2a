package signaling

import (
	"slices"
	"sync"
)

// crowd counts sockets, so that neither strangers nor one attendee can have
// more of them than the server can bear. Sockets in a meeting are bounded by
// the meeting, which lets an attendee in once; those that have not joined yet
// need bounds of their own. It is safe for concurrent use.
type crowd struct {
	maxUnjoined, maxAttendee int

	mu        sync.Mutex
	unjoined  int
	attendees map[string][]*client // by meeting and attendee id, oldest first
}

// place is where a client stands in the crowd. The zero value stands for a
// socket that was only admitted.
type place struct {
	joined   bool
	attendee string // "" before the token was checked
}

func newCrowd(l Limits) crowd {
	return crowd{maxUnjoined: l.UnjoinedSockets, maxAttendee: l.AttendeeSockets, attendees: make(map[string][]*client)}
}

// admit counts one more socket that has not joined, if it may come.
func (w *crowd) admit() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unjoined >= w.maxUnjoined {
		return false
	}
	w.unjoined++
	return true
}

// turnBack takes back an admission of which no client came.
func (w *crowd) turnBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unjoined--
}

// enter notes whose socket it is. If the attendee has too many, the oldest one
// that has not joined has to go: it is most likely dead, left behind by a
// client whose network failed. If all have joined, it is c that may not come.
func (w *crowd) enter(c *client, attendee string) (oldest *client, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.attendees[attendee]
	if len(list) >= w.maxAttendee {
		i := slices.IndexFunc(list, func(o *client) bool { return !o.place.joined })
		if i < 0 {
			return nil, false
		}
		oldest = list[i]
		oldest.place.attendee = ""
		list = slices.Delete(list, i, i+1)
	}
	c.place.attendee = attendee
	w.attendees[attendee] = append(list, c)
	return oldest, true
}

// join notes that c has joined.
func (w *crowd) join(c *client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.place.joined = true
	w.unjoined--
}

// leave takes c out.
func (w *crowd) leave(c *client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !c.place.joined {
		w.unjoined--
	}
	if c.place.attendee == "" {
		return
	}
	list := slices.DeleteFunc(w.attendees[c.place.attendee], func(o *client) bool { return o == c })
	if len(list) == 0 {
		delete(w.attendees, c.place.attendee)
		return
	}
	w.attendees[c.place.attendee] = list
}
