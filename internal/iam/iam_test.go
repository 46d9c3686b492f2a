package iam

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestNew_Errors(t *testing.T) {
	key := Key{"AKID", "secret"}
	for name, c := range map[string]Config{
		"no key":           {},
		"no secret":        {OwnerKeys: []Key{{AccessKeyID: "AKID"}}},
		"key given twice":  {OwnerKeys: []Key{key, key}},
		"account letters":  {AccountID: "00000000000x", OwnerKeys: []Key{key}},
		"account too long": {AccountID: "0000000000000", OwnerKeys: []Key{key}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "secret\"") {
			t.Errorf("%s: the message tells the secret: %v", name, err)
		}
	}
}

func TestAccounts_Lookup(t *testing.T) {
	a, err := New(Config{OwnerKeys: []Key{{"AKID1", "one"}, {"AKID2", "two"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	p, secret, err := a.Lookup(ctx, "AKID2", "")
	if err != nil || secret != "two" || p != (Principal{OwnerAccount, "arn:aws:iam::000000000000:root", OwnerAccount, "AKID2"}) {
		t.Errorf("%+v %q %v", p, secret, err)
	}
	if _, _, err := a.Lookup(ctx, "AKID3", ""); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("unknown key: %v", err)
	}
	if _, _, err := a.Lookup(ctx, "AKID1", "token"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("owner's key with a session token: %v", err)
	}
}

func TestAccounts_Authorize(t *testing.T) {
	a, _ := New(Config{AccountID: "111122223333", OwnerKeys: []Key{{"AKID1", "one"}}})
	ctx := context.Background()
	p, _, _ := a.Lookup(ctx, "AKID1", "")
	if err := a.Authorize(ctx, p, "chime:CreateMeeting", nil); err != nil {
		t.Errorf("owner: %v", err)
	}
	for _, stranger := range []Principal{{}, {AccountID: "111122223333", ARN: "arn:aws:iam::111122223333:user/x"}} {
		err := a.Authorize(ctx, stranger, "chime:GetMeeting", []string{"arn:aws:chime:us-east-1:111122223333:meeting/1"})
		if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "chime:GetMeeting on resource: arn:aws:chime") {
			t.Errorf("%+v: %v", stranger, err)
		}
	}
}

func TestSTS_GetCallerIdentity(t *testing.T) {
	a, _ := New(Config{OwnerKeys: []Key{{"AKID1", "one"}}})
	p, _, _ := a.Lookup(context.Background(), "AKID1", "")
	got, err := a.STS()["GetCallerIdentity"](context.Background(), p, nil)
	if want := (CallerIdentity{"arn:aws:iam::000000000000:root", OwnerAccount, OwnerAccount}); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
}
