package rtc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var discard = slog.New(slog.DiscardHandler)

func TestListen_Refuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"wildcard":      {Config{Address: "0.0.0.0:5004"}, `wildcard: "0.0.0.0:5004": name one address of this machine, such as ` + ownAddress() + ":5004"},
		"no host":       {Config{Address: ":0"}, "wildcard"},
		"no port":       {Config{Address: "127.0.0.1"}, "missing port"},
		"busy TCP port": {Config{Address: busy.Addr().String()}, "address already in use"},
		"other family":  {Config{Address: "127.0.0.1:0", Advertise: []string{"no.such.host.invalid"}}, "advertised address"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Listen(c.config)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestListen_SamePortTwiceInOneProcess(t *testing.T) {
	a, b := idleServer(t), idleServer(t)
	if a.Addr() == b.Addr() {
		t.Error("two servers on one port")
	}
	if got := a.tcp.Addr().(*net.TCPAddr).AddrPort(); got != a.Addr() {
		t.Errorf("TCP %v, UDP %v", got, a.Addr())
	}
}

func TestListen_Advertised(t *testing.T) {
	s := idleServer(t, func(c *Config) { c.Advertise = []string{"203.0.113.7", "203.0.113.8"} })
	sess, err := s.NewSession(newHeard())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range sess.Local().Candidates {
		got = append(got, netip.AddrPortFrom(netip.MustParseAddr(c.Address), c.Port).String())
	}
	port := ":" + strings.Split(s.Addr().String(), ":")[1]
	if diff := cmp.Diff([]string{"203.0.113.7" + port, "203.0.113.8" + port}, got); diff != "" {
		t.Error(diff)
	}
	for ip, want := range map[string]bool{"203.0.113.7": true, "127.0.0.1": true, "203.0.113.9": false} {
		if s.turn.mayReach(nil, net.ParseIP(ip)) != want {
			t.Errorf("mayReach(%s) is %v", ip, !want)
		}
	}
}

func TestServer_CloseIsIdempotent(t *testing.T) {
	s := idleServer(t)
	sess, err := s.NewSession(newHeard())
	if err != nil {
		t.Fatal(err)
	}
	sess.Close()
	sess.Close()
	s.Close()
	s.Close()
	if err := s.Run(context.Background()); err != nil {
		t.Errorf("Run after Close: %v", err)
	}
	if _, err := s.NewSession(newHeard()); !errors.Is(err, ErrClosed) {
		t.Errorf("NewSession after Close: %v", err)
	}
}
