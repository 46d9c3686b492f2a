package awshttp

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/awshttp/restjson"
)

// node is a place in the trie of path segments. Segments are compared as they
// are escaped in the request line, and only the values of labels are
// unescaped: ARNs in labels contain escaped slashes.
type node struct {
	literal map[string]*node
	label   *node
	leaf    *leaf // nil if no path ends here
}

// leaf holds the routes of one path.
type leaf struct{ methods map[string]*routes }

// routes are the routes of a path and method: those with a constant query
// pair, and the one without.
type routes struct {
	constant []constant
	plain    *route
}

type constant struct {
	key, value string
	*route
}

// route is a path, method and constant pair with the endpoints of all services
// that have it, newer services first.
type route struct {
	targets []*target
	loose   *target // for an unknown service; nil if there is only one anyway
}

// target is an operation by the rules of one service, or by the looser ones.
type target struct {
	operation *operation
	endpoint  *api.Endpoint
	known     bool
	shape     *api.Shape
	names     []string // of the path's labels
	made      atomic.Pointer[restjson.Codec]
}

// operation is an operation with its handler and its counters.
type operation struct {
	*api.Operation
	handler *api.Handler // nil if it is not built
	counts  callCounts
}

func newRoutes(reg *api.Registry) (root *node, all []*operation) {
	root = &node{}
	for _, op := range api.Operations() {
		o := &operation{Operation: op, handler: reg.Handler(op)}
		for i := range op.Endpoints {
			root.add(o, &op.Endpoints[i])
		}
		all = append(all, o)
	}
	return root, all
}

func (n *node) add(o *operation, e *api.Endpoint) {
	var names []string
	for seg := range strings.SplitSeq(strings.TrimPrefix(e.Path, "/"), "/") {
		if strings.HasPrefix(seg, "{") {
			names = append(names, strings.Trim(seg, "{}"))
			if n.label == nil {
				n.label = &node{}
			}
			n = n.label
			continue
		}
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[seg] == nil {
			n.literal[seg] = &node{}
		}
		n = n.literal[seg]
	}
	if n.leaf == nil {
		n.leaf = &leaf{methods: map[string]*routes{}}
	}
	rs := n.leaf.methods[e.Method]
	if rs == nil {
		rs = &routes{}
		n.leaf.methods[e.Method] = rs
	}
	rs.at(e).add(&target{operation: o, endpoint: e, known: true, shape: e.Input, names: names})
}

// at returns the route of an endpoint, made if need be.
func (rs *routes) at(e *api.Endpoint) *route {
	if e.QueryKey == "" {
		if rs.plain == nil {
			rs.plain = &route{}
		}
		return rs.plain
	}
	for _, c := range rs.constant {
		if c.key == e.QueryKey && c.value == e.QueryValue {
			return c.route
		}
	}
	rs.constant = append(rs.constant, constant{e.QueryKey, e.QueryValue, &route{}})
	return rs.constant[len(rs.constant)-1].route
}

// add keeps the order of an operation's endpoints: newer services first.
func (rt *route) add(t *target) {
	rt.targets = append(rt.targets, t)
	if first := rt.targets[0]; len(rt.targets) == 2 {
		rt.loose = &target{operation: first.operation, endpoint: first.endpoint, shape: first.operation.Loose, names: first.names}
	}
}

// choose returns the target of a service. If the service is unknown, or has no
// such operation, it is the newer one's with the looser rules.
func (rt *route) choose(s api.Service, known bool) *target {
	if known {
		for _, t := range rt.targets {
			if t.endpoint.Service == s {
				return t
			}
		}
	}
	if rt.loose != nil {
		return rt.loose
	}
	return rt.targets[0]
}

// match is a path that was found.
type match struct {
	leaf   *leaf
	labels []string // escaped
}

// find looks a path up, literal segments before labels.
func (n *node) find(path string) *match {
	trimmed := strings.Trim(path, "/")
	if trimmed == "" {
		return nil
	}
	var labels [8]string
	return n.descend(trimmed, labels[:0])
}

func (n *node) descend(rest string, labels []string) *match {
	seg, rest, more := strings.Cut(rest, "/")
	if next := n.literal[seg]; next != nil {
		if m := next.arrive(rest, more, labels); m != nil {
			return m
		}
	}
	if n.label != nil && seg != "" {
		return n.label.arrive(rest, more, append(labels, seg))
	}
	return nil
}

func (n *node) arrive(rest string, more bool, labels []string) *match {
	if more {
		return n.descend(rest, labels)
	}
	if n.leaf == nil {
		return nil
	}
	return &match{n.leaf, slices.Clone(labels)}
}

// route finds the route of a request and the unescaped values of its labels.
func (n *node) route(method, path string, query url.Values) (*route, []string, error) {
	m := n.find(path)
	if m == nil {
		return nil, nil, api.Errorf(api.UnknownOperation, "There is no operation at this path.")
	}
	rs := m.leaf.methods[method]
	if rs == nil {
		return nil, nil, &api.Error{Code: api.MethodNotAllowed, Message: "The method " + clip(method) + " is not one of this path's: " + m.leaf.allowed() + ".", Resource: m.leaf.allowed()}
	}
	rt := rs.choose(query)
	if rt == nil {
		return nil, nil, api.Errorf(api.UnknownOperation, "There is no such operation at this path.")
	}
	for i, l := range m.labels {
		text, err := url.PathUnescape(l)
		if err != nil {
			return nil, nil, api.Errorf(api.Serialization, "The path has a malformed escape: %s", clip(l))
		}
		m.labels[i] = text
	}
	return rt, m.labels, nil
}

// choose returns the route of a query's constant pair. A known key with another
// value is a mistake, not a call of the route without one.
func (rs *routes) choose(query url.Values) *route {
	for _, c := range rs.constant {
		if query.Get(c.key) == c.value {
			return c.route
		}
	}
	for _, c := range rs.constant {
		if query.Has(c.key) {
			return nil
		}
	}
	return rs.plain
}

func (l *leaf) allowed() string {
	methods := make([]string, 0, len(l.methods))
	for m := range l.methods {
		methods = append(methods, m)
	}
	slices.Sort(methods)
	return strings.Join(append(methods, http.MethodOptions), ", ")
}

// codec returns the target's codec, made by its first request.
func (t *target) codec(plans *restjson.Plans) (*restjson.Codec, error) {
	if c := t.made.Load(); c != nil {
		return c, nil
	}
	c, err := plans.NewCodec(t.shape, t.operation.handler.In)
	if err != nil {
		return nil, err
	}
	t.made.Store(c)
	return c, nil
}

func (t *target) labels(values []string) []restjson.Label {
	labels := make([]restjson.Label, len(values))
	for i, v := range values {
		labels[i] = restjson.Label{Name: t.names[i], Value: v}
	}
	return labels
}

// touched lists the ARNs of what a call touches.
func touched(op *api.Operation, codec *restjson.Codec, in any, call *api.Call) []string {
	var arns []string
	for _, res := range op.Resources {
		index, ok := codec.Field(res.Field)
		if !ok {
			continue
		}
		value, _ := reflect.ValueOf(in).Elem().Field(index).Interface().(*string)
		switch {
		case value == nil:
		case res.Prefix == "" || strings.HasPrefix(*value, "arn:"):
			arns = append(arns, *value)
		default:
			arns = append(arns, call.ARN(res.Prefix+*value))
		}
	}
	return arns
}
