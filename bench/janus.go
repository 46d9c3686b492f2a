package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// janus is a Janus with nothing but its AudioBridge, as a child.
type janus struct {
	*child
	url     string // of the session
	client  http.Client
	polling sync.WaitGroup
	stopped context.CancelFunc

	mu      sync.Mutex
	waiting map[string]chan<- json.RawMessage // by transaction
}

// bridge starts a Janus in dir and opens a session.
func (b *bench) bridge(ctx context.Context, dir string) (*janus, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := writeJanusConfig(dir, port); err != nil {
		return nil, err
	}
	c, err := launch(ctx, dir, b.janus, "-F", dir, "-C", filepath.Join(dir, "janus.jcfg"), "-P", filepath.Join(dir, "plugins"))
	if err != nil {
		return nil, err
	}
	j := &janus{child: c, url: fmt.Sprintf("http://127.0.0.1:%d/janus", port), waiting: make(map[string]chan<- json.RawMessage)}
	err = c.await(10*time.Second, func() bool {
		r, err := j.client.Get(j.url + "/info")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	if err != nil {
		c.stop()
		return nil, err
	}
	id, err := j.make(j.url, map[string]any{"janus": "create"})
	if err != nil {
		c.stop()
		return nil, err
	}
	j.url = fmt.Sprintf("%s/%d", j.url, id)
	polls, stop := context.WithCancel(ctx)
	j.stopped = stop
	j.polling.Go(func() { j.poll(polls) })
	return j, nil
}

// end stops Janus.
func (j *janus) end() {
	j.stopped()
	j.polling.Wait()
	j.stop()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// writeJanusConfig makes a configuration with one plugin and one transport, as
// quiet as it gets.
func writeJanusConfig(dir string, port int) error {
	for _, kind := range []struct{ folder, library string }{
		{"plugins", "libjanus_audiobridge.so"}, {"transports", "libjanus_http.so"}, {"events", ""}, {"loggers", ""},
	} {
		folder := filepath.Join(dir, kind.folder)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		if kind.library == "" {
			continue
		}
		found, _ := filepath.Glob(filepath.Join("/usr/lib/*/janus", kind.folder, kind.library))
		if len(found) == 0 {
			return fmt.Errorf("%s is missing: install Debian's package janus", kind.library)
		}
		if err := os.Symlink(found[0], filepath.Join(folder, kind.library)); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "janus.jcfg"), fmt.Appendf(nil, `general: {
	configs_folder = %q
	plugins_folder = %q
	transports_folder = %q
	events_folder = %q
	loggers_folder = %q
	debug_level = 1
	session_timeout = 0
	interface = "127.0.0.1"
}
`, dir, dir+"/plugins", dir+"/transports", dir+"/events", dir+"/loggers"), 0o644),
		os.WriteFile(filepath.Join(dir, "janus.transport.http.jcfg"), fmt.Appendf(nil, `general: {
	json = "compact"
	base_path = "/janus"
	http = true
	port = %d
	ip = "127.0.0.1"
	https = false
}
admin: {
	admin_http = false
}
`, port), 0o644),
		// The ports stay below those that the kernel gives to clients.
		os.WriteFile(filepath.Join(dir, "janus.plugin.audiobridge.jcfg"), []byte(`general: {
	events = false
	rtp_port_range = "10000-32000"
	local_ip = "127.0.0.1"
}
`), 0o644))
}

// post sends a request and returns the answer.
func (j *janus) post(url string, message map[string]any) (json.RawMessage, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	r, err := j.client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var answer json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return nil, err
	}
	var status struct {
		Janus string
		Error struct{ Reason string }
	}
	if err := json.Unmarshal(answer, &status); err != nil {
		return nil, err
	}
	if status.Janus == "error" {
		return nil, fmt.Errorf("janus: %v: %s", message["janus"], status.Error.Reason)
	}
	return answer, nil
}

// make makes a session or a handle and returns its id.
func (j *janus) make(url string, message map[string]any) (int64, error) {
	message["transaction"] = rand.Text()
	answer, err := j.post(url, message)
	if err != nil {
		return 0, err
	}
	var made struct{ Data struct{ ID int64 } }
	return made.Data.ID, json.Unmarshal(answer, &made)
}

// poll brings the session's events to those who wait for them.
func (j *janus) poll(ctx context.Context) {
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, j.url+"?maxev=20", nil)
		if err != nil {
			return
		}
		r, err := j.client.Do(request)
		if err != nil {
			_ = sleep(ctx, 100*time.Millisecond)
			continue
		}
		var events []json.RawMessage
		err = json.NewDecoder(r.Body).Decode(&events)
		r.Body.Close()
		if err != nil {
			continue
		}
		for _, e := range events {
			j.deliver(e)
		}
	}
}

func (j *janus) deliver(event json.RawMessage) {
	var head struct{ Transaction string }
	if json.Unmarshal(event, &head) != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if ch := j.waiting[head.Transaction]; ch != nil {
		delete(j.waiting, head.Transaction)
		ch <- event
	}
}

// bridgeAnswer is what the plugin says.
type bridgeAnswer struct {
	Audiobridge string
	Error       string
	RTP         struct {
		IP   string
		Port uint16
	}
}

// ask sends a request to the plugin. Some are answered at once, others by an
// event.
func (j *janus) ask(handle int64, body map[string]any) (bridgeAnswer, error) {
	transaction := rand.Text()
	event := make(chan json.RawMessage, 1)
	j.mu.Lock()
	j.waiting[transaction] = event
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		delete(j.waiting, transaction)
		j.mu.Unlock()
	}()
	answer, err := j.post(fmt.Sprintf("%s/%d", j.url, handle), map[string]any{"janus": "message", "transaction": transaction, "body": body})
	if err != nil {
		return bridgeAnswer{}, err
	}
	var message struct {
		Janus      string
		Plugindata struct{ Data bridgeAnswer }
	}
	if err := json.Unmarshal(answer, &message); err != nil {
		return bridgeAnswer{}, err
	}
	if message.Janus == "ack" {
		select {
		case e := <-event:
			if err := json.Unmarshal(e, &message); err != nil {
				return bridgeAnswer{}, err
			}
		case <-time.After(10 * time.Second):
			return bridgeAnswer{}, fmt.Errorf("janus: no event for %v", body["request"])
		}
	}
	if e := message.Plugindata.Data.Error; e != "" {
		return bridgeAnswer{}, fmt.Errorf("janus: %v: %s", body["request"], e)
	}
	return message.Plugindata.Data, nil
}

func (j *janus) attach() (int64, error) {
	return j.make(j.url, map[string]any{"janus": "attach", "plugin": "janus.plugin.audiobridge"})
}

// createRoom makes a room that mixes as Carillon does: 48 kHz, 32 kbit/s.
func (j *janus) createRoom(id int) error {
	handle, err := j.attach()
	if err != nil {
		return err
	}
	_, err = j.ask(handle, map[string]any{
		"request": "create", "room": id, "permanent": false, "sampling_rate": 48000, "default_bitrate": 32000,
		"audiolevel_ext": true, "audiolevel_event": false, "record": false, "allow_rtp_participants": true,
	})
	return err
}

// join brings a participant with plain RTP into a room; complexity is
// "quality" here.
func (j *janus) join(room int, muted bool) (*line, error) {
	handle, err := j.attach()
	if err != nil {
		return nil, err
	}
	l, err := openLine()
	if err != nil {
		return nil, err
	}
	l.levelExt = 1
	joined, err := j.ask(handle, map[string]any{
		"request": "join", "room": room, "codec": "opus", "quality": 5, "bitrate": 32000, "muted": muted,
		"rtp": map[string]any{"ip": "127.0.0.1", "port": l.port(), "payload_type": payloadType, "audiolevel_ext": 1},
	})
	if err == nil && joined.RTP.Port == 0 {
		err = fmt.Errorf("janus: joined without a port: %+v", joined)
	}
	if err == nil {
		_, err = j.ask(handle, map[string]any{"request": "configure", "muted": muted, "quality": 5, "bitrate": 32000})
	}
	if err != nil {
		l.close()
		return nil, err
	}
	l.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), joined.RTP.Port)
	l.begin()
	return l, nil
}
