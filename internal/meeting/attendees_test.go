package meeting_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/meeting"
)

// meetings spec section 4: the form of a join token.
// Covers: CreateAttendee
func TestCreateAttendee_JoinToken(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("m")
	legacy := regexp.MustCompile(`^[a-zA-Z0-9+/]+$`)
	for i := range 100 {
		a := s.attendee(id, fmt.Sprint("user-", i))
		token := *a.JoinToken
		plain, err := base64.RawStdEncoding.DecodeString(token)
		if err != nil || len(token) != 98 || !legacy.MatchString(token) || strings.ContainsAny(token, "+/=") ||
			!strings.HasPrefix(string(plain), *a.AttendeeId+":") {
			t.Fatalf("token %q of %s", token, *a.AttendeeId)
		}
	}
}

// meetings spec section 16 check 2.
// Covers: CreateAttendee, DeleteAttendee, GetAttendee
func TestCreateAttendee_ExternalUserID(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("m")
	got := make([]*api.Attendee, 20)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			in := api.CreateAttendeeRequest{MeetingId: &id, ExternalUserId: new("one")}
			if i > 0 { // a repeat's capabilities are ignored
				in.Capabilities = nil
			}
			got[i] = do(s, api.CreateAttendee, in).Attendee
		})
	}
	wg.Wait()
	for _, a := range got {
		if d := cmp.Diff(got[0], a); d != "" {
			t.Fatal(d)
		}
	}
	if st := s.Stats(); st.AttendeesCreated != 1 {
		t.Errorf("stats %+v", st)
	}
	if d := cmp.Diff(got[0], do(s, api.GetAttendee, api.GetAttendeeRequest{MeetingId: &id, AttendeeId: got[0].AttendeeId}).Attendee); d != "" {
		t.Error(d)
	}

	do(s, api.DeleteAttendee, api.DeleteAttendeeRequest{MeetingId: &id, AttendeeId: got[0].AttendeeId})
	s.hears("meeting." + id + `.attendee.deleted {"AttendeeId":"` + *got[0].AttendeeId + `"}`)
	if _, _, err := s.Identify(s.ctx, id, *got[0].JoinToken); !errors.Is(err, meeting.ErrNoAttendee) {
		t.Errorf("Identify after DeleteAttendee: %v", err)
	}
	_, err := try(s, s.ctx, api.GetAttendee, api.GetAttendeeRequest{MeetingId: &id, AttendeeId: got[0].AttendeeId})
	s.refused(err, api.NotFound, "")
	_, err = try(s, s.ctx, api.DeleteAttendee, api.DeleteAttendeeRequest{MeetingId: &id, AttendeeId: got[0].AttendeeId})
	s.refused(err, api.NotFound, "")
	if a := s.attendee(id, "one"); *a.AttendeeId == *got[0].AttendeeId || *a.JoinToken == *got[0].JoinToken {
		t.Error("the deleted attendee came back")
	}
}

// meetings spec section 16 check 5.
// Covers: BatchCreateAttendee, CreateAttendee
func TestCreateAttendee_Limit(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("m")
	items := func(from, to int) (list []api.CreateAttendeeRequestItem) {
		for i := from; i < to; i++ {
			list = append(list, api.CreateAttendeeRequestItem{ExternalUserId: new(fmt.Sprintf("user-%03d", i))})
		}
		return list
	}
	do(s, api.BatchCreateAttendee, api.BatchCreateAttendeeRequest{MeetingId: &id, Attendees: items(0, 100)})
	do(s, api.BatchCreateAttendee, api.BatchCreateAttendeeRequest{MeetingId: &id, Attendees: items(100, 200)})
	out := do(s, api.BatchCreateAttendee, api.BatchCreateAttendeeRequest{MeetingId: &id, Attendees: items(200, 251)})
	if len(out.Attendees) != 50 || len(out.Errors) != 1 || *out.Errors[0].ErrorCode != "LimitExceeded" || *out.Errors[0].ExternalUserId != "user-250" {
		t.Errorf("%d attendees, errors %+v", len(out.Attendees), out.Errors)
	}
	for i, a := range out.Attendees {
		if *a.ExternalUserId != fmt.Sprintf("user-%03d", 200+i) {
			t.Fatalf("attendee %d is %s", i, *a.ExternalUserId)
		}
	}
	_, err := try(s, s.ctx, api.CreateAttendee, api.CreateAttendeeRequest{MeetingId: &id, ExternalUserId: new("more")})
	s.refused(err, api.LimitExceeded, "")
	old, err := try(s, as(api.ServiceChime, account), api.BatchCreateAttendee, api.BatchCreateAttendeeRequest{MeetingId: &id, Attendees: items(250, 251)})
	if err != nil || *old.Errors[0].ErrorCode != "ResourceLimitExceeded" {
		t.Errorf("%+v, %v", old, err)
	}
	// Those who exist are found all the same, and a deleted one makes room.
	a := s.attendee(id, "user-000")
	do(s, api.DeleteAttendee, api.DeleteAttendeeRequest{MeetingId: &id, AttendeeId: a.AttendeeId})
	s.attendee(id, "more")

	in := request("small")
	in.MeetingFeatures = &api.MeetingFeaturesConfiguration{Attendee: &api.AttendeeFeatures{MaxCount: new(int64(2))}}
	small := *do(s, api.CreateMeeting, in).Meeting.MeetingId
	s.attendee(small, "a1")
	s.attendee(small, "a2")
	_, err = try(s, s.ctx, api.CreateAttendee, api.CreateAttendeeRequest{MeetingId: &small, ExternalUserId: new("a3")})
	s.refused(err, api.LimitExceeded, "")
}

// Covers: CreateMeetingWithAttendees, BatchCreateAttendee
func TestCreateMeetingWithAttendees(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	user := func(name string) api.CreateAttendeeRequestItem {
		return api.CreateAttendeeRequestItem{ExternalUserId: &name}
	}
	bad := user("bad")
	bad.Capabilities = &api.AttendeeCapabilities{Audio: new("None"), Video: new("None"), Content: new("Receive")}
	in := api.CreateMeetingWithAttendeesRequest{
		ClientRequestToken: new("token"), MediaRegion: new("us-east-1"), ExternalMeetingId: new("m1"),
		Attendees: []api.CreateAttendeeRequestItem{user("one"), bad, user("aws:x"), user("one"), user("two")},
	}
	out := do(s, api.CreateMeetingWithAttendees, in)
	if len(out.Attendees) != 3 || *out.Attendees[0].AttendeeId != *out.Attendees[1].AttendeeId || *out.Attendees[2].ExternalUserId != "two" {
		t.Errorf("attendees %+v", out.Attendees)
	}
	if len(out.Errors) != 2 || *out.Errors[0].ExternalUserId != "bad" || *out.Errors[0].ErrorCode != "BadRequest" || *out.Errors[1].ExternalUserId != "aws:x" {
		t.Errorf("errors %+v", out.Errors)
	}
	// The same token adds to the same meeting.
	in.Attendees = []api.CreateAttendeeRequestItem{user("two"), user("three")}
	again := do(s, api.CreateMeetingWithAttendees, in)
	if *again.Meeting.MeetingId != *out.Meeting.MeetingId || *again.Attendees[0].JoinToken != *out.Attendees[2].JoinToken {
		t.Error("the repeat made something else")
	}
	if st := s.Stats(); st.Attendees != 3 || st.AttendeesCreated != 3 {
		t.Errorf("stats %+v", st)
	}

	t.Run("AllFail", func(t *testing.T) {
		in.ClientRequestToken = new("all-fail")
		in.Attendees = []api.CreateAttendeeRequestItem{bad}
		out := do(s, api.CreateMeetingWithAttendees, in)
		if len(out.Attendees) != 0 || len(out.Errors) != 1 || !s.lives(*out.Meeting.MeetingId) {
			t.Errorf("%+v", out)
		}
	})
}

// Covers: ListAttendees
func TestListAttendees(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("m")
	want := map[string]string{}
	for i := range 10 {
		a := s.attendee(id, fmt.Sprint("user-", i))
		want[*a.AttendeeId] = *a.JoinToken
	}
	seen := map[string]string{}
	var token *string
	for {
		out := do(s, api.ListAttendees, api.ListAttendeesRequest{MeetingId: &id, MaxResults: new(int64(5)), NextToken: token})
		for _, a := range out.Attendees {
			seen[*a.AttendeeId] = *a.JoinToken
		}
		if token = out.NextToken; token == nil {
			break
		}
		// A token of one list is none of another.
		other := s.meeting("other")
		_, err := try(s, s.ctx, api.ListAttendees, api.ListAttendeesRequest{MeetingId: &other, NextToken: token})
		s.refused(err, api.BadRequest, "")
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}

// meetings spec section 5 and section 16 check 4: all 64 combinations, in
// meetings with and without video and content.
// Covers: CreateAttendee, UpdateAttendeeCapabilities
func TestCapabilities_Matrix(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	values := []string{"SendReceive", "Send", "Receive", "None"}
	type kind struct{ video, content string }
	rooms := map[kind]string{}
	for _, video := range []string{"", "HD", "None"} {
		for _, content := range []string{"", "FHD", "None"} {
			in := request("m" + video + "-" + content)
			in.MeetingFeatures = &api.MeetingFeaturesConfiguration{}
			if video != "" {
				in.MeetingFeatures.Video = &api.VideoFeatures{MaxResolution: &video}
			}
			if content != "" {
				in.MeetingFeatures.Content = &api.ContentFeatures{MaxResolution: &content}
			}
			rooms[kind{video, content}] = *do(s, api.CreateMeeting, in).Meeting.MeetingId
		}
	}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		k := kind{rapid.SampledFrom([]string{"", "HD", "None"}).Draw(r, "maxVideo"), rapid.SampledFrom([]string{"", "FHD", "None"}).Draw(r, "maxContent")}
		audio := rapid.SampledFrom(values).Draw(r, "audio")
		video := rapid.SampledFrom(values).Draw(r, "video")
		content := rapid.SampledFrom(values).Draw(r, "content")

		allowed := !strings.Contains(content, "Receive") || strings.Contains(video, "Receive")
		allowed = allowed && (k.video != "None" || video == "None") && (k.content != "None" || content == "None")

		n++
		id := rooms[k]
		caps := &api.AttendeeCapabilities{Audio: &audio, Video: &video, Content: &content}
		fresh, err := try(s, s.ctx, api.CreateAttendee, api.CreateAttendeeRequest{MeetingId: &id, ExternalUserId: new(fmt.Sprint("u", n)), Capabilities: caps})
		if (err == nil) != allowed {
			r.Fatalf("create in %+v: %v, want allowed %v", k, err, allowed)
		}
		if err == nil {
			if d := cmp.Diff(caps, fresh.Attendee.Capabilities); d != "" {
				r.Fatal(d)
			}
			do(s, api.DeleteAttendee, api.DeleteAttendeeRequest{MeetingId: &id, AttendeeId: fresh.Attendee.AttendeeId})
		}
		steady := s.attendee(id, "steady")
		changed, err := try(s, s.ctx, api.UpdateAttendeeCapabilities, api.UpdateAttendeeCapabilitiesRequest{MeetingId: &id, AttendeeId: steady.AttendeeId, Capabilities: caps})
		if (err == nil) != allowed {
			r.Fatalf("update in %+v: %v, want allowed %v", k, err, allowed)
		}
		if err == nil {
			if d := cmp.Diff(caps, changed.Attendee.Capabilities); d != "" {
				r.Fatal(d)
			}
		}
	})
}

// Covers: CreateAttendee
func TestCapabilities_Default(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	for _, c := range []struct{ video, content, wantVideo, wantContent string }{
		{"HD", "FHD", "SendReceive", "SendReceive"},
		{"HD", "None", "SendReceive", "None"},
		{"None", "FHD", "None", "None"}, // content cannot be received without video
		{"None", "None", "None", "None"},
	} {
		in := request(c.video + c.content)
		in.MeetingFeatures = &api.MeetingFeaturesConfiguration{
			Video: &api.VideoFeatures{MaxResolution: &c.video}, Content: &api.ContentFeatures{MaxResolution: &c.content},
		}
		a := s.attendee(*do(s, api.CreateMeeting, in).Meeting.MeetingId, "user")
		want := &api.AttendeeCapabilities{Audio: new("SendReceive"), Video: &c.wantVideo, Content: &c.wantContent}
		if d := cmp.Diff(want, a.Capabilities); d != "" {
			t.Errorf("%+v: %s", c, d)
		}
	}
}

// Covers: BatchUpdateAttendeeCapabilitiesExcept, UpdateAttendeeCapabilities
func TestBatchUpdateAttendeeCapabilitiesExcept(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id := s.meeting("m")
	teacher, pupil := s.attendee(id, "teacher"), s.attendee(id, "pupil")
	quiet := &api.AttendeeCapabilities{Audio: new("Receive"), Video: new("Receive"), Content: new("Receive")}
	do(s, api.BatchUpdateAttendeeCapabilitiesExcept, api.BatchUpdateAttendeeCapabilitiesExceptRequest{
		MeetingId: &id, ExcludedAttendeeIds: []api.AttendeeIdItem{{AttendeeId: teacher.AttendeeId}}, Capabilities: quiet,
	})
	s.hears("meeting." + id + `.attendee.capabilities {"AttendeeIds":["` + *pupil.AttendeeId + `"]}`)
	all, err := s.Attendees(s.ctx, id)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for _, a := range all {
		if got, want := a.Capabilities.Audio.Sends(), a.AttendeeID == *teacher.AttendeeId; got != want {
			t.Errorf("%s may speak: %v", a.ExternalUserID, got)
		}
	}
	do(s, api.UpdateAttendeeCapabilities, api.UpdateAttendeeCapabilitiesRequest{MeetingId: &id, AttendeeId: pupil.AttendeeId,
		Capabilities: &api.AttendeeCapabilities{Audio: new("SendReceive"), Video: new("Receive"), Content: new("None")}})
	a, _, err := s.Identify(s.ctx, id, *pupil.JoinToken)
	if want := (meeting.Capabilities{Audio: meeting.SendReceive, Video: meeting.Receive, Content: meeting.None}); err != nil || a.Capabilities != want {
		t.Errorf("%+v, %v", a.Capabilities, err)
	}
}

func TestIdentify(t *testing.T) {
	s := newStage(t, meeting.Limits{}, meeting.Ends{})
	id, other := s.meeting("m"), s.meeting("other")
	a := s.attendee(id, "user")
	token := *a.JoinToken
	who, m, err := s.Identify(s.ctx, strings.ToUpper(id), token)
	if err != nil || who.AttendeeID != *a.AttendeeId || who.ExternalUserID != "user" || m.MeetingID != id || m.ExternalMeetingID != "standup" {
		t.Fatalf("%+v, %+v, %v", who, m, err)
	}
	forged := base64.RawStdEncoding.EncodeToString([]byte(*a.AttendeeId + ":00000000-0000-4000-8000-000000000000"))
	for name, c := range map[string]struct {
		meeting, token string
		want           error
	}{
		"OtherMeeting": {other, token, meeting.ErrNoAttendee},
		"Forged":       {id, forged, meeting.ErrNoAttendee},
		"Cut":          {id, token[:97], meeting.ErrNoAttendee},
		"Empty":        {id, "", meeting.ErrNoAttendee},
		"NoToken":      {id, strings.Repeat("!", 98), meeting.ErrNoAttendee},
		"NoMeeting":    {"00000000-0000-4000-8000-000000000000", token, meeting.ErrEnded},
	} {
		if _, _, err := s.Identify(s.ctx, c.meeting, c.token); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("0", 36) + ":" + strings.Repeat("1", 36))))
	f.Fuzz(func(t *testing.T, token string) {
		if id := meeting.TokenAttendee(token); id != "" && len(id) != 36 {
			t.Errorf("token %q names %q", token, id)
		}
	})
}
