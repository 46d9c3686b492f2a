package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rule is a shape with everything that it refers to resolved, so that two
// services' rules can be compared and joined.
type rule struct {
	Name      string
	Type      string
	Min, Max  *float64
	Patterns  [][2]string // source and re2; any of them will do
	Also      string
	Enum      []string
	Sensitive bool
	Quota     string
	Fields    []*ruleField
	Elem, Key *rule
}

type ruleField struct {
	Name, In, Wire, Time       string
	Required, Token, Sensitive bool
	Rule                       *rule
}

// quotas marks the bounds that are quotas (meetings spec section 12).
var quotas = map[string]string{
	"CreateMeetingWithAttendeesRequestItemList": "QuotaMeetingAttendees",
	"CreateAttendeeRequestItemList":             "QuotaBatchAttendees",
	"AttendeeIdsList":                           "QuotaExceptAttendees",
	"AttendeeMax":                               "QuotaMaxCount",
}

var also = map[string]string{
	"":                                 "",
	"no character four times in a row": "NoFourInARow",
	"must not start with xn-- nor end with -s3alias": "NotReservedNames",
}

func (m *model) rule(name string) *rule {
	sh := m.Shapes.by[name]
	r := &rule{Name: name, Type: sh.Type, Min: sh.Min, Max: sh.Max, Enum: sh.Enum, Sensitive: sh.Sensitive, Quota: quotas[name]}
	if sh.Pattern != "" {
		r.Patterns = [][2]string{{sh.Pattern, sh.RE2}}
	}
	if sh.AlsoRequires != "" {
		if r.Also = also[sh.AlsoRequires]; r.Also == "" {
			panic("no rule for: " + sh.AlsoRequires)
		}
	}
	for _, n := range sh.Members.names {
		mem := sh.Members.by[n]
		r.Fields = append(r.Fields, &ruleField{Name: n, In: mem.In, Wire: mem.Name, Time: mem.Wire, Required: mem.Required,
			Token: mem.IdempotencyToken, Sensitive: mem.Sensitive, Rule: m.rule(mem.Shape)})
	}
	for _, part := range []*member{sh.Member, sh.Value} {
		if part != nil {
			r.Elem = m.rule(part.Shape)
		}
	}
	if sh.Key != nil {
		r.Key = m.rule(sh.Key.Shape)
	}
	return r
}

// looser joins two rules into one that accepts what either accepts.
func looser(a, b *rule) *rule {
	if a == nil || b == nil {
		return nil
	}
	r := *a
	if r.Min = nil; a.Min != nil && b.Min != nil {
		r.Min = new(min(*a.Min, *b.Min))
	}
	if r.Max = nil; a.Max != nil && b.Max != nil {
		r.Max = new(max(*a.Max, *b.Max))
	}
	r.Patterns = nil
	if len(a.Patterns) > 0 && len(b.Patterns) > 0 {
		r.Patterns = slices.Clone(a.Patterns)
		for _, p := range b.Patterns {
			if !slices.Contains(r.Patterns, p) {
				r.Patterns = append(r.Patterns, p)
			}
		}
	}
	if a.Also != b.Also {
		r.Also = ""
	}
	r.Enum = nil
	if len(a.Enum) > 0 && len(b.Enum) > 0 {
		r.Enum = slices.Clone(a.Enum)
		for _, v := range b.Enum {
			if !slices.Contains(r.Enum, v) {
				r.Enum = append(r.Enum, v)
			}
		}
	}
	r.Sensitive = a.Sensitive || b.Sensitive
	if a.Quota != b.Quota {
		r.Quota = a.Quota + b.Quota // one of them is empty
	}
	r.Fields = looserFields(a.Fields, b.Fields)
	r.Elem, r.Key = looser(a.Elem, b.Elem), looser(a.Key, b.Key)
	return &r
}

func looserFields(a, b []*ruleField) []*ruleField {
	var fields []*ruleField
	find := func(fs []*ruleField, name string) *ruleField {
		i := slices.IndexFunc(fs, func(f *ruleField) bool { return f.Name == name })
		if i < 0 {
			return nil
		}
		return fs[i]
	}
	for _, fa := range a {
		f := *fa
		if fb := find(b, f.Name); fb == nil {
			f.Required = false
		} else {
			f.Required = fa.Required && fb.Required
			f.Sensitive = fa.Sensitive || fb.Sensitive
			f.Rule = looser(fa.Rule, fb.Rule)
		}
		fields = append(fields, &f)
	}
	for _, fb := range b {
		if find(a, fb.Name) == nil {
			f := *fb
			f.Required = false
			fields = append(fields, &f)
		}
	}
	return fields
}

// ruleSet gives equal rules one variable.
type ruleSet struct {
	byKey    map[string]string // JSON of the rule -> variable
	taken    map[string]bool
	patterns map[string]string
	vars     []string
}

func (s *ruleSet) variable(prefix, name string) string {
	v := prefix + exported(name)
	for i := 2; s.taken[v]; i++ {
		v = prefix + exported(name) + "_" + strconv.Itoa(i)
	}
	s.taken[v] = true
	return v
}

// ref returns an expression for a pointer to the rule's variable.
func (s *ruleSet) ref(r *rule) string {
	if r == nil {
		return "nil"
	}
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	if v, ok := s.byKey[string(data)]; ok {
		return "&" + v
	}
	body := s.literal(r)
	v := s.variable("rule", r.Name)
	s.byKey[string(data)] = v
	s.vars = append(s.vars, fmt.Sprintf("var %s = Shape{%s}\n", v, body))
	return "&" + v
}

func (s *ruleSet) literal(r *rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Name: %q, Kind: Kind%s", r.Name, exported(r.Type))
	if r.Sensitive {
		b.WriteString(", Sensitive: true")
	}
	if r.Min != nil {
		fmt.Fprintf(&b, ", HasMin: true, Min: %v", *r.Min)
	}
	if r.Max != nil {
		fmt.Fprintf(&b, ", HasMax: true, Max: %v", *r.Max)
	}
	if r.Also != "" {
		fmt.Fprintf(&b, ", Also: %s", r.Also)
	}
	if r.Quota != "" {
		fmt.Fprintf(&b, ", Quota: %s", r.Quota)
	}
	if len(r.Patterns) > 0 {
		fmt.Fprintf(&b, ", Pattern: %s", s.pattern(r.Patterns))
	}
	if len(r.Enum) > 0 {
		fmt.Fprintf(&b, ", Enum: %#v", r.Enum)
	}
	if len(r.Fields) > 0 {
		b.WriteString(", Fields: []Field{\n")
		for _, f := range r.Fields {
			b.WriteString(s.field(f) + ",\n")
		}
		b.WriteString("}")
	}
	if r.Elem != nil {
		fmt.Fprintf(&b, ", Elem: %s", s.ref(r.Elem))
	}
	if r.Key != nil {
		fmt.Fprintf(&b, ", Key: %s", s.ref(r.Key))
	}
	return b.String()
}

func (s *ruleSet) field(f *ruleField) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{Name: %q, Go: %q", f.Name, exported(f.Name))
	if f.In != "body" {
		in := map[string]string{"uri": "InPath", "query": "InQuery", "header": "InHeader"}[f.In]
		fmt.Fprintf(&b, ", In: %s, Wire: %q", in, f.Wire)
	}
	if f.Time == "epoch-seconds" {
		b.WriteString(", Time: EpochSeconds")
	}
	if f.Required {
		b.WriteString(", Required: true")
	}
	if f.Token {
		b.WriteString(", Token: true")
	}
	if f.Sensitive {
		b.WriteString(", Sensitive: true")
	}
	fmt.Fprintf(&b, ", Shape: %s}", s.ref(f.Rule))
	return b.String()
}

func (s *ruleSet) pattern(alternatives [][2]string) string {
	key := fmt.Sprint(alternatives)
	if v, ok := s.patterns[key]; ok {
		return "&" + v
	}
	or := ""
	if len(alternatives) > 1 {
		or = ", Or: " + s.pattern(alternatives[1:])
	}
	v := "pattern" + strconv.Itoa(len(s.patterns)+1)
	s.patterns[key] = v
	s.vars = append(s.vars, fmt.Sprintf("var %s = Pattern{Source: %s, RE2: %s%s}\n", v, quote(alternatives[0][0]), quote(alternatives[0][1]), or))
	return "&" + v
}

func quote(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func (s *ruleSet) emit() string { return header + strings.Join(s.vars, "\n") }
