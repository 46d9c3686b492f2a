package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// services, with the Go names of their api.Service values: the old namespace
// first.
var services = []struct{ id, name string }{
	{"chime", "Chime"},
	{"chime-sdk-meetings", "Meetings"},
	{"chime-sdk-identity", "Identity"},
	{"chime-sdk-messaging", "Messaging"},
	{"chime-sdk-voice", "Voice"},
	{"chime-sdk-media-pipelines", "MediaPipelines"},
}

// renamed gives shapes that are one thing under two names the same Go struct,
// and keeps apart shapes that share a name by chance.
var renamed = map[string]map[string]string{
	"chime": {
		"MeetingNotificationConfiguration":                "NotificationsConfiguration",
		"PutAppInstanceStreamingConfigurationsRequest":    "PutMessagingStreamingConfigurationsRequest",
		"PutAppInstanceStreamingConfigurationsResponse":   "PutMessagingStreamingConfigurationsResponse",
		"GetAppInstanceStreamingConfigurationsRequest":    "GetMessagingStreamingConfigurationsRequest",
		"GetAppInstanceStreamingConfigurationsResponse":   "GetMessagingStreamingConfigurationsResponse",
		"DeleteAppInstanceStreamingConfigurationsRequest": "DeleteMessagingStreamingConfigurationsRequest",
	},
	"chime-sdk-media-pipelines": {
		"MediaCapturePipelineSummary":        "MediaCapturePipeline",
		"GetSpeakerSearchTaskRequest":        "MediaInsightsGetSpeakerSearchTaskRequest",
		"GetSpeakerSearchTaskResponse":       "MediaInsightsGetSpeakerSearchTaskResponse",
		"StartSpeakerSearchTaskRequest":      "MediaInsightsStartSpeakerSearchTaskRequest",
		"StartSpeakerSearchTaskResponse":     "MediaInsightsStartSpeakerSearchTaskResponse",
		"StopSpeakerSearchTaskRequest":       "MediaInsightsStopSpeakerSearchTaskRequest",
		"GetVoiceToneAnalysisTaskRequest":    "MediaInsightsGetVoiceToneAnalysisTaskRequest",
		"GetVoiceToneAnalysisTaskResponse":   "MediaInsightsGetVoiceToneAnalysisTaskResponse",
		"StartVoiceToneAnalysisTaskRequest":  "MediaInsightsStartVoiceToneAnalysisTaskRequest",
		"StartVoiceToneAnalysisTaskResponse": "MediaInsightsStartVoiceToneAnalysisTaskResponse",
		"StopVoiceToneAnalysisTaskRequest":   "MediaInsightsStopVoiceToneAnalysisTaskRequest",
		"SpeakerSearchTask":                  "MediaInsightsSpeakerSearchTask",
		"VoiceToneAnalysisTask":              "MediaInsightsVoiceToneAnalysisTask",
	},
}

// renamedOps does the same for operations: the tasks of voice and of media
// pipelines share names, not meaning.
var renamedOps = map[string]map[string]string{
	"chime": {
		"PutAppInstanceStreamingConfigurations":    "PutMessagingStreamingConfigurations",
		"GetAppInstanceStreamingConfigurations":    "GetMessagingStreamingConfigurations",
		"DeleteAppInstanceStreamingConfigurations": "DeleteMessagingStreamingConfigurations",
	},
	"chime-sdk-media-pipelines": {
		"GetSpeakerSearchTask":       "MediaInsightsGetSpeakerSearchTask",
		"StartSpeakerSearchTask":     "MediaInsightsStartSpeakerSearchTask",
		"StopSpeakerSearchTask":      "MediaInsightsStopSpeakerSearchTask",
		"GetVoiceToneAnalysisTask":   "MediaInsightsGetVoiceToneAnalysisTask",
		"StartVoiceToneAnalysisTask": "MediaInsightsStartVoiceToneAnalysisTask",
		"StopVoiceToneAnalysisTask":  "MediaInsightsStopVoiceToneAnalysisTask",
	},
}

type model struct {
	Service    string             `json:"service"`
	Operations ordered[operation] `json:"operations"`
	Shapes     ordered[shape]     `json:"shapes"`
	name       string             // Go name of the service
}

type operation struct {
	Area       string            `json:"area"`
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Query      map[string]string `json:"query"`
	Status     int               `json:"status"`
	Input      string            `json:"input"`
	Output     string            `json:"output"`
	Current    *bool             `json:"current"`
	HostPrefix string            `json:"hostPrefix"`
}

type shape struct {
	Type         string          `json:"type"`
	Min          *float64        `json:"min"`
	Max          *float64        `json:"max"`
	Pattern      string          `json:"pattern"`
	RE2          string          `json:"re2"`
	AlsoRequires string          `json:"alsoRequires"`
	Enum         []string        `json:"enum"`
	Sensitive    bool            `json:"sensitive"`
	Members      ordered[member] `json:"members"`
	Member       *member         `json:"member"`
	Key          *member         `json:"key"`
	Value        *member         `json:"value"`
}

type member struct {
	Shape            string `json:"shape"`
	Type             string `json:"type"`
	In               string `json:"in"`
	Name             string `json:"name"`
	Wire             string `json:"wire"`
	Required         bool   `json:"required"`
	Sensitive        bool   `json:"sensitive"`
	IdempotencyToken bool   `json:"idempotencyToken"`
}

// ordered is a JSON object that keeps the order of its members.
type ordered[T any] struct {
	names []string
	by    map[string]*T
}

func (o *ordered[T]) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &o.by); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		o.names = append(o.names, name.(string))
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

// load reads the six models and gives shapes their Go names.
func load(dir string) ([]*model, error) {
	var ms []*model
	for _, s := range services {
		data, err := os.ReadFile(filepath.Join(dir, s.id+".json"))
		if err != nil {
			return nil, err
		}
		m := &model{name: s.name}
		if err := json.Unmarshal(data, m); err != nil {
			return nil, fmt.Errorf("%s: %w", s.id, err)
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// goShape is the name of the Go struct of a shape.
func (m *model) goShape(name string) string {
	if to, ok := renamed[m.Service][name]; ok {
		return to
	}
	return name
}

// goOperation is the name of the Op value of an operation.
func (m *model) goOperation(name string) string {
	if to, ok := renamedOps[m.Service][name]; ok {
		return to
	}
	return name
}

// newestFirst returns the services' models with the old namespace last: the
// order in which an unknown service is guessed (operations spec section 5).
func newestFirst(ms []*model) []*model {
	return append(slices.Clone(ms[1:]), ms[0])
}
