package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/carillon-rtc/carillon"
)

// dataFlag is the option that all commands share.
type dataFlag struct {
	Data string `default:"carillon-data" env:"CARILLON_DATA" placeholder:"DIR" help:"Folder of the server's data."`
}

type serve struct {
	dataFlag
	Config          string `env:"CARILLON_CONFIG" placeholder:"FILE" help:"Config file (default: carillon.yaml in the data folder, if there is one)."`
	Listen          string `default:"127.0.0.1:8080" env:"CARILLON_LISTEN" placeholder:"HOST:PORT" help:"Plain HTTP: APIs, sockets, page, metrics. Port 0 takes a free one."`
	TLSListen       string `default:"127.0.0.1:8443" env:"CARILLON_TLS_LISTEN" placeholder:"HOST:PORT" help:"The same over TLS, and TURN over TLS."`
	Media           string `default:"127.0.0.1:3478" env:"CARILLON_MEDIA" placeholder:"HOST:PORT" help:"All media and TURN: one UDP port and the same TCP port."`
	PublicAddress   string `env:"CARILLON_PUBLIC_ADDRESS" placeholder:"HOST" help:"Host name or IP written into answers and media candidates."`
	Turn            string `default:"off" enum:"off,on" env:"CARILLON_TURN" help:"on: every client relays its media through TURN; off: direct media."`
	Rules           string `default:"guide" enum:"guide,current" env:"CARILLON_RULES" help:"Where published rules changed: those of the 2020 guide or the current ones."`
	Limits          string `default:"published" env:"CARILLON_LIMITS" placeholder:"LIMITS" help:"Quotas: published, aws (with API request rates), or either with changes: published,meetings=1000."`
	AccountID       string `default:"000000000000" env:"CARILLON_ACCOUNT_ID" placeholder:"ID" help:"AWS account id, 12 digits."`
	Region          string `default:"us-east-1" env:"CARILLON_REGION" placeholder:"REGION" help:"Region of ARNs and of 'carillon env'."`
	TLSCert         string `env:"CARILLON_TLS_CERT" placeholder:"FILE" help:"TLS certificate chain (PEM); default: from a local CA in the data folder."`
	TLSKey          string `env:"CARILLON_TLS_KEY" placeholder:"FILE" help:"Key of --tls-cert (PEM)."`
	Page            string `default:"local" enum:"local,open,off" env:"CARILLON_PAGE" help:"Web application: local (meetings are started from this machine, joined by link), open (started by anyone), off."`
	AudioBitrate    int    `default:"32" env:"CARILLON_AUDIO_BITRATE" placeholder:"KBPS" help:"Bit rate of mixed audio in kbit/s."`
	AudioComplexity int    `default:"5" env:"CARILLON_AUDIO_COMPLEXITY" placeholder:"N" help:"Complexity of the Opus encoder, 1 to 10."`
	LogLevel        string `default:"info" enum:"debug,info,warn,error" env:"CARILLON_LOG_LEVEL" help:"debug, info, warn or error."`
	LogFormat       string `default:"text" enum:"text,json" env:"CARILLON_LOG_FORMAT" help:"text or json, to standard error."`
	TestMode        bool   `env:"CARILLON_TEST_MODE" help:"Allow 'carillon clock advance'. Not for real meetings."`
}

// Run serves until ctx ends, then drains.
func (s *serve) Run(ctx context.Context, streams Streams) error {
	limits, err := carillon.ParseLimits(s.Limits)
	if err != nil {
		return fmt.Errorf("--limits: %w", err)
	}
	server, err := carillon.New(carillon.Config{
		DataDir: s.Data, Listen: s.Listen, TLSListen: s.TLSListen, Media: s.Media,
		PublicAddress: s.PublicAddress, TURN: s.Turn == "on",
		Rules: carillon.Rules(s.Rules), Limits: limits,
		AccountID: s.AccountID, Region: s.Region,
		CertFile: s.TLSCert, KeyFile: s.TLSKey,
		Page: carillon.Page(s.Page), TestMode: s.TestMode,
		Audio:  carillon.AudioConfig{BitrateKbps: s.AudioBitrate, Complexity: s.AudioComplexity},
		Logger: s.logger(streams),
	})
	if err != nil {
		return err
	}
	s.greet(streams, server.Addresses())
	return server.Run(ctx)
}

func (s *serve) logger(streams Streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // the enum above only lets good ones in
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(streams.Err, opts))
	}
	return slog.New(slog.NewTextHandler(streams.Err, opts))
}

// greet prints what to do next.
func (s *serve) greet(streams Streams, a carillon.Addresses) {
	data := s.Data
	if strings.ContainsAny(data, " \t'\"") {
		data = fmt.Sprintf("%q", data)
	}
	program := os.Args[0]
	fmt.Fprintf(streams.Out, "Carillon is running.\n\n")
	if s.Page != "off" {
		fmt.Fprintf(streams.Out, "  Meet            %s/\n", a.URL)
	}
	fmt.Fprintf(streams.Out, "  AWS endpoint    %s   (TLS: %s)\n", a.URL, a.TLSURL)
	fmt.Fprintf(streams.Out, "  Media           udp and tcp %s\n", a.Media)
	fmt.Fprintf(streams.Out, "  AWS tools here  eval \"$(%s env --data %s)\"\n", program, data)
	fmt.Fprintf(streams.Out, "\nCtrl-C stops it.\n")
}
