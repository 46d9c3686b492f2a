package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"

	"github.com/carillon-rtc/carillon"
)

// serveProfiled is `carillon serve` for finding hot spots: the same server with
// the flags that the benchmarks use, in a process of its own, which writes a
// CPU profile of its whole life and one of all its allocations.
func serveProfiled(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	out := flags.String("profile", ".", "folder of the profiles")
	c := carillon.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	flags.StringVar(&c.DataDir, "data", "", "")
	flags.StringVar(&c.Listen, "listen", "", "")
	flags.StringVar(&c.TLSListen, "tls-listen", "", "")
	flags.StringVar(&c.Media, "media", "", "")
	limits := flags.String("limits", "published", "")
	flags.String("log-level", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if c.Limits, err = carillon.ParseLimits(*limits); err != nil {
		return err
	}
	cpu, err := os.Create(filepath.Join(*out, fmt.Sprintf("cpu-%d.prof", os.Getpid())))
	if err != nil {
		return err
	}
	defer cpu.Close()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := carillon.New(c)
	if err != nil {
		return err
	}
	err = s.Run(ctx)
	pprof.StopCPUProfile()
	if heap, e := os.Create(filepath.Join(*out, fmt.Sprintf("allocs-%d.prof", os.Getpid()))); e == nil {
		_ = pprof.Lookup("allocs").WriteTo(heap, 0)
		heap.Close()
	}
	return err
}
