package iam

import (
	"context"
	"net/url"
)

// CallerIdentity is the result of sts:GetCallerIdentity.
type CallerIdentity struct {
	ARN       string `xml:"Arn"`
	UserID    string `xml:"UserId"`
	AccountID string `xml:"Account"`
}

// STS returns the actions of the Security Token Service by name. Each takes
// the caller and the request's parameters and returns a result that
// encoding/xml can write.
func (a *Accounts) STS() map[string]func(context.Context, Principal, url.Values) (any, error) {
	return map[string]func(context.Context, Principal, url.Values) (any, error){
		// AWS asks for no permission here either: everybody may know who they are.
		"GetCallerIdentity": func(_ context.Context, p Principal, _ url.Values) (any, error) {
			return CallerIdentity{ARN: p.ARN, UserID: p.UserID, AccountID: p.AccountID}, nil
		},
	}
}
