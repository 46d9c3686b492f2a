package api

import "strings"

// ARN is an Amazon Resource Name taken apart.
type ARN struct {
	Partition, Service, Region, AccountID string
	// Type is the resource's kind, such as "meeting" or "app-instance", and
	// ID the rest behind the first / or :, which may hold more of either
	// ("1234/channel/5678").
	Type, ID string
}

// ParseARN takes an ARN apart. Both ways to separate a resource's kind from
// its id are read: callers of the old namespace compose meeting ARNs as
// arn:aws:chime::{account}:meeting:{id} (operations spec section 5).
func ParseARN(s string) (ARN, bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, false
	}
	a := ARN{Partition: parts[1], Service: parts[2], Region: parts[3], AccountID: parts[4], Type: parts[5]}
	if i := strings.IndexAny(parts[5], "/:"); i >= 0 {
		a.Type, a.ID = parts[5][:i], parts[5][i+1:]
	}
	return a, true
}

// Resource returns the resource part in its usual form, such as
// "meeting/1234".
func (a ARN) Resource() string {
	if a.ID == "" {
		return a.Type
	}
	return a.Type + "/" + a.ID
}

// LastType returns the kind of the innermost resource: "channel" for
// app-instance/1/channel/2, "meeting" for meeting/1. Calls of /tags go by it.
func (a ARN) LastType() string {
	parts := strings.Split(a.Resource(), "/")
	if len(parts) < 2 {
		return parts[0]
	}
	return parts[(len(parts)-2)/2*2]
}

// String puts the ARN together again, with / behind the kind.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.AccountID + ":" + a.Resource()
}
