package api

import (
	"context"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// Operations spec section 1 and 5: 415 operations, 269 different routes.
func TestOperations_Counts(t *testing.T) {
	want := map[Service]int{ServiceChime: 191, ServiceMeetings: 16, ServiceIdentity: 30, ServiceMessaging: 51, ServiceVoice: 96, ServiceMediaPipelines: 31}
	got, routes, current := map[Service]int{}, map[string]bool{}, 0
	label := regexp.MustCompile(`\{[^}]*\}`)
	for _, op := range Operations() {
		for _, e := range op.Endpoints {
			got[e.Service]++
			routes[e.Method+label.ReplaceAllString(e.Path, "{}")+"?"+e.QueryKey+"="+e.QueryValue] = true
			if e.Service == ServiceChime && e.Current {
				current++
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("operations by service: %v, want %v", got, want)
	}
	if len(routes) != 269 {
		t.Errorf("%d routes, want 269", len(routes))
	}
	if current != 62 {
		t.Errorf("%d current operations in chime, want 62", current)
	}
}

// Every field of every rule has to be in the Go struct, with the type of its
// kind, and every pattern has to compile.
func TestRules_FitStructs(t *testing.T) {
	for _, op := range Operations() {
		in := operationTypes[op][0]
		checkRule(t, op.Name, in, op.Loose)
		for _, e := range op.Endpoints {
			checkRule(t, e.Service.ID()+"."+e.Name, in, e.Input)
			checkPatterns(t, e.Input)
		}
		checkPatterns(t, op.Loose)
		for _, res := range op.Resources {
			if f, ok := in.FieldByName(res.Field); !ok || f.Type != reflect.TypeFor[*string]() {
				t.Errorf("%s: resource %s is no text of the input", op.Name, res.Field)
			}
		}
	}
}

func checkRule(t *testing.T, path string, typ reflect.Type, s *Shape) {
	t.Helper()
	if s == nil {
		return
	}
	want := map[Kind]reflect.Kind{KindString: reflect.String, KindInteger: reflect.Int64, KindFloat: reflect.Float64, KindBoolean: reflect.Bool,
		KindTimestamp: reflect.Struct, KindStructure: reflect.Struct, KindList: reflect.Slice, KindMap: reflect.Map}[s.Kind]
	if typ.Kind() != want || (s.Kind == KindTimestamp) != (typ == reflect.TypeFor[Time]()) {
		t.Errorf("%s is a %v, want a %v", path, typ, want)
		return
	}
	if s.Kind == KindList || s.Kind == KindMap {
		checkRule(t, path+"[]", typ.Elem(), s.Elem)
	}
	for _, f := range s.Fields {
		sf, ok := typ.FieldByName(f.Go)
		if !ok {
			t.Errorf("%s: no field %s", path, f.Go)
			continue
		}
		ft := sf.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		checkRule(t, path+"."+f.Go, ft, f.Shape)
	}
}

func checkPatterns(t *testing.T, s *Shape) {
	t.Helper()
	if s == nil {
		return
	}
	for p := s.Pattern; p != nil; p = p.Or {
		if _, err := regexp.Compile(p.RE2); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	for _, f := range s.Fields {
		checkPatterns(t, f.Shape)
	}
	checkPatterns(t, s.Elem)
	checkPatterns(t, s.Key)
}

func TestRegistry_TwoHandlers(t *testing.T) {
	r := NewRegistry()
	fn := func(context.Context, *GetMeetingRequest) (*GetMeetingResponse, error) { return nil, nil }
	Handle(r, GetMeeting, fn)
	defer func() {
		if recover() == nil {
			t.Error("a second handler for one operation was taken")
		}
	}()
	Handle(r, GetMeeting, fn)
}

// Operations spec section 4.
func TestCode_Names(t *testing.T) {
	for _, c := range []struct {
		code             Code
		service          Service
		exception, short string
		status           int
	}{
		{Throttled, ServiceMeetings, "ThrottlingException", "Throttling", 429},
		{Throttled, ServiceChime, "ThrottledClientException", "Throttled", 429},
		{Unauthorized, ServiceMeetings, "UnauthorizedException", "Unauthorized", 401},
		{Unauthorized, ServiceVoice, "UnauthorizedClientException", "Unauthorized", 401},
		{LimitExceeded, ServiceMeetings, "LimitExceededException", "LimitExceeded", 400},
		{LimitExceeded, ServiceMessaging, "ResourceLimitExceededException", "ResourceLimitExceeded", 400},
		{ResourceNotFound, ServiceMeetings, "ResourceNotFoundException", "ResourceNotFound", 404},
		{ResourceNotFound, ServiceIdentity, "NotFoundException", "NotFound", 404},
		{TooManyTags, ServiceMeetings, "TooManyTagsException", "TooManyTags", 400},
		{Validation, ServiceChime, "ValidationException", "ValidationException", 400},
		{Unprocessable, ServiceChime, "UnprocessableEntityException", "Unprocessable", 422},
	} {
		if e, s := c.code.Exception(c.service), c.code.Short(c.service); e != c.exception || s != c.short || c.code.Status() != c.status {
			t.Errorf("%v in %v: %s %s %d, want %s %s %d", c.code, c.service, e, s, c.code.Status(), c.exception, c.short, c.status)
		}
	}
	for c := range codeCount {
		if c.String() == "" || c.Status() == 0 {
			t.Errorf("code %d has no name or status", c)
		}
	}
}

func TestErrorf_KeepsCause(t *testing.T) {
	err := Errorf(BadRequest, "meeting %s: %w", "m", io.EOF)
	if err.Message != "meeting m: EOF" || !errors.Is(err, io.EOF) {
		t.Errorf("%q, cause %v", err.Message, err.Err)
	}
}

func TestParseARN(t *testing.T) {
	for in, want := range map[string]ARN{
		"arn:aws:chime:us-east-1:000000000000:meeting/1":             {"aws", "chime", "us-east-1", "000000000000", "meeting", "1"},
		"arn:aws:chime::000000000000:meeting:1":                      {"aws", "chime", "", "000000000000", "meeting", "1"},
		"arn:aws:chime:x:1:app-instance/a/user/us-east-1:cognito-id": {"aws", "chime", "x", "1", "app-instance", "a/user/us-east-1:cognito-id"},
	} {
		if got, ok := ParseARN(in); !ok || got != want {
			t.Errorf("%s: %+v %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "arn:", "meeting/1", "arn:aws:chime:::", "x:aws:chime:::meeting/1"} {
		if got, ok := ParseARN(bad); ok {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

func TestARN_LastType(t *testing.T) {
	for in, want := range map[string]string{
		"meeting/1": "meeting", "meeting:1": "meeting", "app-instance/1/channel/2": "channel", "app-instance/1": "app-instance", "vc": "vc",
	} {
		a, _ := ParseARN("arn:aws:chime:us-east-1:000000000000:" + in)
		if got := a.LastType(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestCallFrom(t *testing.T) {
	if c := CallFrom(context.Background()); c == nil || c.AccountID != "" {
		t.Errorf("without a call: %+v", c)
	}
	ctx := WithCall(context.Background(), &Call{Region: "eu-central-1", AccountID: "000000000000"})
	if arn := CallFrom(ctx).ARN("meeting/1"); !strings.HasSuffix(arn, ":eu-central-1:000000000000:meeting/1") {
		t.Errorf("ARN %s", arn)
	}
}
