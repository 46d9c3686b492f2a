package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/carillon-rtc/carillon/internal/datadir"
)

// server is a Carillon that runs as a child.
type server struct {
	*child
	addr  string // host:port of plain HTTP
	media netip.AddrPort
	keys  datadir.Keys

	mu   sync.Mutex // guards what follows: a connection for what is not measured
	sign *signer
	conn *connection
}

// serve starts a server on fresh data in dir.
func (b *bench) serve(ctx context.Context, dir string) (*server, error) {
	data := filepath.Join(dir, "data")
	program, extra, err := b.program()
	if err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0",
		"--media", "127.0.0.1:0", "--limits", "published,meetings=100000000", "--log-level", "warn"}, extra...)
	c, err := launch(ctx, dir, program, args...)
	if err != nil {
		return nil, err
	}
	s := &server{child: c}
	err = c.await(10*time.Second, func() bool {
		running, err := datadir.ReadRunning(data)
		if err != nil {
			return false
		}
		if s.keys, err = datadir.ReadKeys(data); err != nil {
			return false
		}
		s.addr = running.HTTP
		s.media, err = netip.ParseAddrPort(running.Media)
		return err == nil && healthy(s.addr)
	})
	if err != nil {
		c.stop()
		return nil, err
	}
	s.sign = s.signer()
	return s, nil
}

// program is the server's binary, or this one if it is to be profiled.
func (b *bench) program() (path string, extra []string, err error) {
	if b.profiles == "" {
		return b.carillon, nil, nil
	}
	path, err = os.Executable()
	return path, []string{"--profile", b.profiles}, err
}

func (s *server) signer() *signer {
	return &signer{host: s.addr, accessKey: s.keys.AccessKeyID, secret: s.keys.SecretAccessKey}
}

// healthy asks for /healthz once.
func healthy(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", addr)
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// connection is one HTTP/1.1 connection that is kept open. net/http's client
// would cost more than the server's side of it.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
	body bytes.Buffer
}

func dialHTTP(addr string) (*connection, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, in: bufio.NewReader(conn)}, nil
}

// do sends a request and returns the answer's body, valid until the next call.
// A status other than 2xx is an error.
func (c *connection) do(request []byte) ([]byte, error) {
	_ = c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	c.body.Reset()
	if _, err := io.Copy(&c.body, r.Body); err != nil {
		return nil, err
	}
	if r.StatusCode/100 != 2 {
		return nil, fmt.Errorf("status %d: %s", r.StatusCode, c.body.Bytes())
	}
	return c.body.Bytes(), nil
}

// meeting is what clients need to know of one.
type meeting struct {
	MeetingID      string `json:"MeetingId"`
	MediaPlacement struct {
		SignalingURL string `json:"SignalingUrl"`
		AudioHostURL string `json:"AudioHostUrl"`
	}
}

// call carries out one API request.
func (s *server) call(path string, body string, out any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		var err error
		if s.conn, err = dialHTTP(s.addr); err != nil {
			return err
		}
	}
	answer, err := s.conn.do(s.sign.request(path, []byte(body), time.Now()))
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	return json.Unmarshal(answer, out)
}

func (s *server) createMeeting() (meeting, error) {
	var out struct{ Meeting meeting }
	err := s.call("/meetings", createMeetingBody(rand.Text()), &out)
	return out.Meeting, err
}

func createMeetingBody(token string) string {
	return `{"ClientRequestToken":"` + token + `","ExternalMeetingId":"bench","MediaRegion":"us-east-1"}`
}

// createAttendee returns the join token.
func (s *server) createAttendee(meetingID string) (string, error) {
	var out struct{ Attendee struct{ JoinToken string } }
	err := s.call(attendeesPath(meetingID), `{"ExternalUserId":"user-`+rand.Text()+`"}`, &out)
	return out.Attendee.JoinToken, err
}

func attendeesPath(meetingID string) string { return "/meetings/" + meetingID + "/attendees" }

// join brings one more client into a meeting.
func (s *server) join(ctx context.Context, m meeting) (*phone, error) {
	token, err := s.createAttendee(m.MeetingID)
	if err != nil {
		return nil, err
	}
	return dialPhone(ctx, s.media, m, token)
}
