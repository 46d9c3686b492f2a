package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/signaling/frame"
	"github.com/carillon-rtc/carillon/internal/signaling/signalingtest"
)

// Signaling spec 1.5: the upgrade succeeds, then the close code says why not.
func TestConnect_Refused(t *testing.T) {
	cases := []struct {
		name, meeting, token string
		code                 int
		reason               string
	}{
		{"Deleted", "m1", "deleted", 4403, "attendee unavailable"},
		{"Forged", "m1", "mallory", 4403, "attendee unavailable"},
		{"OtherMeeting", "m2", "alice", 4403, "attendee unavailable"},
		{"Ended", "over", "alice", 4410, "meeting ended"},
		{"StoreFails", "m1", "broken", 4500, "internal error"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, nil, func(b *bench) {
				start := time.Now()
				client := b.dial(c.meeting, c.token, nil)
				b.wantClose(client, c.code, c.reason)
				if waited := time.Since(start); waited != 0 {
					t.Errorf("TCP ended %v after the close, want at once", waited)
				}
				if status := client.AudioStatus(); status != 0 {
					t.Errorf("got AUDIO_STATUS %d, which would hide the close code", status)
				}
			})
		})
	}
}

// Signaling spec 12: before 1.19 a close during the join is a 15 s timeout, so
// the status comes as a frame, with time to act on it.
func TestConnect_RefusedOldClient(t *testing.T) {
	for token, want := range map[string]uint32{"deleted": 403, "broken": 500} {
		inBubble(t, nil, func(b *bench) {
			c := b.dial("m1", token, &signalingtest.Options{Old: true})
			s, err := c.Await(b.ctx, frame.Signal_AUDIO_STATUS)
			if err != nil || s.GetAudioStatus().GetAudioStatus() != want {
				t.Errorf("%s: got %v, %v; want AUDIO_STATUS %d", token, s, err, want)
			}
			c.Close()
		})
	}
}

// Signaling spec 1.2: C++ clients send a cookie and the subprotocol Signaling-SDK.
func TestConnect_Native(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice#content", &signalingtest.Options{Native: true, Ping: -1})
		if p.id.AttendeeID != "id-alice#content" {
			t.Errorf("joined as %q", p.id.AttendeeID)
		}
		c.Close()
	})
}

func TestTokenOf(t *testing.T) {
	cases := map[string]struct {
		header, value, want string
	}{
		"browser":          {"Sec-WebSocket-Protocol", "_aws_wt_session, abc123", "abc123"},
		"browser, turned":  {"Sec-WebSocket-Protocol", "abc123#content,_aws_wt_session", "abc123#content"},
		"native":           {"Cookie", "a=b; _aws_wt_session=abc123#content", "abc123#content"},
		"token alone":      {"Sec-WebSocket-Protocol", "abc123", ""},
		"no token":         {"Sec-WebSocket-Protocol", "_aws_wt_session", ""},
		"far too long":     {"Sec-WebSocket-Protocol", "_aws_wt_session, " + strings.Repeat("a", 5000), ""},
		"something else":   {"Cookie", "session=abc123", ""},
		"nothing whatever": {"X", "", ""},
	}
	for name, c := range cases {
		r := httptest.NewRequest(http.MethodGet, "/control/m1", nil)
		r.Header.Set(c.header, c.value)
		if got := tokenOf(r); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestMeetingOf(t *testing.T) {
	for path, want := range map[string]string{
		"/control/m1": "m1", "/control/m1/": "m1", "/x/control/m1": "m1",
		"/control/": "", "/control/a/b": "", "/": "", "/control/" + strings.Repeat("a", 65): "",
	} {
		got, ok := meetingOf(path)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %q, %v", path, got, ok)
		}
	}
}

func TestConnect_NotWebSocket(t *testing.T) {
	s := New(Config{Rooms: newFakeRooms()})
	defer s.Close()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/control/m1", nil))
	if w.Code != http.StatusBadRequest || s.Stats().NotWebSocket != 1 {
		t.Errorf("got %d, %+v", w.Code, s.Stats())
	}
}

// Signaling spec 1.4 and 1.7: pings are answered before JOIN, and a socket that
// was opened long before its JOIN is tolerated.
func TestConnect_IdleBeforeJoin(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.dial("m1", "alice", nil)
		defer c.Close()
		for id := range uint32(60) { // ten minutes of pings
			s, err := c.Await(b.ctx, frame.Signal_PING_PONG)
			if err != nil {
				t.Fatal(err)
			}
			if p := s.GetPingPong(); p.GetType() != frame.PingPong_PONG || p.GetPingId() != id+1 || s.GetTimestampMs() != uint64(time.Now().UnixMilli()) {
				t.Fatalf("got %v, want a PONG for %d with the time", s, id+1)
			}
		}
		if _, _, err := c.Join(b.ctx, signalingtest.Join{}); err != nil {
			t.Error(err)
		}
	})
}

// But not for ever.
func TestConnect_NeverJoins(t *testing.T) {
	for _, ping := range []time.Duration{10 * time.Second, -1} {
		inBubble(t, nil, func(b *bench) {
			start := time.Now()
			c := b.dial("m1", "alice", &signalingtest.Options{Ping: ping})
			<-c.Done()
			want := 30 * time.Minute
			if ping < 0 {
				want = 5 * time.Minute
			}
			if got := time.Since(start); got != want {
				t.Errorf("with pings every %v: closed after %v, want %v", ping, got, want)
			}
			c.Cut()
		})
	}
}

// Signaling spec 1.4: a client that sends neither frames nor WebSocket pings is
// dropped after a minute; either keeps it.
func TestSilence(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		silent, p := b.join("alice", &signalingtest.Options{Ping: -1})
		native, q := b.join("bob", &signalingtest.Options{Ping: -1})
		for range 6 {
			time.Sleep(10 * time.Second)
			if err := native.PingSocket(); err != nil {
				t.Fatal(err)
			}
		}
		<-silent.Done()
		b.wantCall(p, "drop")
		b.wantNoCall(q)
		if n := b.server.Stats().CutIdle; n != 1 {
			t.Errorf("CutIdle = %d, want 1", n)
		}
		silent.Cut()
		native.Close()
	})
}

// Signaling spec 1.6: 4500 brings clients back at once. While draining, new
// ones get it too.
func TestDrain(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c, p := b.join("alice", nil)
		waiting := b.dial("m1", "bob", nil)
		if err := b.server.Drain(b.ctx); err != nil {
			t.Fatal(err)
		}
		b.wantClose(c, 4500, "server is draining")
		b.wantClose(waiting, 4500, "server is draining")
		b.wantCall(p, "drop")
		b.wantClose(b.dial("m1", "bob", nil), 4500, "server is draining")
	})
}

// A client that neither reads nor answers does not hold the server up.
func TestDrain_Deadline(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		conn, err := b.netDial(b.ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		upgrade(t, conn, "alice")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		if err := b.server.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		_ = conn.Close()
	})
}

func TestTURNSessions(t *testing.T) {
	rooms := newFakeRooms()
	s := New(Config{Rooms: rooms, TURNSessions: func(host string) *Credentials {
		return &Credentials{"u", "p", 24 * time.Hour, []string{"turn:" + host + ":3478?transport=udp"}}
	}})
	defer s.Close()
	cases := []struct{ name, method, token, body, want string }{
		{"OK", "POST", "_aws_wt_session=alice", `{"meetingId":"m1"}`, `200 {"password":"p","ttl":86400,"uris":["turn:meet.example:3478?transport=udp"],"username":"u"}`},
		{"Forbidden", "POST", "_aws_wt_session=deleted", `{"meetingId":"m1"}`, `403 {"message":"attendee unavailable"}`},
		{"Ended", "POST", "_aws_wt_session=alice", `{"meetingId":"over"}`, `404 {"message":"meeting ended"}`},
		{"NoToken", "POST", "", `{"meetingId":"m1"}`, `403 {"message":"X-Chime-Auth-Token must be _aws_wt_session=\u003cjoin token\u003e"}`},
		{"Malformed", "POST", "_aws_wt_session=alice", `meetingId`, `400 {"message":"the body must be {\"meetingId\": \"\u003cid\u003e\"}"}`},
		{"Failure", "POST", "_aws_wt_session=broken", `{"meetingId":"m1"}`, `500 {"message":"internal error"}`},
		{"Get", "GET", "_aws_wt_session=alice", ``, `405 {"message":"use POST"}`},
		{"Preflight", "OPTIONS", "", ``, `204 `},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://meet.example:8443/v2/turn_sessions?X-Amzn-Version=1.18.0", strings.NewReader(c.body))
			r.Header.Set("X-Chime-Auth-Token", c.token)
			w := httptest.NewRecorder()
			s.TURNSessions().ServeHTTP(w, r)
			if got := strings.TrimSuffix(fmt.Sprintf("%d %s", w.Code, w.Body), "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Error("pages from elsewhere cannot read it")
			}
		})
	}
	if st := s.Stats(); st.TURNSessions != 1 || st.TURNSessionsRefused != 5 {
		t.Errorf("got %+v", st)
	}
}

func TestClientEvents(t *testing.T) {
	s := New(Config{Rooms: newFakeRooms()})
	defer s.Close()
	const good = `{"metadata":{"meetingId":"m1","attendeeId":"a"},"events":[{"type":"Meet","v":1,"payloads":[{"name":"meetingStartFailed","ts":1},{"name":"x","ts":2}]}]%s}`
	body := func(extra string) string { return strings.Replace(good, "%s", extra, 1) }
	cases := []struct {
		name, query, token, body string
		want                     int
	}{
		{"OK", "", "Bearer alice", body(""), 200},
		{"Beacon", "?beacon=1", "", body(`,"authorization":"alice"`), 200},
		{"AfterTheEnd", "", "Bearer alice", strings.Replace(body(""), `"m1"`, `"over"`, 1), 200},
		{"NoToken", "", "", body(""), 403},
		{"TokenInBodyOnlyForBeacons", "", "", body(`,"authorization":"alice"`), 403},
		{"Forged", "", "Bearer mallory", body(""), 403},
		{"NotJSON", "", "Bearer alice", "hello", 400},
		{"WrongShape", "", "Bearer alice", `{"events":7}`, 400},
		{"NoMeeting", "", "Bearer alice", `{"events":[{}]}`, 400},
		{"NoEvents", "", "Bearer alice", `{"metadata":{"meetingId":"m1"}}`, 400},
		{"TooLarge", "", "Bearer alice", body(`,"x":"` + strings.Repeat("x", 2<<20) + `"`), 413},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/v1/client-events"+c.query, strings.NewReader(c.body))
			r.Header.Set("Authorization", c.token)
			w := httptest.NewRecorder()
			s.ClientEvents().ServeHTTP(w, r)
			if w.Code != c.want || !json.Valid(w.Body.Bytes()) {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.want)
			}
			if c.want == 200 && strings.TrimSpace(w.Body.String()) != "{}" {
				t.Errorf("got %s, want {}", w.Body)
			}
		})
	}
	if st := s.Stats(); st.ClientEvents != 6 || st.ClientEventsRefused != 8 {
		t.Errorf("got %+v", st)
	}
}

// RoomsOf must infer P from Join's result, and not wrap a nil pointer.
func TestRoomsOf(t *testing.T) {
	rooms := RoomsOf(concreteRooms{newFakeRooms()})
	p, err := rooms.Join(t.Context(), conference.Identity{}, conference.JoinOptions{}, nil)
	if p != nil || !errors.Is(err, conference.ErrDraining) {
		t.Errorf("got %v, %v", p, err)
	}
}

type concreteRooms struct{ *fakeRooms }

func (concreteRooms) Join(context.Context, conference.Identity, conference.JoinOptions, conference.Client) (*fakeParticipant, error) {
	return nil, conference.ErrDraining
}

// Pages of applications come from anywhere (signaling spec 1.2).
func TestConnect_AnyOrigin(t *testing.T) {
	web := httptest.NewServer(New(Config{Rooms: newFakeRooms(), Limits: Limits{CloseWait: time.Millisecond}}))
	defer web.Close()
	server := web.Config.Handler.(*Server)
	defer server.Close()
	dialer := websocket.Dialer{Subprotocols: []string{tokenProtocol, "alice"}}
	conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(web.URL, "http")+"/control/m1",
		http.Header{"Origin": {"https://elsewhere.example"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	_ = conn.Close()
}
