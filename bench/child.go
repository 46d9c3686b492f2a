package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a server that runs as a process of its own.
type child struct {
	name string
	cmd  *exec.Cmd
	log  string // file with what it printed
	done chan struct{}
	err  error // valid when done is closed
}

// launch starts a program. It is told to stop when ctx ends, or by stop.
func launch(ctx context.Context, dir, program string, args ...string) (*child, error) {
	c := &child{name: filepath.Base(program), log: filepath.Join(dir, filepath.Base(program)+".log"), done: make(chan struct{})}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd = exec.CommandContext(ctx, program, args...)
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, log, log
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = 12 * time.Second
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the process and waits for it.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(12 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// await tries until ok is true, the process has ended, or limit has passed.
func (c *child) await(limit time.Duration, ok func() bool) error {
	deadline := time.Now().Add(limit)
	for !ok() {
		select {
		case <-c.done:
			return fmt.Errorf("%s ended: %w\n%s", c.name, c.err, c.output())
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %v\n%s", c.name, limit, c.output())
		}
	}
	return nil
}

// output is the end of what the process printed.
func (c *child) output() string {
	b, _ := os.ReadFile(c.log)
	return string(b[max(0, len(b)-2000):])
}

// clockTick is the unit of /proc/PID/stat: USER_HZ, which is 100 on Linux
// everywhere. The kernel scales the two fields so that their sum is the
// scheduler's exact run time.
const clockTick = 10 * time.Millisecond

// cpuTime is the user and system time that a process has used.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is a name in parentheses, which may contain anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	user, err := strconv.ParseInt(f[11], 10, 64) // field 14 of proc(5)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

// residentMiB is the memory of a process that is in RAM, and its part that no
// file backs.
func residentMiB(pid int) (resident, anonymous float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			resident = kib / 1024
		case "RssAnon":
			anonymous = kib / 1024
		}
	}
	return resident, anonymous, nil
}

// usage is the CPU that was used in a window of time, in cores.
type usage struct {
	server, generator float64
}

// meter measures a server and this process over a window.
type meter struct {
	pid       int
	at        time.Time
	cpu, mine time.Duration
}

func startMeter(pid int) (*meter, error) {
	m := &meter{pid: pid}
	var err error
	if m.cpu, err = cpuTime(pid); err != nil {
		return nil, err
	}
	m.mine, err = cpuTime(os.Getpid())
	m.at = time.Now()
	return m, err
}

// read is the usage since the start.
func (m *meter) read() (usage, error) {
	elapsed := time.Since(m.at).Seconds()
	cpu, err := cpuTime(m.pid)
	if err != nil {
		return usage{}, err
	}
	mine, err := cpuTime(os.Getpid())
	return usage{(cpu - m.cpu).Seconds() / elapsed, (mine - m.mine).Seconds() / elapsed}, err
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
