package restjson

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-rtc/carillon/api"
)

// codec makes the codec of an operation's input under one service's rules, or
// the looser rules when service is loose.
const loose = api.Service(99)

func codec[In, Out any](t testing.TB, op api.Op[In, Out], service api.Service) *Codec {
	t.Helper()
	shape := op.Operation().Loose
	for _, e := range op.Operation().Endpoints {
		if e.Service == service {
			shape = e.Input
		}
	}
	c, err := new(Plans).NewCodec(shape, reflect.TypeFor[In]())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDecode(t *testing.T) {
	c := codec(t, api.CreateMeeting, api.ServiceMeetings)
	var in api.CreateMeetingRequest
	body := ` {"ClientRequestToken":"t\u00e9\ud83d\ude00\n", "MediaRegion":null, "Unknown":{"a":[1,-2.5e3,true,null,"x"]},
		"MeetingFeatures":{"Attendee":{"MaxCount":25.0}}, "TenantIds":["a","b"], "Tags":[{"Key":"k","Value":""}]} `
	if err := c.Decode(&in, nil, nil, nil, []byte(body)); err != nil {
		t.Fatal(err)
	}
	want := api.CreateMeetingRequest{
		ClientRequestToken: new("té😀\n"),
		MeetingFeatures:    &api.MeetingFeaturesConfiguration{Attendee: &api.AttendeeFeatures{MaxCount: new(int64(25))}},
		TenantIds:          []string{"a", "b"},
		Tags:               []api.Tag{{Key: new("k"), Value: new("")}},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Error(diff)
	}
}

// Operations spec section 2: labels, kebab-case parameters, headers, ISO 8601
// in queries with any number of decimals.
func TestDecode_OutsideOfTheBody(t *testing.T) {
	c := codec(t, api.ListChannelMessages, api.ServiceMessaging)
	for _, text := range []string{"2024-01-02T03:04:05.678000Z", "2024-01-02T03:04:05.678Z", "1704164645.678"} {
		var in api.ListChannelMessagesRequest
		query := url.Values{"not-before": {text}, "max-results": {"7"}, "next-token": {"n"}}
		header := http.Header{"X-Amz-Chime-Bearer": {"arn:bearer"}}
		if err := c.Decode(&in, []Label{{"channelArn", "arn:aws:chime:x"}}, query, header, nil); err != nil {
			t.Fatal(err)
		}
		want := api.ListChannelMessagesRequest{ChannelArn: new("arn:aws:chime:x"), ChimeBearer: new("arn:bearer"), MaxResults: new(int64(7)),
			NextToken: new("n"), NotBefore: new(time.Date(2024, 1, 2, 3, 4, 5, 678e6, time.UTC))}
		if diff := cmp.Diff(want, in); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestDecode_Errors(t *testing.T) {
	for body, want := range map[string]string{
		`[]`:                                "must be a JSON object, but is a list",
		`{`:                                 "not valid JSON",
		`{}x`:                               "more text",
		`{"a":01}`:                          "malformed number",
		`{"a":1.}`:                          "malformed number",
		`{"a":"\x"}`:                        "unknown escape",
		"{\"a\":\"\x01\"}":                  "control character",
		"{\"a\":\"\xff\"}":                  "UTF-8",
		`{"a":tru}`:                         "expected a value",
		`{"ClientRequestToken":5}`:          "clientRequestToken must be a string, but is a number",
		`{"TenantIds":"x"}`:                 "tenantIds must be a list, but is a string",
		`{"TenantIds":[null]}`:              "tenantIds.1.member must not be null",
		`{"Tags":[{"Key":"a"},7]}`:          "tags.2.member must be an object, but is a number",
		`{"Tags":[{"Key":{}}]}`:             "tags.1.member.key must be a string, but is an object",
		`{"MeetingFeatures":[]}`:            "meetingFeatures must be an object",
		strings.Repeat(`{"a":`, 1000):       "nested too deep",
		`{"a":` + strings.Repeat("[", 1000): "nested too deep",
		`{"MeetingFeatures":{"Attendee":{"MaxCount":"25"}}}`: "meetingFeatures.attendee.maxCount must be a number, but is a string",
		`{"MeetingFeatures":{"Attendee":{"MaxCount":2.5}}}`:  "meetingFeatures.attendee.maxCount must be an integer",
		`{"MeetingFeatures":{"Attendee":{"MaxCount":1e99}}}`: "maxCount must be an integer",
	} {
		var in api.CreateMeetingRequest
		err := codec(t, api.CreateMeeting, api.ServiceMeetings).Decode(&in, nil, nil, nil, []byte(body))
		if e := (*api.Error)(nil); !errors.As(err, &e) || e.Code != api.Serialization || !strings.Contains(e.Message, want) {
			t.Errorf("%.60s: got %v, want %s", body, err, want)
		}
	}
	var in api.ListAttendeesRequest
	err := codec(t, api.ListAttendees, api.ServiceMeetings).Decode(&in, nil, url.Values{"max-results": {"many"}}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "maxResults must be an integer, but is 'many'") {
		t.Errorf("max-results=many: %v", err)
	}
}

const (
	uuid  = "12345678-1234-1234-1234-123456789012"
	token = `"ClientRequestToken":"tok","MediaRegion":"us-east-1","ExternalMeetingId":"room"`
)

// Meetings spec section 13: the words of AWS's gateway.
func TestValidate_CreateMeeting(t *testing.T) {
	pattern := "Member must satisfy regular expression pattern: "
	for _, c := range []struct {
		name, body string
		service    api.Service
		want       string // empty: valid
	}{
		{"least", `{` + token + `}`, api.ServiceMeetings, ""},
		{"null token", `{"MediaRegion":"us-east-1","ExternalMeetingId":"room"}`, api.ServiceMeetings,
			"1 validation error detected: Value null at 'clientRequestToken' failed to satisfy constraint: Member must not be null"},
		{"all missing", ``, api.ServiceMeetings,
			"3 validation errors detected: Value null at 'clientRequestToken' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'mediaRegion' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'externalMeetingId' failed to satisfy constraint: Member must not be null"},
		{"old namespace needs the token only", `{"ClientRequestToken":"tok"}`, api.ServiceChime, ""},
		{"unknown service takes the looser rule", `{"ClientRequestToken":"tok"}`, loose, ""},
		{"token characters", `{"ClientRequestToken":"a b","MediaRegion":"us-east-1","ExternalMeetingId":"room"}`, api.ServiceMeetings,
			"1 validation error detected: Value 'a b' at 'clientRequestToken' failed to satisfy constraint: " + pattern + "[-_a-zA-Z0-9]*"},
		{"token too short", `{"ClientRequestToken":"a","MediaRegion":"us-east-1","ExternalMeetingId":"room"}`, api.ServiceMeetings,
			"1 validation error detected: Value 'a' at 'clientRequestToken' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{"sensitive values are not repeated", `{"ClientRequestToken":"tok","MediaRegion":"us-east-1","ExternalMeetingId":"r"}`, api.ServiceMeetings,
			"1 validation error detected: Value at 'externalMeetingId' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{"64 characters, not bytes", `{"ClientRequestToken":"tok","MediaRegion":"us-east-1","ExternalMeetingId":"` + strings.Repeat("ä", 64) + `"}`, api.ServiceMeetings, ""},
		{"65 characters", `{"ClientRequestToken":"tok","MediaRegion":"us-east-1","ExternalMeetingId":"` + strings.Repeat("ä", 65) + `"}`, api.ServiceMeetings,
			"1 validation error detected: Value at 'externalMeetingId' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"enum", `{` + token + `,"MediaPlacementNetworkType":"IPX"}`, api.ServiceMeetings,
			"1 validation error detected: Value 'IPX' at 'mediaPlacementNetworkType' failed to satisfy constraint: Member must satisfy enum value set: [Ipv4Only, DualStack]"},
		{"nested enum", `{` + token + `,"MeetingFeatures":{"Video":{"MaxResolution":"4K"}}}`, api.ServiceMeetings,
			"1 validation error detected: Value '4K' at 'meetingFeatures.video.maxResolution' failed to satisfy constraint: Member must satisfy enum value set: [None, HD, FHD]"},
		{"range", `{` + token + `,"MeetingFeatures":{"Attendee":{"MaxCount":0}}}`, api.ServiceMeetings,
			"1 validation error detected: Value '0' at 'meetingFeatures.attendee.maxCount' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"four in a row", `{` + token + `,"TenantIds":["aaaa"]}`, api.ServiceMeetings,
			"1 validation error detected: Value '[aaaa]' at 'tenantIds' failed to satisfy constraint: Member must satisfy constraint: [" + pattern + `^(?!.*?(.)\1{3})[-_!@#$a-zA-Z0-9]*$]`},
		{"three in a row", `{` + token + `,"TenantIds":["aaabaaa"]}`, api.ServiceMeetings, ""},
		{"too many tenants", `{` + token + `,"TenantIds":["aa","ab","ac","ad","ae","af"]}`, api.ServiceMeetings,
			"1 validation error detected: Value '[aa, ab, ac, ad, ae, af]' at 'tenantIds' failed to satisfy constraint: Member must have length less than or equal to 5"},
		{"empty tag value", `{` + token + `,"Tags":[{"Key":"k","Value":""}]}`, api.ServiceMeetings, ""},
		{"empty tag value in the old namespace", `{"ClientRequestToken":"tok","Tags":[{"Key":"k","Value":""}]}`, api.ServiceChime,
			"1 validation error detected: Value at 'tags.1.member.value' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"tag without key", `{` + token + `,"Tags":[{"Key":"k","Value":"v"},{"Value":"v"}]}`, api.ServiceMeetings,
			"1 validation error detected: Value null at 'tags.2.member.key' failed to satisfy constraint: Member must not be null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cd := codec(t, api.CreateMeeting, c.service)
			var in api.CreateMeetingRequest
			if err := cd.Decode(&in, nil, nil, nil, []byte(c.body)); err != nil {
				t.Fatal(err)
			}
			checkValidation(t, cd.Validate(&in, nil), c.want)
		})
	}
}

func checkValidation(t *testing.T, err error, want string) {
	t.Helper()
	e := (*api.Error)(nil)
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && (!errors.As(err, &e) || e.Code != api.Validation || e.Message != want):
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Meetings spec section 1 and 16: 11 attendees in the old namespace, 21 in the
// newer one; operators may raise both.
func TestValidate_ListsThatAreQuotas(t *testing.T) {
	attendees := func(n int) []api.CreateAttendeeRequestItem {
		list := make([]api.CreateAttendeeRequestItem, n)
		for i := range list {
			list[i].ExternalUserId = new("user")
		}
		return list
	}
	for _, c := range []struct {
		service api.Service
		n       int
		bounds  Bounds
		want    string
	}{
		{api.ServiceMeetings, 20, nil, ""},
		{api.ServiceMeetings, 21, nil, "20"},
		{api.ServiceChime, 10, nil, ""},
		{api.ServiceChime, 11, nil, "10"},
		{loose, 20, nil, ""},
		{loose, 21, nil, "20"},
		{api.ServiceMeetings, 30, func(q api.Quota) (int64, bool) { return 30, q == api.QuotaMeetingAttendees }, ""},
		{api.ServiceMeetings, 31, func(q api.Quota) (int64, bool) { return 30, q == api.QuotaMeetingAttendees }, "30"},
		{api.ServiceMeetings, 21, func(q api.Quota) (int64, bool) { return 30, q == api.QuotaMaxCount }, "20"},
	} {
		in := api.CreateMeetingWithAttendeesRequest{ClientRequestToken: new("tok"), MediaRegion: new("us-east-1"), ExternalMeetingId: new("room"), Attendees: attendees(c.n)}
		want := ""
		if c.want != "" {
			want = "1 validation error detected: Value at 'attendees' failed to satisfy constraint: Member must have length less than or equal to " + c.want
		}
		checkValidation(t, codec(t, api.CreateMeetingWithAttendees, c.service).Validate(&in, c.bounds), want)
	}
	in := api.BatchCreateAttendeeRequest{MeetingId: new(uuid), Attendees: []api.CreateAttendeeRequestItem{{}}}
	checkValidation(t, codec(t, api.BatchCreateAttendee, api.ServiceMeetings).Validate(&in, nil),
		"1 validation error detected: Value null at 'attendees.1.member.externalUserId' failed to satisfy constraint: Member must not be null")
}

func TestValidate_Others(t *testing.T) {
	get := api.GetMeetingRequest{MeetingId: new("nope")}
	checkValidation(t, codec(t, api.GetMeeting, api.ServiceMeetings).Validate(&get, nil), "1 validation error detected: Value 'nope' at 'meetingId' failed to satisfy constraint: "+
		"Member must satisfy regular expression pattern: [a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}")
	list := api.ListAttendeesRequest{MeetingId: new(uuid), MaxResults: new(int64(100))}
	checkValidation(t, codec(t, api.ListAttendees, api.ServiceMeetings).Validate(&list, nil), "")
	checkValidation(t, codec(t, api.ListAttendees, loose).Validate(&list, nil), "")
	checkValidation(t, codec(t, api.ListAttendees, api.ServiceChime).Validate(&list, nil),
		"1 validation error detected: Value '100' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 99")
}

// Operations spec section 3: absent values left out, timestamps in the form of
// their field.
func TestAppend(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 678e6, time.UTC)
	var ps Plans
	for _, c := range []struct {
		name string
		out  any
		want string
	}{
		{"absent values are left out", &api.GetMeetingResponse{Meeting: &api.Meeting{MeetingId: new("m"), TenantIds: []string{}}}, `{"Meeting":{"MeetingId":"m","TenantIds":[]}}`},
		{"nothing", &api.Empty{}, `{}`},
		{"nil", (*api.GetMeetingResponse)(nil), `{}`},
		{"no interface", nil, `{}`},
		{"epoch seconds", &api.DescribeChannelResponse{Channel: &api.Channel{CreatedTimestamp: &at}}, `{"Channel":{"CreatedTimestamp":1704164645.678}}`},
		{"whole epoch seconds", &api.DescribeChannelResponse{Channel: &api.Channel{CreatedTimestamp: new(at.Truncate(time.Second))}}, `{"Channel":{"CreatedTimestamp":1704164645}}`},
		{"ISO 8601", &api.GetVoiceConnectorResponse{VoiceConnector: &api.VoiceConnector{CreatedTimestamp: &at, RequireEncryption: new(true)}},
			`{"VoiceConnector":{"RequireEncryption":true,"CreatedTimestamp":"2024-01-02T03:04:05.678Z"}}`},
		{"small wire names", &api.Address{StreetName: new("a")}, `{"streetName":"a"}`},
	} {
		if got := string(ps.Append(nil, c.out)); !sameJSON(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	if got := string(appendFloat(nil, math.Inf(1))); got != "0" {
		t.Errorf("infinity: %s", got)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && cmp.Equal(x, y) && len(a) == len(b)
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "a", "\"\\\n\r\t\x00\x1f/<>&", "é😀\u2028", "bad\xff\xfeutf8\xc3"} {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") && !strings.Contains(s, "bad") {
			t.Errorf("%q: %q %v", s, got, err)
		}
	}
}

// FuzzRESTDecode: whatever the body, the decoder agrees with encoding/json on
// what is JSON, and validation and encoding don't panic.
func FuzzRESTDecode(f *testing.F) {
	f.Add([]byte(`{"ClientRequestToken":"tok","TenantIds":["a"],"Tags":[{"Key":"k","Value":"v"}],"MeetingFeatures":{"Attendee":{"MaxCount":2}}}`), "x")
	f.Add([]byte(`{"a":"\ud83d\ude00\ud800","b":[1e3,-0.1,null,true]}`), "2024-01-02T03:04:05Z")
	f.Add([]byte(`{"Tags":[{"Key":null}],"ClientRequestToken":""}`), "")
	var ps Plans
	meetings := codec(f, api.CreateMeeting, loose)
	messages := codec(f, api.SendChannelMessage, loose)
	list := codec(f, api.ListChannelMessages, loose)
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		var in api.CreateMeetingRequest
		if err := meetings.Decode(&in, nil, nil, nil, body); err == nil {
			if trimmed := strings.TrimSpace(string(body)); trimmed != "" && !json.Valid(body) {
				t.Errorf("read as JSON: %q", body)
			}
			_ = meetings.Validate(&in, nil)
			if out := ps.Append(nil, &in); !json.Valid(out) {
				t.Errorf("wrote %q", out)
			}
		}
		var msg api.SendChannelMessageRequest
		if messages.Decode(&msg, nil, nil, nil, body) == nil {
			_ = messages.Validate(&msg, nil)
		}
		var lm api.ListChannelMessagesRequest
		if list.Decode(&lm, []Label{{"channelArn", text}}, url.Values{"not-before": {text}, "max-results": {text}}, nil, nil) == nil {
			_ = list.Validate(&lm, nil)
		}
	})
}

func BenchmarkDecodeValidateEncode(b *testing.B) {
	c := codec(b, api.CreateMeeting, api.ServiceMeetings)
	body := []byte(`{"ClientRequestToken":"` + uuid + `","MediaRegion":"us-east-1","ExternalMeetingId":"room 1","Tags":[{"Key":"team","Value":"red"}]}`)
	out := &api.CreateMeetingResponse{Meeting: &api.Meeting{MeetingId: new(uuid), MediaRegion: new("us-east-1"), MediaPlacement: &api.MediaPlacement{SignalingUrl: new("wss://127.0.0.1/control/x")}}}
	var ps Plans
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var in api.CreateMeetingRequest
		if err := c.Decode(&in, nil, nil, nil, body); err != nil {
			b.Fatal(err)
		}
		if err := c.Validate(&in, nil); err != nil {
			b.Fatal(err)
		}
		buf = ps.Append(buf[:0], out)
	}
}
