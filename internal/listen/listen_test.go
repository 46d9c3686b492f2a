package listen

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/carillon-rtc/carillon/internal/certs"
)

func TestTCP_BusyPortNamesTheFlag(t *testing.T) {
	first, err := TCP("--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = TCP("--listen", first.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "--listen") || !strings.Contains(err.Error(), "another program") {
		t.Errorf("err = %v, want one that names --listen", err)
	}
	if _, err = TCP("--listen", "192.0.2.1:0"); err == nil || !strings.Contains(err.Error(), "no network interface") {
		t.Errorf("err = %v, want one that says the address is not ours", err)
	}
}

func TestShared(t *testing.T) {
	defer goleak.VerifyNone(t)
	cert, err := certs.Local(t.TempDir(), certs.Names(""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	inner, err := TCP("--tls-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	turned := make(chan string, 1)
	shared := Share(inner, &tls.Config{Certificates: []tls.Certificate{cert}}, func(c net.Conn) {
		defer c.Close()
		b := make([]byte, 4)
		_, _ = io.ReadFull(c, b)
		turned <- string(b)
	})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "http")
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(shared) }()
	dial := func() *tls.Conn {
		c, err := tls.Dial("tcp", shared.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	silent := dial() // says nothing; must hold nobody up
	defer silent.Close()

	turn := dial()
	defer turn.Close()
	_, _ = turn.Write([]byte("\x00\x03ab"))
	if got := <-turned; got != "\x00\x03ab" {
		t.Errorf("TURN got %q, the first byte included", got)
	}

	web := dial()
	defer web.Close()
	_, _ = web.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
	if answer, _ := io.ReadAll(web); !strings.HasSuffix(string(answer), "http") {
		t.Errorf("HTTP answered %q", answer)
	}

	server.Close()
	<-served
}
