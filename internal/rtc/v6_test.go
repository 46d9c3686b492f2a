package rtc

import (
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// The socket's batches work with either family.
func TestListen_IPv6(t *testing.T) {
	s, err := Listen(Config{Address: "[::1]:0", Log: discard})
	if err != nil {
		t.Skip("no IPv6 loopback: ", err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	conn, err := net.DialUDP("udp6", nil, net.UDPAddrFromAddrPort(s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	m := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	if _, err := conn.Write(m.Raw); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 1500)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	r := &stun.Message{Raw: b[:n]}
	var mapped stun.XORMappedAddress
	if err := r.Decode(); err != nil || mapped.GetFrom(r) != nil || mapped.Port != conn.LocalAddr().(*net.UDPAddr).Port || !mapped.IP.Equal(net.IPv6loopback) {
		t.Errorf("got %v, %v from %v", mapped, err, r)
	}
}
