package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/carillon-rtc/carillon/internal/store"
)

// serveBare is the yardstick of benchmark c, a process of its own: net/http and
// the store, one inserted row for each request, and nothing else.
func serveBare(args []string) error {
	flags := flag.NewFlagSet("bare", flag.ContinueOnError)
	data := flags.String("data", "", "folder of the database")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := store.Open(ctx, store.Config{Dir: *data, Migrations: []store.MigrationSet{{Domain: "bare", FS: fstest.MapFS{
		"001_row.sql": {Data: []byte(`CREATE TABLE row (id BIGINT PRIMARY KEY, body TEXT NOT NULL)`)},
	}}}})
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{Handler: bareHandler(s)}
	go func() {
		<-ctx.Done()
		_ = web.Close()
	}()
	if err := os.WriteFile(filepath.Join(*data, "address"), []byte(l.Addr().String()), 0o600); err != nil {
		return err
	}
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func bareHandler(s *store.Store) http.Handler {
	var id atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return // /healthz
		}
		body, err := io.ReadAll(r.Body)
		n := id.Add(1)
		if err == nil {
			err = s.Write(r.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(`INSERT INTO row (id, body) VALUES ($1, $2)`, n, string(body))
				return err
			})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"Meeting":{"MeetingId":"`+strconv.FormatInt(n, 10)+`"}}`)
	})
}

// bareRun measures the bare server as apiRun does Carillon.
func (b *bench) bareRun(ctx context.Context) (fixed, most pace, err error) {
	dir, remove, err := b.scratch()
	if err != nil {
		return fixed, most, err
	}
	defer remove()
	program, err := os.Executable()
	if err != nil {
		return fixed, most, err
	}
	c, err := launch(ctx, dir, program, "bare", "-data", dir)
	if err != nil {
		return fixed, most, err
	}
	defer c.stop()
	var addr string
	err = c.await(10*time.Second, func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "address"))
		addr = strings.TrimSpace(string(b))
		return err == nil && addr != "" && healthy(addr)
	})
	if err != nil {
		return fixed, most, err
	}
	w := newWork(func() *signer { return &signer{host: addr, accessKey: "AKIDEXAMPLE", secret: "secret"} })
	if _, err = w.run(ctx, c.pid(), addr, apiRate, apiWarmup); err != nil {
		return fixed, most, err
	}
	if fixed, err = w.run(ctx, c.pid(), addr, apiRate, mostTime); err != nil {
		return fixed, most, err
	}
	most, err = w.run(ctx, c.pid(), addr, 0, mostTime)
	return fixed, most, err
}
