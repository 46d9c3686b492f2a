// Command bench measures Carillon beside its peers on one machine and prints a
// table in Markdown.
//
//	bench [-only a,b,…] [-runs 5] [-carillon bin/carillon] [-dir bench/out] [-profile DIR]
//
//	a  3 talkers, 100 listeners who all send: CPU beside Janus AudioBridge
//	b  1,000 meetings that are over; 50 meetings of two muted attendees beside Janus
//	c  signed, durable API calls: latency at a fixed rate, and throughput
//	d  from the signalling socket's dial to the first decrypted audio packet
//	e  allocations for each packet
//	f  start-up time and memory
//
// Servers run as processes of their own, so that the CPU time of the server,
// read from /proc, is nothing but the server's. The clients live in this
// process. They do what a browser does on the wire (signalling socket, ICE,
// DTLS, SRTP), but cheaply: a hundred of them have to fit beside the server.
// A run in which this process may have been the bottleneck fails.
//
// docs/performance.md tells the method and the results.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bench is what all benchmarks share.
type bench struct {
	carillon string // the server's binary
	janus    string
	dir      string // scratch, on the disk where a server's data would be
	profiles string // folder for profiles; empty: none
	runs     int
}

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] { // what this program runs as its own child
		case "bare":
			exitOn(serveBare(os.Args[2:]))
			return
		case "serve":
			exitOn(serveProfiled(os.Args[2:]))
			return
		}
	}
	var b bench
	only := flag.String("only", "a,b,c,d,e,f", "which benchmarks")
	flag.StringVar(&b.carillon, "carillon", "bin/carillon", "the server to measure")
	flag.StringVar(&b.janus, "janus", "janus", "the peer to measure beside")
	flag.StringVar(&b.dir, "dir", "bench/out", "scratch folder; on a disk, for durable writes to mean something")
	flag.StringVar(&b.profiles, "profile", "", "folder for profiles of the servers, which are then built into this program (results are not to be published)")
	flag.IntVar(&b.runs, "runs", 5, "runs of each benchmark")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exitOn(b.run(ctx, strings.Split(*only, ",")))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs the named benchmarks and prints the table. A benchmark that fails
// does not stop the others.
func (b *bench) run(ctx context.Context, names []string) error {
	if err := b.prepare(); err != nil {
		return err
	}
	benchmarks := map[string]func(context.Context, *report) error{
		"a": b.talkersAndListeners, "b": b.quiet, "c": b.api, "d": b.joins, "e": b.allocations, "f": b.start,
	}
	r := &report{began: time.Now(), load: loadAverage()}
	var errs []error
	for _, name := range names {
		fn := benchmarks[name]
		if fn == nil {
			return fmt.Errorf("no benchmark is named %q; there are a to f", name)
		}
		r.section(name)
		if err := fn(ctx, r); err != nil {
			err = fmt.Errorf("benchmark %s: %w", name, err)
			r.progress("FAILED: %v", err)
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	r.print(os.Stdout)
	return errors.Join(errs...)
}

// prepare makes paths absolute, for children run in other folders.
func (b *bench) prepare() (err error) {
	if b.carillon, err = filepath.Abs(b.carillon); err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err = os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	if b.profiles != "" {
		if b.profiles, err = filepath.Abs(b.profiles); err != nil {
			return err
		}
		return os.MkdirAll(b.profiles, 0o755)
	}
	_, err = os.Stat(b.carillon)
	return err
}

// scratch makes a folder that remove deletes.
func (b *bench) scratch() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp(b.dir, "run-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
