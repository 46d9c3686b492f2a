// Package carillon is the whole server as a library: one program that takes the
// place of Amazon Chime's developer surface.
//
//	server, err := carillon.New(carillon.Config{DataDir: "data"})
//	…
//	err = server.Run(ctx) // until ctx ends, then drains
//
// New binds every port, so that [Server.Addresses] are true before Run. Any
// number of servers can run in one process, each on its own data folder and,
// by port 0, its own ports. This package is the only place where the rooms of
// the house are joined; DESIGN.md has the picture.
package carillon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/awshttp"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/certs"
	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/datadir"
	"github.com/carillon-rtc/carillon/internal/listen"
	"github.com/carillon-rtc/carillon/internal/lobby"
	"github.com/carillon-rtc/carillon/internal/meeting"
	"github.com/carillon-rtc/carillon/internal/rtc"
	"github.com/carillon-rtc/carillon/internal/signaling"
	"github.com/carillon-rtc/carillon/internal/store"
	"github.com/carillon-rtc/carillon/internal/trace"
)

// Server is one running Carillon.
type Server struct {
	cfg       Config
	log       *slog.Logger
	started   time.Time
	draining  atomic.Bool
	addresses Addresses

	dir   *datadir.Dir
	keys  datadir.Keys
	cert  tls.Certificate
	plain net.Listener
	tls   *listen.Shared

	store     *store.Store
	bus       bus.Bus
	media     *rtc.Server
	mixer     *audio.Engine
	meetings  *meeting.Service
	rooms     *conference.Rooms
	signaling *signaling.Server
	trace     *trace.Recorder
	lobby     *lobby.Lobby
	aws       *awshttp.Handler

	closers []func() // last opened, first closed
}

// Addresses are where a server listens. HTTP, TLS and Media are host:port with
// the ports that were really taken.
type Addresses struct {
	URL    string `json:"url"`    // http://…, by the public address if there is one
	TLSURL string `json:"tlsUrl"` // https://…
	HTTP   string `json:"listen"`
	TLS    string `json:"tlsListen"`
	Media  string `json:"media"` // UDP, and TURN on TCP
}

// New opens the data folder, binds the ports and joins the parts. The server
// answers from [Server.Run] on. A server that is not going to run must be closed.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Logger, started: time.Now(), trace: trace.NewRecorder(cfg.Logger)}
	for _, open := range []func() error{s.openData, s.openMedia, s.openPorts, s.openStore, s.wire, s.announce} {
		if err := open(); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Addresses tells where the server listens.
func (s *Server) Addresses() Addresses { return s.addresses }

// Close frees everything at once, without draining. After Run it does nothing.
func (s *Server) Close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.closers = nil
}

// onClose registers what undoes an opening.
func (s *Server) onClose(f func()) { s.closers = append(s.closers, f) }

func (s *Server) openData() (err error) {
	if s.dir, err = datadir.Open(s.cfg.DataDir); err != nil {
		return err
	}
	s.onClose(func() { _ = s.dir.Close() })
	if s.keys, err = s.dir.Keys(s.cfg.AccountID); err != nil {
		return err
	}
	if s.cfg.CertFile != "" {
		s.cert, err = certs.FromFiles(s.cfg.CertFile, s.cfg.KeyFile)
		return err
	}
	names := certs.Names(s.cfg.PublicAddress)
	for _, addr := range []string{s.cfg.Listen, s.cfg.TLSListen} {
		if host, _, _ := net.SplitHostPort(addr); host != "" && !net.ParseIP(host).IsUnspecified() {
			names = append(names, host)
		}
	}
	s.cert, err = certs.Local(s.dir.Path, names, time.Now())
	return err
}

func (s *Server) openMedia() error {
	var advertise []string
	if s.cfg.PublicAddress != "" {
		advertise = []string{s.cfg.PublicAddress}
	}
	media, err := rtc.Listen(rtc.Config{Address: s.cfg.Media, Advertise: advertise, Log: s.log})
	if errors.Is(err, rtc.ErrWildcard) {
		err = fmt.Errorf("%w; if clients reach it by another one, as with containers, name that by --public-address", err)
	}
	if errors.Is(err, rtc.ErrAdvertised) {
		return fmt.Errorf("--public-address %s with --media %s: %w", s.cfg.PublicAddress, s.cfg.Media, err)
	}
	if err != nil {
		return listen.Explain(err, "--media", s.cfg.Media)
	}
	s.media = media
	s.onClose(media.Close)
	s.mixer = audio.NewEngine(audio.EngineConfig{
		Flush: media.Flush, Log: s.log, Bitrate: s.cfg.Audio.BitrateKbps * 1000, Complexity: s.cfg.Audio.Complexity,
	})
	s.onClose(s.mixer.Close)
	return nil
}

func (s *Server) openPorts() error {
	plain, err := listen.TCP("--listen", s.cfg.Listen)
	if err != nil {
		return err
	}
	s.plain = plain
	s.onClose(func() { plain.Close() })
	secure, err := listen.TCP("--tls-listen", s.cfg.TLSListen)
	if err != nil {
		return err
	}
	s.tls = listen.Share(secure, &tls.Config{
		Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12,
	}, s.media.ServeTURN)
	s.onClose(func() { _ = s.tls.Close() })
	s.addresses = Addresses{
		URL:    "http://" + s.reachable(plain.Addr()),
		TLSURL: "https://" + s.reachable(secure.Addr()),
		HTTP:   plain.Addr().String(), TLS: secure.Addr().String(), Media: s.media.Addr().String(),
	}
	return nil
}

// reachable is host:port by which clients reach a listener: a wildcard is not
// something that one can dial.
func (s *Server) reachable(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String())
	switch {
	case s.cfg.PublicAddress != "":
		host = s.cfg.PublicAddress
	case net.ParseIP(host).IsUnspecified():
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (s *Server) openStore() (err error) {
	s.store, err = store.Open(context.Background(), store.Config{
		Dir: s.dir.Path, Log: s.log, Migrations: migrations(),
	})
	if err != nil {
		return err
	}
	s.onClose(func() { _ = s.store.Close() })
	return nil
}

// announce tells Carillon's own commands where the server is.
func (s *Server) announce() error {
	caFile := filepath.Join(s.dir.Path, certs.CAFile)
	if s.cfg.CertFile != "" {
		caFile = ""
	}
	return s.dir.Announce(datadir.Running{
		PID: os.Getpid(), URL: s.addresses.URL, TLSURL: s.addresses.TLSURL,
		HTTP: s.addresses.HTTP, TLS: s.addresses.TLS, Media: s.addresses.Media,
		Region: s.cfg.Region, CAFile: caFile, TURN: s.cfg.TURN, StartedAt: s.started.UTC().Format(time.RFC3339),
	})
}

const (
	drainTime    = 8 * time.Second // SIGTERM to exit stays below 10 s
	readTimeout  = 30 * time.Second
	headTimeout  = 10 * time.Second
	idleTimeout  = 2 * time.Minute
	maxHeadBytes = 64 << 10
)

// Run serves until ctx ends, then drains: new joins and open sockets are told
// to come back (close code 4500), requests under way are finished, and
// everything is closed. It returns nil after a clean stop and must be called
// once.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	s.log.Info("serving", "url", s.addresses.URL, "tls", s.addresses.TLSURL, "media", s.addresses.Media, "data", s.dir.Path)
	routes := s.routes()
	plain := s.httpServer(routes)
	secure := s.httpServer(overTLS(routes))

	group, running := errgroup.WithContext(ctx)
	background, stopBackground := context.WithCancel(context.Background())
	defer stopBackground()
	group.Go(func() error { return ignoring(s.media.Run(background), context.Canceled) })
	group.Go(func() error { return ignoring(s.meetings.Run(background), context.Canceled) })
	group.Go(func() error { return ignoring(plain.Serve(s.plain), http.ErrServerClosed) })
	group.Go(func() error { return ignoring(secure.Serve(s.tls), http.ErrServerClosed) })
	group.Go(func() error {
		<-running.Done()
		s.drain(plain, secure)
		stopBackground()
		return nil
	})
	err := group.Wait()
	s.log.Info("stopped", "err", err)
	return err
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeadBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// overTLS marks requests of the shared TLS listener, whose connections net/http
// cannot see to be encrypted.
func overTLS(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
		h.ServeHTTP(w, r)
	})
}

// drain ends what is under way, within drainTime.
func (s *Server) drain(servers ...*http.Server) {
	s.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	s.log.Info("draining")
	s.rooms.Drain()
	if err := s.signaling.Drain(ctx); err != nil {
		s.log.Warn("some clients were cut off", "err", err)
	}
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
	}
}

// ignoring drops the error that tells of a wanted end.
func ignoring(err, wanted error) error {
	if errors.Is(err, wanted) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("carillon: %w", err)
	}
	return nil
}
