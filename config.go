package carillon

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-rtc/carillon/internal/clock"
)

// Config is how a server is to run. The zero value of a field means its
// default, except for DataDir, which must be given.
type Config struct {
	DataDir       string // folder of everything that is kept; made if missing
	Listen        string // host:port of plain HTTP; default 127.0.0.1:8080, port 0: any free one
	TLSListen     string // host:port of HTTPS; default 127.0.0.1:8443
	Media         string // host:port of all media (UDP) and TURN (UDP and TCP); default 127.0.0.1:3478
	PublicAddress string // host name or IP written into answers and candidates; default: those of the listeners
	TURN          bool   // every client relays its media through TURN
	Rules         Rules  // default RulesGuide
	Limits        Limits // default PublishedLimits()
	AccountID     string // 12 digits; default 000000000000
	Region        string // of ARNs and of the printed environment; default us-east-1
	CertFile      string // TLS certificate chain (PEM); default: from the local CA
	KeyFile       string // its key (PEM)
	Page          Page   // who may use the web application; default PageLocal
	TestMode      bool   // lets `carillon clock advance` drive the lifecycle clock
	Audio         AudioConfig

	Logger *slog.Logger     // default: discards
	Clock  *clock.Lifecycle // default: a new one
}

// AudioConfig is how mixed audio is encoded.
type AudioConfig struct {
	BitrateKbps int // of each mix, 6 to 256; default 32
	Complexity  int // of the Opus encoder, 1 to 10; default 5
}

// Rules picks between published rules where they changed over the years.
type Rules string

// The rule sets.
const (
	RulesGuide   Rules = "guide"   // the 2020 developer guide
	RulesCurrent Rules = "current" // the later documents
)

// Page says who may use the web application.
type Page string

// The settings of Page.
const (
	PageLocal Page = "local" // meetings are started from this machine, joined by whoever has the link
	PageOpen  Page = "open"  // anyone who reaches the server may start a meeting
	PageOff   Page = "off"
)

// Limits are the quotas. Those of data messages always hold; API request
// rates hold unless zero (spec/meetings.md section 12).
type Limits struct {
	Meetings            int // active in the account
	Attendees           int // of a meeting, unless its MaxCount is lower
	HighDefAttendees    int // of a meeting with FHD video or UHD content
	Replicas            int // of a primary meeting
	Videos              int // cameras published in a meeting at once; 0: 16 by the guide's rules, 25 by the current ones
	ContentShares       int // in a meeting at once
	VideoSubscriptions  int // videos that one client receives
	CreateWithAttendees int // attendees of one CreateMeetingWithAttendees; 0: what the model says
	BatchAttendees      int // attendees of one BatchCreateAttendee
	APIRate             int // requests per second for each operation; 0: no limit
	APIBurst            int
}

// PublishedLimits are Amazon Chime's published quotas, without API request rates.
func PublishedLimits() Limits {
	return Limits{
		Meetings: 250, Attendees: 250, HighDefAttendees: 25, Replicas: 4,
		ContentShares: 2, VideoSubscriptions: 25, BatchAttendees: 100,
	}
}

// AWSLimits are the published quotas with the published API request rates.
func AWSLimits() Limits {
	l := PublishedLimits()
	l.APIRate, l.APIBurst = 10, 20
	return l
}

// named gives every limit its name on the command line.
func (l *Limits) named() map[string]*int {
	return map[string]*int{
		"meetings": &l.Meetings, "attendees": &l.Attendees, "hd-attendees": &l.HighDefAttendees,
		"replicas": &l.Replicas, "videos": &l.Videos, "content-shares": &l.ContentShares,
		"video-subscriptions": &l.VideoSubscriptions, "create-with-attendees": &l.CreateWithAttendees,
		"batch-attendees": &l.BatchAttendees, "api-rate": &l.APIRate, "api-burst": &l.APIBurst,
	}
}

// ParseLimits reads "published", "aws" or either of them with changes, such as
// "published,meetings=1000,videos=50".
func ParseLimits(text string) (Limits, error) {
	l := PublishedLimits()
	for i, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		name, value, isChange := strings.Cut(part, "=")
		switch {
		case i == 0 && (part == "published" || part == ""):
		case i == 0 && part == "aws":
			l = AWSLimits()
		case !isChange:
			return Limits{}, fmt.Errorf("limits %q: %q is neither published, aws (first) nor NAME=NUMBER", text, part)
		default:
			field, ok := l.named()[name]
			if !ok {
				return Limits{}, fmt.Errorf("limits %q: no limit is named %q; there are %s", text, name,
					strings.Join(slices.Sorted(maps.Keys(l.named())), ", "))
			}
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return Limits{}, fmt.Errorf("limits %q: %s=%q must be a whole number from 0", text, name, value)
			}
			*field = n
		}
	}
	if l.APIRate > 0 && l.APIBurst < l.APIRate {
		l.APIBurst = 2 * l.APIRate
	}
	return l, nil
}

// withDefaults fills in what was left zero and checks the rest.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.Listen, "127.0.0.1:8080")
	setDefault(&c.TLSListen, "127.0.0.1:8443")
	setDefault(&c.Media, "127.0.0.1:3478")
	setDefault(&c.Rules, RulesGuide)
	setDefault(&c.Limits, PublishedLimits())
	setDefault(&c.AccountID, "000000000000")
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.Page, PageLocal)
	setDefault(&c.Audio.BitrateKbps, 32)
	setDefault(&c.Audio.Complexity, 5)
	videos := 16
	if c.Rules == RulesCurrent {
		videos = 25
	}
	setDefault(&c.Limits.Videos, videos)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = new(clock.Lifecycle)
	}
	return c, c.check()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) check() error {
	if c.DataDir == "" {
		return fmt.Errorf("--data must name a folder")
	}
	for flag, addr := range map[string]string{"--listen": c.Listen, "--tls-listen": c.TLSListen, "--media": c.Media} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("%s %q: want HOST:PORT, such as 127.0.0.1:8080", flag, addr)
		}
	}
	if c.Rules != RulesGuide && c.Rules != RulesCurrent {
		return fmt.Errorf("--rules %q: want guide or current", c.Rules)
	}
	if c.Page != PageLocal && c.Page != PageOpen && c.Page != PageOff {
		return fmt.Errorf("--page %q: want local, open or off", c.Page)
	}
	if !regexp.MustCompile(`^[0-9]{12}$`).MatchString(c.AccountID) {
		return fmt.Errorf("--account-id %q: want 12 digits", c.AccountID)
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return fmt.Errorf("--tls-cert and --tls-key go together; only one was given")
	}
	if strings.ContainsAny(c.PublicAddress, "/: ") && net.ParseIP(c.PublicAddress) == nil {
		return fmt.Errorf("--public-address %q: want a host name or an IP address, without scheme and port", c.PublicAddress)
	}
	if c.Audio.BitrateKbps < 6 || c.Audio.BitrateKbps > 256 {
		return fmt.Errorf("--audio-bitrate %d: want 6 to 256 kbit/s", c.Audio.BitrateKbps)
	}
	if c.Audio.Complexity < 1 || c.Audio.Complexity > 10 {
		return fmt.Errorf("--audio-complexity %d: want 1 to 10", c.Audio.Complexity)
	}
	return nil
}
