// Package command is Carillon's command line: one file for each command.
//
// `serve` runs a server. The others ask a running one, which they find through
// the data folder (--data), or print something useful (`config example`).
// Every option of `serve` is also an environment variable (CARILLON_…) and a
// line of the config file.
package command

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

const description = `Carillon takes the place of Amazon Chime's developer surface on your own machine.

Start with "carillon serve"; everything has a default that works on loopback.
Then eval "$(carillon env)" points AWS tools in this shell at it.`

type commandLine struct {
	Serve  serve      `cmd:"" help:"Run the server."`
	Status status     `cmd:"" help:"Show where the running server listens and what it is doing."`
	Env    env        `cmd:"" help:"Print shell exports that point AWS tools at the running server."`
	Trace  traceSteps `cmd:"" help:"Show what happened when an attendee joined: why did it fail?"`
	Clock  struct {
		Advance clockAdvance `cmd:"" help:"Move the lifecycle clock forward (servers in --test-mode)."`
	} `cmd:"" help:"Drive the clock by which meetings end."`
	Config struct {
		Example configExample `cmd:"" help:"Print a config file with every option, its default and what it means."`
	} `cmd:"" help:"About the config file."`
	Version version `cmd:"" help:"Print the version."`
}

// Streams are where a command writes.
type Streams struct{ Out, Err io.Writer }

// Run carries out the command line args (without the program's name) until it
// is done or ctx ends, and returns the exit code: 0 done, 1 failed, 2 misused.
func Run(ctx context.Context, args []string, streams Streams) int {
	var line commandLine
	exit := -1
	config := configResolver(args)
	parser, err := kong.New(&line,
		kong.Name("carillon"),
		kong.Description(description),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Writers(streams.Out, streams.Err),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams),
		kong.Resolvers(config),
	)
	if err != nil {
		fmt.Fprintln(streams.Err, "carillon:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help has been printed
		return exit
	}
	if err == nil && isServe(parsed) {
		err = config.check(parser.Model)
	}
	if err != nil {
		fmt.Fprintf(streams.Err, "carillon: %v\nTry \"carillon --help\".\n", err)
		return 2
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(streams.Err, "carillon:", err)
		return 1
	}
	return 0
}
