// Package iam says who may do what: whose access key signed a request, and
// whether its owner may do what it asks for.
//
// For now there is one account with its owner, whose keys may do everything.
// Roles, users and policies come in behind the same two questions, Lookup and
// Authorize.
package iam

import (
	"context"
	"errors"
	"fmt"
)

// OwnerAccount is the account id of a server that was given no other.
const OwnerAccount = "000000000000"

// ErrUnknownKey means that nobody has the access key.
var ErrUnknownKey = errors.New("iam: unknown access key")

// ErrDenied means that the principal may not do what it asked for.
var ErrDenied = errors.New("iam: not authorized")

// Principal is somebody who makes requests.
type Principal struct {
	AccountID   string // 12 digits
	ARN         string // arn:aws:iam::000000000000:root
	UserID      string // unique id, as GetCallerIdentity tells it
	AccessKeyID string // the key that signed
}

// Key is an access key of the account's owner.
type Key struct {
	AccessKeyID string
	Secret      string
}

// Config names the account and the keys of its owner.
type Config struct {
	AccountID string // 12 digits; empty means OwnerAccount
	OwnerKeys []Key  // at least one
}

// Accounts answers for all principals. It is safe for concurrent use.
type Accounts struct {
	owner Principal
	keys  map[string]string // secret by access key id
}

// New returns the accounts of a configuration. It fails when the account id is
// not 12 digits, or a key is missing, incomplete or given twice.
func New(c Config) (*Accounts, error) {
	if c.AccountID == "" {
		c.AccountID = OwnerAccount
	}
	if !isAccountID(c.AccountID) {
		return nil, fmt.Errorf("iam: account id %q: want 12 digits", c.AccountID)
	}
	if len(c.OwnerKeys) == 0 {
		return nil, errors.New("iam: the owner has no access key")
	}
	a := &Accounts{
		owner: Principal{AccountID: c.AccountID, ARN: "arn:aws:iam::" + c.AccountID + ":root", UserID: c.AccountID},
		keys:  make(map[string]string, len(c.OwnerKeys)),
	}
	for _, k := range c.OwnerKeys {
		if k.AccessKeyID == "" || k.Secret == "" {
			return nil, errors.New("iam: an access key needs an id and a secret")
		}
		if _, taken := a.keys[k.AccessKeyID]; taken {
			return nil, fmt.Errorf("iam: access key %s is given twice", k.AccessKeyID)
		}
		a.keys[k.AccessKeyID] = k.Secret
	}
	return a, nil
}

func isAccountID(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return len(s) == 12
}

// SecretOf returns the secret of an access key.
func (a *Accounts) SecretOf(accessKeyID string) (secret string, ok bool) {
	secret, ok = a.keys[accessKeyID]
	return secret, ok
}

// Lookup returns the owner of an access key, and the secret that its
// signatures are made with. sessionToken is what came with the request, empty
// for long-term keys; an owner's key comes without one, so a token makes the
// key unknown. The error is ErrUnknownKey.
func (a *Accounts) Lookup(_ context.Context, accessKeyID, sessionToken string) (Principal, string, error) {
	secret, ok := a.keys[accessKeyID]
	if !ok || sessionToken != "" {
		return Principal{}, "", ErrUnknownKey
	}
	p := a.owner
	p.AccessKeyID = accessKeyID
	return p, secret, nil
}

// Authorize decides whether p may do action ("chime:CreateMeeting") to all of
// the resources. No resources stand for "*". The error wraps ErrDenied and
// tells, in AWS's words, who may not do what. The owner may do everything.
func (a *Accounts) Authorize(_ context.Context, p Principal, action string, arns []string) error {
	if p.ARN == a.owner.ARN && p.ARN != "" {
		return nil
	}
	resource := "*"
	if len(arns) > 0 {
		resource = arns[0]
	}
	return fmt.Errorf("%w: User: %s is not authorized to perform: %s on resource: %s", ErrDenied, p.ARN, action, resource)
}
