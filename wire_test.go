package carillon

import (
	"net"
	"slices"
	"testing"
	"time"
)

// TURN's addresses name their transport: the client's readiness checker looks
// for it, and wants one of each (signaling spec 7.1, checklist 35). Without a
// public address TLS is reached by the name that the client used, which the
// certificate may have.
func TestTURNCredentials(t *testing.T) {
	for public, hosts := range map[string][2]string{
		"":            {"127.0.0.1", "meet.test"},
		"203.0.113.7": {"203.0.113.7", "203.0.113.7"},
	} {
		s, err := New(Config{
			DataDir: t.TempDir(), Listen: "127.0.0.1:0", TLSListen: "127.0.0.1:0", Media: "127.0.0.1:0", PublicAddress: public,
		})
		if err != nil {
			t.Fatal(err)
		}
		c := s.turnCredentials("meet.test")
		s.Close()
		_, media, _ := net.SplitHostPort(s.Addresses().Media)
		_, tls, _ := net.SplitHostPort(s.Addresses().TLS)
		want := []string{
			"turn:" + hosts[0] + ":" + media + "?transport=udp", "turn:" + hosts[0] + ":" + media + "?transport=tcp",
			"turns:" + hosts[1] + ":" + tls + "?transport=tcp",
		}
		if !slices.Equal(c.URIs, want) || c.TTL < 24*time.Hour || c.Username == "" || c.Password == "" {
			t.Errorf("public address %q: %+v, want %v", public, c, want)
		}
	}
}
