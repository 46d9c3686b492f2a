package meeting_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/meeting"
)

// Covers: CreateMeeting, GetMeeting
func TestCreateMeeting_Answer(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	in := request("answer")
	in.MeetingHostId = new("host-1")
	in.TenantIds = []string{"tenant"}
	out := do(s, api.CreateMeeting, in)
	id := *out.Meeting.MeetingId
	if uuid.Validate(id) != nil {
		t.Errorf("MeetingId %q is no UUID", id)
	}
	// meetings spec section 10.
	want := &api.Meeting{
		MeetingId: &id, MeetingHostId: new("host-1"), ExternalMeetingId: new("standup"), MediaRegion: new("eu-central-1"),
		MeetingFeatures: &api.MeetingFeaturesConfiguration{Audio: &api.AudioFeatures{EchoReduction: new("UNAVAILABLE")}},
		TenantIds:       []string{"tenant"},
		MeetingArn:      new("arn:aws:chime:eu-west-1:000000000000:meeting/" + id),
		MediaPlacement: &api.MediaPlacement{
			AudioHostUrl:      new("media.example:3478"),
			AudioFallbackUrl:  new("wss://chime.example:8443/calls/" + id),
			SignalingUrl:      new("wss://chime.example:8443/control/" + id),
			TurnControlUrl:    new("https://chime.example:8443/v2/turn_sessions"),
			ScreenDataUrl:     new("wss://chime.example:8443/v2/screen/" + id),
			ScreenSharingUrl:  new("wss://chime.example:8443/v2/screen/" + id),
			ScreenViewingUrl:  new("wss://chime.example:8443/ws/connect/" + id),
			EventIngestionUrl: new("https://chime.example:8443/v1/client-events"),
		},
	}
	if d := cmp.Diff(want, out.Meeting); d != "" {
		t.Error(d)
	}
	got := do(s, api.GetMeeting, api.GetMeetingRequest{MeetingId: new(strings.ToUpper(id))})
	if d := cmp.Diff(want, got.Meeting); d != "" {
		t.Error(d)
	}

	t.Run("AbsentValues", func(t *testing.T) {
		m := do(s, api.CreateMeeting, request("absent")).Meeting
		if m.MeetingHostId != nil || m.PrimaryMeetingId != nil {
			t.Errorf("values that nobody gave are there: %+v", m)
		}
	})

	t.Run("FollowsTheAskingHost", func(t *testing.T) {
		ctx := api.WithCall(context.Background(), &api.Call{AccountID: account, BaseURL: "http://127.0.0.1:8080"})
		got, err := try(s, ctx, api.GetMeeting, api.GetMeetingRequest{MeetingId: &id})
		if err != nil || *got.Meeting.MediaPlacement.SignalingUrl != "ws://127.0.0.1:8080/control/"+id {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// meetings spec section 16 check 1.
// Covers: CreateMeeting, CreateMeetingWithAttendees, DeleteMeeting
func TestCreateMeeting_Token(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})

	t.Run("FiftyAtOnce", func(t *testing.T) {
		var wg sync.WaitGroup
		ids := make([]string, 50)
		for i := range ids {
			wg.Go(func() {
				if i%2 == 0 {
					ids[i] = s.meeting("same")
					return
				}
				in := api.CreateMeetingWithAttendeesRequest{
					ClientRequestToken: new("same"), MediaRegion: new("us-west-2"), ExternalMeetingId: new("other"),
					Attendees: []api.CreateAttendeeRequestItem{{ExternalUserId: new("somebody")}},
				}
				ids[i] = *do(s, api.CreateMeetingWithAttendees, in).Meeting.MeetingId
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("two meetings: %s and %s", ids[0], id)
			}
		}
		if st := s.Stats(); st.ActiveMeetings != 1 || st.MeetingsCreated != 1 || st.Attendees != 1 {
			t.Errorf("stats %+v", st)
		}
	})

	t.Run("FirstParametersWin", func(t *testing.T) {
		s.meeting("first")
		in := request("first")
		in.ExternalMeetingId = new("changed")
		if m := do(s, api.CreateMeeting, in).Meeting; *m.ExternalMeetingId != "standup" {
			t.Errorf("ExternalMeetingId %q", *m.ExternalMeetingId)
		}
	})

	t.Run("IsTheAccounts", func(t *testing.T) {
		mine := s.meeting("guessable")
		out, err := try(s, as(api.ServiceMeetings, "111111111111"), api.CreateMeeting, request("guessable"))
		if err != nil || *out.Meeting.MeetingId == mine {
			t.Errorf("another account's token found my meeting (%v)", err)
		}
	})

	t.Run("IsFreeAfterTheEnd", func(t *testing.T) {
		id := s.meeting("again")
		do(s, api.DeleteMeeting, api.DeleteMeetingRequest{MeetingId: &id})
		if s.meeting("again") == id {
			t.Error("the ended meeting came back")
		}
	})
}

// meetings spec section 16 check 7.
// Covers: DeleteMeeting, GetMeeting, CreateAttendee, ListAttendees
func TestDeleteMeeting(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("doomed")
	a := s.attendee(id, "user")
	do(s, api.DeleteMeeting, api.DeleteMeetingRequest{MeetingId: &id})
	s.hears("meeting." + id + ".ended {}")

	want := "Meeting <" + id + "> not found"
	_, err := try(s, s.ctx, api.GetMeeting, api.GetMeetingRequest{MeetingId: &id})
	s.refused(err, api.NotFound, want)
	_, err = try(s, s.ctx, api.DeleteMeeting, api.DeleteMeetingRequest{MeetingId: &id})
	s.refused(err, api.NotFound, want)
	_, err = try(s, s.ctx, api.CreateAttendee, api.CreateAttendeeRequest{MeetingId: &id, ExternalUserId: new("user")})
	s.refused(err, api.NotFound, want)
	_, err = try(s, s.ctx, api.ListAttendees, api.ListAttendeesRequest{MeetingId: &id})
	s.refused(err, api.NotFound, want)
	if _, _, err := s.Identify(s.ctx, id, *a.JoinToken); !errors.Is(err, meeting.ErrEnded) {
		t.Errorf("Identify: %v, want ErrEnded", err)
	}
	if _, err := s.Attendees(s.ctx, id); !errors.Is(err, meeting.ErrEnded) {
		t.Errorf("Attendees: %v, want ErrEnded", err)
	}
	if st := s.Stats(); st.ActiveMeetings != 0 || st.Attendees != 0 || st.MeetingsEnded != 1 {
		t.Errorf("stats %+v", st)
	}
}

// A meeting is visible in both namespaces, a deliberate difference (meetings
// spec section 1 and section 16 check 8), but in no other account.
// Covers: GetMeeting, ListMeetings
func TestGetMeeting_Namespaces(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("both")
	if _, err := try(s, as(api.ServiceChime, account), api.GetMeeting, api.GetMeetingRequest{MeetingId: &id}); err != nil {
		t.Error(err)
	}
	old, err := try(s, as(api.ServiceChime, account), api.CreateMeeting, api.CreateMeetingRequest{ClientRequestToken: new("old")})
	if err != nil {
		t.Fatal(err)
	}
	if m := old.Meeting; *m.MediaRegion != "us-east-1" || m.ExternalMeetingId != nil ||
		*m.MeetingArn != "arn:aws:chime:us-east-1:000000000000:meeting/"+*m.MeetingId {
		t.Errorf("a meeting of the older namespace: %+v", m)
	}
	if !s.lives(*old.Meeting.MeetingId) {
		t.Error("a meeting of the older namespace is not seen in the newer one")
	}
	_, err = try(s, as(api.ServiceMeetings, "111111111111"), api.GetMeeting, api.GetMeetingRequest{MeetingId: &id})
	s.refused(err, api.NotFound, "Meeting <"+id+"> not found")
}

// Covers: CreateMeeting
func TestCreateMeeting_Refused(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	features := func(video, content string, count int64) *api.MeetingFeaturesConfiguration {
		f := &api.MeetingFeaturesConfiguration{}
		if video != "" {
			f.Video = &api.VideoFeatures{MaxResolution: &video}
		}
		if content != "" {
			f.Content = &api.ContentFeatures{MaxResolution: &content}
		}
		if count != 0 {
			f.Attendee = &api.AttendeeFeatures{MaxCount: &count}
		}
		return f
	}
	sqs := func(arn string) *api.NotificationsConfiguration {
		return &api.NotificationsConfiguration{SqsQueueArn: &arn}
	}
	for i, c := range []struct {
		name   string
		code   api.Code // ServiceFailure: is accepted
		change func(*api.CreateMeetingRequest)
	}{
		{"UnknownRegion", api.BadRequest, func(r *api.CreateMeetingRequest) { r.MediaRegion = new("mars-north-1") }},
		{"ReservedPrefix", api.BadRequest, func(r *api.CreateMeetingRequest) { r.ExternalMeetingId = new("AWS:x") }},
		{"Pattern", api.Validation, func(r *api.CreateMeetingRequest) { r.ExternalMeetingId = new("a*b") }},
		{"PatternAllows", 0, func(r *api.CreateMeetingRequest) { r.ExternalMeetingId = new("Größe «1» [a] {b} / #") }},
		// meetings spec section 6 and section 16 check 4.
		{"FHDWithoutCount", api.BadRequest, func(r *api.CreateMeetingRequest) { r.MeetingFeatures = features("FHD", "", 0) }},
		{"FHD26", api.BadRequest, func(r *api.CreateMeetingRequest) { r.MeetingFeatures = features("FHD", "", 26) }},
		{"FHD25", 0, func(r *api.CreateMeetingRequest) { r.MeetingFeatures = features("FHD", "", 25) }},
		{"UHD26", api.BadRequest, func(r *api.CreateMeetingRequest) { r.MeetingFeatures = features("HD", "UHD", 26) }},
		{"UHD1", 0, func(r *api.CreateMeetingRequest) { r.MeetingFeatures = features("None", "UHD", 1) }},
		{"HD", 0, func(r *api.CreateMeetingRequest) { r.MeetingFeatures = features("HD", "FHD", 0) }},
		// events spec section 4.2.
		{"Queue", 0, func(r *api.CreateMeetingRequest) {
			r.NotificationsConfiguration = sqs("arn:aws:sqs:eu-west-1:000000000000:q")
		}},
		{"QueueElsewhere", api.BadRequest, func(r *api.CreateMeetingRequest) {
			r.NotificationsConfiguration = sqs("arn:aws:sqs:us-east-1:000000000000:q")
		}},
		{"QueueFIFO", api.BadRequest, func(r *api.CreateMeetingRequest) {
			r.NotificationsConfiguration = sqs("arn:aws:sqs:eu-west-1:000000000000:q.fifo")
		}},
		{"NoQueue", api.BadRequest, func(r *api.CreateMeetingRequest) {
			r.NotificationsConfiguration = sqs("arn:aws:sns:eu-west-1:000000000000:q")
		}},
		{"UnknownPrimary", api.NotFound, func(r *api.CreateMeetingRequest) { r.PrimaryMeetingId = new(uuid.NewString()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := request(fmt.Sprint("token-", i))
			c.change(&in)
			_, err := try(s, s.ctx, api.CreateMeeting, in)
			if c.code == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			s.refused(err, c.code, "")
		})
	}
	if st := s.Stats(); st.ActiveMeetings != 5 {
		t.Errorf("%d meetings live, want the accepted 5", st.ActiveMeetings)
	}
}

// Covers: CreateMeeting
func TestCreateMeeting_Limit(t *testing.T) {
	s := newStage(t, meeting.Limits{Meetings: 2}, meeting.Ends{})
	first := s.meeting("one")
	s.meeting("two")
	_, err := try(s, s.ctx, api.CreateMeeting, request("three"))
	s.refused(err, api.LimitExceeded, "")
	if s.meeting("two") == "" {
		t.Error("a repeat is no new meeting")
	}
	if _, err := try(s, as(api.ServiceMeetings, "111111111111"), api.CreateMeeting, request("x")); err != nil {
		t.Error("the limit is each account's own:", err)
	}
	do(s, api.DeleteMeeting, api.DeleteMeetingRequest{MeetingId: &first})
	s.meeting("three")
}

// meetings spec section 7 and section 16 check 6.
// Covers: CreateMeeting, DeleteMeeting
func TestCreateMeeting_Replica(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	primary := s.meeting("primary")
	replica := func(token, of string) (*api.CreateMeetingResponse, error) {
		in := request(token)
		in.PrimaryMeetingId = &of
		return try(s, s.ctx, api.CreateMeeting, in)
	}
	out, err := replica("r1", primary)
	if err != nil || *out.Meeting.PrimaryMeetingId != primary {
		t.Fatal(out, err)
	}
	r1 := *out.Meeting.MeetingId
	_, err = replica("r-of-r", r1)
	s.refused(err, api.BadRequest, "")
	if out, err := replica("primary", primary); err != nil || *out.Meeting.MeetingId != primary {
		t.Errorf("the primary's token: %v, %v", out, err)
	}
	for i := 2; i <= 4; i++ {
		if _, err := replica(fmt.Sprint("r", i), primary); err != nil {
			t.Fatal(err)
		}
	}
	_, err = replica("r5", primary)
	s.refused(err, api.LimitExceeded, "")

	do(s, api.DeleteMeeting, api.DeleteMeetingRequest{MeetingId: &primary})
	s.hears("meeting." + r1 + ".ended {}")
	if s.lives(r1) {
		t.Error("a replica outlived its primary")
	}
	if st := s.Stats(); st.ActiveMeetings != 0 || st.MeetingsEnded != 5 {
		t.Errorf("stats %+v", st)
	}
}

// Covers: ListMeetings
func TestListMeetings(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	want := map[string]bool{}
	for i := range 7 {
		want[s.meeting(fmt.Sprint("list-", i))] = true
	}
	gone := s.meeting("gone")
	do(s, api.DeleteMeeting, api.DeleteMeetingRequest{MeetingId: &gone})
	if _, err := try(s, as(api.ServiceMeetings, "111111111111"), api.CreateMeeting, request("x")); err != nil {
		t.Fatal(err)
	}
	var token *string
	pages := 0
	for {
		out := do(s, api.ListMeetings, api.ListMeetingsRequest{MaxResults: new(int64(3)), NextToken: token})
		pages++
		for _, m := range out.Meetings {
			if !want[*m.MeetingId] {
				t.Errorf("unexpected or repeated %s", *m.MeetingId)
			}
			delete(want, *m.MeetingId)
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if pages != 3 || len(want) != 0 {
		t.Errorf("%d pages, missing %v", pages, want)
	}
	for _, bad := range []string{"x", "bWVldGluZ3M", "!", strings.Repeat("A", 4000)} {
		_, err := try(s, s.ctx, api.ListMeetings, api.ListMeetingsRequest{NextToken: &bad})
		s.refused(err, api.BadRequest, "")
	}
}

// Covers: TagMeeting, UntagMeeting, ListMeetingTags, TagAttendee, UntagAttendee, ListAttendeeTags, TagResource, ListTagsForResource
func TestTags(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	tag := func(k, v string) api.Tag { return api.Tag{Key: &k, Value: &v} }
	in := request("tagged")
	in.Tags = []api.Tag{tag("at", "creation")}
	m := do(s, api.CreateMeeting, in).Meeting
	id := m.MeetingId
	do(s, api.TagMeeting, api.TagMeetingRequest{MeetingId: id, Tags: []api.Tag{tag("b", "2"), tag("c", "3")}})
	do(s, api.UntagMeeting, api.UntagMeetingRequest{MeetingId: id, TagKeys: []string{"c", "never"}})
	want := []api.Tag{tag("at", "creation"), tag("b", "2")}
	if d := cmp.Diff(want, do(s, api.ListMeetingTags, api.ListMeetingTagsRequest{MeetingId: id}).Tags); d != "" {
		t.Error(d)
	}
	for _, arn := range []string{*m.MeetingArn, "arn:aws:chime::000000000000:meeting:" + *id, "arn:aws:chime:eu-west-1:000000000000:meeting/" + strings.ToUpper(*id)} {
		if d := cmp.Diff(want, do(s, api.ListTagsForResource, api.ListTagsForResourceRequest{ResourceARN: &arn}).Tags); d != "" {
			t.Error(d)
		}
	}

	item := api.CreateAttendeeRequest{MeetingId: id, ExternalUserId: new("user"), Tags: []api.Tag{tag("x", "1")}}
	a := do(s, api.CreateAttendee, item).Attendee
	var nine []api.Tag
	for i := range 9 {
		nine = append(nine, tag(fmt.Sprint("k", i), "v"))
	}
	do(s, api.TagAttendee, api.TagAttendeeRequest{MeetingId: id, AttendeeId: a.AttendeeId, Tags: nine})
	_, err := try(s, s.ctx, api.TagAttendee, api.TagAttendeeRequest{MeetingId: id, AttendeeId: a.AttendeeId, Tags: []api.Tag{tag("y", "1")}})
	s.refused(err, api.TooManyTags, "")
	do(s, api.UntagAttendee, api.UntagAttendeeRequest{MeetingId: id, AttendeeId: a.AttendeeId, TagKeys: []string{"x"}})
	if got := do(s, api.ListAttendeeTags, api.ListAttendeeTagsRequest{MeetingId: id, AttendeeId: a.AttendeeId}).Tags; len(got) != 9 {
		t.Errorf("%d tags, want 9", len(got))
	}

	do(s, api.DeleteMeeting, api.DeleteMeetingRequest{MeetingId: id})
	_, err = try(s, s.ctx, api.TagResource, api.TagResourceRequest{ResourceARN: m.MeetingArn, Tags: nine})
	s.refused(err, api.ResourceNotFound, "")
}

// Covers: StartMeetingTranscription, StopMeetingTranscription
func TestTranscription(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("spoken")
	last := func() (kinds string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, h := range s.heard {
			subject, data, _ := strings.Cut(h, " ")
			var m struct{ Type, Region string }
			if subject == "meeting."+id+".transcription" && json.Unmarshal([]byte(data), &m) == nil {
				kinds += m.Type + "@" + m.Region + " "
			}
		}
		return kinds
	}
	start := func(c *api.TranscriptionConfiguration) error {
		_, err := try(s, s.ctx, api.StartMeetingTranscription, api.StartMeetingTranscriptionRequest{MeetingId: &id, TranscriptionConfiguration: c})
		return err
	}
	english := &api.EngineTranscribeSettings{LanguageCode: new("en-US")}
	medical := &api.EngineTranscribeMedicalSettings{LanguageCode: new("en-US"), Specialty: new("UROLOGY"), Type: new("DICTATION")}
	s.refused(start(&api.TranscriptionConfiguration{}), api.BadRequest, "")
	s.refused(start(&api.TranscriptionConfiguration{EngineTranscribeSettings: english, EngineTranscribeMedicalSettings: medical}), api.BadRequest, "")

	do(s, api.StopMeetingTranscription, api.StopMeetingTranscriptionRequest{MeetingId: &id}) // nothing to stop
	if err := start(&api.TranscriptionConfiguration{EngineTranscribeSettings: english}); err != nil {
		t.Fatal(err)
	}
	s.eventually("started and failed: no engine", func() bool { return last() == "started@eu-central-1 failed@eu-central-1 " })
	do(s, api.StopMeetingTranscription, api.StopMeetingTranscriptionRequest{MeetingId: &id})
	s.eventually("stopped", func() bool { return strings.HasSuffix(last(), "stopped@eu-central-1 ") })

	// Settings that do not go together are accepted and fail (meetings spec section 8).
	err := start(&api.TranscriptionConfiguration{EngineTranscribeSettings: &api.EngineTranscribeSettings{
		LanguageCode: new("en-US"), IdentifyLanguage: new(true), LanguageOptions: new("en-US,de-DE")}})
	if err != nil {
		t.Error(err)
	}
	s.eventually("failed", func() bool { return strings.HasSuffix(last(), "stopped@eu-central-1 failed@eu-central-1 ") })
	medical.Region = new("auto")
	if err := start(&api.TranscriptionConfiguration{EngineTranscribeMedicalSettings: medical}); err != nil {
		t.Error(err)
	}
	s.eventually("the medical engine elsewhere", func() bool { return strings.HasSuffix(last(), "started@us-east-1 failed@us-east-1 ") })
}
