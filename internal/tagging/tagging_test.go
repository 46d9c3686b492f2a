package tagging_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/store"
	"github.com/carillon-rtc/carillon/internal/tagging"
)

const account = "000000000000"

func open(t *testing.T) (context.Context, *tagging.Service, *store.Store, *api.Registry) {
	t.Helper()
	st, err := store.Open(context.Background(), store.Config{
		Dir: t.TempDir(), Migrations: []store.MigrationSet{tagging.Migrations()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	s := tagging.New(st)
	s.Kind("meeting", tagging.Kind{Max: 50, Find: func(_ store.Queryer, _ string, arn api.ARN) (bool, error) {
		return arn.ID == "1", nil
	}})
	r := api.NewRegistry()
	s.Register(r)
	ctx := api.WithCall(context.Background(), &api.Call{AccountID: account, Region: "eu-west-1", Service: api.ServiceMeetings})
	return ctx, s, st, r
}

func call[In, Out any](t *testing.T, ctx context.Context, r *api.Registry, op api.Op[In, Out], in In) (*Out, error) {
	t.Helper()
	out, err := r.Handler(op.Operation()).Call(ctx, &in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

func tags(pairs ...string) (list []api.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, api.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

// Covers: TagResource, UntagResource, ListTagsForResource
func TestService_TagResource(t *testing.T) {
	ctx, _, _, r := open(t)
	// All spellings of one resource are one resource (meetings spec section 9).
	spellings := []string{
		"arn:aws:chime:eu-west-1:000000000000:meeting/1",
		"arn:aws:chime::000000000000:meeting/1",
		"arn:aws:chime::000000000000:meeting:1",
	}
	for i, arn := range spellings {
		_, err := call(t, ctx, r, api.TagResource, api.TagResourceRequest{ResourceARN: &arn, Tags: tags("a", fmt.Sprint(i), "b", "")})
		if err != nil {
			t.Fatal(err)
		}
		out, err := call(t, ctx, r, api.ListTagsForResource, api.ListTagsForResourceRequest{ResourceARN: &spellings[2-i]})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tags("a", fmt.Sprint(i), "b", ""), out.Tags); d != "" {
			t.Error(d)
		}
	}
	_, err := call(t, ctx, r, api.UntagResource, api.UntagResourceRequest{ResourceARN: &spellings[0], TagKeys: []string{"a", "absent"}})
	if err != nil {
		t.Fatal(err)
	}
	out, _ := call(t, ctx, r, api.ListTagsForResource, api.ListTagsForResourceRequest{ResourceARN: &spellings[0]})
	if d := cmp.Diff(tags("b", ""), out.Tags); d != "" {
		t.Error(d)
	}
}

// Covers: TagResource, ListTagsForResource
func TestService_Errors(t *testing.T) {
	ctx, _, _, r := open(t)
	for _, c := range []struct {
		arn  string
		want api.Code
	}{
		{"arn:aws:chime:eu-west-1:000000000000:meeting/2", api.ResourceNotFound},
		{"arn:aws:chime:eu-west-1:111111111111:meeting/1", api.ResourceNotFound},
		{"arn:aws:chime:eu-west-1:000000000000:nonsense/1", api.ResourceNotFound},
		{"arn:aws:sqs:eu-west-1:000000000000:meeting/1", api.ResourceNotFound},
		{"arn:nonsense", api.BadRequest},
	} {
		var e *api.Error
		_, err := call(t, ctx, r, api.ListTagsForResource, api.ListTagsForResourceRequest{ResourceARN: &c.arn})
		if !errors.As(err, &e) || e.Code != c.want {
			t.Errorf("%s: %v, want %v", c.arn, err, c.want)
		}
		if c.want == api.ResourceNotFound && e.Resource != c.arn {
			t.Errorf("%s: ResourceName %q", c.arn, e.Resource)
		}
	}
}

// Covers: TagResource
func TestService_TooManyTags(t *testing.T) {
	ctx, _, _, r := open(t)
	arn := "arn:aws:chime:eu-west-1:000000000000:meeting/1"
	var fifty []string
	for i := range 50 {
		fifty = append(fifty, fmt.Sprintf("k%02d", i), "v")
	}
	if _, err := call(t, ctx, r, api.TagResource, api.TagResourceRequest{ResourceARN: &arn, Tags: tags(fifty...)}); err != nil {
		t.Fatal(err)
	}
	_, err := call(t, ctx, r, api.TagResource, api.TagResourceRequest{ResourceARN: &arn, Tags: tags("k00", "new", "k50", "v")})
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.TooManyTags {
		t.Fatalf("51st tag: %v", err)
	}
	out, _ := call(t, ctx, r, api.ListTagsForResource, api.ListTagsForResourceRequest{ResourceARN: &arn})
	if len(out.Tags) != 50 || *out.Tags[0].Value != "v" {
		t.Error("a refused call changed something")
	}
}

func TestService_RemoveTree(t *testing.T) {
	ctx, s, st, _ := open(t)
	err := st.Write(ctx, func(tx *store.Tx) error {
		for _, r := range []string{"meeting/1", "meeting/1/attendee/2", "meeting/10", "meeting/1-"} {
			if err := s.Put(tx, account, r, r, tags("k", "v"), 50); err != nil {
				return err
			}
		}
		return s.RemoveTree(tx, account, "meeting/1")
	})
	if err != nil {
		t.Fatal(err)
	}
	for r, want := range map[string]int{"meeting/1": 0, "meeting/1/attendee/2": 0, "meeting/10": 1, "meeting/1-": 1} {
		list, err := s.List(st.Reader(ctx), account, r)
		if err != nil || len(list) != want {
			t.Errorf("%s has %d tags, %v, want %d", r, len(list), err, want)
		}
	}
}
