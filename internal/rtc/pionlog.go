package rtc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog gives what pion has to say to our log, at debug level: most of it is about packets of strangers.
type pionLog struct{ log *slog.Logger }

func (p pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{p.log.With("library", scope)}
}

type pionLogger struct{ log *slog.Logger }

func (l pionLogger) say(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...))
	}
}

func (l pionLogger) Trace(string)                      {}
func (l pionLogger) Tracef(string, ...any)             {}
func (l pionLogger) Debug(string)                      {}
func (l pionLogger) Debugf(string, ...any)             {}
func (l pionLogger) Info(msg string)                   { l.say("%s", msg) }
func (l pionLogger) Infof(format string, args ...any)  { l.say(format, args...) }
func (l pionLogger) Warn(msg string)                   { l.say("%s", msg) }
func (l pionLogger) Warnf(format string, args ...any)  { l.say(format, args...) }
func (l pionLogger) Error(msg string)                  { l.say("%s", msg) }
func (l pionLogger) Errorf(format string, args ...any) { l.say(format, args...) }
