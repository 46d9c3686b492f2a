package restjson

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/carillon-rtc/carillon/api"
)

// Plans remembers the plans of a server. The zero value is ready. It is safe
// for concurrent use.
type Plans struct {
	patterns sync.Map // RE2 text -> *regexp.Regexp: the same few stand in many shapes
	writers  sync.Map // reflect.Type of a struct -> writer
}

// Codec reads the inputs of one operation under the rules of one service. It
// is safe for concurrent use.
type Codec struct {
	root          *plan
	path          map[string]*field // by label
	query, header []*field
}

// plan is a shape tied to the Go type that holds it.
type plan struct {
	shape   *api.Shape
	typ     reflect.Type
	fields  []*field
	byName  map[string]*field // body members
	elem    *plan             // items of lists, values of maps
	key     *plan             // keys of maps
	pattern []*regexp.Regexp
}

// field is a member tied to the Go struct's field.
type field struct {
	rule    *api.Field
	index   int
	display string // the name as AWS's messages spell it, with a small first letter
	plan    *plan
}

// NewCodec works out how values of struct type in are read by the rules of
// shape, which may be nil if there is no input. It fails if they don't fit.
func (ps *Plans) NewCodec(shape *api.Shape, in reflect.Type) (*Codec, error) {
	if shape == nil {
		shape = &api.Shape{Name: "Empty", Kind: api.KindStructure}
	}
	root, err := ps.newPlan(shape, in)
	if err != nil {
		return nil, err
	}
	c := &Codec{root: root, path: map[string]*field{}}
	for _, f := range root.fields {
		switch f.rule.In {
		case api.InPath:
			c.path[f.rule.Wire] = f
		case api.InQuery:
			c.query = append(c.query, f)
		case api.InHeader:
			c.header = append(c.header, f)
		}
	}
	return c, nil
}

// Field returns the index of the Go field of the input's member with the
// model's name, for reflection; ok is false if this service's input has none.
func (c *Codec) Field(name string) (index int, ok bool) {
	for _, f := range c.root.fields {
		if f.rule.Name == name {
			return f.index, true
		}
	}
	return 0, false
}

func (ps *Plans) newPlan(shape *api.Shape, typ reflect.Type) (*plan, error) {
	p := &plan{shape: shape, typ: typ}
	for pat := shape.Pattern; pat != nil; pat = pat.Or {
		re, err := ps.compile(pat.RE2)
		if err != nil {
			return nil, fmt.Errorf("restjson: pattern of %s: %w", shape.Name, err)
		}
		p.pattern = append(p.pattern, re)
	}
	var err error
	switch shape.Kind {
	case api.KindStructure:
		err = ps.addFields(p)
	case api.KindList:
		p.elem, err = ps.newPlan(shape.Elem, typ.Elem())
	case api.KindMap:
		if p.key, err = ps.newPlan(shape.Key, typ.Key()); err == nil {
			p.elem, err = ps.newPlan(shape.Elem, typ.Elem())
		}
	}
	return p, err
}

func (ps *Plans) addFields(p *plan) error {
	p.byName = make(map[string]*field, len(p.shape.Fields))
	for i := range p.shape.Fields {
		rule := &p.shape.Fields[i]
		sf, ok := p.typ.FieldByName(rule.Go)
		if !ok {
			return fmt.Errorf("restjson: %s has no field %s", p.typ, rule.Go)
		}
		typ := sf.Type
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		sub, err := ps.newPlan(rule.Shape, typ)
		if err != nil {
			return err
		}
		f := &field{rule: rule, index: sf.Index[0], plan: sub, display: strings.ToLower(rule.Name[:1]) + rule.Name[1:]}
		p.fields = append(p.fields, f)
		if rule.In == api.InBody {
			p.byName[rule.Name] = f
		}
	}
	return nil
}

func (ps *Plans) compile(re2 string) (*regexp.Regexp, error) {
	if re, ok := ps.patterns.Load(re2); ok {
		return re.(*regexp.Regexp), nil
	}
	re, err := regexp.Compile(re2)
	if err != nil {
		return nil, err
	}
	ps.patterns.Store(re2, re)
	return re, nil
}
