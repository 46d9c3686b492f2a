package conference

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/carillon-rtc/carillon/internal/bus"
)

// transcriptionTopic carries serialized SdkTranscriptFrames. Clients fail on
// malformed ones, so nothing that a client sent ever gets there.
const transcriptionTopic = "aws:chime:transcription"

// transcriptionStates are the wire values of TranscriptionStatusType.
var transcriptionStates = [...]struct {
	name string
	wire uint64
}{{"started", 1}, {"interrupted", 2}, {"resumed", 3}, {"stopped", 4}, {"failed", 5}}

// onTranscription passes a change of the transcription's state to the clients.
func (r *room) onTranscription(data []byte) {
	var msg bus.Transcription
	if err := json.Unmarshal(data, &msg); err != nil {
		r.log.Error("bad command", "subject", "transcription", "error", err)
		return
	}
	frame := transcriptionStatus(&msg)
	if frame == nil {
		return
	}
	r.lock()
	defer r.unlock()
	one := []DataMessage{{Topic: transcriptionTopic, Data: frame, IngestTime: r.mail.stamp(time.Now())}}
	for _, p := range r.sessions {
		if p.rosterID != 0 && p.reachable() && !p.id.Content {
			p.client.Data(one)
		}
	}
}

// transcriptionStatus is an SdkTranscriptFrame with one status event, nil for
// a type that clients do not know (signaling spec, appendix A):
//
//	frame{events 1{status 1{type 1, event_time 2, region 3, configuration 4, message 5}}}
func transcriptionStatus(m *bus.Transcription) []byte {
	for _, state := range transcriptionStates {
		if state.name != m.Type {
			continue
		}
		status := protowire.AppendTag(nil, 1, protowire.VarintType)
		status = protowire.AppendVarint(status, state.wire)
		status = protowire.AppendTag(status, 2, protowire.VarintType)
		status = protowire.AppendVarint(status, uint64(m.EventTimeMs))
		for i, text := range []string{m.Region, string(m.Configuration), m.Message} {
			if text != "" {
				status = protowire.AppendTag(status, protowire.Number(3+i), protowire.BytesType)
				status = protowire.AppendString(status, text)
			}
		}
		return within1(within1(status))
	}
	return nil
}

// within1 wraps a message as field 1 of another.
func within1(message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), message)
}
