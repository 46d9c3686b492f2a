// Command carillon runs the server and asks a running one.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/carillon-rtc/carillon/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Run(ctx, os.Args[1:], command.Streams{Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
