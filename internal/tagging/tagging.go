// Package tagging keeps tags on anything with an ARN.
//
// A domain names its kind of resource with [Service.Kind] and says how to find
// out whether one exists; the three operations on /tags, shared by all six
// services, go by the kind in the ARN (operations spec section 5). A domain
// with tag operations of its own, or with tags at creation, calls
// [Service.Put] and its siblings inside its own transaction.
package tagging

import (
	"context"
	"embed"
	"io/fs"
	"strings"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations is the package's schema.
func Migrations() store.MigrationSet {
	dir, _ := fs.Sub(migrations, "migrations") // fails only for a malformed name
	return store.MigrationSet{Domain: "tagging", FS: dir}
}

// Kind is what the owner of a kind of resource knows of it.
type Kind struct {
	// Max is how many tags one resource may have.
	Max int
	// AnyCase tells that ids mean the same in upper and in lower case. Find
	// gets them, and tags are kept, in lower case.
	AnyCase bool
	// Find checks that the resource exists in the account; an error other than
	// [api.Error] means that it could not be looked up. The ARN's account has
	// been compared already.
	Find func(q store.Queryer, accountID string, arn api.ARN) (bool, error)
}

// Service answers the operations on tags. It is safe for concurrent use once
// all kinds are named.
type Service struct {
	store *store.Store
	kinds map[string]Kind
}

// New returns a service that knows no kind of resource yet.
func New(st *store.Store) *Service {
	return &Service{store: st, kinds: make(map[string]Kind)}
}

// Kind names a kind of resource, by the first word of an ARN's resource part
// or, for nested ones, by the last ("channel"). It is called while the server
// is wired.
func (s *Service) Kind(name string, k Kind) { s.kinds[name] = k }

// Register gives the operations to the registry.
func (s *Service) Register(r *api.Registry) {
	api.Handle(r, api.TagResource, s.tagResource)
	api.Handle(r, api.UntagResource, s.untagResource)
	api.Handle(r, api.ListTagsForResource, s.listTagsForResource)
}

// find checks an ARN and returns its kind and its resource part.
func (s *Service) find(ctx context.Context, q store.Queryer, text string) (Kind, string, error) {
	account := api.CallFrom(ctx).AccountID
	arn, ok := api.ParseARN(text)
	if !ok {
		return Kind{}, "", api.Errorf(api.BadRequest, "%q is not an ARN", text)
	}
	missing := &api.Error{Code: api.ResourceNotFound, Message: "Resource " + text + " not found", Resource: text}
	kind, known := s.kinds[arn.LastType()]
	if !known || arn.Service != "chime" || arn.AccountID != account {
		return Kind{}, "", missing
	}
	if kind.AnyCase {
		arn.ID = strings.ToLower(arn.ID)
	}
	exists, err := kind.Find(q, account, arn)
	if err != nil {
		return Kind{}, "", err
	}
	if !exists {
		return Kind{}, "", missing
	}
	return kind, arn.Resource(), nil
}

func (s *Service) tagResource(ctx context.Context, in *api.TagResourceRequest) (*api.Empty, error) {
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		kind, resource, err := s.find(ctx, tx, *in.ResourceARN)
		if err != nil {
			return err
		}
		return s.Put(tx, api.CallFrom(ctx).AccountID, resource, *in.ResourceARN, in.Tags, kind.Max)
	})
	return &api.Empty{}, err
}

func (s *Service) untagResource(ctx context.Context, in *api.UntagResourceRequest) (*api.Empty, error) {
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		_, resource, err := s.find(ctx, tx, *in.ResourceARN)
		if err != nil {
			return err
		}
		return s.Remove(tx, api.CallFrom(ctx).AccountID, resource, in.TagKeys)
	})
	return &api.Empty{}, err
}

func (s *Service) listTagsForResource(ctx context.Context, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	q := s.store.Reader(ctx)
	_, resource, err := s.find(ctx, q, *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := s.List(q, api.CallFrom(ctx).AccountID, resource)
	return &api.ListTagsForResourceResponse{Tags: tags}, err
}

// Put sets tags on a resource; arn is how the caller spelled it, for the error
// when it would have more than maxTags.
func (s *Service) Put(tx *store.Tx, accountID, resource, arn string, tags []api.Tag, maxTags int) error {
	if len(tags) == 0 {
		return nil
	}
	for _, t := range tags {
		_, err := tx.Exec(`INSERT INTO tags (account_id, resource, tag_key, tag_value) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_id, resource, tag_key) DO UPDATE SET tag_value = excluded.tag_value`,
			accountID, resource, text(t.Key), text(t.Value))
		if err != nil {
			return err
		}
	}
	var n int
	err := tx.QueryRow(`SELECT COUNT(*) FROM tags WHERE account_id = $1 AND resource = $2`, accountID, resource).Scan(&n)
	if err != nil {
		return err
	}
	if n > maxTags {
		e := api.Errorf(api.TooManyTags, "%s would have %d tags, %d are allowed", arn, n, maxTags)
		e.Resource = arn
		return e
	}
	return nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Remove takes tags off a resource; keys that it does not have are fine.
func (s *Service) Remove(tx *store.Tx, accountID, resource string, keys []string) error {
	for _, key := range keys {
		_, err := tx.Exec(`DELETE FROM tags WHERE account_id = $1 AND resource = $2 AND tag_key = $3`, accountID, resource, key)
		if err != nil {
			return err
		}
	}
	return nil
}

// RemoveTree takes all tags off a resource and off what lies below it.
func (s *Service) RemoveTree(tx *store.Tx, accountID, resource string) error {
	_, err := tx.Exec(`DELETE FROM tags WHERE account_id = $1 AND resource = $2`, accountID, resource)
	if err != nil {
		return err
	}
	// '0' is the character after '/'.
	_, err = tx.Exec(`DELETE FROM tags WHERE account_id = $1 AND resource > $2 AND resource < $3`,
		accountID, resource+"/", resource+"0")
	return err
}

// List returns a resource's tags, sorted by key.
func (s *Service) List(q store.Queryer, accountID, resource string) ([]api.Tag, error) {
	rows, err := q.Query(`SELECT tag_key, tag_value FROM tags WHERE account_id = $1 AND resource = $2 ORDER BY tag_key`,
		accountID, resource)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	tags := []api.Tag{}
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return nil, err
		}
		tags = append(tags, api.Tag{Key: &key, Value: &value})
	}
	return tags, rows.Err()
}
