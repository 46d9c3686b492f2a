package meeting

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/store"
)

func (s *Service) startMeetingTranscription(ctx context.Context, in *api.StartMeetingTranscriptionRequest) (*api.Empty, error) {
	c := in.TranscriptionConfiguration
	if c == nil || (c.EngineTranscribeSettings == nil) == (c.EngineTranscribeMedicalSettings == nil) {
		return nil, api.Errorf(api.BadRequest,
			"TranscriptionConfiguration must have exactly one of EngineTranscribeSettings and EngineTranscribeMedicalSettings")
	}
	config, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var m *Record
	_, err = s.onMeeting(ctx, *in.MeetingId, func(tx *store.Tx, found *Record) error {
		m = found
		_, err := tx.Exec(`UPDATE meetings SET transcription = $2 WHERE meeting_id = $1`, m.MeetingID, string(config))
		return err
	})
	if err != nil {
		return nil, err
	}
	region, problem := transcriptionRegion(c, m.MediaRegion)
	if problem == "" {
		problem = transcriptionProblem(c)
	}
	if problem == "" {
		s.tellTranscription(m, bus.Transcription{Type: "started", Region: region, Configuration: config})
		if !s.speechEngine {
			problem = "This server has no speech-to-text engine."
		}
	}
	if problem != "" {
		s.tellTranscription(m, bus.Transcription{Type: "failed", Region: region, Configuration: config, Message: problem})
	}
	return &api.Empty{}, nil
}

func (s *Service) stopMeetingTranscription(ctx context.Context, in *api.StopMeetingTranscriptionRequest) (*api.Empty, error) {
	var m *Record
	var config string
	_, err := s.onMeeting(ctx, *in.MeetingId, func(tx *store.Tx, found *Record) error {
		m = found
		err := tx.QueryRow(`SELECT transcription FROM meetings WHERE meeting_id = $1`, m.MeetingID).Scan(&config)
		if err != nil || config == "" {
			return err
		}
		_, err = tx.Exec(`UPDATE meetings SET transcription = '' WHERE meeting_id = $1`, m.MeetingID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if config != "" {
		var c api.TranscriptionConfiguration
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			return nil, err
		}
		region, _ := transcriptionRegion(&c, m.MediaRegion)
		s.tellTranscription(m, bus.Transcription{Type: "stopped", Region: region, Configuration: json.RawMessage(config)})
	}
	return &api.Empty{}, nil
}

func (s *Service) tellTranscription(m *Record, t bus.Transcription) {
	t.EventTimeMs = s.nowMs()
	s.publish("meeting."+m.MeetingID+".transcription", t)
}

// The regions that transcribe.
const (
	transcribeRegions        = "us-east-2 us-east-1 us-west-2 ap-northeast-2 ap-southeast-2 ap-northeast-1 ca-central-1 eu-central-1 eu-west-1 eu-west-2 sa-east-1 us-gov-west-1"
	transcribeMedicalRegions = "us-east-1 us-east-2 us-west-2 ap-southeast-2 ca-central-1 eu-west-1"
)

// nearestTranscribe is where media regions that do not transcribe turn to, with
// the Region "auto" (meetings spec section 8).
func nearestTranscribe(region string) string {
	switch region {
	case "us-west-1":
		return "us-west-2"
	case "af-south-1", "ap-south-1", "il-central-1":
		return "eu-west-2"
	case "ap-southeast-1":
		return "ap-northeast-1"
	case "eu-south-1", "eu-west-3", "eu-north-1":
		return "eu-central-1"
	case "us-gov-east-1", "us-gov-west-1":
		return "us-gov-west-1"
	}
	return region
}

// transcriptionRegion is where a meeting's speech is transcribed, or why nowhere.
func transcriptionRegion(c *api.TranscriptionConfiguration, mediaRegion string) (region, problem string) {
	var asked string
	var regions []string
	if t := c.EngineTranscribeSettings; t != nil {
		asked, regions = deref(t.Region), strings.Fields(transcribeRegions)
	} else {
		asked, regions = deref(c.EngineTranscribeMedicalSettings.Region), strings.Fields(transcribeMedicalRegions)
	}
	switch asked {
	case "":
		region = mediaRegion
	case "auto":
		if region = nearestTranscribe(mediaRegion); !slices.Contains(regions, region) {
			region = defaultMediaRegion // the medical engine is in few places
		}
	default:
		region = asked
	}
	if !slices.Contains(regions, region) {
		return region, "Transcription is not available in the region " + region + "."
	}
	return region, ""
}

// transcriptionProblem tells why settings do not go together. The call accepts
// them all the same; the meeting hears of the failure (meetings spec section 8).
func transcriptionProblem(c *api.TranscriptionConfiguration) string {
	t := c.EngineTranscribeSettings
	if t == nil {
		return "" // the model's rules are enough
	}
	identify := t.IdentifyLanguage != nil && *t.IdentifyLanguage
	stabilize := t.EnablePartialResultsStabilization != nil && *t.EnablePartialResultsStabilization
	options := strings.Split(deref(t.LanguageOptions), ",")
	switch {
	case (t.LanguageCode != nil) == identify:
		return "Exactly one of LanguageCode and IdentifyLanguage must be set."
	case identify && t.LanguageOptions == nil:
		return "IdentifyLanguage requires LanguageOptions."
	case !identify && t.LanguageOptions != nil:
		return "LanguageOptions requires IdentifyLanguage."
	case t.PreferredLanguage != nil && !slices.Contains(options, *t.PreferredLanguage):
		return "PreferredLanguage must be one of LanguageOptions."
	case t.ContentIdentificationType != nil && t.ContentRedactionType != nil:
		return "ContentIdentificationType and ContentRedactionType exclude each other."
	case t.PiiEntityTypes != nil && t.ContentIdentificationType == nil && t.ContentRedactionType == nil:
		return "PiiEntityTypes requires ContentIdentificationType or ContentRedactionType."
	case t.PartialResultsStability != nil && !stabilize:
		return "PartialResultsStability requires EnablePartialResultsStabilization."
	case t.VocabularyFilterMethod != nil && t.VocabularyFilterName == nil && t.VocabularyFilterNames == nil:
		return "VocabularyFilterMethod requires VocabularyFilterName."
	}
	return ""
}
